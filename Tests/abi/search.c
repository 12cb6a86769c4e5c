/* search.c - requests that search and check: their options, their results, and their documents as C
 * structs. */
#include "loopback.h"

#include "tv_search.h"

static tv_request *search_request(void) {
    tv_request *request = NULL;
    OK(tv_request_search("", 0, &request, ERR));
    return request;
}

static tv_request *check_request(void) {
    tv_request *request = NULL;
    OK(tv_request_check(ACCOUNT_A, TV_NUL, &request, ERR));
    return request;
}

#define SET(request, name, value) tv_request_set(request, name, TV_NUL, value, TV_NUL, ERR)

/* ---- Requests ------------------------------------------------------------------------------- */

PROMISE(every_documented_filter_is_taken) {
    static const char *const options[][2] = {
        {"deadline_ms", "1000"}, {"priority", "bulk"}, {"limit", "100000"}, {"per_page", "1"},
        {"cursor", "c"}, {"detections_only", "true"}, {"start", "2026-11-01T00:00:00Z"},
        {"end", "2026-11-24T01:00:00.5+01:00"}, {"sender", "a@b"}, {"recipient", "b"},
        {"domain", "c"}, {"subject", "d e"}, {"message_id", "<f@g>"}, {"alert_id", "h"},
        {"smtp_helo_ip", "192.0.2.1"}, {"query", "i"}, {"delivery_status", "quarantined"},
        {"final_disposition", "MALICIOUS-BEC"}, {"message_action", "MOVED"}, {"metric", "m"},
    };
    tv_request *request = search_request();
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        OK(tv_request_set(request, options[i][0], strlen(options[i][0]), options[i][1],
                          strlen(options[i][1]), ERR));
    tv_request_free(request);
}

