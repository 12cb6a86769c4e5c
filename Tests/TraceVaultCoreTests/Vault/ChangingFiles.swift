// ChangingFiles.swift - the real file system, on which a file changes once it was looked at.

@testable import TraceVaultCore

struct ChangingFiles: FileSystem {
    private let real = SystemFiles()
    private let afterLook: @Sendable () -> Void
    private let afterLock: @Sendable (Int32) -> Void
    private let atRead: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - afterLook: what somebody does after every look at an open file.
    ///   - afterLock: the same after every lock that was had.
    ///   - atRead: told how many bytes were read.
    init(
        _ afterLook: @escaping @Sendable () -> Void = {},
        afterLock: @escaping @Sendable (Int32) -> Void = { _ in },
        atRead: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        (self.afterLook, self.afterLock, self.atRead) = (afterLook, afterLock, atRead)
    }

    func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        defer { afterLook() }
        return real.status(descriptor)
    }

    func status(_ directory: Int32, _ name: String) -> Result<FileStatus, FileError> {
        real.status(directory, name)
    }

    func isMounted(_ descriptor: Int32) -> Bool { real.isMounted(descriptor) }
    func openDirectory(_ path: [CChar]) -> Int32 { real.openDirectory(path) }
    func open(_ directory: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        real.open(directory, name, mode)
    }
    func close(_ descriptor: Int32) { real.close(descriptor) }
    func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe real.read(descriptor, bytes)
        atRead(count)
        return count
    }
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        unsafe real.write(descriptor, bytes)
    }
    func sync(_ descriptor: Int32) -> Int32 { real.sync(descriptor) }
    func changeOwner(_ descriptor: Int32, _ owner: UInt32) -> Int32 {
        real.changeOwner(descriptor, owner)
    }
    func link(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        real.link(directory, from, to)
    }
    func rename(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        real.rename(directory, from, to)
    }
    func unlink(_ directory: Int32, _ name: String) -> Int32 { real.unlink(directory, name) }
    func lock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        let answer = real.lock(descriptor, place)
        if answer == 0 { afterLock(place) }
        return answer
    }
    func unlock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        real.unlock(descriptor, place)
    }
}
