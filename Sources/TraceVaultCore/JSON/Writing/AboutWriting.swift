// AboutWriting.swift - canonical JSON into a buffer.
//
// Comes in: values, texts that were checked, tokens of a tape.
// Goes out: canonical JSON: no white space, the shortest escapes. `JSONWalk` reads what was written
// again. Running out of room is remembered, so that callers look once, at the end.
// May know: JSON, JSON/Reading, JSON/Times.
