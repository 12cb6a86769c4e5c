/* hunts.c - hunts: which requests they take, one finding for each account that cannot be asked, one end,
 * whatever is cancelled, shut down, or not taken. What a hunt finds, others see to: there is no server
 * here. */
#include "loopback.h"

#include "tv_search.h"

static tv_request *hunt_request(void) {
    tv_request *request = NULL;
    OK(tv_request_hunt("", 0, &request, ERR));
    return request;
}

#define SET(request, name, value) tv_request_set(request, name, TV_NUL, value, TV_NUL, ERR)

/* A scene, its second tenant, and a request. The first tenant has account A, the second A and B. */
typedef struct hunting {
    scene s;
    tv_tenant *many;
    tv_request *request;
} hunting;

static hunting open_hunting(int listens) {
    hunting h = {.s = open_scene(listens, NULL)};
    h.many = test_tenant(h.s.vault, "many");
    h.request = hunt_request();
    return h;
}

static void close_hunting(hunting *h) {
    tv_request_free(h->request);
    tv_tenant_free(h->many);
    close_scene(&h->s);
}

static uint64_t begin_hunt(hunting *h, uint64_t tag) {
    uint64_t id = 0;
    OK(tv_engine_hunt_vault(h->s.engine, h->s.vault, h->request, tag, &id, ERR));
    CHECK(id != 0);
    return id;
}

/* Takes the end of a hunt and checks it; gives what it says. */
static tv_hunted take_end(tv_engine *engine, uint64_t id, uint64_t tag, tv_status ended) {
    tv_result *result = next_result(engine);
    CHECK(tv_result_kind(result) == TV_RESULT_HUNT && tv_result_status(result) == ended);
    CHECK(tv_result_id(result) == id && tv_result_tag(result) == tag);
    tv_hunted progress = {0};
    tv_walk walk;
    tv_hunt *hunt = NULL;
    OK(tv_result_walk(result, "hunt", TV_NUL, &walk, ERR));
    if (tv_hunt_read(&walk, &hunt, NULL, 0) == TV_TRACE_OK) {
        CHECK(hunt->over == TV_TRACE_YES && hunt->progress.under_way == 0);
        progress = hunt->progress;
    } else {
        FAIL("the end of a hunt cannot be read");
    }
    tv_hunt_free(hunt);
    tv_result_free(result);
    return progress;
}

/* Takes a finding that is no message; whether it is this account's. */
static int take_failed(tv_engine *engine, uint64_t id, const char *account, tv_status status) {
    tv_result *result = next_result(engine);
    CHECK(tv_result_kind(result) == TV_RESULT_FINDING && tv_result_status(result) == status);
    CHECK(tv_result_id(result) == id);
    const char *data = NULL;
    tv_walk walk;
    tv_finding *finding = NULL;
    int is_its = 0;
    OK(tv_result_walk(result, "found", TV_NUL, &walk, ERR));
    if (tv_finding_read(&walk, &finding, NULL, 0) == TV_TRACE_OK) {
        is_its = strcmp(finding->account_id, account) == 0;
        CHECK(finding->message == NULL && finding->trace_json == NULL);
        CHECK(strcmp(finding->error_status, tv_status_name(status)) == 0);
        CHECK(finding->progress.done > 0 && finding->progress.done == finding->progress.failed);
    } else {
        FAIL("a finding cannot be read");
    }
    tv_finding_free(finding);
    finding = NULL;
    OK(tv_result_document(result, "finding", TV_NUL, &data, NULL, ERR));
    CHECK(tv_finding_parse(data, TV_NUL, &finding, NULL, 0) == TV_TRACE_OK);
    CHECK(finding != NULL && finding->trace_json == NULL);
    tv_finding_free(finding);
    GIVES_NAMING(TV_E_NOT_FOUND, "finding, found",
                 tv_result_document(result, "trace", TV_NUL, &data, NULL, ERR));
    GIVES(TV_E_NOT_FOUND, tv_result_document(result, "raw", TV_NUL, &data, NULL, ERR));
    tv_result_free(result);
    return is_its;
}

