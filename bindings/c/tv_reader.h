/* tv_reader.h - what the .c files beside it share: JSON members with their types, and everything a
 * document owns. Not for hosts: include tv_trace.h, tv_search.h or tv_views.h. */
#ifndef TV_READER_H
#define TV_READER_H

#include "tv_trace.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a document's structs own besides themselves. Text stays where jansson put it; the structs
 * point there, so the parsed document is kept as long as they are. */
typedef struct owned {
    json_t *root;
    void **blocks; /* memory made here, freed one by one */
    size_t block_count;
    size_t block_capacity;
} owned;

/* One run of a parser: where complaints go, and the first thing that went wrong. */
typedef struct reader {
    owned *owned;
    char *error;
    size_t error_len;
    tv_trace_result result;
    size_t row; /* of JSON lines the one at hand, from 1; 0 in a document of another kind */
} reader;

static inline void complain(reader *in, tv_trace_result result, const char *format, ...) {
    if (in->result != TV_TRACE_OK) return; /* the first reason is the one that counts */
    in->result = result;
    if (in->error == NULL || in->error_len == 0) return;
    int used = in->row != 0 ? snprintf(in->error, in->error_len, "line %zu: ", in->row) : 0;
    if (used < 0 || (size_t)used >= in->error_len) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(in->error + used, in->error_len - (size_t)used, format, arguments);
    va_end(arguments);
}

/* Gives memory to the document; NULL, complained of, for NULL or without room to note it. */
static inline void *keep(reader *in, void *made) {
    owned *all = in->owned;
    if (made != NULL && all->block_count == all->block_capacity) {
        size_t capacity = all->block_capacity == 0 ? 16 : all->block_capacity * 2;
        void **grown = realloc(all->blocks, capacity * sizeof *grown);
        if (grown == NULL) {
            free(made);
            made = NULL;
        } else {
            all->blocks = grown;
            all->block_capacity = capacity;
        }
    }
    if (made == NULL) {
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
        return NULL;
    }
    all->blocks[all->block_count++] = made;
    return made;
}

/* A member that is there and not null. */
static inline const json_t *member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

/* A string that its NUL ends: NUL bytes of its own become U+FFFD, in a copy. */
static inline const char *whole_text(reader *in, const json_t *string) {
    const char *value = json_string_value(string);
    size_t len = json_string_length(string), nuls = 0;
    if (memchr(value, '\0', len) == NULL) return value;
    for (size_t i = 0; i < len; i++) nuls += value[i] == '\0';
    char *made = keep(in, malloc(len + 2 * nuls + 1));
    if (made == NULL) return NULL;
    char *to = made;
    for (size_t i = 0; i < len; i++) {
        if (value[i] != '\0') {
            *to++ = value[i];
        } else {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3;
        }
    }
    *to = '\0';
    return made;
}

/* A member that is a string; with its length it keeps NUL bytes of its own. */
static inline const char *text(reader *in, const json_t *object, const char *name,
                               size_t *len_out) {
    const json_t *value = member(object, name);
    if (value == NULL) return NULL;
    if (!json_is_string(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not a string", name);
        return NULL;
    }
    if (len_out == NULL) return whole_text(in, value);
    *len_out = json_string_length(value);
    return json_string_value(value);
}

static inline int integer(reader *in, const json_t *object, const char *name, int64_t *out) {
    const json_t *value = member(object, name);
    if (value == NULL) return 0;
    if (!json_is_integer(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an integer", name);
        return 0;
    }
    *out = json_integer_value(value);
    return 1;
}

static inline int32_t small_integer(reader *in, const json_t *object, const char *name) {
    int64_t value = 0;
    if (!integer(in, object, name, &value)) return 0;
    if (value < 0 || value > INT32_MAX) {
        complain(in, TV_TRACE_SHAPE, "%s is out of range", name);
        return 0;
    }
    return (int32_t)value;
}

/* A number that is not negative; -1 when it is not there. */
static inline double number(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value == NULL) return -1;
    if (!json_is_number(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not a number", name);
        return -1;
    }
    return json_number_value(value);
}

static inline tv_trace_answer answer(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value == NULL) return TV_TRACE_UNKNOWN;
    if (!json_is_boolean(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is neither true, false nor null", name);
        return TV_TRACE_UNKNOWN;
    }
    return json_is_true(value) ? TV_TRACE_YES : TV_TRACE_NO;
}

/* A member that is an object, or NULL. */
static inline const json_t *object_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value != NULL && !json_is_object(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an object", name);
        return NULL;
    }
    return value;
}

/* A member that is an array, or NULL. */
static inline const json_t *array_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value != NULL && !json_is_array(value)) {
        complain(in, TV_TRACE_SHAPE, "%s is not an array", name);
        return NULL;
    }
    return value;
}

