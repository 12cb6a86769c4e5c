// RedisReply.swift - RESP2, the protocol of Redis: commands out, replies in, both bounded.

enum RedisReply: Equatable {
    case text(String)
    case number(Int64)
    case none
    case list([RedisReply])
    /// An error: its code where it is a known one, with the place that a `MOVED` names.
    case refused(String)

    var number: Int64? {
        switch self {
        case .number(let number): number
        case .text(let text): Int64(text)
        case .none, .list, .refused: nil
        }
    }

    /// A list of numbers.
    var numbers: [Int64]? {
        guard case .list(let parts) = self else { return nil }
        let found = parts.compactMap(\.number)
        return found.count == parts.count ? found : nil
    }
}

/// A command as bytes.
enum RedisCommand {
    static func bytes(_ words: [String]) -> [UInt8] {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        return Array(text.utf8)
    }
}

/// Reads replies out of bytes that come in pieces.
struct RedisReader {
    private var bytes: [UInt8] = []
    private var place = 0

    private static let mostBytes = 1 << 20
    private static let mostParts: Int64 = 64
    private static let mostText: Int64 = 65_536
    static let strange = Failure(.transport, "what answers there does not speak as a Redis does")

    mutating func add(_ more: ArraySlice<UInt8>) {
        bytes.removeFirst(min(place, bytes.count))
        place = 0
        bytes.append(contentsOf: more)
    }

    /// False when what was to be one reply goes on and on.
    var hasRoom: Bool { bytes.count <= Self.mostBytes }

    /// The next whole reply; nil while more of it has to come.
    mutating func next() throws(Failure) -> RedisReply? {
        var at = place
        guard let reply = try value(&at, depth: 0) else { return nil }
        place = at
        return reply
    }

    private func value(_ at: inout Int, depth: Int) throws(Failure) -> RedisReply? {
        guard let line = line(&at) else { return nil }
        guard let kind = line.first else { throw Self.strange }
        let rest = line.dropFirst()
        switch kind {
        case UInt8(ascii: "+"): return .text(String(decoding: rest, as: UTF8.self))
        case UInt8(ascii: "-"): return .refused(Self.plain(rest))
        case UInt8(ascii: ":"): return .number(try Self.integer(rest))
        case UInt8(ascii: "$"):
            let count = try Self.integer(rest)
            if count == -1 { return RedisReply.none }
            guard (0...Self.mostText).contains(count) else { throw Self.strange }
            let end = at + Int(count)
            guard bytes.count >= end + 2 else { return nil }
            defer { at = end + 2 }
            return .text(String(decoding: bytes[at..<end], as: UTF8.self))
        case UInt8(ascii: "*"):
            let count = try Self.integer(rest)
            if count == -1 { return RedisReply.none }
            guard (0...Self.mostParts).contains(count), depth < 2 else { throw Self.strange }
            var parts: [RedisReply] = []
            for _ in 0..<count {
                guard let part = try value(&at, depth: depth + 1) else { return nil }
                parts.append(part)
            }
            return .list(parts)
        default: throw Self.strange
        }
    }

    /// Up to the next CR LF.
    private func line(_ at: inout Int) -> ArraySlice<UInt8>? {
        guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "\n")), end > at,
            bytes[end - 1] == UInt8(ascii: "\r")
        else { return nil }
        defer { at = end + 1 }
        return bytes[at..<(end - 1)]
    }

    private static func integer(_ digits: ArraySlice<UInt8>) throws(Failure) -> Int64 {
        guard let number = Int64(String(decoding: digits, as: UTF8.self)) else { throw strange }
        return number
    }

    /// Codes of errors that are told as they are (Redis 7, src/server.c, "shared").
    private static let codes: Set<String> = [
        "ASK", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "DENIED", "ERR", "EXECABORT", "LOADING",
        "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOPERM", "NOREPLICAS", "NOSCRIPT", "OOM",
        "READONLY", "TRYAGAIN", "WRONGPASS", "WRONGTYPE",
    ]

    /// An error's code and, for MOVED, what it names: nothing that a stranger could write at will
    /// reaches a message.
    private static func plain(_ text: ArraySlice<UInt8>) -> String {
        let words = text.split(separator: UInt8(ascii: " ")).prefix(3)
        let code = String(decoding: words.first?.prefix(20) ?? [], as: UTF8.self)
        guard codes.contains(code) else { return "" }
        guard code == "MOVED" else { return code }
        return words.map { String(decoding: $0.prefix(260), as: UTF8.self) }.joined(separator: " ")
    }
}
