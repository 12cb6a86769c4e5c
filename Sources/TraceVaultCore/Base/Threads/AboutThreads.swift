// AboutThreads.swift - what two threads or two processes share.
//
// Comes in: values to be guarded, somebody who waits, and what may hang when it is looked at.
// Goes out: locks that hold across `fork()`, bells that wake, values that a child makes anew,
// threads that look.
// May know: nothing else.
