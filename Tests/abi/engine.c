/* engine.c - the engine without a server that answers: every request ends with exactly one result. */
#include "loopback.h"

#include "tv_walk.h"

#include <dirent.h>

PROMISE(a_closed_port_is_a_transport_failure_with_its_facts) {
    scene s = open_scene(0, NULL);
    uint64_t id = 0;
    OK(tv_engine_submit(s.engine, s.acme, s.request, UINT64_MAX, &id, ERR));
    CHECK(id != 0);
    tv_result *result = next_result(s.engine);
    CHECK(tv_result_kind(result) == TV_RESULT_TRACE);
    CHECK(tv_result_status(result) == TV_E_TRANSPORT);
    CHECK(tv_result_id(result) == id && tv_result_tag(result) == UINT64_MAX);
    tv_error *failure = NULL;
    OK(tv_result_error(result, &failure, ERR));
    CHECK(tv_error_status(failure) == TV_E_TRANSPORT);
    CHECK(tv_error_retriable(failure) == 1 && tv_error_http_status(failure) == 0);
    CHECK(strstr(tv_error_message(failure, NULL), TOKEN_A) == NULL);
    const char *data = NULL;
    size_t len = 0;
    GIVES(TV_E_NOT_FOUND, tv_result_document(result, "trace", TV_NUL, &data, &len, ERR));
    GIVES(TV_E_NOT_FOUND, tv_result_document(result, "raw", TV_NUL, &data, &len, ERR));
    tv_result_free(result);
    CHECK(strlen(tv_error_message(failure, NULL)) > 0); /* lives on without its result */
    tv_error_free(failure);
    close_scene(&s);
}

PROMISE(fetch_gives_the_failure_itself) {
    scene s = open_scene(0, NULL);
    tv_result *result = NULL;
    GIVES(TV_E_TRANSPORT, tv_engine_fetch(s.engine, s.acme, s.request, &result, ERR));
    CHECK(result == NULL && !readable(s.engine, 0));
    close_scene(&s);
}

PROMISE(the_descriptor_is_readable_exactly_while_a_result_waits) {
    scene s = open_scene(0, NULL);
    tv_result *result = NULL;
    CHECK(!readable(s.engine, 0));
    OK(tv_engine_take(s.engine, 0, &result, ERR));
    CHECK(result == NULL);
    OK(tv_engine_submit(s.engine, s.acme, s.request, 1, NULL, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 2, NULL, ERR));
    CHECK(readable(s.engine, 30000));
    CHECK(readable(s.engine, 0)); /* level, not edge */
    tv_result_free(next_result(s.engine));
    tv_result_free(next_result(s.engine));
    CHECK(!readable(s.engine, 0));
    OK(tv_engine_shutdown(s.engine, ERR));
    CHECK(readable(s.engine, 0)); /* take would return at once, with TV_E_SHUTDOWN */
    GIVES(TV_E_SHUTDOWN, tv_engine_take(s.engine, -1, &result, ERR));
    close_scene(&s);
}

/* Cancels a request and comes back when its result is there. */
static void cancel_and_await(tv_engine *engine, uint64_t id) {
    OK(tv_engine_cancel(engine, id, ERR));
    for (int i = 0; i < 3000 && tv_engine_cancel(engine, id, NULL) != TV_E_NOT_FOUND; i++)
        usleep(10000);
    GIVES(TV_E_NOT_FOUND, tv_engine_cancel(engine, id, ERR));
}

PROMISE(taking_one_of_two_waiting_results_leaves_the_descriptor_readable) {
    scene s = open_scene(1, NULL);
    uint64_t first = 0;
    uint64_t second = 0;
    OK(tv_engine_submit(s.engine, s.acme, s.request, 1, &first, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 2, &second, ERR));
    cancel_and_await(s.engine, first);
    cancel_and_await(s.engine, second);
    tv_result_free(next_result(s.engine));
    CHECK(readable(s.engine, 0));
    tv_result_free(next_result(s.engine));
    CHECK(!readable(s.engine, 0));
    close_scene(&s);
}

