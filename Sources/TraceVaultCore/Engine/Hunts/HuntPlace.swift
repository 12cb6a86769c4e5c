// HuntPlace.swift - one account while a hunt asks it, and what is known of it so far.

/// The engine's thread's alone.
final class HuntPlace {
    /// Through which tenant it is asked.
    private(set) var way: Int32
    private(set) var tenant: Tenant
    /// That tenant's place among those of the hunt.
    private(set) var owner: Int32
    let account: AccountID
    private(set) var label: String
    /// Requests that are not answered, and messages that are not told.
    var open = 1
    /// Something could not be asked.
    var hasFailed = false
    /// Its quota rests until then, unless rests were lifted more often meanwhile.
    var rest: (until: Int64, lifts: Int) = (0, 0)
    /// The messages that were found, and the cursors that were followed.
    private var messages: Set<Fingerprint> = []
    private var cursors: Set<Fingerprint> = []
    /// Searches in a row that brought nothing new.
    private(set) var emptySearches = 0

    /// No further search is made after so many in a row without anything new.
    private static let mostEmpty = 5

    init(_ way: Int32, of accounts: HuntAccounts) {
        self.way = way
        owner = accounts.owner(way)
        tenant = accounts.tenant(owner)
        account = accounts.account(way)
        label = Self.label(account, tenant)
    }

    /// Goes through another tenant that has the account.
    func use(_ way: Int32, of accounts: HuntAccounts) {
        self.way = way
        owner = accounts.owner(way)
        tenant = accounts.tenant(owner)
        label = Self.label(account, tenant)
        cursors = []
        emptySearches = 0
        rest = (0, 0)
    }

    /// No search of it was answered, and one request at most is open.
    var isUntouched: Bool { open == 1 && found == 0 && emptySearches == 0 && !hasFailed }

    private static func label(_ account: AccountID, _ tenant: Tenant) -> String {
        (try? tenant.look())?.label(of: account) ?? ""
    }

    var found: Int { messages.count }

    /// Notes a message; false when it was found before.
    func isNew(_ message: RawSpan) -> Bool { messages.insert(Fingerprint(message)).inserted }

    /// Notes a search that was answered with so many new messages.
    func searched(new: Int) { emptySearches = new > 0 ? 0 : emptySearches + 1 }

    /// Whether a search may go on from here: never twice, and not on and on without anything new.
    func mayFollow(_ cursor: String) -> Bool {
        guard emptySearches < Self.mostEmpty else { return false }
        return unsafe Array(cursor.utf8).withUnsafeBytes { bytes in
            cursors.insert(Fingerprint(unsafe RawSpan(_unsafeBytes: bytes))).inserted
        }
    }
}
