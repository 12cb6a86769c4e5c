// AboutMeaning.swift - what Cloudflare's answers and headers mean.
//
// Comes in: codes, headers and the first words of a body.
// Goes out: the path of a trace; when to come back, what to advise, and whose fault it was. Nothing
// here sends.
// May know: Budget, Scheduler, Trace, Transport, Transport/Curl.
