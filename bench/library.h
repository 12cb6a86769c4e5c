/* library.h - what the programs that call the library share: its failures, a vault, settings, memory.
 *
 * Included once per program, behind figures.h; no measuring in here. */
#ifndef BENCH_LIBRARY_H
#define BENCH_LIBRARY_H

#include <string.h>
#include <unistd.h>
#include <tracevault.h>

#include "figures.h"

static tv_error *failure;

/* Ends the program with the library's own words when a call failed. */
static inline void must(tv_status status, const char *what) {
    if (status != TV_OK) fail(what, tv_error_message(failure, NULL));
}

static inline tv_unlock *raw_key(void) {
    unsigned char key[32];
    for (int i = 0; i < 32; i++) key[i] = (unsigned char)(7 + i);
    tv_unlock *unlock = NULL;
    must(tv_unlock_key(key, sizeof key, &unlock, &failure), "tv_unlock_key");
    return unlock;
}

/* A vault in memory; ours to free. */
static inline tv_vault *memory_vault(void) {
    tv_unlock *unlock = raw_key();
    tv_vault *vault = NULL;
    must(tv_vault_create("", 0, unlock, NULL, &vault, &failure), "tv_vault_create");
    tv_unlock_free(unlock);
    return vault;
}

/* A token for the one account of a tenant, towards the origin. */
static inline void put_token(tv_edit *edit, const char *tenant, const char *token,
                             const char *origin) {
    must(tv_edit_put_token(edit, tenant, TV_NUL, ACCOUNT, TV_NUL, token, TV_NUL, &failure),
         "tv_edit_put_token");
    must(tv_edit_set(edit, tenant, TV_NUL, ACCOUNT, TV_NUL, "origin", TV_NUL, origin, TV_NUL,
                     &failure),
         "tv_edit_set");
}

/* An engine with the settings given as pairs of name and value. */
static inline tv_engine *engine_with(const char *settings[][2], size_t count) {
    tv_config *config = NULL;
    tv_engine *engine = NULL;
    must(tv_config_new(&config, &failure), "tv_config_new");
    for (size_t i = 0; i < count; i++)
        must(tv_config_set(config, settings[i][0], TV_NUL, settings[i][1], TV_NUL, &failure),
             settings[i][0]);
    must(tv_engine_new(config, &engine, &failure), "tv_engine_new");
    tv_config_free(config);
    return engine;
}

/* Resident bytes of this process. */
static inline double resident(void) {
    long pages = 0, ignored = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &ignored, &pages) != 2) fail("statm", "unreadable");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

#endif /* BENCH_LIBRARY_H */
