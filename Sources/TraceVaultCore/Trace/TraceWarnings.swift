// TraceWarnings.swift - what was odd about a reply that could be read all the same.
//
// Codes are part of the documents (docs/*.schema.json): never renamed, never reused.

/// The oddities of one reply: each code once, with how often and where first.
package struct TraceWarnings: Sendable {
    package enum Code: String, CaseIterable, Sendable {
        case byteOrderMark = "byte_order_mark"
        case cursorRepeated = "cursor_repeated"
        case cursorUnusable = "cursor_unusable"
        case duplicateKey = "duplicate_key"
        case duplicateMessage = "duplicate_message"
        case emptyPages = "empty_pages"
        case errorsWithSuccess = "errors_with_success"
        case expired = "expired"
        case expiresWithinDay = "expires_within_1_day"
        case expiresWithinWeek = "expires_within_7_days"
        case expiresWithinMonth = "expires_within_30_days"
        case hopsNotListed = "hops_not_listed"
        case itemNotObject = "item_not_object"
        case lastLookFailed = "last_look_failed"
        case limitCut = "limit_cut"
        case lineNotObject = "line_not_object"
        case lineWithoutAddress = "line_without_address"
        case lineWithoutTime = "line_without_time"
        case invalidUTF8 = "invalid_utf8"
        case linenoNotInteger = "lineno_not_integer"
        case loneSurrogate = "lone_surrogate"
        case messageMissing = "message_missing"
        case messageNotText = "message_not_text"
        case messageRefMissing = "message_ref_missing"
        case messagesPresent = "messages_present"
        case nextPageMissing = "next_page_missing"
        case nextIDsNotListed = "next_queue_ids_not_listed"
        case notYetValid = "not_yet_valid"
        case numberOutOfRange = "number_out_of_range"
        case outcomesNotLinked = "outcomes_not_linked"
        case outcomesNotListed = "outcomes_not_listed"
        case pageLimit = "page_limit"
        case pendingNotBoolean = "pending_not_boolean"
        case recipientsNotListed = "recipients_not_listed"
        case recipientsUnaccounted = "recipients_unaccounted"
        case sideMissing = "side_missing"
        case sizeLimit = "size_limit"
        case stoppedEarly = "stopped_early"
        case successMissing = "success_missing"
        case successNotBoolean = "success_not_boolean"
        case timeImplausible = "time_implausible"
        case timeMissing = "time_missing"
        case timeUnreadable = "time_unreadable"
        case timeZoneMissing = "time_zone_missing"
        case timesDiffer = "times_differ"
        case unknownKey = "unknown_key"
        case wrongType = "wrong_type"
    }

    private struct Entry {
        let code: Code
        var count: Int
        let path: String
    }

    private var entries: [Entry] = []

    /// Notes `count` occurrences; `path` is a JSON pointer into the reply, "" for the whole.
    mutating func add(_ code: Code, _ count: Int = 1, at path: @autoclosure () -> String) {
        guard count > 0 else { return }
        for index in entries.indices where entries[index].code == code {
            entries[index].count += count
            return
        }
        entries.append(Entry(code: code, count: count, path: path()))
    }

    /// Notes the texts of a reply that had to be mended.
    mutating func note(_ mended: MendedText?, _ tape: JSONTape, _ bytes: RawSpan) {
        guard let mended else { return }
        add(.invalidUTF8, mended.count, at: tape.path(to: mended.first, bytes))
    }

    /// Notes what is odd about the outside of a reply. `known`: how many of its unknown members the
    /// caller understands.
    mutating func note(_ envelope: Envelope, _ tape: JSONTape, known: Int) {
        if tape.hasByteOrderMark { add(.byteOrderMark, at: "") }
        add(.loneSurrogate, tape.loneSurrogates, at: "")
        add(.duplicateKey, envelope.duplicateKeys, at: "")
        add(.unknownKey, envelope.unknownKeys - known, at: "")
        if envelope.successIsOdd {
            add(.successNotBoolean, at: "/success")
        } else if envelope.success == nil {
            add(.successMissing, at: "/success")
        }
        add(.errorsWithSuccess, envelope.errors.count, at: "/errors")
        add(.messagesPresent, envelope.messageCount, at: "/messages")
    }

    /// The array of the document, in the order in which the codes first came up.
    func write(into writer: inout JSONWriter) {
        writer.beginArray()
        for entry in entries {
            writer.beginObject()
            writer.key("code")
            writer.string(entry.code.rawValue)
            writer.key("count")
            writer.int(entry.count)
            writer.key("path")
            writer.string(entry.path)
            writer.endObject()
        }
        writer.endArray()
    }
}
