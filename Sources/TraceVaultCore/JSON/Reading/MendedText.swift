// MendedText.swift - a JSON text whose strings hold bytes that are not UTF-8, with U+FFFD for them.
//
// Logs have such bytes: a sender's, or a collector's that cuts a line within a character. Only what
// stands inside a value's string is mended; names of members and everything outside of strings must
// be right as it is.

struct MendedText {
    let body: ByteBuffer
    /// How many pieces were replaced.
    let count: Int
    /// Where the first of them is in `body`.
    let first: Int

    /// The tokens of a reply, and what was mended in it, if anything: a text that is not UTF-8
    /// costs its own bytes, not the reply.
    static func read(
        _ body: ByteBuffer
    ) throws(Failure) -> (tape: JSONTape, mended: MendedText?) {
        do throws(Failure) {
            return (try JSONReader.read(body), nil)
        } catch {
            guard let mended = MendedText(body) else { throw error }
            return (try JSONReader.read(mended.body), mended)
        }
    }

    /// Nil when nothing can be mended, when more than strings is wrong, and without memory.
    init?(_ text: ByteBuffer) {
        // Each replacement is three bytes for one or more.
        let (room, overflow) = text.count.multipliedReportingOverflow(by: 3)
        let body = ByteBuffer(limit: overflow ? Int.max : room)
        var (count, first): (Int?, Int) = (nil, 0)
        let fits = unsafe body.append(room: overflow ? 0 : room) { place in
            text.withBytes { bytes in
                let mended = unsafe Self.mend(bytes, place)
                (count, first) = (mended.count, mended.first)
                return mended.length
            }
        }
        guard fits, let count, count > 0 else { return nil }
        (self.body, self.count, self.first) = (body, count, first)
    }

    /// How long the mended text is, in how many places it was, and where first; nil when it cannot
    /// be.
    private static func mend(
        _ bytes: RawSpan, _ out: UnsafeMutableRawBufferPointer
    ) -> (length: Int, count: Int?, first: Int) {
        var (place, length, count, first) = (0, 0, 0, 0)
        var (isInside, isMended) = (false, false)
        while place < bytes.byteCount {
            let byte = bytes.at(place)
            let run = byte < 0x80 ? 1 : sequence(bytes, place)
            if run > 0 {
                if byte == UInt8(ascii: "\"") {
                    if isInside, isMended, isName(bytes, place + 1) { return (0, nil, 0) }
                    (isInside, isMended) = (!isInside, false)
                }
                // What is escaped ends no string.
                let copied = isInside && byte == UInt8(ascii: "\\") ? 2 : run
                for offset in place..<min(place + copied, bytes.byteCount) {
                    unsafe out[length] = bytes.at(offset)
                    length += 1
                }
                place += copied
                continue
            }
            guard isInside else { return (0, nil, 0) }
            if count == 0 { first = length }
            for byte: UInt8 in [0xEF, 0xBF, 0xBD] {
                unsafe out[length] = byte
                length += 1
            }
            isMended = true
            count += 1
            place += -run
        }
        return (length, count, first)
    }

    /// Whether what stands here makes the string before it the name of a member.
    private static func isName(_ bytes: RawSpan, _ start: Int) -> Bool {
        var place = start
        while place < bytes.byteCount, bytes.at(place) <= 0x20 { place += 1 }
        return bytes.at(place) == UInt8(ascii: ":")
    }

    /// The length of the character of several bytes at a place; negative, how many bytes belong to
    /// one that is none.
    private static func sequence(_ bytes: RawSpan, _ place: Int) -> Int {
        let first = bytes.at(place)
        let second = bytes.at(place + 1)
        let length: Int
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return -1
        }
        let least: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
        let most: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
        guard (least...most).contains(second) else { return -1 }
        for offset in 2..<max(2, length) where bytes.at(place + offset) & 0xC0 != 0x80 {
            return -offset
        }
        return length
    }
}
