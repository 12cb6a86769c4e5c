// CurlRoundTests.swift - how many replies one call of the transport reads when many end together.

import Glibc
import Testing

@testable import TraceVaultCore

/// A plain HTTP server of bare sockets. Nothing in it blocks: the test moves both sides in turns.
private final class HeldServer {
    private let listener: Int32
    let port: UInt16
    private var peers: [Int32] = []

    init() throws {
        listener = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (own, size) = (listener, length)
        let isBound = unsafe withUnsafePointer(to: &address) { place in
            unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(own, $0, size) == 0
            }
        }
        try #require(isBound && listen(listener, 64) == 0)
        _ = unsafe withUnsafeMutablePointer(to: &address) { place in
            unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(own, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        close(listener)
        for peer in peers { close(peer) }
    }

    /// Takes one connection more, if there is one; how many there are.
    func accepted() -> Int {
        let peer = accept(listener, nil, nil)
        if peer >= 0 { peers.append(peer) }
        return peers.count
    }

    /// Whether a peer has sent something.
    func hasRequest(_ number: Int) -> Bool {
        var piece = [UInt8](repeating: 0, count: 4096)
        return unsafe piece.withUnsafeMutableBytes {
            unsafe recv(
                peers[number], $0.baseAddress, $0.count, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
        }
    }

    /// Sends as much as fits; how much that was.
    func send(_ bytes: ArraySlice<UInt8>, to number: Int) -> Int {
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(
                peers[number], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        return max(0, sent)
    }
}

@Suite struct CurlRoundTests {
    private func transport(_ server: HeldServer) throws -> CurlTransport {
        var config = Config()
        try config.set(.baseURL, to: "http://127.0.0.1:\(server.port)")
        try config.set(.allowHTTPLoopback, to: "true")
        return try CurlTransport(try TransportSettings(config))
    }

    /// So many replies of such bodies end together; how many each call reads.
    private func rounds(_ count: Int, of size: Int) throws -> [Int] {
        let server = try HeldServer()
        let transport = try transport(server)
        let desk = try Desk()
        for id in 0..<count {
            let request = HTTPRequest(
                path: "/x", authorization: desk.authorization, email: nil, timeoutMs: 600_000)
            try transport.start(UInt64(id), request, to: "http://127.0.0.1:\(server.port)")
        }
        var rounds: [Int] = []
        func move() {
            var ends = 0
            let hasEnded = transport.move { _, reply in
                #expect(reply.fault == nil && reply.body.count == size)
                ends += 1
            }
            if ends > 0 { rounds.append(ends) }
            // The rest is asked for at once.
            #expect(hasEnded || ends == 0)
            if !hasEnded { transport.wait(timeoutMs: 1) }
        }
        while server.accepted() < count { move() }
        for number in 0..<count { while !server.hasRequest(number) { move() } }
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n"
        let reply = Array(head.utf8) + [UInt8](repeating: 0x20, count: size)
        // All but the last byte, which ends it.
        for number in 0..<count {
            var rest = reply.dropLast()
            while !rest.isEmpty {
                rest = rest.dropFirst(server.send(rest, to: number))
                move()
            }
        }
        for id in 0..<count {
            while transport.progress(UInt64(id)) != .receiving(bytes: Int64(size - 1)) { move() }
        }
        #expect(rounds.isEmpty)
        for number in 0..<count { #expect(server.send(reply.suffix(1), to: number) == 1) }
        while rounds.reduce(0, +) < count { move() }
        return rounds
    }

    @Test func ofLargeRepliesThatEndTogetherACallReadsOne() throws {
        let size = CurlTransport.enoughAtOnce
        #expect(try rounds(5, of: size) == [1, 1, 1, 1, 1])
    }

    @Test func whatIsReadAtOnceIsBoundedInSum() throws {
        let rounds = try rounds(6, of: CurlTransport.enoughAtOnce / 2)
        #expect(rounds.reduce(0, +) == 6 && rounds.allSatisfy { $0 <= 2 })
    }
}
