// AboutTrust.swift - which certificate authorities connections trust.
//
// Comes in: the paths of files of authorities.
// Goes out: what OpenSSL takes for them, new for each state of a file.
// May know: Settings.
