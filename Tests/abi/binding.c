/* binding.c - tv_trace_parse() takes every document the schema allows and refuses the rest. */
#include "test.h"

#include "tv_trace.h"

static tv_trace_result parse(const char *json, tv_trace **trace, char *reason, size_t len) {
    *trace = NULL;
    return tv_trace_parse(json, strlen(json), trace, reason, len);
}

static void refused(tv_trace_result expected, const char *json) {
    tv_trace *trace = NULL;
    char reason[120] = "unset";
    tv_trace_result result = parse(json, &trace, reason, sizeof reason);
    if (result != expected) FAIL("%s: result %d, not %d (%s)", json, result, expected, reason);
    CHECK(trace == NULL);
    if (result != TV_TRACE_OK) CHECK(*reason != '\0' && strcmp(reason, "unset") != 0);
    tv_trace_free(trace);
}

#define HEAD "{\"schema\":\"tracevault.trace/1\""

PROMISE(a_full_document_becomes_structs) {
    static const char json[] = HEAD
        ",\"account_id\":\"" ACCOUNT_A "\",\"tenant\":\"acme\",\"message_ref\":\"m\","
        "\"fetched_at\":\"2026-11-01T00:00:00Z\",\"complete\":true,\"cf_ray\":\"ray\","
        "\"http_status\":200,\"attempts\":3,\"queue_id\":{\"value\":\"q\",\"time\":\"t\"},"
        "\"inbound\":{\"pending\":false,\"lines\":[{\"lineno\":9223372036854775807,\"at\":\"a\","
        "\"at_raw\":\"r\",\"message\":\"one\",\"event\":{\"kind\":\"k\"},\"extra\":{\"x\":[1]}}],"
        "\"extra\":{\"new\":true}},"
        "\"outbound\":{\"pending\":null,\"lines\":[]},\"extra\":{\"more\":1},"
        "\"warnings\":[{\"code\":\"time_unreadable\",\"count\":2,\"path\":\"/p\"}]}";
    tv_trace *trace = NULL;
    char reason[80];
    CHECK(parse(json, &trace, reason, sizeof reason) == TV_TRACE_OK && *reason == '\0');
    if (trace == NULL) return;
    CHECK(strcmp(trace->account_id, ACCOUNT_A) == 0 && strcmp(trace->tenant, "acme") == 0);
    CHECK(strcmp(trace->message_ref, "m") == 0 && strcmp(trace->cf_ray, "ray") == 0);
    CHECK(strcmp(trace->fetched_at, "2026-11-01T00:00:00Z") == 0);
    CHECK(trace->complete == TV_TRACE_YES && trace->http_status == 200 && trace->attempts == 3);
    CHECK(strcmp(trace->queue_id, "q") == 0 && strcmp(trace->queue_id_time, "t") == 0);
    CHECK(trace->inbound.pending == TV_TRACE_NO && trace->outbound.pending == TV_TRACE_UNKNOWN);
    CHECK(trace->inbound.line_count == 1 && trace->outbound.line_count == 0);
    const tv_trace_line *line = trace->inbound.lines;
    CHECK(line->has_lineno && line->lineno == INT64_MAX && line->message_len == 3);
    CHECK(strcmp(line->at, "a") == 0 && strcmp(line->at_raw, "r") == 0);
    CHECK(strcmp(line->event_json, "{\"kind\":\"k\"}") == 0);
    CHECK(strcmp(line->extra_json, "{\"x\":[1]}") == 0);
    CHECK(strcmp(trace->inbound.extra_json, "{\"new\":true}") == 0);
    CHECK(strcmp(trace->extra_json, "{\"more\":1}") == 0 && trace->outbound.extra_json == NULL);
    CHECK(trace->warning_count == 1 && trace->warnings[0].count == 2);
    CHECK(strcmp(trace->warnings[0].code, "time_unreadable") == 0);
    CHECK(strcmp(trace->warnings[0].path, "/p") == 0);
    tv_trace_free(trace);
}

