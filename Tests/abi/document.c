/* document.c - stored replies decoded offline: every shape of a trace, and what is none. */
#include "test.h"

#include "tv_trace.h"

static tv_document *decode(const char *body, size_t len) {
    tv_document *document = NULL;
    OK(tv_document_decode(body, len, &document, ERR));
    return document;
}

/* Decodes a body and reads its "trace" view with the C binding. */
static tv_trace *trace_of(const char *body, size_t len) {
    tv_document *document = decode(body, len);
    tv_walk walk;
    OK(tv_document_walk(document, "trace", TV_NUL, &walk, ERR));
    CHECK(walk.text != NULL && walk.text[walk.text_len] == '\0');
    tv_trace *trace = NULL;
    char reason[200];
    if (tv_trace_read(&walk, &trace, reason, sizeof reason) != TV_TRACE_OK)
        FAIL("tv_trace_read: %s", reason);
    tv_document_free(document); /* the trace must not need it */
    return trace;
}

static const char today[] =
    "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":{"
    "\"inbound\":{\"pending\":false,\"lines\":["
    "{\"lineno\":0,\"logged_at\":\"2024-01-05T10:00:00.5Z\",\"message\":\"connect from \\u0000x\"},"
    "{\"lineno\":1,\"logged_at\":null,\"message\":\"second\",\"added\":{\"a\":1}}]},"
    "\"outbound\":{\"pending\":true,\"lines\":null}}}";

static const char of_2024[] =
    "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":{"
    "\"inbound\":{\"lines\":[{\"lineno\":7,\"ts\":\"2024-08-28T15:32:35Z\",\"message\":\"m\"}]},"
    "\"outbound\":{\"lines\":[]}}}";

PROMISE(todays_shape_becomes_structs) {
    tv_trace *trace = trace_of(today, sizeof today - 1);
    if (trace == NULL) return;
    CHECK(strcmp(trace->schema, "tracevault.trace/1") == 0);
    CHECK(trace->account_id == NULL && trace->tenant == NULL && trace->http_status == 0);
    CHECK(trace->complete == TV_TRACE_NO);
    CHECK(trace->inbound.pending == TV_TRACE_NO && trace->outbound.pending == TV_TRACE_YES);
    CHECK(trace->inbound.line_count == 2 && trace->outbound.line_count == 0);
    CHECK(trace->outbound.lines == NULL);
    if (trace->inbound.line_count == 2) {
        const tv_trace_line *lines = trace->inbound.lines;
        CHECK(lines[0].has_lineno && lines[0].lineno == 0);
        CHECK(lines[0].at != NULL && strncmp(lines[0].at, "2024-01-05T10:00:00.5", 21) == 0);
        CHECK(lines[0].message_len == 15 && memcmp(lines[0].message, "connect from \0x", 15) == 0);
        CHECK(lines[1].lineno == 1 && lines[1].at == NULL);
        CHECK(lines[1].extra_json != NULL && strstr(lines[1].extra_json, "\"added\"") != NULL);
        CHECK(lines[0].extra_json == NULL);
    }
    CHECK(trace->warning_count > 0 && trace->warnings[0].code != NULL);
    tv_trace_free(trace);
}

PROMISE(the_shape_of_2024_becomes_the_same_structs) {
    tv_trace *trace = trace_of(of_2024, sizeof of_2024 - 1);
    if (trace == NULL) return;
    CHECK(trace->inbound.pending == TV_TRACE_UNKNOWN);
    CHECK(trace->inbound.line_count == 1);
    if (trace->inbound.line_count == 1) {
        CHECK(trace->inbound.lines[0].lineno == 7);
        CHECK(trace->inbound.lines[0].at != NULL);
        CHECK(strcmp(trace->inbound.lines[0].message, "m") == 0);
    }
    tv_trace_free(trace);
}

PROMISE(the_raw_view_is_the_body_byte_for_byte) {
    tv_document *document = decode(today, sizeof today - 1);
    const char *raw = NULL;
    size_t len = 0;
    OK(tv_document_view(document, "raw", TV_NUL, &raw, &len, ERR));
    CHECK(len == sizeof today - 1 && memcmp(raw, today, len) == 0);
    tv_document_free(document);
}

PROMISE(a_view_is_made_once_and_stays) {
    tv_document *document = decode(today, sizeof today - 1);
    const char *first = NULL;
    const char *again = NULL;
    const char *raw = NULL;
    size_t len = 0;
    OK(tv_document_view(document, "trace", TV_NUL, &first, &len, ERR));
    OK(tv_document_view(document, "raw", TV_NUL, &raw, NULL, ERR));
    OK(tv_document_view(document, "trace", TV_NUL, &again, &len, ERR));
    CHECK(first == again && strlen(first) == len);
    tv_document_free(document);
}

/* How many lines a view has, each a JSON object; -1 when it is anything else. */
static int lines_of(tv_document *document, const char *view) {
    const char *text = NULL;
    const char *again = NULL;
    size_t len = 0;
    OK(tv_document_view(document, view, strlen(view), &text, &len, ERR));
    OK(tv_document_view(document, view, strlen(view), &again, NULL, ERR));
    if (text == NULL || text != again || strlen(text) != len) return -1;
    int count = 0;
    for (const char *line = text; *line != '\0'; count++) {
        const char *end = strchr(line, '\n');
        if (end == NULL || *line != '{' || end[-1] != '}') return -1;
        line = end + 1;
    }
    return count;
}

PROMISE(views_for_stores_are_json_lines_and_what_is_not_there_is_counted) {
    static const char body[] =
        "{\"success\":true,\"result\":{\"inbound\":{\"pending\":false,\"lines\":["
        "{\"message\":\"one\",\"logged_at\":\"2026-11-23T04:33:50Z\"},"
        "{\"message\":\"4Njp3P0STMz2c02Q: from=<a@b.example>, size=1, nrcpt=1 (queue active)\"}]},"
        "\"outbound\":{\"pending\":false,\"lines\":[]}}}";
    tv_document *document = decode(body, sizeof body - 1);
    CHECK(lines_of(document, "ecs") == 2 && lines_of(document, "ocsf") == 2);
    const char *text = NULL;
    OK(tv_document_view(document, "ocsf_warnings", TV_NUL, &text, NULL, ERR));
    CHECK(strcmp(text, "[]") == 0);
    tv_document_free(document);

    document = decode(today, sizeof today - 1);
    CHECK(lines_of(document, "ocsf") == 0);
    OK(tv_document_view(document, "ocsf_warnings", TV_NUL, &text, NULL, ERR));
    CHECK(strstr(text, "[{\"code\":\"line_without_address\",\"count\":") == text);
    OK(tv_document_view(document, "ecs_warnings", TV_NUL, &text, NULL, ERR));
    CHECK(*text == '[');
    tv_document_free(document);
}

PROMISE(an_unknown_view_names_those_there_are) {
    tv_document *document = decode(today, sizeof today - 1);
    const char *data = NULL;
    size_t len = 0;
    GIVES_NAMING(TV_E_NOT_FOUND, "raw",
                 tv_document_view(document, "cef", TV_NUL, &data, &len, ERR));
    GIVES_NAMING(TV_E_NOT_FOUND, "trace", tv_document_view(document, "", 0, &data, &len, ERR));
    CHECK(data == NULL);
    tv_document_free(document);
}

static void decoding_gives(tv_status expected, const char *body, size_t len) {
    tv_document *document = NULL;
    tv_error *error = NULL;
    tv_status status = tv_document_decode(body, len, &document, &error);
    if (status != expected)
        FAIL("%.40s…: %s instead of %s", body, tv_status_name(status), tv_status_name(expected));
    CHECK((error == NULL) == (status == TV_OK));
    tv_error_free(error);
    tv_document_free(document);
}

static void decoding_text_gives(tv_status expected, const char *body) {
    decoding_gives(expected, body, strlen(body));
}

PROMISE(what_is_no_trace_is_a_status_of_its_own) {
    decoding_text_gives(TV_E_REPLY_EMPTY, "");
    decoding_text_gives(TV_E_REPLY_EMPTY, " \r\n\t");
    decoding_text_gives(TV_E_NOT_JSON, "<!DOCTYPE html><html></html>");
    decoding_text_gives(TV_E_NOT_JSON, "upstream connect error");
    decoding_text_gives(TV_E_FOREIGN_REPLY, "[]");
    decoding_text_gives(TV_E_FOREIGN_REPLY, "\"text\"");
    decoding_text_gives(TV_E_FOREIGN_REPLY, "{\"result\":{}}");
    decoding_text_gives(TV_E_REPLY_SHAPE, "{\"success\":true,\"result\":[]}");
    decoding_text_gives(TV_E_REPLY_REFUSED,
                        "{\"success\":false,\"errors\":[{\"code\":1000,\"message\":\"no\"}],"
                        "\"messages\":[],\"result\":null}");
}

PROMISE(cloudflares_codes_reach_the_error) {
    static const char refusal[] = "{\"success\":false,\"errors\":[{\"code\":971,\"message\":\"a\"},"
                                  "{\"code\":10000,\"message\":\"b\"}],\"result\":null}";
    tv_document *document = NULL;
    tv_error *error = NULL;
    CHECK(tv_document_decode(refusal, sizeof refusal - 1, &document, &error) == TV_E_REPLY_REFUSED);
    CHECK(tv_error_code_count(error) == 2);
    CHECK(tv_error_code(error, 0) == 971 && tv_error_code(error, 1) == 10000);
    CHECK(tv_error_code(error, 2) == 0);
    tv_error_free(error);
}

PROMISE(a_later_look_that_failed_is_told) {
    static const char text[] =
        "{\"schema\":\"tracevault.trace/1\",\"complete\":false,\"error\":{\"status\":\"TV_E_SERVER\","
        "\"message\":\"no\",\"retriable\":true,\"retry_after_ms\":2000,\"http_status\":500,\"codes\":[]}}";
    tv_trace *trace = NULL;
    CHECK(tv_trace_parse(text, TV_NUL, &trace, NULL, 0) == TV_TRACE_OK);
    CHECK(strcmp(trace->error_status, "TV_E_SERVER") == 0);
    CHECK(strcmp(trace->error_message, "no") == 0);
    CHECK(trace->error_retriable == TV_TRACE_YES && trace->error_retry_after_ms == 2000);
    tv_trace_free(trace);
    static const char without[] = "{\"schema\":\"tracevault.trace/1\"}";
    CHECK(tv_trace_parse(without, TV_NUL, &trace, NULL, 0) == TV_TRACE_OK);
    CHECK(trace->error_status == NULL && trace->error_retry_after_ms == -1);
    CHECK(trace->error_retriable == TV_TRACE_UNKNOWN);
    tv_trace_free(trace);
}

PROMISE(the_body_of_a_mended_trace_is_walked_as_it_was_read) {
    static const char body[] =
        "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[{\"message\":\"a\xFFz\"}]}}}";
    tv_document *document = decode(body, sizeof body - 1);
    tv_walk walk;
    OK(tv_document_walk(document, "raw", TV_NUL, &walk, ERR));
    CHECK(strstr(walk.text, "a\xEF\xBF\xBDz") != NULL && walk.entry_count > 5);
    const char *data = NULL;
    size_t len = 0;
    OK(tv_document_view(document, "raw", TV_NUL, &data, &len, ERR));
    CHECK(strstr(data, "a\xFFz") != NULL && len + 2 == walk.text_len);
    tv_document_free(document);
}

PROMISE(a_reply_cut_anywhere_is_refused) {
    for (size_t len = 1; len < sizeof today - 1; len++)
        decoding_gives(TV_E_REPLY_TRUNCATED, today, len);
}

PROMISE(deep_nesting_is_refused_without_harm) {
    enum { DEPTH = 200000 };
    char *deep = malloc(DEPTH * 2 + 64);
    CHECK(deep != NULL);
    if (deep == NULL) return;
    memset(deep, '[', DEPTH);
    memset(deep + DEPTH, ']', DEPTH);
    decoding_gives(TV_E_REPLY_DEPTH, deep, DEPTH * 2);
    free(deep);
}

PROMISE(every_byte_changed_gives_a_status_and_no_crash) {
    char copy[sizeof today];
    for (size_t i = 0; i < sizeof today - 1; i++) {
        for (int value = 0; value < 256; value += 17) {
            memcpy(copy, today, sizeof today);
            copy[i] = (char)value;
            tv_document *document = NULL;
            if (tv_document_decode(copy, sizeof today - 1, &document, NULL) == TV_OK) {
                const char *data = NULL;
                size_t len = 0;
                OK(tv_document_view(document, "trace", TV_NUL, &data, &len, ERR));
                tv_trace *trace = NULL;
                char reason[200];
                if (tv_trace_parse(data, len, &trace, reason, sizeof reason) != TV_TRACE_OK)
                    FAIL("byte %zu = %d: %s", i, value, reason);
                tv_trace_free(trace);
            }
            tv_document_free(document);
        }
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(todays_shape_becomes_structs);
    RUN(the_shape_of_2024_becomes_the_same_structs);
    RUN(the_raw_view_is_the_body_byte_for_byte);
    RUN(a_view_is_made_once_and_stays);
    RUN(views_for_stores_are_json_lines_and_what_is_not_there_is_counted);
    RUN(an_unknown_view_names_those_there_are);
    RUN(what_is_no_trace_is_a_status_of_its_own);
    RUN(cloudflares_codes_reach_the_error);
    RUN(a_later_look_that_failed_is_told);
    RUN(the_body_of_a_mended_trace_is_walked_as_it_was_read);
    RUN(a_reply_cut_anywhere_is_refused);
    RUN(deep_nesting_is_refused_without_harm);
    RUN(every_byte_changed_gives_a_status_and_no_crash);
    return finish();
}
