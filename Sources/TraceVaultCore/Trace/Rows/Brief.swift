// Brief.swift - the view `brief`: a document without what few programs look at.
//
// Made from the finished document alone, by copying what stays: a trace without the events of its
// lines, its hops and its next ids; a search without Cloudflare's own items. Most programs ask who
// got a message, when, and for the lines: a third of a trace, half of a search.

/// One document being copied.
struct Brief: ~Copyable {
    private let tape: JSONTape
    private let out: ByteBuffer
    /// So much of the document is copied or left out.
    private var done = 0
    private var isComplete = true

    /// The brief form of a document that this library wrote, by its tape.
    static func of(_ tape: JSONTape) throws(Failure) -> ByteBuffer {
        var brief = Brief(tape)
        let isComplete = tape.body.withBytes { bytes in
            brief.document(bytes)
            brief.copy(upTo: bytes.byteCount, bytes)
            return brief.isComplete
        }
        guard isComplete else { throw Failure(.noMemory, "not enough memory for the brief view") }
        return brief.out
    }

    private init(_ tape: JSONTape) {
        self.tape = tape
        out = ByteBuffer(limit: tape.body.count + 16)
    }

    private mutating func document(_ bytes: RawSpan) {
        each(0) { brief, key, value in
            let name = brief.tape[key]
            if JSONText.equals(name, "schema", in: bytes) {
                brief.rename(value, bytes)
            } else if JSONText.equals(name, "inbound", in: bytes)
                || JSONText.equals(name, "outbound", in: bytes)
            {
                brief.each(value) { brief, key, value in
                    if JSONText.equals(brief.tape[key], "lines", in: bytes) {
                        brief.elements(of: value, without: ["event"], bytes)
                    }
                }
            } else if JSONText.equals(name, "summary", in: bytes) {
                brief.leaveOut(["hops", "next_queue_ids"], of: value, bytes)
            } else if JSONText.equals(name, "messages", in: bytes) {
                brief.elements(of: value, without: ["item"], bytes)
            }
        }
    }

    /// Calls for the places of each member's name and value.
    private mutating func each(_ object: Int, _ visit: (inout Brief, Int, Int) -> Void) {
        guard tape[object].kind == .object else { return }
        let end = Int(tape[object].next)
        var key = object + 1
        while key + 1 < end {
            visit(&self, key, key + 1)
            key = Int(tape[key + 1].next)
        }
    }

    private mutating func elements(
        of array: Int, without names: [StaticString], _ bytes: RawSpan
    ) {
        guard tape[array].kind == .array else { return }
        let end = Int(tape[array].next)
        var element = array + 1
        while element < end {
            leaveOut(names, of: element, bytes)
            element = Int(tape[element].next)
        }
    }

    /// Leaves members out that are lists or objects and stand behind another one.
    private mutating func leaveOut(_ names: [StaticString], of object: Int, _ bytes: RawSpan) {
        each(object) { brief, key, value in
            let name = brief.tape[key]
            guard names.contains(where: { JSONText.equals(name, $0, in: bytes) }) else { return }
            // From the comma before the name's quote.
            brief.copy(upTo: Int(name.start) - 2, bytes)
            brief.done = Int(brief.tape[value].end) + (brief.tape[value].kind == .string ? 1 : 0)
        }
    }

    /// Nobody is to take it for the whole document: `.brief` before the version.
    private mutating func rename(_ schema: Int, _ bytes: RawSpan) {
        copy(upTo: Int(tape[schema].end) - 2, bytes)
        if isComplete {
            let mark: StaticString = ".brief"
            isComplete = unsafe out.append(
                UnsafeRawBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount))
        }
    }

    private mutating func copy(upTo end: Int, _ bytes: RawSpan) {
        guard isComplete, end > done, end <= bytes.byteCount else { return }
        isComplete = unsafe bytes.extracting(done..<end).withUnsafeBytes {
            unsafe out.append($0)
        }
        done = end
    }
}
