/* ending.c - how hosts end, and what must not end them. An engine made in an exit handler: a status
 * where OpenSSL has cleaned up, or is about to with nobody to end that engine before; an engine like any
 * other until then. A vault larger than the files the host may write: a status, not SIGXFSZ. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proof.h"

#include <sys/resource.h>
#include <unistd.h>

/* Half as long as an idle engine's thread sleeps by itself. */
enum { HANGS_S = 30 };

static tv_status expected;

static void make_an_engine(void) {
    tv_engine *engine = NULL;
    tv_status status = tv_engine_new(NULL, &engine, NULL);
    if (status != expected) {
        printf("  in the handler: %s\n", tv_status_name(status));
        fflush(stdout);
        _exit(1);
    }
    /* Not freed: ending it is the library's business now. */
}

static void use_one_engine(void) {
    tv_engine *engine = NULL;
    if (tv_engine_new(NULL, &engine, NULL) != TV_OK) _exit(2);
    tv_engine_free(engine);
}

static void handler_before(void) {
    expected = TV_E_SHUTDOWN;
    atexit(make_an_engine);
    use_one_engine();
}

static void handler_after(void) {
    expected = TV_OK;
    use_one_engine();
    atexit(make_an_engine);
}

/* The handler runs when OpenSSL's and the library's are done, in a host that goes on after. */
static void handler_before_an_engine_that_lives(void) {
    tv_engine *engine = NULL;
    expected = TV_E_SHUTDOWN;
    atexit(make_an_engine);
    if (tv_engine_new(NULL, &engine, NULL) != TV_OK) _exit(2);
}

/* ---- what else a handler may call */

static tv_engine *kept_engine;
static tv_vault *kept_vault;

static void goes(const char *what, tv_status wanted, tv_status status) {
    if (status == wanted) return;
    printf("  %s in the handler: %s\n", what, tv_status_name(status));
    fflush(stdout);
    _exit(1);
}

static void call_everything(void) {
    tv_tenant *acme = NULL;
    tv_request *request = test_request();
    tv_result *result = NULL;
    tv_document *document = NULL;
    tv_edit *edit = NULL;
    tv_error *error = NULL;
    const char *text = NULL;
    goes("tenant", TV_OK, tv_tenant_open(kept_vault, "acme", TV_NUL, &acme, NULL));
    goes("submit", TV_E_SHUTDOWN, tv_engine_submit(kept_engine, acme, request, 1, NULL, &error));
    if (strlen(tv_error_message(error, NULL)) == 0) _exit(3);
    goes("fetch", TV_E_SHUTDOWN, tv_engine_fetch(kept_engine, acme, request, &result, NULL));
    goes("take", TV_E_SHUTDOWN, tv_engine_take(kept_engine, -1, &result, NULL));
    goes("stats", TV_OK, tv_engine_stats(kept_engine, &document, NULL));
    tv_document_free(document);
    goes("list", TV_OK, tv_vault_list(kept_vault, &document, NULL));
    tv_document_free(document);
    goes("begin", TV_OK, tv_edit_begin(kept_vault, &edit, NULL));
    goes("remove", TV_OK, tv_edit_remove_tenant(edit, "many", TV_NUL, NULL));
    goes("commit", TV_OK, tv_edit_commit(edit, NULL));
    static const char reply[] = "{\"result\":{\"inbound\":{\"lines\":[]}}}";
    goes("decode", TV_OK, tv_document_decode(reply, sizeof reply - 1, &document, NULL));
    goes("view", TV_OK, tv_document_view(document, "trace", TV_NUL, &text, NULL, NULL));
    tv_document_free(document);
    tv_edit_free(edit);
    tv_error_free(error);
    tv_request_free(request);
    tv_tenant_free(acme);
    tv_engine_free(kept_engine);
    tv_vault_free(kept_vault);
}

static void handler_that_calls_everything(void) {
    atexit(call_everything);
    kept_vault = test_vault(NULL);
    goes("engine", TV_OK, tv_engine_new(NULL, &kept_engine, NULL));
}

/* ---- engines whose descriptors are gone, and their numbers taken */

