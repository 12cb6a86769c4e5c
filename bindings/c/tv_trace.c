/* tv_trace.c - turns a trace document into C structs; see tv_trace.h. No calls of the library in
 * here. */
#include "tv_trace.h"

#include "tv_reader.h"

static const char *required(reader *in, const json_t *object, const char *name) {
    const char *value = text(in, object, name, NULL);
    if (value == NULL) complain(in, TV_TRACE_SHAPE, "%s is missing", name);
    return value;
}

/* 0 for one that no port can be: lines may hold any digits. */
static int32_t port_of(reader *in, const json_t *from) {
    int64_t port = 0;
    integer(in, from, "relay_port", &port);
    return port > 0 && port < 65536 ? (int32_t)port : 0;
}

/* An integer that is not negative; -1 when it is not there. */
static int64_t count_of(reader *in, const json_t *from, const char *name) {
    int64_t count = -1;
    integer(in, from, name, &count);
    return count;
}

static const tv_trace_event *read_event(reader *in, const json_t *line) {
    const json_t *from = object_member(in, line, "event");
    if (from == NULL) return NULL;
    tv_trace_event *event = keep(in, calloc(1, sizeof *event));
    if (event == NULL) return NULL;
    event->kind = required(in, from, "kind");
    event->process = text(in, from, "process", NULL);
    event->queue_id = text(in, from, "queue_id", NULL);
    event->from = text(in, from, "from", NULL);
    event->to = text(in, from, "to", NULL);
    event->relay = text(in, from, "relay", NULL);
    event->relay_host = text(in, from, "relay_host", NULL);
    event->relay_ip = text(in, from, "relay_ip", NULL);
    event->relay_port = port_of(in, from);
    event->client_host = text(in, from, "client_host", NULL);
    event->client_ip = text(in, from, "client_ip", NULL);
    event->status = text(in, from, "status", NULL);
    event->dsn = text(in, from, "dsn", NULL);
    event->reply = text(in, from, "reply", NULL);
    event->delay_s = number(in, from, "delay_s");
    event->message_id = text(in, from, "message_id", NULL);
    event->size = count_of(in, from, "size");
    event->action = text(in, from, "action", NULL);
    event->text = text(in, from, "text", NULL);
    event->queued_as = text(in, from, "queued_as", NULL);
    return event;
}

static void read_line(reader *in, const json_t *from, tv_trace_line *line) {
    if (!json_is_object(from)) {
        complain(in, TV_TRACE_SHAPE, "a line is not an object");
        return;
    }
    line->has_lineno = integer(in, from, "lineno", &line->lineno);
    line->at = text(in, from, "at", NULL);
    line->at_raw = text(in, from, "at_raw", NULL);
    line->message = text(in, from, "message", &line->message_len);
    line->event = read_event(in, from);
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

/* ---- The summary -------------------------------------------------------------------------- */

static void read_recipient(reader *in, const json_t *from, void *to) {
    tv_trace_recipient *recipient = to;
    recipient->address = required(in, from, "address");
    recipient->state = required(in, from, "state");
    recipient->orig_to = text(in, from, "orig_to", NULL);
    recipient->dsn = text(in, from, "dsn", NULL);
    recipient->relay = text(in, from, "relay", NULL);
    recipient->reply = text(in, from, "reply", NULL);
    recipient->at = text(in, from, "at", NULL);
    recipient->delay_s = number(in, from, "delay_s");
    recipient->queue_id = text(in, from, "queue_id", NULL);
    recipient->attempts = small_integer(in, from, "attempts");
}

static void read_hop(reader *in, const json_t *from, void *to) {
    tv_trace_hop *hop = to;
    hop->queue_id = required(in, from, "queue_id");
    hop->time = text(in, from, "time", NULL);
    hop->inode = count_of(in, from, "inode");
    hop->side = text(in, from, "side", NULL);
    hop->state = text(in, from, "state", NULL);
    hop->notification = answer(in, from, "notification");
    hop->first_at = text(in, from, "first_at", NULL);
    hop->last_at = text(in, from, "last_at", NULL);
    hop->previous_queue_id = text(in, from, "previous_queue_id", NULL);
    hop->client_host = text(in, from, "client_host", NULL);
    hop->client_ip = text(in, from, "client_ip", NULL);
    hop->sender = text(in, from, "sender", NULL);
    hop->message_id = text(in, from, "message_id", NULL);
    hop->size = count_of(in, from, "size");
    hop->nrcpt = count_of(in, from, "nrcpt");
    hop->relay = text(in, from, "relay", NULL);
    hop->delay_s = number(in, from, "delay_s");
    hop->delay_before_qmgr_s = number(in, from, "delay_before_qmgr_s");
    hop->delay_in_qmgr_s = number(in, from, "delay_in_qmgr_s");
    hop->delay_conn_setup_s = number(in, from, "delay_conn_setup_s");
    hop->delay_transmission_s = number(in, from, "delay_transmission_s");
    hop->slowest = text(in, from, "slowest", NULL);
}

static void read_next(reader *in, const json_t *from, void *to) {
    tv_trace_next *next = to;
    next->id = required(in, from, "id");
    next->kind = text(in, from, "kind", NULL);
    next->from_queue_id = text(in, from, "from_queue_id", NULL);
    next->time = text(in, from, "time", NULL);
    next->in_trace = answer(in, from, "in_trace");
}

/* Makes structs of `size` bytes out of an array of objects, which `read` fills one by one. */
static const void *read_list(reader *in, const json_t *from, const char *name, size_t size,
                             void (*read)(reader *, const json_t *, void *), size_t *count_out) {
    const json_t *list = array_member(in, from, name);
    size_t count = json_array_size(list);
    char *made = count != 0 ? keep(in, calloc(count, size)) : NULL;
    if (made == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        if (json_is_object(one))
            read(in, one, made + i * size);
        else
            complain(in, TV_TRACE_SHAPE, "%s holds something that is not an object", name);
    }
    *count_out = count;
    return made;
}

static void read_summary(reader *in, const json_t *root, tv_trace_summary *summary) {
    summary->size = -1;
    const json_t *from = object_member(in, root, "summary");
    if (from == NULL) return;
    summary->state = required(in, from, "state");
    summary->recipients = read_list(in, from, "recipients", sizeof *summary->recipients,
                                    read_recipient, &summary->recipient_count);
    summary->sender = text(in, from, "sender", NULL);
    summary->message_id = text(in, from, "message_id", NULL);
    summary->size = count_of(in, from, "size");
    summary->client_host = text(in, from, "client_host", NULL);
    summary->client_ip = text(in, from, "client_ip", NULL);
    summary->first_at = text(in, from, "first_at", NULL);
    summary->last_at = text(in, from, "last_at", NULL);
    summary->hops =
        read_list(in, from, "hops", sizeof *summary->hops, read_hop, &summary->hop_count);
    summary->next = read_list(in, from, "next_queue_ids", sizeof *summary->next, read_next,
                              &summary->next_count);
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
    read_summary(in, root, &trace->summary);
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
    if (in.result == TV_TRACE_OK) *trace_out = trace;
    return finish(&in);
}

void tv_trace_free(tv_trace *trace) {
    if (trace != NULL) free_owned(trace->owned);
}
