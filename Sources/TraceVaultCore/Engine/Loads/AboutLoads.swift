// AboutLoads.swift - what the host has not taken, and whose turn it is when there is room again.
//
// Comes in: requests and hunts that begin and end; what replies become; what the host has taken.
// Goes out: whether there is room for more of a tenant; who has to wait, and who need no longer.
// May know: Results, Scheduler, Vault/Access.
