// AboutWire.swift - how a Redis or Valkey is spoken to.
//
// Comes in: settings, questions as words.
// Goes out: answers as numbers, all of them bounded.
// May know: Budget, Settings, Vault/Secrets.
