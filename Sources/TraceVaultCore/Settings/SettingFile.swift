// SettingFile.swift - a file that a setting names: the same one wherever the host goes later.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

package struct SettingFile: Sendable {
    let setting: Setting
    /// From the root, as bytes with a NUL at the end: a directory need not be UTF-8. Nil where the
    /// setting is empty. Where it cannot be told, that is a fault of whoever needs the file.
    let path: Result<[CChar], Failure>?

    init(_ setting: Setting, _ text: String) {
        self.setting = setting
        path =
            text.isEmpty ? nil : Result { () throws(Failure) in try Self.absolute(setting, text) }
    }

    private static func absolute(_ setting: Setting, _ text: String) throws(Failure) -> [CChar] {
        guard let absolute = unsafe tvs_absolute_path(text) else {
            throw Failure(
                .configValue,
                "\(setting.rawValue) is a relative path, and there is no working directory")
        }
        defer { unsafe free(absolute) }
        return unsafe Array(UnsafeBufferPointer(start: absolute, count: strlen(absolute) + 1))
    }
}

extension Config {
    func file(_ setting: Setting) -> SettingFile { SettingFile(setting, text(setting)) }
}
