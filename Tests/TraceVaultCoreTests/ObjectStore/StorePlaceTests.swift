// StorePlaceTests.swift - where an object is, and where what opens its store comes from.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct StorePlaceTests {
    @Test func aPlaceHasABucketAndAKey() throws {
        let address = try ObjectAddress("s3://soc-vaults/a team/ü+soc.vault")
        #expect(address.bucket == "soc-vaults")
        #expect(address.path(isHostStyle: false) == "/soc-vaults/a%20team/%C3%BC%2Bsoc.vault")
        #expect(address.path(isHostStyle: true) == "/a%20team/%C3%BC%2Bsoc.vault")
    }

    @Test(arguments: [
        "s3://", "s3://b", "s3://bucket", "s3://bucket/", "s3:///key", "s3://ab/key",
        "s3://-bucket/key", "s3://bucket./key", "s3://buc..ket/key", "s3://buck et/key",
        "s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a/.", "s3://bucket/a\nb",
        "s3://user:pass@bucket/key",
    ])
    func whatServersMightReadOtherwiseIsRefused(place: String) {
        #expect(status { _ = try ObjectAddress(place) } == .argument, "\(place)")
    }

    /// The store's own words, which go back to it in a header.
    @Test func onlyAStrongETagOfOneWordTellsStatesApart() {
        for etag in ["\"a\"", "\"4f2-0\"", "\"\u{E4}\""] { #expect(ObjectStore.isStrong(etag)) }
        for etag in ["", "\"\"", "W/\"a\"", "a", "\"a\rX: y\"", "\"a\nb\"", "\"a\0b\"", "\"a b\""] {
            #expect(!ObjectStore.isStrong(etag), "\(etag)")
        }
    }

    private func settings(_ values: [(Setting, String)]) throws -> StoreSettings {
        var config = Config()
        for (name, value) in values { try config.set(name, to: value) }
        return try StoreSettings(try ObjectAddress("s3://soc-vaults/soc.vault"), config)
    }

    @Test func theEndpointIsAWSUnlessAnotherOneIsSet() throws {
        let aws = try settings([(.s3Region, "eu-central-1")])
        #expect(aws.origin.text == "https://s3.eu-central-1.amazonaws.com")
        #expect(aws.path == "/soc-vaults/soc.vault")
        let host = try settings([(.s3Style, "host")])
        #expect(host.host == "soc-vaults.s3.us-east-1.amazonaws.com")
        #expect(host.path == "/soc.vault")
        let own = try settings([(.s3Endpoint, "https://minio.example:9000/")])
        #expect(own.host == "minio.example:9000")
    }

    @Test func plainHTTPIsForTestsOnThisHost() throws {
        let loopback = (Setting.s3Endpoint, "http://127.0.0.1:9000")
        #expect(status { _ = try settings([loopback]) } == .configValue)
        _ = try settings([loopback, (.allowHTTPLoopback, "true")])
        let elsewhere = (Setting.s3Endpoint, "http://minio.example:9000")
        #expect(
            status { _ = try settings([elsewhere, (.allowHTTPLoopback, "true")]) } == .configValue)
        #expect(status { _ = try settings([(.s3Endpoint, "https://h/path")]) } == .configValue)
        #expect(status { _ = try settings([(.s3Region, "eu 1\r\nX: y")]) } == .configValue)
    }

    // MARK: - Keys

    private func keys(_ source: String) throws -> StoreKeys {
        try StoreKeys(from: source, given: NamedSecrets())
    }

    private func text(_ secret: KeptSecret?) -> String {
        secret.map { secret in
            unsafe secret.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        } ?? ""
    }

    @Test func aFileHasALineForEachKey() throws {
        let scratch = try Scratch()
        for (content, token) in [
            ("access-not-real\nsecret-not-real", ""),
            (" access-not-real \r\n\r\nsecret-not-real\ntoken-not-real\n", "token-not-real"),
        ] {
            try scratch.write(Array(content.utf8), mode: 0o400)
            let found = try keys("file:" + scratch.vault)
            #expect(text(found.accessKey) == "access-not-real")
            #expect(text(found.secretKey) == "secret-not-real")
            #expect(text(found.sessionToken) == token)
        }
        for content in ["one-line-only", "a\nb\nc\nd\n", "acc ess\nsecret\n", "acc\u{e9}\nsecret"] {
            try scratch.write(Array(content.utf8), mode: 0o400)
            let failure = #expect(throws: Failure.self) { try keys("file:" + scratch.vault) }
            #expect(failure?.status == .credentialFormat, "\(content)")
            #expect(failure?.message.contains("secret\n") == false)
        }
        try scratch.write(Array("access\nsecret\n".utf8), mode: 0o444)
        #expect(status { _ = try keys("file:" + scratch.vault) } == .unsafeFile)
    }

    @Test func withoutKeysNothingIsAsked() throws {
        #expect(status { _ = try keys("") } == .configValue)
        #expect(status { _ = try keys("nowhere") } == .configValue)
        #expect(status { _ = try keys("file:") } == .argument)
    }

    @Test func aSecretIsCheckedAndNeverEchoed() throws {
        let given = NamedSecrets()
        for wrong in ["with space", "line\nbreak", String(repeating: "k", count: 257)] {
            let failure = #expect(throws: Failure.self) {
                try unsafe Fake.withSecret(wrong) { try unsafe given.set("s3.secret_key", to: $0) }
            }
            #expect(failure?.status == .credentialFormat)
            #expect(failure?.message.contains(wrong) == false)
        }
        #expect(
            status { try unsafe Fake.withSecret("x") { try unsafe given.set("s3.region", to: $0) } }
                == .configName)
    }

    // MARK: - Looks at a server

    /// Not rarer while nobody uses the vault: whoever uses it next may not wait for a server.
    @Test func looksAtAServerAreSpreadAndRarerWhileTheyFail() throws {
        let watch = Watch(everyMs: 1000, isRemote: true, nowMs: 0)
        /// When the look after one that failed or not is due, which began and ended at 0.
        func due(_ hasFailed: Bool) throws -> Int64 {
            watch.end(nowMs: 0, hasFound: !hasFailed)
            return try #require(watch.due)
        }
        #expect(Set(try (0..<20).map { _ in try due(false) }).count > 1)
        for pause in [2000, 4000, 8000, 16_000, 30_000, 30_000] as [Int64] {
            let next = try due(true)
            #expect((pause - pause / 8...pause).contains(next))
            // Nor do those who use the vault ask it before.
            #expect(!watch.use(nowMs: next) && watch.use(nowMs: next + 1000))
        }
        #expect((875...1000).contains(try due(false)))
    }

    /// A rest that counted from the beginning of such a look would be over when it ends.
    @Test func aServerThatHangsRestsFromTheEndOfTheLook() throws {
        let watch = Watch(everyMs: 2000, isRemote: true, nowMs: 0)
        watch.begin(nowMs: 2000)
        watch.end(nowMs: 32_000, hasFound: false)
        let next = try #require(watch.due)
        #expect(next >= 35_500)
        #expect(!watch.use(nowMs: 32_001) && !watch.use(nowMs: next))
        #expect(watch.use(nowMs: next + 1000))
    }

    /// What a process that was stopped knows: waiting for the look ends three seconds after it.
    @Test func aLookAtAServerIsOverdueHalfASecondAfterItIsDue() {
        let watch = Watch(everyMs: 2000, isRemote: true, nowMs: 0)
        #expect(!watch.use(nowMs: 2499) && watch.use(nowMs: 2500))
        watch.begin(nowMs: 2500)
        watch.end(nowMs: 2700, hasFound: true)
        #expect(!watch.use(nowMs: 4999) && watch.use(nowMs: 5000))
    }

    @Test("an object is looked at every two seconds, where nobody says something else")
    func pauseOfLooks() throws {
        var config = Config()
        #expect(VaultSettings(config).refreshMs == 500)
        #expect(VaultSettings(config).remoteRefreshMs == 2000)
        try config.set(.refresh, to: "500")
        #expect(VaultSettings(config).remoteRefreshMs == 500)
    }
}