static void nothing_comes(tv_engine *engine) {
    tv_result *result = NULL;
    OK(tv_engine_take(engine, 0, &result, ERR));
    CHECK(result == NULL);
    tv_result_free(result);
}

static long number_of(tv_engine *engine, const char *name) {
    tv_document *stats = NULL;
    tv_walk walk;
    int64_t number = -1;
    OK(tv_engine_stats(engine, &stats, ERR));
    OK(tv_document_walk(stats, "json", TV_NUL, &walk, ERR));
    CHECK(tv_int(tv_find(tv_whole(&walk), name), &number));
    tv_document_free(stats);
    return (long)number;
}

/* ---- Requests ------------------------------------------------------------------------------- */

PROMISE(a_hunt_has_the_options_of_a_search_and_of_traces_and_its_own) {
    static const char *const options[][2] = {
        {"deadline_ms", "1000"}, {"priority", "interactive"}, {"patient", "true"},
        {"limit", "100000"}, {"per_page", "1"}, {"detections_only", "true"},
        {"start", "2026-11-01T00:00:00Z"}, {"end", "2026-11-24T01:00:00Z"}, {"sender", "a@b"},
        {"recipient", "b"}, {"domain", "c"}, {"subject", "d e"}, {"message_id", "<f@g>"},
        {"alert_id", "h"}, {"smtp_helo_ip", "192.0.2.1"}, {"query", "i"}, {"hash", "0f"},
        {"delivery_status", "quarantined"}, {"final_disposition", "MALICIOUS-BEC"},
        {"message_action", "MOVED"}, {"metric", "m"}, {"wait_ms", "1"}, {"fresh", "true"},
        {"submission", "false"}, {"traces", "false"}, {"progress", "true"}, {"window", "1024"},
    };
    tv_request *request = hunt_request();
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        OK(tv_request_set(request, options[i][0], strlen(options[i][0]), options[i][1],
                          strlen(options[i][1]), ERR));
    GIVES_NAMING(TV_E_CONFIG_NAME, "window", SET(request, "cursor", "c"));
    GIVES_NAMING(TV_E_CONFIG_NAME, "smtp_helo_ip", SET(request, "access", "true"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "1024", SET(request, "window", "0"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "1024", SET(request, "window", "1025"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "traces", SET(request, "traces", "yes"));
    GIVES_NAMING(TV_E_CONFIG_VALUE, "limit", SET(request, "limit", "0"));
    char hash[1025];
    memset(hash, 'a', sizeof hash);
    /* With the query before it, it is too long. */
    GIVES(TV_E_CONFIG_VALUE, tv_request_set(request, "hash", TV_NUL, hash, 1023, ERR));
    tv_request_free(request);
}

PROMISE(a_request_goes_only_where_it_belongs) {
    hunting h = open_hunting(0);
    tv_request *search = NULL;
    const tv_tenant *tenants[] = {h.s.acme, h.many};
    OK(tv_request_search("", 0, &search, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "tv_engine_hunt",
                 tv_engine_submit(h.s.engine, h.s.acme, h.request, 0, NULL, ERR));
    tv_result *result = NULL;
    GIVES_NAMING(TV_E_ARGUMENT, "tv_engine_hunt",
                 tv_engine_fetch(h.s.engine, h.s.acme, h.request, &result, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "tv_request_hunt",
                 tv_engine_hunt(h.s.engine, tenants, 2, search, 0, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "tv_request_hunt",
                 tv_engine_hunt_vault(h.s.engine, h.s.vault, search, 0, NULL, ERR));
    GIVES(TV_E_ARGUMENT, tv_engine_hunt(h.s.engine, tenants, 0, h.request, 0, NULL, ERR));
    GIVES(TV_E_ARGUMENT, tv_engine_hunt(h.s.engine, NULL, 2, h.request, 0, NULL, ERR));
    GIVES(TV_E_LIMIT, tv_engine_hunt(h.s.engine, tenants, 100001, h.request, 0, NULL, ERR));
    GIVES(TV_E_LIMIT, tv_engine_hunt(h.s.engine, tenants, TV_NUL, h.request, 0, NULL, ERR));
    GIVES_NAMING(TV_E_ACCOUNT_ID, "account", tv_request_hunt("x", TV_NUL, &h.s.request, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "request_out", tv_request_hunt("", 0, NULL, ERR));
    tv_request_free(search);
    nothing_comes(h.s.engine);
    close_hunting(&h);
}

PROMISE(an_account_that_no_tenant_has_is_not_found_nor_any_of_an_empty_vault) {
    hunting h = open_hunting(0);
    const tv_tenant *tenants[] = {h.s.acme};
    tv_request *other = NULL;
    OK(tv_request_hunt(ACCOUNT_B, TV_NUL, &other, ERR));
    GIVES(TV_E_NOT_FOUND, tv_engine_hunt(h.s.engine, tenants, 1, other, 0, NULL, ERR));
    tv_request_free(other);
    tv_unlock *unlock = test_key(9);
    tv_vault *empty = NULL;
    OK(tv_vault_create("", 0, unlock, NULL, &empty, ERR));
    tv_unlock_free(unlock);
    GIVES_NAMING(TV_E_NOT_FOUND, "account",
                 tv_engine_hunt_vault(h.s.engine, empty, h.request, 0, NULL, ERR));
    tv_vault_free(empty);
    close_hunting(&h);
}

/* ---- Findings ------------------------------------------------------------------------------- */

PROMISE(each_account_that_cannot_be_asked_is_one_finding_and_the_end_comes_last) {
    hunting h = open_hunting(0);
    uint64_t id = begin_hunt(&h, 7);
    int of_a = take_failed(h.s.engine, id, ACCOUNT_A, TV_E_TRANSPORT);
    int of_other = take_failed(h.s.engine, id, of_a ? ACCOUNT_B : ACCOUNT_A, TV_E_TRANSPORT);
    CHECK(of_other);
    tv_hunted all = take_end(h.s.engine, id, 7, TV_OK);
    CHECK(all.accounts == 2 && all.done == 2 && all.failed == 2 && all.found == 0);
    GIVES(TV_E_NOT_FOUND, tv_engine_cancel(h.s.engine, id, ERR));
    nothing_comes(h.s.engine);
    close_hunting(&h);
}

PROMISE(an_account_is_asked_once_and_through_the_next_tenant_where_the_first_fails) {
    hunting h = open_hunting(0);
    const tv_tenant *tenants[] = {h.s.acme, h.many, h.s.acme};
    tv_request *one = NULL;
    uint64_t id = 0;
    OK(tv_request_hunt(ACCOUNT_A, TV_NUL, &one, ERR));
    OK(tv_engine_hunt(h.s.engine, tenants, 3, one, 1, &id, ERR));
    tv_request_free(one);
    CHECK(take_failed(h.s.engine, id, ACCOUNT_A, TV_E_TRANSPORT));
    tv_hunted all = take_end(h.s.engine, id, 1, TV_OK);
    CHECK(all.accounts == 1 && all.failed == 1);
    /* Once through each of the two tenants. */
    CHECK(number_of(h.s.engine, "tries") == 2);
    close_hunting(&h);
}

PROMISE(a_vault_that_is_locked_meanwhile_is_told_of_each_account_that_is_left) {
    hunting h = open_hunting(0);
    OK(SET(h.request, "window", "1"));
    uint64_t id = begin_hunt(&h, 0);
    while (number_of(h.s.engine, "untaken") == 0) usleep(1000);
    OK(tv_vault_lock(h.s.vault, ERR));
    int of_a = take_failed(h.s.engine, id, ACCOUNT_A, TV_E_TRANSPORT);
    CHECK(take_failed(h.s.engine, id, of_a ? ACCOUNT_B : ACCOUNT_A, TV_E_LOCKED));
    take_end(h.s.engine, id, 0, TV_OK);
    GIVES(TV_E_LOCKED, tv_engine_hunt_vault(h.s.engine, h.s.vault, h.request, 0, NULL, ERR));
    close_hunting(&h);
}

/* ---- Its end -------------------------------------------------------------------------------- */

PROMISE(a_cancelled_hunt_ends_all_of_its_requests_and_comes_to_one_end) {
    hunting h = open_hunting(1);
    uint64_t id = begin_hunt(&h, 3);
    while (number_of(h.s.engine, "in_flight") < 2) usleep(1000);
    OK(tv_engine_cancel(h.s.engine, id, ERR));
    tv_hunted all = take_end(h.s.engine, id, 3, TV_E_CANCELLED);
    CHECK(all.accounts == 2 && all.done == 0 && all.found == 0);
    CHECK(number_of(h.s.engine, "in_flight") == 0 && number_of(h.s.engine, "queued") == 0);
    /* They were given up, and did not end by themselves. */
    CHECK(number_of(h.s.engine, "given_up") == 2);
    GIVES(TV_E_NOT_FOUND, tv_engine_cancel(h.s.engine, id, ERR));
    nothing_comes(h.s.engine);
    close_hunting(&h);
}

PROMISE(a_hunt_that_is_cancelled_before_it_began_has_its_end_as_well) {
    hunting h = open_hunting(1);
    for (uint64_t tag = 0; tag < 40; tag++) {
        uint64_t id = begin_hunt(&h, tag);
        OK(tv_engine_cancel(h.s.engine, id, ERR));
        take_end(h.s.engine, id, tag, TV_E_CANCELLED);
    }
    close_hunting(&h);
}

PROMISE(a_shut_down_engine_ends_its_hunts_with_that) {
    hunting h = open_hunting(1);
    uint64_t id = begin_hunt(&h, 4);
    OK(tv_engine_shutdown(h.s.engine, ERR));
    take_end(h.s.engine, id, 4, TV_E_SHUTDOWN);
    tv_result *result = NULL;
    GIVES(TV_E_SHUTDOWN, tv_engine_take(h.s.engine, 0, &result, ERR));
    GIVES(TV_E_SHUTDOWN,
          tv_engine_hunt_vault(h.s.engine, h.s.vault, h.request, 0, NULL, ERR));
    close_hunting(&h);
}

PROMISE(an_engine_is_freed_with_hunts_under_way_and_findings_not_taken) {
    hunting waiting = open_hunting(1), failing = open_hunting(0);
    begin_hunt(&waiting, 0);
    begin_hunt(&failing, 0);
    while (number_of(failing.s.engine, "untaken") < 3) usleep(1000);
    close_hunting(&waiting);
    close_hunting(&failing);
}

/* ---- Bounds --------------------------------------------------------------------------------- */

PROMISE(a_hunt_waits_for_a_host_that_does_not_take) {
    hunting h = open_hunting(0);
    OK(SET(h.request, "window", "1"));
    uint64_t id = begin_hunt(&h, 0);
    while (number_of(h.s.engine, "untaken") == 0) usleep(1000);
    /* The engine's thread comes round for each of these, and asks nothing. */
    long tries = number_of(h.s.engine, "tries");
    for (int i = 0; i < 20; i++) {
        CHECK(number_of(h.s.engine, "untaken") == 1);
        CHECK(number_of(h.s.engine, "tries") == tries);
    }
    tv_result *result = next_result(h.s.engine);
    CHECK(tv_result_kind(result) == TV_RESULT_FINDING && tv_result_id(result) == id);
    tv_result_free(result);
    result = next_result(h.s.engine);
    CHECK(tv_result_kind(result) == TV_RESULT_FINDING);
    tv_result_free(result);
    take_end(h.s.engine, id, 0, TV_OK);
    close_hunting(&h);
}

PROMISE(progress_is_told_where_it_is_asked_for_and_the_newest_only) {
    hunting h = open_hunting(0);
    OK(SET(h.request, "progress", "true"));
    begin_hunt(&h, 9);
    int findings = 0, last = -1, is_over = 0;
    while (!is_over && test_holds) {
        tv_result *result = next_result(h.s.engine);
        int32_t kind = tv_result_kind(result);
        tv_walk walk;
        tv_hunt *hunt = NULL;
        findings += kind == TV_RESULT_FINDING;
        if (kind != TV_RESULT_FINDING) {
            OK(tv_result_walk(result, "hunt", TV_NUL, &walk, ERR));
            CHECK(tv_hunt_read(&walk, &hunt, NULL, 0) == TV_TRACE_OK);
            is_over = kind == TV_RESULT_HUNT;
            CHECK(kind == TV_RESULT_HUNT || kind == TV_RESULT_PROGRESS);
            CHECK(hunt != NULL && hunt->over == (is_over ? TV_TRACE_YES : TV_TRACE_NO));
            CHECK(hunt != NULL && hunt->progress.done >= last && tv_result_tag(result) == 9);
            if (hunt != NULL) last = hunt->progress.done;
        }
        tv_hunt_free(hunt);
        tv_result_free(result);
    }
    CHECK(findings == 2 && last == 2);
    close_hunting(&h);
}

PROMISE(a_tenant_has_a_share_of_the_hunts_and_all_together_are_bounded) {
    hunting h = open_hunting(1);
    const tv_tenant *acme[] = {h.s.acme}, *many[] = {h.many};
    int first = 0, second = 0;
    while (tv_engine_hunt(h.s.engine, acme, 1, h.request, 0, NULL, NULL) == TV_OK) first++;
    CHECK(first == 16);
    GIVES_NAMING(TV_E_QUEUE_FULL, "share",
                 tv_engine_hunt(h.s.engine, acme, 1, h.request, 0, NULL, ERR));
    while (tv_engine_hunt(h.s.engine, many, 1, h.request, 0, NULL, NULL) == TV_OK) second++;
    CHECK(second == 8);
    /* Ends that are not taken take up room as well. */
    uint64_t id = 0;
    OK(tv_engine_shutdown(h.s.engine, ERR));
    GIVES(TV_E_SHUTDOWN, tv_engine_hunt(h.s.engine, many, 1, h.request, 0, &id, ERR));
    for (int i = 0; i < first + second; i++) {
        tv_result *result = next_result(h.s.engine);
        CHECK(tv_result_kind(result) == TV_RESULT_HUNT);
        tv_result_free(result);
    }
    close_hunting(&h);
}

PROMISE(taking_the_end_of_a_hunt_makes_room_for_another) {
    hunting h = open_hunting(0);
    const tv_tenant *acme[] = {h.s.acme};
    int count = 0;
    while (tv_engine_hunt(h.s.engine, acme, 1, h.request, 0, NULL, NULL) == TV_OK) count++;
    int ends = 0;
    while (ends < count && test_holds) {
        tv_result *result = next_result(h.s.engine);
        ends += tv_result_kind(result) == TV_RESULT_HUNT;
        tv_result_free(result);
    }
    OK(tv_engine_hunt(h.s.engine, acme, 1, h.request, 0, NULL, ERR));
    close_hunting(&h);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_hunt_has_the_options_of_a_search_and_of_traces_and_its_own);
    RUN(a_request_goes_only_where_it_belongs);
    RUN(an_account_that_no_tenant_has_is_not_found_nor_any_of_an_empty_vault);
    RUN(each_account_that_cannot_be_asked_is_one_finding_and_the_end_comes_last);
    RUN(an_account_is_asked_once_and_through_the_next_tenant_where_the_first_fails);
    RUN(a_vault_that_is_locked_meanwhile_is_told_of_each_account_that_is_left);
    RUN(a_cancelled_hunt_ends_all_of_its_requests_and_comes_to_one_end);
    RUN(a_hunt_that_is_cancelled_before_it_began_has_its_end_as_well);
    RUN(a_shut_down_engine_ends_its_hunts_with_that);
    RUN(an_engine_is_freed_with_hunts_under_way_and_findings_not_taken);
    RUN(a_hunt_waits_for_a_host_that_does_not_take);
    RUN(progress_is_told_where_it_is_asked_for_and_the_newest_only);
    RUN(a_tenant_has_a_share_of_the_hunts_and_all_together_are_bounded);
    RUN(taking_the_end_of_a_hunt_makes_room_for_another);
    return finish();
}
