// main.swift - libFuzzer target: any bytes as a reply of the trace endpoint.
//
// Reading, judging and writing all views must not trap; a trace view that is written must be JSON
// itself, and so must each line of the event views. Built only by scripts/fuzz: libFuzzer brings its
// own `main`.

import TraceVaultCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReply(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = ByteBuffer(limit: count + 1)
    guard unsafe body.append(UnsafeRawBufferPointer(start: bytes, count: count)),
        let document = try? Document.decode(body), let trace = try? document.view("trace")
    else { return 0 }
    do {
        _ = try JSONReader.read(trace)
        for name in ["ecs", "ocsf"] {
            for line in lines(try document.view(name)) { _ = try JSONReader.read(line) }
            _ = try JSONReader.read(document.view(name + "_warnings"))
        }
    } catch {
        // The fuzzer keeps the input that ends the process.
        fatalError("a view is not JSON: " + error.message)
    }
    return 0
}

private func lines(_ view: ByteBuffer) -> [ByteBuffer] {
    let bytes = view.withBytes { span in
        unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    }
    return bytes.split(separator: UInt8(ascii: "\n")).map { line in
        let copy = ByteBuffer(limit: line.count)
        _ = unsafe line.withUnsafeBytes { unsafe copy.append($0) }
        return copy
    }
}
