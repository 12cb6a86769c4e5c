// AboutSettings.swift - every setting of the library.
//
// Comes in: a name and a text from the host.
// Goes out: a checked value, or a failure that says what is allowed.
// May know: JSON/Writing.
