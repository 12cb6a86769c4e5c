// RedisReport.swift - what an operator is told of the shared quota.

extension RedisLedger {
    var standing: Standing { state.withLock { $0.standing } }

    package func describe(into writer: inout JSONWriter) {
        let standing = standing
        writer.beginObject()
        writer.key("alone")
        writer.bool(standing.isAlone)
        writer.key("waiting")
        writer.bool(standing.isWaiting)
        writer.key("warning")
        writer.string(standing.reason)
        writer.key("address")
        writer.string(standing.address)
        let numbers: [(StaticString, Int64)] = [
            ("hosts", Self.hosts(standing, settings)), ("hosts_there", standing.there),
            ("requests", Int64(standing.requests)), ("lent", standing.lent),
            ("unused", standing.unused), ("wait_us", standing.waitUs),
            ("flushes", standing.flushes),
        ]
        writer.numbers(numbers)
        writer.endObject()
    }
}
