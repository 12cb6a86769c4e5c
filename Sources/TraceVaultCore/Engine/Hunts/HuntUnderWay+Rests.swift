// HuntUnderWay+Rests.swift - what a hunt does while quotas rest: requests are taken back, or go
// another way to the same account.

extension HuntUnderWay {
    /// The quota of a request under way rests until `time`. False when the request gives its place
    /// to others, or another way to its account is better.
    func rests(_ errand: HuntErrand, until time: Int64) -> Bool {
        if errand.isFirst, mayGoAnotherWay(from: errand.place.way) {
            var ways = restingWays[errand.place.account] ?? RestingWays(from: errand.place.way)
            let next = ways.next(rest: rest(errand.place.way, time), accounts)
            if next.way != errand.place.way { return false }
        }
        return turns.rests(errand)
    }

    private func rest(_ way: Int32, _ time: Int64) -> RestingWays.Rest {
        RestingWays.Rest(way: way, until: time, lifts: lifts)
    }

    private func mayGoAnotherWay(from way: Int32) -> Bool {
        accounts.other(than: way) != nil || restingWays[accounts.account(way)] != nil
    }

    /// A request goes out.
    func goes(_ errand: HuntErrand) { turns.goes(errand) }

    /// A request was taken back, after `ended`: it is made again when its quota rests no longer.
    func takeBack(_ errand: HuntErrand) {
        guard ended == nil else { return }
        let place = errand.place
        guard !errand.isFirst else {
            turns.tookBackAccount(of: errand.owner, until: errand.backAt)
            return goOn(way: place.way, restsUntil: errand.backAt)
        }
        place.rest = (errand.backAt, lifts)
        turns.add(.errand(errand), of: errand.owner, notBefore: errand.backAt)
    }

    /// An account whose search has not begun goes on by its best way.
    func goOn(way: Int32, restsUntil time: Int64) {
        var next = RestingWays.Next(way: way, notBefore: time)
        if mayGoAnotherWay(from: way) {
            let account = accounts.account(way)
            next = restingWays[account, default: RestingWays(from: way)]
                .next(rest: rest(way, time), accounts)
        }
        let owner = accounts.owner(next.way)
        if let time = next.notBefore {
            turns.add(.account(next.way), of: owner, notBefore: time)
        } else {
            turns.redirect(account: next.way, to: owner)
        }
    }

    func rests(_ place: HuntPlace, _ now: Int64) -> Bool {
        place.rest.until > now && place.rest.lifts == lifts
    }

    /// When what rests is looked at again; nil: nothing rests.
    var wake: Int64? { turns.wake }

    /// Has what rests no longer asked for again; without a time all that rests.
    func lookAgain(now: Int64?) {
        if now == nil { lifts += 1 }
        turns.comeBack(now: now)
    }

    /// Where an account goes on whose search has failed; nil when no other way is left.
    func wayAfterFailure(of place: HuntPlace) -> RestingWays.Next? {
        guard mayGoAnotherWay(from: place.way) else { return nil }
        var ways = restingWays[place.account] ?? RestingWays(from: place.way)
        defer { restingWays[place.account] = ways.isEmpty ? nil : ways }
        return ways.next(failed: place.way, lifts: lifts, accounts)
    }
}
