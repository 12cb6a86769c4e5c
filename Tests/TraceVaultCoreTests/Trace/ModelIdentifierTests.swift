import Testing
import TraceVaultCore

@Suite struct ModelIdentifierTests {
    @Test(
        arguments: [
            ("4Njp3P0STMz2c02Q", 1_672_364_689, 66215, 17_775_358, "2022-12-30T01:44:49.066215Z"),
            ("4WtWkr6nlBz9sNH", 1_724_772_756, 956_550, 1_311_939, "2024-08-27T15:32:36.956550Z"),
            ("3Pt2mN2VXxznjll", 1_300_631_508, 353_025, 5_536_956, "2011-03-20T14:31:48.353025Z"),
        ] as [(String, Int64, Int64, Int64, String)])
    func longQueueIDIsDecodedAloneAndInFrontOfOtherIDs(
        _ id: String, _ seconds: Int64, _ microseconds: Int64, _ inode: Int64, _ time: String
    ) throws {
        for suffix in ["", "-2024-08-28T15:32:35", "-2024-01-05T10:00:00-12345678"] {
            let decoded = try #require(QueueID(leading: id + suffix))
            #expect(decoded.value == id)
            #expect(decoded.seconds == seconds)
            #expect(decoded.microseconds == microseconds)
            #expect(decoded.inode == inode)
            #expect(decoded.time == time)
        }
    }

    @Test func shortQueueIDHasMicrosecondsAndNoTime() throws {
        let id = try #require(QueueID(leading: "0A1B2C3D4E-2024-08-28T15:32:35"))
        #expect((id.value, id.microseconds, id.inode) == ("0A1B2C3D4E", 0x0A1B2, 0xC3D4E))
        #expect(id.seconds == nil && id.time == nil)
    }

    @Test(arguments: [
        "", "-", "NOQUEUE", "0a1b2c", "FFFFF1", "4Njp3P0STMz", "4Njp3P0STMz2c02!", "zzzzzzzzzzz",
        "4Njp3Pzzzzz2c02Q", "aeiouaeiouzbcd", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyzb",
        String(repeating: "0", count: 300),
    ])
    func whatIsNoQueueIDIsNotDecoded(_ id: String) { #expect(QueueID(leading: id) == nil) }

    private func account(_ text: String) -> Status? {
        failure { () throws(Failure) in
            try buffer(text).withBytes { (bytes) throws(Failure) in
                try Identifiers.accountID(bytes)
            }
        }?.status
    }

    private func message(_ text: String) -> Failure? {
        failure { () throws(Failure) in
            try buffer(text).withBytes { (bytes) throws(Failure) in
                try Identifiers.messageRef(bytes)
            }
        }
    }

    @Test func accountIDIsThirtyTwoLowerCaseHexDigits() {
        #expect(account("023e105f4ecef8ad9ca31a8372d0c353") == nil)
        for bad in [
            "", "023e105f4ecef8ad9ca31a8372d0c35", "023e105f4ecef8ad9ca31a8372d0c3533",
            "023E105F4ECEF8AD9CA31A8372D0C353", "023e105f4ecef8ad9ca31a8372d0c35g",
            "../e105f4ecef8ad9ca31a8372d0c353", "023e105f4ecef8ad9ca31a8372d0c35\n",
        ] { #expect(account(bad) == .accountID) }
    }

    @Test(arguments: [
        "4Njp3P0STMz2c02Q", "4WtWkr6nlBz9sNH-2024-08-28T15:32:35", "a", "0.:_+-",
        String(repeating: "x", count: 256),
    ])
    func messageRefTakesEveryShapeInUse(_ ref: String) { #expect(message(ref) == nil) }

    @Test(arguments: [
        "", ".", "..", "../x", "-a", "_a", ":a", "+a", "a/b", "a?b", "a#b", "a%2e", "a b", "a\r\nb",
        "a\0", "é", "a\u{7F}", String(repeating: "x", count: 257),
    ])
    func messageRefRefusesWhatCouldLeaveItsSegment(_ ref: String) {
        let error = message(ref)
        #expect(error?.status == .messageRef)
        #expect(error?.message.hasPrefix("message: ") == true)
    }

    @Test func plusTravelsEscaped() {
        #expect(Identifiers.pathSegment("a+b:c-d.e_f+") == "a%2Bb:c-d.e_f%2B")
    }

    @Test func millisecondsBecomeRFC3339() {
        #expect(Timestamp.text(milliseconds: 0) == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp.text(milliseconds: -1) == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp.text(milliseconds: 951_782_400_007) == "2000-02-29T00:00:00.007Z")
        #expect(Timestamp.text(milliseconds: 253_402_300_799_999) == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp.text(milliseconds: 253_402_300_800_000) == nil)
        #expect(Timestamp.text(milliseconds: .max) == nil)
        #expect(Timestamp.text(milliseconds: .min) == nil)
    }

    @Test func everyDayOfFourCenturiesSurvivesTheCalendar() throws {
        for day in Int64(-30_000)..<120_000 {
            let text = try #require(Timestamp.text(milliseconds: day * 86_400_000))
            let minutes = buffer(text).withBytes { Timestamp($0)?.minutes }
            guard minutes == day * 1440 else {
                Issue.record("day \(day) is \(text)")
                return
            }
        }
    }

    @Test(arguments: [
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+01:60",
        "2024-01-01T00:00Z", "2024-01-01", "2024-1-1T00:00:00Z", "2024-01-01T00:00:00ZZ",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "1900-02-29T00:00:00Z",
    ])
    func whatIsNoTimeIsNotParsed(_ text: String) {
        #expect(buffer(text).withBytes { Timestamp($0) } == nil)
    }

    @Test func aTimeWithMoreDigitsThanAnyClockHasIsNone() {
        let second = "2026-01-02T03:04:05."
        for (digits, isTime) in [(9, true), (32, true), (33, false), (1_000_000, false)] {
            let text = second + String(repeating: "0", count: digits) + "Z"
            #expect((buffer(text).withBytes { Timestamp($0) } != nil) == isTime)
        }
    }
}
