/* walk.c - walks of documents and the cursor over them: what a host reads without a JSON library. */
#include "test.h"

#include <locale.h>

#include "tv_trace.h"

static const char reply[] =
    "{\"success\":true,\"result\":{\"inbound\":{\"pending\":false,\"lines\":["
    "{\"lineno\":1,\"logged_at\":\"2026-11-20T09:00:00Z\",\"message\":\"postfix/smtp[9]: "
    "4Njp3P0STMz2c02Q: to=<r@b.example>, relay=mx.b.example[192.0.2.1]:25, delay=1.2, "
    "delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 \\\"Ok\\\")\"},"
    "{\"lineno\":2,\"logged_at\":\"2026-11-20T09:00:02Z\",\"message\":\"a\\u0000b\"}]},"
    "\"outbound\":{\"pending\":false,\"lines\":[]}}}";

static tv_document *decoded(void) {
    tv_document *document = NULL;
    OK(tv_document_decode(reply, sizeof reply - 1, &document, ERR));
    return document;
}

/* A document of any text. */
static tv_document *read_text(const char *text, tv_walk *walk) {
    tv_document *document = NULL;
    OK(tv_document_read(text, strlen(text), &document, ERR));
    OK(tv_document_walk(document, "json", TV_NUL, walk, ERR));
    return document;
}

PROMISE(three_fields_are_three_calls) {
    tv_document *document = decoded();
    tv_walk walk;
    OK(tv_document_walk(document, "brief", TV_NUL, &walk, ERR));
    char state[16], address[32];
    tv_place summary = tv_find(tv_whole(&walk), "summary");
    CHECK(tv_text(tv_find(summary, "state"), state, sizeof state) == 4);
    CHECK(strcmp(state, "sent") == 0);
    tv_place recipients = tv_find(summary, "recipients");
    CHECK(tv_count(recipients) == 1);
    tv_text(tv_find(tv_first(recipients), "address"), address, sizeof address);
    CHECK(strcmp(address, "r@b.example") == 0);
    double delay = 0;
    CHECK(tv_number(tv_find(tv_first(recipients), "delay_s"), &delay) && delay > 1.19 && delay < 1.21);
    tv_document_free(document);
}

PROMISE(a_walk_is_made_once_over_the_view_itself) {
    static const char *const views[] = {"trace", "brief", "raw", "ecs", "ecs_warnings", "spans"};
    tv_document *document = decoded();
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const char *text = NULL;
        size_t len = 0;
        tv_walk walk, again;
        OK(tv_document_view(document, views[i], strlen(views[i]), &text, &len, ERR));
        OK(tv_document_walk(document, views[i], strlen(views[i]), &walk, ERR));
        OK(tv_document_walk(document, views[i], strlen(views[i]), &again, ERR));
        CHECK(walk.text == text && walk.text_len == len && walk.entry_size == sizeof(tv_entry));
        CHECK(walk.entries == again.entries && walk.entry_count == again.entry_count);
        for (size_t at = 0; at < walk.entry_count; at++) {
            const tv_entry *entry = &walk.entries[at];
            CHECK(entry->next > at && entry->next <= walk.entry_count && entry->reserved == 0);
            CHECK(entry->start <= entry->end && entry->end <= walk.text_len);
        }
    }
    tv_document_free(document);
}

PROMISE(the_brief_view_is_the_trace_without_events_and_hops) {
    tv_document *document = decoded();
    tv_walk whole, brief;
    OK(tv_document_walk(document, "trace", TV_NUL, &whole, ERR));
    OK(tv_document_walk(document, "brief", TV_NUL, &brief, ERR));
    CHECK(brief.text_len < whole.text_len);
    CHECK(tv_says(tv_find(tv_whole(&brief), "schema"), "tracevault.trace.brief/1"));
    tv_place line = tv_first(tv_find(tv_find(tv_whole(&whole), "inbound"), "lines"));
    CHECK(tv_kind(tv_find(line, "event")) == TV_OBJECT);
    line = tv_first(tv_find(tv_find(tv_whole(&brief), "inbound"), "lines"));
    CHECK(tv_there(tv_find(line, "message")) && !tv_there(tv_find(line, "event")));
    CHECK(!tv_there(tv_find(tv_find(tv_whole(&brief), "summary"), "hops")));
    /* Nobody reads it as a trace by mistake. */
    tv_trace *trace = NULL;
    CHECK(tv_trace_read(&brief, &trace, NULL, 0) == TV_TRACE_SCHEMA && trace == NULL);
    tv_document_free(document);
}

