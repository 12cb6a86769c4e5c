// main.swift - libFuzzer target: any bytes as one line of a log.
//
// Reading must not trap, every field must be a part of the line, and the document with the line must
// be JSON that has the line word for word. Built only by scripts/fuzz: libFuzzer brings its own
// `main`.

import TraceVaultCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLine(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe check(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

func check(_ line: UnsafeRawBufferPointer) {
    let message = ByteBuffer(limit: line.count)
    guard unsafe message.append(line) else { return }
    message.withBytes { text in
        guard let event = PostfixEvent(text) else { return }
        for index in 0..<event.count {
            let field = event.field(at: index)
            // The fuzzer keeps the input that ends the process.
            guard field.range.upperBound <= text.byteCount, event[field.name] == field.range
            else { fatalError("a field is no part of its line") }
        }
    }
    // In a reply the same line is text in quotes, if it is text at all.
    let body = ByteBuffer(limit: line.count * 6 + 256)
    var writer = JSONWriter(into: body)
    writer.beginObject()
    writer.key("result")
    writer.beginObject()
    writer.key("inbound")
    writer.beginObject()
    writer.key("lines")
    writer.beginArray()
    message.withBytes { writer.string($0) }
    writer.endArray()
    writer.endObject()
    writer.endObject()
    writer.endObject()
    guard writer.isComplete, let view = try? Trace.decode(body).view(TraceContext()) else { return }
    do {
        _ = try JSONReader.read(view)
    } catch {
        fatalError("the trace view is not JSON: " + error.message)
    }
}
