// AboutEngine.swift - the host's side of the engine.
//
// Comes in: a tenant with a request, from any thread.
// Goes out: a number at once and a result later; statistics; what is kept of finished traces.
// May know: Budget, Budget/Mapped, Budget/Redis, Budget/Redis/Wire, Engine/Hunts, Engine/Loads,
// Engine/Loop, JSON/Writing, Requests, Results, Scheduler, Settings, Transport, Transport/Curl,
// Vault/Access, Vault/Edits, Vault/Format, Vault/Secrets.
