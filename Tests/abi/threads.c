/* threads.c - any thread may make any call, also on a stack of 32 KiB, also with the locale of the
 * host; nothing is ever written to its output. */
#include "loopback.h"
#include "vaults.h"

#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { THREADS = 8, EACH = 200 };

static loopback closed;
static tv_vault *vault;
static tv_tenant *tenant;
static tv_request *request;
static tv_engine *engine;
static atomic_int results[THREADS * EACH];
static atomic_int taken;
static atomic_int wrong;

/* Threads use plain statuses: the harness' own state belongs to the main thread. */
static void *submit_many(void *argument) {
    uint64_t first = (uint64_t)(uintptr_t)argument * EACH;
    for (uint64_t i = 0; i < EACH; i++)
        if (tv_engine_submit(engine, tenant, request, first + i, NULL, NULL) != TV_OK) wrong++;
    return NULL;
}

static void *take_many(void *argument) {
    (void)argument;
    while (taken < THREADS * EACH) {
        tv_result *result = NULL;
        if (tv_engine_take(engine, 100, &result, NULL) != TV_OK) wrong++;
        if (result == NULL) continue;
        uint64_t tag = tv_result_tag(result);
        if (tag < THREADS * EACH)
            results[tag]++;
        else
            wrong++;
        tv_result_free(result);
        taken++;
    }
    return NULL;
}

static void *make_and_free(void *argument) {
    (void)argument;
    for (int i = 0; i < 500; i++) {
        tv_config *config = NULL;
        tv_request *fresh = NULL;
        if (tv_config_new(&config, NULL) != TV_OK) wrong++;
        if (tv_request_trace("", 0, MESSAGE, TV_NUL, &fresh, NULL) != TV_OK) wrong++;
        if (tv_config_set(config, "retry.base_ms", TV_NUL, "9", TV_NUL, NULL) != TV_OK) wrong++;
        if (tv_request_set((tv_request *)config, "wait_ms", TV_NUL, "9", TV_NUL, NULL) !=
            TV_E_HANDLE)
            wrong++;
        tv_config_free(config);
        tv_request_free(fresh);
    }
    return NULL;
}

static void *fetch_one(void *argument) {
    (void)argument;
    tv_result *result = NULL;
    if (tv_engine_fetch(engine, tenant, request, &result, NULL) != TV_E_TRANSPORT) wrong++;
    return NULL;
}

static void run_threads(void *(*body)(void *), int count, pthread_t *threads) {
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i) == 0);
}

static void join(int count, pthread_t *threads) {
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

PROMISE(many_threads_share_an_engine_and_every_request_has_one_result) {
    pthread_t submitters[THREADS];
    pthread_t takers[3];
    wrong = 0;
    run_threads(submit_many, THREADS, submitters);
    run_threads(take_many, 3, takers);
    join(THREADS, submitters);
    join(3, takers);
    CHECK(wrong == 0 && taken == THREADS * EACH);
    for (int i = 0; i < THREADS * EACH; i++)
        if (results[i] != 1) FAIL("request %d had %d results", i, results[i]);
}

PROMISE(several_threads_fetch_at_once) {
    pthread_t threads[THREADS];
    wrong = 0;
    run_threads(fetch_one, THREADS, threads);
    join(THREADS, threads);
    CHECK(wrong == 0 && !readable(engine, 0));
}

PROMISE(handles_are_made_and_freed_from_many_threads) {
    pthread_t threads[THREADS];
    wrong = 0;
    run_threads(make_and_free, THREADS, threads);
    join(THREADS, threads);
    CHECK(wrong == 0);
}

PROMISE(the_engines_thread_has_a_name) {
    char name[32], path[300];
    int named = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fgets(name, sizeof name, file) != NULL)
            named += strcmp(name, "tracevault\n") == 0;
        if (file != NULL) fclose(file);
    }
    if (tasks != NULL) closedir(tasks);
    CHECK(named == 1);
}

