import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelTraceTests {
    private func decode(_ body: String) throws(Failure) -> String {
        text(try Trace.decode(buffer(body)).view(TraceContext()))
    }

    private func refusal(_ body: String) -> Failure? {
        failure { () throws(Failure) in try decode(body) }
    }

    @Test func thereAreGoldenReplies() { #expect(Golden.names.count >= 15) }

    @Test(arguments: Golden.names)
    func goldenReplyGivesExactlyItsDocument(_ name: String) throws {
        let trace = try Trace.decode(buffer(try Golden.reply(name)))
        #expect(text(try trace.view(TraceContext())) == (try Golden.document(name)))
    }

    @Test func theContextIsInTheDocument() throws {
        let context = TraceContext(
            tenant: "acme \"eu\"", accountID: "023e105f4ecef8ad9ca31a8372d0c353",
            messageRef: "4Njp3P0STMz2c02Q-2024-01-05T10:00:00-12345678",
            fetchedAtMs: 1_700_000_000_123, cfRay: "8a1b2c3d4e5f6789-SYD", httpStatus: 200,
            attempts: 2)
        let trace = try Trace.decode(
            buffer(#"{"success":true,"result":{"inbound":{},"outbound":{}}}"#))
        #expect(
            text(try trace.view(context))
                == #"{"schema":"tracevault.trace/1","#
                + #""account_id":"023e105f4ecef8ad9ca31a8372d0c353","tenant":"acme \"eu\"","#
                + #""message_ref":"4Njp3P0STMz2c02Q-2024-01-05T10:00:00-12345678","#
                + #""fetched_at":"2023-11-14T22:13:20.123Z","complete":true,"#
                + #""cf_ray":"8a1b2c3d4e5f6789-SYD","http_status":200,"attempts":2,"#
                + #""queue_id":{"value":"4Njp3P0STMz2c02Q","time":"2022-12-30T01:44:49.066215Z"},"#
                + #""inbound":{"pending":null,"lines":[]},"#
                + #""outbound":{"pending":null,"lines":[]},"#
                + #""summary":{"state":"unknown","recipients":[],"hops":[],"next_queue_ids":[]},"#
                + #""warnings":[]}"#)
    }

    @Test func eitherSidePendingIsPending() throws {
        for (inbound, outbound, pending) in [
            ("true", "false", true), ("null", "true", true), ("false", "null", false),
        ] {
            let trace = try Trace.decode(
                buffer(
                    #"{"success":true,"result":{"inbound":{"pending":\#(inbound)},"#
                        + #""outbound":{"pending":\#(outbound)}}}"#))
            #expect(trace.isPending == pending)
        }
    }

    @Test func refusalCarriesCodesAndACleanMessage() {
        let error = refusal(
            #"{"success":false,"errors":[{"code":6003,"message":"Invalid\nrequest\u001b headers","#
                + #""error_chain":[{"code":"6111","message":"Invalid format"}]},{"code":10000}],"#
                + #""result":null}"#)
        #expect(error?.status == .replyRefused)
        #expect(error?.codes == [6003, 6111, 10000])
        #expect(
            error?.message
                == "Cloudflare refused the request: 6003 Invalid request  headers; "
                + "6111 Invalid format"
        )
    }

    @Test(arguments: [
        #"{"success":false,"errors":[]}"#, #"{"errors":[{"code":1,"message":"x"}]}"#,
        #"{"success":false,"errors":null,"result":{"inbound":{}}}"#,
        #"{"title":"Error 1015","status":429,"error_code":1015}"#,
    ])
    func everyShapeOfNoIsARefusal(_ body: String) {
        #expect(refusal(body)?.status == .replyRefused)
    }

    @Test(arguments: [
        (#"{"success":true}"#, "result"), (#"{"success":true,"result":null}"#, "result"),
        (#"{"success":true,"result":[]}"#, "result is an array"),
        (#"{"success":true,"result":"x"}"#, "result is a string"),
        (#"{"success":true,"result":{"inbound":[]}}"#, "result.inbound is an array"),
        (
            #"{"success":true,"result":{"outbound":{"lines":{}}}}"#,
            "result.outbound.lines is an object"
        ),
    ])
    func aWrongShapeNamesTheField(_ body: String, _ field: String) {
        let error = refusal(body)
        #expect(error?.status == .replyShape)
        #expect(error?.message.contains(field) == true)
    }

    @Test(arguments: [
        ("[]", "an array"), ("\"x\"", "a string"), ("1", "a number"), ("null", "null"),
        ("{}", "somebody else"), (#"{"success":false}"#, "somebody else"),
        (#"{"result":{}}"#, "somebody else"),
    ])
    func whatIsNotTheAPIsSaysSo(_ body: String, _ what: String) {
        let error = refusal(body)
        #expect(error?.status == .foreignReply)
        #expect(error?.message.contains(what) == true)
    }

    @Test func messagesAreKeptWordForWord() throws {
        var scalars = String.UnicodeScalarView()
        for value in [0..<0x300, 0x2020..<0x2040, 0xFFF0..<0x10000, 0x1F600..<0x1F640].joined() {
            if let scalar = Unicode.Scalar(UInt32(value)) { scalars.append(scalar) }
        }
        let message = String(scalars)
        var plain = ""
        var escaped = ""
        for scalar in scalars {
            for unit in String(scalar).utf16 { escaped += "\\u" + hex(unit) }
            let special = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            plain += special ? "\\u" + hex(UInt16(scalar.value)) : String(scalar)
        }
        for written in [plain, escaped] {
            let document = try Trace.decode(buffer(reply(message: written))).view(TraceContext())
            #expect(try firstMessage(document) == message)
        }
    }

    private func hex(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    @Test func aReplyCutAnywhereIsAFailure() throws {
        let whole = Array(try Golden.reply("unknown_keys")).dropLast()
        for length in 0..<whole.count {
            let error = failure { () throws(Failure) in try Trace.decode(buffer(whole[..<length])) }
            #expect(error?.status == (length == 0 ? .replyEmpty : .replyTruncated))
        }
    }

    @Test func anyChangedByteGivesADocumentThatIsJSONOrAFailure() throws {
        let start = #"{"success":true,"result":{"inbound":{"lines":[{"lineno":1,"#
        let end =
            #""ts":"2025-01-01T00:00:00Z","message":"é\ud83d\ude00","x":[1e4]}],"pending":true}}}"#
        let whole = Array((start + end).utf8)
        var documents = 0
        for place in whole.indices {
            for value in LongRun.values(at: place) {
                var body = whole
                body[place] = value
                guard let trace = try? Trace.decode(buffer(body)) else { continue }
                let document = text(try trace.view(TraceContext()))
                if value % 16 == 1 {
                    #expect(throws: Never.self) {
                        try JSONSerialization.jsonObject(with: Data(document.utf8))
                    }
                }
                documents += 1
            }
        }
        #expect(documents > whole.count)
    }

    @Test func manyTinyLinesFitTheView() throws {
        let body =
            #"{"success":true,"result":{"inbound":{"lines":["#
            + String(repeating: "1,", count: 20_000) + #"1]}}}"#
        #expect(try decode(body).contains(#""code":"line_not_object","count":20001"#))
    }
}
