// FileStore+Beside.swift - files beside a vault that are replaced whole: only the lock's holder
// writes them.

import CSystem
import Glibc

extension FileStore {
    /// Replaces `<vault><suffix>`, or makes it: after a crash it is the old or the new one. With an
    /// empty suffix it is the vault's own file, whatever was there.
    func putBeside(_ suffix: String, _ bytes: ByteBuffer) throws(Failure) {
        try checkIsSound()
        let directory = try openOwnDirectory()
        try checkIsLocked(directory)
        let owner = tvs_effective_user()
        try checkNames([temporaryName, name + suffix], directory, owner: owner)
        do throws(Failure) {
            let file = try writeTemporary(bytes, directory, owner: owner)
            try checkOwn(file)
            let answer = files.rename(directory.number, temporaryName, name + suffix)
            if let error = FileError(answer: answer) { throw failed("replacing it", error) }
        } catch {
            _ = files.unlink(directory.number, temporaryName)
            throw error
        }
        try settle(directory)
    }

    /// The first bytes of `<vault><suffix>`, one more than `most` where there are more; nil where
    /// there is no such file.
    ///
    /// - Parameter isLocked: whether the caller holds the lock and will write by what it reads.
    func readBeside(
        _ suffix: String, most: Int, isLocked: Bool = false
    ) throws(Failure) -> ByteBuffer? {
        let directory = try openDirectory()
        if isLocked { try checkIsLocked(directory) }
        let bytes = ByteBuffer(limit: most + 1)
        do throws(Failure) {
            _ = try fill(bytes, from: try openVault(directory, suffix), upTo: most + 1)
        } catch {
            guard error.status == .noVault else { throw error }
            return nil
        }
        return bytes
    }
}
