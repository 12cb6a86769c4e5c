// ReplyRoom.swift - what replies that are still coming may hold in memory, and each tenant of it.

/// One engine's; its thread's alone.
final class ReplyRoom {
    /// For all together, beyond the first bytes of each.
    private let most: Int
    private var used = 0
    private var held: [TenantKey?: Int] = [:]

    /// A reply up to this size always has room: a trace is smaller, and how many come at once is
    /// bounded.
    private static let always = 1 << 20

    init(_ maxReplyBytes: Int) { most = 8 * maxReplyBytes }

    func place(for tenant: TenantKey?) -> Place { Place(self, tenant) }

    /// What one reply has of the room; given back when it goes.
    final class Place {
        private let room: ReplyRoom
        private let tenant: TenantKey?
        private var held = 0

        fileprivate init(_ room: ReplyRoom, _ tenant: TenantKey?) {
            self.room = room
            self.tenant = tenant
        }

        deinit { room.give(held, of: tenant) }

        /// Whether the reply may have so many bytes now.
        func grow(to count: Int) -> Bool {
            let more = count - ReplyRoom.always - held
            guard more > 0 else { return true }
            guard room.take(more, for: tenant) else { return false }
            held += more
            return true
        }
    }

    /// A tenant may hold as many as are free: whoever comes next finds room.
    private func take(_ count: Int, for tenant: TenantKey?) -> Bool {
        let own = held[tenant, default: 0] + count
        guard own <= most - used - count else { return false }
        used += count
        held[tenant] = own
        return true
    }

    private func give(_ count: Int, of tenant: TenantKey?) {
        guard count > 0 else { return }
        used -= count
        let rest = held[tenant, default: 0] - count
        held[tenant] = rest > 0 ? rest : nil
    }
}
