/* tv_search.c - turns search and check documents into C structs; see tv_search.h. No calls of the
 * library in here. */
#include "tv_search.h"

#include "tv_reader.h"

static void read_found(reader *in, const json_t *from, tv_found *found) {
    const json_t *item = json_object_get(from, "item");
    if (item == NULL) {
        complain(in, TV_TRACE_SHAPE, "a message is not an object with an item");
        return;
    }
    found->message_ref = text(in, from, "message_ref", NULL);
    found->alert_id = text(in, from, "alert_id", NULL);
    found->postfix_id = text(in, from, "postfix_id", NULL);
    found->postfix_id_outbound = text(in, from, "postfix_id_outbound", NULL);
    found->message_id = text(in, from, "message_id", NULL);
    found->subject = text(in, from, "subject", NULL);
    found->from = text(in, from, "from", NULL);
    found->from_name = text(in, from, "from_name", NULL);
    found->envelope_from = text(in, from, "envelope_from", NULL);
    found->to = read_texts(in, from, "to");
    found->envelope_to = read_texts(in, from, "envelope_to");
    found->delivery_status = read_texts(in, from, "delivery_status");
    found->final_disposition = text(in, from, "final_disposition", NULL);
    found->delivery_mode = text(in, from, "delivery_mode", NULL);
    found->is_quarantined = answer(in, from, "is_quarantined");
    found->scanned_at = text(in, from, "scanned_at", NULL);
    found->sent_at = text(in, from, "sent_at", NULL);
    found->item_json = json_text(in, item);
}

static void read_messages(reader *in, const json_t *root, tv_search *search) {
    const json_t *messages = array_member(in, root, "messages");
    size_t count = json_array_size(messages);
    tv_found *made = count != 0 ? keep(in, calloc(count, sizeof *made)) : NULL;
    if (made == NULL) return;
    for (size_t i = 0; i < count; i++) read_found(in, json_array_get(messages, i), &made[i]);
    search->messages = made;
    search->message_count = count;
}

static void read_search(reader *in, const json_t *root, tv_search *search) {
    search->schema = read_schema(in, root, "tracevault.search/");
    if (in->result != TV_TRACE_OK) return;
    search->account_id = text(in, root, "account_id", NULL);
    search->tenant = text(in, root, "tenant", NULL);
    search->fetched_at = text(in, root, "fetched_at", NULL);
    search->attempts = small_integer(in, root, "attempts");
    search->http_status = small_integer(in, root, "http_status");
    search->cf_ray = text(in, root, "cf_ray", NULL);
    search->complete = answer(in, root, "complete");
    search->next_cursor = text(in, root, "next_cursor", NULL);
    search->pages = small_integer(in, root, "pages");
    read_messages(in, root, search);
    const json_t *error = object_member(in, root, "error");
    search->error_status = text(in, error, "status", NULL);
    search->error_message = text(in, error, "message", NULL);
    search->error_retriable = answer(in, error, "retriable");
    search->error_retry_after_ms = -1;
    integer(in, error, "retry_after_ms", &search->error_retry_after_ms);
    search->warnings = read_warnings(in, root, &search->warning_count);
}

static void read_check(reader *in, const json_t *root, tv_check *check) {
    check->schema = read_schema(in, root, "tracevault.check/");
    if (in->result != TV_TRACE_OK) return;
    check->account_id = text(in, root, "account_id", NULL);
    check->tenant = text(in, root, "tenant", NULL);
    check->checked_at = text(in, root, "checked_at", NULL);
    check->attempts = small_integer(in, root, "attempts");
    check->http_status = small_integer(in, root, "http_status");
    check->cf_ray = text(in, root, "cf_ray", NULL);
    check->valid = answer(in, root, "valid");
    check->kind = text(in, root, "kind", NULL);
    check->token_kind = text(in, root, "token_kind", NULL);
    check->status = text(in, root, "status", NULL);
    check->token_id = text(in, root, "token_id", NULL);
    check->not_before = text(in, root, "not_before", NULL);
    check->expires_on = text(in, root, "expires_on", NULL);
    const json_t *reason = object_member(in, root, "reason");
    integer(in, reason, "code", &check->reason_code);
    check->reason_message = text(in, reason, "message", NULL);
    check->warnings = read_warnings(in, root, &check->warning_count);
    if (check->valid == TV_TRACE_UNKNOWN || check->kind == NULL)
        complain(in, TV_TRACE_SHAPE, "valid or kind is missing");
}

tv_trace_result tv_search_parse(const char *json, size_t json_len, tv_search **search_out,
                                char *error, size_t error_len) {
    reader in;
    if (open_document(&in, search_out != NULL ? json : NULL, json_len, error, error_len) !=
        TV_TRACE_OK)
        return in.result;
    tv_search *search = keep(&in, calloc(1, sizeof *search));
    if (search != NULL) {
        search->owned = in.owned;
        read_search(&in, in.owned->root, search);
    }
    if (in.result == TV_TRACE_OK) *search_out = search;
    return finish(&in);
}

void tv_search_free(tv_search *search) {
    if (search != NULL) free_owned(search->owned);
}

tv_trace_result tv_check_parse(const char *json, size_t json_len, tv_check **check_out, char *error,
                               size_t error_len) {
    reader in;
    if (open_document(&in, check_out != NULL ? json : NULL, json_len, error, error_len) !=
        TV_TRACE_OK)
        return in.result;
    tv_check *check = keep(&in, calloc(1, sizeof *check));
    if (check != NULL) {
        check->owned = in.owned;
        read_check(&in, in.owned->root, check);
    }
    if (in.result == TV_TRACE_OK) *check_out = check;
    return finish(&in);
}

void tv_check_free(tv_check *check) {
    if (check != NULL) free_owned(check->owned);
}
