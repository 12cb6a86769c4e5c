// AboutQueues.swift - what the scheduler keeps its records in.
//
// Comes in: records, and when they are due.
// Goes out: the same records, each at the same cost with ten and with a million.
// May know: nothing else.
