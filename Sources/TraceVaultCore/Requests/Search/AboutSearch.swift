// AboutSearch.swift - the dialogue of a search, which has many pages.
//
// Comes in: filters and pages.
// Goes out: the messages found, each once, and whether they are all.
// May know: JSON/Reading, JSON/Times, JSON/Writing, Requests, Results, Scheduler, Trace, Transport,
// Transport/Meaning, Vault/Access, Vault/Secrets.
