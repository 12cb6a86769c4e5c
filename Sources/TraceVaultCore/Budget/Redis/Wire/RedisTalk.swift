// RedisTalk.swift - a conversation with one Redis: who we are, which server it is, questions and
// answers. One thread uses it.

import CSystem

final class RedisTalk {
    private let link: any RedisLink
    private let settings: RedisSettings
    private let isOver: () -> Bool
    private var reader = RedisReader()
    /// Answers to what was sent that have not come.
    private var awaited = 0
    private var room = [UInt8](repeating: 0, count: 16_384)
    private var scripts: (borrow: String, meet: String) = ("", "")
    private(set) var isOpen = false
    /// Names one start of one server: another one may have forgotten something.
    private(set) var run = ""

    init(_ link: any RedisLink, _ settings: RedisSettings, isOver: @escaping () -> Bool) {
        self.link = link
        self.settings = settings
        self.isOver = isOver
    }

    /// Connects, logs in and makes the scripts known.
    func open(_ address: RedisAddress) throws(Failure) {
        close()
        let limit = limit
        try link.open(address, until: limit)
        // Other authorities may count since it began to connect.
        if !link.isStillTrusted { try link.open(address, until: limit) }
        guard link.isStillTrusted else {
            throw Failure(.tls, "its authority was taken away while it was connected to")
        }
        if let login = settings.login {
            try unsafe login.send { (bytes) throws(Failure) in
                try unsafe link.send(bytes, until: limit)
            }
            awaited += 1
            _ = try receive(1, limit)
        }
        let answers = try call([
            ["INFO", "server"], ["SCRIPT", "LOAD", QuotaScripts.hear + QuotaScripts.borrow],
            ["SCRIPT", "LOAD", QuotaScripts.hear + QuotaScripts.meet],
        ])
        guard case .text(let about) = answers[0], let run = Self.run(about),
            case .text(let borrow) = answers[1], case .text(let meet) = answers[2]
        else { throw RedisReader.strange }
        self.run = run
        scripts = (borrow, meet)
        isOpen = true
    }

    private static func run(_ about: String) -> String? {
        let name = "run_id:"
        let line = about.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name) }
        guard let run = line?.dropFirst(name.count), (8...64).contains(run.utf8.count) else {
            return nil
        }
        return String(run)
    }

    /// Ends a connection whose server would not be trusted today. The next one is made at once, and
    /// what was borrowed stays.
    func closeIfDistrusted() {
        if isOpen, !link.isStillTrusted { close() }
    }

    func close() {
        link.close()
        reader = RedisReader()
        awaited = 0
        isOpen = false
    }

    func borrow(_ questions: [[String]]) throws(Failure) -> [RedisReply] {
        try call(questions.map { ["EVALSHA", scripts.borrow] + $0 })
    }

    func meet(_ words: [String]) throws(Failure) -> HostCount {
        let answers = try call([["EVALSHA", scripts.meet, "1"] + words])
        guard let count = answers[0].numbers.flatMap({ HostCount($0[...]) }) else {
            throw RedisReader.strange
        }
        return count
    }

    private static let leavingMs: Int64 = 200

    /// Says that this host leaves, also where the end came amid a question, and what goes back; the
    /// answers are worth no more than a moment.
    func leave(_ words: [String]?, _ questions: [[String]]) {
        let limit = LinkLimit(endMs: tvs_monotonic_ms() + Self.leavingMs) { false }
        let leaving = words.map { [["EVALSHA", scripts.meet, "1"] + $0] } ?? []
        let last = leaving + questions.map { ["EVALSHA", scripts.borrow] + $0 }
        guard !last.isEmpty, (try? send(last, limit)) != nil else { return }
        _ = try? receive(awaited, limit)
    }

    private var limit: LinkLimit {
        LinkLimit(endMs: tvs_monotonic_ms() + settings.timeoutMs, isOver: isOver)
    }

    /// As many answers as commands, in their order.
    private func call(_ commands: [[String]]) throws(Failure) -> [RedisReply] {
        let limit = limit
        try send(commands, limit)
        return try receive(commands.count, limit)
    }

    private func send(_ commands: [[String]], _ limit: LinkLimit) throws(Failure) {
        // What is over before its first byte is answered by nobody.
        _ = try limit.restMs(nowMs: tvs_monotonic_ms())
        let bytes = commands.flatMap(RedisCommand.bytes)
        awaited += commands.count
        let sent = unsafe bytes.withUnsafeBytes { bytes in
            Result { () throws(Failure) in try unsafe link.send(bytes, until: limit) }
        }
        try sent.get()
    }

    private func receive(_ count: Int, _ limit: LinkLimit) throws(Failure) -> [RedisReply] {
        var replies: [RedisReply] = []
        while replies.count < count {
            if let reply = try reader.next() {
                awaited -= 1
                if case .refused(let why) = reply { throw RedisRefusal.failure(why) }
                replies.append(reply)
                continue
            }
            // Each time: what keeps coming leaves the link nothing to wait for.
            _ = try limit.restMs(nowMs: tvs_monotonic_ms())
            let read = unsafe room.withUnsafeMutableBytes { room in
                Result { () throws(Failure) in
                    try unsafe link.receive(room, until: limit)
                }
            }
            reader.add(room.prefix(try read.get()))
            guard reader.hasRoom else { throw RedisReader.strange }
        }
        return replies
    }
}

/// What an error of Redis means, in words of ours.
enum RedisRefusal {
    private static let movedWord = "MOVED "

    static func failure(_ why: String) -> Failure {
        switch why {
        case "NOAUTH", "WRONGPASS":
            Failure(.transport, "it does not take user and password (\(why))")
        case "NOPERM": Failure(.transport, "its ACL does not let this user do what is needed")
        case "READONLY": Failure(.transport, "it is a replica (READONLY)")
        case _ where why.hasPrefix(movedWord): Failure(.redirect, why)
        default: Failure(.transport, "it refused with \(why.isEmpty ? "an error" : why)")
        }
    }

    /// What failed, in words of ours alone: where a node of a cluster sends us is its own text.
    static func words(_ failure: Failure) -> String {
        failure.status == .redirect ? "it names another server (MOVED)" : failure.message
    }

    /// Where a node of a cluster says that a key is, as "HOST:PORT".
    static func place(_ failure: Failure) -> Substring? {
        guard failure.status == .redirect else { return nil }
        return failure.message.split(separator: " ").last
    }
}
