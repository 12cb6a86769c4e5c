// AboutBudget.swift - the right to send, by group.
//
// Comes in: how fast a group may send, and what the server said of it.
// Goes out: when a group may send next, and who spent.
// May know: nothing else.
