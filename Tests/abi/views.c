/* views.c - the views of JSON lines through the C binding: what a reply becomes, and what is no
 * view. */
#include "test.h"

#include "tv_views.h"

static const char reply[] =
    "{\"success\":true,\"result\":{\"inbound\":{\"pending\":false,\"lines\":["
    "{\"lineno\":1,\"logged_at\":\"2026-11-20T09:00:00Z\",\"message\":\"postfix/qmgr[9]: "
    "4Njp3P0STMz2c02Q: from=<s@a.example>, size=5, nrcpt=1 (queue active)\"},"
    "{\"lineno\":2,\"logged_at\":\"2026-11-20T09:00:01.5Z\",\"message\":\"postfix/smtp[9]: "
    "4Njp3P0STMz2c02Q: to=<r@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=1.2, "
    "delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 \\\"Ok\\\")\"},"
    "{\"lineno\":3,\"logged_at\":\"2026-11-20T09:00:02Z\",\"message\":\"a\\u0000b\"}]},"
    "\"outbound\":{\"pending\":false,\"lines\":[]}}}";
static const char delivery[] =
    "postfix/smtp[9]: 4Njp3P0STMz2c02Q: to=<r@b.example>, relay=mx.b.example[192.0.2.1]:25, "
    "delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 \"Ok\")";

typedef struct text {
    const char *bytes;
    size_t len;
} text;

static text view(tv_document *document, const char *name) {
    text found = {"", 0};
    OK(tv_document_view(document, name, strlen(name), &found.bytes, &found.len, ERR));
    return found;
}

static tv_document *decoded(const char *body) {
    tv_document *document = NULL;
    OK(tv_document_decode(body, strlen(body), &document, ERR));
    return document;
}

/* The view of the reply, after its document is gone. */
static tv_view *parsed(const char *name, const char *warnings) {
    tv_document *document = decoded(reply);
    text rows = view(document, name);
    tv_walk walk, skipped;
    OK(tv_document_walk(document, name, strlen(name), &walk, ERR));
    OK(tv_document_walk(document, warnings, strlen(warnings), &skipped, ERR));
    tv_view *made = NULL;
    char reason[120] = "unset";
    tv_trace_result result = tv_view_read(&walk, &skipped, &made, reason, sizeof reason);
    if (result != TV_TRACE_OK || *reason != '\0') FAIL("%s: result %d (%s)", name, result, reason);
    size_t at = 0;
    for (size_t i = 0; made != NULL && i < made->row_count; i++) {
        const tv_view_row *row = &made->rows[i];
        CHECK(memcmp(row->json, rows.bytes + at, row->json_len) == 0);
        CHECK(row->json[row->json_len] == '\0' && rows.bytes[at + row->json_len] == '\n');
        at += row->json_len + 1;
    }
    CHECK(made == NULL || at == rows.len);
    tv_document_free(document);
    return made;
}

/* What both views say of the delivery. */
static void is_the_delivery(const tv_view_row *row) {
    CHECK(strlen(row->id) == 32 && strncmp(row->at, "2026-11-20T09:00:01.5", 21) == 0);
    CHECK(strcmp(row->direction, "inbound") == 0 && strcmp(row->code, "2.0.0") == 0);
    CHECK(strcmp(row->reason, "250 \"Ok\"") == 0);
    CHECK(row->to.count == 1 && strcmp(row->to.items[0], "r@b.example") == 0);
    CHECK(row->line_len == strlen(delivery) && strcmp(row->line, delivery) == 0);
}

PROMISE(both_views_become_structs) {
    tv_view *ecs = parsed("ecs", "ecs_warnings"), *ocsf = parsed("ocsf", "ocsf_warnings");
    if (ecs == NULL || ocsf == NULL) return;
    CHECK(ecs->row_count == 3 && ecs->warning_count == 0 && ecs->warnings == NULL);
    size_t skipped = ocsf->warning_count != 0 ? (size_t)ocsf->warnings[0].count : 0;
    CHECK(ocsf->row_count + skipped == 3);
    for (size_t i = 0; i < ocsf->row_count; i++)
        CHECK(strcmp(ecs->rows[i].id, ocsf->rows[i].id) == 0);
    CHECK(strcmp(ecs->rows[0].from, "s@a.example") == 0 && ecs->rows[0].to.count == 0);
    CHECK(strcmp(ocsf->rows[0].from, "s@a.example") == 0 && ecs->rows[0].outcome == NULL);
    is_the_delivery(&ecs->rows[1]);
    is_the_delivery(&ocsf->rows[1]);
    CHECK(strcmp(ecs->rows[1].action, "delivered") == 0 && ocsf->rows[1].action == NULL);
    CHECK(strcmp(ecs->rows[1].outcome, "success") == 0);
    CHECK(strcmp(ocsf->rows[1].outcome, "Success") == 0);
    CHECK(ecs->rows[2].line_len == 3 && memcmp(ecs->rows[2].line, "a\0b", 4) == 0);
    tv_view_free(ecs);
    tv_view_free(ocsf);
}

