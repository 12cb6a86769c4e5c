/* tv_trace.h - a trace document as C structs.
 *
 * Reads the "trace" view of a result or document (docs/trace.schema.json). Compiled into the host
 * (not part of the library's ABI).
 *
 * Rules that hold everywhere, so no comment below repeats them:
 *   - A tv_trace owns everything that can be reached from it, in one piece of memory. All pointers
 *     in it stay valid until tv_trace_free(), also after the result or document it came from is
 *     freed.
 *   - Text is UTF-8 and NUL-terminated; NULL means that the document does not say. A line's message
 *     alone may hold NUL bytes of its own, and its length stands beside it; in every other text
 *     they stand as U+FFFD, so that none ends early.
 *   - Fields of the document that this file does not know are ignored: later versions add fields.
 *   - The structs are read-only by convention. One thread parses; afterwards any may read.
 */
#ifndef TV_TRACE_H
#define TV_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "tv_walk.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What reading a document came to. */
typedef enum tv_trace_result {
    TV_TRACE_OK = 0,
    TV_TRACE_NOT_JSON = 1,  /* not a JSON object */
    TV_TRACE_SCHEMA = 2,    /* another document, or a later major version of this one */
    TV_TRACE_SHAPE = 3,     /* a field has another type than the schema says */
    TV_TRACE_NO_MEMORY = 4, /* the system gave no memory */
    TV_TRACE_ARGUMENT = 5   /* an argument is NULL, or the walk is of another version */
} tv_trace_result;

/** Yes, no, or not said. */
typedef enum tv_trace_answer {
    TV_TRACE_NO = 0,
    TV_TRACE_YES = 1,
    TV_TRACE_UNKNOWN = 2
} tv_trace_answer;

/** Some texts, such as recipients. */
typedef struct tv_texts {
    size_t count;
    const char *const *items; /* NULL when count is 0; no item is NULL */
} tv_texts;

/** What a line says: the essentials. All the rest is in the line's `event_json` (docs/trace.md).
 *  Text is somebody's claim: Postfix's own, or what a client, a sender, the next hop told it. */
typedef struct tv_trace_event {
    const char *kind;       /* "delivery", "queued", "policy", …; new kinds may come; never NULL */
    const char *process;    /* the program that wrote the line: "smtp" */
    const char *queue_id;
    const char *from;       /* envelope sender; "" for a notification */
    const char *to;         /* envelope recipient */
    const char *relay;      /* the next hop, as Postfix wrote it */
    const char *relay_host;
    const char *relay_ip;
    int32_t relay_port;     /* 0 when not said */
    const char *client_host;
    const char *client_ip;
    const char *status;     /* "sent": the next hop accepted it. Not: it is in the inbox */
    const char *dsn;
    const char *reply;      /* what the next hop said, in its words */
    double delay_s;         /* seconds since the message arrived; negative when not said */
    const char *message_id; /* without its brackets */
    int64_t size;           /* bytes; -1 when not said */
    const char *action;     /* what was decided: "reject" */
    const char *text;       /* the rest in words */
    const char *queued_as;  /* the next hop's queue id */
} tv_trace_event;

