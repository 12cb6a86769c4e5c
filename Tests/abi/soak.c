/* soak.c - one host that does everything at once for a while: requests, cancels, edits, rotations,
 * forks, locks and unlocks, statistics, over a network that fails.
 *
 *     soak BASE_URL CA_FILE ACCOUNT TOKEN VAULT SEED SECONDS
 *
 * Prints what the host measured of itself, one line a sample:
 *
 *     sample MS RSS_KIB DESCRIPTORS THREADS
 *
 * and at the end one line with its figures. A promise that is broken is a line and exit code 1. */
#include "proof.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WINDOW = 64, TAGS = 1 << 22, SAMPLE_MS = 500, LAST_WAIT_MS = 60000 };

static const char *base, *ca_file, *account, *token, *vault_path;
static uint64_t seed;
static tv_vault *vault;
static tv_tenant *tenant;
static tv_engine *engine;
static atomic_int over, broken, told;
static atomic_long submitted, taken, good, cancelled, edits, locks, forks, looks;
static _Atomic(uint64_t) newest_id;
static atomic_uchar results[TAGS]; /* by tag: how many results came */

/* For a failing network and a vault that is locked now and then: whatever else is a fault. */
static int is_true(tv_status status) {
    switch (status) {
    case TV_OK:
    case TV_E_DEADLINE:
    case TV_E_TRANSPORT:
    case TV_E_TLS:
    case TV_E_REPLY_TRUNCATED:
    case TV_E_CANCELLED:
    case TV_E_LOCKED: return 1;
    default: return 0;
    }
}

static void fault(const char *what, tv_status status) {
    atomic_store(&broken, 1);
    if (atomic_fetch_add(&told, 1) < 20) printf("broken: %s: %s\n", what, tv_status_name(status));
}

static tv_engine *new_engine(void) {
    const char *const settings[][2] = {
        {"api.base_url", base},        {"tls.ca_file", ca_file}, {"budget.quota", "0"},
        {"budget.ip_per_second", "0"}, {"retry.base_ms", "20"}};
    tv_config *config = NULL;
    tv_engine *made = NULL;
    tv_status status = tv_config_new(&config, NULL);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && status == TV_OK; i++)
        status = tv_config_set(config, settings[i][0], strlen(settings[i][0]), settings[i][1],
                               strlen(settings[i][1]), NULL);
    if (status == TV_OK) status = tv_engine_new(config, &made, NULL);
    if (status != TV_OK) fault("an engine", status);
    tv_config_free(config);
    return made;
}

static tv_status put(tv_edit *edit, const char *label) {
    size_t origin_len = (size_t)(strstr(base, "/client/v4") - base);
    tv_status status = proof_put(edit, "acme", account, token, label);
    if (status != TV_OK) return status;
    return tv_edit_set(edit, "acme", TV_NUL, account, strlen(account), "origin", TV_NUL, base,
                       origin_len, NULL);
}

static tv_request *new_request(chance *dice) {
    char ref[32], deadline[16];
    tv_request *request = NULL;
    snprintf(ref, sizeof ref, "slow-%u", 1 + chance_below(dice, 40));
    snprintf(deadline, sizeof deadline, "%u", 500 + chance_below(dice, 8000));
    tv_status status =
        tv_request_trace(account, strlen(account), ref, strlen(ref), &request, NULL);
    if (status == TV_OK)
        status = tv_request_set(request, "deadline_ms", TV_NUL, deadline, strlen(deadline), NULL);
    if (status == TV_OK && chance_below(dice, 2) == 0)
        status = tv_request_set(request, "fresh", TV_NUL, "true", TV_NUL, NULL);
    if (status != TV_OK) fault("a request", status);
    return request;
}

/* ---- threads */

