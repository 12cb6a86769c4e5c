// AboutJSON.swift - JSON, whatever it says.
//
// Comes in: bytes of a reply that nobody has checked; values and texts to be written.
// Goes out: a tape of checked tokens over those bytes (Reading); canonical JSON in a buffer
// (Writing); instants (Times).
// May know: nothing else.
