// TrustStore.swift - the file with the certificate authorities, and whether it has changed.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Threads of the library look at it, and read it, and make of it what OpenSSL needs: where its
/// file system hangs, what is known holds, and the engine goes on. libcurl never opens it, so
/// nothing that takes the file's place holds up the engine.
final class TrustStore: Watched {
    /// What is there.
    private enum Content {
        case authorities(Authorities)
        /// More than is read, in words.
        case tooMuch(String)
        case noFile

        /// Whether nobody is trusted by it, because it is damaged, or for want of memory.
        var isUseless: Bool {
            guard case .authorities(let authorities) = self else { return false }
            return unsafe authorities.store == nil
        }
    }

    /// What a look has found.
    private enum Found {
        case same
        /// Of another file, or one that was touched.
        case sameText(FileStamp)
        /// With a file's stamp, and the hash of its text.
        case content(Content, FileStamp?, Int?)
        /// Nothing, or it cannot be read, with the errno.
        case nothing(Int32)
    }

    /// Why there are no bytes.
    private struct Unread: Error {
        let found: Found
    }

    private struct State {
        /// Nil before anything was read.
        var content: Content?
        /// Nil where there is no file.
        var stamp: FileStamp?
        /// Of its text. Who writes the file decides who is trusted: only chance could deceive it.
        var hash: Int?
        /// When a file that cannot be used is read again: there may have been no memory.
        var againUs: Int64 = 0
        /// Since when nothing can be read; a file that is replaced may be gone for a moment.
        var goneSinceUs: Int64?
        var error: Int32 = 0
    }

    private let path: [CChar]
    /// The setting that names it.
    private let setting: String
    private let watch = Watch(everyMs: TrustStore.lookEveryMs, nowMs: TrustStore.bootMs)
    /// Nil where whoever uses it looks himself.
    private let lookout: Lookout?
    private let state = Lock(State())

    private static var bootMs: Int64 { tvs_boot_us() / 1000 }
    private static let lookEveryMs: Int64 = 1000
    private static let longestMomentUs: Int64 = 5_000_000
    private static let againAfterUs: Int64 = 10_000_000
    /// Twenty times what distributions have.
    private static let mostBytes = 4 << 20
    private static let piece = 1 << 16

