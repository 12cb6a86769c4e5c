// AboutBase.swift - what everybody uses.
//
// Comes in: nothing of the house's own business: bytes, texts, paths, errno.
// Goes out: failures, buffers, texts for C, queues, files.
// May know: nothing else.
