// VaultLookoutTests.swift - looks are made by threads of the library, so no store holds anybody up.
//
// A call that waited for a store that hangs would hang the test.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// A store of other processes, whose looks hang when the test wants it.
private final class HangingStore: Store {
    private struct State {
        var isHanging = false
        /// The next look keeps its answer to itself, and whether one does.
        var holdsNext = false
        var isHolding = false
        var hung = 0
        var looks = 0
        var reads = 0
    }

    private let real = MemoryStore()
    private let state = Lock(State())

    func hang() { state.withLock { $0.isHanging = true } }
    /// The next look hangs with its answer in hand, as in a process that is stopped there.
    func holdNextAnswer() { state.withLock { ($0.holdsNext, $0.isHolding) = (true, true) } }
    func goOn() { state.withLock { ($0.isHanging, $0.isHolding) = (false, false) } }
    /// How many look and do not come back.
    var hung: Int { state.withLock { $0.hung } }

    /// How often it was looked at, and how often its bytes were read.
    var looks: Int { state.withLock { $0.looks } }
    var reads: Int { state.withLock { $0.reads } }

    func revision() throws(Failure) -> Revision {
        let isHeld = state.withLock { state in
            defer { state.holdsNext = false }
            state.hung += 1
            state.looks += 1
            return state.holdsNext
        }
        defer { state.withLock { $0.hung -= 1 } }
        let early = try real.revision()
        while state.withLock({ $0.isHanging || isHeld && $0.isHolding }) { usleep(1000) }
        return isHeld ? early : try real.revision()
    }

    func read() throws(Failure) -> ByteBuffer {
        state.withLock { $0.reads += 1 }
        return try real.read()
    }

    /// Puts other bytes there, as another process would.
    func put(_ bytes: ByteBuffer) throws {
        #expect(try real.replace(bytes, ifRevision: real.revision(), keeping: nil))
    }
    func create(_ bytes: ByteBuffer) throws(Failure) { try real.create(bytes) }
    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try real.lease(timeoutMs: timeoutMs)
    }
    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        try real.replace(bytes, ifRevision: expected, keeping: previous)
    }
}

/// What is looked at: its first look has its answer at once, and reads it for long.
private final class SlowReading: Watched {
    private let state = Lock((isHeld: true, ended: 0))

    func goOn() { state.withLock { $0.isHeld = false } }
    /// How many looks have ended.
    var ended: Int { state.withLock { $0.ended } }

    func errand() -> ((_ hasCome: () -> Void) -> Bool)? {
        return { [self] hasCome in
            hasCome()
            while state.withLock({ $0.isHeld }) { usleep(1000) }
            state.withLock { $0.ended += 1 }
            return true
        }
    }
}

@Suite struct VaultLookoutTests {
    private let lookout = Lookout()
    private let unlock: UnlockSecret

    init() throws { unlock = try Fake.key() }

    /// A vault in use and its store.
    private struct InUse {
        let store = HangingStore()
        var vault: Vault?
        let acme: Tenant

        init(_ lookout: Lookout, _ unlock: UnlockSecret, maxStaleMs: Int64 = 900_000) throws {
            var settings = Fake.settings
            settings.refreshMs = 1
            settings.maxStaleMs = maxStaleMs
            let made = try Vault.create(
                in: store, unlock: unlock, settings: settings, lookout: lookout)
            try made.put(Fake.token1)
            vault = made
            acme = try made.tenant(named: "acme")
        }

        /// Uses it until a look hangs.
        func hang() throws {
            store.hang()
            while store.hung == 0 {
                _ = try acme.look()
                usleep(1000)
            }
        }
    }

    private func inUse(maxStaleMs: Int64 = 900_000) throws -> InUse {
        try InUse(lookout, unlock, maxStaleMs: maxStaleMs)
    }

    /// Changes the stored bytes as another process would.
    private func rotate(_ world: InUse) throws {
        try Vault.open(in: world.store, unlock: unlock, settings: Fake.settings, lookout: Lookout())
            .put(Fake.token2)
    }