static void *ask(void *number) {
    chance dice = {seed + (uint64_t)(uintptr_t)number};
    while (!atomic_load(&over)) {
        long tag = atomic_load(&submitted);
        if (tag - atomic_load(&taken) >= WINDOW || tag >= TAGS - 8) {
            usleep(500);
            continue;
        }
        tv_request *request = new_request(&dice);
        uint64_t id = 0;
        tag = atomic_fetch_add(&submitted, 1);
        tv_status status = tv_engine_submit(engine, tenant, request, (uint64_t)tag, &id, NULL);
        if (status != TV_OK) {
            if (status != TV_E_LOCKED) fault("submit", status);
            atomic_store(&results[tag], 1); /* refused: no result comes */
            atomic_fetch_add(&taken, 1);
        } else {
            atomic_store(&newest_id, id);
        }
        if (chance_below(&dice, 10) == 0) {
            status = tv_engine_cancel(engine, atomic_load(&newest_id), NULL);
            if (status != TV_OK && status != TV_E_NOT_FOUND) fault("cancel", status);
        }
        tv_request_free(request);
    }
    return NULL;
}

static void *take(void *ignored) {
    (void)ignored;
    for (;;) {
        tv_result *result = NULL;
        tv_status status = tv_engine_take(engine, -1, &result, NULL);
        if (status != TV_OK && status != TV_E_SHUTDOWN) fault("take", status);
        if (status != TV_OK) return NULL;
        uint64_t tag = tv_result_tag(result);
        status = tv_result_status(result);
        if (tag >= TAGS || atomic_fetch_add(&results[tag], 1) != 0)
            fault("a second result", status);
        if (!is_true(status)) fault("a result", status);
        atomic_fetch_add(&good, status == TV_OK);
        atomic_fetch_add(&cancelled, status == TV_E_CANCELLED);
        const char *view = NULL;
        if (status == TV_OK &&
            tv_result_document(result, "ecs", TV_NUL, &view, NULL, NULL) != TV_OK)
            fault("a view", status);
        tv_result_free(result);
        atomic_fetch_add(&taken, 1);
    }
}

static tv_status edit_once(chance *dice, const char *label) {
    tv_edit *edit = NULL;
    size_t len = strlen(account);
    tv_status status = tv_edit_begin(vault, &edit, NULL);
    if (status != TV_OK) return status;
    /* Mostly a new label; now and then a rotation, whose old half goes with the next one. */
    if (chance_below(dice, 4) == 0) {
        status = tv_edit_retire(edit, "acme", TV_NUL, account, len, NULL);
        if (status == TV_OK) status = put(edit, label);
        if (status == TV_OK)
            status = tv_edit_remove_retiring(edit, "acme", TV_NUL, account, len, NULL);
    } else {
        status = tv_edit_set(edit, "acme", TV_NUL, account, len, "label", TV_NUL, label,
                             strlen(label), NULL);
    }
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

static void *edit_for_ever(void *ignored) {
    (void)ignored;
    chance dice = {seed + 100};
    for (char label[32]; !atomic_load(&over);) {
        snprintf(label, sizeof label, "label-%ld", atomic_load(&edits) + 1);
        tv_status status = edit_once(&dice, label);
        if (status == TV_OK) atomic_fetch_add(&edits, 1);
        if (status != TV_OK && status != TV_E_LOCKED && status != TV_E_BUSY) fault("edit", status);
        usleep(chance_below(&dice, 10000));
    }
    return NULL;
}

static void *lock_and_unlock(void *ignored) {
    (void)ignored;
    chance dice = {seed + 200};
    tv_unlock *unlock = test_key(PROOF_KEY);
    while (!atomic_load(&over)) {
        usleep(100000 + chance_below(&dice, 300000));
        tv_status status = tv_vault_lock(vault, NULL);
        if (status == TV_OK) status = tv_vault_unlock(vault, unlock, NULL);
        if (status != TV_OK) fault("lock and unlock", status);
        atomic_fetch_add(&locks, 1);
    }
    tv_unlock_free(unlock);
    return NULL;
}

/* A worker's life: an engine of its own, one request. */
static int live(void) {
    alarm(60);
    atomic_store(&broken, 0); /* the parent's own */
    chance dice = {seed + (uint64_t)getpid()};
    tv_document *document = NULL;
    if (tv_engine_stats(engine, &document, NULL) != TV_E_FORKED) return 10;
    test_holds = 1;
    tv_vault *own = proof_open(vault_path);
    if (!test_holds) return 11;
    tv_tenant *acme = test_tenant(own, "acme");
    tv_engine *here = new_engine();
    tv_request *request = new_request(&dice);
    tv_result *result = NULL;
    tv_status status = tv_engine_fetch(here, acme, request, &result, NULL);
    int fine = test_holds && !atomic_load(&broken) && is_true(status);
    tv_result_free(result);
    tv_request_free(request);
    tv_engine_free(here);
    tv_tenant_free(acme);
    tv_vault_free(own);
    return fine ? 0 : 12;
}

static void fork_once(void) {
    pid_t child = fork();
    if (child == 0) _exit(live());
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fault("a child", TV_E_OTHER);
        printf("the child ended with %#x\n", (unsigned)status);
    }
    atomic_fetch_add(&forks, 1);
}

