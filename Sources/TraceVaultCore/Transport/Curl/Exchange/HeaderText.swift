// HeaderText.swift - a header line that libcurl keeps a pointer to.

#if canImport(Glibc)
    import Glibc
#endif

/// A C string that lives as long as its owner; not for secrets.
@safe
final class HeaderText: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<CChar>?
    init(_ text: String) { unsafe pointer = strdup(text) }
    deinit { unsafe free(pointer) }
}
