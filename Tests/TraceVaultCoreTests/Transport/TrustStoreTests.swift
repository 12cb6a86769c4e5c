// TrustStoreTests.swift - files of certificate authorities that change, and what is made under them.

import CCurl
import CSystem
import Foundation
import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct TrustStoreTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static let usual = "/etc/ssl/certs/ca-certificates.crt"

    /// One of the system's authorities.
    private func authority(_ place: Int) throws -> [UInt8] {
        let end = "-----END CERTIFICATE-----\n"
        let all = try String(contentsOfFile: Self.usual, encoding: .utf8)
        return Array((all.components(separatedBy: end)[place] + end).utf8)
    }

    /// A look of the lookout's thread, and what the engine makes of it.
    private func look(_ store: TrustStore, atS seconds: Int64) -> Result<Authorities, Failure> {
        store.examine(nowUs: seconds * 1_000_000)
        return Result { () throws(Failure) in try store.look(nowUs: seconds * 1_000_000) }
    }

    @Test func aFileThatIsGoneIsToldAndOneThatIsBackIsUsed() throws {
        try scratch.write(authority(0))
        let store = try TrustStore(
            SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: Lookout())
        let first = try look(store, atS: 1).get()
        unsafe unlink(scratch.vault)
        // It may be on its way.
        for second in 2...6 { #expect(try look(store, atS: Int64(second)).get() === first) }
        for second in [7, 8, 100_000] {
            let failure = #expect(throws: Failure.self) {
                try look(store, atS: Int64(second)).get()
            }
            #expect(failure?.status == .tls)
            #expect(failure?.message.contains("gone") == true)
        }
        try scratch.write(authority(1))
        let second = try look(store, atS: 100_001).get()
        #expect(second !== first)
        #expect(try look(store, atS: 100_002).get() === second)
    }

    /// Until then a file system may hang; from then on only this process computes.
    @Test func whatIsNewIsToldOnceItHasComeAndCountsWhenItIsRead() throws {
        try scratch.write(authority(0))
        let store = try TrustStore(
            SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: Lookout())
        let first = try store.look(nowUs: 0)
        try scratch.write(authority(1))
        var times = 0
        func errand() throws -> Bool {
            let errand = try #require(store.errand())
            return errand {
                times += 1
                #expect((try? store.look(nowUs: 0)) === first)
            }
        }
        #expect(try errand() && times == 1)
        let second = try store.look(nowUs: 0)
        #expect(second !== first)
        // Nothing has come.
        #expect(try errand() && times == 1)
        #expect(try store.look(nowUs: 0) === second)
    }

    /// There may have been no memory for it.
    @Test func whatCouldNotBeUsedIsReadAgainNowAndThenAndIsTheSameNothing() throws {
        try scratch.write(Array("no authority".utf8))
        let store = try TrustStore(
            SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: Lookout())
        let nothing = try store.look(nowUs: 0)
        for second in [0, 9, 10, 11, 19, 20] {
            let isDue = second == 10 || second == 20
            #expect(store.triesAgain(nowUs: Int64(second) * 1_000_000) == isDue)
            #expect(try look(store, atS: Int64(second)).get() === nothing)
        }
        try scratch.write(authority(0))
        #expect(try unsafe look(store, atS: 21).get().store != nil)
        #expect(!store.triesAgain(nowUs: 100_000_000))
    }

    /// Else connections that are being made, and sessions, would end with each touch.
    @Test func aFileThatIsTouchedOrWrittenAnewKeepsItsAuthorities() throws {
        try scratch.write(authority(0))
        let store = try TrustStore(
            SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: Lookout())
        let known = try store.look(nowUs: 0)
        try #require(unsafe utimes(scratch.vault, nil) == 0)
        #expect(try look(store, atS: 1).get() === known)
        try scratch.write(authority(0))
        #expect(try look(store, atS: 2).get() === known)
        try scratch.write(authority(1))
        #expect(try look(store, atS: 3).get() !== known)
    }

    /// Carriers of an object store are made whenever they are needed.
    @Test func aRelativePathIsFixedWhenTheSettingIsRead() throws {
        let here = FileManager.default.currentDirectoryPath
        var config = Config()
        for setting in [Setting.caFile, .proxyCAFile, .redisCAFile, .s3CAFile] {
            #expect(config.file(setting).path == nil)
            try config.set(setting, to: "ca.pem")
            let path = try config.file(setting).path?.get()
            #expect(path == Array((here + "/ca.pem").utf8CString))
        }
    }

    /// As an object store does, which a thread of the lookout may be asking.
    @Test func whoMayWaitForAFileSystemSeesAChangeWithoutAnotherThread() throws {
        try scratch.write(authority(0))
        let store = try TrustStore(SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: nil)
        let first = try store.look(nowUs: 0)
        try scratch.write(authority(1))
        while try store.look(nowUs: 1_000_000) === first { usleep(1000) }
    }

    /// Whoever opens a pipe to read it waits until somebody writes to it.
    @Test func aPipeInItsPlaceIsToldByName() throws {
        try scratch.write(authority(0))
        let store = try TrustStore(SettingFile(.redisCAFile, scratch.vault), nowUs: 0, lookout: nil)
        _ = try store.look(nowUs: 0)
        unsafe unlink(scratch.vault)
        try #require(unsafe mkfifo(scratch.vault, 0o600) == 0)
        store.examine(nowUs: 1_000_000)
        let failure = #expect(throws: Failure.self) { try store.look(nowUs: 1_000_000) }
        #expect(failure?.message.hasPrefix("redis.ca_file is not a file any more") == true)
    }

    @Test func oneThatIsTooLargeOrHasNoAuthorityIsTrustedByNobody() throws {
        try scratch.write([UInt8](repeating: 0x0A, count: 4 << 20 + 1))
        #expect(
            status {
                _ = try TrustStore(SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: nil)
            }
                == .configValue)
        try scratch.write(Array("no authority".utf8))
        let store = try TrustStore(SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: nil)
        #expect(unsafe try store.look(nowUs: 0).store == nil)
    }

    /// Of libcurl's versions only some are given one, so no other test may do it.
    @Test func aFileIsReadWholeAndItsFirstAuthorityStandsAlone() throws {
        let text = try Array(Data(contentsOf: URL(fileURLWithPath: Self.usual)))
        let whole = Authorities(Array("# some words\n".utf8) + text)
        #expect(unsafe whole.store != nil)
        let one = String(decoding: whole.one, as: UTF8.self)
        #expect(one.hasPrefix("-----BEGIN") && one.hasSuffix("-----END CERTIFICATE-----\n"))
        #expect(unsafe Authorities(whole.one).store != nil)
        // One that is damaged: nobody knows what it was to say.
        #expect(unsafe Authorities(Array(text.dropLast(200))).store == nil)
        guard let easy = unsafe curl_easy_init() else {
            Issue.record("no handle")
            return
        }
        defer { unsafe curl_easy_cleanup(easy) }
        #expect(unsafe whole.giveOne(to: easy, as: CURLOPT_CAINFO_BLOB) == 0)
    }

    /// exit() waits for who reads them.
    @Test func whoReadsAuthoritiesIsEndedBehindTheNextOne() throws {
        let text = try Array(Data(contentsOf: URL(fileURLWithPath: Self.usual)))
        var found = unsafe tvs_certificates()
        unsafe found.is_over = { _ in true }
        let made = unsafe text.withUnsafeBytes { bytes in
            unsafe tvs_authorities_new(bytes.baseAddress, bytes.count, 1000, &found)
        }
        #expect(unsafe made == nil)
        #expect(unsafe found.count == 1)
    }

    /// What was resumed would let in a server whose authority is not trusted any more.
    @Test func aChangeCountsUntilThereAreNewSessions() throws {
        try scratch.write(authority(0))
        let proxys = try Scratch()
        try proxys.write(authority(2))
        let trust = try TrustStore(
            SettingFile(.caFile, scratch.vault), nowUs: 0, lookout: Lookout())
        let proxyTrust = try TrustStore(
            SettingFile(.proxyCAFile, proxys.vault), nowUs: 0, lookout: Lookout())
        let watch = UnsafeMutablePointer<tvs_curl_watch>.allocate(capacity: 1)
        unsafe watch.initialize(to: tvs_curl_watch())
        defer { unsafe watch.deallocate() }
        var line = unsafe CurlLine(
            settings: try TransportSettings(Config()), options: [], watch: watch,
            sessions: try CurlSessions(under: [], haveConnections: false),
            ownSessions: try CurlSessions(under: [], haveConnections: true),
            trust: TrustedFiles(server: trust, proxy: proxyTrust), room: ReplyRoom(1 << 20))
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
        try scratch.write(authority(1))
        #expect(status { _ = try renew(atS: 9) } == .tls)
        try #require(unsafe rename(hidden, proxys.path) == 0)
        #expect(try renew(atS: 11) != ObjectIdentifier(old))
    }
}