PROMISE(a_deadline_ends_a_request_that_gets_no_answer) {
    scene s = open_scene(1, NULL);
    OK(tv_request_set(s.request, "deadline_ms", TV_NUL, "150", TV_NUL, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 1, NULL, ERR));
    tv_result *result = next_result(s.engine);
    CHECK(tv_result_status(result) == TV_E_DEADLINE);
    tv_result_free(result);
    close_scene(&s);
}

PROMISE(a_cancelled_request_still_has_its_result) {
    scene s = open_scene(1, NULL);
    uint64_t id = 0;
    uint64_t other = 0;
    OK(tv_engine_submit(s.engine, s.acme, s.request, 1, &id, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 2, &other, ERR));
    CHECK(id != other);
    GIVES(TV_E_NOT_FOUND, tv_engine_cancel(s.engine, other + 1000, ERR));
    OK(tv_engine_cancel(s.engine, other, ERR));
    tv_result *result = next_result(s.engine);
    CHECK(tv_result_id(result) == other && tv_result_tag(result) == 2);
    CHECK(tv_result_status(result) == TV_E_CANCELLED);
    tv_result_free(result);
    GIVES(TV_E_NOT_FOUND, tv_engine_cancel(s.engine, other, ERR));
    CHECK(!readable(s.engine, 0));
    close_scene(&s);
}

PROMISE(a_full_queue_is_a_status_and_taking_makes_room) {
    scene s = open_scene(1, "3");
    uint64_t id = 0;
    uint64_t refused = 0;
    OK(tv_engine_submit(s.engine, s.acme, s.request, 1, &id, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 2, NULL, ERR));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 3, NULL, ERR));
    GIVES(TV_E_QUEUE_FULL, tv_engine_submit(s.engine, s.acme, s.request, 4, &refused, ERR));
    CHECK(refused == 0);
    OK(tv_engine_cancel(s.engine, id, ERR));
    CHECK(readable(s.engine, 30000));
    /* Finished, but not taken: it still counts. */
    GIVES(TV_E_QUEUE_FULL, tv_engine_submit(s.engine, s.acme, s.request, 4, &refused, ERR));
    tv_result_free(next_result(s.engine));
    OK(tv_engine_submit(s.engine, s.acme, s.request, 4, NULL, ERR));
    GIVES(TV_E_QUEUE_FULL, tv_engine_submit(s.engine, s.acme, s.request, 5, NULL, ERR));
    close_scene(&s);
}

PROMISE(shutting_down_completes_everything_once) {
    enum { COUNT = 300 };
    scene s = open_scene(1, NULL);
    for (uint64_t i = 0; i < COUNT; i++)
        OK(tv_engine_submit(s.engine, s.acme, s.request, i, NULL, ERR));
    OK(tv_engine_shutdown(s.engine, ERR));
    OK(tv_engine_shutdown(s.engine, ERR));
    GIVES(TV_E_SHUTDOWN, tv_engine_submit(s.engine, s.acme, s.request, 0, NULL, ERR));
    int seen[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        tv_result *result = next_result(s.engine);
        CHECK(tv_result_status(result) == TV_E_SHUTDOWN);
        uint64_t tag = tv_result_tag(result);
        if (tag < COUNT) seen[tag]++;
        tv_result_free(result);
    }
    for (int i = 0; i < COUNT; i++)
        if (seen[i] != 1) FAIL("request %d had %d results", i, seen[i]);
    tv_result *none = NULL;
    GIVES(TV_E_SHUTDOWN, tv_engine_take(s.engine, 0, &none, ERR));
    close_scene(&s);
}

