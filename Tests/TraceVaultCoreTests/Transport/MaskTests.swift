import Testing
import TraceVaultCore

/// A secret in a reply is found however it is written, and nothing else is touched.
@Suite struct MaskTests {
    static let secret = "0123/test-secret_not-real"

    private func masked(_ text: String, _ secret: String = secret) -> String? {
        Masking.masked(text, secret)
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
        "0123%252ftest-secret_not-real",
        "0123%5cu002ftest-secret_not-real",
        "0123\\\\u00252ftest-secret_not-real",
        "0123\\\\u002\\u0066test-secret_not-real",
        "0123%5C/test-secret_not-real",
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
        let apart = "[\"abcdefgh\\\\\", \"ijklmnop\"]"
        #expect(masked(apart, secret) == apart)
        #expect(masked("[\"abcdefgh\\\\\"ijklmnop", secret) == "[\"**********\"********")
        #expect(masked("[\"abcdefgh\"ijklmnop", secret) == "[\"********\"********")
    }

    @Test func signsOfTheSecretItselfAreNoEscapes() {
        let secret = "%41%42%43%44%45%46%47"
        #expect(masked("a " + secret, secret) == "a " + stars(secret.utf8.count))
        let mixed = "\\u0041%42\\\\%43\\/%44"
        #expect(masked("a " + mixed, mixed) == "a " + stars(mixed.utf8.count))
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
}
