// AboutAccess.swift - an open vault, and what is lent from it.
//
// Comes in: a store, an unlock, an edit; the name of a tenant.
// Goes out: tenants, credentials without their secret, a secret for one try; since when a vault
// cannot be followed.
// May know: JSON/Times, JSON/Writing, Settings, Vault/Edits, Vault/Format, Vault/Secrets,
// Vault/Store.
