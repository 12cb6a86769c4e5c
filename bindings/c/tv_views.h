/* tv_views.h - the views "ecs", "ocsf" and "spans" as C structs (docs/views.md).
 *
 * They are JSON lines, ready to be sent on; these structs are for hosts that want to look at them
 * first. Compiled into the host, needs tv_trace.h, whose rules, results and warnings
 * hold here too: a tv_view or tv_spans owns everything that can be reached from it. */
#ifndef TV_VIEWS_H
#define TV_VIEWS_H

#include "tv_trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One line of the trace as a row of the view "ecs" or "ocsf": the essentials, from either. */
typedef struct tv_view_row {
    const char *id;         /* the same for the same line of the same message reference, at every
                               fetch and in both views; never NULL */
    const char *at;         /* when, RFC 3339 in UTC; of a line without a time that of a
                               neighbour, and the row says so (docs/views.md); never NULL */
    const char *direction;  /* "inbound" or "outbound": the side it is on */
    const char *action;     /* "delivered" (accepted by the next hop), "bounced", …; without an
                               outcome the kind of the line ("queued"). Of "ecs" alone */
    const char *outcome;    /* "success", "failure", "unknown"; of "ocsf" "Success", "Failure" or
                               the status as written. NULL when the line has none */
    const char *code;       /* the enhanced status code */
    const char *reason;     /* what the next hop said, or what was decided, in their words */
    const char *from;       /* envelope sender, as far as the schema takes it */
    tv_texts to;            /* envelope recipients, likewise */
    const char *message_id; /* without its brackets */
    const char *line;       /* the line, word for word; may hold NUL bytes of its own; "" without
                               a message; never NULL */
    size_t line_len;        /* its bytes */
    const char *json;       /* the whole row as it was written, without its newline; never NULL */
    size_t json_len;
} tv_view_row;

/** A view "ecs" or "ocsf". */
typedef struct tv_view {
    size_t row_count;
    const tv_view_row *rows;          /* in the order of the lines; NULL when row_count is 0 */
    size_t warning_count;             /* why lines are no row, and how many */
    const tv_trace_warning *warnings; /* NULL when warning_count is 0 */
    void *owned;                      /* for tv_view_free() alone */
} tv_view;

/** Where a field of a line's event stands in the message, in bytes. */
typedef struct tv_span {
    const char *field; /* its name in the event (docs/trace.md); never NULL */
    size_t start;
    size_t end;        /* behind its last byte; not less than start */
} tv_span;

/** The fields of one line that has an event. */
typedef struct tv_line_spans {
    const char *side;     /* "inbound" or "outbound"; never NULL */
    size_t line;          /* its place in that side's lines, from 0 */
    size_t span_count;
    const tv_span *spans; /* NULL when span_count is 0 */
} tv_line_spans;

/** The view "spans". */
typedef struct tv_spans {
    size_t line_count;
    const tv_line_spans *lines; /* NULL when line_count is 0 */
    void *owned;                /* for tv_spans_free() alone */
} tv_spans;

/**
 * Read a view "ecs" or "ocsf".
 *
 * @param rows       the view, of tv_result_walk() or tv_document_walk(). Not kept.
 * @param warnings   the view "ecs_warnings" or "ocsf_warnings" beside it; NULL for none.
 * @param view_out   written only on TV_TRACE_OK.  Owner: the caller; tv_view_free().
 * @param error      as for tv_trace_read().
 */
tv_trace_result tv_view_read(const tv_walk *rows, const tv_walk *warnings, tv_view **view_out,
                             char *error, size_t error_len);

/**
 * Read a view that the host has stored as text; as tv_view_read().
 *
 * @param rows      need not be NUL-terminated; if they are, rows_len may be TV_NUL. Not kept.
 * @param warnings  NULL or empty for none.
 */
tv_trace_result tv_view_parse(const char *rows, size_t rows_len, const char *warnings,
                              size_t warnings_len, tv_view **view_out, char *error,
                              size_t error_len);

/** Free a view and everything in it; NULL does nothing. */
void tv_view_free(tv_view *view);

/** Read the view "spans"; as tv_view_read(). */
tv_trace_result tv_spans_read(const tv_walk *rows, tv_spans **spans_out, char *error,
                              size_t error_len);

/** Read spans that the host has stored as text; as tv_view_parse(). */
tv_trace_result tv_spans_parse(const char *spans, size_t spans_len, tv_spans **spans_out,
                               char *error, size_t error_len);

/** Free the spans and everything in them; NULL does nothing. */
void tv_spans_free(tv_spans *spans);

#ifdef __cplusplus
}
#endif

#endif /* TV_VIEWS_H */
