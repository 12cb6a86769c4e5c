// JSONWriter+Line.swift - the head of a line and its event, each in one append.
//
// Lines are nearly all of a document and their members are small, so what a member costs beyond
// its bytes is what a document costs. Texts come from bytes that were checked; short ones are
// copied as 32 bytes, whatever follows them, because the room for it is there.

import CSystem

extension JSONWriter {
    /// `{"lineno":N,"at":"T","message":"M"` of `head`, which is all before the first comma, and of
    /// `rest`, which is `T","message":"M`; nothing of either needs an escape that it has not. The
    /// object stays open. Answers where `rest` is, none without room for it.
    mutating func line(_ head: Range<Int>, _ rest: Range<Int>, _ bytes: RawSpan) -> Written {
        let before = buffer.count
        let comma = needsComma ? 1 : 0
        let room = head.count &+ rest.count &+ 4 &* Self.slotSize
        guard before &+ room <= Int(UInt32.max), head.upperBound <= bytes.byteCount,
            rest.upperBound <= bytes.byteCount
        else { return .none }
        let start = before &+ comma &+ head.count &+ 7
        unsafe bytes.withUnsafeBytes { source in
            guard let base = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return }
            unsafe put(upTo: room) { place in
                unsafe place[0] = UInt8(ascii: ",")
                var out = unsafe place + comma
                unsafe Self.copy(
                    base + head.lowerBound, head.count, source.count &- head.lowerBound, to: out)
                unsafe out += head.count
                unsafe Self.copy(",\"at\":\"", 7, to: &out)
                unsafe Self.copy(
                    base + rest.lowerBound, rest.count, source.count &- rest.lowerBound, to: out)
                unsafe out[rest.count] = UInt8(ascii: "\"")
                return unsafe out - place &+ rest.count &+ 1
            }
        }
        needsComma = true
        return Written(start, upTo: start &+ rest.count)
    }

    /// `"event":{…}`: its kind, then the fields in the order of the line. `source` is what the
    /// message stands in, at `offset`; `isPlain` when nothing of it needs an escape. Notes where
    /// each value was written.
    mutating func event(
        _ event: borrowing PostfixEvent, in source: RawSpan, at offset: Int, isPlain: Bool
    ) {
        guard ways.contains(.event) else { return plainEvent(event, in: source, at: offset) }
        let fields = unsafe event.all
        // An escape takes up to six bytes for one. Forty fields of 2 GiB do not overflow.
        let room =
            (isPlain ? event.textLength : event.textLength &* 6)
            &+ (2 &* fields.count &+ 4) &* Self.slotSize
        let before = buffer.count
        guard before + room <= Int(UInt32.max) else { return }
        let (slot, slotLength) = unsafe (event.kind.slot, event.kind.length)
        unsafe source.withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return }
            let readable = bytes.count &- offset
            // Where the first character is that needs an escape.
            let plain = isPlain ? readable : unsafe Int(tvs_plain_run(base + offset, readable))
            unsafe put(upTo: room) { place in
                var out = unsafe place
                unsafe Self.copy(Self.eventKey, 10, to: &out)
                unsafe Self.copySlot(slot, to: out)
                unsafe out += slotLength
                let text = unsafe FieldText(base + offset, readable, plain, place - before)
                unsafe out =
                    plain == readable
                    ? Self.fields(fields, of: text, isPlain: true, to: out)
                    : Self.fields(fields, of: text, isPlain: false, to: out)
                unsafe out[0] = UInt8(ascii: "}")
                return unsafe out - place + 1
            }
        }
        needsComma = true
    }

    /// The message that fields are places in, and the document they are written to.
    @safe
    private struct FieldText {
        let base: UnsafePointer<UInt8>
        let readable: Int
        /// Where the first character is that needs an escape.
        let plain: Int
        let document: UnsafeMutablePointer<UInt8>

        init(
            _ base: UnsafePointer<UInt8>, _ readable: Int, _ plain: Int,
            _ document: UnsafeMutablePointer<UInt8>
        ) {
            unsafe self.base = base
            self.readable = readable
            self.plain = plain
            unsafe self.document = document
        }
    }

    /// Writes the fields; answers the place behind them. Made once for each of the two: nearly all
    /// events are plain, and their loop has nothing else in it.
    @inline(__always)
    private static func fields(
        _ fields: UnsafeMutableBufferPointer<PostfixEvent.Field>, of text: FieldText,
        isPlain: Bool, to place: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var out = unsafe place
        guard var next = fields.baseAddress else { return unsafe out }
        let end = unsafe next + fields.count
        while unsafe next < end {
            let field = unsafe next.pointee
            let (name, first, last) = (field.name, field.start, field.end)
            // Looked at before the slot is copied: else it would be waited for.
            let mark = name.mark
            unsafe copySlot(name.slot, to: out)
            unsafe out += Int(mark & 31)
            var count = Int(last &- first)
            guard Int(last) <= text.readable else { break }
            let from = unsafe text.base + Int(first)
            let start = unsafe out - text.document
            if !isPlain, Int(last) > text.plain, unsafe tvs_plain_run(from, count) != count {
                count = unsafe escape(from, count, to: out)
            } else {
                unsafe copy(from, count, text.readable &- Int(first), to: out)
            }
            unsafe next.pointee.written = Written(start, upTo: start &+ count)
            unsafe out[count] = UInt8(ascii: "\"")
            unsafe out += count &+ Int((mark >> 5 & 1) ^ 1)
            unsafe next += 1
        }
        return unsafe out
    }

    static let eventKey: StaticString = ",\"event\":{"
    static let slotSize = 32

    /// Copies text of ours and goes on behind it.
    @inline(__always)
    private static func copy(
        _ text: StaticString, _ length: Int, to out: inout UnsafeMutablePointer<UInt8>
    ) {
        unsafe UnsafeMutableRawPointer(out).copyMemory(from: text.utf8Start, byteCount: length)
        unsafe out += length
    }

    /// Copies text of which `readable` bytes may be read; there must be room for 32 bytes more.
    @inline(__always)
    static func copy(
        _ source: UnsafePointer<UInt8>, _ count: Int, _ readable: Int,
        to place: UnsafeMutablePointer<UInt8>
    ) {
        if count <= slotSize, readable >= slotSize { return unsafe copySlot(source, to: place) }
        unsafe copyLong(source, count, readable, to: place)
    }

    /// Apart, so that the way of the short ones needs no room for what this one does.
    @inline(never)
    private static func copyLong(
        _ source: UnsafePointer<UInt8>, _ count: Int, _ readable: Int,
        to place: UnsafeMutablePointer<UInt8>
    ) {
        guard readable &- slotSize >= count else {
            return unsafe UnsafeMutableRawPointer(place).copyMemory(
                from: source, byteCount: count)
        }
        var copied = 0
        while copied < count {
            unsafe copySlot(source + copied, to: place + copied)
            copied &+= slotSize
        }
    }

    /// Copies 32 bytes, whatever they are.
    @inline(__always)
    static func copySlot(_ source: UnsafeRawPointer, to place: UnsafeMutableRawPointer) {
        let (first, second) = unsafe (
            source.loadUnaligned(as: SIMD16<UInt8>.self),
            source.loadUnaligned(fromByteOffset: 16, as: SIMD16<UInt8>.self)
        )
        unsafe place.storeBytes(of: first, as: SIMD16<UInt8>.self)
        unsafe place.storeBytes(of: second, toByteOffset: 16, as: SIMD16<UInt8>.self)
    }

    /// Copies UTF-8 with the escapes it needs; answers how long it became.
    private static func escape(
        _ source: UnsafePointer<UInt8>, _ count: Int, to place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var size = 0
        var index = 0
        while index < count {
            let run = unsafe tvs_plain_run(source + index, count - index)
            unsafe UnsafeMutableRawPointer(place + size).copyMemory(
                from: source + index, byteCount: run)
            index += run
            size += run
            guard index < count else { break }
            let character = unsafe source[index]
            if needsEscape(character) {
                size += unsafe escape(character, to: place + size)
            } else {
                unsafe place[size] = character
                size += 1
            }
            index += 1
        }
        return size
    }
}
