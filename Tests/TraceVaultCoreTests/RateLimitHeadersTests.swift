// RateLimitHeadersTests.swift - `Ratelimit` and `Ratelimit-Policy`, as servers write them and worse.

import Testing

@testable import TraceVaultCore

@Suite("Rate limit headers")
struct RateLimitHeadersTests {
    @Test(
        "what is left, of the tightest member",
        arguments: [
            (#""default";r=50;t=30"#, 50, 30),
            (#""default";r=1199;t=1"#, 1199, 1),
            // The one of several that asks for the slowest pace.
            (#""default";r=50;t=30, "api";r=0;t=137"#, 0, 137),
            (#""api";r=0;t=137,"default";r=50;t=30"#, 0, 137),
            (#""a";r=10;t=10, "b";r=10;t=100, "c";r=50;t=100"#, 10, 100),
            (#""a";r=0;t=5, "b";r=0;t=50"#, 0, 50),
            (#""a";r=1;t=10, "b";r=2;t=20"#, 2, 20),
            // Order, case, spaces, tokens for names, other parameters, quoted numbers.
            (#"default; T=30 ; R=50"#, 50, 30),
            ("default\t;\tr = 50 ;t= 30", 50, 30),
            (#""x";pk=:AAA=:;r=50;t=30;n="r=1;t=1""#, 50, 30),
            (#""a,b;r=0;t=9";r=50;t=30"#, 50, 30),
            (#""a\";r=0;t=9";r=50;t=30"#, 50, 30),
            (#""x";r="50";t="30""#, 50, 30),
            (#""x";r=50;t=30;n="1;r=0;t=9""#, 50, 30),
            (#"r=50;t=30, "b";r=7;t=7"#, 7, 7),
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
        let expected = RateRemaining(requests: requests, seconds: seconds)
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
        #expect(RateLimitHeaders.remaining(header) == nil)
    }

    @Test(
        "the policy with the lowest rate",
        arguments: [
            (#""default";q=1200;w=300"#, 1200, 300),
            (#""burst";q=100;w=60"#, 100, 60),
            (#""burst";q=100;w=10,"day";q=1000;w=3600"#, 1000, 3600),
            (#""b";q=4;w=1,"s";q=1200;w=300"#, 4, 1),
            (#""x";W=300;Q=1200;qu="a""#, 1200, 300),
            (#""x";q=0;w=300"#, 0, 300),
            (#""x";q=10;w=0, "y";q=20;w=1"#, 20, 1),
            (#""x";q=10.9;w=0.5"#, 10, 1),
        ])
    func policy(header: String, requests: Int64, seconds: Int64) {
        let expected = RatePolicy(requests: requests, seconds: seconds)
        #expect(RateLimitHeaders.policy(header) == expected)
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
            let (left, policy) = unsafe bytes.withUnsafeBytes {
                unsafe (RateLimitHeaders.remaining($0), RateLimitHeaders.policy($0))
            }
            for number in [left?.requests, policy?.requests].compactMap(\.self) {
                #expect((0...RateLimitHeaders.most).contains(number))
            }
            for number in [left?.seconds, policy?.seconds].compactMap(\.self) {
                #expect((0...RateLimitHeaders.longestSeconds).contains(number))
            }
        }
    }
}
