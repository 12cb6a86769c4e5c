// CheckDialogue+Access.swift - may the credential read what is asked with it? Cloudflare's verify
// endpoints say nothing of permissions, so one message is asked for: the cheapest request there is.

extension CheckDialogue {
    /// What came of asking for a message.
    struct Access {
        /// nil: the server did not say.
        var isGranted: Bool?
        var httpStatus: Int32 = 0
        var reason: ReplyError?

        init(isGranted: Bool, _ reply: HTTPReply) {
            self.isGranted = isGranted
            httpStatus = reply.status
        }

        /// What a refusal says of the permission. The edge says nothing of it.
        init(_ failure: Failure, _ reply: HTTPReply) {
            self.init(unknown: failure)
            switch failure.status {
            case _ where failure.isOfEdge: break
            case .credential, .forbidden: isGranted = false
            // No such account, or no Email Security in it: nothing to read there.
            case .http where reply.status == 404: isGranted = false
            default: break
            }
        }

        init(unknown failure: Failure) {
            httpStatus = failure.httpStatus
            reason = ReplyError(code: failure.codes.first ?? 0, message: failure.message)
        }
    }

    static func accessPath(_ accountID: String) -> String {
        Search.oneMessage.path(accountID: accountID, at: .first)
    }

    func takeAccess(_ reply: HTTPReply) -> Verdict {
        guard let refusal = CloudflareAPI.refusal(reply, .search) else {
            access = Self.access(of: reply)
            return .final
        }
        access = Access(refusal.failure, reply)
        return refusal.verdict == .rejected ? .final : refusal.verdict
    }

    /// Only a page of messages shows that they may be read.
    private static func access(of reply: HTTPReply) -> Access {
        do throws(Failure) {
            try SearchPage.check(reply)
            return Access(isGranted: true, reply)
        } catch {
            return Access(CloudflareAPI.judge(error, reply).failure, reply)
        }
    }
}

extension JSONWriter {
    @_optimize(size) mutating func access(_ access: CheckDialogue.Access) {
        beginObject()
        key("granted")
        if let isGranted = access.isGranted { bool(isGranted) } else { null() }
        key("http_status")
        if access.httpStatus == 0 { null() } else { int(access.httpStatus) }
        if let reason = access.reason {
            key("reason")
            self.reason(reason)
        }
        endObject()
    }

    @_optimize(size) mutating func reason(_ reason: ReplyError) {
        beginObject()
        key("code")
        if reason.code == 0 { null() } else { int(reason.code) }
        text("message", reason.message)
        endObject()
    }
}