PROMISE(json_lines_are_one_walk) {
    tv_document *document = decoded();
    tv_walk walk;
    OK(tv_document_walk(document, "ecs", TV_NUL, &walk, ERR));
    size_t lines = 0;
    for (tv_place line = tv_whole(&walk); tv_there(line); line = tv_next(line), lines++)
        CHECK(tv_there(tv_find(line, "@timestamp")));
    CHECK(lines == 2);
    tv_document_free(document);
    document = read_text("", &walk);
    CHECK(walk.entry_count == 0 && !tv_there(tv_whole(&walk)));
    tv_document_free(document);
    document = read_text(" 1 \n \n\t[2]\r\n\"3\"", &walk);
    CHECK(walk.entry_count == 4 && tv_kind(tv_next(tv_whole(&walk))) == TV_ARRAY);
    tv_document_free(document);
}

PROMISE(texts_are_written_as_they_are_meant_and_never_cut_in_a_character) {
    tv_walk walk;
    tv_document *document = read_text(
        "{\"a\":\"x\\n\\\"\\/\\u00e9\\u20ac\\ud83d\\ude00\\u0000\\ud800y\xC3\xA9\",\"\\u0062\":\"z\"}",
        &walk);
    static const char wanted[] =
        "x\n\"/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBDy\xC3\xA9";
    tv_place text = tv_find(tv_whole(&walk), "a");
    for (size_t room = 0; room <= sizeof wanted; room++) {
        char out[sizeof wanted + 1];
        memset(out, '#', sizeof out);
        CHECK(tv_text(text, out, room) == sizeof wanted - 1);
        size_t len = room != 0 ? strlen(out) : 0;
        CHECK(len < room || room == 0);
        CHECK(memcmp(out, wanted, len) == 0 && (wanted[len] & 0xc0) != 0x80);
        CHECK(len + 4 >= room || len == sizeof wanted - 1);
    }
    CHECK(tv_says(text, wanted) == 0); /* its NUL is a NUL to compare with */
    CHECK(tv_says(tv_find(tv_whole(&walk), "b"), "z") && !tv_says(text, "x"));
    size_t len = 0;
    const char *json = tv_json(tv_find(tv_whole(&walk), "b"), &len);
    CHECK(len == 3 && memcmp(json, "\"z\"", 3) == 0);
    tv_document_free(document);
}

PROMISE(numbers_are_read_to_their_bounds_whatever_the_locale) {
    static const struct {
        const char *text;
        int is_int;
        int64_t whole;
        double number;
    } cases[] = {
        {"0", 1, 0, 0}, {"-0", 1, 0, 0}, {"7", 1, 7, 7}, {"-12", 1, -12, -12},
        {"9223372036854775807", 1, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", 1, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", 0, 0, 9223372036854775808.0}, {"99999999999999999999", 0, 0, 1e20},
        {"0.25", 0, 0, 0.25}, {"1.1", 0, 0, 1.1}, {"123456.789", 0, 0, 123456.789},
        {"0.1234567890123456789", 0, 0, 0.1234567890123456789}, {"-1.5e3", 0, 0, -1500},
        {"1E-2", 0, 0, 0.01}, {"1.7976931348623157e308", 0, 0, 1.7976931348623157e308},
        {"1234567890123456", 1, 1234567890123456, 1234567890123456.0},
    };
    static const char *const locales[] = {"C", "de_DE.UTF-8"};
    for (size_t k = 0; k < 2; k++) {
        if (setlocale(LC_NUMERIC, locales[k]) == NULL) continue;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            tv_walk walk;
            tv_document *document = read_text(cases[i].text, &walk);
            int64_t whole = 0;
            double number = -1;
            int is_int = tv_int(tv_whole(&walk), &whole);
            if (is_int != cases[i].is_int || whole != cases[i].whole)
                FAIL("%s as a whole number", cases[i].text);
            CHECK(tv_number(tv_whole(&walk), &number));
            if (number > cases[i].number || number < cases[i].number)
                FAIL("%s as a number: %.17g", cases[i].text, number);
            tv_document_free(document);
        }
    }
    setlocale(LC_NUMERIC, "C");
}

