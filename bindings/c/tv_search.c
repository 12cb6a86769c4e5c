/* tv_search.c - turns the documents of searches, hunts and checks into C structs; see tv_search.h. */
#include "tv_search.h"

#include "tv_reader.h"

/* ---- Searches ------------------------------------------------------------------------------ */

static const tv_found no_found = {.is_quarantined = TV_TRACE_UNKNOWN};
static const field found_fields[] = {
    {"item", 4, AS_ANY, 1, offsetof(tv_found, item_json), 0, NULL},
    TEXT_FIELD(tv_found, message_ref),
    TEXT_FIELD(tv_found, alert_id),
    TEXT_FIELD(tv_found, postfix_id),
    TEXT_FIELD(tv_found, postfix_id_outbound),
    TEXT_FIELD(tv_found, message_id),
    TEXT_FIELD(tv_found, subject),
    TEXT_FIELD(tv_found, from),
    TEXT_FIELD(tv_found, from_name),
    TEXT_FIELD(tv_found, envelope_from),
    FIELD(tv_found, to, AS_TEXTS, "to"),
    FIELD(tv_found, envelope_to, AS_TEXTS, "envelope_to"),
    FIELD(tv_found, delivery_status, AS_TEXTS, "delivery_status"),
    TEXT_FIELD(tv_found, final_disposition),
    TEXT_FIELD(tv_found, delivery_mode),
    FIELD(tv_found, is_quarantined, AS_ANSWER, "is_quarantined"),
    TEXT_FIELD(tv_found, scanned_at),
    TEXT_FIELD(tv_found, sent_at),
};
static const shape found_shape = SHAPE(found_fields, no_found);

static const tv_search no_search = {
    .complete = TV_TRACE_UNKNOWN, .error_retriable = TV_TRACE_UNKNOWN, .error_retry_after_ms = -1};
/* Further fields of the search itself. */
static const field error_fields[] = {
    FIELD(tv_search, error_status, AS_TEXT, "status"),
    FIELD(tv_search, error_message, AS_TEXT, "message"),
    FIELD(tv_search, error_retriable, AS_ANSWER, "retriable"),
    FIELD(tv_search, error_retry_after_ms, AS_INT, "retry_after_ms"),
};
static const shape error_shape = SHAPE(error_fields, no_search);
static const field search_fields[] = {
    TEXT_FIELD(tv_search, schema),
    TEXT_FIELD(tv_search, account_id),
    TEXT_FIELD(tv_search, tenant),
    TEXT_FIELD(tv_search, fetched_at),
    FIELD(tv_search, attempts, AS_SMALL, "attempts"),
    FIELD(tv_search, http_status, AS_SMALL, "http_status"),
    TEXT_FIELD(tv_search, cf_ray),
    FIELD(tv_search, complete, AS_ANSWER, "complete"),
    TEXT_FIELD(tv_search, next_cursor),
    FIELD(tv_search, pages, AS_SMALL, "pages"),
    WITH(tv_search, messages, message_count, AS_LIST, "messages", &found_shape),
    {"error", 5, AS_PART, 0, 0, 0, &error_shape},
    WITH(tv_search, warnings, warning_count, AS_LIST, "warnings", &warning_shape),
};
static const shape search_shape = SHAPE(search_fields, no_search);

tv_trace_result tv_search_read(const tv_walk *walk, tv_search **search_out, char *error,
                               size_t error_len) {
    reader in;
    if (begin(&in, search_out != NULL ? walk : NULL, error, error_len) == TV_TRACE_OK) {
        tv_search *search =
            read_document(&in, "tracevault.search/", &search_shape, offsetof(tv_search, owned));
        if (in.result == TV_TRACE_OK) *search_out = search;
    }
    return finish(&in);
}

tv_trace_result tv_search_parse(const char *json, size_t json_len, tv_search **search_out,
                                char *error, size_t error_len) {
    PARSE(tv_search_read, json, json_len, search_out, error, error_len);
}

void tv_search_free(tv_search *search) {
    if (search != NULL) free_arena(search->owned);
}

/* ---- Hunts --------------------------------------------------------------------------------- */

static const tv_hunted no_hunted = {0};
static const field hunted_fields[] = {
    FIELD(tv_hunted, accounts, AS_SMALL, "accounts"),
    FIELD(tv_hunted, done, AS_SMALL, "done"),
    FIELD(tv_hunted, failed, AS_SMALL, "failed"),
    FIELD(tv_hunted, found, AS_SMALL, "found"),
    FIELD(tv_hunted, under_way, AS_SMALL, "under_way"),
};
static const shape hunted_shape = SHAPE(hunted_fields, no_hunted);

static const tv_finding no_finding = {.error_retriable = TV_TRACE_UNKNOWN,
                                      .error_retry_after_ms = -1};
/* Further fields of the finding itself. */
static const field trouble_fields[] = {
    FIELD(tv_finding, error_status, AS_TEXT, "status"),
    FIELD(tv_finding, error_message, AS_TEXT, "message"),
    FIELD(tv_finding, error_retriable, AS_ANSWER, "retriable"),
    FIELD(tv_finding, error_retry_after_ms, AS_INT, "retry_after_ms"),
};
static const shape trouble_shape = SHAPE(trouble_fields, no_finding);
static const field finding_fields[] = {
    TEXT_FIELD(tv_finding, schema),
    TEXT_FIELD(tv_finding, tenant),
    TEXT_FIELD(tv_finding, account_id),
    TEXT_FIELD(tv_finding, label),
    WITH(tv_finding, message, message_json, AS_NEST, "message", &found_shape),
    FIELD(tv_finding, trace_json, AS_JSON, "trace"),
    {"error", 5, AS_PART, 0, 0, 0, &trouble_shape},
    PART(tv_finding, progress, "progress", &hunted_shape),
};
static const shape finding_shape = SHAPE(finding_fields, no_finding);

