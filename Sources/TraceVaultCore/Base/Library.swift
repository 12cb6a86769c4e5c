// Library.swift - what every part may know about this build.

package enum Library {
    /// A check keeps it equal to TV_VERSION of the header.
    package static let version = "0.1.0"

    /// The longest stored reply that is decoded, in bytes.
    package static let maxReply = 64 << 20
}
