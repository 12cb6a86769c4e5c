// EngineLoop+Waits.swift - what a request waited for when its deadline came, in words; and how long
// more of them would wait.

import CSystem

extension EngineLoop {
    /// Keeps what a request waits for that is about to end, and why.
    func note(_ id: JobID, _ wait: Wait, _ status: Status) {
        let place = Int(Scheduler.place(of: id))
        guard place < jobs.count, let job = jobs[place], job.id == id else { return }
        job.waited = wait
        job.stopped = status
        if wait == .reply { job.progress = transport.progress(job.fetch) }
    }

    /// "", or what it waited for and how many tries there were.
    @_optimize(size) func waited(_ job: Job, _ fetch: BegunFetch?) -> String {
        guard let wait = job.waited else { return "" }
        let now = tvs_boot_us()
        let tries = max(0, (fetch?.tries ?? 0) - job.triesBefore)
        let text: String
        switch wait {
        case .turn: text = "its turn: others were under way"
        case .permit(let time): text = "the request quota" + Self.until(time, now)
        case .address(let time):
            text =
                "the limit of this host's address (budget.ip_per_second)" + Self.until(time, now)
        case .connection: text = "a connection: others had http.max_connections"
        case .stream:
            text = "a stream: others had http.max_streams, or what the server allows of them"
        case .host:
            text =
                "room for its result, which results of this tenant that the host has not taken, "
                + "or not freed (engine.max_result_bytes), and large replies under way have"
        case .credential: text = "another request to show whether the credential is accepted again"
        case .pause(let time): text = "the next try" + Self.until(time, now)
        case .reply:
            let ms = max(0, now - (fetch?.startedAt ?? now)) / 1000
            text = Self.reply(job.progress, ms)
        }
        return "; it waited for \(text); tries: \(tries)"
    }

    private static func until(_ time: Int64, _ now: Int64) -> String {
        let ms = (max(0, time - now) + 999) / 1000
        guard let text = Timestamp.text(milliseconds: tvs_wall_ms() + ms) else { return "" }
        return ", until " + text
    }

    private static func reply(_ progress: HTTPProgress?, _ ms: Int64) -> String {
        switch progress {
        case .connecting: "a connection to the server, \(ms) ms long"
        case .receiving(let bytes):
            "the rest of the reply, of which \(bytes) bytes had come after \(ms) ms"
        case .sent(let us): "the first byte of the reply, \(us / 1000) ms long"
        case nil: "the first byte of the reply, \(ms) ms long"
        }
    }

    // MARK: - How long it takes

    private func lane(of asked: Estimate, _ now: Int64) throws(Failure) -> LaneID {
        // As the vault has it now: it may have been rotated since the call.
        try choose(for: asked.credential.account, asked.tenant.look(), now).lane
    }

    /// Ends the parking of a credential's quota.
    func lift(_ asked: Estimate) throws(Failure) {
        let now = tvs_boot_us()
        scheduler.lift(try lane(of: asked, now), now: now)
        huntsLookAgain()
    }

    /// One request more, and the last of them, as the quota and the queue are now.
    func estimate(_ asked: Estimate) throws(Failure) -> Document {
        let now = tvs_boot_us()
        let lane = try lane(of: asked, now)
        let forecast = scheduler.forecast(lane, asked.count, now: now)
        return try Document.json { writer in
            writer.beginObject()
            writer.key("count")
            writer.int(asked.count)
            writer.pace(forecast.available, forecast.burst, forecast.intervalUs)
            writer.numbers([
                ("parked_ms", max(0, forecast.parkedUntil - now + 999) / 1000),
                ("ahead", forecast.ahead),
                ("first_ms", max(0, forecast.firstAt - now + 999) / 1000),
                ("done_ms", max(0, forecast.lastAt - now + 999) / 1000),
            ])
            writer.key("address")
            writer.beginObject()
            writer.limit(forecast.addressAvailable, forecast.addressIntervalUs)
            writer.endObject()
            // Null behind the year 9999.
            let wait = max(0, forecast.lastAt - now) / 1000
            writer.text("done_at", Timestamp.text(milliseconds: tvs_wall_ms() + wait))
            writer.endObject()
        }
    }
}

extension JSONWriter {
    /// What a quota gives: at once, at once after a rest, and in a minute of steady flow.
    @_optimize(size) mutating func pace(_ available: Int64, _ burst: Int64, _ intervalUs: Int64) {
        limit(available, intervalUs)
        key("burst")
        if intervalUs > 0 { int(burst) } else { null() }
    }

    /// The first and the last of these; null where there is no limit.
    @_optimize(size) mutating func limit(_ available: Int64, _ intervalUs: Int64) {
        key("available")
        if available == Int64.max { null() } else { int(available) }
        key("per_minute")
        if intervalUs > 0 { int(60_000_000 / intervalUs) } else { null() }
    }
}
