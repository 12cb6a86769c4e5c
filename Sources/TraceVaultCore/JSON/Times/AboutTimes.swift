// AboutTimes.swift - instants as text.
//
// Comes in: a text that may be a time, in any form that collectors write.
// Goes out: a `Timestamp`, compared and written as RFC 3339 in UTC with the digits of its source.
// No clock is read.
// May know: JSON/Reading.