PROMISE(absent_null_and_unknown_fields_are_tolerated) {
    static const char *const documents[] = {
        HEAD "}",
        HEAD ",\"tenant\":null,\"queue_id\":null,\"inbound\":null,\"warnings\":null}",
        HEAD ",\"inbound\":{},\"outbound\":{\"lines\":null}}",
        HEAD ",\"inbound\":{\"lines\":[{}]},\"new\":{\"a\":[1,2.5,null]},\"summary\":{}}",
        HEAD ",\"inbound\":{\"lines\":[{\"lineno\":null,\"message\":null,\"new\":1}]}}",
    };
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        tv_trace *trace = NULL;
        char reason[80];
        if (parse(documents[i], &trace, reason, sizeof reason) != TV_TRACE_OK)
            FAIL("%s: %s", documents[i], reason);
        CHECK(trace != NULL && trace->tenant == NULL && trace->complete == TV_TRACE_UNKNOWN);
        tv_trace_free(trace);
    }
}

PROMISE(another_document_is_refused_by_its_schema) {
    refused(TV_TRACE_SCHEMA, "{}");
    refused(TV_TRACE_SCHEMA, "{\"schema\":null}");
    refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.trace/2\"}");
    refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.trace/10\"}");
    refused(TV_TRACE_SCHEMA, "{\"schema\":\"tracevault.search/1\"}");
}

PROMISE(what_is_no_json_object_is_refused) {
    refused(TV_TRACE_NOT_JSON, "");
    refused(TV_TRACE_NOT_JSON, "{");
    refused(TV_TRACE_NOT_JSON, "[]");
    refused(TV_TRACE_NOT_JSON, "<html>");
    refused(TV_TRACE_NOT_JSON, HEAD "} trailing");
}

PROMISE(a_field_of_another_type_is_refused) {
    refused(TV_TRACE_SHAPE, "{\"schema\":1}");
    refused(TV_TRACE_SHAPE, HEAD ",\"tenant\":1}");
    refused(TV_TRACE_SHAPE, HEAD ",\"complete\":\"yes\"}");
    refused(TV_TRACE_SHAPE, HEAD ",\"http_status\":\"200\"}");
    refused(TV_TRACE_SHAPE, HEAD ",\"http_status\":-1}");
    refused(TV_TRACE_SHAPE, HEAD ",\"attempts\":2147483648}");
    refused(TV_TRACE_SHAPE, HEAD ",\"attempts\":1.5}");
    refused(TV_TRACE_SHAPE, HEAD ",\"queue_id\":\"q\"}");
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":[]}");
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":{\"pending\":0}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":{\"lines\":{}}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":{\"lines\":[1]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"outbound\":{\"lines\":[{\"message\":[]}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"outbound\":{\"lines\":[{\"extra\":1}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"warnings\":[{}]}");
    refused(TV_TRACE_SHAPE, HEAD ",\"warnings\":[\"code\"]}");
}

PROMISE(a_reason_fits_whatever_room_there_is) {
    tv_trace *trace = NULL;
    char reason[200];
    for (size_t room = 0; room < sizeof reason; room++) {
        memset(reason, '#', sizeof reason);
        CHECK(tv_trace_parse(TEXT("{\"schema\":\"tracevault.trace/99\"}"), &trace, reason, room) ==
              TV_TRACE_SCHEMA);
        CHECK(reason[room] == '#' && (room == 0 || memchr(reason, '\0', room) != NULL));
    }
    CHECK(tv_trace_parse(TEXT("{"), &trace, NULL, 0) == TV_TRACE_NOT_JSON);
    CHECK(tv_trace_parse(NULL, 0, &trace, NULL, 0) == TV_TRACE_ARGUMENT);
    CHECK(tv_trace_parse(TEXT("{}"), NULL, NULL, 0) == TV_TRACE_ARGUMENT);
    tv_trace_free(NULL);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_full_document_becomes_structs);
    RUN(absent_null_and_unknown_fields_are_tolerated);
    RUN(another_document_is_refused_by_its_schema);
    RUN(what_is_no_json_object_is_refused);
    RUN(a_field_of_another_type_is_refused);
    RUN(a_reason_fits_whatever_room_there_is);
    return finish();
}
