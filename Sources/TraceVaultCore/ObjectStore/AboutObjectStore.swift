// AboutObjectStore.swift - a vault as one object in an S3-compatible store.
//
// Comes in: a place, settings, what opens the store; sealed bytes and what they must replace.
// Goes out: signed requests; sealed bytes that have changed; whether bytes are stored, or that it
// cannot be known.
// May know: JSON/Times, Settings, Transport, Transport/Curl, Transport/Meaning, Vault/Access,
// Vault/Format, Vault/Secrets, Vault/Store.
