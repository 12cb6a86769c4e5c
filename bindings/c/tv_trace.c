/* tv_trace.c - turns a trace document into C structs; see tv_trace.h. No calls of the library in
 * here. */
#include "tv_trace.h"

#include "tv_reader.h"

static void read_line(reader *in, const json_t *from, tv_trace_line *line) {
    if (!json_is_object(from)) {
        complain(in, TV_TRACE_SHAPE, "a line is not an object");
        return;
    }
    line->has_lineno = integer(in, from, "lineno", &line->lineno);
    line->at = text(in, from, "at", NULL);
    line->at_raw = text(in, from, "at_raw", NULL);
    line->message = text(in, from, "message", &line->message_len);
    line->event_json = json_member(in, from, "event");
    line->extra_json = json_member(in, from, "extra");
}

static void read_block(reader *in, const json_t *root, const char *name, tv_trace_block *block) {
    block->pending = TV_TRACE_UNKNOWN;
    const json_t *from = object_member(in, root, name);
    if (from == NULL) return;
    block->pending = answer(in, from, "pending");
    block->extra_json = json_member(in, from, "extra");
    const json_t *lines = array_member(in, from, "lines");
    size_t count = json_array_size(lines);
    if (count == 0) return;
    tv_trace_line *made = keep(in, calloc(count, sizeof *made));
    if (made == NULL) return;
    block->lines = made;
    block->line_count = count;
    for (size_t i = 0; i < count; i++) read_line(in, json_array_get(lines, i), &made[i]);
}

static void read_trace(reader *in, const json_t *root, tv_trace *trace) {
    trace->schema = read_schema(in, root, "tracevault.trace/");
    if (in->result != TV_TRACE_OK) return;
    trace->account_id = text(in, root, "account_id", NULL);
    trace->tenant = text(in, root, "tenant", NULL);
    trace->message_ref = text(in, root, "message_ref", NULL);
    trace->fetched_at = text(in, root, "fetched_at", NULL);
    trace->complete = answer(in, root, "complete");
    trace->cf_ray = text(in, root, "cf_ray", NULL);
    trace->http_status = small_integer(in, root, "http_status");
    trace->attempts = small_integer(in, root, "attempts");
    const json_t *queue_id = object_member(in, root, "queue_id");
    trace->queue_id = text(in, queue_id, "value", NULL);
    trace->queue_id_time = text(in, queue_id, "time", NULL);
    read_block(in, root, "inbound", &trace->inbound);
    read_block(in, root, "outbound", &trace->outbound);
    trace->extra_json = json_member(in, root, "extra");
    trace->warnings = read_warnings(in, root, &trace->warning_count);
}

tv_trace_result tv_trace_parse(const char *json, size_t json_len, tv_trace **trace_out, char *error,
                               size_t error_len) {
    reader in;
    if (open_document(&in, trace_out != NULL ? json : NULL, json_len, error, error_len) !=
        TV_TRACE_OK)
        return in.result;
    tv_trace *trace = keep(&in, calloc(1, sizeof *trace));
    if (trace != NULL) {
        trace->owned = in.owned;
        read_trace(&in, in.owned->root, trace);
    }
    if (in.result == TV_TRACE_OK)
        *trace_out = trace;
    else
        free_owned(in.owned);
    return in.result;
}

void tv_trace_free(tv_trace *trace) {
    if (trace != NULL) free_owned(trace->owned);
}
