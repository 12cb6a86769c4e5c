// LedgerPlace.swift - where a host keeps its ledger: the text of the setting, and the directory.

import CSystem
import Glibc

package enum LedgerPlace: Sendable, Equatable {
    /// One file for all processes of this user on this host.
    case automatic
    /// This process alone.
    case ofProcess
    /// A file that the host names, absolute.
    case path(String)

    /// From the setting `budget.ledger`: "auto", "private" or an absolute path.
    package init(setting: String) throws(Failure) {
        switch setting {
        case "auto": self = .automatic
        case "private": self = .ofProcess
        default:
            guard setting.utf8.first == UInt8(ascii: "/"), setting.utf8.count <= 4000,
                !setting.utf8.contains(0), !FilePlace(setting).name.isEmpty
            else {
                throw Failure(
                    .configValue,
                    "budget.ledger must be auto, private or the absolute path of a file")
            }
            self = .path(setting)
        }
    }

    /// The host answers for the directory, not for the file in it.
    var isNamed: Bool { if case .path = self { true } else { false } }

    /// The file's path; "" where there is none.
    var path: String {
        switch self {
        case .automatic: Self.ownDirectory + "/budget-1.ledger"
        case .ofProcess: ""
        case .path(let path): path
        }
    }

    /// /var/tmp outlives a reboot and is there for users without a home. But anybody may make a
    /// directory there first; the second place only root can have made.
    private static var ownDirectory: String {
        let user = tvs_effective_user()
        let common = "/var/tmp/tracevault-" + String(user)
        let parent = user == 0 ? "/run" : "/run/user/" + String(user)
        guard let squatter = owner(of: common), squatter != user, owner(of: parent) == user
        else { return common }
        return parent + "/tracevault"
    }

    private static func owner(of path: String) -> UInt32? {
        var found = tvs_file_status()
        return unsafe tvs_file_status_at(AT_FDCWD, path, &found) == 0 ? found.owner : nil
    }

    /// Who alone shares the file, when it is not all processes of this user; "" otherwise.
    var limitation: String {
        self == .automatic && (unsafe tvs_is_of_service(path) != 0)
            ? "its directory is of this service alone (PrivateTmp)" : ""
    }

    /// A descriptor of the directory, or -errno.
    private func tryDirectory() -> Int32 {
        isNamed
            ? unsafe tvs_open_directory(FilePlace(path).directory)
            : unsafe tvs_open_own_directory(Self.ownDirectory)
    }

    /// What the path names now.
    func find() -> Result<tvs_file_status, FileError> {
        let directory = tryDirectory()
        if let error = FileError(answer: directory) { return .failure(error) }
        defer { tvs_close(directory) }
        var named = tvs_file_status()
        let answer = unsafe tvs_file_status_at(directory, FilePlace(path).name, &named)
        if let error = FileError(answer: answer) { return .failure(error) }
        return .success(named)
    }

    /// Opens the directory, makes it first where it is ours to make.
    func openDirectory() throws(LedgerRefusal) -> LedgerDescriptor {
        if !isNamed { unsafe _ = tvs_make_directory(Self.ownDirectory) }
        let directory = try LedgerDescriptor(tryDirectory(), "its directory")
        let status = try directory.status()
        guard status.owner == tvs_effective_user() || (isNamed && status.owner == 0) else {
            throw LedgerRefusal("its directory belongs to another user")
        }
        // Named: a group may share it, others only where they cannot rename what is not theirs.
        guard isNamed || status.mode & 0o077 == 0 else {
            throw LedgerRefusal("its directory is open to others")
        }
        guard status.mode & 0o002 == 0 || status.mode & 0o1000 != 0 else {
            throw LedgerRefusal("others may write to its directory")
        }
        return directory
    }
}

/// Why a file is not used, as one line.
struct LedgerRefusal: Error {
    let reason: String
    /// It may be gone in a moment.
    var isPassing = false
    /// Not asked again: another host's file system may hang, and the engine's thread with it.
    var isLasting = false

    init(_ reason: String) { self.reason = reason }

    /// What the system had no room for now, it may have in a second.
    init(_ what: String, _ error: FileError) {
        reason = what + ": " + error.name
        isPassing = [EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN].contains(error.number)
    }
}

/// An open file or directory, closed when it goes.
struct LedgerDescriptor: ~Copyable {
    let number: Int32

    init(_ answer: Int32, _ what: String) throws(LedgerRefusal) {
        if answer == -ELOOP { throw LedgerRefusal(what + " is a symbolic link") }
        if let error = FileError(answer: answer) { throw LedgerRefusal(what, error) }
        number = answer
    }

    deinit { tvs_close(number) }

    /// The number, for an owner that closes it itself.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    func status() throws(LedgerRefusal) -> tvs_file_status {
        var status = tvs_file_status()
        if let error = FileError(answer: unsafe tvs_file_status_of(number, &status)) {
            throw LedgerRefusal("looking at it", error)
        }
        return status
    }
}
