// ConfigValues.swift - a set of settings: checked against the table, read, described.

/// A set of settings; what is not set has its default.
package struct Config: Sendable {
    private var values: [Setting: String] = [:]

    package init() {}

    /// Finds a setting by its name.
    package static func setting(named name: String) throws(Failure) -> Setting {
        guard let setting = Setting(rawValue: name) else {
            throw Failure(
                .configName, "no setting has this name; tv_config_describe() lists them all")
        }
        return setting
    }

    /// Sets a value after checking it against the table.
    package mutating func set(_ setting: Setting, to value: String) throws(Failure) {
        guard Self.fits(value, setting.property.kind) else {
            throw Failure(
                .configValue, "\(setting.rawValue) must be \(Self.rule(setting.property.kind))")
        }
        values[setting] = value
    }

    /// Whether somebody has set it, be it to its default.
    package func isSet(_ setting: Setting) -> Bool { values[setting] != nil }

    package func text(_ setting: Setting) -> String {
        values[setting] ?? setting.property.standard
    }

    /// An integer setting's value. Every value in here has passed `fits`.
    package func integer(_ setting: Setting) -> Int64 { Int64(text(setting)) ?? 0 }

    /// The same as `Int`: every bound of the table fits.
    package func int(_ setting: Setting) -> Int { Int(clamping: integer(setting)) }

    package func bool(_ setting: Setting) -> Bool { text(setting) == "true" }

    private static func fits(_ value: String, _ kind: SettingKind) -> Bool {
        switch kind {
        case .integer(let range):
            guard let number = Int64(value) else { return false }
            return range.contains(number)
        case .bool: return value == "true" || value == "false"
        case .choice(let choices): return choices.contains(value)
        case .text(let maxLength):
            return value.utf8.count <= maxLength && !value.utf8.contains { $0 < 0x20 || $0 == 0x7F }
        case .address(let form, let maxLength):
            return value.utf8.count <= maxLength && form.fits(value)
        }
    }

    private static func rule(_ kind: SettingKind) -> String {
        switch kind {
        case .integer(let range):
            return "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .bool: return "true or false"
        case .choice(let choices): return "one of: " + choices.joined(separator: ", ")
        case .text(let maxLength):
            return "text of at most \(maxLength) bytes without control characters"
        case .address(let form, let maxLength):
            return "at most \(maxLength) bytes, and " + form.rule
        }
    }

    /// The whole table as a JSON array.
    package static func describe(into writer: inout JSONWriter) {
        writer.beginArray()
        for setting in Setting.allCases {
            let property = setting.property
            writer.beginObject()
            writer.key("name")
            writer.string(setting.rawValue)
            writer.key("type")
            switch property.kind {
            case .integer(let range):
                writer.string("integer")
                writer.key("min")
                writer.int(range.lowerBound)
                writer.key("max")
                writer.int(range.upperBound)
            case .bool:
                writer.string("bool")
            case .choice(let choices):
                writer.string("choice")
                writer.key("choices")
                writer.beginArray()
                for choice in choices { writer.string(choice) }
                writer.endArray()
            case .text(let maxLength), .address(_, let maxLength):
                writer.string("text")
                writer.key("max_len")
                writer.int(maxLength)
            }
            writer.key("default")
            writer.string(property.standard)
            writer.key("text")
            writer.string(property.text)
            writer.endObject()
        }
        writer.endArray()
    }
}
