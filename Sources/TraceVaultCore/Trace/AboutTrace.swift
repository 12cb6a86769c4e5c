// AboutTrace.swift - a delivery trace out of Cloudflare's reply.
//
// Comes in: the tape of a reply, and what the reply does not know of itself (`TraceContext`).
// Goes out: the document `tracevault.trace/1` (docs/trace.md), with a warning for everything odd;
// or Cloudflare's refusal. Each line goes through Postfix, all of them through Summary; Rows are
// made of the document when asked for. Identifiers checks the ids that a host gives, before they
// get into a path.
// May know: JSON, JSON/Reading, JSON/Writing, JSON/Times, Trace/Fast, Trace/Postfix, Trace/Summary.
