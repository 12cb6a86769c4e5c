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

    /// /var/tmp outlives a reboot and is there for users without a home.
    private static var ownDirectory: String {
        "/var/tmp/tracevault-" + String(tvs_effective_user())
    }

    /// Opens the directory, makes it first where it is ours to make.
    func openDirectory() throws(LedgerRefusal) -> LedgerDescriptor {
        let directory: LedgerDescriptor
        if isNamed {
            directory = try LedgerDescriptor(
                unsafe tvs_open_directory(FilePlace(path).directory), "its directory")
        } else {
            unsafe _ = tvs_make_directory(Self.ownDirectory)
            directory = try LedgerDescriptor(
                unsafe tvs_open_own_directory(Self.ownDirectory), "its directory")
        }
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

    init(_ reason: String) { self.reason = reason }

    init(_ what: String, _ error: FileError) { reason = what + ": " + error.name }
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

    func status() throws(LedgerRefusal) -> tvs_file_status {
        var status = tvs_file_status()
        if let error = FileError(answer: unsafe tvs_file_status_of(number, &status)) {
            throw LedgerRefusal("looking at it", error)
        }
        return status
    }
}
