/* proof.h - what the long proofs share: seeded chance, vault files under a raw key, their content.
 *
 * On top of test.h; for the programs that run for seconds and print a figure. */
#ifndef TV_PROOF_H
#define TV_PROOF_H

#include "test.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* The raw key of every vault file here. */
enum { PROOF_KEY = 0x5a };

/* ---- chance (splitmix64): one seed, one run ------------------------------------------------- */

typedef struct chance {
    uint64_t state;
} chance;

static inline uint64_t chance_next(chance *c) {
    uint64_t x = c->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 to below - 1. */
static inline uint32_t chance_below(chance *c, uint32_t below) {
    return (uint32_t)((chance_next(c) >> 32) * below >> 32);
}

/* ---- vaults --------------------------------------------------------------------------------- */

static inline tv_vault *proof_open(const char *path) {
    tv_unlock *unlock = test_key(PROOF_KEY);
    tv_vault *vault = NULL;
    OK(tv_vault_open(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

/* An empty path for one in memory. */
static inline tv_vault *proof_create(const char *path) {
    tv_unlock *unlock = test_key(PROOF_KEY);
    tv_vault *vault = NULL;
    OK(tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

static inline uint64_t proof_generation(const tv_vault *vault) {
    uint64_t number = 0;
    OK(tv_vault_generation(vault, &number, ERR));
    return number;
}

/* Puts one token with a label into an edit; the first status that is not TV_OK. */
static inline tv_status proof_put(tv_edit *edit, const char *tenant, const char *account,
                                  const char *token, const char *label) {
    size_t tenant_len = strlen(tenant);
    size_t account_len = strlen(account);
    tv_status status = tv_edit_put_token(edit, tenant, tenant_len, account, account_len, token,
                                         strlen(token), NULL);
    if (status != TV_OK) return status;
    return tv_edit_set(edit, tenant, tenant_len, account, account_len, "label", TV_NUL, label,
                       strlen(label), NULL);
}

/* A document's "json" view; lives as long as the document. */
static inline const char *proof_json(tv_document *document) {
    const char *data = "";
    size_t len = 0;
    OK(tv_document_view(document, "json", TV_NUL, &data, &len, ERR));
    return data;
}

/* ---- this process --------------------------------------------------------------------------- */

static inline int proof_entries(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    if (folder == NULL) return -1;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

/* Plus a few that are always there. */
static inline int proof_descriptors(void) { return proof_entries("/proc/self/fd"); }
static inline int proof_threads(void) { return proof_entries("/proc/self/task"); }

static inline long proof_resident_kib(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2);
    if (file != NULL) fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static inline int64_t proof_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
