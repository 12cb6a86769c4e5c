// AboutScheduler.swift - who goes next.
//
// Comes in: what happened, and when.
// Goes out: what to do next. It reads no clock, does no I/O and knows no secret.
// May know: Budget, Scheduler/Queues.
