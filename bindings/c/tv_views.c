/* tv_views.c - turns the views of JSON lines into C structs; see tv_views.h. */
#include "tv_views.h"

#include "tv_reader.h"

/* ---- Rows ---------------------------------------------------------------------------------- */

static const tv_view_row no_row = {0};

/* A part of a row whose values are fields of the row itself. */
#define OF_ROW(name, shape) {name, sizeof name - 1, AS_PART, 0, 0, 0, shape}

static const field ecs_event_fields[] = {
    FIELD(tv_view_row, action, AS_TEXT, "action"),
    FIELD(tv_view_row, code, AS_TEXT, "code"),
    FIELD(tv_view_row, id, AS_TEXT, "id"),
    FIELD(tv_view_row, outcome, AS_TEXT, "outcome"),
    FIELD(tv_view_row, reason, AS_TEXT, "reason"),
    WITH(tv_view_row, line, line_len, AS_BYTES, "original", NULL),
};
static const shape ecs_event_shape = SHAPE(ecs_event_fields, no_row);
static const field ecs_sender_fields[] = {FIELD(tv_view_row, from, AS_TEXT, "address")};
static const shape ecs_sender_shape = SHAPE(ecs_sender_fields, no_row);
static const field ecs_to_fields[] = {FIELD(tv_view_row, to, AS_TEXTS, "address")};
static const shape ecs_to_shape = SHAPE(ecs_to_fields, no_row);
static const field ecs_email_fields[] = {
    FIELD(tv_view_row, direction, AS_TEXT, "direction"),
    FIELD(tv_view_row, message_id, AS_TEXT, "message_id"),
    OF_ROW("sender", &ecs_sender_shape),
    OF_ROW("to", &ecs_to_shape),
};
static const shape ecs_email_shape = SHAPE(ecs_email_fields, no_row);
static const field ecs_fields[] = {
    FIELD(tv_view_row, at, AS_TEXT, "@timestamp"),
    OF_ROW("event", &ecs_event_shape),
    OF_ROW("email", &ecs_email_shape),
};
static const shape ecs_shape = SHAPE(ecs_fields, no_row);

static const field ocsf_metadata_fields[] = {FIELD(tv_view_row, id, AS_TEXT, "uid")};
static const shape ocsf_metadata_shape = SHAPE(ocsf_metadata_fields, no_row);
static const field ocsf_cloudflare_fields[] = {FIELD(tv_view_row, direction, AS_TEXT, "block")};
static const shape ocsf_cloudflare_shape = SHAPE(ocsf_cloudflare_fields, no_row);
static const field ocsf_unmapped_fields[] = {OF_ROW("cloudflare", &ocsf_cloudflare_shape)};
static const shape ocsf_unmapped_shape = SHAPE(ocsf_unmapped_fields, no_row);
static const field ocsf_email_fields[] = {FIELD(tv_view_row, message_id, AS_TEXT, "message_uid")};
static const shape ocsf_email_shape = SHAPE(ocsf_email_fields, no_row);
static const field ocsf_fields[] = {
    FIELD(tv_view_row, at, AS_TEXT, "time_dt"),
    FIELD(tv_view_row, outcome, AS_TEXT, "status"),
    FIELD(tv_view_row, code, AS_TEXT, "status_code"),
    FIELD(tv_view_row, reason, AS_TEXT, "status_detail"),
    FIELD(tv_view_row, from, AS_TEXT, "from"),
    FIELD(tv_view_row, to, AS_TEXTS, "to"),
    OF_ROW("email", &ocsf_email_shape),
    WITH(tv_view_row, line, line_len, AS_BYTES, "raw_data", NULL),
    OF_ROW("metadata", &ocsf_metadata_shape),
    OF_ROW("unmapped", &ocsf_unmapped_shape),
};
static const shape ocsf_shape = SHAPE(ocsf_fields, no_row);

