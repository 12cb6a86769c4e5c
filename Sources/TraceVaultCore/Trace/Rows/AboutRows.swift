// AboutRows.swift - a finished trace document as rows for event stores.
//
// Comes in: a document that `TraceView` wrote, nothing else, so that a row says nothing the
// document does not.
// Goes out: one JSON object a line: ECS, OCSF, or where the fields stand (docs/views.md); and what
// was skipped.
// May know: JSON/Reading, JSON/Writing, JSON/Times, Trace, Trace/Postfix, Trace/Summary,
// Vault/Format.
