// ServerQuotaTests.swift - what the headers of a reply come to: every member is a bound of its own.

import Testing

@testable import TraceVaultCore

@Suite("What headers say of a quota")
struct ServerQuotaTests {
    private func said(
        _ policies: String, _ left: String = "", sharePercent: Int64 = 100
    ) -> ServerQuota {
        ServerQuota(
            RateLimitHeaders.policies(policies), RateLimitHeaders.remaining(left),
            sharePercent: sharePercent)
    }

    /// The most requests that a quota lets into any window.
    private func most(_ quota: Quota, _ windowUs: Int64) -> Int64 {
        (windowUs + quota.toleranceUs) / quota.intervalUs + 1
    }

    @Test("one policy is what its numbers say")
    func one() throws {
        let quota = try #require(said(#""default";q=1200;w=300"#, sharePercent: 90).policy)
        let alone = Quota(requests: 1200, windowMs: 300_000, sharePercent: 90)
        #expect(quota.intervalUs == alone.intervalUs)
        #expect(abs(quota.toleranceUs - alone.toleranceUs) < 1000)
    }

    @Test(
        "all members are kept at once, whatever their order",
        arguments: [
            [(10, 1), (1200, 300)], [(1200, 300), (10, 1)], [(4, 1), (1200, 300)],
            [(100, 60), (10, 1), (1200, 300), (50, 20)], [(1, 1), (1, 300)], [(1, 300)],
            [(1_000_000_000, 1), (1_000_000_000, 300)],
        ])
    func lists(members: [(Int64, Int64)]) throws {
        for share: Int64 in [1, 37, 90, 100] {
            let header = members.map { "\"x\";q=\($0.0);w=\($0.1)" }.joined(separator: ", ")
            let quota = try #require(said(header, sharePercent: share).policy)
            for (requests, seconds) in members {
                let ours = max(1, requests * share / 100)
                // One a window may come at both of its ends.
                #expect(most(quota, seconds * 1_000_000 - 1) <= ours, "\(header) \(share)")
            }
        }
    }

    @Test("the burst of one and the pace of another: neither forbids more than it says")
    func notTooStrict() throws {
        let quota = try #require(
            said(#""burst";q=10;w=1, "default";q=1200;w=300"#, sharePercent: 90).policy)
        #expect(most(quota, 1_000_000) >= 8)
        #expect(most(quota, 300_000_000) >= 1020)
    }

    @Test(
        "a policy that would stop a group for long is doubted; the others hold at once",
        arguments: [
            #""x";q=1;w=86400"#, #""x";q=0;w=1"#, #""x";q=0;w=300"#, #""x";q=29;w=301"#,
            #""x";q=8000;w=86400"#,
        ])
    func doubtful(member: String) throws {
        let alone = said(member)
        #expect(alone.policy == nil && alone.isDoubtful)
        #expect(try #require(alone.doubtfulPolicy).intervalUs > 0)
        let both = said(member + #", "default";q=1200;w=300"#)
        #expect(both.policy == said(#""default";q=1200;w=300"#).policy)
        #expect(both.doubtfulPolicy != both.policy)
    }

    @Test(
        "a slow policy within Cloudflare's window is believed",
        arguments: [#""x";q=1;w=300"#, #""x";q=1;w=60"#, #""x";q=9000;w=86400"#])
    func believed(member: String) {
        #expect(said(member).policy != nil && !said(member).isDoubtful)
    }

    @Test("the slowest pace of what is left; only the server's zero is one")
    func left() {
        func pace(_ header: String) -> [Int64] {
            let found = said("", header, sharePercent: 90)
            return [found.pace?.requests ?? -1, found.pace?.ms ?? -1, found.emptyMs]
        }
        #expect(pace(#""a";r=50;t=30"#) == [45, 30_000, 0])
        #expect(pace(#""a";r=1;t=120"#) == [1, 120_000, 0])
        #expect(pace(#""a";r=10;t=10, "b";r=10;t=100, "c";r=50;t=100"#) == [9, 100_000, 0])
        #expect(pace(#""a";r=0;t=137,"default";r=50;t=30"#) == [45, 30_000, 137_000])
        #expect(pace(#""a";r=0;t=5, "b";r=0;t=50"#) == [-1, -1, 50_000])
        let stray = said("", #""a";r=1;t=86400, "b";r=50;t=30"#)
        #expect(stray.pace == Pace(requests: 50, ms: 30_000))
        #expect(stray.doubtfulPace == Pace(requests: 1, ms: 86_400_000) && stray.isDoubtful)
    }
}
