import Testing
import TraceVaultCore

/// What tests of the masking share: the masking itself, and every way a text may be read.
enum Masking {
    static func masked(_ text: String, _ secret: String) -> String? {
        let buffer = ByteBuffer(limit: 1 << 20)
        unsafe Array(text.utf8).withUnsafeBytes { _ = unsafe buffer.append($0) }
        unsafe Array(secret.utf8).withUnsafeBytes { unsafe buffer.mask($0) }
        #expect(buffer.count == text.utf8.count)
        return unsafe buffer.cString.map { unsafe String(cString: $0) }
    }

    /// Whether some reader finds 16 characters of the secret in a row: one that takes each character
    /// as it stands or as an escape of JSON or of URLs, at most three of them within each other, and
    /// changes its mind between any two.
    static func tells(_ text: String, _ secret: String) -> Bool {
        let bytes = Array(text.utf8)
        let parts = pieces(of: Array(secret.utf8))
        let units = Units(bytes)
        // What may be read from each place on, as far as it is of the secret.
        var tails = [Set<[UInt8]>](repeating: [], count: bytes.count) + [[[]]]
        for place in bytes.indices.reversed() {
            tails[place] = [[]]
            for unit in units.at(place, deepest: 3) {
                for tail in tails[unit.end] {
                    let longer = Array(([unit.letter] + tail).prefix(16))
                    guard parts.contains(longer) else { continue }
                    if longer.count == 16 { return true }
                    tails[place].insert(longer)
                }
            }
        }
        return false
    }

    private static func pieces(of secret: [UInt8]) -> Set<[UInt8]> {
        var found: Set<[UInt8]> = []
        for start in secret.indices {
            for end in start + 1...min(start + 16, secret.count) {
                found.insert(Array(secret[start..<end]))
            }
        }
        return found
    }

    /// The text and what it says after one to three readings, each of JSON or of a URL.
    static func readings(_ text: String) -> [[UInt8]] {
        var all = [Array(text.utf8)]
        var last = all
        for _ in 0..<3 {
            last = last.flatMap { [read($0, sign: "\\"), read($0, sign: "%")] }
            all += last
        }
        return all
    }

    private static func read(_ text: [UInt8], sign: Unicode.Scalar) -> [UInt8] {
        let units = Units(text)
        var out: [UInt8] = []
        var place = 0
        while place < text.count {
            let isSign = text[place] == UInt8(ascii: sign)
            let escape = isSign ? units.at(place, deepest: 1).first { $0.depth == 1 } : nil
            out.append(escape?.letter ?? text[place])
            place = escape?.end ?? place + 1
        }
        return out
    }
}

/// What may stand at each place of a text.
private struct Units {
    struct Unit: Hashable {
        let letter: UInt8
        let end: Int
        let depth: Int
    }

    private let bytes: [UInt8]
    /// By depth and place: the readings with no more escapes within each other.
    private var known: [[Set<Unit>]] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        known.append(bytes.indices.map { [Unit(letter: bytes[$0], end: $0 + 1, depth: 0)] })
        for depth in 1...3 {
            let less = known[depth - 1]
            known.append(
                bytes.indices.map { less[$0].union(escapes(at: $0, depth: depth, of: less)) })
        }
    }

    func at(_ place: Int, deepest: Int) -> Set<Unit> { known[deepest][place] }

    private func escapes(at place: Int, depth: Int, of less: [Set<Unit>]) -> Set<Unit> {
        var found: Set<Unit> = []
        func add(_ letter: UInt8, _ end: Int) {
            if !less[place].contains(where: { $0.letter == letter && $0.end == end }) {
                found.insert(Unit(letter: letter, end: end, depth: depth))
            }
        }
        func next(_ place: Int) -> Set<Unit> { place < bytes.count ? less[place] : [] }
        func number(_ place: Int, _ missing: Int, _ digits: String) {
            if missing > 0 {
                for digit in next(place) {
                    let letter = Unicode.Scalar(digit.letter)
                    guard letter.properties.isASCIIHexDigit else { continue }
                    number(digit.end, missing - 1, digits + String(letter))
                }
            } else if let letter = UInt8(digits, radix: 16), (1..<0x80).contains(letter) {
                add(letter, place)
            }
        }
        for sign in less[place] {
            if sign.letter == UInt8(ascii: "%") { number(sign.end, 2, "") }
            guard sign.letter == UInt8(ascii: "\\") else { continue }
            for letter in next(sign.end) {
                switch Unicode.Scalar(letter.letter) {
                case "u": number(letter.end, 4, "")
                case "\\", "\"", "/": add(letter.letter, letter.end)
                default: break
                }
            }
        }
        return found
    }
}
