/* binding.c - tv_trace_parse() takes every document the schema allows and refuses the rest. */
#include "test.h"

#include "tv_trace.h"

static tv_trace_result parse(const char *json, tv_trace **trace, char *reason, size_t len) {
    *trace = NULL;
    return tv_trace_parse(json, strlen(json), trace, reason, len);
}

/* The trace of a good document, for which there is no reason to give. */
static tv_trace *parsed(const char *json) {
    tv_trace *trace = NULL;
    char reason[80];
    CHECK(parse(json, &trace, reason, sizeof reason) == TV_TRACE_OK && *reason == '\0');
    return trace;
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
    tv_trace *trace = parsed(json);
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

PROMISE(an_event_becomes_a_struct) {
    static const char json[] = HEAD
        ",\"inbound\":{\"pending\":false,\"lines\":[{\"message\":\"m\"},{\"message\":\"m\",\"event\":"
        "{\"kind\":\"delivery\",\"process\":\"smtp\",\"queue_id\":\"Q\",\"from\":\"\",\"to\":\"a@b\","
        "\"relay\":\"h[1]:25\",\"relay_host\":\"h\",\"relay_ip\":\"1\",\"relay_port\":25,"
        "\"client_host\":\"c\",\"client_ip\":\"2\",\"status\":\"sent\",\"dsn\":\"2.0.0\","
        "\"reply\":\"250 Ok\",\"delay_s\":0.25,\"message_id\":\"i@d\",\"size\":77,\"action\":\"x\","
        "\"text\":\"t\",\"queued_as\":\"N\",\"later\":[1]}},"
        "{\"message\":\"m\",\"event\":{\"kind\":\"k\",\"delay_s\":3,\"relay_port\":123456}}]}}";
    tv_trace *trace = parsed(json);
    if (trace == NULL) return;
    CHECK(trace->inbound.line_count == 3 && trace->inbound.lines[0].event == NULL);
    const tv_trace_event *event = trace->inbound.lines[1].event;
    CHECK(strcmp(event->kind, "delivery") == 0 && strcmp(event->process, "smtp") == 0);
    CHECK(strcmp(event->queue_id, "Q") == 0 && strcmp(event->from, "") == 0);
    CHECK(strcmp(event->to, "a@b") == 0 && strcmp(event->relay, "h[1]:25") == 0);
    CHECK(strcmp(event->relay_host, "h") == 0 && strcmp(event->relay_ip, "1") == 0);
    CHECK(event->relay_port == 25 && strcmp(event->client_host, "c") == 0);
    CHECK(strcmp(event->client_ip, "2") == 0 && strcmp(event->status, "sent") == 0);
    CHECK(strcmp(event->dsn, "2.0.0") == 0 && strcmp(event->reply, "250 Ok") == 0);
    CHECK(event->delay_s > 0.24 && event->delay_s < 0.26 && event->size == 77);
    CHECK(strcmp(event->message_id, "i@d") == 0 && strcmp(event->action, "x") == 0);
    CHECK(strcmp(event->text, "t") == 0 && strcmp(event->queued_as, "N") == 0);
    event = trace->inbound.lines[2].event;
    CHECK(event->delay_s > 2.9 && event->relay_port == 0 && event->size == -1);
    CHECK(event->to == NULL && event->from == NULL && event->status == NULL);
    tv_trace_free(trace);
}

PROMISE(a_summary_becomes_structs) {
    static const char json[] = HEAD
        ",\"summary\":{\"state\":\"mixed\",\"recipients\":[{\"address\":\"a@b\",\"state\":\"sent\","
        "\"orig_to\":\"o\",\"dsn\":\"2.0.0\",\"relay\":\"r\",\"reply\":\"250\",\"at\":\"t\",\"delay_s\":1.5,"
        "\"queue_id\":\"Q\",\"attempts\":2},{\"address\":\"\",\"state\":\"new\",\"attempts\":0}],"
        "\"sender\":\"s\",\"message_id\":\"i\",\"size\":9,\"client_host\":\"c\",\"client_ip\":\"1\","
        "\"first_at\":\"f\",\"last_at\":\"l\",\"hops\":[{\"queue_id\":\"Q\",\"time\":\"t\",\"inode\":5,"
        "\"side\":\"inbound\",\"state\":\"removed\",\"notification\":true,\"first_at\":\"f\","
        "\"last_at\":\"l\",\"previous_queue_id\":\"P\",\"client_host\":\"c\",\"client_ip\":\"1\","
        "\"sender\":\"s\",\"message_id\":\"i\",\"size\":6,\"nrcpt\":3,\"relay\":\"r\",\"delay_s\":4,"
        "\"delay_before_qmgr_s\":1,\"delay_in_qmgr_s\":0,\"delay_conn_setup_s\":3,"
        "\"delay_transmission_s\":0,\"slowest\":\"conn_setup\"},{\"queue_id\":\"R\"}],"
        "\"next_queue_ids\":[{\"id\":\"N\",\"time\":\"t\",\"kind\":\"queued_as\",\"from_queue_id\":\"Q\","
        "\"in_trace\":false}],\"later\":1}}";
    tv_trace *trace = parsed(json);
    if (trace == NULL) return;
    const tv_trace_summary *summary = &trace->summary;
    CHECK(strcmp(summary->state, "mixed") == 0 && strcmp(summary->sender, "s") == 0);
    CHECK(strcmp(summary->message_id, "i") == 0 && summary->size == 9);
    CHECK(strcmp(summary->client_host, "c") == 0 && strcmp(summary->client_ip, "1") == 0);
    CHECK(strcmp(summary->first_at, "f") == 0 && strcmp(summary->last_at, "l") == 0);
    CHECK(summary->recipient_count == 2 && summary->hop_count == 2 && summary->next_count == 1);
    const tv_trace_recipient *one = &summary->recipients[0];
    CHECK(strcmp(one->address, "a@b") == 0 && strcmp(one->state, "sent") == 0);
    CHECK(strcmp(one->orig_to, "o") == 0 && strcmp(one->dsn, "2.0.0") == 0);
    CHECK(strcmp(one->relay, "r") == 0 && strcmp(one->reply, "250") == 0);
    CHECK(strcmp(one->at, "t") == 0 && strcmp(one->queue_id, "Q") == 0);
    CHECK(one->attempts == 2 && one->delay_s > 1.4 && one->delay_s < 1.6);
    CHECK(summary->recipients[1].delay_s < 0 && summary->recipients[1].at == NULL);
    const tv_trace_hop *hop = summary->hops;
    CHECK(strcmp(hop->queue_id, "Q") == 0 && strcmp(hop->time, "t") == 0);
    CHECK(strcmp(hop->side, "inbound") == 0 && strcmp(hop->state, "removed") == 0);
    CHECK(hop->inode == 5 && hop->size == 6 && hop->nrcpt == 3);
    CHECK(hop[1].inode == -1 && hop[1].size == -1 && hop[1].nrcpt == -1);
    CHECK(hop->notification == TV_TRACE_YES && strcmp(hop->first_at, "f") == 0);
    CHECK(strcmp(hop->last_at, "l") == 0 && strcmp(hop->previous_queue_id, "P") == 0);
    CHECK(strcmp(hop->client_host, "c") == 0 && strcmp(hop->client_ip, "1") == 0);
    CHECK(strcmp(hop->sender, "s") == 0 && strcmp(hop->message_id, "i") == 0);
    CHECK(strcmp(hop->relay, "r") == 0 && strcmp(hop->slowest, "conn_setup") == 0);
    CHECK(hop->delay_s > 3.9 && hop->delay_before_qmgr_s > 0.9 && hop->delay_conn_setup_s > 2.9);
    CHECK(hop->delay_in_qmgr_s >= 0 && hop->delay_transmission_s >= 0);
    const tv_trace_next *next = summary->next;
    CHECK(strcmp(next->id, "N") == 0 && strcmp(next->kind, "queued_as") == 0);
    CHECK(strcmp(next->from_queue_id, "Q") == 0 && strcmp(next->time, "t") == 0);
    CHECK(next->in_trace == TV_TRACE_NO);
    tv_trace_free(trace);
}

PROMISE(absent_null_and_unknown_fields_are_tolerated) {
    static const char *const documents[] = {
        HEAD "}",
        HEAD ",\"tenant\":null,\"queue_id\":null,\"inbound\":null,\"warnings\":null}",
        HEAD ",\"inbound\":{},\"outbound\":{\"lines\":null}}",
        HEAD ",\"inbound\":{\"lines\":[{}]},\"new\":{\"a\":[1,2.5,null]},\"summary\":null}",
        HEAD ",\"summary\":{\"state\":\"new\",\"recipients\":null,\"hops\":[]}}",
        HEAD ",\"inbound\":{\"lines\":[{\"message\":\"m\",\"event\":null}]}}",
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

PROMISE(no_text_ends_at_a_nul_byte_of_its_own) {
    static const char json[] = HEAD
        ",\"inbound\":{\"pending\":false,\"lines\":[{\"message\":\"a\\u0000b\",\"at_raw\":\"\\u0000\","
        "\"event\":{\"kind\":\"k\",\"from\":\"ceo@a\\u0000@evil\",\"to\":\"\\u0000\\u0000\"}}]},"
        "\"summary\":{\"state\":\"sent\",\"recipients\":[{\"address\":\"x\\u0000\",\"state\":\"sent\"}]}}";
    tv_trace *trace = NULL;
    char reason[80];
    CHECK(parse(json, &trace, reason, sizeof reason) == TV_TRACE_OK);
    if (trace == NULL) return;
    const tv_trace_line *line = trace->inbound.lines;
    CHECK(line->message_len == 3 && memcmp(line->message, "a\0b", 4) == 0);
    CHECK(strcmp(line->at_raw, "\xEF\xBF\xBD") == 0);
    CHECK(strcmp(line->event->from, "ceo@a\xEF\xBF\xBD@evil") == 0);
    CHECK(strcmp(line->event->to, "\xEF\xBF\xBD\xEF\xBF\xBD") == 0);
    CHECK(strstr(line->event_json, "ceo@a\\u0000@evil") != NULL);
    CHECK(strcmp(trace->summary.recipients[0].address, "x\xEF\xBF\xBD") == 0);
    tv_trace_free(trace);
}

PROMISE(of_a_list_that_comes_twice_the_last_one_counts) {
    tv_trace *trace = parsed(HEAD ",\"warnings\":[{\"code\":\"c\"}],\"warnings\":[],\"inbound\":"
                                  "{\"lines\":[],\"lines\":[{\"message\":\"m\"}]}}");
    CHECK(trace->warning_count == 0);
    CHECK(trace->inbound.line_count == 1 && strcmp(trace->inbound.lines->message, "m") == 0);
    tv_trace_free(trace);
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
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":{\"lines\":[{\"event\":1}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"inbound\":{\"lines\":[{\"event\":{}}]}}");
    refused(TV_TRACE_SHAPE,
            HEAD ",\"inbound\":{\"lines\":[{\"event\":{\"kind\":\"k\",\"delay_s\":\"1\"}}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"summary\":{}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"summary\":{\"state\":\"s\",\"recipients\":[1]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"summary\":{\"state\":\"s\",\"recipients\":[{\"address\":\"a\"}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"summary\":{\"state\":\"s\",\"hops\":{}}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"summary\":{\"state\":\"s\",\"next_queue_ids\":[{}]}}");
    refused(TV_TRACE_SHAPE, HEAD ",\"warnings\":[{}]}");
    refused(TV_TRACE_SHAPE, HEAD ",\"warnings\":[\"code\"]}");
}

PROMISE(a_reason_is_one_line_whatever_schema_the_document_names) {
    static const char *const named[] = {
        "\\n\\u001b[2J\\u001b]0;title\\u0007 example: all is well",
        "\\u009b2J\\u202e",
        "2\\n",
        "a\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9",
    };
    char json[200], reason[200];
    tv_trace *trace = NULL;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        snprintf(json, sizeof json, "{\"schema\":\"tracevault.trace/%s\"}", named[i]);
        CHECK(tv_trace_parse(json, TV_NUL, &trace, reason, sizeof reason) == TV_TRACE_SCHEMA);
        CHECK(*reason != '\0');
        for (const char *at = reason; *at != '\0'; at++) CHECK(*at >= ' ' && *at < 0x7f);
    }
    CHECK(tv_trace_parse("{\"schema\":\"tracevault.trace/12\"}", TV_NUL, &trace, reason,
                         sizeof reason) == TV_TRACE_SCHEMA);
    CHECK(strstr(reason, "tracevault.trace/12") != NULL);
}

PROMISE(a_reason_fits_whatever_room_there_is) {
    tv_trace *trace = NULL;
    char reason[200];
    for (size_t room = 0; room < sizeof reason; room++) {
        memset(reason, '#', sizeof reason);
        CHECK(tv_trace_parse("{\"schema\":\"tracevault.trace/99\"}", TV_NUL, &trace, reason,
                             room) == TV_TRACE_SCHEMA);
        CHECK(reason[room] == '#' && (room == 0 || memchr(reason, '\0', room) != NULL));
    }
    CHECK(tv_trace_parse("{", TV_NUL, &trace, NULL, 0) == TV_TRACE_NOT_JSON);
    CHECK(tv_trace_parse(NULL, 0, &trace, NULL, 0) == TV_TRACE_ARGUMENT);
    CHECK(tv_trace_parse("{}", TV_NUL, NULL, NULL, 0) == TV_TRACE_ARGUMENT);
    tv_trace_free(NULL);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_full_document_becomes_structs);
    RUN(an_event_becomes_a_struct);
    RUN(a_summary_becomes_structs);
    RUN(absent_null_and_unknown_fields_are_tolerated);
    RUN(no_text_ends_at_a_nul_byte_of_its_own);
    RUN(of_a_list_that_comes_twice_the_last_one_counts);
    RUN(another_document_is_refused_by_its_schema);
    RUN(what_is_no_json_object_is_refused);
    RUN(a_field_of_another_type_is_refused);
    RUN(a_reason_is_one_line_whatever_schema_the_document_names);
    RUN(a_reason_fits_whatever_room_there_is);
    return finish();
}
