// ReplyRoom.swift - what replies may hold in memory, and each tenant of it: those that are still
// coming in one room, what is kept of them while their requests wait for another try in another.

/// One engine's; its thread's alone.
final class ReplyRoom {
    /// For all together, beyond the first bytes of each.
    private let most: Int
    /// A reply up to this size always has room.
    private let always: Int
    private var used = 0
    private var held: [TenantKey?: Int] = [:]

    /// - Parameter always: a trace is smaller than a MiB, and how many come at once is bounded.
    init(_ maxReplyBytes: Int, always: Int = 1 << 20) {
        most = 8 * maxReplyBytes
        self.always = always
    }

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
            let more = count - room.always - held
            guard more > 0 else { return true }
            guard room.take(more, for: tenant) else { return false }
            held += more
            return true
        }

        /// Gives back what is more than so many bytes need.
        func shrink(to count: Int) {
            let less = held - max(0, count - room.always)
            guard less > 0 else { return }
            room.give(less, of: tenant)
            held -= less
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
