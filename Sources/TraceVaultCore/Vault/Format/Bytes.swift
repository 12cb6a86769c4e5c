// Bytes.swift - little-endian integers, identifiers and ranges in and out of raw bytes.
//
// Every read is checked against the end and answers nil; nothing here knows the vault's format.

import Glibc

/// 16 random bytes, ordered as bytes are.
package struct Identifier: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// A fresh one from libsodium's generator.
    static func random() -> Identifier {
        let (high, low) = Sealing.randomWords()
        return Identifier(high: high, low: low)
    }
}

extension Range<Int> {
    /// The first place for which `isReached` holds, or the end; it holds for all behind that.
    func firstPlace(_ isReached: (Int) -> Bool) -> Int {
        var range = self
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range =
                isReached(middle) ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return range.lowerBound
    }
}

extension RawSpan {
    /// A little-endian integer, or nil beyond the end.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: T.Type) -> T? {
        guard offset >= 0, offset <= byteCount - MemoryLayout<T>.size else { return nil }
        return T(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    func identifier(at offset: Int) -> Identifier? {
        guard let high = integer(at: offset, as: UInt64.self),
            let low = integer(at: offset + 8, as: UInt64.self)
        else { return nil }
        return Identifier(high: high.byteSwapped, low: low.byteSwapped)
    }

    /// Compares fast, not in constant time: not for secrets.
    func isSame(as other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                guard let left = left.baseAddress, let right = right.baseAddress else {
                    return byteCount == 0
                }
                return unsafe memcmp(left, right, byteCount) == 0
            }
        }
    }

    func isWithin(_ range: Range<Int>) -> Bool {
        range.lowerBound >= 0 && range.upperBound <= byteCount
    }

    /// Whether the range exists and holds only zeros.
    func isZero(_ range: Range<Int>) -> Bool {
        guard isWithin(range) else { return false }
        for offset in range where (unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)) != 0 {
            return false
        }
        return true
    }

    /// The text in a range that was checked to be UTF-8; "" where there is none.
    func text(_ range: Range<Int>?) -> String {
        guard let range, isWithin(range) else { return "" }
        return unsafe extracting(range).withUnsafeBytes {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }
}

extension ByteBuffer {
    /// Compares fast, not in constant time: not for secrets.
    func isSame(as other: ByteBuffer) -> Bool {
        self === other || withBytes { own in other.withBytes { own.isSame(as: $0) } }
    }
}

/// Appends to a ByteBuffer; running out of room is remembered, as in JSONWriter.
struct BytesWriter: ~Copyable {
    let buffer: ByteBuffer
    private(set) var isComplete = true

    init(into buffer: ByteBuffer) {
        self.buffer = buffer
    }

    /// Makes the writer incomplete.
    mutating func fail() { isComplete = false }

    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        if isComplete { isComplete = unsafe buffer.append(bytes) }
    }

    mutating func bytes(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { unsafe bytes($0) }
    }

    mutating func bytes(_ span: RawSpan, _ range: Range<Int>) {
        guard span.isWithin(range) else { return isComplete = false }
        bytes(span.extracting(range))
    }

    mutating func integer(_ value: some FixedWidthInteger) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes($0) }
    }

    mutating func identifier(_ value: Identifier) {
        integer(value.high.byteSwapped)
        integer(value.low.byteSwapped)
    }

    mutating func label(_ text: StaticString) {
        unsafe bytes(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func text(_ value: String) {
        var copy = value
        copy.withUTF8 { unsafe bytes(UnsafeRawBufferPointer($0)) }
    }

    mutating func zeros(_ count: Int) {
        guard count > 0 else { return }
        unsafe filled(count) { unsafe $0.initializeMemory(as: UInt8.self, repeating: 0) }
    }

    /// Appends `count` bytes that `fill` writes.
    mutating func filled(_ count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        guard isComplete else { return }
        isComplete = unsafe buffer.append(room: count) { room in
            unsafe fill(room)
            return count
        }
    }

    /// As `filled`, and remembers when `fill` says that it could not.
    mutating func attempt(_ count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Bool) {
        guard isComplete else { return }
        isComplete = unsafe buffer.append(room: count) { unsafe fill($0) ? count : 0 }
    }
}

/// Numbers as people read them in files and documents: 16 hexadecimal digits a word.
package enum HexText {
    package static func of(_ word: UInt64) -> String { of(CollectionOfOne(word)) }

    /// Written in place: a credential has three such texts, made for each first look-up.
    package static func of(_ words: some Collection<UInt64>) -> String {
        let count = words.count * 16
        return unsafe String(unsafeUninitializedCapacity: count) { out in
            var place = 0
            for word in words {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift) & 0xF)
                    unsafe out[place] = digit + (digit < 10 ? 0x30 : 0x57)
                    place += 1
                }
            }
            return count
        }
    }
}
