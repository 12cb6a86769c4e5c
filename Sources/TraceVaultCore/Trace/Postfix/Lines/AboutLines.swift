// AboutLines.swift - how each kind of line is read.
//
// Comes in: the text behind a line's tag and queue id, which PostfixEvent+Prefix.swift has found.
// Goes out: the event's kind and fields. A reader that is not sure takes back what it noted.
// May know: Trace/Postfix, JSON/Reading.
