/* starving.c - the C binding when memory ends: each of its allocations fails once, and never a
 * document comes that is not whole. Linked with --wrap=malloc: only the binding is starved. */
#include "test.h"

#include "tv_search.h"
#include "tv_views.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* How many allocations there were, and which of them fails; -1: none. */
static long allocations, failing = -1;

void *__wrap_malloc(size_t size) { return allocations++ == failing ? NULL : __real_malloc(size); }

static const char trace_text[] =
    "{\"schema\":\"tracevault.trace/1\",\"inbound\":{\"lines\":[{\"message\":\"a\\u0000b\",\"event\":"
    "{\"kind\":\"k\"},\"extra\":{\"x\":1}}]},\"warnings\":[{\"code\":\"c\"}]}";
static const char search_text[] =
    "{\"schema\":\"tracevault.search/1\",\"messages\":[{\"to\":[\"a\",\"b\"],\"item\":1}]}";
static const char finding_text[] =
    "{\"schema\":\"tracevault.finding/1\",\"tenant\":\"t\",\"account_id\":\"a\",\"message\":"
    "{\"message_ref\":\"m\",\"item\":{\"n\":1},\"to\":[\"b\"]}}";
static const char hunt_text[] =
    "{\"schema\":\"tracevault.hunt/1\",\"over\":true,\"found\":3}";
static const char check_text[] =
    "{\"schema\":\"tracevault.check/1\",\"kind\":\"api_token\",\"valid\":true}";
static const char row_text[] =
    "{\"@timestamp\":\"t\",\"event\":{\"id\":\"i\",\"original\":\"l\"}}\n";
static const char span_text[] = "{\"side\":\"inbound\",\"line\":0,\"spans\":{\"to\":[1,2]}}\n";

static tv_trace_result read_trace(const tv_walk *walk, char *reason) {
    tv_trace *trace = NULL;
    tv_trace_result result = tv_trace_read(walk, &trace, reason, 80);
    CHECK((trace != NULL) == (result == TV_TRACE_OK));
    tv_trace_free(trace);
    return result;
}

static tv_trace_result read_search(const tv_walk *walk, char *reason) {
    tv_search *search = NULL;
    tv_trace_result result = tv_search_read(walk, &search, reason, 80);
    CHECK((search != NULL) == (result == TV_TRACE_OK));
    tv_search_free(search);
    return result;
}

static tv_trace_result read_finding(const tv_walk *walk, char *reason) {
    tv_finding *finding = NULL;
    tv_trace_result result = tv_finding_read(walk, &finding, reason, 80);
    CHECK((finding != NULL) == (result == TV_TRACE_OK));
    tv_finding_free(finding);
    return result;
}

static tv_trace_result read_hunt(const tv_walk *walk, char *reason) {
    tv_hunt *hunt = NULL;
    tv_trace_result result = tv_hunt_read(walk, &hunt, reason, 80);
    CHECK((hunt != NULL) == (result == TV_TRACE_OK));
    tv_hunt_free(hunt);
    return result;
}

static tv_trace_result read_check(const tv_walk *walk, char *reason) {
    tv_check *check = NULL;
    tv_trace_result result = tv_check_read(walk, &check, reason, 80);
    CHECK((check != NULL) == (result == TV_TRACE_OK));
    tv_check_free(check);
    return result;
}

static tv_trace_result read_view(const tv_walk *walk, char *reason) {
    tv_view *view = NULL;
    tv_trace_result result = tv_view_read(walk, NULL, &view, reason, 80);
    CHECK((view != NULL) == (result == TV_TRACE_OK));
    tv_view_free(view);
    return result;
}

static tv_trace_result read_spans(const tv_walk *walk, char *reason) {
    tv_spans *spans = NULL;
    tv_trace_result result = tv_spans_read(walk, &spans, reason, 80);
    CHECK((spans != NULL) == (result == TV_TRACE_OK));
    tv_spans_free(spans);
    return result;
}

/* Reads a document of any size with each allocation failing once. Answers how many there were. */
static long starved(const char *text, tv_trace_result (*read)(const tv_walk *, char *)) {
    tv_document *document = NULL;
    tv_walk walk;
    OK(tv_document_read(text, TV_NUL, &document, ERR));
    OK(tv_document_walk(document, "json", TV_NUL, &walk, ERR));
    long wanted = 1;
    for (failing = 0; failing < wanted; failing++) {
        char reason[80] = "";
        allocations = 0;
        CHECK(read(&walk, reason) == TV_TRACE_NO_MEMORY && strcmp(reason, "out of memory") == 0);
        /* What comes behind the first is reached when that one does not fail. */
        if (failing + 1 == wanted) {
            long before = failing;
            failing = -1;
            allocations = 0;
            CHECK(read(&walk, reason) == TV_TRACE_OK);
            failing = before;
            wanted = allocations;
        }
    }
    failing = -1;
    tv_document_free(document);
    return wanted;
}

PROMISE(a_small_document_is_one_allocation_and_none_is_half_made) {
    CHECK(starved(trace_text, read_trace) == 1);
    CHECK(starved(search_text, read_search) == 1);
    CHECK(starved(finding_text, read_finding) == 1);
    CHECK(starved(hunt_text, read_hunt) == 1);
    CHECK(starved(check_text, read_check) == 1);
    CHECK(starved(row_text, read_view) == 1);
    CHECK(starved(span_text, read_spans) == 1);
}

PROMISE(a_document_of_many_small_structs_takes_a_few_and_none_is_half_made) {
    static char text[200000];
    char *at = text;
    at += sprintf(at, "{\"schema\":\"tracevault.trace/1\",\"inbound\":{\"lines\":[{}");
    for (int i = 0; i < 20000; i++) at += sprintf(at, ",{}");
    sprintf(at, "]},\"summary\":{\"state\":\"s\",\"recipients\":[]}}");
    long count = starved(text, read_trace);
    CHECK(count > 1 && count < 8);
    at = text;
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "{\"side\":\"i\",\"line\":0,\"spans\":{\"a\":[1,2]}}\n");
    count = starved(text, read_spans);
    CHECK(count >= 1 && count < 8);
    /* A message whose JSON text is larger than what is left of the first piece. */
    at = text;
    at += sprintf(at, "{\"schema\":\"tracevault.finding/1\",\"tenant\":\"t\",\"account_id\":\"a\","
                      "\"message\":{\"message_ref\":\"m\",\"to\":[],\"item\":\"");
    for (int i = 0; i < 100000; i++) *at++ = 'x';
    sprintf(at, "\"}}");
    count = starved(text, read_finding);
    CHECK(count > 1 && count < 8);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_small_document_is_one_allocation_and_none_is_half_made);
    RUN(a_document_of_many_small_structs_takes_a_few_and_none_is_half_made);
    return finish();
}
