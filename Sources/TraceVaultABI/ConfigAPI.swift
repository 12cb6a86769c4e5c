// ConfigAPI.swift - tv_config: settings by name.

public import CTraceVault
import TraceVaultCore

final class ConfigObject: Handled {
    static let handleKind = HandleKind.config
    private struct State {
        var config = Config()
        /// Text that is lent to the host, until the setting changes.
        var lent: [Setting: CText] = [:]
    }
    private let state = Lock(State())
    let secrets = NamedSecrets()

    var config: Config { state.withLock { $0.config } }

    func set(_ setting: Setting, to value: String) throws(Failure) {
        try state.withLock { state throws(Failure) in
            try state.config.set(setting, to: value)
            state.lent[setting] = nil
        }
    }

    func text(_ setting: Setting) -> CText {
        state.withLock { state in
            if let lent = state.lent[setting] { return lent }
            let fresh = CText(state.config.text(setting))
            state.lent[setting] = fresh
            return fresh
        }
    }

    /// What is behind an optional argument: settings, and secrets beside them.
    static func optional(_ handle: OpaquePointer?) throws(Failure) -> ConfigObject {
        guard unsafe handle != nil else { return ConfigObject() }
        return try unsafe Handles.get(handle, as: ConfigObject.self)
    }
}

@_cdecl("tv_config_new") @implementation
public func tv_config_new(
    _ config_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(config_out, "config_out", error_out) { () throws(Failure) in
        ConfigObject()
    }
}

@_cdecl("tv_config_set") @implementation
public func tv_config_set(
    _ config: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ value: UnsafePointer<CChar>?, _ value_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(config, as: ConfigObject.self)
        let setting = try Config.setting(named: unsafe text(name, name_len, "name"))
        let value = try unsafe text(value, value_len, "value", limit: Library.maxSetting)
        try object.set(setting, to: value)
    }
}

@_cdecl("tv_config_get") @implementation
public func tv_config_get(
    _ config: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ value_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ value_len_out: UnsafeMutablePointer<Int>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(config, as: ConfigObject.self)
        let out = try unsafe required(value_out, "value_out")
        let setting = try Config.setting(named: unsafe text(name, name_len, "name"))
        let value = object.text(setting)
        unsafe out.pointee = value.pointer
        if let length = unsafe value_len_out { unsafe length.pointee = value.count }
    }
}

@_cdecl("tv_config_secret") @implementation
public func tv_config_secret(
    _ config: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ secret: UnsafeRawPointer?, _ secret_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(config, as: ConfigObject.self)
        let name = try unsafe text(name, name_len, "name")
        let secret = try unsafe bytes(
            secret, secret_len, "secret", limit: 2048, beyond: .credentialFormat)
        try unsafe object.secrets.set(name, to: secret)
    }
}

@_cdecl("tv_config_describe") @implementation
public func tv_config_describe(
    _ document_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        try Document.json { Config.describe(into: &$0) }
    }
}

@_cdecl("tv_config_free") @implementation
public func tv_config_free(_ config: OpaquePointer?) {
    unsafe release(config, as: ConfigObject.self)
}
