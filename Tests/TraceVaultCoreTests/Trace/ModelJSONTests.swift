import Testing
import TraceVaultCore

@Suite struct ModelJSONTests {
    private func status(_ body: String) -> Status? {
        failure { () throws(Failure) in try JSONReader.read(buffer(body)) }?.status
    }

    private func status(_ body: [UInt8]) -> Status? {
        failure { () throws(Failure) in try JSONReader.read(buffer(body)) }?.status
    }

    @Test(arguments: [
        "{}", "[]", " [ ] ", "{\"a\":1}", "[1,-0,0.5,1e5,1E+5,1e-5,-1.25e+10]", "\"x\"", "null",
        "true", "false", "0", "[\"\\u0000\\ud83d\\ude00\\/\"]", "{\"\":{}}", "\u{FEFF}{}",
        "[\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\"]", "\t\r\n [1 , 2]\n",
    ])
    func validTextIsRead(_ body: String) { #expect(status(body) == nil) }

    @Test(arguments: [
        "{,}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[1 2]", "[01]", "[+1]",
        "[.5]", "[1.]x", "[-a]", "[1ex]", "[tru]", "[nulL]", "[NaN]", "{}{}", "[]x", "{\"a\":}",
        "[\"\\x\"]", "[\"\\u00g0\"]", "[\"a\nb\"]", "[\"\u{1}\"]", "]", "}", "{]", "[}", ",", "x",
        "rate limited", "<html></html>", "\u{FEFF}<?xml?>", "[1]//", "[\u{A0}1]", "{1:2}", "{[]:1}",
        #"[{"a":[null,2]},{"a":7,"null,:8},"sixteen bytes and more"]"#,
    ])
    func textThatIsNotJSONIsRefusedAsSuch(_ body: String) { #expect(status(body) == .notJSON) }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80],
            [0xFF], [0xC3, 0x28], [0xE2, 0x82, 0x28], [0xF0, 0x9F, 0x98, 0x22],
        ] as [[UInt8]])
    func invalidUTF8IsRefused(_ bytes: [UInt8]) {
        for padding in 0..<9 {
            let body = Array("[\"".utf8) + Array(repeating: 0x61, count: padding) + bytes
            #expect(status(body + Array("\"]".utf8)) == .notJSON)
        }
        // A text as long as the one in the object before.
        let before = String(repeating: "a", count: 20 + bytes.count)
        let start = Array("[{\"a\":\"\(before)\"},{\"a\":\"\(before.prefix(20))".utf8)
        #expect(status(start + bytes + Array("\"},\"sixteen bytes and more\"]".utf8)) == .notJSON)
    }

    @Test func emptyAndBlankRepliesAreEmpty() {
        #expect(status("") == .replyEmpty)
        #expect(status(" \r\n\t ") == .replyEmpty)
        #expect(status("\u{FEFF}") == .replyEmpty)
    }

