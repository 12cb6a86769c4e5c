// AboutHunts.swift - what one hunt asks next, and what it has to tell.
//
// Comes in: the accounts of a host's tenants; the answers to searches and traces.
// Goes out: requests, one at a time as there is room; findings, each once; how far it is.
// May know: Engine, JSON/Reading, JSON/Writing, Requests, Requests/Search, Results, Scheduler,
// Trace, Vault/Access, Vault/Format.
