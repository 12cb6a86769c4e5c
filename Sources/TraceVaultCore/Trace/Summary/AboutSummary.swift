// AboutSummary.swift - what the lines of a trace say together.
//
// Comes in: one event after the other, with the time and the side of its line.
// Goes out: the document's `summary`: what became of each recipient, the hops, where to look next.
// The only place where something is concluded (docs/adr/022-outcomes.md).
// May know: JSON/Reading, JSON/Times, JSON/Writing, Trace/Postfix.
