/* vault.c - vaults through C: in memory and as files; each kind of damage has its own status, and
 * a failure leaves the file as it was. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static char folder[PATH_MAX];

typedef struct content {
    unsigned char *data;
    size_t len;
} content;

static const char *path_of(const char *name) {
    static char paths[4][PATH_MAX + 64];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static content read_file(const char *path) {
    content all = {NULL, 0};
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (file == NULL) return all;
    all.data = malloc(1 << 20);
    if (all.data != NULL) all.len = fread(all.data, 1, 1 << 20, file);
    fclose(file);
    return all;
}

static void write_file(const char *path, const unsigned char *data, size_t len) {
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    if (fd >= 0) close(fd);
}

/* Whether `text` stands anywhere in the bytes. */
static int holds(content all, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= all.len; i++)
        if (memcmp(all.data + i, text, len) == 0) return 1;
    return 0;
}

static tv_vault *create(const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    OK(tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

static tv_vault *open_vault(const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    OK(tv_vault_open(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

static void opening_gives(tv_status expected, const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    GIVES(expected, tv_vault_open(path, strlen(path), unlock, NULL, &vault, ERR));
    CHECK(vault == NULL);
    tv_vault_free(vault);
    tv_unlock_free(unlock);
}

static void put(tv_vault *vault, const char *tenant, const char *account, const char *token) {
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, tenant, strlen(tenant), account, strlen(account), token,
                         strlen(token), ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
}

static uint64_t generation(const tv_vault *vault) {
    uint64_t number = 0;
    OK(tv_vault_generation(vault, &number, ERR));
    return number;
}

/* The list of a vault or tenant; the text is the document's. */
static const char *view(tv_document *document) {
    const char *data = "";
    size_t len = 0;
    OK(tv_document_view(document, TEXT("json"), &data, &len, ERR));
    CHECK(strlen(data) == len);
    return data;
}

/* Whether a vault's list holds this text. */
static int listed(const tv_vault *vault, const char *text) {
    tv_document *document = NULL;
    OK(tv_vault_list(vault, &document, ERR));
    int found = document != NULL && strstr(view(document), text) != NULL;
    tv_document_free(document);
    return found;
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
    OK(tv_config_set(config, TEXT("vault.kdf_memory_kib"), TEXT("20480"), ERR));
    OK(tv_config_set(config, TEXT("vault.kdf_passes"), TEXT("2"), ERR));
    tv_unlock *right = NULL;
    tv_unlock *wrong = NULL;
    tv_vault *vault = NULL;
    OK(tv_unlock_passphrase(TEXT("test passphrase, not real"), &right, ERR));
    OK(tv_unlock_passphrase(TEXT("test passphrase, not reaL"), &wrong, ERR));
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

/* Opens a copy of the file with one byte changed. */
static void damage_gives(content file, size_t place, unsigned char value, tv_status expected) {
    const char *path = path_of("damaged.vault");
    unsigned char *copy = malloc(file.len);
    CHECK(copy != NULL && place < file.len);
    if (copy == NULL) return;
    memcpy(copy, file.data, file.len);
    copy[place] = value != copy[place] ? value : (unsigned char)(value ^ 1);
    write_file(path, copy, file.len);
    opening_gives(expected, path, 1);
    free(copy);
}

PROMISE(each_kind_of_damage_has_its_own_status) {
    const char *path = path_of("whole.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    tv_vault_free(vault);
    content file = read_file(path);
    CHECK(file.len > 4128);
    damage_gives(file, 0, 0x88, TV_E_NOT_VAULT);
    damage_gives(file, 5, 0x0a, TV_E_NOT_VAULT);
    damage_gives(file, 8, 2, TV_E_VAULT_VERSION);
    damage_gives(file, 12, 0x80, TV_E_VAULT_VERSION);
    damage_gives(file, 30, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 200, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 3000, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 4090, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 4096, 0x55, TV_E_DAMAGED_BODY);
    damage_gives(file, file.len / 2 + 2048, 0x55, TV_E_DAMAGED_BODY);
    damage_gives(file, file.len - 1, 0x55, TV_E_DAMAGED_BODY);
    free(file.data);
}

PROMISE(a_cut_or_grown_file_is_not_taken_for_a_vault) {
    const char *path = path_of("uncut.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    tv_vault_free(vault);
    content file = read_file(path);
    static const size_t short_ones[] = {0, 1, 7, 8, 100, 4095, 4096, 4127};
    const char *cut = path_of("cut.vault");
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) {
        write_file(cut, file.data, short_ones[i]);
        opening_gives(TV_E_NOT_VAULT, cut, 1);
    }
    for (size_t len = 4128; len < file.len; len += 37) {
        write_file(cut, file.data, len);
        opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    }
    write_file(cut, file.data, file.len - 1);
    opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    file.data[file.len] = 0; /* read_file() has room */
    write_file(cut, file.data, file.len + 1);
    opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    free(file.data);
}

PROMISE(a_foreign_file_is_not_a_vault) {
    const char *path = path_of("foreign.vault");
    unsigned char noise[6000];
    memset(noise, 0x42, sizeof noise);
    write_file(path, noise, sizeof noise);
    opening_gives(TV_E_NOT_VAULT, path, 1);
    write_file(path, (const unsigned char *)"{\"vault\": true}\n", 16);
    opening_gives(TV_E_NOT_VAULT, path, 1);
}

PROMISE(a_file_others_may_touch_and_a_link_are_refused) {
    const char *path = path_of("open.vault");
    tv_vault *vault = create(path, 1);
    tv_vault_free(vault);
    CHECK(chmod(path, 0666) == 0);
    opening_gives(TV_E_UNSAFE_FILE, path, 1);
    CHECK(chmod(path, 0600) == 0);
    const char *link = path_of("link.vault");
    CHECK(symlink(path, link) == 0);
    opening_gives(TV_E_UNSAFE_FILE, link, 1);
}

PROMISE(an_edit_is_whole_or_not_at_all) {
    tv_vault *vault = test_vault(NULL);
    uint64_t before = generation(vault);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("dropped"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    CHECK(!listed(vault, "dropped"));
    tv_edit_free(edit);
    CHECK(!listed(vault, "dropped") && generation(vault) == before);

    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("dropped"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    tv_status status = tv_edit_remove(edit, TEXT("nobody"), TEXT(ACCOUNT_A), NULL);
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    CHECK(status == TV_E_NOT_FOUND);
    tv_edit_free(edit);
    CHECK(!listed(vault, "nobody"));
    tv_vault_free(vault);
}

PROMISE(a_refused_origin_stores_the_secret_nowhere) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("new"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    GIVES(TV_E_ARGUMENT, tv_edit_set(edit, TEXT("new"), TEXT(ACCOUNT_A), TEXT("origin"),
                                     TEXT("ftp://example.com"), ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "an earlier step",
                 tv_edit_put_token(edit, TEXT("new"), TEXT(ACCOUNT_B), TEXT(TOKEN_A), ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "origin", tv_edit_commit(edit, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "origin", tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(!listed(vault, "new"));
    tv_vault_free(vault);
}

PROMISE(what_looks_wrong_about_a_credential_is_a_hint_and_no_refusal) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    tv_document *document = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("a"), TEXT(ACCOUNT_A), TEXT("cfk_not-a-real-key"), ERR));
    OK(tv_edit_put_token(edit, TEXT("b"), TEXT(ACCOUNT_A), TEXT("\"quoted-not-real\""), ERR));
    OK(tv_edit_put_token(edit, TEXT("c"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    OK(tv_edit_commit(edit, ERR));
    OK(tv_edit_hints(edit, &document, ERR));
    const char *hints = view(document);
    CHECK(strstr(hints, "\"tenant\":\"a\"") != NULL);
    CHECK(strstr(hints, "\"code\":\"token_looks_like_key\"") != NULL);
    CHECK(strstr(hints, "\"code\":\"is_quoted\"") != NULL);
    CHECK(strstr(hints, "\"tenant\":\"c\"") == NULL && strstr(hints, "not-real") == NULL);
    tv_document_free(document);
    tv_edit_free(edit);
    tv_vault_free(vault);
}

PROMISE(a_finished_edit_takes_nothing_more) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("one"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    OK(tv_edit_commit(edit, ERR));
    GIVES(TV_E_EDIT_FINISHED, tv_edit_commit(edit, ERR));
    GIVES(TV_E_EDIT_FINISHED,
          tv_edit_put_token(edit, TEXT("two"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    GIVES(TV_E_EDIT_FINISHED, tv_edit_remove(edit, TEXT("one"), TEXT(ACCOUNT_A), ERR));
    CHECK(listed(vault, "one") && !listed(vault, "two"));
    tv_edit_free(edit);
    tv_vault_free(vault);
}

PROMISE(a_tenant_goes_with_its_last_account) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    tv_tenant *tenant = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_remove(edit, TEXT("acme"), TEXT(ACCOUNT_A), ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(!listed(vault, "acme"));
    GIVES(TV_E_NOT_FOUND, tv_tenant_open(vault, TEXT("acme"), &tenant, ERR));
    GIVES(TV_E_NOT_FOUND, tv_tenant_open(vault, TEXT("nobody"), &tenant, ERR));
    CHECK(tenant == NULL);
    tv_vault_free(vault);
}

PROMISE(a_tenant_lists_only_its_own_accounts) {
    tv_vault *vault = test_vault(NULL);
    tv_tenant *acme = test_tenant(vault, "acme");
    tv_document *document = NULL;
    OK(tv_tenant_list(acme, &document, ERR));
    const char *list = view(document);
    CHECK(strstr(list, ACCOUNT_A) != NULL);
    CHECK(strstr(list, ACCOUNT_B) == NULL && strstr(list, "many") == NULL);
    tv_document_free(document);
    tv_tenant_free(acme);
    tv_vault_free(vault);
}

PROMISE(credentials_are_checked_at_the_door_and_never_echoed) {
    static const char *const bad[] = {"", "has space", "has\ttab", "line\nbreak", "caf\xc3\xa9",
                                      "del\x7f", "\x01", "cr\r"};
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = strlen(bad[i]);
        STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
                   tv_edit_put_token(edit, TEXT("acme"), TEXT(ACCOUNT_A), bad[i], len, ERR));
        tv_error *error = NULL;
        OK(tv_edit_begin(vault, &edit, ERR));
        CHECK(tv_edit_put_key(edit, TEXT("acme"), TEXT(ACCOUNT_A), TEXT("a@example.com"), bad[i],
                              len, &error) == TV_E_CREDENTIAL_FORMAT);
        CHECK(len == 0 || strstr(tv_error_message(error, NULL), bad[i]) == NULL);
        tv_error_free(error);
        tv_edit_free(edit);
    }
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_token(edit, TEXT("acme"), TEXT(ACCOUNT_A), "a\0b", 3, ERR));
    static const char *const emails[] = {"", "a", "@", "a@", "@b", "a b@example.com",
                                         "a@example.com\r\nX: y"};
    for (size_t i = 0; i < sizeof emails / sizeof *emails; i++)
        STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
                   tv_edit_put_key(edit, TEXT("acme"), TEXT(ACCOUNT_A), emails[i],
                                   strlen(emails[i]), TEXT(TOKEN_A), ERR));
    char longest[513];
    memset(longest, 'a', sizeof longest);
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_token(edit, TEXT("acme"), TEXT(ACCOUNT_A), longest, 513, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, TEXT("acme"), TEXT(ACCOUNT_A), longest, 512, ERR));
    OK(tv_edit_put_token(edit, TEXT("acme"), TEXT(ACCOUNT_A), "x", 1, ERR));
    OK(tv_edit_put_key(edit, TEXT("acme"), TEXT(ACCOUNT_B), TEXT("soc@example.com"), TEXT(TOKEN_A),
                       ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_vault_free(vault);
}

PROMISE(tenant_names_and_properties_have_bounds) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    char name[130];
    memset(name, 'n', sizeof name);
    STEP_GIVES(TV_E_ARGUMENT, tv_edit_put_token(edit, "", 0, TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_put_token(edit, name, 129, TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_put_token(edit, "a\nb", 3, TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, name, 128, TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    OK(tv_edit_set(edit, name, 128, TEXT(ACCOUNT_A), TEXT("label"), name, 128, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_set(edit, name, 128, TEXT(ACCOUNT_A), TEXT("label"), name, 129, ERR));
    STEP_GIVES_NAMING(TV_E_CONFIG_NAME, "origin",
                      tv_edit_set(edit, name, 128, TEXT(ACCOUNT_A), TEXT("token"), TEXT("x"),
                                  ERR));
    STEP_GIVES(TV_E_NOT_FOUND,
               tv_edit_set(edit, TEXT("nobody"), TEXT(ACCOUNT_A), TEXT("label"), TEXT("x"), ERR));
    tv_vault_free(vault);
}

PROMISE(two_writers_lose_nothing_and_refresh_sees_the_other) {
    const char *path = path_of("shared.vault");
    tv_vault *one = create(path, 1);
    tv_vault *two = open_vault(path, 1);
    tv_edit *first = NULL;
    tv_edit *second = NULL;
    OK(tv_edit_begin(one, &first, ERR));
    OK(tv_edit_begin(two, &second, ERR));
    OK(tv_edit_put_token(first, TEXT("from-one"), TEXT(ACCOUNT_A), TEXT(TOKEN_A), ERR));
    OK(tv_edit_put_token(second, TEXT("from-two"), TEXT(ACCOUNT_B), TEXT(TOKEN_B), ERR));
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
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tv-vault-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    RUN(a_vault_in_memory_keeps_what_is_put_and_touches_no_disk);
    RUN(a_file_keeps_what_is_put);
    RUN(no_secret_name_or_account_is_readable_in_the_file_and_no_secret_is_listed);
    RUN(a_path_that_is_taken_is_left_alone);
    RUN(a_missing_file_is_a_status_and_is_not_made);
    RUN(paths_and_keys_of_the_wrong_form_are_refused);
    RUN(the_wrong_key_says_so_and_changes_nothing);
    RUN(a_passphrase_opens_what_it_sealed_and_another_does_not);
    RUN(each_kind_of_damage_has_its_own_status);
    RUN(a_cut_or_grown_file_is_not_taken_for_a_vault);
    RUN(a_foreign_file_is_not_a_vault);
    RUN(a_file_others_may_touch_and_a_link_are_refused);
    RUN(an_edit_is_whole_or_not_at_all);
    RUN(a_refused_origin_stores_the_secret_nowhere);
    RUN(what_looks_wrong_about_a_credential_is_a_hint_and_no_refusal);
    RUN(a_finished_edit_takes_nothing_more);
    RUN(a_tenant_goes_with_its_last_account);
    RUN(a_tenant_lists_only_its_own_accounts);
    RUN(credentials_are_checked_at_the_door_and_never_echoed);
    RUN(tenant_names_and_properties_have_bounds);
    RUN(two_writers_lose_nothing_and_refresh_sees_the_other);
    return finish();
}
