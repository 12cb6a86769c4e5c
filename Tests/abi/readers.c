/* readers.c - gives documents, most of them damaged, to every reader of the C binding and looks at
 * all texts it makes. Compiled with sanitizers by Tests/traces/test_readers.py.
 *
 * Standard input: documents, each behind its length in decimal and a newline. Prints how many each
 * reader has taken. Exit code 1: a text that is given as JSON is not. */
#include "test.h"

#include "tv_search.h"
#include "tv_views.h"

static size_t looked_at; /* printed, so that no look is left out by the compiler */
static int has_failed;

static void look(const char *text) {
    if (text != NULL) looked_at += strlen(text);
}

static void look_at_texts(tv_texts texts) {
    for (size_t i = 0; i < texts.count; i++) look(texts.items[i]);
}

/* What is given as JSON can be read again, to its end. */
static void look_at_json(const char *json) {
    if (json == NULL) return;
    tv_document *document = NULL;
    /* Anything but an object is read inside a list. */
    size_t len = strlen(json);
    char *list = malloc(len + 3);
    if (list == NULL) exit(1);
    sprintf(list, "[%s]", json);
    if (tv_document_read(list, len + 2, &document, NULL) != TV_OK) {
        has_failed = 1;
        fprintf(stderr, "no JSON: %s\n", json);
    }
    tv_document_free(document);
    free(list);
}

static void look_at_block(const tv_trace_block *block) {
    for (size_t i = 0; i < block->line_count; i++) {
        const tv_trace_line *line = &block->lines[i];
        for (size_t at = 0; line->message != NULL && at < line->message_len; at++)
            looked_at += (unsigned char)line->message[at];
        look(line->at);
        look_at_json(line->event_json);
        look_at_json(line->extra_json);
        if (line->event == NULL) continue;
        look(line->event->kind);
        look(line->event->reply);
        look(line->event->text);
    }
    look_at_json(block->extra_json);
}

static int takes_trace(const char *text, size_t len) {
    tv_trace *trace = NULL;
    if (tv_trace_parse(text, len, &trace, NULL, 0) != TV_TRACE_OK) return 0;
    look_at_block(&trace->inbound);
    look_at_block(&trace->outbound);
    for (size_t i = 0; i < trace->summary.recipient_count; i++) {
        look(trace->summary.recipients[i].address);
        look(trace->summary.recipients[i].reply);
    }
    for (size_t i = 0; i < trace->summary.hop_count; i++) look(trace->summary.hops[i].queue_id);
    look_at_json(trace->extra_json);
    tv_trace_free(trace);
    return 1;
}

static void look_at_found(const tv_found *found) {
    look(found->message_ref);
    look(found->subject);
    look_at_texts(found->to);
    look_at_json(found->item_json);
}

static int takes_search(const char *text, size_t len) {
    tv_search *search = NULL;
    if (tv_search_parse(text, len, &search, NULL, 0) != TV_TRACE_OK) return 0;
    for (size_t i = 0; i < search->message_count; i++) look_at_found(&search->messages[i]);
    tv_search_free(search);
    return 1;
}

static int takes_finding(const char *text, size_t len) {
    tv_finding *finding = NULL;
    if (tv_finding_parse(text, len, &finding, NULL, 0) != TV_TRACE_OK) return 0;
    look(finding->label);
    look_at_json(finding->message_json);
    look_at_json(finding->trace_json);
    if (finding->message != NULL) look_at_found(finding->message);
    tv_finding_free(finding);
    return 1;
}

static int takes_hunt(const char *text, size_t len) {
    tv_hunt *hunt = NULL;
    if (tv_hunt_parse(text, len, &hunt, NULL, 0) != TV_TRACE_OK) return 0;
    looked_at += (size_t)hunt->progress.found;
    tv_hunt_free(hunt);
    return 1;
}

static int takes_check(const char *text, size_t len) {
    tv_check *check = NULL;
    if (tv_check_parse(text, len, &check, NULL, 0) != TV_TRACE_OK) return 0;
    look(check->kind);
    look(check->reason_message);
    tv_check_free(check);
    return 1;
}

static int takes_view(const char *text, size_t len) {
    tv_view *view = NULL;
    if (tv_view_parse(text, len, NULL, 0, &view, NULL, 0) != TV_TRACE_OK) return 0;
    for (size_t i = 0; i < view->row_count; i++) {
        look(view->rows[i].id);
        look(view->rows[i].line);
        look_at_json(view->rows[i].json);
        look_at_texts(view->rows[i].to);
    }
    tv_view_free(view);
    return 1;
}

static int takes_spans(const char *text, size_t len) {
    tv_spans *spans = NULL;
    if (tv_spans_parse(text, len, &spans, NULL, 0) != TV_TRACE_OK) return 0;
    for (size_t i = 0; i < spans->line_count; i++) {
        look(spans->lines[i].side);
        for (size_t j = 0; j < spans->lines[i].span_count; j++) look(spans->lines[i].spans[j].field);
    }
    tv_spans_free(spans);
    return 1;
}

static const struct {
    const char *name;
    int (*takes)(const char *text, size_t len);
} readers[] = {{"trace", takes_trace}, {"search", takes_search}, {"finding", takes_finding},
               {"hunt", takes_hunt},   {"check", takes_check},   {"view", takes_view},
               {"spans", takes_spans}};
enum { READERS = sizeof readers / sizeof *readers };

int main(void) {
    size_t len = 0;
    long taken[READERS] = {0};
    while (scanf("%zu", &len) == 1 && getchar() == '\n') {
        /* Of exactly its size: a byte beyond it is seen. */
        char *text = malloc(len > 0 ? len : 1);
        if (text == NULL || fread(text, 1, len, stdin) != len) return 1;
        for (int i = 0; i < READERS; i++) taken[i] += readers[i].takes(text, len);
        free(text);
    }
    for (int i = 0; i < READERS; i++) printf("%s %ld\n", readers[i].name, taken[i]);
    fprintf(stderr, "%zu bytes looked at\n", looked_at);
    return has_failed;
}
