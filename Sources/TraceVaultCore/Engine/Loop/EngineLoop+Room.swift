// EngineLoop+Room.swift - who waits because results that nobody has taken, and large replies under
// way, leave no room for more of the tenant.

import CSystem

extension EngineLoop {
    /// The tenant has to wait for room before more is asked for it, or has some.
    func hold(_ tenant: TenantKey, _ isHeld: Bool) {
        guard let number = lanes.number(of: tenant) else { return }
        scheduler.hold(tenant: number, isHeld)
    }

    /// Takes the room that a try will need whose tenant had large results lately: its next one is
    /// looked at when this one has its room. False where there is none: the try waits.
    func makesRoom(_ id: FetchID, _ job: Job, _ place: inout ReplyRoom.Place?) -> Bool {
        let tenant = job.tenant.key
        let bytes = sizes.expected(of: tenant)
        guard bytes > 0 else { return true }
        goOneByOne(tenant)
        guard mailbox.expect(bytes, of: tenant) else {
            hold(tenant, true)
            scheduler.putBack(id, now: tvs_boot_us())
            return false
        }
        place = transport.room.place(for: tenant, coming: bytes)
        return true
    }

    /// Notes how large an answer was, or a reply would have been that found no room. What is no
    /// answer, as a refusal, says nothing of the next one.
    func note(_ reply: HTTPReply, _ verdict: Verdict, of tenant: TenantKey) {
        let isAnswer = verdict == .final || verdict == .pending || verdict == .more
        guard reply.wanted > 0 || (isAnswer && reply.fault == nil) else { return }
        sizes.note(ResultSizes.result(of: max(reply.body.count, reply.wanted)), of: tenant)
        if sizes.expected(of: tenant) > 0 { goOneByOne(tenant) }
    }

    private func goOneByOne(_ tenant: TenantKey) {
        guard let number = lanes.number(of: tenant) else { return }
        scheduler.goOneByOne(tenant: number)
    }

    /// What replies have given back is room for others, once their results count. True when
    /// somebody goes on.
    func useRoomAgain() -> Bool {
        let tenants = mailbox.letGo(repliesEnded: transport.room.settle())
        for tenant in tenants { hold(tenant, false) }
        return !tenants.isEmpty
    }
}
