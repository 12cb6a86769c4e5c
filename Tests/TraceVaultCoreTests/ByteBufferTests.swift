import Testing
import TraceVaultCore

@Suite struct ByteBufferTests {
    @Test func appendBeyondTheLimitChangesNothing() {
        let buffer = ByteBuffer(limit: 4)
        #expect(unsafe ([1, 2, 3] as [UInt8]).withUnsafeBytes { unsafe buffer.append($0) })
        #expect(unsafe !([4, 5] as [UInt8]).withUnsafeBytes { unsafe buffer.append($0) })
    }
}
