/* binding.c - how long a C host needs from a stored reply to structs, beside what JSON readers alone
 * take for less.
 *
 * STRUCTS is reply to tv_trace with all lines, events and the summary, freed again. JANSSON merely
 * parses the same reply. SIMDJSON reads the time and the message of each line. The rest are the
 * designs that docs/adr/024 weighs. In turns, so that what else the machine does meets all of them;
 * prints the median of each in microseconds. */
#include <jansson.h>
#include <string.h>
#include <tracevault.h>

#include "figures.h"
#include "tv_trace.h"

enum { REPLY_MAX = 1024 * 1024, ROUNDS_MAX = 1000, BATCH = 20 };

/* bench/simdjson.cpp: how many bytes the times and messages have. */
size_t simdjson_lines(const char *reply, size_t reply_len);

static char reply[REPLY_MAX];
static size_t reply_len;

static tv_document *decoded(void) {
    tv_document *document = NULL;
    if (tv_document_decode(reply, reply_len, &document, NULL) != TV_OK)
        fail("tv_document_decode", "refused");
    return document;
}

static void view_of(tv_document *document, const char **view, size_t *view_len) {
    if (tv_document_view(document, "trace", 5, view, view_len, NULL) != TV_OK)
        fail("tv_document_view", "refused");
}

static void view(void) {
    const char *text = NULL;
    size_t text_len = 0;
    tv_document *document = decoded();
    view_of(document, &text, &text_len);
    tv_document_free(document);
}

static void walk(void) {
    tv_walk found;
    tv_document *document = decoded();
    if (tv_document_walk(document, "trace", 5, &found, NULL) != TV_OK)
        fail("tv_document_walk", "refused");
    tv_document_free(document);
}

static void structs(void) {
    tv_walk found;
    tv_trace *trace = NULL;
    tv_document *document = decoded();
    if (tv_document_walk(document, "trace", 5, &found, NULL) != TV_OK ||
        tv_trace_read(&found, &trace, NULL, 0) != TV_TRACE_OK)
        fail("tv_trace_read", "refused");
    if (trace->inbound.line_count == 0 || trace->inbound.lines[0].event == NULL ||
        trace->summary.recipient_count == 0)
        fail("tv_trace_read", "not the whole trace");
    tv_trace_free(trace);
    tv_document_free(document);
}

/* The three fields of the README: state, first recipient, number of lines. */
static void fields(void) {
    tv_walk found;
    char state[32], address[128];
    tv_document *document = decoded();
    if (tv_document_walk(document, "brief", 5, &found, NULL) != TV_OK)
        fail("tv_document_walk", "refused");
    tv_place whole = tv_whole(&found), summary = tv_find(whole, "summary");
    tv_text(tv_find(summary, "state"), state, sizeof state);
    tv_text(tv_find(tv_first(tv_find(summary, "recipients")), "address"), address, sizeof address);
    if (*state == '\0' || *address == '\0' ||
        tv_count(tv_find(tv_find(whole, "inbound"), "lines")) == 0)
        fail("brief", "not the trace");
    tv_document_free(document);
}

static void parse(const char *text, size_t text_len) {
    json_t *made = json_loadb(text, text_len, JSON_ALLOW_NUL, NULL);
    if (made == NULL) fail("json_loadb", "refused");
    json_decref(made);
}

static void jansson(void) { parse(reply, reply_len); }

static void jansson_view(void) {
    const char *text = NULL;
    size_t text_len = 0;
    tv_document *document = decoded();
    view_of(document, &text, &text_len);
    parse(text, text_len);
    tv_document_free(document);
}

static void simdjson(void) {
    if (simdjson_lines(reply, reply_len) < 100) fail("simdjson", "not the lines");
}

static const struct {
    const char *name;
    void (*run)(void);
} sides[] = {
    {"view_us", view},       {"walk_us", walk},         {"structs_us", structs},
    {"fields_us", fields},   {"jansson_us", jansson},   {"jansson_view_us", jansson_view},
    {"simdjson_us", simdjson},
};
enum { SIDES = sizeof sides / sizeof *sides };

int main(int count, char **arguments) {
    static double took[SIDES][ROUNDS_MAX];
    if (count != 3) fail(arguments[0], "REPLY_FILE ROUNDS");
    FILE *file = fopen(arguments[1], "rb");
    if (file == NULL) fail(arguments[1], "cannot be opened");
    reply_len = fread(reply, 1, sizeof reply, file);
    fclose(file);
    long rounds = strtol(arguments[2], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX) fail(arguments[2], "1 to 1000 rounds");
    for (long round = -10; round < rounds; round++) {
        for (size_t side = 0; side < SIDES; side++) {
            double started = now_us();
            for (int i = 0; i < BATCH; i++) sides[side].run();
            if (round >= 0) took[side][round] = (now_us() - started) / BATCH;
        }
    }
    for (size_t side = 0; side < SIDES; side++) {
        qsort(took[side], (size_t)rounds, sizeof(double), ascending);
        printf("%s\"%s\": %.3f", side == 0 ? "{" : ", ", sides[side].name, took[side][rounds / 2]);
    }
    puts("}");
    return 0;
}
