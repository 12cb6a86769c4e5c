// AboutFormat.swift - the sealed bytes of a vault and the keys to them.
//
// Comes in: bytes of a store; an unlock secret.
// Goes out: an index over records that stay sealed; the bytes of the next state.
// May know: JSON/Reading, JSON/Times, Vault/Access, Vault/Edits, Vault/Secrets.
