// HuntLoadsTests.swift - how many hunts there may be, whose, and when one goes on.

import Testing

@testable import TraceVaultCore

@Suite struct HuntLoadsTests {
    private let acme: TenantKey
    private let globex: TenantKey

    init() throws { (acme, globex) = try HuntSupport.keys() }

    /// The loads where a test can ask them in the midst of an expectation.
    private final class Desk {
        var loads = HuntLoads()

        private func result(_ kind: RequestResult.Kind, _ id: JobID) -> RequestResult {
            RequestResult(id: id, tag: 0, kind: kind, failure: nil, document: Document(raw: nil))
        }

        func takes(_ kind: RequestResult.Kind, of id: JobID) -> Bool {
            loads.taken(result(kind, id))
        }

        func givesBack(_ kind: RequestResult.Kind, of id: JobID) {
            loads.givenBack(result(kind, id))
        }

        func mayGoOn(_ id: JobID, underWay: Int) -> Bool {
            loads.mayGoOn(id, underWay: underWay, window: 4)
        }
    }

    private let desk = Desk()

    @Test func aTenantHasAShareOfTheHuntsAndTheEndThatIsTakenMakesRoom() {
        var id: JobID = 0
        while desk.loads.refusal([acme]) == nil {
            id += 1
            desk.loads.begin(id, for: [acme])
        }
        #expect(id == 16)
        #expect(desk.loads.refusal([globex, acme]) != nil)
        #expect(desk.loads.refusal([globex]) == nil)
        #expect(!desk.takes(.hunt, of: 1))
        #expect(desk.loads.refusal([acme]) == nil)
        // What could not be handed over takes its room again.
        desk.givesBack(.hunt, of: 1)
        #expect(desk.loads.refusal([globex]) == nil)
        for more in 17..<33 as Range<JobID> { desk.loads.begin(more, for: []) }
        #expect(desk.loads.refusal([]) != nil)
    }

    @Test func aHuntWaitsAtItsWindowAndGoesOnWhenHalfOfItIsTaken() {
        desk.loads.begin(1, for: [acme])
        #expect(desk.mayGoOn(1, underWay: 3))
        for _ in 0..<4 { desk.loads.told(1, .finding) }
        #expect(!desk.mayGoOn(1, underWay: 0))
        #expect(!desk.takes(.finding, of: 1))
        #expect(desk.takes(.finding, of: 1))
        // It was told once.
        #expect(!desk.takes(.finding, of: 1))
        #expect(desk.mayGoOn(1, underWay: 2))
        #expect(!desk.mayGoOn(1, underWay: 3))
        desk.givesBack(.finding, of: 1)
        #expect(!desk.mayGoOn(1, underWay: 2))
    }

    @Test func progressIsToldAgainWhenTheLastOneIsTaken() {
        desk.loads.begin(1, for: [acme])
        #expect(desk.loads.wantsProgress(1))
        desk.loads.told(1, .progress)
        #expect(!desk.loads.wantsProgress(1))
        #expect(desk.takes(.progress, of: 1))
        #expect(desk.loads.wantsProgress(1))
        #expect(!desk.loads.wantsProgress(2))
    }
}