tv_trace_result tv_finding_read(const tv_walk *walk, tv_finding **finding_out, char *error,
                                size_t error_len) {
    reader in;
    if (begin(&in, finding_out != NULL ? walk : NULL, error, error_len) == TV_TRACE_OK) {
        tv_finding *finding =
            read_document(&in, "tracevault.finding/", &finding_shape, offsetof(tv_finding, owned));
        if (in.result == TV_TRACE_OK) *finding_out = finding;
    }
    return finish(&in);
}

tv_trace_result tv_finding_parse(const char *json, size_t json_len, tv_finding **finding_out,
                                 char *error, size_t error_len) {
    PARSE(tv_finding_read, json, json_len, finding_out, error, error_len);
}

void tv_finding_free(tv_finding *finding) {
    if (finding != NULL) free_arena(finding->owned);
}

static const tv_hunt no_hunt = {.over = TV_TRACE_UNKNOWN};
static const field hunt_fields[] = {
    TEXT_FIELD(tv_hunt, schema),
    FIELD(tv_hunt, over, AS_ANSWER, "over"),
    FIELD(tv_hunt, progress.accounts, AS_SMALL, "accounts"),
    FIELD(tv_hunt, progress.done, AS_SMALL, "done"),
    FIELD(tv_hunt, progress.failed, AS_SMALL, "failed"),
    FIELD(tv_hunt, progress.found, AS_SMALL, "found"),
    FIELD(tv_hunt, progress.under_way, AS_SMALL, "under_way"),
};
static const shape hunt_shape = SHAPE(hunt_fields, no_hunt);

tv_trace_result tv_hunt_read(const tv_walk *walk, tv_hunt **hunt_out, char *error,
                             size_t error_len) {
    reader in;
    if (begin(&in, hunt_out != NULL ? walk : NULL, error, error_len) == TV_TRACE_OK) {
        tv_hunt *hunt =
            read_document(&in, "tracevault.hunt/", &hunt_shape, offsetof(tv_hunt, owned));
        if (in.result == TV_TRACE_OK) *hunt_out = hunt;
    }
    return finish(&in);
}

tv_trace_result tv_hunt_parse(const char *json, size_t json_len, tv_hunt **hunt_out, char *error,
                              size_t error_len) {
    PARSE(tv_hunt_read, json, json_len, hunt_out, error, error_len);
}

void tv_hunt_free(tv_hunt *hunt) {
    if (hunt != NULL) free_arena(hunt->owned);
}

/* ---- Checks -------------------------------------------------------------------------------- */

static const tv_check no_check = {.valid = TV_TRACE_UNKNOWN, .expires_on_unix = INT64_MIN};
/* Further fields of the check itself. */
static const field reason_fields[] = {
    FIELD(tv_check, reason_code, AS_INT, "code"),
    FIELD(tv_check, reason_message, AS_TEXT, "message"),
};
static const shape reason_shape = SHAPE(reason_fields, no_check);
static const field check_fields[] = {
    MUST(tv_check, kind, "kind"),
    TEXT_FIELD(tv_check, schema),
    TEXT_FIELD(tv_check, account_id),
    TEXT_FIELD(tv_check, tenant),
    TEXT_FIELD(tv_check, checked_at),
    FIELD(tv_check, attempts, AS_SMALL, "attempts"),
    FIELD(tv_check, http_status, AS_SMALL, "http_status"),
    TEXT_FIELD(tv_check, cf_ray),
    FIELD(tv_check, valid, AS_ANSWER, "valid"),
    TEXT_FIELD(tv_check, token_kind),
    TEXT_FIELD(tv_check, status),
    TEXT_FIELD(tv_check, token_id),
    TEXT_FIELD(tv_check, not_before),
    TEXT_FIELD(tv_check, expires_on),
    FIELD(tv_check, expires_on_unix, AS_INT, "expires_on_unix"),
    {"reason", 6, AS_PART, 0, 0, 0, &reason_shape},
    WITH(tv_check, warnings, warning_count, AS_LIST, "warnings", &warning_shape),
};
static const shape check_shape = SHAPE(check_fields, no_check);

tv_trace_result tv_check_read(const tv_walk *walk, tv_check **check_out, char *error,
                              size_t error_len) {
    reader in;
    if (begin(&in, check_out != NULL ? walk : NULL, error, error_len) == TV_TRACE_OK) {
        tv_check *check =
            read_document(&in, "tracevault.check/", &check_shape, offsetof(tv_check, owned));
        if (check != NULL && check->valid == TV_TRACE_UNKNOWN)
            complain(&in, TV_TRACE_SHAPE, "valid is missing");
        if (in.result == TV_TRACE_OK) *check_out = check;
    }
    return finish(&in);
}

tv_trace_result tv_check_parse(const char *json, size_t json_len, tv_check **check_out, char *error,
                               size_t error_len) {
    PARSE(tv_check_read, json, json_len, check_out, error, error_len);
}

void tv_check_free(tv_check *check) {
    if (check != NULL) free_arena(check->owned);
}
