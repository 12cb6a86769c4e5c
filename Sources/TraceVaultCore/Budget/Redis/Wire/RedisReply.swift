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

/// Reads replies out of bytes that come in pieces: what was read once is not read again, however
/// small the pieces are.
struct RedisReader {
    /// A list of which parts have to come.
    private struct OpenList {
        let count: Int
        var parts: [RedisReply] = []
    }

    private enum Piece {
        case whole(RedisReply)
        case list(count: Int)
    }

    private var bytes: [UInt8] = []
    /// The first byte that was not read, and up to where no line ends behind it.
    private var (place, looked) = (0, 0)
    /// How much of the reply at hand was read: its open lists, and how long the text is that comes.
    private var length = 0
    private var lists: [OpenList] = []
    private var textLength: Int?

    private static let mostBytes = 1 << 20
    private static let mostParts: Int64 = 64
    private static let mostText: Int64 = 65_536
    static let strange = Failure(.transport, "what answers there does not speak as a Redis does")

    mutating func add(_ more: ArraySlice<UInt8>) {
        // Not at each piece: no byte is moved more than once.
        if place > bytes.count / 2 {
            bytes.removeFirst(place)
            (place, looked) = (0, looked - place)
        }
        bytes.append(contentsOf: more)
    }

    /// How many bytes have come that were not read, and how many of them hold no end of a line.
    var waiting: (bytes: Int, withoutEnd: Int) { (bytes.count - place, looked - place) }

    /// False when what was to be one reply goes on and on.
    var hasRoom: Bool { length + bytes.count - place <= Self.mostBytes }

    /// The next whole reply; nil while more of it has to come.
    mutating func next() throws(Failure) -> RedisReply? {
        while let piece = try piece() {
            switch piece {
            case .list(let count) where count > 0: lists.append(OpenList(count: count))
            case .list: if let reply = add(.list([])) { return reply }
            case .whole(let part): if let reply = add(part) { return reply }
            }
        }
        return nil
    }

    /// Adds a part to the innermost open list; answers the reply when that was its last part.
    private mutating func add(_ part: RedisReply) -> RedisReply? {
        var part = part
        while var list = lists.popLast() {
            list.parts.append(part)
            guard list.parts.count == list.count else {
                lists.append(list)
                return nil
            }
            part = .list(list.parts)
        }
        length = 0
        return part
    }

    /// The next part without parts of its own, or the beginning of a list.
    private mutating func piece() throws(Failure) -> Piece? {
        if let count = textLength {
            guard bytes.count - place >= count + 2 else { return nil }
            let text = String(decoding: bytes[place..<place + count], as: UTF8.self)
            move(by: count + 2)
            textLength = nil
            return .whole(.text(text))
        }
        guard let line = try line() else { return nil }
        guard let kind = line.first else { throw Self.strange }
        let rest = line.dropFirst()
        switch kind {
        case UInt8(ascii: "+"): return .whole(.text(String(decoding: rest, as: UTF8.self)))
        case UInt8(ascii: "-"): return .whole(.refused(Self.plain(rest)))
        case UInt8(ascii: ":"): return .whole(.number(try Self.integer(rest)))
        case UInt8(ascii: "$"):
            let count = try Self.integer(rest)
            if count == -1 { return .whole(.none) }
            guard (0...Self.mostText).contains(count) else { throw Self.strange }
            textLength = Int(count)
            return try piece()
        case UInt8(ascii: "*"):
            let count = try Self.integer(rest)
            if count == -1 { return .whole(.none) }
            guard (0...Self.mostParts).contains(count), lists.count < 2 else {
                throw Self.strange
            }
            return .list(count: Int(count))
        default: throw Self.strange
        }
    }

    /// What comes before the next CR LF.
    private mutating func line() throws(Failure) -> ArraySlice<UInt8>? {
        guard let end = bytes[looked...].firstIndex(of: UInt8(ascii: "\n")) else {
            looked = bytes.count
            return nil
        }
        guard end > place, bytes[end - 1] == UInt8(ascii: "\r") else { throw Self.strange }
        let line = bytes[place..<(end - 1)]
        move(by: end + 1 - place)
        return line
    }

    private mutating func move(by count: Int) {
        place += count
        looked = place
        length += count
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