PROMISE(what_is_skipped_is_told) {
    tv_document *document = decoded(
        "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[{\"message\":\"x\"}]},"
        "\"outbound\":null}}");
    text rows = view(document, "ecs"), skipped = view(document, "ecs_warnings");
    tv_view *made = NULL;
    CHECK(tv_view_parse(rows.bytes, rows.len, skipped.bytes, skipped.len, &made, NULL, 0) ==
          TV_TRACE_OK);
    if (made == NULL) return;
    CHECK(made->row_count == 0 && made->rows == NULL && made->warning_count == 1);
    CHECK(strcmp(made->warnings[0].code, "line_without_time") == 0);
    CHECK(made->warnings[0].count == 1);
    tv_view_free(made);
    CHECK(tv_view_parse(rows.bytes, rows.len, NULL, 0, &made, NULL, 0) == TV_TRACE_OK);
    CHECK(made->warning_count == 0);
    tv_view_free(made);
    tv_document_free(document);
}

/* The field of the delivery that its spans name so; empty without one. */
static text field(const tv_line_spans *line, const char *name) {
    for (size_t i = 0; i < line->span_count; i++)
        if (strcmp(line->spans[i].field, name) == 0 && line->spans[i].end < sizeof delivery)
            return (text){delivery + line->spans[i].start,
                          line->spans[i].end - line->spans[i].start};
    return (text){"", 0};
}

PROMISE(spans_become_structs) {
    tv_document *document = decoded(reply);
    tv_walk rows;
    OK(tv_document_walk(document, "spans", TV_NUL, &rows, ERR));
    tv_spans *spans = NULL;
    char reason[120] = "unset";
    if (tv_spans_read(&rows, &spans, reason, sizeof reason) != TV_TRACE_OK)
        FAIL("tv_spans_read: %s", reason);
    tv_document_free(document);
    if (spans == NULL) return;
    CHECK(spans->line_count == 2 && *reason == '\0');
    const tv_line_spans *line = &spans->lines[1];
    CHECK(strcmp(line->side, "inbound") == 0 && line->line == 1 && line->span_count > 10);
    text to = field(line, "to"), said = field(line, "reply");
    CHECK(to.len == 11 && memcmp(to.bytes, "r@b.example", 11) == 0);
    CHECK(said.len == 8 && memcmp(said.bytes, "250 \"Ok\"", 8) == 0);
    tv_spans_free(spans);
}