/* The lines of a view; 0, complained of, when one of them is no object. */
static size_t lines_of(reader *in) {
    size_t count = 0;
    const tv_entry *entries = in->walk->entries;
    for (size_t at = 0; at < in->walk->entry_count; at = entries[at].next) {
        in->row = ++count;
        if (entries[at].kind != TV_OBJECT) complain(in, TV_TRACE_NOT_JSON, "not a JSON object");
    }
    in->row = 0;
    return in->result == TV_TRACE_OK ? count : 0;
}

static void read_row(reader *in, const tv_entry *from, tv_view_row *row) {
    int is_ocsf = tv_there(tv_find(place_of(in, from), "class_uid"));
    read_fields(in, from, is_ocsf ? &ocsf_shape : &ecs_shape, row);
    if (row->id == NULL || row->at == NULL || row->line == NULL)
        complain(in, TV_TRACE_SHAPE, "a row of neither \"ecs\" nor \"ocsf\"");
    row->json = json_text(in, from);
    row->json_len = from->end - from->start;
}

static void read_rows(reader *in, tv_view *view) {
    const tv_entry *from = in->walk->entries;
    size_t count = lines_of(in);
    tv_view_row *made = take_structs(in, &ecs_shape, count);
    for (size_t i = 0; made != NULL && i < count; i++) {
        in->row = i + 1;
        read_row(in, from, &made[i]);
        from = in->walk->entries + from->next;
    }
    in->row = 0;
    view->rows = made;
    view->row_count = made != NULL ? count : 0;
}

static const field skipped_field =
    WITH(tv_view, warnings, warning_count, AS_LIST, "warnings", &warning_shape);

/* A second walk into the same arena. */
static void read_skipped(reader *in, const tv_walk *warnings, tv_view *view) {
    if (warnings->entry_count == 0 || warnings->entry_size != sizeof(tv_entry)) return;
    in->walk = warnings;
    in->json = NULL;
    in->texts = take(in, warnings->text_len + 1);
    if (in->texts == NULL) return;
    memcpy(in->texts, warnings->text, warnings->text_len + 1);
    view->warnings = read_list(in, warnings->entries, &skipped_field, &view->warning_count);
}

tv_trace_result tv_view_read(const tv_walk *rows, const tv_walk *warnings, tv_view **view_out,
                             char *error, size_t error_len) {
    reader in;
    if (begin(&in, view_out != NULL ? rows : NULL, error, error_len) != TV_TRACE_OK)
        return finish(&in);
    tv_view *view = take(&in, sizeof *view);
    if (view != NULL) {
        *view = (tv_view){0};
        read_rows(&in, view);
        if (warnings != NULL) read_skipped(&in, warnings, view);
        view->owned = in.arena;
    }
    if (in.result == TV_TRACE_OK) *view_out = view;
    return finish(&in);
}

/* Of text that is no JSON lines: the first line that is no JSON is told. */
static void complain_of_lines(reader *in, const char *lines, size_t lines_len) {
    for (size_t at = 0; at < lines_len && in->result == TV_TRACE_OK;) {
        const char *end = memchr(lines + at, '\n', lines_len - at);
        size_t len = end != NULL ? (size_t)(end - lines) - at : lines_len - at;
        tv_walk walk;
        in->row++;
        tv_document_free(read_text(in, lines + at, len, &walk));
        at += len + 1;
    }
    in->row = 0;
}

/* As read_text(), for JSON lines. */
static tv_document *read_lines(reader *in, const char *lines, size_t lines_len, tv_walk *walk_out) {
    if (lines_len == TV_NUL) lines_len = strlen(lines);
    reader quiet = {.result = TV_TRACE_OK};
    tv_document *document = read_text(&quiet, lines, lines_len, walk_out);
    if (document != NULL) return document;
    complain_of_lines(in, lines, lines_len);
    complain(in, quiet.result, "these are no JSON lines");
    return NULL;
}

