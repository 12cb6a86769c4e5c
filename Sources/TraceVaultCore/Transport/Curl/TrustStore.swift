// TrustStore.swift - the file with the certificate authorities, and whether it has changed.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// libcurl keeps the authorities that it has read, for a day by default. It is told how old they
/// may be: not older than the moment at which the file was seen to have changed. Threads of the
/// library look at it: where its file system hangs, what is known holds, and the engine goes on.
final class TrustStore: Watched {
    /// What tells one state of the file from another.
    private struct Stamp: Equatable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var size: Int64 = 0
        var changed: Int64 = 0
        var changedNs: Int64 = 0
    }

    private struct State {
        var stamp = Stamp()
        var isFile = true
        /// Since when nothing is there; a file that is replaced may be gone for a moment.
        var goneSinceUs: Int64?
        var changedAtUs: Int64?
        /// How often it was seen to be another one.
        var changes: UInt64 = 0
    }

    let path: String
    /// The setting that names it.
    private let setting: String
    private let watch = Watch(everyMs: TrustStore.lookEveryMs, nowMs: TrustStore.bootMs)
    /// Nil where whoever uses it looks himself.
    private let lookout: Lookout?
    private let state = Lock(State())

    private static var bootMs: Int64 { tvs_boot_us() / 1000 }
    private static let lookEveryMs: Int64 = 1000
    private static let longestMomentUs: Int64 = 5_000_000
    /// How long libcurl may keep the authorities of a file that has not changed.
    private static let longestKeepS: Int64 = 86_400

    /// Where distributions keep the certificate authorities.
    private static let usual = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ]

    /// The file that a setting names, or the distribution's where `configured` is empty.
    /// - Parameter lookout: who looks at it; nil where whoever uses it may wait for a file system.
    init(
        _ configured: String, _ setting: Setting, nowUs: Int64, lookout: Lookout?
    ) throws(Failure) {
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
        self.lookout = lookout
        examine(nowUs: nowUs)
        let isFile = state.withLock { state in
            state.changedAtUs = nil
            return state.isFile
        }
        guard isFile else {
            throw Failure(.configValue, "\(setting.rawValue) is not a file: \(Self.kinds)")
        }
        lookout?.add(self, watch)
    }

    private static let kinds = "a pipe, a socket or a directory would hold up the engine"

    deinit { lookout?.remove(self) }

    /// The number of the file's state, as far as is known: another file has another one.
    func look(nowUs: Int64) throws(Failure) -> UInt64 {
        if watch.use(nowMs: Self.bootMs) {
            if let lookout {
                _ = lookout.hasten(watch)
            } else {
                watch.begin(nowMs: Self.bootMs)
                examine(nowUs: nowUs)
                watch.end(nowMs: Self.bootMs, hasFound: true)
            }
        }
        let (isFile, goneSinceUs, changes) = state.withLock { state in
            (state.isFile, state.goneSinceUs, state.changes)
        }
        guard isFile else {
            throw Failure(.tls, "\(setting) is not a file any more: \(Self.kinds)")
        }
        // libcurl would go on with what it has read; who takes the file away wants an end of that.
        if let goneSinceUs, nowUs - goneSinceUs >= Self.longestMomentUs {
            throw Failure(.tls, "the file of \(setting) is gone: nobody is trusted without it")
        }
        return changes
    }

    /// For CURLOPT_CA_CACHE_TIMEOUT. Rounded down: what was read before the change was seen is
    /// older than that, what was read a second after it is not.
    func keepSeconds(nowUs: Int64) -> Int {
        guard let changedAtUs = state.withLock({ $0.changedAtUs }) else {
            // What does not come back when it is looked at would not when libcurl reads it.
            return watch.due == nil ? Int(Int32.max) : Int(Self.longestKeepS)
        }
        return Int(min(max(0, nowUs - changedAtUs) / 1_000_000, Self.longestKeepS))
    }

    // MARK: - Looks of the lookout

    func errand() -> ((_ hasCome: () -> Void) -> Bool)? {
        return { [path, weak self] _ in
            let found = Self.status(of: path)
            self?.take(found, nowUs: tvs_monotonic_us())
            // Also where it is not there: that it comes back is to be seen soon.
            return true
        }
    }

    /// Looks at the file at once.
    func examine(nowUs: Int64) { take(Self.status(of: path), nowUs: nowUs) }

    private static func status(of path: String) -> stat? {
        var status = stat()
        // It may hang, and a fork goes through meanwhile.
        let held = tvs_fork_pause()
        let answer = unsafe stat(path, &status)
        tvs_fork_resume(held)
        return answer == 0 ? status : nil
    }

    /// While the file is replaced it may not be there for a moment, and is the old one then.
    private func take(_ status: stat?, nowUs: Int64) {
        state.withLock { state in
            guard let status else {
                state.goneSinceUs = state.goneSinceUs ?? nowUs
                return
            }
            state.goneSinceUs = nil
            state.isFile = status.st_mode & S_IFMT == S_IFREG
            let found = Stamp(
                device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
                size: Int64(status.st_size), changed: Int64(status.st_ctim.tv_sec),
                changedNs: Int64(status.st_ctim.tv_nsec))
            guard found != state.stamp else { return }
            (state.stamp, state.changedAtUs) = (found, nowUs)
            state.changes += 1
        }
    }
}