PROMISE(what_is_no_view_is_refused_with_a_reason) {
    static const struct {
        const char *rows, *warnings;
        tv_trace_result result;
    } cases[] = {
        {"x\n", NULL, TV_TRACE_NOT_JSON},
        {"[]\n", NULL, TV_TRACE_NOT_JSON},
        {"{}\n", NULL, TV_TRACE_SHAPE},
        {"{\"event\":1}\n", NULL, TV_TRACE_SHAPE},
        {"{\"class_uid\":4009,\"metadata\":{\"uid\":\"i\"}}", NULL, TV_TRACE_SHAPE},
        {"{\"@timestamp\":\"t\",\"event\":{\"id\":\"i\",\"original\":\"l\"},\"email\":{\"to\":"
         "{\"address\":[1]}}}", NULL, TV_TRACE_SHAPE},
        {"{\"@timestamp\":\"t\",\"event\":{\"id\":\"i\",\"original\":\"l\"}}\n[1]\n", NULL,
         TV_TRACE_NOT_JSON},
        {"", "x", TV_TRACE_NOT_JSON},
        {"", "{}", TV_TRACE_SHAPE},
        {"", "[{}]", TV_TRACE_SHAPE},
        {NULL, NULL, TV_TRACE_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *rows = cases[i].rows, *warnings = cases[i].warnings;
        tv_view *made = NULL;
        char reason[120] = "";
        size_t rows_len = rows != NULL ? strlen(rows) : 0;
        size_t warnings_len = warnings != NULL ? strlen(warnings) : 0;
        tv_trace_result result = tv_view_parse(rows, rows_len, warnings, warnings_len, &made,
                                               reason, sizeof reason);
        if (result != cases[i].result || *reason == '\0' || made != NULL)
            FAIL("case %zu: result %d (%s)", i, result, reason);
        /* Faults of a row name its line. */
        if (rows_len == 0) continue;
        const char *line = strstr(rows, "[1]\n") != NULL ? "line 2: " : "line 1: ";
        CHECK(strncmp(reason, line, 8) == 0);
    }
    CHECK(tv_view_parse("", 0, NULL, 0, NULL, NULL, 0) == TV_TRACE_ARGUMENT);
    static const char *const rows[] = {
        "{}", "{\"side\":\"inbound\"}", "{\"side\":\"inbound\",\"line\":-1}",
        "{\"side\":1,\"line\":0}", "{\"side\":\"inbound\",\"line\":0,\"spans\":[]}",
        "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":[2,1]}}",
        "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":[1]}}",
        "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":[1,2,3]}}",
        "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":3}}",
        "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":{\"a\":1,\"b\":2}}}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tv_spans *made = NULL;
        char reason[120] = "";
        tv_trace_result result =
            tv_spans_parse(rows[i], strlen(rows[i]), &made, reason, sizeof reason);
        if (result != TV_TRACE_SHAPE || *reason == '\0' || made != NULL)
            FAIL("row %zu: result %d (%s)", i, result, reason);
    }
    CHECK(tv_spans_parse(NULL, 0, NULL, NULL, 0) == TV_TRACE_ARGUMENT);
    tv_view_free(NULL);
    tv_spans_free(NULL);
}

PROMISE(texts_may_end_with_a_nul) {
    static const char row[] = "{\"@timestamp\":\"t\",\"event\":{\"id\":\"i\",\"original\":\"l\"}}";
    static const char damaged[] = "{}\nx";
    tv_view *view = NULL;
    tv_spans *spans = NULL;
    char reason[120] = "";
    CHECK(tv_view_parse(row, TV_NUL, "", TV_NUL, &view, NULL, 0) == TV_TRACE_OK);
    CHECK(view != NULL && view->row_count == 1 && view->warning_count == 0);
    tv_view_free(view);
    CHECK(tv_view_parse(damaged, TV_NUL, NULL, 0, &view, reason, sizeof reason) ==
          TV_TRACE_NOT_JSON);
    CHECK(strncmp(reason, "line 2: ", 8) == 0);
    CHECK(tv_spans_parse(damaged, TV_NUL, &spans, reason, sizeof reason) == TV_TRACE_NOT_JSON);
    CHECK(strncmp(reason, "line 2: ", 8) == 0);
}

PROMISE(a_document_is_one_line_and_a_view_of_rows_one_line_a_row) {
    tv_document *document = decoded(reply);
    static const char *const documents[] = {"trace", "brief", "ecs_warnings", "ocsf_warnings"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        CHECK(strchr(view(document, documents[i]).bytes, '\n') == NULL);
    static const char *const rows[] = {"ecs", "ocsf", "spans"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text lines = view(document, rows[i]);
        CHECK(lines.len > 0 && lines.bytes[lines.len - 1] == '\n');
        for (const char *at = lines.bytes; *at != '\0'; at = strchr(at, '\n') + 1) CHECK(*at == '{');
    }
    tv_document_free(document);
    OK(tv_build_info(&document, ERR));
    CHECK(strchr(view(document, "json").bytes, '\n') == NULL);
    tv_document_free(document);
}

int main(int argc, char **argv) {
    if (argc > 1) test_filter = argv[1];
    RUN(both_views_become_structs);
    RUN(what_is_skipped_is_told);
    RUN(spans_become_structs);
    RUN(a_document_is_one_line_and_a_view_of_rows_one_line_a_row);
    RUN(texts_may_end_with_a_nul);
    RUN(what_is_no_view_is_refused_with_a_reason);
    return finish();
}
