// JSONWriter+Rows.swift - members of a row: one call each, none of them inlined.
//
// A row has some sixty members that are nearly always the same few kinds. Written out at each
// place they would be half of the views' code; speed is not what counts here.

extension JSONWriter {
    /// `"name":{`
    @inline(never)
    mutating func object(_ name: StaticString) {
        key(name)
        beginObject()
    }

    /// An object with one member, a value of the trace document; nothing when it is not there.
    @inline(never)
    mutating func object(
        _ name: StaticString, with member: StaticString, _ place: Range<Int>,
        of document: RawSpan
    ) {
        guard !place.isEmpty else { return }
        object(name)
        value(member, place, of: document)
        endObject()
    }

    /// A member that is a word of ours.
    @inline(never)
    mutating func word(_ name: StaticString, _ word: StaticString) {
        key(name)
        beginString()
        part(word)
        endString()
    }

    @inline(never)
    mutating func number(_ name: StaticString, _ value: Int64) {
        key(name)
        int(value)
    }

    @inline(never)
    mutating func flag(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// A member that is a text of the line, when there is one.
    @inline(never)
    mutating func text(_ name: StaticString, _ place: Range<Int>, of text: RawSpan) {
        guard !place.isEmpty else { return }
        key(name)
        element(place, of: text)
    }

    /// The same, as the one element of an array.
    @inline(never)
    mutating func array(_ name: StaticString, _ place: Range<Int>, of text: RawSpan) {
        guard !place.isEmpty else { return }
        key(name)
        beginArray()
        element(place, of: text)
        endArray()
    }

    @inline(never)
    mutating func element(_ place: Range<Int>, of text: RawSpan) {
        string(text.extracting(place.clamped(to: 0..<text.byteCount)))
    }

    /// A member that is a value of the trace document, as it stands there.
    @inline(never)
    mutating func value(_ name: StaticString, _ place: Range<Int>, of document: RawSpan) {
        guard !place.isEmpty else { return }
        key(name)
        verbatim(document.extracting(place.clamped(to: 0..<document.byteCount)))
    }

    /// An element that is a value of the trace document; null when it is not there.
    @inline(never)
    mutating func verbatim(_ document: RawSpan, _ place: Range<Int>) {
        guard !place.isEmpty else { return null() }
        verbatim(document.extracting(place.clamped(to: 0..<document.byteCount)))
    }

    /// Ends the line of a row.
    @inline(never)
    mutating func endLine() {
        unsafe put(upTo: 1) { place in
            unsafe place[0] = UInt8(ascii: "\n")
            return 1
        }
        needsComma = false
    }
}
