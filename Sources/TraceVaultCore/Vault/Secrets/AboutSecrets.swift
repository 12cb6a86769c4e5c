// AboutSecrets.swift - the only memory that holds a secret in clear.
//
// Comes in: bytes of a caller or of a key file, copied once.
// Goes out: guarded bytes, lent for one use and wiped; the secrets of an open edit, sealed, in
// ordinary memory.
// May know: JSON/Writing, Vault/Format.
