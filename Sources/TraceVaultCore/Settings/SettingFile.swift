// SettingFile.swift - a file that a setting names: the same one wherever the host goes later.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

package struct SettingFile: Sendable {
    let setting: Setting
    /// From the root, as bytes with a NUL at the end: a directory need not be UTF-8. Nil where the
    /// setting is empty.
    let path: [CChar]?

    init(_ setting: Setting, _ text: String) throws(Failure) {
        self.setting = setting
        guard !text.isEmpty else {
            path = nil
            return
        }
        guard let absolute = unsafe tvs_absolute_path(text) else {
            throw Failure(
                .configValue,
                "\(setting.rawValue) is a relative path, and there is no working directory")
        }
        defer { unsafe free(absolute) }
        path = unsafe Array(UnsafeBufferPointer(start: absolute, count: strlen(absolute) + 1))
    }
}

extension Config {
    func file(_ setting: Setting) throws(Failure) -> SettingFile {
        try SettingFile(setting, text(setting))
    }
}
