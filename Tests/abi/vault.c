/* vault.c - vaults through C: in memory and as files, and what opens them. */
#include "vaults.h"

#include <sys/stat.h>

/* Whether `text` stands anywhere in the bytes. */
static int holds(content all, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= all.len; i++)
        if (memcmp(all.data + i, text, len) == 0) return 1;
    return 0;
}

PROMISE(a_vault_in_memory_keeps_what_is_put_and_touches_no_disk) {
    tv_vault *vault = test_vault(NULL);
    CHECK(listed(vault, "acme") && listed(vault, ACCOUNT_A) && listed(vault, ACCOUNT_B));
    uint64_t before = generation(vault);
    put(vault, "acme", ACCOUNT_B, TOKEN_B);
    CHECK(generation(vault) == before + 1);
    OK(tv_vault_refresh(vault, ERR));
    tv_vault_free(vault);
}

PROMISE(a_file_keeps_what_is_put) {
    const char *path = path_of("kept.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    put(vault, "caf\xc3\xa9", ACCOUNT_B, TOKEN_B);
    uint64_t written = generation(vault);
    tv_vault_free(vault);
    vault = open_vault(path, 1);
    CHECK(generation(vault) == written);
    CHECK(listed(vault, "acme") && listed(vault, "caf\xc3\xa9"));
    CHECK(listed(vault, ACCOUNT_A) && listed(vault, ACCOUNT_B));
    tv_vault_free(vault);
    struct stat about;
    CHECK(stat(path, &about) == 0 && (about.st_mode & 0777) == 0600);
}

PROMISE(no_secret_name_or_account_is_readable_in_the_file_and_no_secret_is_listed) {
    const char *path = path_of("secret.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme-tenant-name", ACCOUNT_A, TOKEN_A);
    CHECK(!listed(vault, TOKEN_A));
    content file = read_file(path);
    CHECK(!holds(file, TOKEN_A) && !holds(file, "acme-tenant-name") && !holds(file, ACCOUNT_A));
    free(file.data);
    tv_vault_free(vault);
}

PROMISE(a_path_that_is_taken_is_left_alone) {
    const char *path = path_of("taken.vault");
    write_file(path, (const unsigned char *)"mine", 4);
    tv_unlock *unlock = test_key(1);
    tv_vault *vault = NULL;
    GIVES(TV_E_EXISTS, tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    content file = read_file(path);
    CHECK(file.len == 4 && memcmp(file.data, "mine", 4) == 0);
    free(file.data);
    tv_unlock_free(unlock);
}

PROMISE(a_missing_file_is_a_status_and_is_not_made) {
    const char *path = path_of("missing.vault");
    opening_gives(TV_E_NO_VAULT, path, 1);
    CHECK(access(path, F_OK) != 0);
    opening_gives(TV_E_IO, path_of("no/such/folder.vault"), 1);
}

PROMISE(paths_and_keys_of_the_wrong_form_are_refused) {
    tv_unlock *unlock = NULL;
    tv_vault *vault = NULL;
    char key[40] = {0};
    GIVES(TV_E_ARGUMENT, tv_unlock_key(key, 0, &unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_unlock_key(key, 31, &unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_unlock_key(key, 33, &unlock, ERR));
    /* Of the right length, and none all the same. */
    GIVES_NAMING(TV_E_ARGUMENT, "again and again", tv_unlock_key(key, 32, &unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_unlock_passphrase("", 0, &unlock, ERR));
    CHECK(unlock == NULL);
    unlock = test_key(1);
    GIVES(TV_E_ARGUMENT, tv_vault_create("a\0b", 3, unlock, NULL, &vault, ERR));
    GIVES(TV_E_ARGUMENT, tv_vault_open("a\0b", 3, unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
}

PROMISE(the_wrong_key_says_so_and_changes_nothing) {
    const char *path = path_of("locked.vault");
    tv_vault *vault = create(path, 1);
    tv_vault_free(vault);
    content before = read_file(path);
    opening_gives(TV_E_UNLOCK, path, 2);
    content after = read_file(path);
    CHECK(before.len == after.len && memcmp(before.data, after.data, before.len) == 0);
    free(before.data);
    free(after.data);
}

PROMISE(a_passphrase_opens_what_it_sealed_and_another_does_not) {
    const char *path = path_of("passphrase.vault");
    tv_config *config = test_config();
    OK(tv_config_set(config, "vault.kdf_memory_kib", TV_NUL, "20480", TV_NUL, ERR));
    OK(tv_config_set(config, "vault.kdf_passes", TV_NUL, "2", TV_NUL, ERR));
    tv_unlock *right = NULL;
    tv_unlock *wrong = NULL;
    tv_vault *vault = NULL;
    OK(tv_unlock_passphrase("test passphrase, not real", TV_NUL, &right, ERR));
    OK(tv_unlock_passphrase("test passphrase, not reaL", TV_NUL, &wrong, ERR));
    OK(tv_vault_create(path, strlen(path), right, config, &vault, ERR));
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    tv_vault_free(vault);
    vault = NULL;
    GIVES(TV_E_UNLOCK, tv_vault_open(path, strlen(path), wrong, config, &vault, ERR));
    OK(tv_vault_open(path, strlen(path), right, config, &vault, ERR));
    CHECK(listed(vault, "acme"));
    tv_vault_free(vault);
    opening_gives(TV_E_UNLOCK, path, 1);
    tv_unlock_free(wrong);
    tv_unlock_free(right);
    tv_config_free(config);
}

PROMISE(two_writers_lose_nothing_and_refresh_sees_the_other) {
    const char *path = path_of("shared.vault");
    tv_vault *one = create(path, 1);
    tv_vault *two = open_vault(path, 1);
    tv_edit *first = NULL;
    tv_edit *second = NULL;
    OK(tv_edit_begin(one, &first, ERR));
    OK(tv_edit_begin(two, &second, ERR));
    OK(tv_edit_put_token(first, "from-one", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_put_token(second, "from-two", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_B, TV_NUL, ERR));
    OK(tv_edit_commit(first, ERR));
    OK(tv_edit_commit(second, ERR));
    tv_edit_free(first);
    tv_edit_free(second);
    OK(tv_vault_refresh(one, ERR));
    CHECK(listed(one, "from-one") && listed(one, "from-two"));
    CHECK(listed(two, "from-one") && listed(two, "from-two"));
    CHECK(generation(one) == generation(two));
    tv_vault_free(one);
    tv_vault_free(two);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    RUN(a_vault_in_memory_keeps_what_is_put_and_touches_no_disk);
    RUN(a_file_keeps_what_is_put);
    RUN(no_secret_name_or_account_is_readable_in_the_file_and_no_secret_is_listed);
    RUN(a_path_that_is_taken_is_left_alone);
    RUN(a_missing_file_is_a_status_and_is_not_made);
    RUN(paths_and_keys_of_the_wrong_form_are_refused);
    RUN(the_wrong_key_says_so_and_changes_nothing);
    RUN(a_passphrase_opens_what_it_sealed_and_another_does_not);
    RUN(two_writers_lose_nothing_and_refresh_sees_the_other);
    return finish();
}
