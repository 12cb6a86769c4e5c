// LongRun.swift - what `make test-long` tries in full, and every other run by a share.

import Glibc

enum LongRun {
    static let isAsked = unsafe getenv("TRACEVAULT_LONG") != nil

    /// What the byte at this place is changed to: every value, or each fifth, others at each place.
    static func values(at place: Int) -> [UInt8] {
        let step = isAsked ? 1 : 5
        return stride(from: place % step, through: 255, by: step).map { UInt8($0) }
    }
}
