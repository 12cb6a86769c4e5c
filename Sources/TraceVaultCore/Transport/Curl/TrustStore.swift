// TrustStore.swift - the file with the certificate authorities, and whether it has changed.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// libcurl keeps the authorities that it has read, for a day by default. It is told how old they
/// may be: not older than the moment at which the file was seen to have changed.
struct TrustStore {
    /// What tells one state of the file from another.
    private struct Stamp: Equatable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var size: Int64 = 0
        var changed: Int64 = 0
        var changedNs: Int64 = 0
    }

    let path: String
    /// The setting that names it.
    private let setting: String
    private var stamp = Stamp()
    private var isFile = true
    /// Since when nothing is there; a file that is replaced may be gone for a moment.
    private var goneSinceUs: Int64?
    private var lookedAtUs: Int64
    private var changedAtUs: Int64?

    private static let lookEveryUs: Int64 = 1_000_000
    private static let longestMomentUs: Int64 = 5_000_000
    /// How long libcurl may keep the authorities of a file that has not changed.
    private static let longestKeepS: Int64 = 86_400

    /// Where distributions keep the certificate authorities.
    private static let usual = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ]

    /// The file that a setting names, or the distribution's where `configured` is empty.
    init(_ configured: String, _ setting: Setting, nowUs: Int64) throws(Failure) {
        let candidates = configured.isEmpty ? Self.usual : [configured]
        guard let path = candidates.first(where: { unsafe access($0, R_OK) == 0 }) else {
            throw Failure(
                .configValue,
                configured.isEmpty
                    ? "no certificate authorities found; install ca-certificates or set tls.ca_file"
                    : "\(setting.rawValue) cannot be read")
        }
        self.path = path
        self.setting = setting.rawValue
        lookedAtUs = nowUs
        _ = readStamp(nowUs: nowUs)
        guard isFile else {
            throw Failure(.configValue, "\(setting.rawValue) is not a file: \(Self.kinds)")
        }
    }

    private static let kinds = "a pipe, a socket or a directory would hold up the engine"

    /// Looks at the file, at most once a second. True when it is another one than before.
    mutating func look(nowUs: Int64) throws(Failure) -> Bool {
        var isOther = false
        if nowUs - lookedAtUs >= Self.lookEveryUs {
            lookedAtUs = nowUs
            isOther = readStamp(nowUs: nowUs)
            if isOther { changedAtUs = nowUs }
        }
        guard isFile else {
            throw Failure(.tls, "\(setting) is not a file any more: \(Self.kinds)")
        }
        // libcurl would go on with what it has read; who takes the file away wants an end of that.
        if let goneSinceUs, nowUs - goneSinceUs >= Self.longestMomentUs {
            throw Failure(.tls, "the file of \(setting) is gone: nobody is trusted without it")
        }
        return isOther
    }

    /// For CURLOPT_CA_CACHE_TIMEOUT. Rounded down: what was read before the change was seen is
    /// older than that, what was read a second after it is not.
    func keepSeconds(nowUs: Int64) -> Int {
        guard let changedAtUs else { return Int(Self.longestKeepS) }
        return Int(min(max(0, nowUs - changedAtUs) / 1_000_000, Self.longestKeepS))
    }

    /// True when the file is another one than before. While it is replaced it may not be there for
    /// a moment, and is the old one then.
    private mutating func readStamp(nowUs: Int64) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            goneSinceUs = goneSinceUs ?? nowUs
            return false
        }
        goneSinceUs = nil
        isFile = status.st_mode & S_IFMT == S_IFREG
        let found = Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            size: Int64(status.st_size), changed: Int64(status.st_ctim.tv_sec),
            changedNs: Int64(status.st_ctim.tv_nsec))
        defer { stamp = found }
        return found != stamp
    }
}
