/* tv_trace.h - a trace document as C structs.
 *
 * Reads the "trace" view of an event or document (docs/trace.schema.json). Compiled into the host
 * (not part of the library's ABI), needs jansson.
 *
 * Rules that hold everywhere, so no comment below repeats them:
 *   - A tv_trace owns everything that can be reached from it. All pointers in it stay valid until
 *     tv_trace_free(), also after the event or document it came from is freed.
 *   - Text is UTF-8 and NUL-terminated; NULL means that the document does not say. Where text may
 *     hold a NUL byte of its own, its length stands beside it.
 *   - Fields of the document that this file does not know are ignored: later versions add fields.
 *   - The structs are read-only by convention. One thread parses; afterwards any may read.
 */
#ifndef TV_TRACE_H
#define TV_TRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What tv_trace_parse() came to. */
typedef enum tv_trace_result {
    TV_TRACE_OK = 0,
    TV_TRACE_NOT_JSON = 1,  /* not a JSON object */
    TV_TRACE_SCHEMA = 2,    /* another document, or a later major version of this one */
    TV_TRACE_SHAPE = 3,     /* a field has another type than the schema says */
    TV_TRACE_NO_MEMORY = 4, /* the system gave no memory */
    TV_TRACE_ARGUMENT = 5   /* json or trace_out is NULL */
} tv_trace_result;

/** Yes, no, or not said. */
typedef enum tv_trace_answer {
    TV_TRACE_NO = 0,
    TV_TRACE_YES = 1,
    TV_TRACE_UNKNOWN = 2
} tv_trace_answer;

/** One line of the delivery log, in the order in which Cloudflare gave it. */
typedef struct tv_trace_line {
    int has_lineno;         /* whether `lineno` was given; 0 is a valid number */
    int64_t lineno;         /* its number in Cloudflare's log */
    const char *at;         /* when, RFC 3339 in UTC; NULL when missing or not understood */
    const char *at_raw;     /* the time as written, where it differs or is not understood */
    const char *message;    /* the line, word for word; NULL when the line has none */
    size_t message_len;     /* its bytes */
    const char *event_json; /* the typed event of the line as JSON text; NULL when there is none */
    const char *extra_json; /* fields Cloudflare added to the line, as JSON text; usually NULL */
} tv_trace_line;

/** One way of the message: into Cloudflare, or out of it. */
typedef struct tv_trace_block {
    tv_trace_answer pending; /* whether Cloudflare still gathers lines */
    size_t line_count;
    const tv_trace_line *lines; /* NULL when line_count is 0 */
    const char *extra_json;     /* fields Cloudflare added here, as JSON text; usually NULL */
} tv_trace_block;

/** Something odd about the reply: never silently dropped. */
typedef struct tv_trace_warning {
    const char *code; /* a short name, such as "time_unreadable"; never NULL */
    int64_t count;    /* how often it happened; 0 when not said */
    const char *path; /* where first, as a JSON pointer into the reply */
} tv_trace_warning;

/** The delivery trace of one message. */
typedef struct tv_trace {
    const char *schema;      /* "tracevault.trace/1"; never NULL */
    const char *account_id;  /* NULL for a document that was decoded offline */
    const char *tenant;      /* as account_id */
    const char *message_ref; /* as account_id */
    const char *fetched_at;  /* RFC 3339; as account_id */
    tv_trace_answer complete; /* whether both ways are known to be at their end */
    const char *cf_ray;      /* Cloudflare's name of the reply */
    int32_t http_status;     /* 0 when there was no request */
    int32_t attempts;        /* how often the question was sent; 0 when there was no request */
    const char *queue_id;      /* the Postfix queue id in message_ref */
    const char *queue_id_time; /* when that id was given, RFC 3339 */
    tv_trace_block inbound;
    tv_trace_block outbound;
    const char *extra_json; /* fields Cloudflare added to the result; usually NULL */
    size_t warning_count;
    const tv_trace_warning *warnings; /* NULL when warning_count is 0 */
    void *owned;                      /* for tv_trace_free() alone */
} tv_trace;

/**
 * Read a trace document.
 *
 * @param json       the "trace" view; need not be NUL-terminated. Not kept.
 * @param trace_out  written only on TV_TRACE_OK.  Owner: the caller; tv_trace_free().
 * @param error      NULL, or where to write one line that says what is wrong, cut to error_len
 *                   bytes with its NUL. Empty on success.
 */
tv_trace_result tv_trace_parse(const char *json, size_t json_len, tv_trace **trace_out, char *error,
                               size_t error_len);

/** Free a trace and everything in it; NULL does nothing. */
void tv_trace_free(tv_trace *trace);

#ifdef __cplusplus
}
#endif

#endif /* TV_TRACE_H */
