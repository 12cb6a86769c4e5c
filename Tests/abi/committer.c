/* committer.c - one of many hosts that edit one vault in an object store, until it is killed.
 *
 *     committer s3://BUCKET/KEY FIRST NAME=VALUE ...
 *
 * Puts the accounts FIRST, FIRST + 1, ..., each in a commit of its own. Standard output, one write a
 * line, so that a kill never leaves half of one:
 *
 *     NUMBER               acknowledged: that account is in the vault
 *     unknown NUMBER       TV_E_DURABILITY_UNKNOWN: it may be
 *     failed WHAT STATUS   nothing else may happen; the exit code is 1 */
#include "proof.h"
#include "remote.h"

static void say(const char *what, uint64_t number, const char *more) {
    char line[128];
    int len = snprintf(line, sizeof line, "%s%" PRIu64 "%s\n", what, number, more);
    if (len > 0 && write(1, line, (size_t)len) != len) _exit(3); /* the parent has gone */
}

static tv_status commit(tv_vault *vault, uint64_t number) {
    char account[33];
    snprintf(account, sizeof account, "%032" PRIx64, number);
    tv_edit *edit = NULL;
    tv_status status = tv_edit_begin(vault, &edit, NULL);
    if (status == TV_OK) status = proof_put(edit, "acme", account, "test-token-not-real", "");
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    test_holds = 1;
    tv_config *config = test_config();
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL) return 2;
        *value = '\0';
        remote_set(config, argv[i], value + 1);
    }
    tv_unlock *unlock = test_key(PROOF_KEY);
    tv_vault *vault = NULL;
    OK(tv_vault_open(argv[1], strlen(argv[1]), unlock, config, &vault, ERR));
    for (uint64_t number = strtoull(argv[2], NULL, 10); test_holds; number++) {
        tv_status status = commit(vault, number);
        if (status == TV_OK)
            say("", number, "");
        else if (status == TV_E_DURABILITY_UNKNOWN)
            say("unknown ", number, "");
        else if (status != TV_E_BUSY) {
            say("failed ", number, tv_status_name(status));
            return 1;
        }
    }
    return 1;
}
