// SearchPagingTests.swift - a search is never cut silently, and gives every message once.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct SearchPagingTests {
    private let desk: Desk

    init() throws { desk = try Desk() }

    private struct Found {
        let paths: [String]
        let refs: [String]
        let warnings: [String: Int]
        let isComplete: Bool
        let cursor: String?
        /// Where the next page was named that could not be followed.
        let unusable: String?
    }

    private func search(_ replies: [String]) throws -> Found { try search([:], replies) }

    private func search(
        _ options: KeyValuePairs<String, String>, _ replies: [String]
    ) throws -> Found {
        let talk = try desk.search(options, replies.map { canned(200, $0) })
        let document = try #require(try talk.document("search"))
        let messages = document["messages"] as? [[String: Any]] ?? []
        var warnings: [String: Int] = [:]
        var unusable: String?
        for warning in document["warnings"] as? [[String: Any]] ?? [] {
            let code = warning["code"] as? String ?? ""
            warnings[code] = warning["count"] as? Int
            if code == "cursor_unusable" { unusable = warning["path"] as? String }
        }
        return Found(
            paths: talk.paths, refs: messages.compactMap { $0["message_ref"] as? String },
            warnings: warnings, isComplete: document["complete"] as? Bool ?? false,
            cursor: document["next_cursor"] as? String, unusable: unusable)
    }

    private func body(_ refs: [String], _ info: String?, beside: String = "") -> String {
        let items = refs.map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
        let info = info.map { #","result_info":"# + $0 } ?? ""
        return #"{"success":true,"result":[\#(items)]\#(info)\#(beside)}"#
    }

    @Test(arguments: [
        #"{"cursors":{"after":"c9"}}"#, #"{"cursor":"c9"}"#, #"{"next":null,"cursor":"c9"}"#,
        #"{"next":"","cursors":{"after":"c9","before":"b"}}"#,
        #"{"cursors":{"after":null},"cursor":"c9"}"#, #"{"cursors":{"next":"c9"}}"#,
        #"{"cursors":{"before":"b","after":"","next":"c9"}}"#, #"{"cursors":7,"cursor":"c9"}"#,
    ])
    func aCursorUnderAnyOfItsNamesIsFollowed(info: String) throws {
        let found = try search(["per_page": "1"], [body(["a"], info), body(["b"], nil)])
        #expect(found.paths.count == 2)
        #expect(found.paths.last?.contains("&cursor=c9") == true)
        #expect(found.refs == ["a", "b"])
    }

    @Test func numberedPagesAreFollowedToTheLast() throws {
        let pages = (1...3).map {
            body(["m\($0)"], #"{"page":\#($0),"per_page":1,"total_pages":3,"total_count":3}"#)
        }
        let found = try search(pages)
        #expect(found.refs == ["m1", "m2", "m3"])
        #expect(found.paths.count == 3)
        #expect(found.paths[1].contains("&page=2") && found.paths[2].contains("&page=3"))
        #expect(found.isComplete && found.warnings.isEmpty && found.cursor == nil)
    }

    @Test func whoWantsMoreOfNumberedPagesGoesOnWhereTheLimitEnded() throws {
        let info = #"{"page":1,"total_pages":236}"#
        let first = try search(["limit": "2", "per_page": "2"], [body(["a", "b"], info)])
        #expect(!first.isComplete)
        #expect(first.cursor == "tracevault.page:2:0")
        let cut = try search(
            ["limit": "1", "cursor": "tracevault.page:2:0"],
            [body(["c", "d"], #"{"page":2,"total_pages":236}"#)])
        #expect(cut.paths.first?.contains("&page=2") == true)
        #expect(cut.refs == ["c"] && cut.cursor == "tracevault.page:2:1")
        let rest = try search(
            ["limit": "1", "cursor": "tracevault.page:2:1"],
            [body(["c", "d"], #"{"page":2,"total_pages":2}"#)])
        #expect(rest.refs == ["d"] && rest.isComplete)
    }

    @Test func aServerThatIgnoresThePageNumberIsAskedOnceMoreAndNoLonger() throws {
        let same = body(["a"], #"{"page":1,"total_pages":236}"#)
        let found = try search([same, same, same, same])
        #expect(found.paths.count == 2 && found.refs == ["a"] && !found.isComplete)
        #expect(found.warnings == ["cursor_repeated": 1, "duplicate_message": 1])
    }

    @Test(arguments: [
        #"{"has_more":true}"#, #"{"next_page_token":"x"}"#, #"{"next_cursor":"x"}"#,
        #"{"cursors":{"after":7}}"#, #"{"cursor":{}}"#, #"[1]"#, #""x""#,
        #"{"cursors":"c9"}"#, #"{"cursors":["c9"]}"#, #"{"cursors":{"following":"c9"}}"#,
        #"{"cursors":{"after":null,"has_more":true}}"#, #"{"links":{"next":"x"}}"#,
        #"{"page":1,"last_page":false}"#, #"{"next":null,"has_more":true}"#,
    ])
    func whatHintsAtMoreAndIsNotUnderstoodIsTold(info: String) throws {
        let found = try search([body(["a"], info)])
        #expect(found.paths.count == 1 && !found.isComplete)
        #expect(found.warnings["cursor_unusable"] == 1)
    }

    @Test(arguments: [
        (#","next_cursor":"x""#, "/next_cursor"), (#","has_more":true"#, "/has_more"),
        (#","cursor":"x""#, "/cursor"), (#","cursors":{"after":"x"}"#, "/cursors/after"),
        (#","links":{"self":"x","next":"y"}"#, "/links/next"), (#","next":"x""#, "/next"),
        (#","pagination":{"has_more":true}"#, "/pagination/has_more"),
    ])
    func whatHintsAtMoreBesideTheResultIsTold(beside: String, path: String) throws {
        for info in [nil, #"{"count":1}"#, #"{"next":null}"#] {
            let found = try search([body(["a"], info, beside: beside)])
            #expect(found.paths.count == 1 && !found.isComplete)
            #expect(found.warnings["cursor_unusable"] == 1)
            #expect(found.unusable == path)
        }
        // What is understood is followed, whatever stands beside it.
        let pages = [body(["a"], #"{"next":"c9"}"#, beside: beside), body(["b"], nil)]
        #expect(try search(pages).refs == ["a", "b"])
    }

    @Test(arguments: [
        #","next_cursor":null"#, #","has_more":false"#, #","cursors":{"after":null}"#,
        #","retry_after":3"#, #","links":{"self":"x","next":""}"#, #","took":{"ms":3}"#,
    ])
    func whatSaysBesideTheResultThatThereIsNoMoreEndsTheSearchWhole(beside: String) throws {
        let found = try search([body(["a"], #"{"next":null}"#, beside: beside)])
        #expect(found.isComplete && found.warnings["cursor_unusable"] == nil)
    }

    @Test func aHintBesideWhatIsUnderstoodStopsNothing() throws {
        let pages = (1...2).map {
            body(["m\($0)"], #"{"page":\#($0),"total_pages":2,"has_more":\#($0 == 1)}"#)
        }
        let found = try search(pages)
        #expect(found.refs == ["m1", "m2"] && found.isComplete)
    }

    @Test func theNumberOfTheLastPageIsFollowed() throws {
        let pages = (1...3).map { body(["m\($0)"], #"{"page":\#($0),"last_page":3}"#) }
        let found = try search(pages)
        #expect(found.refs == ["m1", "m2", "m3"] && found.isComplete && found.warnings.isEmpty)
        let said = try search([body(["a"], #"{"page":1,"last_page":true}"#)])
        #expect(said.isComplete && said.warnings.isEmpty)
    }

    @Test func aResultOfNullIsNoneWithoutTheAPIsSuccess() throws {
        for body in [
            #"{"success":false,"errors":[],"result":null}"#, #"{"errors":[],"result":null}"#,
            #"{"result":null}"#,
        ] {
            #expect(try desk.search([canned(200, body)]).answer.failure != nil, "\(body)")
        }
    }

    @Test(arguments: [
        #"{"has_more":false}"#, #"{"next_page_token":""}"#, #"{"next_cursor":null}"#,
        #"{"next":null,"took_ms":12}"#, #"{"cursor":""}"#, "null",
    ])
    func whatSaysThatThereIsNoMoreEndsTheSearchWhole(info: String) throws {
        let found = try search([body(["a"], info)])
        #expect(found.isComplete && found.warnings["cursor_unusable"] == nil)
    }

    @Test func aFullPageWithoutANextOneIsTold() throws {
        for info in [nil, #"{"count":2,"per_page":2}"#, #"{"per_page":2,"total_count":0}"#] {
            let found = try search(["per_page": "2"], [body(["a", "b"], info)])
            #expect(found.warnings == ["next_page_missing": 1] && !found.isComplete)
        }
        let said = try search(["per_page": "2"], [body(["a", "b"], #"{"next":null}"#)])
        #expect(said.warnings == ["next_page_missing": 1] && said.isComplete)
        let counted = try search([body(["a"], #"{"total_count":40}"#)])
        #expect(counted.warnings == ["next_page_missing": 1] && !counted.isComplete)
    }

    @Test func overlappingPagesGiveAMessageOnceAndTellHowManyWereDropped() throws {
        let pages = [
            body(["a", "b", "c"], #"{"next":"1"}"#), body(["b", "c", "d"], #"{"next":"2"}"#),
            body(["d", "e"], #"{"next":null}"#),
        ]
        let found = try search(pages)
        #expect(found.refs == ["a", "b", "c", "d", "e"] && found.isComplete)
        #expect(found.warnings == ["duplicate_message": 3])
        // They do not count for the limit either.
        #expect(try search(["limit": "4"], pages).refs == ["a", "b", "c", "d"])
    }

    @Test func emptyPagesWithEverNewCursorsEndAfterAFewAndTellWhereToGoOn() throws {
        let pages = (0..<50).map { body([], #"{"next":"c\#($0)"}"#) }
        let found = try search(pages)
        #expect(found.paths.count == 5 && !found.isComplete)
        #expect(found.warnings == ["empty_pages": 1] && found.cursor == "c4")
        // Something new in between begins the count anew.
        let mixed = (0..<12).map {
            body($0 % 4 == 0 ? ["m\($0)"] : [], $0 == 11 ? nil : #"{"next":"c\#($0)"}"#)
        }
        #expect(try search(mixed).refs == ["m0", "m4", "m8"])
    }

    @Test func aResultOfNullIsASearchThatFoundNothing() throws {
        let found = try search([#"{"success":true,"errors":[],"messages":[],"result":null}"#])
        #expect(found.refs.isEmpty && found.isComplete && found.warnings.isEmpty)
    }

    // MARK: - Numbers

    @Test func numbersOfAnySizeEndASearchOrNameItsNextPage() throws {
        let numbers = [Int64.min, -1, 0, 1, 2, Int64(Int32.max), Int64.max - 1, Int64.max]
        for page in numbers {
            for pages in numbers {
                for member in ["total_pages", "last_page"] {
                    let info = #"{"page":\#(page),"\#(member)":\#(pages),"per_page":\#(pages),"#
                    let found = try search(
                        ["per_page": "1"],
                        [body(["a"], info + #""total_count":\#(page)}"#), body(["b"], nil)])
                    let hasNext = min(pages, 1 << 52) > max(0, min(page, 1 << 52))
                    #expect(found.paths.count == (hasNext ? 2 : 1))
                }
            }
        }
    }
}
