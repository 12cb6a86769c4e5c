import Testing
import TraceVaultCore

/// No part of 16 characters of a secret comes out, whichever way each of them was written and is read.
@Suite struct MaskWritingTests {
    /// An escape that only some readers know takes its digits from the secret itself.
    static let swallowing: [String] = [
        #"\\uc0de%47hJk%4czXc%56bNm%51wE"#,
        #"%c0\\u0064eGh\\u004akLz\\u0058cVb\\u004emQ"#,
        #"\\uc0deGhJkLzXcVbNmQwE"#,
        #"\uc0de%47hJk%4czXc%56bNm%51wE"#,
        #"\u005cuc0de%47hJkLzXcVbNmQwE"#,
        #"%25c0de\u0047hJkLzXcVbNmQ"#,
        #"%c0de\u0047hJkLzXcVbNmQ"#,
        #"\\u0025c0de%47hJk%4czXcVbNm"#,
        #"%\u00%63\u0030deGhJkLzXcVbNm"#,
        #"\\u00c0de%47hJkLzXcVbNm"#,
    ]

    @Test(arguments: swallowing)
    func theDigitsOfAnEscapeMayBeTheSecretsOwn(_ text: String) {
        let secret = "Zq_c0deGhJkLzXcVbNmQwErTyUiOpAsDfGhQ1W2"
        let left = Masking.masked("x \(text)", secret) ?? ""
        #expect(!Masking.tells(left, secret), "\(text) is \(left)")
        #expect(left.hasPrefix("x ") && left.contains("****************"))
    }

    /// What the alphabets have in common with escapes decides what may be misread.
    static let alphabets = [
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
        "0123456789abcdef", "c0deu47", "c0de%47u\\", "ab", "u0041%25\\/", "%25", "c0de\"u",
    ]

    /// One character, in a writing with so many escapes within each other at most.
    private func written(_ letter: Character, _ depth: Int, _ random: inout SplitMix64) -> String {
        guard depth > 0, Int.random(in: 0..<5, using: &random) > 1 else { return String(letter) }
        var digits = String(letter.asciiValue ?? 0, radix: 16)
        if Bool.random(using: &random) { digits = digits.uppercased() }
        var escape = "\\u00" + digits
        if Bool.random(using: &random) { escape = "%" + digits }
        if #"/\""#.contains(letter), Bool.random(using: &random) { escape = "\\\(letter)" }
        var text = ""
        for sign in escape { text += written(sign, depth - 1, &random) }
        return text
    }

    private func scene(_ random: inout SplitMix64) -> (secret: String, text: String) {
        let alphabet = Array(Self.alphabets.randomElement(using: &random) ?? "")
        let length = Int.random(in: 16...40, using: &random)
        let secret = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? "a" }
        let signs =
            ["", "x", "%", "%25", "%4", "%5cu"]
            + [#"\"#, #"\\"#, #"\\\"#, #"\u"#, #"\\u"#, #"\u00"#]
        var text = ""
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            text += signs.randomElement(using: &random) ?? ""
            let first = Int.random(in: 0...length - 15, using: &random)
            let end = Int.random(in: first + 15...length, using: &random)
            let depth = Int.random(in: 0...3, using: &random)
            for letter in secret[first..<end] { text += written(letter, depth, &random) }
        }
        return (String(secret), text)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func noMixtureOfWritingsTellsAPart(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let (secret, text) = scene(&random)
        guard let left = Masking.masked(text, secret) else { return }
        #expect(!Masking.tells(left, secret), "seed \(seed): \(text) is \(left)")
        let parts = Array(secret.utf8)
        for reading in Masking.readings(left) where reading.count >= 16 {
            for start in 0...parts.count - 16 {
                #expect(!reading.contains(parts[start..<start + 16]), "seed \(seed): \(text)")
            }
        }
        let hasSigns = secret.contains { $0 == "%" || $0 == "\\" }
        if !hasSigns, !Masking.tells(text, secret) { #expect(left == text, "seed \(seed)") }
    }

    /// Also where half of an escape is one's own, whole escapes are overwritten, and no quote that
    /// ends a string.
    @Test(arguments: 0..<400 as Range<UInt64>)
    func jsonStaysJSON(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let (secret, text) = scene(&random)
        guard let quotes = quotes(text), let left = Masking.masked(text, secret) else { return }
        #expect(self.quotes(left) == quotes, "seed \(seed): \(text) is \(left)")
    }

    /// How many quotes begin or end a string of JSON; nil: an escape is none of JSON's.
    private func quotes(_ text: String) -> Int? {
        var rest = Substring(text)
        var count = 0
        while let letter = rest.popFirst() {
            if letter == "\"" { count += 1 }
            guard letter == "\\" else { continue }
            guard let next = rest.popFirst() else { return nil }
            if next == "u" {
                guard rest.count >= 4, rest.prefix(4).allSatisfy(\.isHexDigit) else { return nil }
                rest.removeFirst(4)
            } else if !#""\/bfnrt"#.contains(next) {
                return nil
            }
        }
        return count
    }

    /// Of a secret that is made of signs, a text can be read in more ways than are followed.
    @Test func whereThereAreTooManyWaysASignIsOverwritten() {
        let secret = #"\000\c0000505\0\c0000"#
        let text = #"\u000\u0030%30\u0030%35%305\0\\\u00630\u0030\u0030\u0030"#
        let left = Masking.masked(text, secret) ?? ""
        #expect(left.contains("*") && !Masking.tells(text, secret))
    }
}
