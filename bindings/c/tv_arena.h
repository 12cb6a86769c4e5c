/* tv_arena.h - one run of a reader: the one arena that holds all it makes, and what went wrong.
 * Included by tv_fields.h; not for hosts. */
#ifndef TV_ARENA_H
#define TV_ARENA_H

#include "tv_trace.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A piece of the arena; nearly always there is only one. Its bytes follow. */
typedef struct chunk {
    struct chunk *next;
    size_t size, used;
} chunk;

/* One run of a reader: where complaints go, the first thing that went wrong, and what it made. */
typedef struct reader {
    const tv_walk *walk;
    /* Copies of the text. In one each string ends in a NUL and has no escapes; in the other values
     * that are given as JSON end in one. */
    char *texts, *json;
    chunk *arena;
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

/* Where the bytes behind a chunk begin, fit for any struct. */
static const size_t chunk_head = (sizeof(chunk) + 15) / 16 * 16;

static inline chunk *new_chunk(reader *in, size_t size) {
    chunk *made = size < SIZE_MAX / 2 ? malloc(chunk_head + size) : NULL;
    if (made == NULL) {
        complain(in, TV_TRACE_NO_MEMORY, "out of memory");
        return NULL;
    }
    *made = (chunk){in->arena, size, 0};
    in->arena = made;
    return made;
}

/* Memory of the arena; NULL, complained of, without it. */
static inline void *take(reader *in, size_t size) {
    chunk *from = in->arena;
    size = (size + 15) / 16 * 16;
    if (size > from->size - from->used && (from = new_chunk(in, size + from->size)) == NULL)
        return NULL;
    void *made = (char *)from + chunk_head + from->used;
    from->used += size;
    return made;
}

static inline void free_arena(void *arena) {
    for (chunk *one = arena; one != NULL;) {
        chunk *next = one->next;
        free(one);
        one = next;
    }
}

#endif /* TV_ARENA_H */
