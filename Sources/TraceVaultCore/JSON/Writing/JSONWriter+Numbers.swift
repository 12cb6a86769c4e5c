// JSONWriter+Numbers.swift - whole numbers, of all types that are written.

extension JSONWriter {
    package mutating func int(_ value: Int64) {
        separate()
        if value < 0 { byte(UInt8(ascii: "-")) }
        digits(value.magnitude)
        needsComma = true
    }

    // Not generic: a copy for each type would be in the library, beside one for all of them.
    @inline(__always)
    package mutating func int(_ value: Int) { int(Int64(value)) }
    @inline(__always)
    package mutating func int(_ value: Int32) { int(Int64(value)) }
    @inline(__always)
    package mutating func int(_ value: UInt32) { int(UInt64(value)) }
    @inline(__always)
    package mutating func int(_ value: UInt8) { int(UInt64(value)) }
    package mutating func int(_ value: UInt64) {
        separate()
        digits(value)
        needsComma = true
    }

    /// Members of an object that are whole numbers.
    mutating func numbers(_ members: [(StaticString, Int64)]) {
        for (name, value) in members {
            key(name)
            int(value)
        }
    }

    /// Line numbers are most of the numbers written: no String for them.
    mutating func digits(_ value: UInt64) {
        var size = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            size += 1
        }
        unsafe put(upTo: size) { place in
            var rest = value
            for index in stride(from: size - 1, through: 0, by: -1) {
                unsafe place[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            return size
        }
    }
}