/* Looks and forks: from a thread that has worked, as hosts do. */
static void *look_and_fork(void *number) {
    chance dice = {seed + (uint64_t)(uintptr_t)number};
    while (!atomic_load(&over)) {
        tv_document *document = NULL;
        tv_status status = tv_engine_stats(engine, &document, NULL);
        if (status != TV_OK) fault("statistics", status);
        tv_document_free(document);
        status = tv_vault_list(vault, &document, NULL);
        if (status != TV_OK && status != TV_E_LOCKED) fault("a list", status);
        if (status == TV_OK) tv_document_free(document);
        atomic_fetch_add(&looks, 1);
        if (chance_below(&dice, 6) == 0) fork_once();
        usleep(10000 + chance_below(&dice, 30000));
    }
    return NULL;
}

/* ---- the host */

static void make(void) {
    vault = proof_create(vault_path);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(put(edit, "label-0"));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tenant = test_tenant(vault, "acme");
    engine = new_engine();
}

/* Every request has had its one result, and the last acknowledged edit is in the file. */
static void check_all(void) {
    int64_t end = proof_ms() + LAST_WAIT_MS;
    while (atomic_load(&taken) < atomic_load(&submitted) && proof_ms() < end) usleep(10000);
    for (long tag = 0; tag < atomic_load(&submitted); tag++)
        if (atomic_load(&results[tag]) != 1)
            FAIL("request %ld had %d results", tag, results[tag]);
    char label[48];
    snprintf(label, sizeof label, "\"label\":\"label-%ld\"", atomic_load(&edits));
    tv_vault *again = proof_open(vault_path);
    tv_document *document = NULL;
    OK(tv_vault_list(again, &document, ERR));
    if (strstr(proof_json(document), label) == NULL) FAIL("the file has not %s", label);
    tv_document_free(document);
    tv_vault_free(again);
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    base = argv[1], ca_file = argv[2], account = argv[3], token = argv[4], vault_path = argv[5];
    seed = strtoull(argv[6], NULL, 10);
    long seconds = strtol(argv[7], NULL, 10);
    setvbuf(stdout, NULL, _IOLBF, 0);
    test_holds = 1;
    make();
    if (!test_holds || broken) return 1;
    void *(*bodies[])(void *) = {ask, ask, edit_for_ever, lock_and_unlock, look_and_fork,
                              look_and_fork};
    enum { COUNT = sizeof bodies / sizeof bodies[0] };
    pthread_t threads[COUNT], taker;
    CHECK(pthread_create(&taker, NULL, take, NULL) == 0);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(pthread_create(&threads[i], NULL, bodies[i], (void *)(uintptr_t)i) == 0);
    int64_t began = proof_ms();
    while (proof_ms() < began + seconds * 1000) {
        printf("sample %lld %ld %d %d\n", (long long)(proof_ms() - began), proof_resident_kib(),
               proof_descriptors(), proof_threads());
        usleep(SAMPLE_MS * 1000);
    }
    atomic_store(&over, 1);
    for (size_t i = 0; i < COUNT; i++) pthread_join(threads[i], NULL);
    check_all();
    OK(tv_engine_shutdown(engine, ERR));
    pthread_join(taker, NULL);
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    printf("C: %ld requests (%ld good, %ld cancelled), %ld edits, %ld locks, %ld forks, %ld looks\n",
           submitted, good, cancelled, edits, locks, forks, looks);
    return test_holds && !atomic_load(&broken) ? 0 : 1;
}