    private func waitFor(_ holds: () throws -> Bool) rethrows {
        while try !holds() { usleep(1000) }
    }

    @Test func aStoreThatHangsHoldsUpNobodyAndIsTold() throws {
        let world = try inUse()
        try world.hang()
        for _ in 0..<1000 { #expect(try world.acme.header(nil).hasSuffix(Fake.token1)) }
        #expect(try world.vault?.list().text.contains(Fake.account1) == true)
        #expect(world.vault?.generation == 2)
        waitFor { world.vault?.following.trouble(nowMs: Vault.bootMs) != nil }
        let told = try #require(world.vault?.following.trouble(nowMs: Vault.bootMs))
        #expect(told.failure.message.contains("does not come back"))
        world.store.goOn()
        waitFor { world.vault?.following.trouble(nowMs: Vault.bootMs) == nil }
    }

    @Test func whileOneStoreHangsOthersAreFollowed() throws {
        let (hanging, sound) = (try inUse(), try inUse())
        try hanging.hang()
        try rotate(sound)
        try waitFor { try sound.acme.header(nil).hasSuffix(Fake.token2) }
        #expect(lookout.threadCount == 2)
        hanging.store.goOn()
        try rotate(hanging)
        try waitFor { try hanging.acme.header(nil).hasSuffix(Fake.token2) }
        // One of them is enough again.
        waitFor { lookout.threadCount == 1 }
    }

    @Test func aVaultThatNobodyLooksAtAnyMoreGoesStale() throws {
        let hanging = try (0..<8).map { _ in try inUse() }
        for world in hanging { try world.hang() }
        let last = try inUse(maxStaleMs: 1)
        waitFor { status { _ = try last.acme.look() } == .stale }
        let failure = #expect(throws: Failure.self) { try last.acme.look() }
        #expect(failure?.message.contains("nobody looks") == true)
        #expect(failure?.retriable == true)
        for world in hanging { world.store.goOn() }
        waitFor { status { _ = try last.acme.look() } == nil }
    }

    /// Each has a thread, though none is free.
    @Test func aVaultWhoseLookIsUnderWayIsNotOneThatNobodyLooksAt() throws {
        let hanging = try (0..<8).map { _ in try inUse() }
        for world in hanging { try world.hang() }
        for world in hanging {
            let watch = try #require(world.vault?.watch)
            #expect(lookout.hasten(watch))
        }
        for world in hanging { world.store.goOn() }
    }

    @Test func threadsBeginWithTheFirstUseThatNeedsThemAndEndWithTheLastVault() throws {
        var (first, second) = (try inUse(), try inUse())
        #expect(lookout.threadCount == 0)
        try rotate(first)
        try waitFor { try first.acme.header(nil).hasSuffix(Fake.token2) }
        #expect(lookout.threadCount == 1)
        first.vault = nil
        #expect(lookout.threadCount == 1)
        second.vault = nil
        #expect(lookout.threadCount == 0)
        let third = try inUse()
        try rotate(third)
        try waitFor { try third.acme.header(nil).hasSuffix(Fake.token2) }
    }

    /// A server is asked in time, also where nobody uses the vault at that moment.
    @Test func theThreadForAServerBeginsWithTheVault() {
        let (ofFile, ofServer) = (SlowReading(), SlowReading())
        lookout.add(ofFile, Watch(everyMs: 1, nowMs: Vault.bootMs))
        #expect(lookout.threadCount == 0)
        ofServer.goOn()
        lookout.add(ofServer, Watch(everyMs: 600_000, isRemote: true, nowMs: Vault.bootMs))
        #expect(lookout.threadCount == 1)
        ofFile.goOn()
        lookout.add(ofServer, Watch(everyMs: 1, isRemote: true, nowMs: Vault.bootMs))
        waitFor { ofServer.ended > 0 }
        for target in [ofFile, ofServer] { lookout.remove(target) }
        #expect(lookout.threadCount == 0)
    }

    /// Closing a vault, or locking it, waits for no look and leaves no key in one.
    @Test(arguments: [true, false])
    func whoClosesOrLocksAVaultWhoseLookHangsIsNotHeldUp(closes: Bool) throws {
        var world = try inUse()
        try world.hang()
        weak let keys = try world.vault?.current().keys
        #expect(keys != nil)
        if closes { world.vault = nil } else { world.vault?.lock() }
        #expect(keys == nil)
        world.store.goOn()
        waitFor { world.store.hung == 0 }
        if let vault = world.vault {
            try vault.unlock(unlock)
            #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        }
    }

    /// A commit in this process while a look is under way: what the look brings is older.
    @Test func whatALookBringsTooLateHarmsNothing() throws {
        let world = try inUse()
        for round in 0..<200 {
            let token = round.isMultiple(of: 2) ? Fake.token2 : Fake.token1
            try world.vault?.put(token)
            #expect(try world.acme.header(nil).hasSuffix(token))
            #expect(world.vault?.following.trouble(nowMs: Vault.bootMs) == nil)
        }
    }

    /// Another process has changed it once more since: what the look brought is not known.
    @Test func bytesThatAreNotTakenInDoNotCountAsLookedAt() throws {
        let store = MemoryStore()
        let shared = HangingStore()
        var settings = Fake.settings
        settings.refreshMs = 600_000
        let vault = try Vault.create(
            in: shared, unlock: unlock, settings: settings, lookout: lookout)
        try vault.put(Fake.token1)
        let watch = try #require(vault.watch)
        let look = try #require(vault.look())
        try vault.put(Fake.token2)
        // What the look brings is known: by this vault's own commit.
        try vault.takeIn(FoundBytes(bytes: try shared.read(), seen: nil), of: look)
        #expect(!watch.isLate(nowMs: Vault.bootMs))
        try store.create(try shared.read())
        try Vault.open(in: store, unlock: unlock, settings: Fake.settings).put(Fake.token1)
        try vault.takeIn(FoundBytes(bytes: try store.read(), seen: nil), of: look)
        #expect(watch.isLate(nowMs: Vault.bootMs))
    }

    @Test func aProcessThatWasStoppedLooksBeforeItLends() throws {
        let world = try inUse()
        try rotate(world)
        // Long after the look was due, with no thread there: the state of a process that wakes up.
        let watch = try #require(world.vault?.watch)
        waitFor { watch.use(nowMs: Vault.bootMs) }
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
    }

    /// The store was asked before the process was stopped: what it said is as old as that.
    @Test func whatALookSaidBeforeTheProcessWasStoppedIsNotBelieved() throws {
        let world = try inUse()
        world.store.holdNextAnswer()
        while world.store.hung == 0 {
            _ = try world.acme.look()
            usleep(1000)
        }
        let usedMs = Vault.bootMs
        try rotate(world)
        waitFor { Vault.bootMs - usedMs >= 1000 }
        // It wakes up: the look goes on, and somebody uses the vault.
        world.store.goOn()
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
    }

    /// A large vault that was rekeyed would else be read again twice a second.
    @Test func whatCannotBeUsedIsReadEverMoreSeldomAndWhatComesInItsPlaceAtOnce() throws {
        let world = try inUse()
        let (rekeyed, later) = (try copy(world), try copy(world))
        let edit = rekeyed.vault.edit()
        try edit.rekey(try Fake.key(9))
        try edit.commit()
        try later.vault.put(Fake.token2)
        try world.store.put(try rekeyed.store.read())
        try waitFor {
            _ = try world.acme.look()
            return world.vault?.following.trouble(nowMs: Vault.bootMs)?.failure.status == .unlock
        }
        let (looks, reads) = (world.store.looks, world.store.reads)
        try waitFor {
            _ = try world.acme.look()
            return world.store.looks - looks >= 200
        }
        #expect(world.store.reads - reads < 50)
        try world.store.put(try later.store.read())
        try waitFor {
            _ = try world.acme.look()
            return world.vault?.following.trouble(nowMs: Vault.bootMs)?.failure.status == .rollback
        }
    }

    /// The same vault in a store of its own.
    private func copy(_ world: InUse) throws -> (store: MemoryStore, vault: Vault) {
        let store = MemoryStore()
        try store.create(try world.store.read())
        return (store, try Vault.open(in: store, unlock: unlock, settings: Fake.settings))
    }

    /// A store may hang, so its bytes are not waited for for long. What is in them is known soon.
    @Test func aLookWhoseBytesHaveComeIsWaitedFor() throws {
        let world = try inUse()
        let other = try Vault.open(
            in: world.store, unlock: unlock, settings: Fake.settings, lookout: Lookout())
        let edit = other.edit()
        try edit.put("acme", Fake.account1, token: Fake.token2)
        for number in 0..<12_000 {
            let digits = String(number, radix: 16)
            let account = String(repeating: "f", count: 32 - digits.utf8.count) + digits
            try edit.put("many", account, token: Fake.token1)
        }
        try edit.commit()
        let watch = try #require(world.vault?.watch)
        waitFor { watch.isOverdue(nowMs: Vault.bootMs) }
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
    }

    /// Whoever waits for it has one more look made.
    @Test func whatIsOutOfDateWhenItHasBeenReadIsNotUsed() throws {
        let target = SlowReading()
        let watch = Watch(everyMs: 1, nowMs: Vault.bootMs)
        lookout.add(target, watch)
        defer { lookout.remove(target) }
        waitFor { watch.isLate(nowMs: Vault.bootMs) }
        try inParallel(2) { [lookout] thread in
            guard thread == 0 else {
                // Until the look that is held has begun.
                repeat { _ = lookout.hasten(watch) } while target.ended == 0
                #expect(target.ended >= 2)
                return
            }
            while !watch.isReading { usleep(1000) }
            let readMs = Vault.bootMs
            while Vault.bootMs - readMs < 1100 { usleep(1000) }
            target.goOn()
        }
    }

    @Test func whatIsBeingReadIsWaitedForAndAStoreThatHangsIsNot() {
        let watch = Watch(everyMs: 500, nowMs: 0)
        // Nobody has looked for long, as after a stop: a moment for the store, and no more.
        watch.begin(nowMs: 9000)
        #expect(watch.use(nowMs: 9000) && watch.isOverdue(nowMs: 9199))
        #expect(!watch.isOverdue(nowMs: 9200))
        watch.read()
        #expect(watch.isOverdue(nowMs: 60_000))
        watch.end(nowMs: 60_000, hasFound: true)
        // It says what was there when it was asked for.
        #expect(watch.isOverdue(nowMs: 60_000))
        watch.begin(nowMs: 60_000)
        watch.end(nowMs: 60_001, hasFound: true)
        #expect(!watch.isOverdue(nowMs: 61_499) && watch.isOverdue(nowMs: 61_500))
        // One that began in time is waited for when what it brings is much to read.
        watch.begin(nowMs: 60_501)
        watch.read()
        #expect(!watch.isOverdue(nowMs: 61_499) && watch.isOverdue(nowMs: 61_500))
    }

    @Test(arguments: [true, false])
    func aChangeIsUsedWithinTwoSeconds(hasFound: Bool) {
        let settings = VaultSettings()
        let watch = Watch(everyMs: settings.refreshMs, nowMs: 1000)
        #expect(!watch.use(nowMs: 1000 + settings.refreshMs))
        #expect(watch.use(nowMs: 3000 - 500))
        // Also after looks that failed, or that found nothing new while nobody used it.
        var now: Int64 = 10_000
        for _ in 0..<12 {
            now += 60_000
            watch.begin(nowMs: now)
            watch.end(nowMs: now, hasFound: hasFound)
        }
        #expect(!watch.use(nowMs: now + settings.refreshMs))
        #expect(watch.use(nowMs: now + 2000 - 500))
    }

    @Test func aLookIsAsOldAsItsBeginning() {
        let watch = Watch(everyMs: 500, nowMs: 0)
        watch.begin(nowMs: 1000)
        #expect(!watch.use(nowMs: 1001))
        // The process was stopped meanwhile: the store is asked anew, and is waited for a moment.
        #expect(watch.use(nowMs: 3_600_000) && watch.use(nowMs: 3_600_199))
        #expect(!watch.use(nowMs: 3_600_200))
        for hasFound in [true, false] {
            watch.begin(nowMs: 3_600_000)
            watch.end(nowMs: 7_200_000, hasFound: hasFound)
            #expect(watch.use(nowMs: 7_200_000))
        }
    }

    @Test func whatIsOutOfDateBeforeALookHasEndedIsLookedAtAgain() throws {
        let watch = Watch(everyMs: 500, nowMs: 0)
        let arrived = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        try inParallel(2) { thread in
            var gates = 0
            func meet() {
                gates += 1
                arrived.add(1, ordering: .acquiringAndReleasing)
                while arrived.load(ordering: .acquiring) < 2 * gates { sched_yield() }
            }
            for round in 1...5000 as ClosedRange<Int64> {
                if thread == 0 { watch.begin(nowMs: 1000 * round) }
                meet()
                if thread == 0 {
                    watch.end(nowMs: 1000 * round + 1, hasFound: true)
                } else {
                    watch.expire(nowMs: 1000 * round + 1)
                }
                meet()
                if thread == 0, !watch.isLate(nowMs: 1000 * round + 1) {
                    missed.add(1, ordering: .relaxed)
                }
            }
        }
        #expect(missed.load(ordering: .relaxed) == 0)
    }

    /// How long the threads rest after each of some looks, one behind the other.
    private func rests(
        _ watch: Watch, _ count: Int, now: inout Int64, hasFound: Bool = true, isUsed: Bool = false
    ) throws -> [Int64] {
        try (0..<count).map { _ in
            if isUsed { _ = watch.use(nowMs: now) }
            watch.begin(nowMs: now)
            watch.end(nowMs: now, hasFound: hasFound)
            let rest = try #require(watch.due) - now
            now += rest
            return rest
        }
    }

    @Test func whatNobodyUsesIsLookedAtEverMoreSeldom() throws {
        let watch = Watch(everyMs: 500, nowMs: 0)
        var now: Int64 = 500
        let idle = try rests(watch, 12, now: &now)
        #expect((437...500).contains(idle[0]) && (52_500...60_000).contains(idle[11]))
        #expect(zip(idle.prefix(7), idle.dropFirst()).allSatisfy { $0 < $1 })
        // Whoever uses it then has a look made first, and it is looked at as often as before.
        #expect(watch.use(nowMs: now))
        let used = try rests(watch, 12, now: &now, isUsed: true)
        #expect(used.allSatisfy { (437...500).contains($0) } && Set(used).count > 1)
        #expect(!watch.use(nowMs: now) && watch.use(nowMs: now + 1500))
    }

    @Test func aFileThatIsInUseIsLookedAtAsOftenThoughItCannotBeRead() throws {
        let watch = Watch(everyMs: 500, nowMs: 0)
        var now: Int64 = 500
        let failing = try rests(watch, 12, now: &now, hasFound: false, isUsed: true)
        #expect(failing.allSatisfy { (437...500).contains($0) })
        let idle = try rests(watch, 12, now: &now, hasFound: false)
        #expect((52_500...60_000).contains(idle[11]))
    }

    @Test func whoWaitsForALookHasItMadeAtOnce() {
        let watch = Watch(everyMs: 60_000, nowMs: 0)
        watch.hasten(nowMs: 100)
        #expect(watch.due == 100)
        watch.begin(nowMs: 150)
        watch.hasten(nowMs: 200)
        #expect(watch.due == nil)
    }
}

extension Vault {
    fileprivate func put(_ token: String) throws {
        let edit = edit()
        try edit.put("acme", Fake.account1, token: token)
        try edit.commit()
    }
}
