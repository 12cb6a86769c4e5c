/* storm.c - forks in a tight loop while other threads commit and look up: no child hangs, none
 * keeps the writers' lock, and each makes its own way.
 *
 *     storm VAULT FORKS
 *
 * A child finds every handle of its parent's dead, opens the vault and, every tenth time, commits. */
#include "proof.h"

#include <pthread.h>

enum { ALARM_S = 120 };

static const char *path;
static tv_vault *vault;
static tv_tenant *tenant;
static volatile int over;
static long commits;

static tv_status commit_one(tv_vault *to, const char *account, long number) {
    char token[64];
    snprintf(token, sizeof token, "test-token-not-real-%ld", number);
    tv_edit *edit = NULL;
    tv_status status = tv_edit_begin(to, &edit, NULL);
    if (status == TV_OK) status = proof_put(edit, "acme", account, token, "storm");
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

static void *commit_for_ever(void *ignored) {
    (void)ignored;
    while (!over) {
        tv_status status = commit_one(vault, ACCOUNT_A, commits);
        if (status == TV_OK) commits++;
        if (status != TV_OK && status != TV_E_BUSY) FAIL("commit: %s", tv_status_name(status));
    }
    return NULL;
}

static void *look_for_ever(void *ignored) {
    (void)ignored;
    while (!over) {
        tv_document *document = NULL;
        tv_status status = tv_tenant_list(tenant, &document, NULL);
        if (status != TV_OK) FAIL("list: %s", tv_status_name(status));
        tv_document_free(document);
    }
    return NULL;
}

/* The child's life; its exit code says which promise is broken. */
static int child(tv_edit *edit, long number) {
    alarm(ALARM_S / 2);
    tv_document *document = NULL;
    uint64_t generation = 0;
    if (tv_vault_list(vault, &document, NULL) != TV_E_FORKED) return 10;
    if (tv_vault_generation(vault, &generation, NULL) != TV_E_FORKED) return 11;
    if (tv_vault_lock(vault, NULL) != TV_E_FORKED) return 12;
    if (tv_tenant_list(tenant, &document, NULL) != TV_E_FORKED) return 13;
    if (tv_edit_commit(edit, NULL) != TV_E_FORKED) return 14;
    tv_edit_free(edit);
    tv_tenant_free(tenant);
    test_holds = 1;
    tv_vault *own = proof_open(path);
    if (!test_holds) return 15;
    tv_tenant *again = NULL;
    if (tv_tenant_open(own, "acme", TV_NUL, &again, NULL) != TV_OK) return 16;
    if (tv_tenant_list(again, &document, NULL) != TV_OK) return 17;
    char account[33];
    snprintf(account, sizeof account, "%032lx", number + 1);
    tv_status status = TV_OK;
    /* The parent commits without a pause: a promise of the header is to try again. */
    do {
        if (number % 10 == 0) status = commit_one(own, account, number);
    } while (status == TV_E_BUSY);
    if (status != TV_OK) return 18;
    /* A child that is ended with the vault open holds nobody up. */
    if (number % 3 == 0) _exit(0);
    tv_document_free(document);
    tv_tenant_free(again);
    tv_vault_free(own);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    path = argv[1];
    long forks = strtol(argv[2], NULL, 10);
    alarm(ALARM_S);
    test_holds = 1;
    vault = proof_create(path);
    CHECK(commit_one(vault, ACCOUNT_A, 0) == TV_OK);
    tenant = test_tenant(vault, "acme");
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(proof_put(edit, "acme", ACCOUNT_B, TOKEN_B, "kept"));
    int before = proof_descriptors();
    pthread_t threads[2];
    CHECK(pthread_create(&threads[0], NULL, commit_for_ever, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, look_for_ever, NULL) == 0);
    for (long number = 0; number < forks && test_holds; number++) {
        pid_t pid = fork();
        if (pid == 0) _exit(child(edit, number));
        int status = 0;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (status != 0) FAIL("child %ld ended with %d", number, status);
    }
    over = 1;
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(proof_descriptors() == before);
    /* The parent's own edit outlived all of it, and so did what the children wrote. */
    OK(tv_edit_commit(edit, ERR));
    OK(tv_vault_refresh(vault, ERR));
    tv_document *document = NULL;
    OK(tv_vault_verify(vault, &document, ERR));
    char expected[64];
    snprintf(expected, sizeof expected, "\"credentials\":%ld,", 2 + (forks + 9) / 10);
    CHECK(strstr(proof_json(document), expected) != NULL);
    tv_document_free(document);
    tv_edit_free(edit);
    tv_tenant_free(tenant);
    tv_vault_free(vault);
    printf("%ld forks beside %ld commits\n", forks, commits);
    return test_holds ? 0 : 1;
}
