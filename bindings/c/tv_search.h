/* tv_search.h - the documents of searches, hunts and checks as C structs.
 *
 * Reads the views "search" (docs/search.schema.json), "finding" and "found"
 * (docs/finding.schema.json), "hunt" (docs/hunt.schema.json) and "check" (docs/check.schema.json).
 * Compiled into the host, needs tv_trace.h, whose rules, results, answers and warnings hold here
 * too: a tv_search, tv_finding, tv_hunt or tv_check owns everything that can be reached from it. */
#ifndef TV_SEARCH_H
#define TV_SEARCH_H

#include "tv_trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One message that a search found. NULL: Cloudflare does not say. */
typedef struct tv_found {
    const char *message_ref; /* for tv_request_trace(); NULL when Cloudflare gave no usable id */
    const char *alert_id;
    const char *postfix_id;
    const char *postfix_id_outbound; /* the queue id of the delivery hop */
    const char *message_id;          /* the Message-ID, without its brackets */
    const char *subject;
    const char *from;
    const char *from_name;
    const char *envelope_from;
    tv_texts to;
    tv_texts envelope_to;
    tv_texts delivery_status;
    const char *final_disposition;
    const char *delivery_mode;
    tv_trace_answer is_quarantined;
    const char *scanned_at; /* RFC 3339 in UTC */
    const char *sent_at;
    const char *item_json; /* Cloudflare's item word for word, as JSON text; never NULL */
} tv_found;

/** What a search found. */
typedef struct tv_search {
    const char *schema; /* "tracevault.search/1"; never NULL */
    const char *account_id;
    const char *tenant;
    const char *fetched_at;
    int32_t attempts;         /* how often Cloudflare was asked */
    int32_t http_status;      /* of the last reply; 0 when the last try brought none */
    const char *cf_ray;       /* Cloudflare's name of the last reply */
    tv_trace_answer complete; /* TV_TRACE_NO: there is more, or may be */
    const char *next_cursor;  /* the option "cursor" of a search that goes on from here */
    int32_t pages;
    size_t message_count;
    const tv_found *messages;    /* NULL when message_count is 0 */
    const char *error_status;    /* why a later page did not come, such as "TV_E_SERVER" */
    const char *error_message;   /* the same in words */
    tv_trace_answer error_retriable;
    int64_t error_retry_after_ms; /* -1 when not known */
    size_t warning_count;
    const tv_trace_warning *warnings; /* NULL when warning_count is 0 */
    void *owned;                      /* for tv_search_free() alone */
} tv_search;

/** How far a hunt is. */
typedef struct tv_hunted {
    int32_t accounts;  /* that the hunt asks */
    int32_t done;      /* of these: asked to the end, or could not be */
    int32_t failed;    /* of the done: could not be asked, or not to the end */
    int32_t found;     /* messages */
    int32_t under_way; /* requests that are not answered */
} tv_hunted;

/** One copy of a message, or an account that could not be asked. */
typedef struct tv_finding {
    const char *schema; /* "tracevault.finding/1"; never NULL */
    const char *tenant;
    const char *account_id;
    const char *label;          /* what the vault's owner calls the account; "" without a label */
    const tv_found *message;    /* NULL: the account could not be asked, or not to the end */
    const char *message_json;   /* the same as JSON text */
    const char *trace_json;     /* for tv_trace_parse(); NULL in "found", and where no trace came */
    const char *error_status;   /* why there is no trace or no answer, such as "TV_E_CREDENTIAL" */
    const char *error_message;  /* the same in words */
    tv_trace_answer error_retriable;
    int64_t error_retry_after_ms; /* -1 when not known */
    tv_hunted progress;           /* when this was found */
    void *owned;                  /* for tv_finding_free() alone */
} tv_finding;

/** How far a hunt is, or that it is over. */
typedef struct tv_hunt {
    const char *schema;   /* "tracevault.hunt/1"; never NULL */
    tv_trace_answer over; /* TV_TRACE_YES in the last result of a hunt */
    tv_hunted progress;
    void *owned; /* for tv_hunt_free() alone */
} tv_hunt;

/** Whether a credential works, and until when. */
typedef struct tv_check {
    const char *schema; /* "tracevault.check/1"; never NULL */
    const char *account_id;
    const char *tenant;
    const char *checked_at;
    int32_t attempts;
    int32_t http_status;
    const char *cf_ray;
    tv_trace_answer valid;      /* never TV_TRACE_UNKNOWN */
    const char *kind;           /* "api_token" or "global_key"; never NULL */
    const char *token_kind;     /* "user", "account", "unknown"; NULL for a global key */
    const char *status;         /* "active", "disabled", "expired" or "unknown" */
    const char *token_id;       /* Cloudflare's id of the token, which is no secret */
    const char *not_before;     /* as Cloudflare wrote it; NULL without such a bound */
    const char *expires_on;     /* as not_before */
    int64_t expires_on_unix;    /* the same in seconds since 1970; INT64_MIN without an end */
    int64_t reason_code;        /* Cloudflare's error code; 0 when it gave none */
    const char *reason_message; /* why it is not valid; NULL when it is */
    size_t warning_count;
    const tv_trace_warning *warnings; /* such as "expires_within_7_days" */
    void *owned;                      /* for tv_check_free() alone */
} tv_check;

/** Read a search; as tv_trace_read(), with the view "search". */
tv_trace_result tv_search_read(const tv_walk *walk, tv_search **search_out, char *error,
                               size_t error_len);

/** Read a search that the host has stored as text; as tv_trace_parse(). */
tv_trace_result tv_search_parse(const char *json, size_t json_len, tv_search **search_out,
                                char *error, size_t error_len);

/** Free a search and everything in it; NULL does nothing. */
void tv_search_free(tv_search *search);

/**
 * Read a finding; as tv_trace_read(), with the view "finding", or with "found", which costs less and
 * has no trace: that is read with tv_trace_read() from the view "trace" of the same result.
 */
tv_trace_result tv_finding_read(const tv_walk *walk, tv_finding **finding_out, char *error,
                                size_t error_len);

/** Read a finding that the host has stored as text; as tv_trace_parse(). */
tv_trace_result tv_finding_parse(const char *json, size_t json_len, tv_finding **finding_out,
                                 char *error, size_t error_len);

/** Free a finding and everything in it; NULL does nothing. */
void tv_finding_free(tv_finding *finding);

/** Read how far a hunt is; as tv_trace_read(), with the view "hunt". */
tv_trace_result tv_hunt_read(const tv_walk *walk, tv_hunt **hunt_out, char *error,
                             size_t error_len);

/** Read the same that the host has stored as text; as tv_trace_parse(). */
tv_trace_result tv_hunt_parse(const char *json, size_t json_len, tv_hunt **hunt_out, char *error,
                              size_t error_len);

/** Free it; NULL does nothing. */
void tv_hunt_free(tv_hunt *hunt);

/** Read a check; as tv_trace_read(), with the view "check". */
tv_trace_result tv_check_read(const tv_walk *walk, tv_check **check_out, char *error,
                              size_t error_len);

/** Read a check that the host has stored as text; as tv_trace_parse(). */
tv_trace_result tv_check_parse(const char *json, size_t json_len, tv_check **check_out, char *error,
                               size_t error_len);

/** Free a check and everything in it; NULL does nothing. */
void tv_check_free(tv_check *check);

#ifdef __cplusplus
}
#endif

#endif /* TV_SEARCH_H */
