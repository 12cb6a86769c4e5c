// RateLimitHeadersTests.swift - `Ratelimit` and `Ratelimit-Policy`, as servers write them and worse.

import Testing

@testable import TraceVaultCore

@Suite("Rate limit headers")
struct RateLimitHeadersTests {
    @Test(
        "what is left, of a member",
        arguments: [
            (#""default";r=50;t=30"#, 50, 30),
            (#""default";r=1199;t=1"#, 1199, 1),
            // Order, case, spaces, tokens for names, other parameters, quoted numbers.
            (#"default; T=30 ; R=50"#, 50, 30),
            ("default\t;\tr = 50 ;t= 30", 50, 30),
            (#""x";pk=:AAA=:;r=50;t=30;n="r=1;t=1""#, 50, 30),
            (#""a,b;r=0;t=9";r=50;t=30"#, 50, 30),
            (#""a\";r=0;t=9";r=50;t=30"#, 50, 30),
            (#""x";r="50";t="30""#, 50, 30),
            (#""x";r=50;t=30;n="1;r=0;t=9""#, 50, 30),
            (#""x";rest=1;time=1;r=50;t=30"#, 50, 30),
            // The last of a repeated parameter counts, as in RFC 9651.
            (#""x";r=1;r=50;t=30"#, 50, 30),
            // Fractions: fewer requests, more seconds.
            (#""x";r=50.9;t=29.1"#, 50, 30),
            (#""x";r=50.0;t=30.0"#, 50, 30),
            (#""x";r=50.;t=30."#, 50, 30),
            // Beyond all reason: cut, never below zero.
            (#""x";r=99999999999999999999999;t=99999999999999999999999"#, 1_000_000_000, 86400),
            (#""x";r=-3;t=30"#, 0, 30),
            (#""x";r=5;t=-1"#, 5, 0),
            // One broken member does not hide the others.
            (#""x;r=1;t=, "y";r=50;t=30"#, 50, 30),
            (#",,;;=;r;t=;, "y";r=50;t=30,"#, 50, 30),
            (#""x";r=abc;t=1, "y";r=50;t=30"#, 50, 30),
            (#"é";r=50;t=30"#, 50, 30),
        ])
    func remaining(header: String, requests: Int64, seconds: Int64) {
        let expected = [RateRemaining(requests: requests, seconds: seconds)]
        #expect(RateLimitHeaders.remaining(header) == expected)
    }

    @Test(
        "nothing usable is nothing",
        arguments: [
            "", " ", ",", ";", #""default""#, #""default";r=50"#, #""default";t=30"#, "50, 30",
            #""a";r=50, "b";t=30"#, #""x";r=;t=30"#, #""x";r50;t30"#, "\"", "\"\\", "\u{0};r",
            "r=1",
            #""x";r=+5;t=3"#, #""x";w=1;q=5"#, #""x";r=.5;t=3"#,
        ])
    func nothing(header: String) {
        #expect(RateLimitHeaders.remaining(header).isEmpty)
    }

    @Test("every member of a list is told, in its order")
    func lists() {
        let left = RateLimitHeaders.remaining(
            #""burst";r=9;t=1, "default";r=50;t=30;x, "day";r=0;t=600,"#)
        #expect(left.map(\.requests) == [9, 50, 0] && left.map(\.seconds) == [1, 30, 600])
        let policies = RateLimitHeaders.policies(
            #""burst";q=10;w=1, "none";q=3;w=0, "default";q=1200;w=300, W=300;Q=7, "z";q=0;w=9"#)
        #expect(policies.map(\.requests) == [10, 1200, 0])
        #expect(policies.map(\.seconds) == [1, 300, 9])
        #expect(RateLimitHeaders.policies(#""x";q=10.9;w=0.5"#).map(\.requests) == [10])
        let many = String(repeating: "\"a\";r=1;t=1,", count: 200)
        #expect(RateLimitHeaders.remaining(many).count == RateLimitHeaders.mostMembers)
    }

    @Test("no bytes make it trap, and what comes out is in bounds", arguments: 0..<20)
    func anyBytes(seed: UInt64) {
        var chance = LedgerChance(state: seed)
        let pieces = Array(#"";,=rRtTqQwW09.- \x"#.utf8) + [0, 9, 0x80, 0xC3, 0xFF]
        for _ in 0..<3000 {
            let count = Int.random(in: 0...40, using: &chance)
            let isWild = chance.next() % 4 == 0
            let bytes = (0..<count).map { _ in
                isWild
                    ? UInt8.random(in: 0...255, using: &chance)
                    : pieces[Int.random(in: 0..<pieces.count, using: &chance)]
            }
            let (left, policies) = unsafe bytes.withUnsafeBytes {
                unsafe (RateLimitHeaders.remaining($0), RateLimitHeaders.policies($0))
            }
            for number in left.map(\.requests) + policies.map(\.requests) {
                #expect((0...RateLimitHeaders.most).contains(number))
            }
            for number in left.map(\.seconds) + policies.map(\.seconds) {
                #expect((0...RateLimitHeaders.longestSeconds).contains(number))
            }
        }
    }
}
