// TrustStore.swift - the file with the certificate authorities, and whether it has changed.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Threads of the library look at it, and read it: where its file system hangs, what is known
/// holds, and the engine goes on. libcurl never opens it, so nothing that takes the file's place
/// holds up the engine.
final class TrustStore: Watched {
    /// What a look has found.
    private enum Found {
        case same
        case text([UInt8], FileStamp)
        case noFile
        /// Nothing, or it cannot be read, with the errno.
        case nothing(Int32)
    }

    private struct State {
        /// Nil where there is no file.
        var stamp: FileStamp?
        var isFile = true
        /// Since when nothing can be read; a file that is replaced may be gone for a moment.
        var goneSinceUs: Int64?
        var error: Int32 = 0
        /// What was read, until somebody wants the authorities: making them takes 10 ms.
        var text: [UInt8]?
        var authorities: Authorities?
    }

    private let path: String
    /// The setting that names it.
    private let setting: String
    private let watch = Watch(everyMs: TrustStore.lookEveryMs, nowMs: TrustStore.bootMs)
    /// Nil where whoever uses it looks himself.
    private let lookout: Lookout?
    private let state = Lock(State())

    private static var bootMs: Int64 { tvs_boot_us() / 1000 }
    private static let lookEveryMs: Int64 = 1000
    private static let longestMomentUs: Int64 = 5_000_000
    /// Twenty times what distributions have.
    private static let mostBytes = 4 << 20

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
        let (isFile, text, error) = state.withLock { ($0.isFile, $0.text, $0.error) }
        guard isFile else {
            throw Failure(.configValue, "\(setting.rawValue) is not a file: \(Self.kinds)")
        }
        guard let text else { throw Self.unreadable(error, "\(setting.rawValue) cannot be read") }
        guard text.count <= Self.mostBytes else {
            throw Failure(.configValue, "\(setting.rawValue) has more than 4 MiB")
        }
        lookout?.add(self, watch)
    }

    /// No descriptor and no memory is nobody's setting.
    private static func unreadable(_ error: Int32, _ message: String) -> Failure {
        switch error {
        case EMFILE, ENFILE:
            Failure(
                lacking: error, message + ": close some descriptors, or raise RLIMIT_NOFILE")
        case ENOMEM: Failure(lacking: error, message)
        default: Failure(.configValue, message)
        }
    }

    private static let kinds = "a pipe, a socket or a directory would hold up the engine"

    deinit { lookout?.remove(self) }

    /// The authorities of the file's state, as far as is known: another state has others.
    func look(nowUs: Int64) throws(Failure) -> Authorities {
        if watch.use(nowMs: Self.bootMs) {
            if let lookout {
                _ = lookout.hasten(watch)
            } else {
                watch.begin(nowMs: Self.bootMs)
                examine(nowUs: nowUs)
                watch.end(nowMs: Self.bootMs, hasFound: true)
            }
        }
        let (isFile, goneSinceUs, error, authorities) = state.withLock { state in
            if let text = state.text {
                state.authorities = Authorities(text.count <= Self.mostBytes ? text : [])
                state.text = nil
            }
            return (state.isFile, state.goneSinceUs, state.error, state.authorities)
        }
        guard isFile, let authorities else {
            throw Failure(.tls, "\(setting) is not a file any more: \(Self.kinds)")
        }
        // Who takes the file away wants an end of what it had.
        if let goneSinceUs, nowUs - goneSinceUs >= Self.longestMomentUs {
            let what = error == ENOENT ? "is gone" : "cannot be read any more"
            throw Failure(.tls, "the file of \(setting) \(what): nobody is trusted without it")
        }
        return authorities
    }

    // MARK: - Looks of the lookout

    func errand() -> ((_ hasCome: () -> Void) -> Bool)? {
        return { [path, weak self] _ in
            guard let state = self?.state.withLock({ $0 }) else { return true }
            let found = Self.find(path, state.stamp)
            self?.take(found, nowUs: tvs_monotonic_us())
            // Also where it is not there: that it comes back is to be seen soon.
            return true
        }
    }

    /// Looks at the file at once.
    func examine(nowUs: Int64) {
        take(Self.find(path, state.withLock { $0.stamp }), nowUs: nowUs)
    }

    /// Whether there is another state than `known`, and what it holds.
    private static func find(_ path: String, _ known: FileStamp?) -> Found {
        var status = stat()
        // It may hang, and a fork goes through meanwhile.
        let held = tvs_fork_pause()
        let error = unsafe stat(path, &status) == 0 ? 0 : errno
        tvs_fork_resume(held)
        guard error == 0 else { return .nothing(error) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .noFile }
        return FileStamp(status) == known ? .same : read(path)
    }

    /// By one descriptor, which waits for nobody: what lies there may be another file by now.
    private static func read(_ path: String) -> Found {
        let file = unsafe tvs_open_follow(AT_FDCWD, path)
        guard file >= 0 else { return .nothing(-file) }
        defer { tvs_close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { return .nothing(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .noFile }
        // One byte more than is allowed, so that it is seen.
        let room = min(Int(clamping: status.st_size), mostBytes) + 1
        var text = [UInt8](repeating: 0, count: room)
        var count = 0
        while count < room {
            let came = unsafe text.withUnsafeMutableBytes { bytes in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
                return unsafe tvs_read(file, rest.baseAddress, rest.count)
            }
            if came == -Int64(EINTR) { continue }
            guard came >= 0 else { return .nothing(Int32(clamping: -came)) }
            guard came > 0 else { break }
            count += Int(came)
        }
        text.removeLast(room - count)
        return .text(text, FileStamp(status))
    }

    private func take(_ found: Found, nowUs: Int64) {
        state.withLock { state in
            switch found {
            case .nothing(let error):
                state.goneSinceUs = state.goneSinceUs ?? nowUs
                state.error = error
            case .noFile: (state.isFile, state.goneSinceUs, state.stamp) = (false, nil, nil)
            case .same: state.goneSinceUs = nil
            case .text(let text, let stamp):
                state.goneSinceUs = nil
                state.isFile = true
                (state.text, state.stamp) = (text, stamp)
            }
        }
    }
}
