// main.swift - libFuzzer target: any bytes as a JSON text.
//
// Reading must not trap, and every token of a text that is taken must lie within it and lead on.
// Built only by scripts/fuzz: libFuzzer brings its own `main`.

import TraceVaultCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = ByteBuffer(limit: count + 1)
    guard unsafe body.append(UnsafeRawBufferPointer(start: bytes, count: count)),
        let tape = try? JSONReader.read(body)
    else { return 0 }
    for index in 0..<tape.count {
        let token = tape[index]
        // The fuzzer keeps the input that ends the process.
        guard token.start <= token.end, Int(token.end) <= count, Int(token.next) > index,
            Int(token.next) <= tape.count
        else { fatalError("a token leads out of the text") }
    }
    return 0
}
