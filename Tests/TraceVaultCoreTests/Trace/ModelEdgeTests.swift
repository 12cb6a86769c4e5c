// ModelEdgeTests.swift - lines in memory of exactly their size: nothing beside a line is looked at.
//
// Texts are looked at 16 bytes at a time (tv_text.h). A line stands against a page that cannot be
// read, behind it or before it, so that a look beyond ends the tests. Whole replies, with the JSON
// reader and the views: Tests/abi/edges.c.

import Glibc
import Testing
import TraceVaultCore

@Suite struct ModelEdgeTests {
    /// Some pages, and one at each end that cannot be read.
    @safe
    private final class GuardedPages {
        static let size = 8192
        private let start: UnsafeMutableRawPointer

        init?() {
            let whole = Self.size + 2 * 4096
            let flags = MAP_PRIVATE | MAP_ANONYMOUS
            guard let made = unsafe mmap(nil, whole, PROT_NONE, flags, -1, 0),
                unsafe made != MAP_FAILED,
                unsafe mprotect(made + 4096, Self.size, PROT_READ | PROT_WRITE) == 0
            else { return nil }
            unsafe start = made + 4096
        }

        deinit { unsafe munmap(start - 4096, Self.size + 2 * 4096) }

        /// Lends the bytes where they end with the pages, or begin with them.
        func with<R>(_ bytes: ArraySlice<UInt8>, atEnd: Bool, _ body: (RawSpan) -> R) -> R {
            let place = unsafe atEnd ? start + (Self.size - bytes.count) : start
            unsafe bytes.withUnsafeBytes { source in
                guard let base = source.baseAddress else { return }
                unsafe place.copyMemory(from: base, byteCount: source.count)
            }
            return body(
                unsafe RawSpan(
                    _unsafeBytes: UnsafeRawBufferPointer(start: place, count: bytes.count)))
        }
    }

    /// The kind and the places of all fields, as text.
    private static func said(_ bytes: RawSpan) -> String {
        guard let event = PostfixEvent(bytes) else { return "" }
        var text = event.kind.text
        for index in 0..<event.count {
            let field = event.field(at: index)
            text += " \(field.name.text) \(field.range)"
        }
        return text
    }

    /// Lines whose parts that are looked at in chunks have every length, and real ones.
    private static let lines: [[UInt8]] = {
        var made = LineSeeds.all
        for length in 0...80 {
            let (word, digits) = (
                String(repeating: "a", count: length), String(repeating: "7", count: length)
            )
            made += [
                word, "\(word):", "postfix/\(word)[1]: connect from a[192.0.2.1]",
                "postfix/smtp[\(digits)]: connect from a[192.0.2.1]", "4Njp3P0STMz\(word): removed",
                "\(digits): removed", "A\(digits): to=<a>, relay=none, delay=\(digits)",
                "4Njp3P0STMz2c02Q: to=<\(word)>, relay=none, delay=1, delays=0/0/0/\(digits), dsn=2.0.0, "
                    + "status=sent (250 queued as \(word)",
                "disconnect from a[192.0.2.1] ehlo=\(digits)", "x: \u{E9}\(word)",
            ]
        }
        return made.map { Array($0.utf8) }
    }()

    @Test(arguments: [true, false])
    func nothingBesideALineIsLookedAt(atEnd: Bool) throws {
        let pages = try #require(GuardedPages())
        #expect(Self.lines.count > 900)
        let step = LongRun.isAsked ? 1 : 3
        for (number, line) in Self.lines.enumerated() where line.count < GuardedPages.size {
            // Cut behind every byte, or behind each third: each part of it ends with the memory once.
            for length in stride(from: number % step, through: line.count, by: step)
            where length <= 80 || length > line.count - 40 {
                let part = line[..<length]
                let there = pages.with(part, atEnd: atEnd, Self.said)
                // In the midst of others, which change nothing.
                let amid = buffer(Array("1aF[0: ".utf8) + part + Array("7a]: 0.0F".utf8))
                let here = amid.withBytes { Self.said($0.extracting(7..<7 + length)) }
                #expect(there == here, "\(String(decoding: part, as: UTF8.self))")
            }
        }
    }
}
