// Property.swift - what one setting is: the values it may have, its default, its meaning.

/// What a setting's text must look like.
package enum SettingKind: Sendable {
    case integer(ClosedRange<Int64>)
    case bool
    case choice([String])
    /// Any text without control characters, up to so many bytes.
    case text(maxLength: Int)
    /// Of a server, up to so many bytes.
    case address(AddressForm, maxLength: Int)
}

/// One row of the table.
package struct Property: Sendable {
    package let kind: SettingKind
    package let standard: String
    package let text: String

    init(_ kind: SettingKind, _ standard: String, _ text: String) {
        self.kind = kind
        self.standard = standard
        self.text = text
    }
}
