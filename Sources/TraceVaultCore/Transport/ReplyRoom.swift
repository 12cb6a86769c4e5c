// ReplyRoom.swift - what replies may hold in memory, and each tenant of it: those that are still
// coming in one room, what is kept of them while their requests wait for another try in another.

/// Room for the results that nobody has taken, which replies are becoming.
protocol ResultRoom: AnyObject {
    /// Whether a reply that counts for `own` bytes so far may count for more.
    func mayCome(_ more: Int, beside own: Int, of tenant: TenantKey) -> Bool
    func went(_ count: Int, of tenant: TenantKey)
}

/// One engine's; its thread's alone.
final class ReplyRoom {
    /// For all together, beyond the first bytes of each.
    private let most: Int
    /// A reply up to this size always has room.
    private let always: Int
    /// Nil where replies become no results.
    var results: (any ResultRoom)?
    /// What replies that are gone counted for, until their results are counted.
    private var givenBack: [TenantKey: Int] = [:]
    private var used = 0
    private var held: [TenantKey?: Int] = [:]

    /// - Parameter always: a trace is smaller than a MiB, and how many come at once is bounded.
    init(_ maxReplyBytes: Int, always: Int = 1 << 20) {
        most = 8 * maxReplyBytes
        self.always = always
    }

    /// - Parameter coming: what `results` counts for it already.
    func place(for tenant: TenantKey?, coming: Int = 0) -> Place { Place(self, tenant, coming) }

    /// What one reply has of the room; given back when it goes.
    final class Place {
        private let room: ReplyRoom
        private let tenant: TenantKey?
        private var held = 0
        /// What it counts for among the results.
        private var coming: Int

        fileprivate init(_ room: ReplyRoom, _ tenant: TenantKey?, _ coming: Int) {
            self.room = room
            self.tenant = tenant
            self.coming = coming
        }

        deinit {
            room.give(held, of: tenant)
            guard coming > 0, let tenant else { return }
            room.givenBack[tenant, default: 0] += coming
        }

        /// Whether the reply may have so many bytes now.
        func grow(to count: Int) -> Bool {
            let more = count - room.always - held
            guard more > 0 else { return true }
            guard has(roomFor: more, of: count) else { return false }
            held += more
            return true
        }

        /// Takes room for so many bytes more. What may become a result has it already: the bound of
        /// replies that do is as large.
        private func has(roomFor more: Int, of count: Int) -> Bool {
            guard let results = room.results, let tenant else {
                return room.take(more, for: tenant)
            }
            guard becomes(2 * count, of: tenant, among: results) else { return false }
            room.add(more, of: tenant)
            return true
        }

        /// Whether there is room for a result of so many bytes.
        private func becomes(
            _ bytes: Int, of tenant: TenantKey, among results: any ResultRoom
        ) -> Bool {
            guard bytes > coming else { return true }
            guard results.mayCome(bytes - coming, beside: coming, of: tenant) else { return false }
            coming = bytes
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

    /// The results of replies that are gone are counted now: the replies count no more. False when
    /// there were none.
    func settle() -> Bool {
        guard !givenBack.isEmpty else { return false }
        for (tenant, count) in givenBack { results?.went(count, of: tenant) }
        givenBack.removeAll(keepingCapacity: true)
        return true
    }

    /// A tenant may hold as many as are free: whoever comes next finds room.
    private func take(_ count: Int, for tenant: TenantKey?) -> Bool {
        guard held[tenant, default: 0] + count <= most - used - count else { return false }
        add(count, of: tenant)
        return true
    }

    private func add(_ count: Int, of tenant: TenantKey?) {
        used += count
        held[tenant, default: 0] += count
    }

    private func give(_ count: Int, of tenant: TenantKey?) {
        guard count > 0 else { return }
        used -= count
        let rest = held[tenant, default: 0] - count
        held[tenant] = rest > 0 ? rest : nil
    }
}
