// RequestSignatureTests.swift - signatures are those of the specification's examples.
//
// "Examples: Signature Calculations" in the S3 API reference; the keys are the documentation's own
// and open nothing.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct RequestSignatureTests {
    private static let access = "AKIAIOSFODNN7EXAMPLE"
    private static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    private func keys(token: String? = nil) throws -> StoreKeys {
        let given = NamedSecrets()
        for (name, text) in [
            ("s3.access_key", Self.access), ("s3.secret_key", Self.secret),
            ("s3.session_token", token ?? ""),
        ] {
            try unsafe Fake.withSecret(text) { try unsafe given.set(name, to: $0) }
        }
        return try StoreKeys(from: "", given: given)
    }

    private func hash(_ text: String) throws -> String {
        let hash = try SHA256()
        hash.add(text)
        return hash.text()
    }

    @Test func hashesAreThoseOfTheStandard() throws {
        #expect(
            try hash("")
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            try hash("abc")
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func aGetIsSignedAsInTheSpecification() throws {
        let request = RequestSignature(
            method: "GET", host: "examplebucket.s3.amazonaws.com", path: "/test.txt",
            headers: [("range", "bytes=0-9")], bodyHash: try hash(""), time: "20130524T000000Z",
            region: "us-east-1")
        #expect(
            try request.text(keys())
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func aPutIsSignedAsInTheSpecification() throws {
        let address = try ObjectAddress("s3://examplebucket/test$file.text")
        let request = RequestSignature(
            method: "PUT", host: "examplebucket.s3.amazonaws.com",
            path: address.path(isHostStyle: true),
            headers: [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ], bodyHash: try hash("Welcome to Amazon S3."), time: "20130524T000000Z",
            region: "us-east-1")
        #expect(
            try request.text(keys())
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    /// The first example with a token; made by a second hand, as the specification has none.
    @Test func aSessionTokenIsSigned() throws {
        let request = RequestSignature(
            method: "GET", host: "examplebucket.s3.amazonaws.com", path: "/test.txt",
            headers: [("range", "bytes=0-9")], bodyHash: try hash(""), time: "20130524T000000Z",
            region: "us-east-1")
        #expect(
            try request.text(keys(token: "token-not-real/+="))
                == "9f1cc32200a8982e01ddc740be1b3eeb88f411ce832aa2643bd8bfdffdff0dde")
    }

    @Test func theHeaderNamesKeyPlaceAndHeaders() throws {
        let request = RequestSignature(
            method: "GET", host: "localhost:1", path: "/b/k", headers: [],
            bodyHash: try hash(""), time: "20130524T000000Z", region: "auto")
        let header = try request.authorization(keys(token: "token-not-real"))
        let text = unsafe header.cString.map { unsafe String(cString: $0) } ?? ""
        #expect(
            text.hasPrefix(
                "Authorization: AWS4-HMAC-SHA256 Credential=\(Self.access)/20130524/auto/s3/"
                    + "aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                    + "x-amz-security-token, Signature="))
        #expect(!text.contains("token-not-real"))
        let token = try RequestSignature.token(keys(token: "token-not-real"))
        #expect(token?.begins(with: "x-amz-security-token: token-not-real") == true)
    }

    @Test func theTimeHasNoSeparators() {
        #expect(ObjectStore.time(ms: 1_369_353_600_000) == "20130524T000000Z")
        #expect(ObjectStore.time(ms: 1_369_353_661_999) == "20130524T000101Z")
    }
}