static void *shut_down_later(void *argument) {
    (void)argument;
    usleep(50000);
    if (tv_engine_shutdown(engine, NULL) != TV_OK) wrong++;
    return NULL;
}

PROMISE(shutting_down_wakes_a_thread_that_waits_for_ever) {
    pthread_t thread;
    tv_result *result = NULL;
    wrong = 0;
    CHECK(pthread_create(&thread, NULL, shut_down_later, NULL) == 0);
    GIVES(TV_E_SHUTDOWN, tv_engine_take(engine, -1, &result, ERR));
    pthread_join(thread, NULL);
    CHECK(wrong == 0 && result == NULL);
}

/* A new vault under a passphrase, as cheap as one may be. */
static int with_a_passphrase(void) {
    tv_config *config = NULL;
    tv_unlock *unlock = NULL;
    tv_vault *made = NULL;
    int bad = tv_config_new(&config, NULL) != TV_OK;
    bad += tv_config_set(config, "vault.kdf_memory_kib", TV_NUL, "19456", TV_NUL, NULL) != TV_OK;
    bad += tv_config_set(config, "vault.kdf_passes", TV_NUL, "2", TV_NUL, NULL) != TV_OK;
    bad += tv_unlock_passphrase("not a real passphrase", TV_NUL, &unlock, NULL) != TV_OK;
    bad += tv_vault_create("", 0, unlock, config, &made, NULL) != TV_OK;
    tv_vault_free(made);
    tv_unlock_free(unlock);
    tv_config_free(config);
    return bad;
}