PROMISE(requests_go_on_without_vault_tenant_and_request) {
    loopback closed = open_loopback(0);
    tv_engine *engine = loopback_engine(&closed, NULL);
    tv_vault *vault = test_vault(closed.origin);
    tv_tenant *acme = test_tenant(vault, "acme");
    tv_request *request = test_request();
    OK(tv_engine_submit(engine, acme, request, 7, NULL, ERR));
    tv_request_free(request);
    tv_tenant_free(acme);
    tv_vault_free(vault);
    tv_result *result = next_result(engine);
    CHECK(tv_result_tag(result) == 7 && tv_result_status(result) == TV_E_TRANSPORT);
    tv_engine_free(engine); /* the result outlives its engine */
    CHECK(tv_result_tag(result) == 7);
    tv_result_free(result);
    close(closed.fd);
}

PROMISE(an_account_is_never_guessed_and_never_another_tenants) {
    loopback closed = open_loopback(0);
    tv_engine *engine = loopback_engine(&closed, NULL);
    tv_vault *vault = test_vault(closed.origin);
    tv_tenant *acme = test_tenant(vault, "acme");
    tv_tenant *many = test_tenant(vault, "many");
    tv_request *any = test_request();
    tv_request *other = NULL;
    OK(tv_request_trace(ACCOUNT_B, TV_NUL, MESSAGE, TV_NUL, &other, ERR));
    GIVES(TV_E_AMBIGUOUS, tv_engine_submit(engine, many, any, 0, NULL, ERR));
    GIVES(TV_E_NOT_FOUND, tv_engine_submit(engine, acme, other, 0, NULL, ERR));
    OK(tv_engine_submit(engine, many, other, 0, NULL, ERR));
    tv_result_free(next_result(engine));
    tv_request_free(other);
    tv_request_free(any);
    tv_tenant_free(many);
    tv_tenant_free(acme);
    tv_engine_free(engine);
    tv_vault_free(vault);
    close(closed.fd);
}

PROMISE(a_credential_goes_to_no_origin_but_its_own) {
    loopback closed = open_loopback(0);
    tv_engine *engine = loopback_engine(&closed, NULL);
    tv_vault *vault = test_vault(NULL); /* sealed for api.cloudflare.com */
    tv_tenant *acme = test_tenant(vault, "acme");
    tv_request *request = test_request();
    GIVES(TV_E_ORIGIN, tv_engine_submit(engine, acme, request, 0, NULL, ERR));
    tv_request_free(request);
    tv_tenant_free(acme);
    tv_engine_free(engine);
    tv_vault_free(vault);
    close(closed.fd);
}

PROMISE(stats_are_json_that_counts) {
    loopback closed = open_loopback(0);
    tv_engine *engine = loopback_engine(&closed, NULL);
    tv_document *document = NULL;
    const char *data = NULL;
    size_t len = 0;
    OK(tv_engine_stats(engine, &document, ERR));
    OK(tv_document_view(document, "json", TV_NUL, &data, &len, ERR));
    CHECK(len > 2 && data[0] == '{' && data[len - 1] == '}');
    tv_document_free(document);
    tv_engine_free(engine);
    close(closed.fd);
}

PROMISE(engines_come_and_go_and_leave_no_descriptor_behind) {
    loopback silent = open_loopback(1);
    tv_vault *vault = test_vault(silent.origin);
    tv_tenant *acme = test_tenant(vault, "acme");
    tv_request *request = test_request();
    int before = -1;
    for (int i = 0; i < 12; i++) {
        tv_engine *engine = loopback_engine(&silent, NULL);
        OK(tv_engine_submit(engine, acme, request, 0, NULL, ERR));
        tv_engine_free(engine);
        int probe = dup(0); /* the lowest free descriptor */
        if (i == 1) before = probe;
        if (i > 1) CHECK(probe == before);
        close(probe);
    }
    tv_request_free(request);
    tv_tenant_free(acme);
    tv_vault_free(vault);
    close(silent.fd);
}

static int open_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    for (struct dirent *one; folder != NULL && (one = readdir(folder)) != NULL;)
        count += one->d_name[0] != '.';
    if (folder != NULL) closedir(folder);
    return count;
}

