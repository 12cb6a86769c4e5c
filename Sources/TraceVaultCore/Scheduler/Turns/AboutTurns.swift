// AboutTurns.swift - from a request that wants to go to one that goes.
//
// Comes in: fetches, lanes and groups of the scheduler's records.
// Goes out: whose turn it is, and with which permit.
// May know: Scheduler.