/* A host's whole day on a small stack. */
static void *a_whole_day(void *argument) {
    (void)argument;
    unsigned char key[32];
    test_key_bytes(key, 9);
    tv_unlock *unlock = NULL;
    tv_vault *own = NULL;
    tv_edit *edit = NULL;
    tv_tenant *acme = NULL;
    tv_document *document = NULL;
    tv_result *result = NULL;
    tv_error *error = NULL;
    tv_config *config = NULL;
    tv_engine *here = NULL;
    tv_walk walk;
    const char *text = NULL;
    size_t len = 0;
    const char *path = path_of("day.vault"), *copy = path_of("copy.vault");
    static const char *const views[] = {"trace", "raw", "ecs", "ocsf", "spans", "brief"};
    static const char body[] = "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[{\"message\":"
                               "\"x\"}]},\"outbound\":{\"lines\":[]}}}";
    int bad = with_a_passphrase();
    bad += tv_unlock_key(key, sizeof key, &unlock, NULL) != TV_OK;
    bad += tv_vault_create(path, TV_NUL, unlock, NULL, &own, NULL) != TV_OK;
    bad += tv_edit_begin(own, &edit, NULL) != TV_OK;
    bad +=
        tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, NULL) != TV_OK;
    bad += tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "origin", TV_NUL, closed.origin,
                       strlen(closed.origin), NULL) != TV_OK;
    bad += tv_edit_commit(edit, NULL) != TV_OK;
    tv_edit_free(edit);
    tv_vault_free(own);
    bad += tv_vault_open(path, TV_NUL, unlock, NULL, &own, NULL) != TV_OK;
    bad += tv_vault_refresh(own, NULL) != TV_OK;
    bad += tv_vault_export(own, "acme", TV_NUL, copy, TV_NUL, unlock, NULL, NULL) != TV_OK;
    bad += tv_tenant_open(own, "acme", TV_NUL, &acme, NULL) != TV_OK;
    bad += tv_vault_verify(own, &document, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_vault_describe(own, &document, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_vault_list(own, &document, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_document_decode(body, sizeof body - 1, &document, NULL) != TV_OK;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        bad += tv_document_view(document, views[i], TV_NUL, &text, &len, NULL) != TV_OK;
    bad += tv_document_walk(document, "trace", TV_NUL, &walk, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_config_describe(&document, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_build_info(&document, NULL) != TV_OK;
    tv_document_free(document);
    bad += tv_config_new(&config, NULL) != TV_OK;
    bad += tv_config_set(config, "api.base_url", TV_NUL, closed.base, strlen(closed.base), NULL) !=
           TV_OK;
    bad += tv_config_set(config, "retry.max_attempts", TV_NUL, "1", TV_NUL, NULL) != TV_OK;
    bad += tv_engine_new(config, &here, NULL) != TV_OK;
    bad += tv_engine_fetch(here, acme, request, &result, &error) != TV_E_TRANSPORT;
    tv_error_free(error);
    tv_engine_free(here);
    tv_config_free(config);
    tv_tenant_free(acme);
    tv_vault_free(own);
    tv_unlock_free(unlock);
    unlink(path);
    unlink(copy);
    wrong += bad;
    return NULL;
}

PROMISE(a_stack_of_32_kib_is_enough) {
    pthread_attr_t attributes;
    pthread_t thread;
    wrong = 0;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, 32 * 1024) == 0);
    CHECK(pthread_create(&thread, &attributes, a_whole_day, NULL) == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    CHECK(wrong == 0);
}

PROMISE(nothing_is_written_to_the_hosts_output) {
    char name[] = "/tmp/tv-output-XXXXXX";
    fflush(stdout);
    int file = mkstemp(name);
    int kept_out = dup(1);
    int kept_error = dup(2);
    CHECK(file >= 0 && kept_out >= 0 && kept_error >= 0);
    dup2(file, 1);
    dup2(file, 2);
    a_whole_day(NULL);
    tv_document *document = NULL;
    tv_vault *none = NULL;
    tv_status html = tv_document_decode("<html>", 6, &document, NULL);
    tv_unlock *unlock = test_key(3);
    tv_status missing = tv_vault_open("/nowhere/x", TV_NUL, unlock, NULL, &none, NULL);
    tv_unlock_free(unlock);
    tv_config_free((tv_config *)(uintptr_t)12345);
    fflush(NULL);
    struct stat about;
    int known = fstat(file, &about) == 0;
    dup2(kept_out, 1);
    dup2(kept_error, 2);
    close(kept_out);
    close(kept_error);
    close(file);
    unlink(name);
    CHECK(html == TV_E_NOT_JSON && missing == TV_E_IO);
    CHECK(known && about.st_size == 0);
}

static void ignore(int number) { (void)number; }

PROMISE(signals_of_the_host_never_reach_the_engines_thread) {
    sigset_t blocked;
    sigset_t before;
    struct sigaction action = {.sa_handler = ignore};
    tv_engine *own = loopback_engine(&closed, NULL);
    sigaction(SIGUSR1, &action, NULL);
    /* Blocked here: only a library thread that takes signals could take it. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    kill(getpid(), SIGUSR1);
    usleep(20000);
    sigset_t waiting;
    CHECK(sigpending(&waiting) == 0 && sigismember(&waiting, SIGUSR1) == 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    tv_engine_free(own);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    setlocale(LC_ALL, ""); /* a host with a comma as decimal point, if the system has one */
    test_holds = 1;
    closed = open_loopback(0);
    vault = test_vault(closed.origin);
    tenant = test_tenant(vault, "acme");
    request = test_request();
    engine = loopback_engine(&closed, NULL);
    if (!test_holds) return 1;
    RUN(many_threads_share_an_engine_and_every_request_has_one_result);
    RUN(several_threads_fetch_at_once);
    RUN(handles_are_made_and_freed_from_many_threads);
    RUN(a_stack_of_32_kib_is_enough);
    RUN(nothing_is_written_to_the_hosts_output);
    RUN(signals_of_the_host_never_reach_the_engines_thread);
    RUN(the_engines_thread_has_a_name);
    RUN(shutting_down_wakes_a_thread_that_waits_for_ever);
    tv_engine_free(engine);
    tv_request_free(request);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    return finish();
}
