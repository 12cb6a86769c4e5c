// PostfixEvent+Prefix.swift - from a message to the kind of line it is.
//
// What stands before a line's text differs with who collected it: a syslog header of RFC 3164 or
// RFC 5424, a tag such as `postfix-out/smtps/smtpd[4711]:`, a queue id, or nothing of these. What a
// line may say of one message and of a connection is in the other files.

import CSystem

extension PostfixEvent {
    /// Reads a message; false, and no fields that mean anything, when it is not understood.
    package mutating func read(_ message: RawSpan) -> Bool {
        guard clear(), message.byteCount <= Self.maxMessage else { return false }
        var end = message.byteCount
        while end > 0, message.at(end - 1) <= 0x20 { end -= 1 }
        // What is cut off must not be seen again by those who look beyond the end.
        let text = message.extracting(0..<end)
        let head = unsafe text.withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return tvs_head() }
            return unsafe tvs_head_run(base, bytes.count)
        }
        guard ways.contains(.head), head.name_length > 0 else {
            guard let start = prefix(text, end) else { return false }
            return behindTag(text, start, Self.queueIDEnd(text, start, end), end)
        }
        let open = 8 &+ Int(head.name_length)
        let pidEnd = open &+ 1 &+ Int(head.pid_length)
        add(.process, 8, open)
        add(.pid, open &+ 1, pidEnd)
        let start = pidEnd &+ 3
        let behindNumber = Self.solarisEnd(text, start, end)
        if behindNumber > start {
            return behindTag(
                text, behindNumber, Self.queueIDEnd(text, behindNumber, end), end)
        }
        let idEnd =
            head.id_length == UInt32(TVS_UNUSUAL)
            ? Self.queueIDEnd(text, start, end) : start &+ Int(head.id_length)
        return behindTag(text, start, idEnd, end)
    }

    @inline(__always)
    private mutating func behindTag(
        _ text: RawSpan, _ start: Int, _ idEnd: Int, _ end: Int
    ) -> Bool {
        guard idEnd > start else { return ofServer(text, start, end) }
        if !text.has("NOQUEUE", start) { add(.queueID, start, idEnd) }
        return ofMessage(text, idEnd + 2, end)
    }

    // MARK: - Header and tag

    /// Where the text begins; nil when the tag is another program's.
    private mutating func prefix(_ text: RawSpan, _ end: Int) -> Int? {
        var start = Self.containerEnd(text, end)
        if text.at(start) == UInt8(ascii: "<") {
            let number = start + 1
            start = text.digitsEnd(number, min(end, number + 4)) + 1
            guard start > number + 1, text.at(start - 1) == UInt8(ascii: ">") else { return 0 }
            if text.has("1 ", start) { return structured(text, start + 2, end) }
        }
        guard let timeEnd = SyslogTime.end(text, start, end) else {
            return tag(text, start, end) ?? start
        }
        var place = timeEnd + 1
        var hostEnd = text.find(UInt8(ascii: " "), place, end)
        // A word for the facility may stand before the host's name or behind it.
        if SyslogTime.isFacility(text, place, hostEnd), tag(text, hostEnd + 1, end) == nil {
            place = hostEnd + 1
            hostEnd = text.find(UInt8(ascii: " "), place, end)
        }
        guard hostEnd < end else { return nil }
        var tagStart = hostEnd + 1
        let wordEnd = text.find(UInt8(ascii: " "), tagStart, end)
        if SyslogTime.isFacility(text, tagStart, wordEnd) { tagStart = wordEnd + 1 }
        guard clear() else { return nil }
        add(.syslogTime, start, timeEnd)
        add(.syslogHost, place, hostEnd)
        return tag(text, tagStart, end)
    }

    /// Behind a container's name and a bar, which some put before each line; 0 without them.
    private static func containerEnd(_ text: RawSpan, _ end: Int) -> Int {
        var place = 0
        while place < end, isTagCharacter(text.at(place)) { place += 1 }
        guard place > 0 else { return 0 }
        while text.at(place) == UInt8(ascii: " ") { place += 1 }
        return text.has("| ", place) ? place + 2 : 0
    }

    /// RFC 5424 from the time on: `TIME HOST APP PROCID MSGID SD TEXT`; "-" is "not known".
    private mutating func structured(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        var place = start
        for part in 0..<5 {
            let partEnd = text.find(UInt8(ascii: " "), place, end)
            guard partEnd < end else { return nil }
            if !text.has("- ", place) {
                switch part {
                case 0: add(.syslogTime, place, partEnd)
                case 1: add(.syslogHost, place, partEnd)
                case 2: guard program(text, place, partEnd) else { return nil }
                case 3: addCount(.pid, text, place, partEnd)
                default: break
                }
            }
            place = partEnd + 1
        }
        guard has(.process) else { return nil }
        // Structured data: "-", or elements in brackets whose texts may hold escaped brackets.
        if text.at(place) == UInt8(ascii: "-") { return place + 2 }
        while text.at(place) == UInt8(ascii: "[") {
            while place < end, text.at(place) != UInt8(ascii: "]") {
                place += text.at(place) == UInt8(ascii: "\\") ? 2 : 1
            }
            place += 1
        }
        return place < end ? place + 1 : nil
    }

    /// `name/program[pid]: ` or `name/program: `; where the text behind it begins.
    private mutating func tag(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        var place = start
        var slashes = 0
        while place < end, Self.isTagCharacter(text.at(place)) {
            if text.at(place) == UInt8(ascii: "/") { slashes += 1 }
            place += 1
        }
        guard slashes > 0 else { return nil }
        let nameEnd = place
        var pidEnd = nameEnd
        if text.at(place) == UInt8(ascii: "[") {
            pidEnd = text.digitsEnd(place + 1, end)
            guard text.at(pidEnd) == UInt8(ascii: "]") else { return nil }
            place = pidEnd + 1
        }
        guard text.at(place) == UInt8(ascii: ":"), text.at(place + 1) == UInt8(ascii: " "),
            program(text, start, nameEnd)
        else { return nil }
        if pidEnd > nameEnd { addNumber(.pid, text, nameEnd + 1, pidEnd) }
        return Self.solarisEnd(text, place + 2, end)
    }

    /// Behind `[ID 197553 mail.info] `, which Solaris puts before the text; `start` without it.
    @inline(__always)
    private static func solarisEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        guard text.has("[ID ", start) else { return start }
        let close = text.find(UInt8(ascii: "]"), start, end)
        return text.has("] ", close) ? close + 2 : start
    }

    @inline(__always)
    private static func isTagCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The parts of `instance/program`, `instance/service/program` and `instance/program/service`.
    private mutating func program(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        let slash = text.find(UInt8(ascii: "/"), start, end)
        guard slash > start, slash + 1 < end else { return false }
        if !(slash - start == 7 && text.has("postfix", start)) { add(.instance, start, slash) }
        guard let last = text.findLast(UInt8(ascii: "/"), slash + 1, end) else {
            add(.process, slash + 1, end)
            return true
        }
        // A service named like a program (`smtp`) comes first, so the last part decides.
        if Self.isProgram(text, last + 1, end) {
            add(.process, last + 1, end)
            add(.service, slash + 1, last)
        } else {
            add(.process, slash + 1, last)
            add(.service, last + 1, end)
        }
        return true
    }

    private static func isProgram(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 4:
            text.has("smtp", start) || text.has("lmtp", start) || text.has("qmgr", start)
                || text.has("pipe", start)
        case 5: text.has("smtpd", start) || text.has("local", start) || text.has("error", start)
        case 6: text.has("bounce", start) || text.has("pickup", start)
        case 7:
            text.has("cleanup", start) || text.has("virtual", start)
                || text.has("discard", start) || text.has("dnsblog", start)
        case 8: text.has("tlsproxy", start)
        case 10: text.has("postscreen", start)
        default: false
        }
    }

    // MARK: - Queue ids

    /// Where a queue id that stands before ": " ends; `start` when there is none.
    static func queueIDEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        let place = text.wordEnd(start, end)
        guard text.at(place) == UInt8(ascii: ":"), text.at(place + 1) == UInt8(ascii: " ")
        else { return start }
        return isQueueID(text, start, place) || text.has("NOQUEUE:", start) ? place : start
    }

    /// Whether letters and digits are an id. Short ids are upper-case hexadecimal. Long ones have
    /// no vowels and a "z" behind the time, so that hardly a word looks like one.
    static func isQueueID(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        let length = end - start
        guard length >= 6, length <= 64 else { return false }
        let kinds = text.wordKinds(start, end)
        if kinds & Int(TVS_HEXADECIMAL) != 0 { return true }
        guard kinds & Int(TVS_VOWEL_FREE) != 0,
            let split = text.findLast(UInt8(ascii: "z"), start + 10, end)
        else { return false }
        return split + 1 < end
    }
}
