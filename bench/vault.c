/* vault.c - what a vault costs through the C ABI: one edit that fills it, durable edits, opening.
 *
 * FILL makes a vault of so many credentials in one transaction, PUT commits one credential at a
 * time, OPEN opens it and tells how much memory that took. Prints one JSON line. */
#include "library.h"

enum { PER_TENANT = 200, NAME_MAX_LEN = 64 };

static void put(tv_edit *edit, long number, long version) {
    char tenant[NAME_MAX_LEN], account[NAME_MAX_LEN], token[NAME_MAX_LEN];
    int tenant_len = snprintf(tenant, sizeof tenant, "tenant-%04ld", number / PER_TENANT);
    int account_len = snprintf(account, sizeof account, "%032lx", 2 * number);
    int token_len = snprintf(token, sizeof token, "test-token-not-real-%020ld", number + version);
    must(tv_edit_put_token(edit, tenant, (size_t)tenant_len, account, (size_t)account_len, token,
                           (size_t)token_len, &failure),
         "tv_edit_put_token");
}

/* Seconds for one transaction with `count` credentials, from begin to durable. */
static double edit_seconds(tv_vault *vault, long first, long count, long version) {
    tv_edit *edit = NULL;
    double started = now_us();
    must(tv_edit_begin(vault, &edit, &failure), "tv_edit_begin");
    for (long i = first; i < first + count; i++) put(edit, i, version);
    must(tv_edit_commit(edit, &failure), "tv_edit_commit");
    tv_edit_free(edit);
    return (now_us() - started) / 1e6;
}

static tv_vault *open_vault(const char *path, const tv_unlock *unlock) {
    tv_vault *vault = NULL;
    must(tv_vault_open(path, strlen(path), unlock, NULL, &vault, &failure), "tv_vault_open");
    return vault;
}

int main(int count, char **arguments) {
    if (count != 4) fail(arguments[0], "fill PATH CREDENTIALS | put PATH EDITS | open PATH 1");
    const char *verb = arguments[1], *path = arguments[2];
    long number = strtol(arguments[3], NULL, 10);
    if (number < 1) fail(arguments[0], "bad number");
    tv_unlock *unlock = raw_key();
    tv_vault *vault = NULL;
    if (strcmp(verb, "fill") == 0) {
        must(tv_vault_create(path, strlen(path), unlock, NULL, &vault, &failure), path);
        printf("{\"seconds\": %.6f}\n", edit_seconds(vault, 0, number, 0));
    } else if (strcmp(verb, "put") == 0) {
        vault = open_vault(path, unlock);
        double *took = calloc((size_t)number, sizeof *took);
        if (took == NULL) fail(arguments[0], "no memory");
        for (long i = 0; i < number; i++) took[i] = edit_seconds(vault, i * 37 % 1000, 1, i + 1);
        qsort(took, (size_t)number, sizeof *took, ascending);
        printf("{\"median_ms\": %.4f, \"worst_ms\": %.4f}\n", took[number / 2] * 1e3,
               took[number - 1] * 1e3);
        free(took);
    } else {
        double before = resident(), started = now_us();
        vault = open_vault(path, unlock);
        double seconds = (now_us() - started) / 1e6;
        printf("{\"seconds\": %.6f, \"added_mb\": %.3f}\n", seconds, (resident() - before) / 1e6);
    }
    tv_vault_free(vault);
    tv_unlock_free(unlock);
    return 0;
}