tv_trace_result tv_view_parse(const char *rows, size_t rows_len, const char *warnings,
                              size_t warnings_len, tv_view **view_out, char *error,
                              size_t error_len) {
    reader in = {.error = error, .error_len = error_len, .result = TV_TRACE_OK};
    tv_walk walk, skipped;
    if (rows == NULL) return tv_view_read(NULL, NULL, view_out, error, error_len);
    tv_document *document = read_lines(&in, rows, rows_len, &walk);
    int is_told = document != NULL && warnings != NULL && warnings_len != 0;
    tv_document *beside = is_told ? read_text(&in, warnings, warnings_len, &skipped) : NULL;
    tv_trace_result result = in.result;
    if (result == TV_TRACE_OK)
        result = tv_view_read(&walk, is_told ? &skipped : NULL, view_out, error, error_len);
    tv_document_free(document);
    tv_document_free(beside);
    return result;
}

void tv_view_free(tv_view *view) {
    if (view != NULL) free_arena(view->owned);
}

/* ---- Spans --------------------------------------------------------------------------------- */

static size_t place(reader *in, tv_place value) {
    int64_t at = -1;
    if (tv_int(value, &at) && at >= 0 && (uint64_t)at <= SIZE_MAX) return (size_t)at;
    complain(in, TV_TRACE_SHAPE, "a place is negative, too large or no integer");
    return 0;
}

static void read_spans(reader *in, tv_place from, tv_line_spans *line) {
    size_t count = tv_count(from);
    tv_span *made = count != 0 ? take(in, count * sizeof *made) : NULL;
    if (made == NULL) return;
    line->spans = made;
    line->span_count = count;
    for (tv_place one = tv_first(from); tv_there(one); one = tv_next(one), made++) {
        tv_place start = tv_first(one);
        made->field = text_of(in, &in->walk->entries[one.at - 1], "a field's name", NULL);
        made->start = place(in, start);
        made->end = place(in, tv_next(start));
        if (tv_kind(one) != TV_ARRAY || tv_count(one) != 2 || made->end < made->start)
            complain(in, TV_TRACE_SHAPE, "a span is not where it begins and where it ends");
    }
}

static void read_line_spans(reader *in, tv_place from, tv_line_spans *line) {
    tv_place side = tv_find(from, "side"), spans = tv_find(from, "spans");
    *line = (tv_line_spans){0};
    if (tv_kind(side) == TV_STRING)
        line->side = text_of(in, &in->walk->entries[side.at], "side", NULL);
    else
        complain(in, TV_TRACE_SHAPE, "a row has no side");
    line->line = place(in, tv_find(from, "line"));
    if (tv_kind(spans) == TV_OBJECT)
        read_spans(in, spans, line);
    else if (tv_there(spans))
        complain(in, TV_TRACE_SHAPE, "spans is not an object");
}

tv_trace_result tv_spans_read(const tv_walk *rows, tv_spans **spans_out, char *error,
                              size_t error_len) {
    reader in;
    if (begin(&in, spans_out != NULL ? rows : NULL, error, error_len) != TV_TRACE_OK)
        return finish(&in);
    tv_spans *all = take(&in, sizeof *all);
    size_t count = lines_of(&in);
    tv_line_spans *made = count != 0 ? take(&in, count * sizeof *made) : NULL;
    tv_place from = tv_whole(rows);
    for (size_t i = 0; made != NULL && i < count; i++, from = tv_next(from)) {
        in.row = i + 1;
        read_line_spans(&in, from, &made[i]);
    }
    if (all != NULL) *all = (tv_spans){made != NULL ? count : 0, made, in.arena};
    if (in.result == TV_TRACE_OK) *spans_out = all;
    return finish(&in);
}

tv_trace_result tv_spans_parse(const char *spans, size_t spans_len, tv_spans **spans_out,
                               char *error, size_t error_len) {
    reader in = {.error = error, .error_len = error_len, .result = TV_TRACE_OK};
    tv_walk walk;
    if (spans == NULL) return tv_spans_read(NULL, spans_out, error, error_len);
    tv_document *document = read_lines(&in, spans, spans_len, &walk);
    tv_trace_result result = in.result;
    if (document != NULL) result = tv_spans_read(&walk, spans_out, error, error_len);
    tv_document_free(document);
    return result;
}

void tv_spans_free(tv_spans *spans) {
    if (spans != NULL) free_arena(spans->owned);
}
