// MessageRef.swift - the id of a message, as a queued request keeps it.

/// An id that `Identifiers.messageRef` has checked: 1 to 256 characters of ASCII. Most have the 16
/// of Cloudflare's own, and a million may be queued: those lie in the value, not in memory of
/// their own.
package struct MessageRef: Sendable, Hashable {
    private enum Storage {
        /// The characters from the lowest byte on; zeros follow the last.
        case short(UInt64, UInt64)
        case long(String)
    }

    private let storage: Storage

    @_optimize(size) init(_ text: String) {
        guard text.utf8.count <= 16 else {
            storage = .long(text)
            return
        }
        var (low, high) = (UInt64(0), UInt64(0))
        var shift: UInt64 = 0
        for character in text.utf8 {
            if shift < 64 {
                low |= UInt64(character) << shift
            } else {
                high |= UInt64(character) << (shift - 64)
            }
            shift += 8
        }
        storage = .short(low, high)
    }

    var text: String {
        switch storage {
        case .long(let text): return text
        case .short(let low, let high):
            let count =
                16 - (high == 0 ? 64 + low.leadingZeroBitCount : high.leadingZeroBitCount) / 8
            return unsafe String(unsafeUninitializedCapacity: 16) { characters in
                let bytes = UnsafeMutableRawBufferPointer(characters)
                unsafe bytes.storeBytes(of: low.littleEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: high.littleEndian, toByteOffset: 8, as: UInt64.self)
                return count
            }
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch storage {
        case .long(let text): hasher.combine(text)
        case .short(let low, let high):
            hasher.combine(low)
            hasher.combine(high)
        }
    }

    package static func == (one: Self, other: Self) -> Bool {
        switch (one.storage, other.storage) {
        case (.short(let low, let high), .short(let otherLow, let otherHigh)):
            low == otherLow && high == otherHigh
        case (.long(let text), .long(let otherText)): text == otherText
        default: false
        }
    }
}
