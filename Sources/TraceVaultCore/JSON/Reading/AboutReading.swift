// AboutReading.swift - from the bytes of a reply to a tape of tokens.
//
// Comes in: the bytes of a reply, whatever they are.
// Goes out: a `JSONTape`: each value's place in the bytes, checked; or a `Failure` that says where
// and what, never what the bytes hold. Nothing is copied.
// May know: JSON.
