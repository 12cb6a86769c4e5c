import Testing
import TraceVaultCore

/// A secret in a reply is found however it is written, and nothing else is touched.
@Suite struct MaskTests {
    static let secret = "0123/test-secret_not-real"

    private func masked(_ text: String, _ secret: String = secret) -> String? {
        let buffer = ByteBuffer(limit: 1 << 20)
        unsafe Array(text.utf8).withUnsafeBytes { _ = unsafe buffer.append($0) }
        unsafe Array(secret.utf8).withUnsafeBytes { unsafe buffer.mask($0) }
        #expect(buffer.count == text.utf8.count)
        return unsafe buffer.cString.map { unsafe String(cString: $0) }
    }

    private func stars(_ count: Int) -> String { String(repeating: "*", count: count) }

    static let writings: [String] = [
        "0123/test-secret_not-real",
        "\\u0030\\u0031\\u0032\\u0033\\u002f\\u0074\\u0065\\u0073\\u0074\\u002d\\u0073\\u0065\\u0063"
            + "\\u0072\\u0065\\u0074\\u005f\\u006e\\u006f\\u0074\\u002d\\u0072\\u0065\\u0061\\u006c",
        "\\u0030\\u0031\\u0032\\u0033\\u002F\\u0074\\u0065\\u0073\\u0074\\u002D\\u0073\\u0065\\u0063"
            + "\\u0072\\u0065\\u0074\\u005F\\u006E\\u006F\\u0074\\u002D\\u0072\\u0065\\u0061\\u006C",
        "\\u0030123/test-secret_not-real",
        "0123\\/test-secret_not-real",
        "0123%2ftest-secret_not-real",
        "0123%2Ftest-secret_not-real",
        "0123\\u0025\\u0032\\u0046test-secret_not-real",
        "0123\\u00252Ftest-secret_not-real",
        "0123%\\u0032ftest-secret_not-real",
        "0123\\\\u002ftest-secret_not-real",
        "0123\\u005cu002ftest-secret_not-real",
        "0123\\\\\\/test-secret_not-real",
        "0123\\\\/test-secret_not-real",
        "0123/\\u0074es\\u0074-secre\\u0074_no\\u0074-real",
        "0123/%74es%74\\u002Dsecre%74_no%74\\u002Dreal",
        "-secret_not-real",
        "0123/test-secret",
        "/test-secret_not-",
    ]

    @Test(arguments: writings)
    func everyWritingOfALongPartIsOverwritten(_ written: String) {
        #expect(masked(written) == stars(written.utf8.count))
        #expect(masked("\"a: \(written), b\"") == "\"a: \(stars(written.utf8.count)), b\"")
        let twice = "<\(written)> <\(written)>"
        let star = stars(written.utf8.count)
        #expect(masked(twice) == "<\(star)> <\(star)>")
    }

    static let others: [String] = [
        "", "none here", "test-secret_not", "secret_not-real",
        "0123/test-secre", "0123/test- secret_not-real", "\\", "%", "\\u", "\\u00", "%3", "%%%",
        "0123/test-\\u0000secret_not", "caf\\u00e9 \\u2028 \\ud83d\\ude00 \\\"\\n\\\\",
        "123/test-secret\\", "123/test-secret%", "0123/test-secre\\u007", "0123\\u",
    ]

    @Test(arguments: others)
    func whatIsNoLongPartStays(_ text: String) {
        #expect(masked(text) == text)
    }

    /// An account id with more zeros than the secret has in a row is no part of the secret.
    @Test func aLongerRunOfACharacterIsNoPart() {
        let secret = "test-token-not-real-01-000000000000"
        for id in ["acae0000000000000000000000000001", String(repeating: "0", count: 64)] {
            #expect(masked("/accounts/\(id)/x", secret) == "/accounts/\(id)/x")
        }
        #expect(masked("x-real-01-000000000000000", secret) == "x\(stars(21))000")
        let even = String(repeating: "ab", count: 8)
        #expect(masked(String(repeating: "ab", count: 20), even) == stars(40))
        #expect(masked(String(repeating: "ab", count: 20), even + "c") == stars(40))
        #expect(masked("b" + even.dropLast() + "x", even) == "b" + even.dropLast() + "x")
    }

