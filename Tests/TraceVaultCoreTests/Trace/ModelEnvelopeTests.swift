import Testing

@testable import TraceVaultCore

@Suite struct ModelEnvelopeTests {
    private func read(_ body: String) throws(Failure) -> Envelope {
        try Envelope.read(buffer(body))
    }

    @Test func v4ErrorsComeWithTheirChains() throws {
        let envelope = try read(
            #"{"success":false,"errors":[{"code":6003,"message":"a","source":{"pointer":"/x"},"#
                + #""error_chain":[{"code":6103,"message":"b"}]},{"code":971,"message":"c"}],"#
                + #""messages":null,"result":null}"#)
        #expect(envelope.success == false)
        #expect(envelope.errors.map { $0.code } == [6003, 6103, 971])
        #expect(envelope.errors.map { $0.message } == ["a", "b", "c"])
        #expect(!envelope.hasResult)
    }

    @Test func missingAndNullMembersAreNotThere() throws {
        for body in ["{}", #"{"errors":null,"result":null}"#, #"{"errors":"x","success":null}"#] {
            let envelope = try read(body)
            #expect(envelope.success == nil && envelope.errors.isEmpty && !envelope.hasResult)
        }
        #expect(try read(#"{"result":{}}"#).hasResult)
        #expect(try read(#"{"errors":[{"code":1000,"message":"m"}]}"#).isRefusal)
    }

    @Test func problemDocumentGivesItsNumberAndWait() throws {
        let envelope = try read(
            #"{"type":"about:blank","title":"Error 1015: You are being rate limited","status":429,"#
                + #""detail":"d","error_code":1015,"retryable":true,"retry_after":30}"#)
        // The API's codes are others.
        #expect(envelope.errors.isEmpty && envelope.problem?.code == 1015)
        #expect(envelope.problem?.message == "Error 1015: You are being rate limited")
        #expect(envelope.retryable == true)
        #expect(envelope.retryAfterSeconds == 30)
    }

    @Test(arguments: ["-1", "1e3", "99999999999999999999", "86401", "\"soon\"", "null", "[30]"])
    func aSenselessWaitIsNoWait(_ wait: String) throws {
        let envelope = try read(#"{"title":"t","status":503,"retry_after":\#(wait)}"#)
        #expect(envelope.retryAfterSeconds == nil)
    }

    @Test func errorsAreBoundedInNumberAndLength() throws {
        let long = String(repeating: "é", count: 5000)
        let many = Array(repeating: #"{"code":1,"message":"\#(long)"}"#, count: 40)
        let errors = try read(#"{"success":false,"errors":[\#(many.joined(separator: ","))]}"#)
            .errors
        #expect(errors.count == Envelope.maxErrors)
        #expect(errors.allSatisfy { $0.message.utf8.count == Envelope.maxMessage })
    }

    @Test func errorsAreLookedForNoFurtherThanARefusalIsLong() throws {
        let one = #"{"code":1,"message":"m"}"#
        let zeros = Array(repeating: "0", count: 5000).joined(separator: ",")
        #expect(try read(#"{"errors":[0,0,\#(one),\#(zeros)]}"#).errors.count == 1)
        #expect(try read(#"{"errors":[\#(zeros),\#(one)]}"#).errors.isEmpty)
    }

    @Test func messagesHaveNoControlCharacters() throws {
        let envelope = try read(
            #"{"errors":[{"code":1,"message":"a\u0000b\u001b[31m\r\n\u0085\u202ec"}]}"#)
        #expect(envelope.errors.first?.message == "a b [31m    c")
    }

    @Test func anythingButAnObjectIsSomebodyElses() {
        #expect(failure { () throws(Failure) in try read("[]") }?.status == .foreignReply)
        #expect(failure { () throws(Failure) in try read("<html>") }?.status == .notJSON)
        #expect(failure { () throws(Failure) in try read("") }?.status == .replyEmpty)
    }
}
