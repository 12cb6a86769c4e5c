// AboutCurl.swift - libcurl, with the faults of its versions.
//
// Comes in: settings, and requests of the engine's thread.
// Goes out: replies. Nothing outside this folder speaks libcurl.
// May know: Budget/Redis/Wire, JSON/Writing, Settings, Transport, Transport/Curl/Exchange,
// Transport/Curl/Trust.
