/* unlocks.c - who may open a vault, through C: slots come and go, a rekey shuts out the old key, an
 * export is a vault of its own. */
#include "vaults.h"

#include <sys/stat.h>

/* A vault file under key 1 with a token of tenants acme and globex. */
static tv_vault *create_two(const char *path) {
    tv_unlock *unlock = test_key(1);
    tv_vault *vault = NULL;
    tv_edit *edit = NULL;
    OK(tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "globex", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_B, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    return vault;
}

static tv_status added(tv_vault *vault, unsigned char current, unsigned char key) {
    tv_unlock *old = test_key(current);
    tv_unlock *made = test_key(key);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    tv_status status = tv_edit_add_unlock(edit, old, made, "recovery", TV_NUL, NULL);
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    tv_unlock_free(old);
    tv_unlock_free(made);
    return status;
}

static tv_status removed(tv_vault *vault, int32_t index) {
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    tv_status status = tv_edit_remove_unlock(edit, index, NULL);
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

static void rekey(tv_vault *vault, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_rekey(edit, unlock, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
}

PROMISE(every_slot_opens_and_a_ninth_is_refused) {
    const char *path = path_of("slots.vault");
    tv_vault *vault = create_two(path);
    for (unsigned char key = 2; key <= 8; key++) CHECK(added(vault, 1, key) == TV_OK);
    CHECK(added(vault, 1, 9) == TV_E_LIMIT);
    for (unsigned char key = 1; key <= 8; key++) opening_gives(TV_OK, path, key);
    opening_gives(TV_E_UNLOCK, path, 9);
    tv_vault_free(vault);
}

PROMISE(a_removed_slot_opens_nothing_and_the_previous_generation_is_gone) {
    const char *path = path_of("removed.vault");
    const char *previous = path_of("removed.vault.prev");
    tv_vault *vault = create_two(path);
    CHECK(added(vault, 1, 2) == TV_OK);
    CHECK(access(previous, F_OK) == 0);
    CHECK(removed(vault, 0) == TV_OK);
    CHECK(access(previous, F_OK) != 0);
    opening_gives(TV_E_UNLOCK, path, 1);
    opening_gives(TV_OK, path, 2);
    CHECK(removed(vault, 1) == TV_E_ARGUMENT);
    CHECK(removed(vault, 0) == TV_E_NOT_FOUND);
    CHECK(removed(vault, -1) == TV_E_NOT_FOUND && removed(vault, 8) == TV_E_NOT_FOUND);
    CHECK(removed(vault, INT32_MAX) == TV_E_NOT_FOUND && removed(vault, INT32_MIN) == TV_E_NOT_FOUND);
    CHECK(added(vault, 1, 3) == TV_E_UNLOCK);
    tv_vault_free(vault);
}

PROMISE(a_key_of_another_kind_is_told_apart_from_a_wrong_one) {
    const char *path = path_of("kinds.vault"), *key_path = path_of("kinds.key");
    unsigned char key[32];
    for (size_t i = 0; i < sizeof key; i++) key[i] = (unsigned char)(i * 37);
    FILE *file = fopen(key_path, "wb");
    CHECK(file != NULL && fchmod(fileno(file), 0600) == 0);
    if (file == NULL) return;
    CHECK(fwrite(key, 1, sizeof key, file) == sizeof key && fclose(file) == 0);
    tv_unlock *raw = NULL, *from_file = NULL;
    tv_vault *vault = NULL;
    OK(tv_unlock_key(key, sizeof key, &raw, ERR));
    OK(tv_unlock_keyfile(key_path, TV_NUL, &from_file, ERR));
    OK(tv_vault_create(path, TV_NUL, raw, NULL, &vault, ERR));
    tv_vault_free(vault);
    GIVES_NAMING(TV_E_UNLOCK, "a key file (tv_unlock_keyfile): it was sealed with a raw key",
                 tv_vault_open(path, TV_NUL, from_file, NULL, &vault, ERR));
    CHECK(unlink(path) == 0);
    OK(tv_vault_create(path, TV_NUL, from_file, NULL, &vault, ERR));
    tv_vault_free(vault);
    GIVES_NAMING(TV_E_UNLOCK, "sealed with a key file (tv_unlock_keyfile)",
                 tv_vault_open(path, TV_NUL, raw, NULL, &vault, ERR));
    tv_unlock_free(from_file);
    tv_unlock_free(raw);
}

PROMISE(a_label_has_bounds) {
    tv_vault *vault = create_two(path_of("labels.vault"));
    tv_unlock *unlock = test_key(1);
    tv_edit *edit = NULL;
    char label[41];
    memset(label, 'l', sizeof label);
    STEP_GIVES_NAMING(TV_E_ARGUMENT, "label",
                      tv_edit_add_unlock(edit, unlock, unlock, label, 41, ERR));
    STEP_GIVES_NAMING(TV_E_ARGUMENT, "label",
                      tv_edit_add_unlock(edit, unlock, unlock, "a\n", 2, ERR));
    STEP_GIVES_NAMING(TV_E_ARGUMENT, "label",
                      tv_edit_add_unlock(edit, unlock, unlock, NULL, 1, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_add_unlock(edit, unlock, unlock, label, 40, ERR));
    OK(tv_edit_add_unlock(edit, unlock, unlock, NULL, 0, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    tv_vault_free(vault);
}

PROMISE(a_rekey_shuts_out_the_old_key_and_other_handles_are_told) {
    const char *path = path_of("rekey.vault");
    tv_vault *vault = create_two(path);
    tv_unlock *unlock = test_key(1);
    tv_vault *other = NULL;
    uint64_t generation = 0;
    OK(tv_vault_open(path, strlen(path), unlock, NULL, &other, ERR));
    rekey(vault, 2);
    opening_gives(TV_E_UNLOCK, path, 1);
    opening_gives(TV_OK, path, 2);
    CHECK(access(path_of("rekey.vault.prev"), F_OK) != 0);
    OK(tv_vault_generation(vault, &generation, ERR));
    CHECK(generation == 3);
    GIVES_NAMING(TV_E_UNLOCK, "rekeyed", tv_vault_refresh(other, ERR));
    tv_tenant *tenant = test_tenant(other, "acme");
    tv_tenant_free(tenant);
    tv_unlock_free(unlock);
    tv_vault_free(other);
    tv_vault_free(vault);
}

PROMISE(an_edit_rekeys_or_changes_slots) {
    tv_vault *vault = create_two(path_of("mixed.vault"));
    tv_unlock *unlock = test_key(1);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_rekey(edit, unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_edit_add_unlock(edit, unlock, unlock, "", 0, ERR));
    GIVES(TV_E_ARGUMENT, tv_edit_remove_unlock(edit, 0, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    tv_vault_free(vault);
}

PROMISE(an_export_is_a_vault_of_its_own_with_one_tenant) {
    const char *made = path_of("acme.vault");
    tv_vault *vault = create_two(path_of("exported.vault"));
    tv_unlock *unlock = test_key(5);
    tv_tenant *tenant = NULL;
    tv_vault *opened = NULL;
    OK(tv_vault_export(vault, "acme", TV_NUL, made, strlen(made), unlock, NULL, ERR));
    GIVES(TV_E_EXISTS,
          tv_vault_export(vault, "acme", TV_NUL, made, strlen(made), unlock, NULL, ERR));
    GIVES(TV_E_NOT_FOUND,
          tv_vault_export(vault, "nobody", TV_NUL, "/nowhere", TV_NUL, unlock, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "path",
                 tv_vault_export(vault, "acme", TV_NUL, "", 0, unlock, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "path",
                 tv_vault_export(vault, "acme", TV_NUL, "a\0b", 3, unlock, NULL, ERR));
    opening_gives(TV_E_UNLOCK, made, 1);
    OK(tv_vault_open(made, strlen(made), unlock, NULL, &opened, ERR));
    GIVES(TV_E_NOT_FOUND, tv_tenant_open(opened, "globex", TV_NUL, &tenant, ERR));
    tenant = test_tenant(opened, "acme");
    tv_tenant_free(tenant);
    tv_vault_free(opened);
    tv_vault_free(vault);
    tv_unlock_free(unlock);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    RUN(every_slot_opens_and_a_ninth_is_refused);
    RUN(a_removed_slot_opens_nothing_and_the_previous_generation_is_gone);
    RUN(a_key_of_another_kind_is_told_apart_from_a_wrong_one);
    RUN(a_label_has_bounds);
    RUN(a_rekey_shuts_out_the_old_key_and_other_handles_are_told);
    RUN(an_edit_rekeys_or_changes_slots);
    RUN(an_export_is_a_vault_of_its_own_with_one_tenant);
    return finish();
}
