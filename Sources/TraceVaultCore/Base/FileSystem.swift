// FileSystem.swift - the system calls of the file store, so that tests can stand in for the disk.
//
// One method per call, no policy. Answers are as the system's: 0, a descriptor or a count, or a
// negative errno.

import CSystem
import Glibc

/// Which file or directory it is, whatever path leads to it.
package struct FileIdentity: Sendable, Equatable {
    package let device: UInt64
    package let inode: UInt64
}

/// What tells one state of a file from another. While it is the same, nobody has written to the
/// file, as far as the steps of its file system's clock tell.
package struct FileStamp: Sendable, Equatable {
    package let identity: FileIdentity
    package let size: UInt64
    /// When its content, and when anything of it, changed last: ns since 1970.
    package let modifiedNs: Int64
    package let changedNs: Int64
}

extension FileStamp {
    init(_ status: stat) {
        func ns(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
        self.init(
            identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
            size: UInt64(clamping: status.st_size), modifiedNs: ns(status.st_mtim),
            changedNs: ns(status.st_ctim))
    }

    fileprivate init(_ status: tvs_file_status) {
        self.init(
            identity: FileIdentity(device: status.device, inode: status.inode), size: status.size,
            modifiedNs: status.modified_ns, changedNs: status.changed_ns)
    }
}

package struct FileStatus: Sendable {
    package let stamp: FileStamp
    package let owner: UInt32
    /// Permission bits and the sticky bit.
    package let mode: UInt32
    package let isRegular: Bool
    /// How many names it has.
    package let links: UInt64

    package var identity: FileIdentity { stamp.identity }
    package var size: UInt64 { stamp.size }
    /// Whether it was not removed meanwhile.
    var hasName: Bool { links > 0 }
}

extension FileStatus {
    fileprivate init(_ status: tvs_file_status) {
        self.init(
            stamp: FileStamp(status), owner: status.owner, mode: status.mode,
            isRegular: status.is_regular != 0, links: status.links)
    }
}

/// A path as `FileSystem` takes it: a directory and a name in it, which may be empty.
struct FilePlace {
    let directory: String
    let name: String

    /// Split by bytes: as a Character, a slash may melt with an accent behind it.
    init(_ path: String) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = String(slash.map { path[path.utf8.index(after: $0)...] } ?? path[...])
    }
}

/// What a file is opened for.
package enum OpenMode: Sendable {
    case read
    /// The same, also through symbolic links.
    case follow
    /// Made; the name must be free.
    case new
    /// A lock that is there already.
    case lock
}

package protocol FileSystem: Sendable {
    /// The path as its bytes, with a NUL at the end: a directory need not be UTF-8.
    func openDirectory(_ path: [CChar]) -> Int32
    func open(_ directory: Int32, _ name: String, _ mode: OpenMode) -> Int32
    func close(_ descriptor: Int32)
    func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
    func sync(_ descriptor: Int32) -> Int32
    func status(_ descriptor: Int32) -> Result<FileStatus, FileError>
    /// The same of a name in a directory; of a symbolic link itself.
    func status(_ directory: Int32, _ name: String) -> Result<FileStatus, FileError>
    /// Whether an open file is mounted by itself, where the system tells.
    func isMounted(_ descriptor: Int32) -> Bool
    func changeOwner(_ descriptor: Int32, _ owner: UInt32) -> Int32
    func link(_ directory: Int32, _ from: String, _ to: String) -> Int32
    func rename(_ directory: Int32, _ from: String, _ to: String) -> Int32
    func unlink(_ directory: Int32, _ name: String) -> Int32
    /// Of one byte of the file.
    func lock(_ descriptor: Int32, _ place: Int32) -> Int32
    func unlock(_ descriptor: Int32, _ place: Int32) -> Int32
}

/// An errno.
package struct FileError: Error, Sendable, Equatable {
    package let number: Int32

    package init(_ number: Int32) {
        self.number = number
    }

    /// From a negative answer.
    init?(answer: Int32) {
        guard answer < 0 else { return nil }
        number = -answer
    }

    var name: String { unsafe String(cString: tvs_error_name(number)) }
}

extension Failure {
    /// What a failed call came to: exhausted descriptors and memory are nobody's disk, and pass.
    init(_ error: FileError, _ message: String) {
        switch error.number {
        case EMFILE, ENFILE, ENOMEM: self.init(lacking: error.number, message)
        default: self.init(.io, message)
        }
        systemError = error.number
    }
}

/// The real one.
package struct SystemFiles: FileSystem {
    package init() {}

    package func openDirectory(_ path: [CChar]) -> Int32 { unsafe tvs_open_directory(path) }

    package func open(_ directory: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        switch mode {
        case .read: unsafe tvs_open_read(directory, name)
        case .follow: unsafe tvs_open_follow(directory, name)
        case .new: unsafe tvs_open_new(directory, name)
        case .lock: unsafe tvs_open_write(directory, name)
        }
    }

    package func close(_ descriptor: Int32) { tvs_close(descriptor) }

    package func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        Int(unsafe tvs_read(descriptor, bytes.baseAddress, bytes.count))
    }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        Int(unsafe tvs_write(descriptor, bytes.baseAddress, bytes.count))
    }

    package func sync(_ descriptor: Int32) -> Int32 { tvs_sync(descriptor) }

    package func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        var status = tvs_file_status()
        let answer = unsafe tvs_file_status_of(descriptor, &status)
        return FileError(answer: answer).map(Result.failure) ?? .success(FileStatus(status))
    }

    package func isMounted(_ descriptor: Int32) -> Bool { tvs_is_mounted(descriptor) }

    package func status(_ directory: Int32, _ name: String) -> Result<FileStatus, FileError> {
        var status = tvs_file_status()
        let answer = unsafe tvs_file_status_at(directory, name, &status)
        return FileError(answer: answer).map(Result.failure) ?? .success(FileStatus(status))
    }

    package func changeOwner(_ descriptor: Int32, _ owner: UInt32) -> Int32 {
        tvs_change_owner(descriptor, owner)
    }

    package func link(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        unsafe tvs_link(directory, from, to)
    }

    package func rename(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        unsafe tvs_rename(directory, from, to)
    }

    package func unlink(_ directory: Int32, _ name: String) -> Int32 {
        unsafe tvs_unlink(directory, name)
    }

    package func lock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        tvs_lock(descriptor, place)
    }
    package func unlock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        tvs_unlock(descriptor, place)
    }
}
