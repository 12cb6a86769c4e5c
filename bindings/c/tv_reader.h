/* tv_reader.h - what the .c files beside it share: from a walk or a text to a document's structs.
 * Not for hosts: include tv_trace.h, tv_search.h or tv_views.h. */
#ifndef TV_READER_H
#define TV_READER_H

#include "tv_fields.h"

/* ---- Documents ------------------------------------------------------------------------------- */

static const tv_trace_warning no_warning = {NULL, 0, NULL};
static const field warning_fields[] = {
    MUST(tv_trace_warning, code, "code"),
    FIELD(tv_trace_warning, count, AS_INT, "count"),
    TEXT_FIELD(tv_trace_warning, path),
};
static const shape warning_shape = SHAPE(warning_fields, no_warning);

/* The document's schema must be `wanted` ("tracevault.trace/") in its first version. */
static inline void check_schema(reader *in, const char *wanted) {
    char schema[64];
    size_t prefix = strlen(wanted);
    tv_place found = tv_find(tv_whole(in->walk), "schema");
    tv_text(found, schema, sizeof schema);
    if (tv_there(found) && tv_kind(found) != TV_STRING)
        complain(in, TV_TRACE_SHAPE, "schema is not a string");
    else if (strncmp(schema, wanted, prefix) != 0)
        complain(in, TV_TRACE_SCHEMA, "the schema is not %s1", wanted);
    else if (schema[prefix + strspn(schema + prefix, "0123456789")] != '\0')
        /* It may hold anything, and a reason is one line: it is not repeated. */
        complain(in, TV_TRACE_SCHEMA, "this program reads %s1, the document has no such number",
                 wanted);
    else if (strcmp(schema + prefix, "1") != 0)
        complain(in, TV_TRACE_SCHEMA, "this program reads %s1, the document is %s", wanted, schema);
}

/* Begins a run over a walk. On TV_TRACE_OK in->arena is there to be filled or freed. */
static inline tv_trace_result begin(reader *in, const tv_walk *walk, char *error,
                                    size_t error_len) {
    *in = (reader){.walk = walk, .error = error, .error_len = error_len, .result = TV_TRACE_OK};
    if (error != NULL && error_len > 0) error[0] = '\0';
    if (walk == NULL) {
        complain(in, TV_TRACE_ARGUMENT, "the document and the output must not be NULL");
    } else if (walk->entry_size != sizeof(tv_entry)) {
        complain(in, TV_TRACE_ARGUMENT, "made for another version of the library");
    } else if (new_chunk(in, 2 * walk->text_len + 8 * walk->entry_count + 2048) != NULL) {
        in->texts = take(in, walk->text_len + 1);
        memcpy(in->texts, walk->text, walk->text_len + 1);
    }
    return in->result;
}

/* Ends a run: on anything but TV_TRACE_OK nothing is left of the document. */
static inline tv_trace_result finish(reader *in) {
    if (in->result != TV_TRACE_OK) free_arena(in->arena);
    return in->result;
}

/* Makes one struct of the whole document; `owned` is where it notes its arena. */
static inline void *read_document(reader *in, const char *wanted, const shape *as, size_t owned) {
    const tv_entry *whole = in->walk->entries;
    if (in->walk->entry_count == 0 || whole->kind != TV_OBJECT ||
        whole->next != in->walk->entry_count) {
        complain(in, TV_TRACE_NOT_JSON, "not a JSON object");
        return NULL;
    }
    check_schema(in, wanted);
    char *made = in->result == TV_TRACE_OK ? take_structs(in, as, 1) : NULL;
    if (made == NULL) return NULL;
    read_fields(in, whole, as, made);
    *(void **)(made + owned) = in->arena;
    return made;
}

/* Reads text that a host has stored; the document, to be freed, lends the walk. */
static inline tv_document *read_text(reader *in, const char *text, size_t text_len,
                                     tv_walk *walk_out) {
    tv_document *document = NULL;
    tv_error *reason = NULL;
    tv_status status = tv_document_read(text, text_len, &document, &reason);
    if (status == TV_OK)
        status = tv_document_walk(document, "json", 4, walk_out, &reason);
    if (status == TV_OK) return document;
    int is_memory = status == TV_E_NO_MEMORY || status == TV_E_LIMIT;
    complain(in, is_memory ? TV_TRACE_NO_MEMORY : TV_TRACE_NOT_JSON, "%s",
             tv_error_message(reason, NULL));
    tv_error_free(reason);
    tv_document_free(document);
    return NULL;
}

/* The reader of stored text: `read` is the reader of a walk. */
#define PARSE(read, text, text_len, out, error, error_len)                                \
    do {                                                                                  \
        reader in = {.error = error, .error_len = error_len, .result = TV_TRACE_OK};      \
        tv_walk walk;                                                                     \
        if (text == NULL) return read(NULL, out, error, error_len);                       \
        tv_document *document = read_text(&in, text, text_len, &walk);                    \
        tv_trace_result result = in.result;                                               \
        if (document != NULL) result = read(&walk, out, error, error_len);                \
        tv_document_free(document);                                                       \
        return result;                                                                    \
    } while (0)

#endif /* TV_READER_H */
