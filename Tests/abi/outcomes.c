/* outcomes.c - every request has exactly one result, and every hunt one end, whatever is cancelled, cut
 * off or shut down.
 *
 *     outcomes BASE_URL CA_FILE ACCOUNT TOKEN SEED
 *
 * Threads with 32 KiB of stack submit traces, searches and checks, begin hunts, cancel some of all
 * that at random moments, fetch, look at the statistics, and take; in a second round the engine is shut down meanwhile. */
#include "proof.h"
#include "remote.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SUBMITTERS = 6, TAKERS = 3, EACH = 150, KINDS = 9, SMALL_STACK = 32 * 1024 };
/* Hunts have the tags behind those of the requests. */
enum { HUNTS = 80, FIRST_HUNT = SUBMITTERS * EACH };

static char **arguments;
static remote here;
static tv_request *requests[KINDS];
static uint64_t seed;
/* By tag: 0 not submitted, 1 submitted; and how many results came. */
static atomic_int submitted[SUBMITTERS * EACH];
static atomic_int results[SUBMITTERS * EACH];
/* By tag, for the threads that cancel. */
static _Atomic uint64_t ids[SUBMITTERS * EACH];
static tv_request *hunt_request;
static atomic_int begun[HUNTS], ends[HUNTS];
static atomic_int findings;
static atomic_int wrong;
static atomic_int cancelled;
static atomic_int shut;
static atomic_int is_done;
static atomic_int status_seen[128];

static void make_requests(void) {
    static const char *const refs[] = {"slow-0",           "slow-3",     "slow-40",
                                       "fail-404",         "fail-503-x2", "close-no-reply",
                                       "slow-60000"};
    for (int i = 0; i < 7; i++) {
        OK(tv_request_trace("", 0, refs[i], strlen(refs[i]), &requests[i], ERR));
        OK(tv_request_set(requests[i], "priority", TV_NUL, i % 2 ? "bulk" : "interactive",
                          i % 2 ? 4 : 11, ERR));
    }
    /* Ends by its deadline when nobody cancels it. */
    OK(tv_request_set(requests[6], "deadline_ms", TV_NUL, "300", TV_NUL, ERR));
    OK(tv_request_search("", 0, &requests[7], ERR));
    OK(tv_request_check("", 0, &requests[8], ERR));
    OK(tv_request_hunt("", 0, &hunt_request, ERR));
    OK(tv_request_set(hunt_request, "start", TV_NUL, "2000-01-01T00:00:00Z", TV_NUL, ERR));
    OK(tv_request_set(hunt_request, "limit", TV_NUL, "20", TV_NUL, ERR));
    OK(tv_request_set(hunt_request, "per_page", TV_NUL, "7", TV_NUL, ERR));
    OK(tv_request_set(hunt_request, "window", TV_NUL, "9", TV_NUL, ERR));
}

/* Threads use plain statuses: the harness' own state belongs to the main thread. */
static void *submit_and_cancel(void *argument) {
    uint64_t first = (uint64_t)(uintptr_t)argument * EACH;
    chance c = {.state = seed ^ (first << 20)};
    for (uint64_t i = first; i < first + EACH; i++) {
        uint64_t id = 0;
        tv_status status = tv_engine_submit(here.engine, here.acme,
                                            requests[chance_below(&c, KINDS)], i, &id, NULL);
        if (status == TV_OK) {
            submitted[i] = 1;
            ids[i] = id;
        } else if (status != TV_E_SHUTDOWN || !shut) {
            wrong++;
        }
        if (chance_below(&c, 4) == 0) usleep(chance_below(&c, 3000));
        /* Its own, or one of another thread; perhaps long done. */
        uint64_t other = ids[chance_below(&c, SUBMITTERS * EACH)];
        if (chance_below(&c, 3) == 0 && other != 0) {
            tv_status gone = tv_engine_cancel(here.engine, other, NULL);
            if (gone == TV_OK) cancelled++;
            if (gone != TV_OK && gone != TV_E_NOT_FOUND) wrong++;
        }
    }
    return NULL;
}

/* Begins hunts, up to their bound at a time, and cancels some of them. */
static void *hunt_and_cancel(void *argument) {
    (void)argument;
    chance c = {.state = seed ^ 77};
    for (uint64_t i = 0; i < HUNTS && !is_done;) {
        uint64_t id = 0;
        tv_status status =
            tv_engine_hunt_vault(here.engine, here.vault, hunt_request, FIRST_HUNT + i, &id, NULL);
        if (status == TV_OK) begun[i] = 1;
        if (status != TV_OK && status != TV_E_QUEUE_FULL && (status != TV_E_SHUTDOWN || !shut))
            wrong++;
        if (status == TV_E_SHUTDOWN) return NULL;
        if (status == TV_OK) i++;
        usleep(chance_below(&c, status == TV_OK ? 4000 : 8000));
        if (status == TV_OK && chance_below(&c, 2) == 0) {
            tv_status gone = tv_engine_cancel(here.engine, id, NULL);
            if (gone != TV_OK && gone != TV_E_NOT_FOUND) wrong++;
        }
    }
    return NULL;
}

/* Takes note of what a hunt tells; whether it is that. */
static int note_hunt(const tv_result *result) {
    uint64_t tag = tv_result_tag(result) - FIRST_HUNT;
    int32_t kind = tv_result_kind(result);
    if (kind != TV_RESULT_FINDING && kind != TV_RESULT_HUNT) return 0;
    if (tag >= HUNTS)
        wrong++;
    else if (kind == TV_RESULT_HUNT)
        ends[tag]++;
    else
        findings++;
    return 1;
}