    @Test func aStringEndsWhereItEnded() {
        // With a quote in the secret, no quote that ends a string is taken for a part of it.
        let secret = "abcdefgh\"ijklmnop\\qrst"
        #expect(masked("[\"abcdefgh\\\\\",\"x\"]", secret) == "[\"abcdefgh\\\\\",\"x\"]")
        let written = "abcdefgh\\\"ijklmnop\\\\qrst"
        #expect(masked("[\"\(written)\"]", secret) == "[\"\(stars(written.utf8.count))\"]")
        #expect(masked("[\"abcdefgh\\\\\"ijklmnop", secret)?.hasPrefix("[\"abcdefgh\\\\\"") == true)
    }

    @Test func signsOfTheSecretItselfAreNoEscapes() {
        let secret = "%41%42%43%44%45%46%47"
        #expect(masked("a " + secret, secret) == "a " + stars(secret.utf8.count))
        let slashes = "\\a\\b\\c\\d\\e\\f\\g\\h\\i"
        #expect(masked(slashes, slashes) == stars(slashes.utf8.count))
    }

    @Test func shortSecretsAreLeftAlone() {
        #expect(masked("0123456789abcde", "0123456789abcde") == "0123456789abcde")
        #expect(masked("0123456789abcdef", "0123456789abcdef") == stars(16))
    }

    @Test func theLongestSecretIsFoundInWhole() {
        let secret = (0..<128).map { "a\(100 + $0)" }.joined()
        #expect(masked(secret, secret) == stars(512))
        let letters = String(repeating: "a", count: 5000)
        #expect(masked(letters, String(letters.prefix(512))) == stars(5000))
    }

    /// What a host may see of the text: JSON twice and %XX decoded.
    private func readings(_ text: String) -> [String] {
        var found = [text]
        for _ in 0..<4 { found.append(decoded(found[found.count - 1])) }
        return found
    }

    private func decoded(_ text: String) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        var at = 0
        func number(_ from: Int, _ count: Int) -> UInt8? {
            guard from + count <= bytes.count else { return nil }
            let digits = bytes[from..<from + count]
            return UInt32(String(decoding: digits, as: UTF8.self), radix: 16).map {
                $0 < 128 ? UInt8($0) : 0xFF
            }
        }
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), let letter = number(at + 1, 2) {
                (out, at) = (out + [letter], at + 3)
            } else if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count {
                if bytes[at + 1] == UInt8(ascii: "u"), let letter = number(at + 2, 4) {
                    (out, at) = (out + [letter], at + 6)
                } else {
                    (out, at) = (out + [bytes[at + 1]], at + 2)
                }
            } else {
                (out, at) = (out + [bytes[at]], at + 1)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// One character in a writing that chance chooses.
    private func written(_ letter: UInt8, _ random: inout SplitMix64) -> String {
        let plain = String(UnicodeScalar(letter))
        let digits = String(letter, radix: 16)
        let hex = Bool.random(using: &random) ? digits : digits.uppercased()
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return "\\u00\(hex)"
        case 1: return "%\(hex)"
        case 2: return "\\u0025\(hex)"
        case 3: return "\\\\u00\(hex)"
        case 4: return "%\\u00\(String(hex.utf8.first ?? 0, radix: 16))\(hex.suffix(1))"
        default: return plain
        }
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func noWritingOfAPartComesThrough(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        let length = Int.random(in: 16...60, using: &random)
        let secret = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
        var text = "{\"\\u003ck\\\"ey%20\":\""
        let first = Int.random(in: 0...length - 16, using: &random)
        let end = Int.random(in: first + 16...length, using: &random)
        for letter in secret[first..<end] { text += written(letter, &random) }
        text += "\", \"plain\": 1}"
        let sent = String(decoding: secret, as: UTF8.self)
        guard let left = masked(text, sent) else { return }
        #expect(left.hasPrefix("{\"\\u003ck\\\"ey%20\":\""))
        #expect(left.hasSuffix("\", \"plain\": 1}"))
        for reading in readings(left) {
            for start in 0...length - 16 {
                let part = String(decoding: secret[start..<start + 16], as: UTF8.self)
                #expect(!reading.contains(part), "seed \(seed): \(text) is \(left)")
            }
        }
    }
}