enum { LOST = 4 };

/* An idle engine, then none of its descriptors, then another engine by the same numbers. */
static tv_engine *lose(void) {
    tv_engine *lost = NULL, *other = NULL;
    tv_document *document = NULL;
    goes("engine", TV_OK, tv_engine_new(NULL, &lost, NULL));
    goes("stats", TV_OK, tv_engine_stats(lost, &document, NULL));
    tv_document_free(document);
    if (close_range(3, ~0U, 0) != 0) _exit(4);
    goes("another", TV_OK, tv_engine_new(NULL, &other, NULL));
    return lost;
}

static void exit_with_lost_engines(void) {
    alarm(HANGS_S);
    for (int i = 0; i < LOST; i++) (void)lose();
}

static void free_lost_engines(void) {
    alarm(HANGS_S);
    for (int i = 0; i < LOST; i++) tv_engine_free(lose());
}

static void ask_lost_engines(void) {
    alarm(HANGS_S);
    kept_vault = test_vault(NULL);
    tv_tenant *acme = NULL;
    tv_request *request = test_request();
    goes("tenant", TV_OK, tv_tenant_open(kept_vault, "acme", TV_NUL, &acme, NULL));
    for (int i = 0; i < LOST; i++) {
        tv_result *result = NULL;
        tv_engine *lost = lose();
        tv_status status = tv_engine_fetch(lost, acme, request, &result, NULL);
        if (status == TV_OK) status = tv_result_status(result);
        goes("fetch", TV_E_DESCRIPTORS_LOST, status);
        tv_result_free(result);
    }
}

static void take_from_lost_engines(void) {
    alarm(HANGS_S);
    for (int i = 0; i < LOST; i++) {
        tv_result *result = NULL;
        goes("take", TV_E_DESCRIPTORS_LOST, tv_engine_take(lose(), -1, &result, NULL));
    }
}

/* ---- a limit on the size of files */

static void write_beyond_the_limit(void) {
    char path[512];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/ending.vault", folder != NULL ? folder : "/tmp");
    struct rlimit small = {100, 100};
    test_holds = 1;
    tv_unlock *unlock = test_key(PROOF_KEY);
    tv_vault *vault = NULL;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    GIVES_NAMING(TV_E_IO, "EFBIG", tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    /* Nothing is left of the signal: it does not come later. */
    sigset_t waiting;
    CHECK(sigpending(&waiting) == 0 && !sigismember(&waiting, SIGXFSZ));
    tv_unlock_free(unlock);
    if (!test_holds) _exit(1);
}

static void ends_well(void (*life)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        life();
        exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0) FAIL("the child: status %#x", (unsigned)status);
}

PROMISE(after_openssls_end_an_engine_is_a_status) { ends_well(handler_before); }
PROMISE(before_it_an_engine_is_made_and_ended) { ends_well(handler_after); }
PROMISE(beside_a_living_engine_too) { ends_well(handler_before_an_engine_that_lives); }
PROMISE(everything_but_engines_goes_on_in_a_handler) { ends_well(handler_that_calls_everything); }
PROMISE(exit_waits_for_no_engine_that_was_lost) { ends_well(exit_with_lost_engines); }
PROMISE(nor_does_who_frees_one) { ends_well(free_lost_engines); }
PROMISE(who_asks_a_lost_engine_is_told_at_once) { ends_well(ask_lost_engines); }
PROMISE(and_who_takes_from_one) { ends_well(take_from_lost_engines); }
PROMISE(a_vault_beyond_the_hosts_limit_is_a_status) { ends_well(write_beyond_the_limit); }

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(after_openssls_end_an_engine_is_a_status);
    RUN(before_it_an_engine_is_made_and_ended);
    RUN(beside_a_living_engine_too);
    RUN(everything_but_engines_goes_on_in_a_handler);
    RUN(exit_waits_for_no_engine_that_was_lost);
    RUN(nor_does_who_frees_one);
    RUN(who_asks_a_lost_engine_is_told_at_once);
    RUN(and_who_takes_from_one);
    RUN(a_vault_beyond_the_hosts_limit_is_a_status);
    return finish();
}
