// Library.swift - what every part may know about this build.

package enum Library {
    /// A check keeps it equal to TV_VERSION of the header.
    package static let version = "0.1.0"

    /// The longest stored reply that is decoded, in bytes.
    package static let maxReply = 64 << 20
    /// Bytes of a stored text that a host wants to walk.
    package static let maxStored = 256 << 20
    /// Bytes of a path or of a name of something.
    package static let maxName = 4096
    /// Bytes of a setting's value.
    package static let maxSetting = 65_536
}