PROMISE(what_is_not_there_is_nothing_whoever_asks) {
    tv_walk walk;
    tv_document *document = read_text("{\"a\":null,\"b\":[],\"c\":true,\"c\":false,\"d\":{}}", &walk);
    tv_place none = tv_find(tv_find(tv_find(tv_whole(&walk), "x"), "y"), "z");
    char out[4] = "abc";
    int64_t whole = 5;
    double number = 5;
    size_t len = 9;
    CHECK(!tv_there(none) && !tv_there(tv_first(none)) && !tv_there(tv_next(none)));
    CHECK(tv_text(none, out, sizeof out) == 0 && *out == '\0' && !tv_says(none, ""));
    CHECK(!tv_int(none, &whole) && whole == 5 && !tv_number(none, &number) && number > 4);
    CHECK(tv_json(none, &len) == NULL && len == 0 && !tv_true(none) && tv_count(none) == 0);
    CHECK(!tv_there(tv_name(none)) && tv_kind(none) == TV_NULL);
    CHECK(!tv_there(tv_find(tv_whole(&walk), "a")) && tv_count(tv_whole(&walk)) == 5);
    CHECK(tv_there(tv_find(tv_whole(&walk), "b")) && !tv_there(tv_first(tv_find(tv_whole(&walk), "b"))));
    CHECK(!tv_there(tv_first(tv_find(tv_whole(&walk), "d"))));
    CHECK(!tv_true(tv_find(tv_whole(&walk), "c"))); /* the last one of a name counts */
    CHECK(!tv_there(tv_whole(NULL)));
    /* A name has no name, and nothing behind it: it is in no list. */
    tv_place name = tv_name(tv_first(tv_whole(&walk)));
    CHECK(tv_says(name, "a") && !tv_there(tv_name(name)) && !tv_there(tv_next(name)));
    tv_document_free(document);
    tv_walk other = walk;
    other.entry_size = sizeof(tv_entry) * 2;
    tv_trace *trace = NULL;
    char reason[80] = "";
    CHECK(!tv_there(tv_whole(&other)));
    CHECK(tv_trace_read(&other, &trace, reason, sizeof reason) == TV_TRACE_ARGUMENT);
    CHECK(strstr(reason, "version") != NULL && trace == NULL);
}

