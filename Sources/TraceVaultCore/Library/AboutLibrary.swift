// AboutLibrary.swift - what this build is.
//
// Comes in: nothing.
// Goes out: its versions and what it found at run time. The only place that may look at everything.
// May know: JSON/Reading, JSON/Writing, Trace/Rows, Transport/Curl, Vault/Format, Vault/Secrets.