    @Test func aTextCutAnywhereIsTruncated() {
        let whole = Array(
            #"{"a":[1,-2.5e+3,true,false,null,"é😀\u00e9\ud83d\ude00\n"],"b":{"c":{}}}"#.utf8)
        #expect(status(whole) == nil)
        for length in 1..<whole.count {
            #expect(status(Array(whole[..<length])) == .replyTruncated, "cut at \(length)")
        }
    }

    @Test func depthIsBounded() {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(status(deepest) == nil)
        #expect(status("[" + deepest + "]") == .replyDepth)
        #expect(status(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == .replyDepth)
        let objects = Array(String(repeating: "{\"a\":", count: 200_000).utf8)
        #expect(status(objects) == .replyDepth)
    }

    @Test func theNumberOfValuesIsBounded() {
        var body = Array("[0".utf8)
        for _ in 0..<JSONReader.maxTokens { body += [UInt8(ascii: ","), UInt8(ascii: "0")] }
        #expect(status(body + [UInt8(ascii: "]")]) == .replyDepth)
    }

    /// A list of so many zeros, each with white space to the length.
    private func zeros(_ count: Int, each length: Int = 2) -> [UInt8] {
        let space = [UInt8](repeating: 0x20, count: length - 2)
        var body = Array("[0".utf8)
        for _ in 1..<count { body += [UInt8(ascii: ","), UInt8(ascii: "0")] + space }
        return body + [UInt8(ascii: "]")]
    }

    @Test func denseTextHasFewerValuesThanSparseText() {
        // The list itself is one.
        #expect(status(zeros(JSONReader.fewTokens - 1)) == nil)
        #expect(status(zeros(JSONReader.fewTokens)) == .replyDepth)
        #expect(status(zeros(JSONReader.fewTokens * 2, each: 9)) == .replyDepth)
        #expect(status(zeros(JSONReader.fewTokens * 2, each: 11)) == nil)
    }

    /// An object of so many members.
    private func object(_ members: Int) -> String {
        "{" + (0..<members).map { #""a\#($0)":[{"b":1},2]"# }.joined(separator: ",") + "}"
    }

    @Test func anObjectOfAReplyHasABoundedNumberOfMembersWhereverItIs() throws {
        let (most, tooMany) = (object(JSONReader.maxMembers), object(JSONReader.maxMembers + 1))
        for (before, behind) in [("", ""), ("[1,", ",2]"), (#"{"a":[[{"b":"#, #"}]],"c":3}"#)] {
            #expect(status(before + most + behind) == nil)
            #expect(status(before + tooMany + behind) == .replyDepth)
        }
        // Any number of them, and elements of a list are no members.
        #expect(status("[" + most + "," + most + "," + most + "]") == nil)
        // What this library wrote may be a list of anything.
        #expect(try JSONReader.read(buffer(tooMany), .document).count > 0)
    }

    @Test func messagesAreOneLineAndDoNotRepeatTheBody() {
        for body in ["<b>secret</b>", "secret", "{\"secret\":secret}", "[\"secret", "{}secret"] {
            let error = failure { () throws(Failure) in try JSONReader.read(buffer(body)) }
            #expect(error.map { !$0.message.contains("secret") } == true)
            #expect(error.map { !$0.message.contains("\n") && $0.message.utf8.count < 200 } == true)
        }
    }

    /// White space before its first key keeps an object from being read like the one before it.
    @Test(arguments: [
        (#"{"a":1}"#, #"{"a":2}"#), (#"{"a":1}"#, #"{"b":2}"#), (#"{"a":"x"}"#, #"{"a":[1]}"#),
        (#"{"a":["b"]}"#, #"{"a":1,"b":2}"#), (#"{"a":[1],"b":2}"#, #"{"a":3,"b":4}"#),
        (#"{"a":[1],"b":2}"#, #"{"a":[1],"b":3}"#), (#"{"a":[[1]]}"#, #"{"a":2,"b":3}"#),
        (#"{"a":[],"a":1}"#, #"{"a":"b","a":2}"#), (#"{}"#, #"{}"#), (#"{"a":1}"#, #"{}"#),
        (#"{"a":1}"#, #"{"a":1,"b":2}"#), (#"{"a":1,"b":2}"#, #"{"a":1}"#),
        (#"{"a":{"b":1}}"#, #"{"a":{"b":2}}"#), (#"{"a":"\""}"#, #"{"a":"\\"}"#),
        (#"{"\"":1}"#, #"{"\"":2}"#), (#"{"é":1}"#, #"{"é":1}"#),
        (#"{"\u0061":1}"#, #"{"a":2}"#), (#"{"\\":1,"a":2}"#, #"{"\\":1,"b":2}"#),
        (#"{"fifteen_letters":1}"#, #"{"fifteen_letters":true}"#),
        (#"{"sixteen_letters_":1}"#, #"{"sixteen_letters_":1e5}"#),
        (#"{"t":"2026-11-20T09:41:11.053Z"}"#, #"{"t":"2026-11-20T09:41:11.0\"Z"}"#),
        (#"{"t":"2026-11-20T09:41:11.053Z"}"#, #"{"t":"2026-11-20T09:41:11.0éZ"}"#),
        (#"{"t":"2026-11-20T09:41:11.053Z"}"#, #"{"t":"short","u":"2026-11-20T09:41"}"#),
        (#"{"t":"\ud800"}"#, #"{"t":"\ud800"}"#),
        (#"{"t":"x","u":"y"}"#, #"{"t":"\udfff","u":[]}"#),
    ])
    func anObjectLikeTheOneBeforeIsReadAsItWouldBeElsewhere(_ first: String, _ next: String) throws
    {
        // Keys are compared where 16 bytes are left.
        let rest = #","sixteen bytes and more"]"#
        let (again, anew) = ("[\(first),\(next)\(rest)", "[\(first),{ \(next.dropFirst())\(rest)")
        let (one, other) = (try JSONReader.read(buffer(again)), try JSONReader.read(buffer(anew)))
        try #require(one.count == other.count)
        for index in 0..<one.count {
            let (left, right) = (one[index], other[index])
            #expect(left.kind == right.kind && left.marks == right.marks && left.next == right.next)
            if left.kind == .array || left.kind == .object { continue }
            #expect(
                Array(again.utf8)[Int(left.start)..<Int(left.end)]
                    .elementsEqual(Array(anew.utf8)[Int(right.start)..<Int(right.end)]))
        }
        #expect(one.loneSurrogates == other.loneSurrogates)
    }

    @Test func int64IsExactOrNothing() {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1e2", nil), ("", nil),
            ("-", nil), ("99999999999999999999999999", nil), ("12a", nil), (" 1", nil),
        ]
        for (text, value) in cases {
            #expect(buffer(text).withBytes { JSONText.int64($0) } == value, "\(text)")
        }
    }

    @Test func theLastOfRepeatedKeysWinsHoweverManyThereAre() throws {
        for others in [0, 5, 38, 39, 400] {
            var body = "{\"k\":0"
            for index in 0..<others { body += ",\"o\(index)\":[1,2]" }
            body += ",\"\\u006b\":1}"
            let tape = try JSONReader.read(buffer(body))
            var found: [Int] = []
            try tape.body.withBytes { (bytes) throws(Failure) in
                var members = try JSONMembers(of: 0, tape, bytes)
                while let (_, value) = members.next(tape, bytes) { found.append(value) }
                #expect(members.duplicates == 1)
            }
            #expect(found.count == others + 1)
            #expect(found.last == tape.count - 1)
        }
    }

    @Test func writerEscapesTheShortestWay() {
        let out = ByteBuffer(limit: 1000)
        var writer = JSONWriter(into: out)
        writer.beginArray()
        writer.string("a\"\\\u{8}\t\n\u{c}\r\u{1}\u{1F}/é\u{7F}")
        writer.int(Int64.min)
        writer.bool(true)
        writer.null()
        writer.endArray()
        #expect(
            text(out)
                == "[\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001f/é\u{7F}\","
                + "-9223372036854775808,true,null]"
        )
    }

    @Test func noWayOfAppendingGoesBeyondTheLimit() {
        let out = ByteBuffer(limit: 4)
        var writer = JSONWriter(into: out)
        for _ in 0..<10 { writer.beginArray() }
        let fits = writer.isComplete
        #expect(!fits)
        #expect(text(out) == "[[[[")
    }

    @Test func writerRemembersThatSomethingDidNotFit() {
        let out = ByteBuffer(limit: 8)
        var writer = JSONWriter(into: out)
        writer.string("123456")
        let fits = writer.isComplete
        writer.null()
        let stillFits = writer.isComplete
        #expect(fits && !stillFits)
    }
}
