// JSONMembers.swift - the members of an object, each name once: the last one wins.
//
// Names repeat only in hostile or broken replies, so a few members are compared with each other
// and many go through a table with a random hash: the cost stays in proportion to the body.

#if canImport(Glibc)
    import Glibc
#endif

/// Walks the members of one object.
package struct JSONMembers {
    /// How many members there were whose name came again later.
    package private(set) var duplicates = 0
    private var key: Int
    private let end: Int
    private let table: KeyTable?
    /// As many as an item of a search has: comparing lengths costs less than hashing names.
    private static let few = 40

    /// Of the object at a position; no members when it is none.
    package init(
        of object: Int, _ tape: borrowing JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        key = object + 1
        end = tape[object].kind == .object ? Int(tape[object].next) : object
        table = Self.isLarge(tape, key, end) ? try KeyTable(tape, key..<end, bytes) : nil
    }

    private static func isLarge(_ tape: JSONTape, _ first: Int, _ end: Int) -> Bool {
        // A member takes two tokens at least.
        guard end - first > few * 2 else { return false }
        var members = 0
        var key = first
        while key + 1 < end, members <= few {
            members += 1
            key = Int(tape[key + 1].next)
        }
        return members > few
    }

    /// The next member's key and value, of the same tape.
    package mutating func next(_ tape: JSONTape, _ bytes: RawSpan) -> (key: Int, value: Int)? {
        while key + 1 < end {
            let current = key
            key = Int(tape[current + 1].next)
            if isLast(current, tape, bytes) { return (current, current + 1) }
            duplicates += 1
        }
        return nil
    }

    private func isLast(_ candidate: Int, _ tape: JSONTape, _ bytes: RawSpan) -> Bool {
        if let table { return table.last(candidate, tape, bytes) == candidate }
        let token = tape[candidate]
        var later = key
        while later + 1 < end {
            let other = tape[later]
            // Names without escapes that are of different lengths: nearly all.
            let differ =
                token.end &- token.start != other.end &- other.start
                && !token.marks.union(other.marks).contains(.escaped)
            if !differ, Self.isSame(token, other, bytes) { return false }
            later = Int(tape[later + 1].next)
        }
        return true
    }

    @inline(never)
    static func isSame(_ one: JSONToken, _ other: JSONToken, _ bytes: RawSpan) -> Bool {
        let bothPlain = !one.marks.union(other.marks).contains(.escaped)
        if bothPlain, one.end - one.start != other.end - other.start { return false }
        let first = one.range(within: bytes.byteCount)
        let second = other.range(within: bytes.byteCount)
        if bothPlain { return isSame(bytes.extracting(first), bytes.extracting(second)) }
        guard let first = JSONText.decoded(bytes.extracting(first)),
            let second = JSONText.decoded(bytes.extracting(second))
        else { return false }
        return first.withBytes { first in second.withBytes { isSame(first, $0) } }
    }

    private static func isSame(_ one: RawSpan, _ other: RawSpan) -> Bool {
        guard one.byteCount == other.byteCount else { return false }
        return unsafe one.withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { other in
                guard let first = one.baseAddress, let second = other.baseAddress else {
                    return true
                }
                return unsafe memcmp(first, second, one.count) == 0
            }
        }
    }
}

/// For each name of a large object the position of its last key: open addressing, at most half
/// full. In C memory, because an outsider decides the size.
@safe
private final class KeyTable {
    private let slots: UnsafeMutablePointer<UInt32>
    private let mask: Int

    init(_ tape: borrowing JSONTape, _ keys: Range<Int>, _ bytes: RawSpan) throws(Failure) {
        var size = 64
        // A member takes two tokens or more, so half of the slots stay empty.
        while size < keys.count { size *= 2 }
        guard let memory = unsafe calloc(size, MemoryLayout<UInt32>.stride) else {
            throw Failure(.noMemory, "not enough memory to read the reply")
        }
        mask = size - 1
        unsafe slots = memory.bindMemory(to: UInt32.self, capacity: size)
        var key = keys.lowerBound
        while key + 1 < keys.upperBound {
            unsafe slots[slot(of: key, tape, bytes)] = UInt32(truncatingIfNeeded: key)
            key = Int(tape[key + 1].next)
        }
    }

    deinit { unsafe free(slots) }

    func last(_ key: Int, _ tape: JSONTape, _ bytes: RawSpan) -> Int {
        unsafe Int(slots[slot(of: key, tape, bytes)])
    }

    /// The slot with this key's name, or the empty one where it belongs. Position 0 is never a
    /// key's, so it means "empty".
    private func slot(of key: Int, _ tape: JSONTape, _ bytes: RawSpan) -> Int {
        var slot = Self.hash(tape[key], bytes) & mask
        while true {
            let there = unsafe Int(slots[slot])
            if there == 0 || JSONMembers.isSame(tape[there], tape[key], bytes) { return slot }
            slot = (slot + 1) & mask
        }
    }

    private static func hash(_ key: JSONToken, _ bytes: RawSpan) -> Int {
        let text = bytes.extracting(key.range(within: bytes.byteCount))
        var hasher = Hasher()
        if key.marks.contains(.escaped) {
            JSONText.decoded(text)?.withBytes { Self.add($0, to: &hasher) }
        } else {
            add(text, to: &hasher)
        }
        return hasher.finalize()
    }

    private static func add(_ text: RawSpan, to hasher: inout Hasher) {
        unsafe text.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}
