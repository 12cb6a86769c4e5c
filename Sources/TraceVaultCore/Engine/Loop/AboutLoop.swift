// AboutLoop.swift - the engine's one thread.
//
// Comes in: commands from the mailbox, what the scheduler wants, what the transport reports.
// Goes out: exactly one result for each request. The only place where scheduler, vault and
// transport meet.
// May know: Budget, Budget/Mapped, Budget/Redis, Engine, Engine/Hunts, JSON/Times, JSON/Writing,
// Requests, Requests/Search, Results, Scheduler, Trace, Transport, Transport/Curl,
// Transport/Meaning, Vault/Access, Vault/Edits, Vault/Format.
