// AboutRedis.swift - one quota for many hosts: permits that a thread of the library borrows from a
// Redis or Valkey, ahead of need.
//
// Comes in: spendings and parkings of one engine, as for the host's own ledger.
// Goes out: permits without any wait for the network; this host's share where nobody answers.
// May know: Budget, Budget/Mapped, Budget/Redis/Wire, JSON/Writing.
