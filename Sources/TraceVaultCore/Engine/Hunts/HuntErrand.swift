// HuntErrand.swift - what a request of a hunt is for.

/// The engine's thread's alone.
final class HuntErrand {
    let hunt: HuntUnderWay
    let place: HuntPlace
    let request: Request
    /// Through whom it is asked.
    let owner: Int32
    let tenant: TenantKey
    /// The message whose trace is asked for; nil: the account is searched.
    let message: FoundMessage?
    /// Where that search goes on.
    let cursor: String?
    /// It waits for a quota that rests, as was said until then.
    var isResting = false
    var restsUntil: Int64 = 0
    /// Others of the hunt have its place in the window until then; 0: it has it itself.
    var backAt: Int64 = 0
    /// What its page counts for in the room of searches.
    var expects = 0

    init(
        _ hunt: HuntUnderWay, _ place: HuntPlace, _ request: Request, message: FoundMessage? = nil,
        cursor: String? = nil
    ) {
        self.hunt = hunt
        self.place = place
        self.request = request
        owner = place.owner
        tenant = place.tenant.key
        self.message = message
        self.cursor = cursor
    }

    /// Nothing is lost if the account is begun anew in its stead.
    var isFirst: Bool { message == nil && cursor == nil && place.isUntouched }
}
