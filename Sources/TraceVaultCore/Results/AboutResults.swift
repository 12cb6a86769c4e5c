// AboutResults.swift - what a host gets in the end.
//
// Comes in: bytes of a finished reply, or a failure.
// Goes out: a document in one or more views; results in the order in which they ended, with a
// descriptor to wait for.
// May know: JSON/Reading, JSON/Writing, Trace, Trace/Rows, Vault/Access.
