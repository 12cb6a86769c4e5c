// main.swift - libFuzzer target: any bytes as a reply of the trace endpoint.
//
// Reading, judging and writing the whole trace view must not trap; a view that is written must be
// JSON itself. Built only by scripts/fuzz: libFuzzer brings its own `main`.

import TraceVaultCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReply(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = ByteBuffer(limit: count + 1)
    guard unsafe body.append(UnsafeRawBufferPointer(start: bytes, count: count)),
        let view = try? Trace.decode(body).view(TraceContext())
    else { return 0 }
    do {
        _ = try JSONReader.read(view)
    } catch {
        // The fuzzer keeps the input that ends the process.
        fatalError("the trace view is not JSON: " + error.message)
    }
    return 0
}
