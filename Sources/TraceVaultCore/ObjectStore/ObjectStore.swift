// ObjectStore.swift - a vault as one object in an S3-compatible store.
//
// The store compares and swaps: an object is replaced only while it has the ETag that was seen
// (If-Match), and made only where there is none (If-None-Match: *). What became of a request whose
// answer is lost is in ObjectStore+Writing.swift. docs/adr/033-vault-in-an-object-store.md.

import CSystem

package final class ObjectStore: Store {
    /// What was seen of the object last.
    struct Seen: Sendable {
        let revision: Revision
        let etag: String
        /// What had this ETag. Weak: bytes that nobody has taken in tell nothing.
        weak var bytes: ByteBuffer?
    }

    /// What a request is bound to.
    enum Condition: Sendable {
        case none
        /// The object is another one than that.
        case changed(since: String)
        case unchanged(since: String)
        /// There is no object.
        case absent

        /// The header line that says so.
        fileprivate var line: String? {
            switch self {
            case .none: nil
            case .changed(let etag): "If-None-Match: " + etag
            case .unchanged(let etag): "If-Match: " + etag
            case .absent: "If-None-Match: *"
            }
        }
    }

    package let isRemote = true
    package let copy: StoreCopy?
    let settings: StoreSettings
    let words: StoreWords
    let queue = WriterQueue()
    private let keys: StoreKeys
    private let seen = Lock<Seen?>(nil)
    /// Whether it gave the same ETag for two states: then none of its ETags tells anything.
    private let isBlind = Lock(false)
    /// Those that carry nothing now: what they know of names and authorities is worth keeping.
    private let idle = Lock<[StoreCarrier]>([])
    private static let mostIdle = 2

    /// - Parameter keepsCopy: whether the host keeps a copy of it where s3.copy_file says so.
    init(
        _ address: ObjectAddress, _ config: Config, _ given: NamedSecrets, keepsCopy: Bool = true
    ) throws(Failure) {
        let copyPath = keepsCopy ? config.text(.s3CopyFile) : ""
        copy = copyPath.isEmpty ? nil : try StoreCopy(path: copyPath, VaultSettings(config))
        settings = try StoreSettings(address, config)
        keys = try StoreKeys(from: config.text(.s3Keys), given: given)
        words = StoreWords(store: settings.origin.text, address: address)
    }

    // MARK: - Reading

    package func read() throws(Failure) -> ByteBuffer { try read(until: nil) }

    func read(until endMs: Int64?) throws(Failure) -> ByteBuffer {
        guard let bytes = try fetch(.none, until: endMs) else { throw Self.unasked }
        return bytes
    }

    package func revision() throws(Failure) -> Revision { try Revision(of: try read()) }

    /// Two objects may begin alike, so an ETag counts for the bytes that had it.
    package func newBytes(since known: ByteBuffer) throws(Failure) -> ByteBuffer? {
        let etag = seen.withLock { $0?.bytes === known ? $0?.etag : nil }
        guard let bytes = try fetch(etag.map { .changed(since: $0) } ?? .none) else { return nil }
        guard bytes.isSame(as: known) else { return bytes }
        seen.withLock { if $0?.bytes === bytes { $0?.bytes = known } }
        return nil
    }

    /// The object's bytes; nil where it is as the condition says.
    func fetch(_ condition: Condition, until endMs: Int64? = nil) throws(Failure) -> ByteBuffer? {
        let reply = try ask(nil, condition, until: endMs)
        guard reply.fault == nil else { throw words.failure(reply) }
        if reply.status == 304, case .changed = condition { return nil }
        guard reply.status == 200 else { throw words.failure(reply) }
        note(reply, of: reply.body)
        return reply.body
    }

    private static let unasked = Failure(.http, "the object store answered what was not asked")

    // MARK: - What was seen

    /// The ETag of a state; nil when another one was seen last.
    func tag(of revision: Revision) -> String? {
        seen.withLock { $0?.revision == revision ? $0?.etag : nil }
    }

    /// Remembers the ETag of bytes that were fetched or stored.
    func note(_ reply: HTTPReply, of bytes: ByteBuffer) {
        let etag = reply.headers.etag
        // What was cut on the way has the ETag of the whole: it tells nothing of ETags.
        guard let revision = try? Revision(of: bytes), revision.isWhole, Self.isStrong(etag) else {
            return seen.withLock { $0 = nil }
        }
        let isSame = seen.withLock { seen in
            seen.map { $0.etag == etag && $0.revision != revision } ?? false
        }
        if isSame { isBlind.withLock { $0 = true } }
        let isBlind = isBlind.withLock { $0 }
        seen.withLock { $0 = isBlind ? nil : Seen(revision: revision, etag: etag, bytes: bytes) }
    }

    /// Only a strong one tells whether every byte is the same (RFC 9110, 8.8.1). It is sent back,
    /// so it has no control characters.
    static func isStrong(_ etag: String) -> Bool {
        etag.utf8.count > 2 && etag.hasPrefix("\"") && etag.hasSuffix("\"")
            && etag.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    // MARK: - Asking

    /// Sends one request; the reply tells why there is none. It takes s3.timeout_ms at most, and no
    /// longer than until `endMs` on CLOCK_MONOTONIC.
    func ask(
        _ upload: ByteBuffer?, _ condition: Condition, until endMs: Int64? = nil
    ) throws(Failure) -> HTTPReply {
        let restMs = endMs.map { max(1, $0 - tvs_monotonic_ms()) } ?? .max
        let request = try request(
            upload, condition, timeoutMs: min(settings.timeoutMs, Int(clamping: restMs)))
        let carrier = try carrier()
        let exchange = StoreExchange(request, to: settings.origin, by: carrier)
        let reply = try exchange.run()
        if reply.fault == nil {
            idle.withLock { if $0.count < Self.mostIdle { $0.append(carrier) } }
        }
        return reply
    }

    private func carrier() throws(Failure) -> StoreCarrier {
        if let rested = idle.withLock({ $0.popLast() }) { return rested }
        return try StoreCarrier(settings.transport)
    }

    private func request(
        _ upload: ByteBuffer?, _ condition: Condition, timeoutMs: Int
    ) throws(Failure) -> HTTPRequest {
        let hash = try (upload ?? ByteBuffer(limit: 0)).withBytes { (bytes) throws(Failure) in
            try SHA256.text(of: bytes)
        }
        let time = Self.time(ms: tvs_wall_ms())
        let signature = RequestSignature(
            method: upload == nil ? "GET" : "PUT", host: settings.host, path: settings.path,
            headers: [], bodyHash: hash, time: time, region: settings.region)
        var lines = ["x-amz-content-sha256: " + hash, "x-amz-date: " + time]
        if let line = condition.line { lines.append(line) }
        // Without "Expect" nothing waits for a "100 Continue" that some stores never send.
        if upload != nil { lines += ["Content-Type: application/octet-stream", "Expect:"] }
        var request = HTTPRequest(
            path: settings.path, authorization: try signature.authorization(keys), email: nil,
            timeoutMs: timeoutMs)
        request.object = ObjectPart(
            upload: upload, lines: lines, token: try RequestSignature.token(keys),
            useful: { Self.useful(ofStatus: $0, $1, announced: $2) })
        return request
    }

    /// How many bytes of an object, or of a refusal, are looked at. One that is no vault ends
    /// there; of a vault whose length is another than its header says so much is read as with a
    /// file, and one byte too many shows that there is more.
    private static func useful(
        ofStatus status: Int32, _ beginning: RawSpan, announced: Int64?
    ) -> Int? {
        guard status == 200 else { return StoreWords.longest }
        guard beginning.byteCount >= Revision.prefixCount else { return nil }
        guard let told = Revision.fileCount(from: beginning) else { return Revision.prefixCount }
        guard let count = Int(exactly: told), count <= VaultLayout.maximumCount,
            announced.map({ $0 == Int64(count) }) ?? true
        else { return VaultLayout.minimumCount + 1 }
        return count + 1
    }

    /// "20130524T000000Z".
    static func time(ms: Int64) -> String {
        let text = Timestamp.text(milliseconds: ms) ?? ""
        return text.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }
}
