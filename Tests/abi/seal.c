/* seal.c - makes a vault for a test: `seal VAULT KEYFILE`, credentials from standard input.
 *
 * One a line, fields parted by tabs: tenant, account id, origin, then a token, or e-mail and key.
 * The key file gets 32 bytes that are no secret. */
#include "test.h"

static const char *next_field(char **rest) {
    char *field = *rest;
    if (field == NULL) return NULL;
    char *tab = strchr(field, '\t');
    if (tab != NULL) *tab = '\0';
    *rest = tab != NULL ? tab + 1 : NULL;
    return field;
}

static void seal(tv_edit *edit, char *line) {
    char *rest = line;
    const char *tenant = next_field(&rest);
    const char *account = next_field(&rest);
    const char *origin = next_field(&rest);
    const char *first = next_field(&rest);
    const char *second = next_field(&rest);
    CHECK(first != NULL);
    if (first == NULL) return;
    size_t tenant_len = strlen(tenant);
    size_t account_len = strlen(account);
    if (second == NULL)
        OK(tv_edit_put_token(edit, tenant, tenant_len, account, account_len, first, strlen(first),
                             ERR));
    else
        OK(tv_edit_put_key(edit, tenant, tenant_len, account, account_len, first, strlen(first),
                           second, strlen(second), ERR));
    OK(tv_edit_set(edit, tenant, tenant_len, account, account_len, "origin", TV_NUL, origin,
                   strlen(origin), ERR));
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: seal VAULT KEYFILE < credentials\n");
        return 2;
    }
    test_holds = 1;
    unsigned char key[32];
    test_key_bytes(key, 0x5a);
    FILE *file = fopen(argv[2], "wb");
    CHECK(file != NULL && fwrite(key, 1, sizeof key, file) == sizeof key);
    if (file != NULL) fclose(file);
    tv_unlock *unlock = test_key(0x5a);
    tv_vault *vault = NULL;
    tv_edit *edit = NULL;
    OK(tv_vault_create(argv[1], strlen(argv[1]), unlock, NULL, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    char line[2048];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        seal(edit, line);
    }
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_vault_free(vault);
    tv_unlock_free(unlock);
    return test_holds ? 0 : 1;
}
