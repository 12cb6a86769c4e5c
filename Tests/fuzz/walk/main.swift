// main.swift - libFuzzer target: any bytes as a text to walk, and as a reply whose views are walked.
//
// A host follows the entries without looking twice, so whatever the text holds they must be as the
// header says: each behind the one before, what is inside inside, and all of the text's own places.
// Built only by scripts/fuzz: libFuzzer brings its own `main`.

import TraceVaultCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWalk(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    if let document = try? unsafe Document.read(copy(bytes, count)) {
        check(document, "json")
    }
    if let document = try? unsafe Document.decode(copy(bytes, count)) {
        for name in ["trace", "brief", "ecs", "ecs_warnings", "ocsf", "ocsf_warnings", "spans"] {
            check(document, name)
        }
        // What was received need not be JSON: some of it was mended.
        if (try? document.walk("raw")) != nil { check(document, "raw") }
    }
    return 0
}

private func copy(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> ByteBuffer {
    let buffer = ByteBuffer(limit: count + 1)
    _ = unsafe buffer.append(UnsafeRawBufferPointer(start: bytes, count: count))
    return buffer
}

/// The fuzzer keeps the input that ends the process.
private func check(_ document: Document, _ name: String) {
    guard let tape = try? document.walk(name) else { fatalError("\(name) cannot be walked") }
    tape.body.withBytes { bytes in
        var at = 0
        while at < tape.count {
            value(at, tape, bytes, 0..<bytes.byteCount)
            at = Int(tape[at].next)
        }
        guard at == tape.count else { fatalError("\(name): the last text ends outside") }
    }
}

/// Nothing is nested deeper than the reader allows, so this may call itself.
private func value(_ at: Int, _ tape: JSONTape, _ bytes: RawSpan, _ around: Range<Int>) {
    let token = tape[at]
    let (start, end, next) = (Int(token.start), Int(token.end), Int(token.next))
    guard start <= end, around.lowerBound <= start, end <= around.upperBound else {
        fatalError("entry \(at) stands outside of what it is in")
    }
    guard at < next, next <= tape.count else { fatalError("entry \(at) goes on backwards") }
    switch token.kind {
    case .string:
        guard byte(start - 1, bytes) == UInt8(ascii: "\""), byte(end, bytes) == UInt8(ascii: "\"")
        else { fatalError("entry \(at) has no quotes around it") }
    case .array, .object:
        var inside = at + 1
        while inside < next {
            value(inside, tape, bytes, start..<end)
            guard token.kind == .object else {
                inside = Int(tape[inside].next)
                continue
            }
            guard tape[inside].kind == .string, inside + 1 < next else {
                fatalError("entry \(inside) is no name with a value")
            }
            value(inside + 1, tape, bytes, start..<end)
            inside = Int(tape[inside + 1].next)
        }
        guard inside == next else { fatalError("entry \(at) does not end where it says") }
    default:
        guard start < end else { fatalError("entry \(at) is empty") }
    }
    if token.kind != .array, token.kind != .object, next != at + 1 {
        fatalError("entry \(at) holds something")
    }
}

private func byte(_ index: Int, _ bytes: RawSpan) -> UInt8 {
    index >= 0 && index < bytes.byteCount
        ? unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) : 0
}