    /// Where distributions keep the certificate authorities.
    private static let usual = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ]

    /// The file that a setting names, or the distribution's where that is empty.
    /// - Parameter lookout: who looks at it; nil where whoever uses it may wait for a file system.
    init(_ file: SettingFile, nowUs: Int64, lookout: Lookout?) throws(Failure) {
        let name = file.setting.rawValue
        let usual = Self.usual.lazy.filter(Self.isReadable).map { Array($0.utf8CString) }
        guard let path = try file.path?.get() ?? usual.first else {
            throw Failure(
                .configValue,
                "no certificate authorities found; install ca-certificates or set \(name)")
        }
        self.path = path
        setting = name
        self.lookout = lookout
        examine(nowUs: nowUs)
        let found = state.withLock { $0 }
        switch found.content {
        case .authorities: lookout?.add(self, watch)
        case .tooMuch(let words): throw Failure(.configValue, "\(name) has \(words)")
        case .noFile: throw Failure(.configValue, "\(name) is not a file: \(Self.kinds)")
        case nil: throw Self.unreadable(found.error, "\(name) cannot be read")
        }
    }

    private static func isReadable(_ path: String) -> Bool {
        let held = tvs_fork_pause()
        defer { tvs_fork_resume(held) }
        return unsafe access(path, R_OK) == 0
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
        let known = state.withLock { $0 }
        // Who takes the file away wants an end of what it had.
        if let goneSinceUs = known.goneSinceUs, nowUs - goneSinceUs >= Self.longestMomentUs {
            let what = known.error == ENOENT ? "is gone" : "cannot be read any more"
            throw Failure(.tls, "the file of \(setting) \(what): nobody is trusted without it")
        }
        switch known.content {
        case .authorities(let authorities): return authorities
        case .tooMuch(let words):
            throw Failure(.tls, "\(setting) has \(words): nobody is trusted")
        case .noFile, nil:
            throw Failure(.tls, "\(setting) is not a file any more: \(Self.kinds)")
        }
    }

    // MARK: - Looks of the lookout

    func errand() -> ((_ hasCome: () -> Void) -> Bool)? {
        return { [path, weak self] hasCome in
            guard let known = self?.known(nowUs: tvs_monotonic_us()) else { return true }
            let found = Self.find(path, known, hasCome)
            self?.take(found, nowUs: tvs_monotonic_us())
            // Also where it is not there: that it comes back is to be seen soon.
            return true
        }
    }

    /// Looks at the file at once.
    func examine(nowUs: Int64) {
        take(Self.find(path, known(nowUs: nowUs), {}), nowUs: nowUs)
    }

    /// What need not be read again.
    private struct Known {
        var stamp: FileStamp?
        var hash: Int?
    }

    private func known(nowUs: Int64) -> Known {
        if triesAgain(nowUs: nowUs) { return Known() }
        return state.withLock { Known(stamp: $0.stamp, hash: $0.hash) }
    }

    /// Whether a file that could not be used is read although it is the same.
    func triesAgain(nowUs: Int64) -> Bool {
        state.withLock { $0.content?.isUseless == true && nowUs >= $0.againUs }
    }

    /// Whether there is another state than `known`, and what it holds.
    private static func find(
        _ path: [CChar], _ known: Known, _ hasCome: () -> Void
    ) -> Found {
        var status = stat()
        // It may hang, and a fork goes through meanwhile.
        let held = tvs_fork_pause()
        let error = unsafe stat(path, &status) == 0 ? 0 : errno
        tvs_fork_resume(held)
        guard error == 0 else { return .nothing(error) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .content(.noFile, nil, nil) }
        guard FileStamp(status) != known.stamp else { return .same }
        do throws(Unread) {
            let (text, stamp) = try read(path)
            // It is closed by now, which may hang as well: from here on others wait.
            hasCome()
            let hash = text.hashValue
            return hash == known.hash ? .sameText(stamp) : .content(content(text), stamp, hash)
        } catch {
            return error.found
        }
    }

    /// By one descriptor, which waits for nobody: what lies there may be another file by now.
    private static func read(_ path: [CChar]) throws(Unread) -> ([UInt8], FileStamp) {
        let file = unsafe tvs_open_follow(AT_FDCWD, path)
        guard file >= 0 else { throw Unread(found: .nothing(-file)) }
        defer { tvs_close(file) }
        let status: FileStatus
        switch SystemFiles().status(file) {
        case .success(let found): status = found
        case .failure(let error): throw Unread(found: .nothing(error.number))
        }
        guard status.isRegular else { throw Unread(found: .content(.noFile, nil, nil)) }
        // One byte more than is allowed, so that it is seen.
        var text = [UInt8](repeating: 0, count: min(Int(clamping: status.size), mostBytes) + 1)
        var count = 0
        while count <= mostBytes {
            if count == text.count {
                // A file that is made while it is read has no size, and one may have grown.
                let room = min(piece, mostBytes + 1 - count)
                text += [UInt8](repeating: 0, count: room)
            }
            let came = unsafe text.withUnsafeMutableBytes { bytes in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
                return unsafe tvs_read(file, rest.baseAddress, rest.count)
            }
            if came == -Int64(EINTR) { continue }
            guard came >= 0 else { throw Unread(found: .nothing(Int32(clamping: -came))) }
            guard came > 0 else { break }
            count += Int(came)
        }
        text.removeLast(text.count - count)
        return (text, status.stamp)
    }

    /// Computes, for whoever waits for the look: libcurl's thread only takes what is finished.
    private static func content(_ text: [UInt8]) -> Content {
        guard text.count <= mostBytes else { return .tooMuch("more than 4 MiB") }
        let authorities = Authorities(text)
        return authorities.areTooMany
            ? .tooMuch("more than \(Authorities.mostCertificates) certificates")
            : .authorities(authorities)
    }

    private func take(_ found: Found, nowUs: Int64) {
        // Freed without the lock.
        _ = state.withLock { state in
            let before = state.content
            switch found {
            case .nothing(let error):
                state.goneSinceUs = state.goneSinceUs ?? nowUs
                state.error = error
            case .same: state.goneSinceUs = nil
            case .sameText(let stamp):
                state.goneSinceUs = nil
                state.stamp = stamp
            case .content(let content, let stamp, let hash):
                state.goneSinceUs = nil
                (state.stamp, state.hash) = (stamp, hash)
                state.againUs = nowUs + Self.againAfterUs
                guard !content.isUseless || before?.isUseless != true else { break }
                state.content = content
            }
            return before
        }
    }
}
