// Ways.swift - what each short way gains: the trace view without it, beside the view with all.

import CSystem
import Glibc
import TraceVaultCore

/// Decodes and writes a stored reply with all short ways and without one of them, in turns, and
/// prints by how many per cent the view is slower then. Of many turns the fastest counts: whatever
/// else the machine does makes them slower only.
func ways(_ path: String, _ rounds: Int) throws {
    guard let body = stored(path) else {
        print("figures: \(path) cannot be read")
        exit(1)
    }
    let all: [(String, ShortWays)] = [
        ("head", .head), ("line", .line), ("event", .event), ("every", .all),
    ]
    var best = [Double](repeating: .infinity, count: all.count + 1)
    for _ in 0..<rounds {
        best[0] = min(best[0], try view(body, .all))
        for (number, way) in all.enumerated() {
            best[number + 1] = min(
                best[number + 1], try view(body, ShortWays.all.subtracting(way.1)))
        }
    }
    let gains = all.enumerated().map { number, way in
        "\"\(way.0)_percent\": \((best[number + 1] / best[0] - 1) * 100)"
    }
    print("{\"view_us\": \(best[0]), \(gains.joined(separator: ", "))}")
}

/// Microseconds of processor time for one view.
private func view(_ body: ByteBuffer, _ ways: ShortWays) throws -> Double {
    let count = 500
    let started = clock()
    for _ in 0..<count {
        _ = try Trace.decode(body).view(TraceContext(), ways)
    }
    return Double(clock() - started) / Double(count) / Double(CLOCKS_PER_SEC) * 1_000_000
}

private func stored(_ path: String) -> ByteBuffer? {
    guard let file = unsafe fopen(path, "rb") else { return nil }
    defer { unsafe fclose(file) }
    let buffer = ByteBuffer(limit: 1 << 20)
    var part = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = unsafe part.withUnsafeMutableBytes {
            unsafe fread($0.baseAddress, 1, 4096, file)
        }
        guard count > 0 else { break }
        guard unsafe part.withUnsafeBytes({ unsafe buffer.append(.init(rebasing: $0[..<count])) })
        else { return nil }
    }
    return buffer
}
