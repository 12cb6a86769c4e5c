// RedisLedger+Hearing.swift - what Cloudflare said to other hosts, as Redis passes it on.

extension RedisLedger {
    /// A policy is said lately that is no older.
    private static let lately: Int64 = 60_000_000

    /// Keeps in the host's ledger what Cloudflare said to other hosts.
    func hear(
        _ answer: QuotaAnswer, isLifted: Bool, _ question: QuotaQuestion, now: Int64
    ) {
        guard isLifted || answer.parkedUs > 0 || answer.policyRestUs > 0 || answer.slowUs > 0
        else { return }
        var entry = host.entry(question.key, now: now)
        if isLifted { host.lift(&entry, now: now) }
        if answer.parkedUs > 0 {
            host.park(&entry, until: question.askedAt + answer.parkedUs, now: now)
        }
        // Said lately: an old word is not made new by being passed on.
        if answer.policyRestUs > LedgerTime.policyHeld - Self.lately {
            _ = host.setPolicy(&entry, answer.policy, now: now)
        }
        if answer.slowUs > 0, answer.gapUs > 0 {
            host.slow(
                &entry, remaining: max(1, answer.slowUs / answer.gapUs),
                until: question.askedAt + answer.slowUs, now: now)
        }
    }
}