PROMISE(what_cannot_be_walked_is_a_status) {
    tv_document *document = NULL;
    tv_walk walk;
    static const struct {
        const char *text;
        tv_status status;
    } cases[] = {
        {"{", TV_E_REPLY_TRUNCATED}, {"x", TV_E_NOT_JSON}, {"{}{}", TV_E_NOT_JSON},
        {"1\n2 3", TV_E_NOT_JSON}, {"[1,]", TV_E_NOT_JSON}, {" \n", TV_E_REPLY_EMPTY},
        {"\"\xff\"", TV_E_NOT_JSON}, {"<html>", TV_E_NOT_JSON},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        GIVES(cases[i].status, tv_document_read(cases[i].text, strlen(cases[i].text),
                                               &document, ERR));
    GIVES(TV_E_ARGUMENT, tv_document_read(NULL, 1, &document, ERR));
    GIVES(TV_E_ARGUMENT, tv_document_read("1", TV_NUL, NULL, ERR));
    CHECK(document == NULL);
    document = decoded();
    GIVES(TV_E_NOT_FOUND, tv_document_walk(document, "json", TV_NUL, &walk, ERR));
    GIVES(TV_E_ARGUMENT, tv_document_walk(document, "trace", TV_NUL, NULL, ERR));
    GIVES(TV_E_HANDLE, tv_document_walk(NULL, "trace", TV_NUL, &walk, ERR));
    GIVES(TV_E_HANDLE, tv_result_walk(NULL, "trace", TV_NUL, &walk, ERR));
    tv_document_free(document);
    GIVES(TV_E_HANDLE, tv_document_walk(document, "trace", TV_NUL, &walk, ERR));
}

PROMISE(a_stored_trace_is_nested_as_deeply_as_a_reply_may_be) {
    /* As deep as a reply may be; as a member of a line that is none it comes two levels deeper. */
    char body[512], *at = body;
    at += sprintf(at, "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[");
    for (int i = 0; i < 60; i++) *at++ = '[';
    for (int i = 0; i < 60; i++) *at++ = ']';
    sprintf(at, "]}}}");
    tv_document *document = NULL, *stored = NULL;
    tv_walk walk;
    OK(tv_document_decode(body, strlen(body), &document, ERR));
    OK(tv_document_walk(document, "trace", TV_NUL, &walk, ERR));
    OK(tv_document_read(walk.text, walk.text_len, &stored, ERR));
    tv_document_free(stored);
    OK(tv_document_walk(document, "brief", TV_NUL, &walk, ERR));
    tv_document_free(document);
}

PROMISE(a_row_is_cut_to_the_bytes_of_a_host_and_stays_json) {
    /* Two rows: characters of one to four bytes, escapes and halves of pairs; then a short one. */
    char rows[2048] = "{\"id\":\"a-row\",\"long\":[\"";
    for (int i = 0; i < 40; i++) strcat(rows, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x93\xA7\\n\\u00e9\\ud83d\\udce7");
    strcat(rows, "\",7],\"all\":true}\n{\"id\":\"b\"}\n");
    tv_walk walk;
    tv_document *document = read_text(rows, &walk);
    tv_place row = tv_whole(&walk);
    char line[2048];
    size_t whole = strcspn(rows, "\n"), written = 0;
    for (size_t size = 0; size < whole + 3; size++) {
        memset(line, '#', sizeof line);
        CHECK(tv_write_bounded(row, line, size) == whole);
        if (size == 0) continue;
        size_t len = strlen(line);
        CHECK(len < size && line[size] == '#');
        CHECK((len == whole) == (size > whole));
        if (len == 0) continue;
        written++;
        tv_walk cut;
        tv_document *again = read_text(line, &cut);
        CHECK(tv_says(tv_find(tv_whole(&cut), "id"), "a-row"));
        CHECK(tv_true(tv_find(tv_whole(&cut), "all")) && tv_count(tv_find(tv_whole(&cut), "long")) == 2);
        tv_document_free(again);
    }
    CHECK(written > whole - 200); /* it only fails where not even 64 bytes of the string fit */
    row = tv_next(row);
    CHECK(tv_write_bounded(row, line, sizeof line) == 10 && strcmp(line, "{\"id\":\"b\"}") == 0);
    CHECK(tv_write_bounded(tv_next(row), line, sizeof line) == 0 && *line == '\0');
    tv_document_free(document);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(three_fields_are_three_calls);
    RUN(a_walk_is_made_once_over_the_view_itself);
    RUN(the_brief_view_is_the_trace_without_events_and_hops);
    RUN(json_lines_are_one_walk);
    RUN(texts_are_written_as_they_are_meant_and_never_cut_in_a_character);
    RUN(numbers_are_read_to_their_bounds_whatever_the_locale);
    RUN(what_is_not_there_is_nothing_whoever_asks);
    RUN(what_cannot_be_walked_is_a_status);
    RUN(a_row_is_cut_to_the_bytes_of_a_host_and_stays_json);
    RUN(a_stored_trace_is_nested_as_deeply_as_a_reply_may_be);
    return finish();
}
