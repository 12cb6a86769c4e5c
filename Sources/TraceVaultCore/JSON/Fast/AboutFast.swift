// AboutFast.swift - short ways for what JSON nearly always is.
//
// Comes in: what the plain readers get.
// Goes out: what the plain readers give, or nil: then the plain way is gone. docs/ARCHITECTURE.md
// has the plain twin, the test and the gain of each.
// May know: JSON/Reading.
