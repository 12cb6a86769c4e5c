/* worker.c - one of many processes on one vault file; its parent keeps the ledger.
 *
 *     worker write VAULT ID FIRST COUNT   commits FIRST, FIRST + 1, ... (COUNT 0: until killed)
 *     worker read VAULT ID                looks at the vault until it is ended
 *
 * Each commit puts its number into the labels of all ACCOUNTS accounts of tenant-ID. Standard
 * output, one write a line, so that a kill never leaves half of one:
 *
 *     W ID NUMBER                         acknowledged: NUMBER is in the vault
 *     R ID GENERATION TENANT=NUMBER ...   what one snapshot holds, every tenant whole
 *     failed WHAT                         a promise is broken; the exit code is 1 */
#include "proof.h"

#include <stdarg.h>

enum { ACCOUNTS = 3, TENANTS = 16, BUSY_PAUSE_US = 200, READ_PAUSE_US = 1000 };

static void say(const char *format, ...) {
    char line[512];
    va_list rest;
    va_start(rest, format);
    int len = vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    if (len > 0 && write(1, line, (size_t)len) != len) _exit(3); /* the parent has gone */
}

static void give_up(const char *what, tv_status status) {
    say("failed %s: %s\n", what, tv_status_name(status));
    _exit(1);
}

static tv_status commit(tv_vault *vault, int id, uint64_t number) {
    char tenant[32];
    char token[64];
    char label[32];
    snprintf(tenant, sizeof tenant, "tenant-%d", id);
    snprintf(token, sizeof token, "test-token-not-real-%d-%" PRIu64, id, number);
    snprintf(label, sizeof label, "%" PRIu64, number);
    tv_edit *edit = NULL;
    tv_status status = tv_edit_begin(vault, &edit, NULL);
    for (int i = 0; i < ACCOUNTS && status == TV_OK; i++) {
        char account[33];
        snprintf(account, sizeof account, "%016x%016x", (unsigned)id, (unsigned)i);
        status = proof_put(edit, tenant, account, token, label);
    }
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

static void write_all(tv_vault *vault, int id, uint64_t first, uint64_t count) {
    for (uint64_t number = first; count == 0 || number < first + count;) {
        tv_status status = commit(vault, id, number);
        if (status == TV_E_BUSY) {
            usleep(BUSY_PAUSE_US); /* a promise of the header: try again */
            continue;
        }
        if (status != TV_OK) give_up("commit", status);
        say("W %d %" PRIu64 "\n", id, number);
        number++;
    }
}

/* The text behind `name` in one row, or NULL where the row has none. */
static const char *behind(const char *row, const char *name) {
    const char *found = strstr(row, name);
    return found != NULL ? found + strlen(name) : NULL;
}

/* One line with what the vault holds; ends the process when a tenant is there by half. */
static void report(int id, const char *json) {
    uint64_t held[TENANTS] = {0};
    int rows[TENANTS] = {0};
    char line[512];
    const char *generation = behind(json, "\"generation\":");
    if (generation == NULL) give_up("a listing without a generation", TV_OK);
    for (const char *row = behind(json, "\"tenant\":\"tenant-"); row != NULL;
         row = behind(row, "\"tenant\":\"tenant-")) {
        unsigned long tenant = strtoul(row, NULL, 10);
        const char *label = behind(row, "\"label\":\"");
        if (tenant >= TENANTS || label == NULL) {
            give_up("a row of nobody's", TV_OK);
            return;
        }
        uint64_t number = strtoull(label, NULL, 10);
        if (rows[tenant]++ > 0 && held[tenant] != number) give_up("an edit by half", TV_OK);
        held[tenant] = number;
    }
    int len = snprintf(line, sizeof line, "R %d %" PRIu64, id,
                       (uint64_t)strtoull(generation, NULL, 10));
    for (int tenant = 0; tenant < TENANTS; tenant++) {
        if (rows[tenant] == 0) continue;
        if (rows[tenant] != ACCOUNTS) give_up("a tenant by half", TV_OK);
        len += snprintf(line + len, sizeof line - (size_t)len, " %d=%" PRIu64, tenant,
                        held[tenant]);
    }
    say("%s\n", line);
}

static void read_for_ever(tv_vault *vault, int id) {
    uint64_t last = 0;
    for (;;) {
        tv_status status = tv_vault_refresh(vault, NULL);
        uint64_t generation = 0;
        if (status == TV_OK) status = tv_vault_generation(vault, &generation, NULL);
        if (status != TV_OK) give_up("refresh", status);
        if (generation < last) give_up("a generation that goes back", TV_OK);
        if (generation > last) {
            tv_document *document = NULL;
            status = tv_vault_list(vault, &document, NULL);
            if (status != TV_OK) give_up("list", status);
            report(id, proof_json(document));
            tv_document_free(document);
        }
        last = generation;
        usleep(READ_PAUSE_US);
    }
}

int main(int argc, char **argv) {
    int writes = argc == 6 && strcmp(argv[1], "write") == 0;
    if (!writes && !(argc == 4 && strcmp(argv[1], "read") == 0)) {
        fprintf(stderr, "usage: worker write VAULT ID FIRST COUNT | worker read VAULT ID\n");
        return 2;
    }
    test_holds = 1;
    tv_vault *vault = proof_open(argv[2]);
    if (!test_holds) give_up("open", TV_OK);
    int id = (int)strtol(argv[3], NULL, 10);
    if (writes)
        write_all(vault, id, strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    else
        read_for_ever(vault, id);
    tv_vault_free(vault);
    return 0;
}