/** One line of the delivery log, in the order in which Cloudflare gave it. */
typedef struct tv_trace_line {
    int has_lineno;         /* whether `lineno` was given; 0 is a valid number */
    int64_t lineno;         /* its number in Cloudflare's log */
    const char *at;         /* when, RFC 3339 in UTC; NULL when missing or not understood */
    const char *at_raw;     /* the time as written, where it differs or is not understood */
    const char *message;    /* the line, word for word; NULL when the line has none */
    size_t message_len;     /* its bytes */
    const tv_trace_event *event; /* NULL when the line is not understood */
    const char *event_json; /* all of the event as JSON text; NULL when there is none */
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

/** What became of one recipient's copy: the last outcome in the trace. */
typedef struct tv_trace_recipient {
    const char *address;  /* never NULL */
    const char *state;    /* "sent" (the next hop accepted it), "deferred", "bounced", "expired",
                             "rejected", "refused_for_now", "queued", "accepted_by_filter", …; new
                             words may come; never NULL */
    const char *orig_to;  /* the recipient before aliases */
    const char *dsn;
    const char *relay;    /* the next hop */
    const char *reply;    /* what it said */
    const char *at;       /* when, RFC 3339 */
    double delay_s;       /* seconds since the message arrived there; negative when not said */
    const char *queue_id; /* the hop that tried */
    int32_t attempts;     /* deliveries at the hop that made most of them */
} tv_trace_recipient;

/** One queue that the message, or a notification about it, went through. */
typedef struct tv_trace_hop {
    const char *queue_id;         /* never NULL */
    const char *time;             /* when it entered the queue, from a long queue id */
    int64_t inode;                /* of its queue file, from a long queue id; -1 when not said */
    const char *side;             /* "inbound" or "outbound" */
    const char *state;            /* "received", "queued", "removed", "expired", … */
    tv_trace_answer notification; /* a bounce or its like, not the message itself */
    const char *first_at;         /* its first line */
    const char *last_at;          /* its last line */
    const char *previous_queue_id;
    const char *client_host;
    const char *client_ip;
    const char *sender;
    const char *message_id;
    int64_t size;      /* bytes; -1 when not said */
    int64_t nrcpt;     /* recipients in its queue; -1 when not said */
    const char *relay; /* of its last delivery */
    /* Of its slowest delivery, in seconds; negative when not said. */
    double delay_s;
    double delay_before_qmgr_s;
    double delay_in_qmgr_s;
    double delay_conn_setup_s;
    double delay_transmission_s;
    const char *slowest; /* the longest of the four: "before_qmgr", "in_qmgr", … */
} tv_trace_hop;

/** An id under which somebody else knows the message: where to look next. */
typedef struct tv_trace_next {
    const char *id;   /* never NULL */
    const char *kind; /* "queued_as", "exchange_internal_id", "google_id", … */
    const char *from_queue_id;
    const char *time;         /* from a long queue id */
    tv_trace_answer in_trace; /* whether it is a hop of this trace */
} tv_trace_next;

/** What happened to the message, as far as the trace tells (docs/trace.md). */
typedef struct tv_trace_summary {
    const char *state; /* of all, "mixed", "incomplete"; NULL without a summary */
    size_t recipient_count;
    const tv_trace_recipient *recipients; /* NULL when recipient_count is 0 */
    const char *sender;                   /* envelope sender, not the From header */
    const char *message_id;
    int64_t size; /* bytes; -1 when not said */
    const char *client_host;
    const char *client_ip;
    const char *first_at;
    const char *last_at;
    size_t hop_count;
    const tv_trace_hop *hops; /* NULL when hop_count is 0 */
    size_t next_count;
    const tv_trace_next *next; /* NULL when next_count is 0 */
} tv_trace_summary;

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
    tv_trace_summary summary;
    const char *extra_json; /* fields Cloudflare added to the result; usually NULL */
    const char *error_status;  /* why a later look at a trace that was still growing brought nothing,
                                  such as "TV_E_SERVER"; NULL: none failed */
    const char *error_message; /* the same in words */
    tv_trace_answer error_retriable;
    int64_t error_retry_after_ms; /* -1 when not known */
    size_t warning_count;
    const tv_trace_warning *warnings; /* NULL when warning_count is 0 */
    void *owned;                      /* for tv_trace_free() alone */
} tv_trace;

/**
 * Read a trace.
 *
 * @param walk       the "trace" view, of tv_result_walk() or tv_document_walk(). Not kept.
 * @param trace_out  written only on TV_TRACE_OK.  Owner: the caller; tv_trace_free().
 * @param error      NULL, or where to write one line that says what is wrong, cut to error_len
 *                   bytes with its NUL. Empty on success.
 */
tv_trace_result tv_trace_read(const tv_walk *walk, tv_trace **trace_out, char *error,
                              size_t error_len);

/**
 * Read a trace that the host has stored as text; as tv_trace_read().
 *
 * @param json  the "trace" view; need not be NUL-terminated; if it is, json_len may be TV_NUL. Not
 *              kept.
 */
tv_trace_result tv_trace_parse(const char *json, size_t json_len, tv_trace **trace_out, char *error,
                               size_t error_len);

/** Free a trace and everything in it; NULL does nothing. */
void tv_trace_free(tv_trace *trace);

#ifdef __cplusplus
}
#endif

#endif /* TV_TRACE_H */