PROMISE(an_option_of_another_kind_is_refused_with_the_names_there_are) {
    tv_request *trace = test_request();
    tv_request *search = search_request();
    tv_request *check = check_request();
    OK(SET(trace, "fresh", "true"));
    OK(SET(check, "priority", "interactive"));
    GIVES_NAMING(TV_E_CONFIG_NAME, "submission", SET(trace, "sender", "a"));
    GIVES_NAMING(TV_E_CONFIG_NAME, "smtp_helo_ip", SET(search, "wait_ms", "1"));
    GIVES_NAMING(TV_E_CONFIG_NAME, "priority", SET(check, "fresh", "true"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "limit", SET(search, "limit", "0"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "sender", SET(search, "sender", "a\nb"));
    GIVES_NAMING(TV_E_ARGUMENT, "value", SET(search, "sender", "\xff"));
    tv_request_free(trace);
    tv_request_free(search);
    tv_request_free(check);
}

PROMISE(wrong_arguments_are_refused_and_named) {
    tv_request *request = NULL;
    GIVES_NAMING(TV_E_ARGUMENT, "account", tv_request_search(NULL, 32, &request, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "account", tv_request_check(NULL, 32, &request, ERR));
    GIVES_NAMING(TV_E_ACCOUNT_ID, "account", tv_request_search("x", TV_NUL, &request, ERR));
    GIVES_NAMING(TV_E_ACCOUNT_ID, "account", tv_request_check("x", TV_NUL, &request, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "request_out", tv_request_search("", 0, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "request_out", tv_request_check("", 0, NULL, ERR));
    CHECK(request == NULL);
}

PROMISE(a_result_says_what_was_asked) {
    scene s = open_scene(0, NULL);
    tv_request *requests[] = {test_request(), search_request(), check_request()};
    for (uint64_t tag = 0; tag < 3; tag++)
        OK(tv_engine_submit(s.engine, s.acme, requests[tag], tag, NULL, ERR));
    static const int32_t kinds[] = {TV_RESULT_TRACE, TV_RESULT_SEARCH, TV_RESULT_CHECK};
    for (int i = 0; i < 3; i++) {
        tv_result *result = next_result(s.engine);
        uint64_t tag = tv_result_tag(result);
        CHECK(tag < 3 && tv_result_kind(result) == kinds[tag]);
        CHECK(tv_result_status(result) == TV_E_TRANSPORT);
        tv_result_free(result);
    }
    for (int i = 0; i < 3; i++) tv_request_free(requests[i]);
    close_scene(&s);
}

/* ---- Documents ------------------------------------------------------------------------------ */

#define SEARCH "{\"schema\":\"tracevault.search/1\""
#define CHECKED "{\"schema\":\"tracevault.check/1\",\"valid\":true,\"kind\":\"api_token\""

PROMISE(a_full_search_becomes_structs) {
    static const char json[] = SEARCH
        ",\"account_id\":\"" ACCOUNT_A "\",\"tenant\":\"acme\","
        "\"fetched_at\":\"2026-11-01T00:00:00.000Z\",\"attempts\":3,\"http_status\":500,"
        "\"cf_ray\":\"ray\",\"complete\":false,\"next_cursor\":\"c\",\"pages\":2,\"messages\":["
        "{\"message_ref\":\"m1\",\"alert_id\":\"a\",\"postfix_id\":\"p\","
        "\"postfix_id_outbound\":\"o\",\"message_id\":\"<i>\",\"subject\":\"s\",\"from\":\"f\","
        "\"from_name\":\"n\",\"envelope_from\":\"e\",\"to\":[\"t1\",\"t\\u00002\"],\"envelope_to\":[],"
        "\"delivery_status\":[\"quarantined\"],\"final_disposition\":\"SPAM\","
        "\"delivery_mode\":\"DIRECT\",\"is_quarantined\":true,\"scanned_at\":\"x\","
        "\"sent_at\":\"y\",\"item\":{\"id\":\"m1\",\"n\":[1]}},"
        "{\"message_ref\":null,\"to\":[],\"item\":7}],"
        "\"error\":{\"status\":\"TV_E_SERVER\",\"message\":\"w\",\"retriable\":true,"
        "\"retry_after_ms\":7000,\"http_status\":500,\"codes\":[1]},"
        "\"warnings\":[{\"code\":\"message_ref_missing\",\"count\":1,\"path\":\"/result/1\"}]}";
    tv_search *search = NULL;
    char reason[80];
    CHECK(tv_search_parse(json, TV_NUL, &search, reason, sizeof reason) == TV_TRACE_OK);
    if (search == NULL) return;
    CHECK(strcmp(search->account_id, ACCOUNT_A) == 0 && strcmp(search->tenant, "acme") == 0);
    CHECK(search->attempts == 3 && search->http_status == 500 && search->pages == 2);
    CHECK(search->complete == TV_TRACE_NO && strcmp(search->next_cursor, "c") == 0);
    CHECK(strcmp(search->cf_ray, "ray") == 0 && strcmp(search->error_status, "TV_E_SERVER") == 0);
    CHECK(search->error_retriable == TV_TRACE_YES && search->error_retry_after_ms == 7000);
    CHECK(search->warning_count == 1 && search->warnings[0].count == 1);
    CHECK(search->message_count == 2);
    const tv_found *found = search->messages;
    CHECK(strcmp(found[0].message_ref, "m1") == 0 && strcmp(found[0].from, "f") == 0);
    CHECK(found[0].to.count == 2 && strcmp(found[0].to.items[1], "t\xEF\xBF\xBD" "2") == 0);
    CHECK(found[0].envelope_to.count == 0 && found[0].envelope_to.items == NULL);
    CHECK(found[0].is_quarantined == TV_TRACE_YES);
    CHECK(strcmp(found[0].item_json, "{\"id\":\"m1\",\"n\":[1]}") == 0);
    CHECK(found[1].message_ref == NULL && strcmp(found[1].item_json, "7") == 0);
    CHECK(found[1].is_quarantined == TV_TRACE_UNKNOWN);
    tv_search_free(search);
    tv_search_free(NULL);
}

#define FOUND "{\"schema\":\"tracevault.finding/1\",\"tenant\":\"acme\",\"account_id\":\"" ACCOUNT_A "\""

PROMISE(a_full_finding_becomes_structs) {
    static const char json[] = FOUND
        ",\"label\":\"Acme\",\"message\":{\"message_ref\":\"m\",\"item\":{\"n\":1},\"to\":[\"t\"]},"
        "\"trace\":{\"schema\":\"tracevault.trace/1\"},"
        "\"error\":{\"status\":\"TV_E_SERVER\",\"message\":\"w\",\"retriable\":true,"
        "\"retry_after_ms\":7000,\"http_status\":500,\"codes\":[1]},"
        "\"progress\":{\"accounts\":9,\"done\":4,\"failed\":1,\"found\":5,\"under_way\":2}}";
    tv_finding *finding = NULL;
    char reason[80];
    CHECK(tv_finding_parse(json, TV_NUL, &finding, reason, sizeof reason) == TV_TRACE_OK);
    if (finding == NULL) return;
    CHECK(strcmp(finding->tenant, "acme") == 0 && strcmp(finding->account_id, ACCOUNT_A) == 0);
    CHECK(strcmp(finding->label, "Acme") == 0 && strcmp(finding->message->message_ref, "m") == 0);
    CHECK(finding->message->to.count == 1 && strcmp(finding->message->item_json, "{\"n\":1}") == 0);
    CHECK(strcmp(finding->message_json,
                 "{\"message_ref\":\"m\",\"item\":{\"n\":1},\"to\":[\"t\"]}") == 0);
    CHECK(strcmp(finding->trace_json, "{\"schema\":\"tracevault.trace/1\"}") == 0);
    CHECK(strcmp(finding->error_status, "TV_E_SERVER") == 0 && strcmp(finding->error_message, "w") == 0);
    CHECK(finding->error_retriable == TV_TRACE_YES && finding->error_retry_after_ms == 7000);
    CHECK(finding->progress.accounts == 9 && finding->progress.done == 4);
    CHECK(finding->progress.failed == 1 && finding->progress.found == 5);
    CHECK(finding->progress.under_way == 2);
    tv_finding_free(finding);
    tv_finding_free(NULL);
}

PROMISE(a_finding_that_lacks_everything_is_one_of_no_message) {
    static const char json[] = FOUND ",\"message\":null,\"trace\":null,\"error\":null}";
    tv_finding *finding = NULL;
    CHECK(tv_finding_parse(json, TV_NUL, &finding, NULL, 0) == TV_TRACE_OK);
    if (finding == NULL) return;
    CHECK(finding->message == NULL && finding->message_json == NULL);
    CHECK(finding->trace_json == NULL && finding->error_status == NULL);
    CHECK(finding->error_retriable == TV_TRACE_UNKNOWN && finding->error_retry_after_ms == -1);
    tv_finding_free(finding);
    tv_hunt *hunt = NULL;
    CHECK(tv_hunt_parse(json, TV_NUL, &hunt, NULL, 0) == TV_TRACE_SCHEMA && hunt == NULL);
    CHECK(tv_hunt_parse("{\"schema\":\"tracevault.hunt/1\",\"over\":true,\"found\":3}", TV_NUL,
                        &hunt, NULL, 0) == TV_TRACE_OK);
    CHECK(hunt != NULL && hunt->over == TV_TRACE_YES && hunt->progress.found == 3);
    tv_hunt_free(hunt);
    tv_hunt_free(NULL);
}

PROMISE(a_full_check_becomes_structs) {
    static const char json[] =
        "{\"schema\":\"tracevault.check/1\",\"account_id\":\"" ACCOUNT_A "\","
        "\"checked_at\":\"t\",\"attempts\":1,\"http_status\":401,\"valid\":false,"
        "\"kind\":\"api_token\",\"token_kind\":\"user\",\"status\":\"unknown\","
        "\"token_id\":\"id\",\"not_before\":null,\"expires_on\":\"e\",\"expires_on_unix\":1790121600,"
        "\"reason\":{\"code\":1000,\"message\":\"Invalid API Token\"},"
        "\"warnings\":[{\"code\":\"expires_within_7_days\"}]}";
    tv_check *check = NULL;
    char reason[80];
    CHECK(tv_check_parse(json, TV_NUL, &check, reason, sizeof reason) == TV_TRACE_OK);
    if (check == NULL) return;
    CHECK(check->valid == TV_TRACE_NO && strcmp(check->token_kind, "user") == 0);
    CHECK(check->reason_code == 1000 && strcmp(check->reason_message, "Invalid API Token") == 0);
    CHECK(check->not_before == NULL && strcmp(check->expires_on, "e") == 0);
    CHECK(check->expires_on_unix == 1790121600);
    CHECK(check->warning_count == 1 && check->http_status == 401);
    tv_check_free(check);
    tv_check_free(NULL);
}

static void search_refused(tv_trace_result expected, const char *json) {
    tv_search *search = NULL;
    char reason[120] = "unset";
    tv_trace_result result = tv_search_parse(json, strlen(json), &search, reason, sizeof reason);
    if (result != expected) FAIL("%s: result %d, not %d (%s)", json, result, expected, reason);
    CHECK(search == NULL && *reason != '\0' && strcmp(reason, "unset") != 0);
}

static void check_refused(tv_trace_result expected, const char *json) {
    tv_check *check = NULL;
    char reason[120] = "unset";
    tv_trace_result result = tv_check_parse(json, strlen(json), &check, reason, sizeof reason);
    if (result != expected) FAIL("%s: result %d, not %d (%s)", json, result, expected, reason);
    CHECK(check == NULL && *reason != '\0' && strcmp(reason, "unset") != 0);
}

PROMISE(another_document_or_another_type_is_refused) {
    search_refused(TV_TRACE_SCHEMA, "{}");
    search_refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.trace/1\"}");
    search_refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.search/2\"}");
    search_refused(TV_TRACE_NOT_JSON, "<html>");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":{}}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":[1]}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":[{}]}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":[{\"to\":\"a\",\"item\":1}]}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":[{\"to\":[1],\"item\":1}]}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"messages\":[{\"from\":1,\"item\":1}]}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"error\":\"x\"}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"pages\":-1}");
    search_refused(TV_TRACE_SHAPE, SEARCH ",\"warnings\":[{}]}");
    check_refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.search/1\"}");
    check_refused(TV_TRACE_NOT_JSON, "[]");
    check_refused(TV_TRACE_SHAPE, "{\"schema\":\"tracevault.check/1\",\"kind\":\"api_token\"}");
    check_refused(TV_TRACE_SHAPE, "{\"schema\":\"tracevault.check/1\",\"valid\":true}");
    check_refused(TV_TRACE_SHAPE, CHECKED ",\"reason\":1}");
    check_refused(TV_TRACE_SHAPE, CHECKED ",\"reason\":{\"code\":\"1\"}}");
    CHECK(tv_search_parse(NULL, 0, NULL, NULL, 0) == TV_TRACE_ARGUMENT);
    CHECK(tv_check_parse("{}", TV_NUL, NULL, NULL, 0) == TV_TRACE_ARGUMENT);
}

PROMISE(absent_null_and_unknown_fields_are_tolerated) {
    tv_search *search = NULL;
    tv_check *check = NULL;
    CHECK(tv_search_parse(SEARCH ",\"messages\":null,\"new\":{\"a\":1}}", TV_NUL, &search, NULL,
                          0) == TV_TRACE_OK);
    CHECK(search != NULL && search->message_count == 0 && search->messages == NULL &&
          search->error_status == NULL && search->error_retry_after_ms == -1);
    CHECK(tv_check_parse(CHECKED ",\"scopes\":[]}", TV_NUL, &check, NULL, 0) == TV_TRACE_OK);
    CHECK(check != NULL && check->reason_message == NULL && check->warning_count == 0);
    tv_search_free(search);
    tv_check_free(check);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(every_documented_filter_is_taken);
    RUN(an_option_of_another_kind_is_refused_with_the_names_there_are);
    RUN(wrong_arguments_are_refused_and_named);
    RUN(a_result_says_what_was_asked);
    RUN(a_full_search_becomes_structs);
    RUN(a_full_finding_becomes_structs);
    RUN(a_finding_that_lacks_everything_is_one_of_no_message);
    RUN(a_full_check_becomes_structs);
    RUN(another_document_or_another_type_is_refused);
    RUN(absent_null_and_unknown_fields_are_tolerated);
    return finish();
}
