/* tv_fields.h - how members of a document become fields of a struct: by tables that say which goes
 * where, so that no struct has a reader of its own. Included by tv_reader.h; not for hosts. */
#ifndef TV_FIELDS_H
#define TV_FIELDS_H

#include "tv_arena.h"

/* ---- Tables ---------------------------------------------------------------------------------- */

/* What a member becomes. `also` is a second place in the struct, where the form says so. */
typedef enum form {
    AS_TEXT,    /* const char * */
    AS_BYTES,   /* const char *, and its length at `also`: NUL bytes of its own stay */
    AS_JSON,    /* const char *: an object as JSON text */
    AS_ANY,     /* const char *: any value as JSON text, null as well */
    AS_INT,     /* int64_t */
    AS_GIVEN,   /* int64_t, and whether it was there, an int, at `also` */
    AS_SMALL,   /* int32_t that is not negative */
    AS_PORT,    /* int32_t; what no port can be is left out */
    AS_NUMBER,  /* double */
    AS_ANSWER,  /* tv_trace_answer */
    AS_TEXTS,   /* tv_texts */
    AS_PART,    /* a struct inside the struct, or further fields of the same */
    AS_STRUCT,  /* const struct *, and all of it as JSON text at `also` */
    AS_NEST,    /* the same, where members of it are given as JSON text, too */
    AS_LIST     /* const struct *, and how many, a size_t, at `also` */
} form;

struct shape;

typedef struct field {
    const char *name;
    size_t name_len;
    form form;
    int is_required; /* a text; these stand first */
    size_t at, also;
    const struct shape *shape;
} field;

/* A struct: its fields, best in the order in which documents have them, and what it is without any. */
typedef struct shape {
    const field *fields;
    size_t count;
    const void *empty;
    size_t size;
} shape;

#define FIELD_(name, form, required, at, also, shape) \
    {name, sizeof name - 1, form, required, at, also, shape}
#define MUST(type, field, name) FIELD_(name, AS_TEXT, 1, offsetof(type, field), 0, NULL)
#define FIELD(type, field, form, name) FIELD_(name, form, 0, offsetof(type, field), 0, NULL)
#define TEXT_FIELD(type, field) FIELD(type, field, AS_TEXT, #field)
#define WITH(type, field, also, form, name, shape) \
    FIELD_(name, form, 0, offsetof(type, field), offsetof(type, also), shape)
#define PART(type, field, name, shape) FIELD_(name, AS_PART, 0, offsetof(type, field), 0, shape)
#define SHAPE(fields, empty) {fields, sizeof fields / sizeof *fields, &empty, sizeof empty}

/* ---- Values ---------------------------------------------------------------------------------- */

/* In the shared copy: no JSON text may lie inside another, whose end its NUL would cut. */
static inline const char *json_text(reader *in, const tv_entry *value) {
    if (in->json == NULL && (in->json = take(in, in->walk->text_len + 1)) != NULL)
        memcpy(in->json, in->walk->text, in->walk->text_len + 1);
    if (in->json == NULL) return NULL;
    size_t quote = value->kind == TV_STRING;
    in->json[value->end + quote] = '\0';
    return in->json + value->start - quote;
}

/* A copy of its own. */
static inline const char *json_copy(reader *in, const tv_entry *value) {
    size_t len = value->end - value->start;
    char *made = take(in, len + 1);
    if (made == NULL) return NULL;
    memcpy(made, in->walk->text + value->start, len);
    made[len] = '\0';
    return made;
}

/* Undoes a string's escapes where it stands; without them it is not longer than before. */
static inline size_t plain_text(reader *in, const tv_entry *value, int keeps_nul) {
    const char *from = in->walk->text + value->start, *end = in->walk->text + value->end;
    char *to = in->texts + value->start;
    while (from < end) {
        const char *escape = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((escape != NULL ? escape : end) - from);
        char bytes[4];
        memcpy(to, from, plain);
        from += plain;
        to += plain;
        if (escape == NULL) break;
        size_t count = tv_character(&from, end, bytes);
        if (count == 1 && bytes[0] == '\0' && !keeps_nul) {
            memcpy(bytes, "\xEF\xBF\xBD", 3);
            count = 3;
        }
        memcpy(to, bytes, count);
        to += count;
    }
    *to = '\0';
    return (size_t)(to - (in->texts + value->start));
}