PROMISE(an_engine_holds_six_descriptors_and_all_together_one_more) {
    enum { ENGINES = 3 };
    tv_engine *engines[ENGINES];
    int before = open_descriptors();
    for (int i = 0; i < ENGINES; i++) {
        tv_document *document = NULL;
        OK(tv_engine_new(NULL, &engines[i], ERR));
        OK(tv_engine_stats(engines[i], &document, ERR)); /* its thread has come round */
        tv_document_free(document);
        int more = open_descriptors() - before;
        if (more != 6 * (i + 1) + 1) FAIL("%d engines hold %d descriptors", i + 1, more);
    }
    tv_vault *vault = test_vault(NULL);
    CHECK(open_descriptors() - before == 6 * ENGINES + 1);
    tv_vault_free(vault);
    for (int i = 0; i < ENGINES; i++) tv_engine_free(engines[i]);
    CHECK(open_descriptors() == before);
}

PROMISE(a_notice_is_a_result_of_its_own_kind_and_comes_only_where_it_is_wanted) {
    for (int wanted = 0; wanted < 2; wanted++) {
        tv_config *config = test_config();
        tv_engine *engine = NULL;
        OK(tv_config_set(config, "budget.ledger", TV_NUL, "/usr", TV_NUL, ERR)); /* no file */
        if (wanted) OK(tv_config_set(config, "engine.max_notices", TV_NUL, "10", TV_NUL, ERR));
        OK(tv_engine_new(config, &engine, ERR));
        tv_config_free(config);
        if (wanted) {
            CHECK(readable(engine, 30000));
            tv_result *notice = next_result(engine);
            CHECK(tv_result_kind(notice) == TV_RESULT_NOTICE && tv_result_status(notice) == TV_OK);
            CHECK(tv_result_id(notice) == 0 && tv_result_tag(notice) == 0);
            tv_error *failure = NULL;
            OK(tv_result_error(notice, &failure, ERR));
            CHECK(failure == NULL);
            tv_walk walk;
            char kind[32];
            OK(tv_result_walk(notice, "notice", TV_NUL, &walk, ERR));
            CHECK(tv_text(tv_find(tv_whole(&walk), "kind"), kind, sizeof kind) > 0);
            CHECK(strcmp(kind, "ledger_not_shared") == 0);
            const char *data = NULL;
            size_t len = 0;
            GIVES_NAMING(TV_E_NOT_FOUND, "notice",
                         tv_result_document(notice, "trace", TV_NUL, &data, &len, ERR));
            tv_result_free(notice);
        }
        CHECK(!readable(engine, 0));
        OK(tv_engine_shutdown(engine, ERR));
        tv_result *none = NULL;
        GIVES(TV_E_SHUTDOWN, tv_engine_take(engine, 0, &none, ERR));
        tv_engine_free(engine);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_closed_port_is_a_transport_failure_with_its_facts);
    RUN(fetch_gives_the_failure_itself);
    RUN(the_descriptor_is_readable_exactly_while_a_result_waits);
    RUN(taking_one_of_two_waiting_results_leaves_the_descriptor_readable);
    RUN(a_deadline_ends_a_request_that_gets_no_answer);
    RUN(a_cancelled_request_still_has_its_result);
    RUN(a_full_queue_is_a_status_and_taking_makes_room);
    RUN(shutting_down_completes_everything_once);
    RUN(requests_go_on_without_vault_tenant_and_request);
    RUN(an_account_is_never_guessed_and_never_another_tenants);
    RUN(a_credential_goes_to_no_origin_but_its_own);
    RUN(stats_are_json_that_counts);
    RUN(an_engine_holds_six_descriptors_and_all_together_one_more);
    RUN(a_notice_is_a_result_of_its_own_kind_and_comes_only_where_it_is_wanted);
    RUN(engines_come_and_go_and_leave_no_descriptor_behind);
    return finish();
}
