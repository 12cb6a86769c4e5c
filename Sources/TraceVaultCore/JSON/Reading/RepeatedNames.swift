// RepeatedNames.swift - which members of an object have a name that comes again later.
//
// Each name is read once, for a random hash, and once more only beside a name of the same hash:
// neither how many others there are nor how they begin makes it dearer. In C memory, because an
// outsider decides the size.

#if canImport(Glibc)
    import Glibc
#endif

/// Members by their number; only made where there is one.
@safe
final class RepeatedNames {
    private let bits: UnsafeMutablePointer<UInt8>
    private let count: Int

    private init?(_ count: Int) {
        guard let memory = unsafe calloc(count / 8 + 1, 1) else { return nil }
        unsafe bits = memory.assumingMemoryBound(to: UInt8.self)
        self.count = count
    }

    deinit { unsafe free(bits) }

    func contains(_ member: Int) -> Bool {
        guard member >= 0, member < count else { return false }
        return unsafe bits[member / 8] >> (member % 8) & 1 == 1
    }

    private func insert(_ member: Int) {
        guard member >= 0, member < count else { return }
        unsafe bits[member / 8] |= 1 << (member % 8)
    }

    /// Of an object's keys, which have `count` names; nil when none comes again.
    static func find(
        _ keys: Range<Int>, _ count: Int, _ tape: borrowing JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> RepeatedNames? {
        guard let names = NameTable(count) else { throw outOfMemory }
        var found: RepeatedNames?
        var (key, number) = (keys.lowerBound, 0)
        while key + 1 < keys.upperBound {
            if let former = names.put(key, number, tape, bytes) {
                guard let repeated = found ?? RepeatedNames(count) else { throw outOfMemory }
                repeated.insert(former)
                found = repeated
            }
            key = Int(tape[key + 1].next)
            number += 1
        }
        return found
    }

    private static let outOfMemory = Failure(.noMemory, "not enough memory to read the reply")
}

/// The names of one object: open addressing, at most half full.
@safe
final class NameTable {
    private struct Slot {
        var hash: UInt32
        /// The last key of this name, and which member it is. Position 0 is never a key's, so it
        /// means "empty".
        var key: UInt32
        var number: UInt32
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    /// How many names were read again beside one of the same hash.
    private(set) var comparisons = 0

    /// For so many names; nil without memory.
    init?(_ count: Int) {
        var size = 8
        while size < count * 2 { size *= 2 }
        guard let memory = unsafe calloc(size, MemoryLayout<Slot>.stride) else { return nil }
        mask = size - 1
        unsafe slots = memory.bindMemory(to: Slot.self, capacity: size)
    }

    deinit { unsafe free(slots) }

    /// Adds a key; answers which member had the same name before.
    func put(
        _ key: Int, _ number: Int, _ tape: borrowing JSONTape, _ bytes: RawSpan
    ) -> Int? {
        let all = Self.hash(tape[key], bytes)
        let new = Slot(
            hash: UInt32(truncatingIfNeeded: all >> 32), key: UInt32(truncatingIfNeeded: key),
            number: UInt32(truncatingIfNeeded: number))
        var place = all & mask
        while true {
            let there = unsafe slots[place]
            guard there.key != 0 else {
                unsafe slots[place] = new
                return nil
            }
            if there.hash == new.hash {
                comparisons += 1
                if JSONMembers.isSame(tape[Int(there.key)], tape[key], bytes) {
                    unsafe slots[place] = new
                    return Int(there.number)
                }
            }
            place = (place + 1) & mask
        }
    }

    private static func hash(_ key: JSONToken, _ bytes: RawSpan) -> Int {
        let text = bytes.extracting(key.range(within: bytes.byteCount))
        var hasher = Hasher()
        if key.marks.contains(.escaped) {
            unsafe withUnsafeTemporaryAllocation(byteCount: pieceLength, alignment: 8) { piece in
                var place = 0
                while place < text.byteCount {
                    let length = unsafe JSONText.decode(text, from: &place, into: piece)
                    unsafe hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: piece[..<length]))
                }
            }
        } else {
            unsafe text.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        }
        return hasher.finalize()
    }

    private static let pieceLength = 512
}
