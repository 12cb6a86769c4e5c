/* tv_views.c - turns the views of JSON lines into C structs; see tv_views.h. No calls of the
 * library in here. */
#include "tv_views.h"

#include "tv_reader.h"

/* Adds one JSON object to the rows that the document owns. */
static void add_row(reader *in, json_t *rows, const char *line, size_t line_len) {
    json_t *row = load(in, line, line_len);
    if (!json_is_object(row)) complain(in, TV_TRACE_NOT_JSON, "not a JSON object");
    /* Takes the row over, also when it fails. */
    if (json_array_append_new(rows, row) != 0) complain(in, TV_TRACE_NO_MEMORY, "out of memory");
}

/* Parses JSON lines: afterwards they are the member "rows" of in->owned->root. On anything but
 * TV_TRACE_OK there is nothing to free. */
static tv_trace_result open_lines(reader *in, const char *lines, size_t lines_len, char *error,
                                  size_t error_len) {
    if (begin(in, lines != NULL, error, error_len) != TV_TRACE_OK) return in->result;
    json_t *rows = json_array();
    in->owned->root = json_object();
    /* Takes the rows over, also when it fails. */
    if (json_object_set_new(in->owned->root, "rows", rows) != 0)
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
    for (size_t at = 0; at < lines_len && in->result == TV_TRACE_OK;) {
        const char *end = memchr(lines + at, '\n', lines_len - at);
        size_t line_len = end != NULL ? (size_t)(end - lines) - at : lines_len - at;
        in->row++;
        add_row(in, rows, lines + at, line_len);
        at += line_len + 1;
    }
    in->row = 0;
    return finish(in);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void read_ecs(reader *in, const json_t *from, tv_view_event *event) {
    const json_t *about = object_member(in, from, "event");
    const json_t *email = object_member(in, from, "email");
    event->id = text(in, about, "id", NULL);
    event->at = text(in, from, "@timestamp", NULL);
    event->direction = text(in, email, "direction", NULL);
    event->action = text(in, about, "action", NULL);
    event->outcome = text(in, about, "outcome", NULL);
    event->code = text(in, about, "code", NULL);
    event->reason = text(in, about, "reason", NULL);
    event->from = text(in, object_member(in, email, "sender"), "address", NULL);
    event->to = read_texts(in, object_member(in, email, "to"), "address");
    event->message_id = text(in, email, "message_id", NULL);
    event->line = text(in, about, "original", &event->line_len);
}

static void read_ocsf(reader *in, const json_t *from, tv_view_event *event) {
    const json_t *unmapped = object_member(in, from, "unmapped");
    event->id = text(in, object_member(in, from, "metadata"), "uid", NULL);
    event->at = text(in, from, "time_dt", NULL);
    event->direction = text(in, object_member(in, unmapped, "cloudflare"), "block", NULL);
    event->outcome = text(in, from, "status", NULL);
    event->code = text(in, from, "status_code", NULL);
    event->reason = text(in, from, "status_detail", NULL);
    event->from = text(in, from, "from", NULL);
    event->to = read_texts(in, from, "to");
    event->message_id = text(in, object_member(in, from, "email"), "message_uid", NULL);
    event->line = text(in, from, "raw_data", &event->line_len);
}

/* `json` is the event as it was written. */
static void read_view_event(reader *in, const json_t *from, const char *json,
                            tv_view_event *event) {
    if (member(from, "class_uid") != NULL)
        read_ocsf(in, from, event);
    else
        read_ecs(in, from, event);
    if (event->id == NULL || event->at == NULL || event->line == NULL)
        complain(in, TV_TRACE_SHAPE, "an event of neither \"ecs\" nor \"ocsf\"");
    event->json = json;
    event->json_len = strlen(json);
}

/* The lines with a NUL for each newline: JSON has neither inside of an object's text. */
static const char *split(reader *in, const char *lines, size_t lines_len) {
    char *made = keep(in, malloc(lines_len + 1));
    if (made == NULL) return NULL;
    memcpy(made, lines, lines_len);
    made[lines_len] = '\0';
    for (char *end = made; (end = memchr(end, '\n', lines_len - (size_t)(end - made))) != NULL;)
        *end++ = '\0';
    return made;
}

static void read_view(reader *in, const char *lines, size_t lines_len, tv_view *view) {
    const json_t *root = in->owned->root, *rows = json_object_get(root, "rows");
    size_t count = json_array_size(rows);
    const char *json = split(in, lines, lines_len);
    tv_view_event *made = count != 0 ? keep(in, calloc(count, sizeof *made)) : NULL;
    if (json != NULL && made != NULL) {
        for (size_t i = 0; i < count; i++, json += strlen(json) + 1) {
            in->row = i + 1;
            read_view_event(in, json_array_get(rows, i), json, &made[i]);
        }
        in->row = 0;
        view->events = made;
        view->event_count = count;
    }
    view->warnings = read_warnings(in, root, &view->warning_count);
}

/* Adds the warnings to the document, where those of a trace stand. */
static void add_warnings(reader *in, const char *warnings, size_t warnings_len) {
    if (json_object_set_new(in->owned->root, "warnings", load(in, warnings, warnings_len)) != 0)
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
}

tv_trace_result tv_view_parse(const char *events, size_t events_len, const char *warnings,
                              size_t warnings_len, tv_view **view_out, char *error,
                              size_t error_len) {
    reader in;
    if (open_lines(&in, view_out != NULL ? events : NULL, events_len, error, error_len) !=
        TV_TRACE_OK)
        return in.result;
    if (warnings != NULL && warnings_len != 0) add_warnings(&in, warnings, warnings_len);
    tv_view *view = keep(&in, calloc(1, sizeof *view));
    if (view != NULL && in.result == TV_TRACE_OK) {
        view->owned = in.owned;
        read_view(&in, events, events_len, view);
    }
    if (in.result == TV_TRACE_OK) *view_out = view;
    return finish(&in);
}

void tv_view_free(tv_view *view) {
    if (view != NULL) free_owned(view->owned);
}

/* ---- Spans ----------------------------------------------------------------------------------- */

static size_t place(reader *in, const json_t *value) {
    json_int_t at = json_integer_value(value);
    if (json_is_integer(value) && at >= 0 && (uintmax_t)at <= SIZE_MAX) return (size_t)at;
    complain(in, TV_TRACE_SHAPE, "a place is negative, too large or no integer");
    return 0;
}

static void read_line_spans(reader *in, const json_t *from, tv_line_spans *line) {
    line->side = text(in, from, "side", NULL);
    line->line = place(in, member(from, "line"));
    const json_t *spans = object_member(in, from, "spans");
    size_t count = json_object_size(spans), next = 0;
    tv_span *made = count != 0 ? keep(in, calloc(count, sizeof *made)) : NULL;
    const char *field;
    json_t *span;
    if (made != NULL) {
        json_object_foreach((json_t *)spans, field, span) {
            made[next].field = field;
            made[next].start = place(in, json_array_get(span, 0));
            made[next].end = place(in, json_array_get(span, 1));
            if (json_array_size(span) != 2 || made[next].end < made[next].start)
                complain(in, TV_TRACE_SHAPE, "a span is not where it begins and where it ends");
            next++;
        }
    }
    line->spans = made;
    line->span_count = next;
    if (line->side == NULL) complain(in, TV_TRACE_SHAPE, "a row has no side");
}

tv_trace_result tv_spans_parse(const char *spans, size_t spans_len, tv_spans **spans_out,
                               char *error, size_t error_len) {
    reader in;
    if (open_lines(&in, spans_out != NULL ? spans : NULL, spans_len, error, error_len) !=
        TV_TRACE_OK)
        return in.result;
    tv_spans *all = keep(&in, calloc(1, sizeof *all));
    const json_t *rows = json_object_get(in.owned->root, "rows");
    size_t count = json_array_size(rows);
    tv_line_spans *made = count != 0 ? keep(&in, calloc(count, sizeof *made)) : NULL;
    for (size_t i = 0; made != NULL && i < count; i++) {
        in.row = i + 1;
        read_line_spans(&in, json_array_get(rows, i), &made[i]);
    }
    if (all != NULL) *all = (tv_spans){made != NULL ? count : 0, made, in.owned};
    if (in.result == TV_TRACE_OK) *spans_out = all;
    return finish(&in);
}

void tv_spans_free(tv_spans *spans) {
    if (spans != NULL) free_owned(spans->owned);
}
