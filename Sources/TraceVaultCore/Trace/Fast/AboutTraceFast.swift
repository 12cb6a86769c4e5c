// AboutTraceFast.swift - short ways for what a trace nearly always is.
//
// Comes in: lines and events of a trace that is being written.
// Goes out: the bytes that the plain ways write, or nothing written: then the plain way is gone.
// docs/ARCHITECTURE.md has the plain twin and the test of each.
// May know: JSON/Reading, JSON/Writing, JSON/Times, Trace/Postfix.
