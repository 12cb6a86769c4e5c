// CurlExchange+Reply.swift - what came of an exchange, and where it failed.

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

extension CurlExchange {
    func reply(_ code: CURLcode, _ settings: TransportSettings) -> HTTPReply {
        // A server that repeats the request, as some do to explain a refusal, must not carry the
        // secret into messages and views that hosts write down, nor into the next URL.
        if object == nil { unsafe body.mask(secret) }
        var reply = HTTPReply(body: body)
        reply.status = Int32(clamping: info(CURLINFO_RESPONSE_CODE))
        reply.wasSent = wasSent
        reply.isTakenBack = isTakenBack
        reply.isRepeat = isRepeat
        // As libcurl says where it gives up sending it again.
        let code = isRepeat ? CURLE_SEND_ERROR : code
        if reply.status != 0 { reply.sharedConnection = isConnectionShared }
        reply.fault =
            overflowed ? .tooLarge : HTTPReply.Fault(code, headers, wasSent: wasSent)
        if isCrowdedOut { (reply.fault, reply.wanted) = (.crowdedOut, wanted) }
        if isIntruding { reply.fault = .broken }
        if isCut { reply.fault = nil }
        if let fault = reply.fault { tell(fault, code, settings, &reply) }
        let ray = header("cf-ray")
        reply.headers.cfRay = ray.utf8.count <= 64 ? ray : String(ray.prefix(64))
        reply.headers.rateLimit = list("ratelimit", whole: ReplyHeaders.maxList)
        reply.headers.rateLimitPolicy = list("ratelimit-policy", whole: ReplyHeaders.maxList)
        if reply.status != 200 {
            reply.headers.retryAfter = header("retry-after")
            reply.headers.retryAfterMs = header("retry-after-ms")
            reply.headers.date = header("date")
            reply.headers.shouldRetry = header("x-should-retry").lowercased()
        } else {
            reply.headers.link = list("link", whole: ReplyHeaders.maxURL)
        }
        if object != nil {
            reply.headers.etag = header("etag", whole: ReplyHeaders.maxValue)
            reply.headers.bucketRegion = header("x-amz-bucket-region", whole: 64)
        }
        if reply.status == 202 {
            reply.headers.location = header("location", whole: ReplyHeaders.maxURL)
        }
        return reply
    }

    /// The secret that was sent. It has no space, its header name's line has.
    var secret: UnsafeRawBufferPointer {
        guard let line = unsafe authorization.cString, let space = unsafe strrchr(line, 0x20)
        else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: space + 1, count: strlen(space + 1))
    }

    /// The values of the first lines of one name, as one list: any of them may name a page or a
    /// quota. A line that is too long hides no other.
    private func list(_ name: StaticString, whole limit: Int) -> String {
        var list = ""
        for index in 0..<min(lines(of: name), 8) {
            let line = header(name, whole: limit, index)
            if !line.isEmpty { list += list.isEmpty ? line : ", " + line }
        }
        return list
    }

    private func lines(of name: StaticString) -> Int {
        var found: UnsafeMutablePointer<curl_header>?
        let code = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { name in
            unsafe curl_easy_header(easy, name, 0, UInt32(CURLH_HEADER), -1, &found)
        }
        return code == CURLHE_OK ? Int(clamping: unsafe found?.pointee.amount ?? 0) : 0
    }

    /// One header of the last reply, "" when absent; printable ASCII, bounded, without the secret.
    /// Longer values are cut off, or "" where only all of it is of use. No secret has a space, so
    /// what other characters are replaced with makes none of pieces.
    private func header(
        _ name: StaticString, whole limit: Int? = nil, _ index: Int = 0
    ) -> String {
        var found: UnsafeMutablePointer<curl_header>?
        let code = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { name in
            unsafe curl_easy_header(easy, name, index, UInt32(CURLH_HEADER), -1, &found)
        }
        guard code == CURLHE_OK, let value = unsafe found?.pointee.value else { return "" }
        guard unsafe !tvs_holds_secret(value, strlen(value), secret.baseAddress, secret.count)
        else { return "" }
        let length = unsafe strnlen(value, limit.map { $0 + 1 } ?? ReplyHeaders.maxValue)
        if let limit, length > limit { return "" }
        let bytes = unsafe UnsafeRawBufferPointer(start: value, count: length)
        if unsafe bytes.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return unsafe String(decoding: bytes, as: UTF8.self)
        }
        // Another URL than the server's is of no use.
        if limit == ReplyHeaders.maxURL { return "" }
        return unsafe String(
            decoding: bytes.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: " ") },
            as: UTF8.self)
    }

    func info(_ name: CURLINFO) -> Int {
        unsafe tvs_curl_info_long(easy, name.rawValue)
    }
}