static inline const char *text_of(reader *in, const tv_entry *value, const char *name,
                                  size_t *len_out) {
    if (value->kind != TV_STRING) {
        complain(in, TV_TRACE_SHAPE, "%s is not a string", name);
        return NULL;
    }
    size_t len = value->end - value->start;
    if ((value->flags & TV_ESCAPED) != 0)
        len = plain_text(in, value, len_out != NULL);
    else
        in->texts[value->end] = '\0';
    if (len_out != NULL) *len_out = len;
    return in->texts + value->start;
}

static inline tv_place place_of(const reader *in, const tv_entry *value) {
    tv_place place = {in->walk, (uint32_t)(value - in->walk->entries), value->next, 0};
    return place;
}

static inline int64_t integer_of(reader *in, const tv_entry *value, const char *name) {
    int64_t made = 0;
    if (!tv_int(place_of(in, value), &made))
        complain(in, TV_TRACE_SHAPE, "%s is not an integer", name);
    return made;
}

static inline int32_t small_of(reader *in, const tv_entry *value, const char *name) {
    int64_t made = integer_of(in, value, name);
    if (made >= 0 && made <= INT32_MAX) return (int32_t)made;
    complain(in, TV_TRACE_SHAPE, "%s is out of range", name);
    return 0;
}

static inline double number_of(reader *in, const tv_entry *value, const char *name) {
    double made = 0;
    if (!tv_number(place_of(in, value), &made))
        complain(in, TV_TRACE_SHAPE, "%s is not a number", name);
    return made;
}

static inline tv_trace_answer answer_of(reader *in, const tv_entry *value, const char *name) {
    if (value->kind == TV_BOOL) return (value->flags & TV_TRUE) != 0 ? TV_TRACE_YES : TV_TRACE_NO;
    complain(in, TV_TRACE_SHAPE, "%s is neither true, false nor null", name);
    return TV_TRACE_UNKNOWN;
}

static inline int is_kind(reader *in, const tv_entry *value, int kind, const char *name) {
    if (value->kind == kind) return 1;
    complain(in, TV_TRACE_SHAPE, "%s is not %s", name, kind == TV_ARRAY ? "an array" : "an object");
    return 0;
}

static inline size_t elements(const reader *in, const tv_entry *list) {
    size_t count = 0;
    const tv_entry *end = in->walk->entries + list->next;
    for (const tv_entry *one = list + 1; one < end; one = in->walk->entries + one->next) count++;
    return count;
}

static inline tv_texts texts_of(reader *in, const tv_entry *list, const char *name) {
    tv_texts none = {0, NULL};
    size_t count = is_kind(in, list, TV_ARRAY, name) ? elements(in, list) : 0;
    const char **made = count != 0 ? take(in, count * sizeof *made) : NULL;
    if (made == NULL) return none;
    const tv_entry *one = list + 1;
    for (size_t i = 0; i < count; i++, one = in->walk->entries + one->next)
        made[i] = text_of(in, one, name, NULL);
    return (tv_texts){count, made};
}

/* ---- Structs --------------------------------------------------------------------------------- */

static inline void read_fields(reader *in, const tv_entry *from, const shape *as, void *to);

/* Some structs, each as it is without any member. */
static inline void *take_structs(reader *in, const shape *as, size_t count) {
    char *made = count != 0 && count < SIZE_MAX / 2 / as->size ? take(in, count * as->size) : NULL;
    for (size_t i = 0; made != NULL && i < count; i++)
        memcpy(made + i * as->size, as->empty, as->size);
    return made;
}

