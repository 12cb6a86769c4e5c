// AboutStore.swift - where the sealed bytes are kept.
//
// Comes in: bytes, and the revision that they must replace.
// Goes out: bytes with their revision; whether they have changed. A store never has a key.
// May know: Vault/Access, Vault/Format.
