// AboutRequests.swift - what a host can ask, and the dialogue with the server that each kind needs.
//
// Comes in: arguments of a host; the server's replies, which are hostile.
// Goes out: a path for each try, and a verdict on each reply.
// May know: JSON/Reading, JSON/Times, JSON/Writing, Requests/Search, Results, Scheduler, Trace,
// Transport, Transport/Meaning, Vault/Access, Vault/Format, Vault/Secrets.