static inline const void *read_list(reader *in, const tv_entry *list, const field *as,
                                    size_t *count_out) {
    *count_out = 0; /* the member may have come before, with elements */
    size_t count = is_kind(in, list, TV_ARRAY, as->name) ? elements(in, list) : 0;
    char *made = take_structs(in, as->shape, count);
    if (made == NULL) return NULL;
    const tv_entry *one = list + 1;
    for (size_t i = 0; i < count; i++, one = in->walk->entries + one->next) {
        if (one->kind == TV_OBJECT)
            read_fields(in, one, as->shape, made + i * as->shape->size);
        else
            complain(in, TV_TRACE_SHAPE, "%s holds something that is not an object", as->name);
    }
    *count_out = count;
    return made;
}

static inline const void *read_struct(reader *in, const tv_entry *value, const field *as,
                                      const char **json_out) {
    if (!is_kind(in, value, TV_OBJECT, as->name)) return NULL;
    void *made = take_structs(in, as->shape, 1);
    if (made == NULL) return NULL;
    read_fields(in, value, as->shape, made);
    *json_out = as->form == AS_NEST ? json_copy(in, value) : json_text(in, value);
    return made;
}

static inline void read_field(reader *in, const tv_entry *value, const field *as, char *to) {
    void *at = to + as->at, *also = to + as->also;
    if (value->kind == TV_NULL && as->form != AS_ANY) return;
    switch (as->form) {
    case AS_TEXT: *(const char **)at = text_of(in, value, as->name, NULL); break;
    case AS_BYTES: *(const char **)at = text_of(in, value, as->name, also); break;
    case AS_JSON:
        if (is_kind(in, value, TV_OBJECT, as->name)) *(const char **)at = json_text(in, value);
        break;
    case AS_ANY: *(const char **)at = json_text(in, value); break;
    case AS_GIVEN:
        *(int *)also = 1;
        *(int64_t *)at = integer_of(in, value, as->name);
        break;
    case AS_INT: *(int64_t *)at = integer_of(in, value, as->name); break;
    case AS_SMALL: *(int32_t *)at = small_of(in, value, as->name); break;
    case AS_PORT: {
        int64_t port = integer_of(in, value, as->name);
        if (port > 0 && port < 65536) *(int32_t *)at = (int32_t)port;
        break;
    }
    case AS_NUMBER: *(double *)at = number_of(in, value, as->name); break;
    case AS_ANSWER: *(tv_trace_answer *)at = answer_of(in, value, as->name); break;
    case AS_TEXTS: *(tv_texts *)at = texts_of(in, value, as->name); break;
    case AS_PART:
        if (is_kind(in, value, TV_OBJECT, as->name)) read_fields(in, value, as->shape, at);
        break;
    case AS_STRUCT:
    case AS_NEST: *(const void **)at = read_struct(in, value, as, also); break;
    case AS_LIST: *(const void **)at = read_list(in, value, as, also); break;
    }
}

/* Fills a struct from an object; members without a field are left alone. Both are in the same order
 * mostly, so what follows the last one found is looked at first. */
static inline void read_fields(reader *in, const tv_entry *from, const shape *as, void *to) {
    const tv_entry *entries = in->walk->entries, *end = entries + from->next;
    size_t next = 0;
    for (const tv_entry *name = from + 1; name < end; name = entries + name[1].next) {
        const char *text = in->walk->text + name->start;
        size_t len = name->end - name->start;
        if ((name->flags & TV_ESCAPED) != 0) {
            len = plain_text(in, name, 1);
            text = in->texts + name->start;
        }
        for (size_t i = 0; i < as->count; i++) {
            size_t at = next + i < as->count ? next + i : next + i - as->count;
            const field *one = &as->fields[at];
            if (one->name_len != len || memcmp(one->name, text, len) != 0) continue;
            read_field(in, name + 1, one, to);
            next = at + 1 < as->count ? at + 1 : 0;
            break;
        }
    }
    for (size_t i = 0; i < as->count && as->fields[i].is_required; i++)
        if (*(const char **)((char *)to + as->fields[i].at) == NULL)
            complain(in, TV_TRACE_SHAPE, "%s is missing", as->fields[i].name);
}

#endif /* TV_FIELDS_H */
