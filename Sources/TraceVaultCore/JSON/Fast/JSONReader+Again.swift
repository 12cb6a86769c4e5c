// JSONReader+Again.swift - objects of a list, which nearly always have the keys of the one before.
//
// Such an object is compared instead of read: where its keys and its fixed texts end is then known
// before they were looked at, so that the processor need not wait for one to begin with the next.

import CSystem

extension JSONReader {
    /// From an object's opening brace to behind its closing one, when it has the keys of the object
    /// before, in their order and without white space, and no lists or objects in it; nil when not.
    /// `length` tokens before those that have been `used` belong to the object before, 0 when there
    /// is none; as many are written behind them, to no effect when the answer is nil.
    @inline(__always)
    func again(
        _ start: Int, _ tokens: UnsafeMutablePointer<JSONToken>, _ used: Int, _ length: Int
    ) throws(Failure) -> Int? {
        // A key and a value each, and the object itself.
        guard length & 1 == 1, length > 1, unsafe base[start &+ 1] == UInt8(ascii: "\""),
            unsafe base[start] == UInt8(ascii: "{")
        else { return nil }
        return try unsafe members(start, tokens + used, used, length)
    }

    @inline(never)
    private func members(
        _ start: Int, _ tokens: UnsafeMutablePointer<JSONToken>, _ used: Int, _ length: Int
    ) throws(Failure) -> Int? {
        var at = start
        var index = 1
        while index < length {
            // Behind the brace or a comma.
            at &+= 1
            guard let keyEnd = unsafe keyEnd(at, like: tokens[index &- length]) else { return nil }
            var token = JSONToken(
                start: UInt32(truncatingIfNeeded: at &+ 1),
                end: UInt32(truncatingIfNeeded: keyEnd),
                next: UInt32(truncatingIfNeeded: used &+ index &+ 1), kind: .string, marks: [])
            unsafe tokens[index] = token
            at = keyEnd &+ 2
            let character = unsafe base[at]
            guard character > 0x20, character != UInt8(ascii: "{"), character != UInt8(ascii: "[")
            else { return nil }
            if character == UInt8(ascii: "\"") {
                at &+= 1
                token.start = UInt32(truncatingIfNeeded: at)
                let end: Int
                (end, token.marks) = try unsafe textEnd(at, like: tokens[index &+ 1 &- length])
                // Counted where it is read once.
                if token.marks.contains(.loneSurrogate) { return nil }
                token.end = UInt32(truncatingIfNeeded: end)
                at = end &+ 1
            } else {
                token.start = UInt32(truncatingIfNeeded: at)
                (at, token.kind, token.marks) = try scalar(at)
                token.end = UInt32(truncatingIfNeeded: at)
            }
            token.next = UInt32(truncatingIfNeeded: used &+ index &+ 2)
            unsafe tokens[index &+ 1] = token
            index &+= 2
            let wanted = index < length ? UInt8(ascii: ",") : UInt8(ascii: "}")
            guard unsafe base[at] == wanted else { return nil }
        }
        unsafe tokens[0] = JSONToken(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: at &+ 1),
            next: UInt32(truncatingIfNeeded: used &+ length), kind: .object, marks: [])
        return at &+ 1
    }

    /// Where a key ends that is the same as another string and has a colon behind it. The other
    /// need not be a key: without marks it is text that was checked and ends before a quote.
    @inline(__always)
    private func keyEnd(_ at: Int, like before: JSONToken) -> Int? {
        let length = Int(before.end &- before.start)
        guard before.kind == .string, before.marks.isEmpty, length < 16, at &+ 17 <= count,
            unsafe base[at] == UInt8(ascii: "\""),
            unsafe tvs_is_same_key(base + at + 1, base + Int(before.start), length) != 0
        else { return nil }
        let end = at &+ 1 &+ length
        return unsafe base[end &+ 1] == UInt8(ascii: ":") ? end : nil
    }

    /// Where a string ends, the fastest when it is as long as another.
    @inline(__always)
    private func textEnd(
        _ at: Int, like before: JSONToken
    ) throws(Failure) -> (Int, JSONToken.Marks) {
        let length = Int(before.end &- before.start)
        if (16...32).contains(length), at &+ length < count,
            unsafe base[at &+ length] == UInt8(ascii: "\""),
            unsafe tvs_is_plain(base + at, length) != 0
        {
            return (at &+ length, [])
        }
        let end = plainEnd(from: at)
        if unsafe base[end] == UInt8(ascii: "\"") { return (end, []) }
        let (behind, marks) = try stringBody(from: end)
        return (behind &- 1, marks)
    }
}
