// AboutTransport.swift - one HTTP exchange, without libcurl's names.
//
// Comes in: a path and a secret header that is not copied.
// Goes out: a reply, how far it has come, or why there is none.
// May know: Trace, Vault/Access, Vault/Secrets.
