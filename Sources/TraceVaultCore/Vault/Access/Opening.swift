// Opening.swift - the state that a vault is opened or unlocked with: what its store has, or, while
// the store is away, the copy of it on this host's disk.

import CSystem

struct Opening {
    let snapshot: Snapshot
    /// Why the store gave nothing, where the copy stood in.
    var away: Following.Away?

    static func of(
        _ store: any Store, _ unlock: UnlockSecret, _ settings: VaultSettings
    ) throws(Failure) -> Opening {
        // Asked first: another process of this host may see more meanwhile.
        let seen = try store.copy?.seen()
        let askedMs = tvs_wall_ms()
        let bytes: ByteBuffer
        do throws(Failure) {
            bytes = try store.read()
        } catch {
            guard let copy = store.copy, let seen, StoreCopy.standsIn(for: error) else {
                throw error
            }
            return try of(copy, seen, error, unlock, settings)
        }
        let snapshot = try opened(bytes, unlock, settings)
        try seen?.checkIsFollowed(by: snapshot.header)
        do throws(Failure) {
            try store.copy?.keep(snapshot.bytes, snapshot.header, answeredMs: askedMs)
        } catch {
            // What passes by itself is told; what somebody must mend is found at the start.
            guard passing.contains(error.status) else { throw error }
        }
        return Opening(snapshot: snapshot)
    }

    /// Opens the copy, which must be the newest state that this host has seen.
    private static func of(
        _ copy: StoreCopy, _ seen: SeenMark, _ failure: Failure, _ unlock: UnlockSecret,
        _ settings: VaultSettings
    ) throws(Failure) -> Opening {
        let ageMs = try copy.age(of: seen, nowMs: tvs_wall_ms(), for: failure)
        let bytes: ByteBuffer
        do throws(Failure) {
            bytes = try copy.read()
        } catch {
            var both = failure
            both.message += "; and " + error.message
            throw both
        }
        let snapshot = try opened(bytes, unlock, settings)
        guard snapshot.header.vaultID == seen.vaultID, snapshot.header.revision == seen.revision
        else {
            throw Failure(
                .rollback,
                "the file of s3.copy_file is not the newest state that this host has seen, so it "
                    + "is not used: " + failure.message)
        }
        return Opening(
            snapshot: snapshot, away: Following.Away(failure: failure, ageMs: ageMs))
    }

    private static let passing: [Status] = [.io, .busy, .noMemory, .noDescriptors]

    private static func opened(
        _ bytes: ByteBuffer, _ unlock: UnlockSecret, _ settings: VaultSettings
    ) throws(Failure) -> Snapshot {
        let snapshot = try Snapshot.open(bytes, with: unlock, memory: settings.affordableMemory)
        guard snapshot.header.generation >= settings.minGeneration else {
            throw Failure(
                .rollback,
                "the vault's generation \(snapshot.header.generation) is older than "
                    + "vault.min_generation \(settings.minGeneration): an old copy was put back")
        }
        return snapshot
    }
}
