// TraceCache.swift - complete traces that were fetched a moment ago. Bounded in bytes, in all and
// for each tenant, and in age: post-delivery moves make even a complete trace grow.
//
// An entry belongs to one credential of one tenant, so nobody is served what another's credential
// fetched, and a changed credential finds nothing.

/// What makes two trace requests the same: who asks, with which credential, for what.
struct TraceKey: Equatable {
    /// The tenant of one opened vault: a file that copies another's record ids finds nothing of it.
    let tenant: TenantKey
    let credential: CredentialIdentity
    let messageRef: MessageRef
    let submission: Bool?

    init(_ credential: Credential, messageRef: MessageRef, submission: Bool?) {
        tenant = credential.key
        self.credential = credential.identity
        self.messageRef = messageRef
        self.submission = submission
    }

    /// Different in every process, so that nobody can choose names that collide.
    var hash: UInt64 {
        var hasher = Hasher()
        hasher.combine(tenant)
        hasher.combine(credential)
        messageRef.hash(into: &hasher)
        hasher.combine(submission)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

struct TraceCache {
    private struct Entry {
        let key: TraceKey
        let document: Document
        let byteCount: Int
        let goodUntil: Int64
    }

    private var entries: [UInt64: Entry] = [:]
    /// Oldest first; all are good equally long, so that is the order in which they end.
    private var order = Queue<UInt64>()
    private var bytesOfTenant: [TenantKey: Int] = [:]
    private var byteCount = 0
    private(set) var hits: Int64 = 0
    private let maxBytes: Int
    private let maxAgeUs: Int64

    /// One tenant may fill this part of it; then its new traces are not kept until old ones go.
    private static let tenantShare = 4

    init(maxBytes: Int, maxAgeMs: Int64) {
        self.maxBytes = maxBytes
        maxAgeUs = maxAgeMs * 1000
    }

    mutating func document(_ key: TraceKey, _ hash: UInt64, now: Int64) -> Document? {
        guard let entry = entries[hash], entry.key == key, now < entry.goodUntil else { return nil }
        hits += 1
        return entry.document.shared()
    }

    mutating func add(_ document: Document, _ key: TraceKey, _ hash: UInt64, now: Int64) {
        guard maxAgeUs > 0, maxBytes > 0 else { return }
        while let oldest = order.first, (entries[oldest]?.goodUntil ?? 0) <= now { dropOldest() }
        // One of its own: what is counted here must not grow by views that somebody asks for.
        let document = document.shared()
        let count = document.byteCount
        // A fresh look replaces what is kept: in its place in the order, so it ends with it.
        let known = remove(hash)
        guard count + bytesOfTenant[key.tenant, default: 0] <= maxBytes / Self.tenantShare,
            known == nil || byteCount + count <= maxBytes
        else { return }
        while byteCount + count > maxBytes, !order.isEmpty { dropOldest() }
        entries[hash] = Entry(
            key: key, document: document, byteCount: count,
            goodUntil: known?.goodUntil ?? now + maxAgeUs)
        if known == nil { order.append(hash) }
        byteCount += count
        bytesOfTenant[key.tenant, default: 0] += count
    }

    func describe(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("traces")
        writer.int(entries.count)
        writer.key("bytes")
        writer.int(byteCount)
        writer.key("hits")
        writer.int(hits)
        writer.endObject()
    }

    private mutating func dropOldest() {
        if let hash = order.popFirst() { _ = remove(hash) }
    }

    private mutating func remove(_ hash: UInt64) -> Entry? {
        guard let entry = entries.removeValue(forKey: hash) else { return nil }
        byteCount -= entry.byteCount
        let left = bytesOfTenant[entry.key.tenant, default: 0] - entry.byteCount
        bytesOfTenant[entry.key.tenant] = left > 0 ? left : nil
        return entry
    }
}
