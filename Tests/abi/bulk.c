/* bulk.c - one process of many that spend one quota: asks for traces as fast as it may for a while.
 *
 *     bulk BASE_URL CA_FILE ACCOUNT TOKEN LEDGER SECONDS [SETTING=VALUE ...]
 *
 * Prints: requests submitted, results taken, good ones, ones over the quota, 1 if the ledger is
 * shared. */
#include "remote.h"

#include <time.h>

/* So many wait at once; so many seconds the last of them may take at the end. */
enum { WINDOW = 8, LAST_S = 30 };

typedef struct counts {
    long submitted;
    long results;
    long good;
    long limited;
} counts;

static void take_one(tv_engine *engine, counts *so_far) {
    tv_result *result = NULL;
    OK(tv_engine_take(engine, 1000, &result, ERR));
    if (tv_result_kind(result) == TV_RESULT_TRACE) {
        so_far->results++;
        so_far->good += tv_result_status(result) == TV_OK;
        so_far->limited += tv_result_status(result) == TV_E_RATE_LIMITED;
    }
    tv_result_free(result);
}

static int ledger_is_shared(tv_engine *engine) {
    tv_document *stats = NULL;
    const char *json = NULL;
    size_t len = 0;
    OK(tv_engine_stats(engine, &stats, ERR));
    OK(tv_document_view(stats, "json", TV_NUL, &json, &len, ERR));
    int shared = json != NULL && strstr(json, "\"shared\":true") != NULL;
    tv_document_free(stats);
    return shared;
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr, "usage: bulk BASE_URL CA_FILE ACCOUNT TOKEN LEDGER SECONDS [NAME=VALUE]\n");
        return 2;
    }
    test_holds = 1;
    remote here = open_remote(argv[1], argv[2], argv[3], argv[4], argv[5], argc - 7, argv + 7);
    tv_engine *engine = here.engine;
    tv_request *request = NULL;
    OK(tv_request_trace("", 0, "slow-1", TV_NUL, &request, ERR));
    /* Each request a fetch of its own, as for different messages. */
    OK(tv_request_set(request, "fresh", TV_NUL, "true", TV_NUL, ERR));
    OK(tv_request_set(request, "priority", TV_NUL, "bulk", TV_NUL, ERR));
    if (!test_holds) return 1;

    counts so_far = {0};
    time_t end = time(NULL) + strtol(argv[6], NULL, 10);
    while (test_holds && time(NULL) < end) {
        while (so_far.submitted - so_far.results < WINDOW) {
            OK(tv_engine_submit(engine, here.acme, request, 0, NULL, ERR));
            so_far.submitted++;
        }
        take_one(engine, &so_far);
    }
    int shared = ledger_is_shared(engine);
    /* The last ones have their answers before the end: a try that is under way at a shutdown has a
     * permit and is counted by the server, but not by us. Where a block keeps them waiting, they have
     * a result all the same. */
    end += LAST_S;
    while (test_holds && so_far.results < so_far.submitted && time(NULL) < end)
        take_one(engine, &so_far);
    OK(tv_engine_shutdown(engine, ERR));
    while (test_holds && so_far.results < so_far.submitted) take_one(engine, &so_far);
    printf("%ld %ld %ld %ld %d\n", so_far.submitted, so_far.results, so_far.good, so_far.limited,
           shared);
    tv_request_free(request);
    close_remote(&here);
    return test_holds ? 0 : 1;
}
