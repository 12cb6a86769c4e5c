// AboutThreads.swift - what two threads or two processes share.
//
// Comes in: values to be guarded, and somebody who waits.
// Goes out: locks that hold across `fork()`, bells that wake, values that a child makes anew.
// May know: nothing else.
