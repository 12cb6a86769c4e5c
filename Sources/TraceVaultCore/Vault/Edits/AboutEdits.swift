// AboutEdits.swift - one change of a vault.
//
// Comes in: the steps of one edit, and the state on which they were judged.
// Goes out: the bytes of the next state, or a conflict.
// May know: JSON/Writing, Vault/Access, Vault/Format, Vault/Secrets.