/* A member that is an array of strings; none when it is not there. */
static inline tv_texts read_texts(reader *in, const json_t *object, const char *name) {
    tv_texts texts = {0, NULL};
    const json_t *values = array_member(in, object, name);
    size_t count = json_array_size(values);
    const char **made = count != 0 ? keep(in, calloc(count, sizeof *made)) : NULL;
    if (made == NULL) return texts;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(values, i);
        if (json_is_string(value))
            made[i] = whole_text(in, value);
        else
            complain(in, TV_TRACE_SHAPE, "%s holds what is not a string", name);
    }
    texts.count = count;
    texts.items = made;
    return texts;
}

/* Writes a value as JSON text that the document owns. */
static inline const char *json_text(reader *in, const json_t *value) {
    return keep(in, json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
}

/* A member that is an object, as JSON text that the document owns, or NULL. */
static inline const char *json_member(reader *in, const json_t *object, const char *name) {
    const json_t *value = object_member(in, object, name);
    return value != NULL ? json_text(in, value) : NULL;
}

static inline const tv_trace_warning *read_warnings(reader *in, const json_t *root,
                                                    size_t *count_out) {
    const json_t *warnings = array_member(in, root, "warnings");
    size_t count = json_array_size(warnings);
    tv_trace_warning *made = count != 0 ? keep(in, calloc(count, sizeof *made)) : NULL;
    if (made == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *from = json_array_get(warnings, i);
        made[i].code = text(in, from, "code", NULL);
        integer(in, from, "count", &made[i].count);
        made[i].path = text(in, from, "path", NULL);
        if (made[i].code == NULL) complain(in, TV_TRACE_SHAPE, "a warning has no code");
    }
    *count_out = count;
    return made;
}

/* The document's schema, which must be `wanted` ("tracevault.trace/") in its first version. */
static inline const char *read_schema(reader *in, const json_t *root, const char *wanted) {
    const char *schema = text(in, root, "schema", NULL);
    size_t prefix = strlen(wanted);
    if (schema == NULL || strncmp(schema, wanted, prefix) != 0)
        complain(in, TV_TRACE_SCHEMA, "the schema is not %s1", wanted);
    else if (strcmp(schema + prefix, "1") != 0)
        complain(in, TV_TRACE_SCHEMA, "this program reads %s1, the document is %.40s", wanted,
                 schema);
    return schema;
}

static inline void free_owned(owned *all) {
    for (size_t i = 0; i < all->block_count; i++) free(all->blocks[i]);
    free(all->blocks);
    json_decref(all->root);
    free(all);
}

/* Ends a run, or a step of it: on anything but TV_TRACE_OK nothing is left of the document. */
static inline tv_trace_result finish(reader *in) {
    if (in->result != TV_TRACE_OK) free_owned(in->owned);
    return in->result;
}

/* Begins a run; `is_given` when no argument is NULL. On TV_TRACE_OK in->owned is there to be filled
 * or freed. */
static inline tv_trace_result begin(reader *in, int is_given, char *error, size_t error_len) {
    *in = (reader){NULL, error, error_len, TV_TRACE_OK, 0};
    if (error != NULL && error_len > 0) error[0] = '\0';
    if (!is_given) {
        complain(in, TV_TRACE_ARGUMENT, "the text and the output must not be NULL");
        return in->result;
    }
    in->owned = calloc(1, sizeof *in->owned);
    if (in->owned == NULL) complain(in, TV_TRACE_NO_MEMORY, "out of memory");
    return in->result;
}

/* Parses one JSON text; NULL, complained of, when it is none. */
static inline json_t *load(reader *in, const char *json, size_t json_len) {
    json_error_t reason;
    json_t *made = json_loadb(json, json_len, JSON_ALLOW_NUL, &reason);
    /* Mostly jansson says nothing when there is no memory. */
    if (made == NULL && reason.text[0] == '\0')
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
    else if (made == NULL)
        complain(in, TV_TRACE_NOT_JSON, "not JSON: %s (line %d, column %d)", reason.text,
                 reason.line, reason.column);
    return made;
}

/* Parses the text. On TV_TRACE_OK in->owned holds it; otherwise there is nothing to free. */
static inline tv_trace_result open_document(reader *in, const char *json, size_t json_len,
                                            char *error, size_t error_len) {
    if (begin(in, json != NULL, error, error_len) != TV_TRACE_OK) return in->result;
    in->owned->root = load(in, json, json_len);
    if (!json_is_object(in->owned->root)) complain(in, TV_TRACE_NOT_JSON, "not a JSON object");
    return finish(in);
}

#endif /* TV_READER_H */
