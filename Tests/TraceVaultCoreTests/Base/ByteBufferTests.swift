import Testing
import TraceVaultCore

@Suite struct ByteBufferTests {
    @Test func appendBeyondTheLimitChangesNothing() {
        let buffer = ByteBuffer(limit: 4)
        #expect(unsafe ([1, 2, 3] as [UInt8]).withUnsafeBytes { unsafe buffer.append($0) })
        #expect(unsafe !([4, 5] as [UInt8]).withUnsafeBytes { unsafe buffer.append($0) })
    }

    @Test(arguments: [-1, Int.min, 0]) func whoWroteNothingAppendsNothing(_ answer: Int) {
        let buffer = ByteBuffer(limit: 100)
        #expect(unsafe !buffer.append(room: 10) { _ in answer })
        #expect(buffer.count == 0)
    }

    @Test func whoWroteTooMuchAppendsNoMoreThanThereWasRoomFor() {
        let buffer = ByteBuffer(limit: 100)
        #expect(unsafe buffer.append(room: 10) { _ in Int.max })
        #expect(buffer.count == 10)
    }
}
