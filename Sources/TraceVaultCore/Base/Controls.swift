// Controls.swift - characters that steer a terminal or end a line, in text that is UTF-8.

extension Collection<UInt8> {
    /// Whether UTF-8 has C0, DEL or C1 control characters; the latter are C2 80 to C2 9F.
    var hasControls: Bool {
        var last: UInt8 = 0
        for byte in self {
            if byte < 0x20 || byte == 0x7F || (last == 0xC2 && byte < 0xA0) { return true }
            last = byte
        }
        return false
    }
}
