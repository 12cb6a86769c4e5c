/* tv_trace.c - turns a trace document into C structs; see tv_trace.h.
 *
 * jansson parses. Text stays where jansson put it; the structs point there, so that the parsed
 * document is kept as long as the trace. No calls of the library in here. */
#include "tv_trace.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char schema_name[] = "tracevault.trace/";

/* What a trace owns besides itself. */
typedef struct owned {
    json_t *root;
    char **texts; /* JSON texts made here, freed one by one */
    size_t text_count;
    size_t text_capacity;
} owned;

/* One run of tv_trace_parse(): where complaints go, and the first thing that went wrong. */
typedef struct reader {
    owned *owned;
    char *error;
    size_t error_len;
    tv_trace_result result;
} reader;

static void complain(reader *in, tv_trace_result result, const char *format, ...) {
    if (in->result != TV_TRACE_OK) return; /* the first reason is the one that counts */
    in->result = result;
    if (in->error == NULL || in->error_len == 0) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(in->error, in->error_len, format, arguments);
    va_end(arguments);
}

/* A member that is there and not null. */
static const json_t *member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static const char *text(reader *in, const json_t *object, const char *name, size_t *len_out) {
    const json_t *value = member(object, name);
    if (value == NULL) return NULL;
    if (!json_is_string(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not a string", name);
        return NULL;
    }
    if (len_out != NULL) *len_out = json_string_length(value);
    return json_string_value(value);
}

static int integer(reader *in, const json_t *object, const char *name, int64_t *out) {
    const json_t *value = member(object, name);
    if (value == NULL) return 0;
    if (!json_is_integer(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an integer", name);
        return 0;
    }
    *out = json_integer_value(value);
    return 1;
}

static int32_t small_integer(reader *in, const json_t *object, const char *name) {
    int64_t value = 0;
    if (!integer(in, object, name, &value)) return 0;
    if (value < 0 || value > INT32_MAX) {
        complain(in, TV_TRACE_SHAPE, "%s is out of range", name);
        return 0;
    }
    return (int32_t)value;
}

static tv_trace_answer answer(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value == NULL) return TV_TRACE_UNKNOWN;
    if (!json_is_boolean(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is neither true, false nor null", name);
        return TV_TRACE_UNKNOWN;
    }
    return json_is_true(value) ? TV_TRACE_YES : TV_TRACE_NO;
}

/* A member that is an object, or NULL. */
static const json_t *object_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value != NULL && !json_is_object(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an object", name);
        return NULL;
    }
    return value;
}

/* A member that is an array, or NULL. */
static const json_t *array_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value != NULL && !json_is_array(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an array", name);
        return NULL;
    }
    return value;
}

/* Writes a value as JSON text that the trace owns. */
static const char *json_text(reader *in, const json_t *value) {
    owned *all = in->owned;
    if (all->text_count == all->text_capacity) {
        size_t capacity = all->text_capacity == 0 ? 16 : all->text_capacity * 2;
        char **grown = realloc(all->texts, capacity * sizeof *grown);
        if (grown == NULL) {
            complain(in, TV_TRACE_NO_MEMORY, "out of memory");
            return NULL;
        }
        all->texts = grown;
        all->text_capacity = capacity;
    }
    char *made = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (made == NULL) {
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
        return NULL;
    }
    all->texts[all->text_count++] = made;
    return made;
}

/* A member that is an object, as JSON text that the trace owns, or NULL. */
static const char *json_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = object_member(in, object, name);
    return value != NULL ? json_text(in, value) : NULL;
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
    tv_trace_line *made = calloc(count, sizeof *made);
    if (made == NULL) {
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
        return;
    }
    block->lines = made;
    block->line_count = count;
    for (size_t i = 0; i < count; i++) read_line(in, json_array_get(lines, i), &made[i]);
}

static void read_warnings(reader *in, const json_t *root, tv_trace *trace) {
    const json_t *warnings = array_member(in, root, "warnings");
    size_t count = json_array_size(warnings);
    if (count == 0) return;
    tv_trace_warning *made = calloc(count, sizeof *made);
    if (made == NULL) {
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
        return;
    }
    trace->warnings = made;
    trace->warning_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *from = json_array_get(warnings, i);
        made[i].code = text(in, from, "code", NULL);
        integer(in, from, "count", &made[i].count);
        made[i].path = text(in, from, "path", NULL);
        if (made[i].code == NULL) complain(in, TV_TRACE_SHAPE, "a warning has no code");
    }
}

static void read_trace(reader *in, const json_t *root, tv_trace *trace) {
    trace->schema = text(in, root, "schema", NULL);
    size_t prefix = sizeof schema_name - 1;
    if (trace->schema == NULL || strncmp(trace->schema, schema_name, prefix) != 0) {
        complain(in, TV_TRACE_SCHEMA, "not a trace document: schema is not %s1", schema_name);
        return;
    }
    if (strcmp(trace->schema + prefix, "1") != 0) {
        complain(in, TV_TRACE_SCHEMA, "this program reads %s1, the document is %.40s", schema_name,
                 trace->schema);
        return;
    }
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
    read_warnings(in, root, trace);
}

tv_trace_result tv_trace_parse(const char *json, size_t json_len, tv_trace **trace_out, char *error,
                               size_t error_len) {
    reader in = {NULL, error, error_len, TV_TRACE_OK};
    if (error != NULL && error_len > 0) error[0] = '\0';
    if (json == NULL || trace_out == NULL) {
        complain(&in, TV_TRACE_ARGUMENT, "json and trace_out must not be NULL");
        return in.result;
    }
    tv_trace *trace = calloc(1, sizeof *trace);
    owned *all = calloc(1, sizeof *all);
    if (trace == NULL || all == NULL) {
        free(trace);
        free(all);
        complain(&in, TV_TRACE_NO_MEMORY, "out of memory");
        return in.result;
    }
    trace->owned = in.owned = all;
    json_error_t reason;
    all->root = json_loadb(json, json_len, JSON_ALLOW_NUL, &reason);
    if (all->root == NULL)
        complain(&in, TV_TRACE_NOT_JSON, "not JSON: %s (line %d, column %d)", reason.text,
                 reason.line, reason.column);
    else if (!json_is_object(all->root))
        complain(&in, TV_TRACE_NOT_JSON, "not a JSON object");
    else
        read_trace(&in, all->root, trace);
    if (in.result != TV_TRACE_OK) {
        tv_trace_free(trace);
        return in.result;
    }
    *trace_out = trace;
    return TV_TRACE_OK;
}

void tv_trace_free(tv_trace *trace) {
    if (trace == NULL) return;
    owned *all = trace->owned;
    free((void *)trace->inbound.lines);
    free((void *)trace->outbound.lines);
    free((void *)trace->warnings);
    for (size_t i = 0; i < all->text_count; i++) free(all->texts[i]);
    free(all->texts);
    json_decref(all->root);
    free(all);
    free(trace);
}
