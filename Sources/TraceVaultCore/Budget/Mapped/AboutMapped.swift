// AboutMapped.swift - the ledger of one host: a table in a file that all its processes map.
//
// Comes in: numbers of groups, spendings, parkings.
// Goes out: the same answers for every process, also after a kill in the middle.
// May know: Budget.
