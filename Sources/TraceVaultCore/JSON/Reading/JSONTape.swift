// JSONTape.swift - a checked JSON text, as a list of tokens in the order of the text.
//
// One flat array: no node, no string and no dictionary per value, so reading costs one allocation.
// Hosts walk it as `tv_entry`, so its layout is that of the header.
// Tokens are positions in the body; the text is looked at only when somebody asks for it. What is
// expected of a reply (names, types) does not belong here.

import CSystem

/// One value or one key of a JSON text.
package struct JSONToken: Sendable {
    package enum Kind: UInt8, Sendable {
        case null, bool, number, string, array, object
    }

    /// Where the text begins and ends in the body; strings without their quotes.
    package var start: UInt32
    package var end: UInt32
    /// The token after this value and all that is inside it.
    package var next: UInt32
    package var kind: Kind
    package var marks: Marks
    /// Hosts see every byte of a token.
    package let reserved: UInt16 = 0

    package struct Marks: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A string with at least one backslash.
        package static let escaped = Marks(rawValue: 1)
        /// A string with half of a surrogate pair, read as U+FFFD.
        package static let loneSurrogate = Marks(rawValue: 2)
        /// A number with neither fraction nor exponent.
        package static let integer = Marks(rawValue: 4)
        /// A string with an escape that a `JSONWriter` writes differently: `\/`, `\uXXXX`.
        package static let rewritten = Marks(rawValue: 16)
        /// The literal `true`.
        package static let isTrue = Marks(rawValue: 8)
    }

    /// The text's place, never outside a body of `limit` bytes.
    @inline(__always)
    package func range(within limit: Int) -> Range<Int> {
        let last = min(Int(end), limit)
        return min(Int(start), last)..<last
    }

    /// What stands in for a token that is not there.
    static let missing = JSONToken(start: 0, end: 0, next: 0, kind: .null, marks: [])
}

/// A whole JSON text. Filled once by `JSONReader`, then only read.
@safe
package final class JSONTape: @unchecked Sendable {
    /// The text. Must not change while the tape is used.
    package let body: ByteBuffer
    package var count: Int { unsafe used }
    /// What its tokens take in memory.
    package var byteCount: Int { size }
    // Looked at for every token, written once: the run-time check for overlap is off.
    @exclusivity(unchecked) private var used = 0
    /// The text began with a byte order mark.
    package internal(set) var hasByteOrderMark = false
    /// Some string, key or value, holds half of a surrogate pair.
    package internal(set) var loneSurrogates = 0
    @exclusivity(unchecked) private var tokens: UnsafeMutablePointer<JSONToken>?
    /// Of the tokens' memory, in bytes.
    private var size = 0

    init(of body: ByteBuffer) {
        self.body = body
    }

    deinit { unsafe tvs_free_grown(tokens, size) }

    /// Memory for `capacity` tokens that keeps those there are; nil when there is none.
    func grow(to capacity: Int) -> UnsafeMutablePointer<JSONToken>? {
        let (size, overflow) = capacity.multipliedReportingOverflow(
            by: MemoryLayout<JSONToken>.stride)
        guard !overflow, let grown = unsafe tvs_regrow(tokens, self.size, size) else { return nil }
        self.size = size
        unsafe tokens = grown.assumingMemoryBound(to: JSONToken.self)
        return unsafe tokens
    }

    func finish(count: Int) { unsafe used = count }

    /// The tokens from a position on when there are `length` of them; valid while the tape lives.
    @inline(__always)
    func tokens(from index: Int, length: Int) -> UnsafePointer<JSONToken>? {
        guard index >= 0, index <= count &- length, let tokens = unsafe tokens else { return nil }
        return unsafe UnsafePointer(tokens + index)
    }

    /// All tokens, for as long as the tape lives.
    package var all: UnsafePointer<JSONToken>? { unsafe UnsafePointer(tokens) }

    /// The token at a position; position 0 is the whole text.
    package subscript(index: Int) -> JSONToken {
        guard index >= 0, index < count, let tokens = unsafe tokens else { return .missing }
        return unsafe tokens[index]
    }
}

/// The tokens while they are read, and the containers that are open around the next one.
@safe
struct JSONTokenList {
    var tokens: UnsafeMutablePointer<JSONToken>
    var capacity: Int
    private(set) var used = 0
    private(set) var depth = 0
    /// Whether the innermost open container is an object.
    private(set) var isObject = false
    /// Its token; while one is open, its `next` names the one around it.
    private var parent: UInt32 = 0

    init(_ tokens: UnsafeMutablePointer<JSONToken>, _ capacity: Int) {
        unsafe self.tokens = tokens
        self.capacity = capacity
    }

    /// Another text begins behind those that are there.
    mutating func beginText() {
        isObject = false
        parent = 0
    }

    /// Adds a value or a key; there must be room. Positions fit: no body has 2 GiB.
    @inline(__always)
    mutating func add(
        _ kind: JSONToken.Kind, _ start: Int, _ end: Int, _ marks: JSONToken.Marks
    ) {
        unsafe tokens[used] = JSONToken(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
            next: UInt32(truncatingIfNeeded: used &+ 1), kind: kind, marks: marks)
        used &+= 1
    }

    @inline(__always)
    mutating func open(_ isObject: Bool, _ at: Int) {
        unsafe tokens[used] = JSONToken(
            start: UInt32(truncatingIfNeeded: at), end: 0, next: parent,
            kind: isObject ? .object : .array, marks: [])
        parent = UInt32(truncatingIfNeeded: used)
        self.isObject = isObject
        used &+= 1
        depth &+= 1
    }

    /// The innermost container ends before `at`; one must be open.
    @inline(__always)
    mutating func close(_ at: Int) {
        let index = Int(parent)
        unsafe parent = tokens[index].next
        unsafe tokens[index].end = UInt32(truncatingIfNeeded: at)
        unsafe tokens[index].next = UInt32(truncatingIfNeeded: used)
        unsafe isObject = tokens[Int(parent)].kind == .object
        depth &-= 1
    }
}
