// AboutFast.swift - short ways for what JSON nearly always is.
//
// Comes in: what the plain readers get.
// Goes out: what the plain readers give, or nil: then the plain way is gone. docs/ARCHITECTURE.md
// has the plain twin and the test of each.
// May know: JSON/Reading.
