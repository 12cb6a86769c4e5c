// AboutAddresses.swift - where something on the network is.
//
// Comes in: texts that a host or a vault wrote.
// Goes out: an origin, a base URL, a proxy or a Redis, checked; only their own parts, never a
// user's name and password.
// May know: nothing else.
