// TrustStoreTests.swift - files of certificate authorities that change, and what is made under them.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct TrustStoreTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A look of the lookout's thread, and what the engine makes of it.
    private func look(_ store: TrustStore, atS seconds: Int64) -> Result<UInt64, Failure> {
        store.examine(nowUs: seconds * 1_000_000)
        return Result { () throws(Failure) in try store.look(nowUs: seconds * 1_000_000) }
    }

    @Test func aFileThatIsGoneIsToldAndOneThatIsBackIsUsed() throws {
        try scratch.write(Array("authorities".utf8))
        let store = try TrustStore(scratch.vault, .caFile, nowUs: 0, lookout: Lookout())
        let first = try look(store, atS: 1).get()
        unsafe unlink(scratch.vault)
        // It may be on its way.
        for second in 2...6 { #expect(try look(store, atS: Int64(second)).get() == first) }
        for second in [7, 8, 100_000] {
            let failure = #expect(throws: Failure.self) {
                try look(store, atS: Int64(second)).get()
            }
            #expect(failure?.status == .tls)
            #expect(failure?.message.contains("gone") == true)
        }
        try scratch.write(Array("authorities".utf8))
        let second = try look(store, atS: 100_001).get()
        #expect(second != first)
        // What was read before is not trusted any more.
        #expect(store.keepSeconds(nowUs: 100_001_000_000) == 0)
        #expect(try look(store, atS: 100_002).get() == second)
    }

    /// As an object store does, which a thread of the lookout may be asking.
    @Test func whoMayWaitForAFileSystemSeesAChangeWithoutAnotherThread() throws {
        try scratch.write(Array("authorities".utf8))
        let store = try TrustStore(scratch.vault, .caFile, nowUs: 0, lookout: nil)
        let first = try store.look(nowUs: 0)
        try scratch.write(Array("others".utf8))
        while try store.look(nowUs: 1_000_000) == first { usleep(1000) }
        #expect(store.keepSeconds(nowUs: 3_000_000) == 2)
    }

    /// What was resumed would let in a server whose authority is not trusted any more.
    @Test func aChangeCountsUntilThereAreNewSessions() throws {
        try scratch.write(Array("authorities".utf8))
        let proxys = try Scratch()
        try proxys.write(Array("of the proxy".utf8))
        let trust = try TrustStore(scratch.vault, .caFile, nowUs: 0, lookout: Lookout())
        let proxyTrust = try TrustStore(proxys.vault, .proxyCAFile, nowUs: 0, lookout: Lookout())
        let watch = UnsafeMutablePointer<tvs_curl_watch>.allocate(capacity: 1)
        unsafe watch.initialize(to: tvs_curl_watch())
        defer { unsafe watch.deallocate() }
        var line = unsafe CurlLine(
            settings: try TransportSettings(Config()), options: [], watch: watch,
            sessions: try CurlSessions(under: [], haveConnections: false),
            ownSessions: try CurlSessions(under: [], haveConnections: true), trust: trust,
            room: ReplyRoom(1 << 20),
            proxyTrust: proxyTrust)
        func renew(atS seconds: Int64) throws -> ObjectIdentifier {
            trust.examine(nowUs: seconds * 1_000_000)
            proxyTrust.examine(nowUs: seconds * 1_000_000)
            try line.renewSessions(seconds * 1_000_000)
            return ObjectIdentifier(line.sessions)
        }
        _ = try renew(atS: 1)
        let old = line.sessions
        #expect(try renew(atS: 2) == ObjectIdentifier(old))
        // The proxy's is gone for a while, and meanwhile the other is another one.
        let hidden = proxys.path + ".hidden"
        try #require(unsafe rename(proxys.path, hidden) == 0)
        #expect(try renew(atS: 3) == ObjectIdentifier(old))
        try scratch.write(Array("other authorities".utf8))
        #expect(status { _ = try renew(atS: 9) } == .tls)
        try #require(unsafe rename(hidden, proxys.path) == 0)
        #expect(try renew(atS: 11) != ObjectIdentifier(old))
    }
}