static void *take_all(void *argument) {
    (void)argument;
    for (;;) {
        tv_result *result = NULL;
        tv_status status = tv_engine_take(here.engine, 50, &result, NULL);
        if (status == TV_E_SHUTDOWN) return NULL;
        if (status != TV_OK) wrong++;
        if (result == NULL) {
            if (is_done) return NULL;
            continue;
        }
        uint64_t tag = tv_result_tag(result);
        if (note_hunt(result)) {
            tv_result_free(result);
            continue;
        }
        if (tag < SUBMITTERS * EACH)
            results[tag]++;
        else
            wrong++;
        tv_status ended = tv_result_status(result);
        if (ended >= 0 && ended < 128) status_seen[ended]++;
        tv_result_free(result);
    }
}

static void *fetch_and_look(void *argument) {
    chance c = {.state = seed + (uint64_t)(uintptr_t)argument};
    while (!is_done) {
        tv_result *result = NULL;
        tv_document *stats = NULL;
        const char *json = NULL;
        size_t len = 0;
        tv_status status = tv_engine_fetch(here.engine, here.acme,
                                           requests[chance_below(&c, 3)], &result, NULL);
        if (status == TV_OK ? result == NULL : !shut) wrong++;
        if (status == TV_OK &&
            tv_result_document(result, "trace", TV_NUL, &json, &len, NULL) != TV_OK)
            wrong++;
        tv_result_free(result);
        /* Also of an engine that is shut down. */
        if (tv_engine_stats(here.engine, &stats, NULL) != TV_OK) wrong++;
        if (tv_document_view(stats, "json", TV_NUL, &json, &len, NULL) != TV_OK) wrong++;
        tv_document_free(stats);
        usleep(1000);
    }
    return NULL;
}

static void start(void *(*body)(void *), int count, pthread_t *threads) {
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, SMALL_STACK) == 0);
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], &small, body, (void *)(uintptr_t)i) == 0);
    pthread_attr_destroy(&small);
}

static void join(int count, pthread_t *threads) {
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static int results_missing(void) {
    int missing = 0;
    for (int i = 0; i < SUBMITTERS * EACH; i++) missing += submitted[i] - results[i];
    for (int i = 0; i < HUNTS; i++) missing += begun[i] - ends[i];
    return missing;
}

static void one_round(int shuts_down) {
    pthread_t submitters[SUBMITTERS];
    pthread_t takers[TAKERS];
    pthread_t others[2];
    pthread_t hunter;
    static char quota[] = "budget.quota=0";
    static char address[] = "budget.ip_per_second=0";
    static char retry[] = "retry.base_ms=5";
    char *settings[] = {quota, address, retry};
    here = open_remote(arguments[1], arguments[2], arguments[3], arguments[4], "private", 3,
                       settings);
    for (int i = 0; i < SUBMITTERS * EACH; i++) {
        submitted[i] = results[i] = 0;
        ids[i] = 0;
    }
    for (int i = 0; i < HUNTS; i++) begun[i] = ends[i] = 0;
    wrong = cancelled = shut = is_done = findings = 0;
    for (int i = 0; i < 128; i++) status_seen[i] = 0;
    start(submit_and_cancel, SUBMITTERS, submitters);
    start(take_all, TAKERS, takers);
    start(fetch_and_look, 2, others);
    start(hunt_and_cancel, 1, &hunter);
    if (shuts_down) {
        usleep(100000);
        shut = 1;
        OK(tv_engine_shutdown(here.engine, ERR));
    }
    join(SUBMITTERS, submitters);
    join(1, &hunter);
    /* The last ones may still wait for their deadline; a minute without them is a failure. */
    for (int i = 0; i < 6000 && results_missing() > 0; i++) usleep(10000);
    is_done = 1;
    join(TAKERS, takers);
    join(2, others);
    CHECK(wrong == 0);
    for (int i = 0; i < SUBMITTERS * EACH; i++)
        if (results[i] != submitted[i])
            FAIL("request %d: submitted %d, results %d", i, submitted[i], results[i]);
    for (int i = 0; i < HUNTS; i++)
        if (ends[i] != begun[i]) FAIL("hunt %d: begun %d, ends %d", i, begun[i], ends[i]);
    printf("  seed %" PRIu64 ": %d good, %d cancelled of %d asked, %d out of time, %d shut down\n",
           seed, status_seen[TV_OK], status_seen[TV_E_CANCELLED], cancelled,
           status_seen[TV_E_DEADLINE], status_seen[TV_E_SHUTDOWN]);
    close_remote(&here);
}

PROMISE(every_request_has_one_result_whatever_is_cancelled) {
    one_round(0);
    CHECK(status_seen[TV_OK] > 0 && status_seen[TV_E_CANCELLED] > 0);
    CHECK(status_seen[TV_E_NO_MESSAGE] > 0 && status_seen[TV_E_SHUTDOWN] == 0);
    CHECK(begun[HUNTS - 1] == 1 && findings > HUNTS);
}

PROMISE(every_request_has_one_result_when_the_engine_is_shut_down_meanwhile) {
    one_round(1);
    CHECK(status_seen[TV_E_SHUTDOWN] > 0);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: outcomes BASE_URL CA_FILE ACCOUNT TOKEN SEED\n");
        return 2;
    }
    begin(1, argv);
    arguments = argv;
    seed = strtoull(argv[5], NULL, 10);
    test_holds = 1;
    make_requests();
    if (!test_holds) return 1;
    RUN(every_request_has_one_result_whatever_is_cancelled);
    RUN(every_request_has_one_result_when_the_engine_is_shut_down_meanwhile);
    for (int i = 0; i < KINDS; i++) tv_request_free(requests[i]);
    tv_request_free(hunt_request);
    return finish();
}
