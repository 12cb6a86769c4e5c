// Fingerprint.swift - stands for a text of a stranger that may be long.

/// Two of Swift's hashes, whose keys are random for each process, so nobody outside finds two texts
/// with the same.
struct Fingerprint: Hashable {
    private let first: Int
    private let second: Int

    init(_ bytes: RawSpan) {
        (first, second) = unsafe bytes.withUnsafeBytes { bytes in
            var (one, other) = (Hasher(), Hasher())
            other.combine(true)
            unsafe one.combine(bytes: bytes)
            unsafe other.combine(bytes: bytes)
            return (one.finalize(), other.finalize())
        }
    }

    init(_ value: some Hashable) {
        var (one, other) = (Hasher(), Hasher())
        other.combine(true)
        one.combine(value)
        other.combine(value)
        (first, second) = (one.finalize(), other.finalize())
    }
}
