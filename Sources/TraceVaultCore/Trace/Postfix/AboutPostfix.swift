// AboutPostfix.swift - what one line of a mail log says.
//
// Comes in: one message of a trace: any bytes.
// Goes out: a `PostfixEvent`: a kind and fields, each a place in the message, nothing copied; or
// nothing, when the line is not understood. How each kind of line is read is in Lines.
// May know: JSON, JSON/Reading, JSON/Writing, JSON/Times.
