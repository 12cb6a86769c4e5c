/* tv_trace.c - turns a trace document into C structs; see tv_trace.h. */
#include "tv_trace.h"

#include "tv_reader.h"

/* ---- Lines --------------------------------------------------------------------------------- */

static const tv_trace_event no_event = {.delay_s = -1, .size = -1};
static const field event_fields[] = {
    MUST(tv_trace_event, kind, "kind"),
    TEXT_FIELD(tv_trace_event, process),
    TEXT_FIELD(tv_trace_event, queue_id),
    TEXT_FIELD(tv_trace_event, from),
    TEXT_FIELD(tv_trace_event, to),
    TEXT_FIELD(tv_trace_event, relay),
    TEXT_FIELD(tv_trace_event, relay_host),
    TEXT_FIELD(tv_trace_event, relay_ip),
    FIELD(tv_trace_event, relay_port, AS_PORT, "relay_port"),
    FIELD(tv_trace_event, delay_s, AS_NUMBER, "delay_s"),
    TEXT_FIELD(tv_trace_event, dsn),
    TEXT_FIELD(tv_trace_event, status),
    TEXT_FIELD(tv_trace_event, reply),
    TEXT_FIELD(tv_trace_event, queued_as),
    TEXT_FIELD(tv_trace_event, client_host),
    TEXT_FIELD(tv_trace_event, client_ip),
    TEXT_FIELD(tv_trace_event, message_id),
    FIELD(tv_trace_event, size, AS_INT, "size"),
    TEXT_FIELD(tv_trace_event, action),
    TEXT_FIELD(tv_trace_event, text),
};
static const shape event_shape = SHAPE(event_fields, no_event);

static const tv_trace_line no_line = {0};
static const field line_fields[] = {
    WITH(tv_trace_line, lineno, has_lineno, AS_GIVEN, "lineno", NULL),
    TEXT_FIELD(tv_trace_line, at),
    TEXT_FIELD(tv_trace_line, at_raw),
    WITH(tv_trace_line, message, message_len, AS_BYTES, "message", NULL),
    WITH(tv_trace_line, event, event_json, AS_STRUCT, "event", &event_shape),
    FIELD(tv_trace_line, extra_json, AS_JSON, "extra"),
};
static const shape line_shape = SHAPE(line_fields, no_line);

static const tv_trace_block no_block = {.pending = TV_TRACE_UNKNOWN};
static const field block_fields[] = {
    FIELD(tv_trace_block, pending, AS_ANSWER, "pending"),
    WITH(tv_trace_block, lines, line_count, AS_LIST, "lines", &line_shape),
    FIELD(tv_trace_block, extra_json, AS_JSON, "extra"),
};
static const shape block_shape = SHAPE(block_fields, no_block);

/* ---- The summary --------------------------------------------------------------------------- */

static const tv_trace_recipient no_recipient = {.delay_s = -1};
static const field recipient_fields[] = {
    MUST(tv_trace_recipient, address, "address"),
    MUST(tv_trace_recipient, state, "state"),
    TEXT_FIELD(tv_trace_recipient, orig_to),
    TEXT_FIELD(tv_trace_recipient, dsn),
    TEXT_FIELD(tv_trace_recipient, relay),
    TEXT_FIELD(tv_trace_recipient, reply),
    TEXT_FIELD(tv_trace_recipient, at),
    FIELD(tv_trace_recipient, delay_s, AS_NUMBER, "delay_s"),
    TEXT_FIELD(tv_trace_recipient, queue_id),
    FIELD(tv_trace_recipient, attempts, AS_SMALL, "attempts"),
};
static const shape recipient_shape = SHAPE(recipient_fields, no_recipient);

static const tv_trace_hop no_hop = {
    .inode = -1,
    .notification = TV_TRACE_UNKNOWN,
    .size = -1,
    .nrcpt = -1,
    .delay_s = -1,
    .delay_before_qmgr_s = -1,
    .delay_in_qmgr_s = -1,
    .delay_conn_setup_s = -1,
    .delay_transmission_s = -1,
};
static const field hop_fields[] = {
    MUST(tv_trace_hop, queue_id, "queue_id"),
    TEXT_FIELD(tv_trace_hop, time),
    FIELD(tv_trace_hop, inode, AS_INT, "inode"),
    TEXT_FIELD(tv_trace_hop, side),
    TEXT_FIELD(tv_trace_hop, state),
    FIELD(tv_trace_hop, notification, AS_ANSWER, "notification"),
    TEXT_FIELD(tv_trace_hop, first_at),
    TEXT_FIELD(tv_trace_hop, last_at),
    TEXT_FIELD(tv_trace_hop, previous_queue_id),
    TEXT_FIELD(tv_trace_hop, client_host),
    TEXT_FIELD(tv_trace_hop, client_ip),
    TEXT_FIELD(tv_trace_hop, sender),
    TEXT_FIELD(tv_trace_hop, message_id),
    FIELD(tv_trace_hop, size, AS_INT, "size"),
    FIELD(tv_trace_hop, nrcpt, AS_INT, "nrcpt"),
    TEXT_FIELD(tv_trace_hop, relay),
    FIELD(tv_trace_hop, delay_s, AS_NUMBER, "delay_s"),
    FIELD(tv_trace_hop, delay_before_qmgr_s, AS_NUMBER, "delay_before_qmgr_s"),
    FIELD(tv_trace_hop, delay_in_qmgr_s, AS_NUMBER, "delay_in_qmgr_s"),
    FIELD(tv_trace_hop, delay_conn_setup_s, AS_NUMBER, "delay_conn_setup_s"),
    FIELD(tv_trace_hop, delay_transmission_s, AS_NUMBER, "delay_transmission_s"),
    TEXT_FIELD(tv_trace_hop, slowest),
};
static const shape hop_shape = SHAPE(hop_fields, no_hop);

