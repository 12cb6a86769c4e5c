// HeaderText.swift - a header line that libcurl keeps a pointer to.

#if canImport(Glibc)
    import Glibc
#endif

/// A C string that lives as long as its owner; not for secrets.
@safe
final class HeaderText: @unchecked Sendable {
    /// Nil where there is no memory, and where the text is not one line.
    let pointer: UnsafeMutablePointer<CChar>?
    var isThere: Bool { unsafe pointer != nil }

    init(_ text: String) {
        unsafe pointer = text.utf8.contains(where: SecretHeader.isEnd) ? nil : strdup(text)
    }

    deinit { unsafe free(pointer) }
}