static const tv_trace_next no_next = {.in_trace = TV_TRACE_UNKNOWN};
static const field next_fields[] = {
    MUST(tv_trace_next, id, "id"),
    TEXT_FIELD(tv_trace_next, time),
    TEXT_FIELD(tv_trace_next, kind),
    TEXT_FIELD(tv_trace_next, from_queue_id),
    FIELD(tv_trace_next, in_trace, AS_ANSWER, "in_trace"),
};
static const shape next_shape = SHAPE(next_fields, no_next);

static const tv_trace_summary no_summary = {.size = -1};
static const field summary_fields[] = {
    MUST(tv_trace_summary, state, "state"),
    WITH(tv_trace_summary, recipients, recipient_count, AS_LIST, "recipients", &recipient_shape),
    TEXT_FIELD(tv_trace_summary, sender),
    TEXT_FIELD(tv_trace_summary, message_id),
    FIELD(tv_trace_summary, size, AS_INT, "size"),
    TEXT_FIELD(tv_trace_summary, client_host),
    TEXT_FIELD(tv_trace_summary, client_ip),
    TEXT_FIELD(tv_trace_summary, first_at),
    TEXT_FIELD(tv_trace_summary, last_at),
    WITH(tv_trace_summary, hops, hop_count, AS_LIST, "hops", &hop_shape),
    WITH(tv_trace_summary, next, next_count, AS_LIST, "next_queue_ids", &next_shape),
};
static const shape summary_shape = SHAPE(summary_fields, no_summary);

/* ---- The trace ----------------------------------------------------------------------------- */

static const tv_trace no_trace = {
    .complete = TV_TRACE_UNKNOWN,
    .inbound = {.pending = TV_TRACE_UNKNOWN},
    .outbound = {.pending = TV_TRACE_UNKNOWN},
    .summary = {.size = -1},
    .error_retriable = TV_TRACE_UNKNOWN,
    .error_retry_after_ms = -1,
};
/* Further fields of the trace itself. */
static const field queue_id_fields[] = {
    FIELD(tv_trace, queue_id, AS_TEXT, "value"),
    FIELD(tv_trace, queue_id_time, AS_TEXT, "time"),
};
static const shape queue_id_shape = SHAPE(queue_id_fields, no_trace);
static const field error_fields[] = {
    FIELD(tv_trace, error_status, AS_TEXT, "status"),
    FIELD(tv_trace, error_message, AS_TEXT, "message"),
    FIELD(tv_trace, error_retriable, AS_ANSWER, "retriable"),
    FIELD(tv_trace, error_retry_after_ms, AS_INT, "retry_after_ms"),
};
static const shape error_shape = SHAPE(error_fields, no_trace);
static const field trace_fields[] = {
    TEXT_FIELD(tv_trace, schema),
    TEXT_FIELD(tv_trace, account_id),
    TEXT_FIELD(tv_trace, tenant),
    TEXT_FIELD(tv_trace, message_ref),
    TEXT_FIELD(tv_trace, fetched_at),
    FIELD(tv_trace, complete, AS_ANSWER, "complete"),
    TEXT_FIELD(tv_trace, cf_ray),
    FIELD(tv_trace, http_status, AS_SMALL, "http_status"),
    FIELD(tv_trace, attempts, AS_SMALL, "attempts"),
    {"queue_id", 8, AS_PART, 0, 0, 0, &queue_id_shape},
    PART(tv_trace, inbound, "inbound", &block_shape),
    PART(tv_trace, outbound, "outbound", &block_shape),
    PART(tv_trace, summary, "summary", &summary_shape),
    FIELD(tv_trace, extra_json, AS_JSON, "extra"),
    {"error", 5, AS_PART, 0, 0, 0, &error_shape},
    WITH(tv_trace, warnings, warning_count, AS_LIST, "warnings", &warning_shape),
};
static const shape trace_shape = SHAPE(trace_fields, no_trace);

tv_trace_result tv_trace_read(const tv_walk *walk, tv_trace **trace_out, char *error,
                              size_t error_len) {
    reader in;
    if (begin(&in, trace_out != NULL ? walk : NULL, error, error_len) == TV_TRACE_OK) {
        tv_trace *trace =
            read_document(&in, "tracevault.trace/", &trace_shape, offsetof(tv_trace, owned));
        if (in.result == TV_TRACE_OK) *trace_out = trace;
    }
    return finish(&in);
}

tv_trace_result tv_trace_parse(const char *json, size_t json_len, tv_trace **trace_out, char *error,
                               size_t error_len) {
    PARSE(tv_trace_read, json, json_len, trace_out, error, error_len);
}

void tv_trace_free(tv_trace *trace) {
    if (trace != NULL) free_arena(trace->owned);
}
