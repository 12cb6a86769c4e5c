/* store.c - a vault in an object store, through C: store s3://BUCKET/KEY ENDPOINT ACCESS SECRET. */
#include "test.h"

static const char *place, *endpoint, *access_key, *secret_key;

static tv_config *to_the_store(void) {
    tv_config *config = test_config();
    OK(tv_config_set(config, "s3.endpoint", TV_NUL, endpoint, TV_NUL, ERR));
    OK(tv_config_set(config, "api.allow_http_loopback", TV_NUL, "true", TV_NUL, ERR));
    return config;
}

static tv_config *with_keys(void) {
    tv_config *config = to_the_store();
    OK(tv_config_secret(config, "s3.access_key", TV_NUL, access_key, TV_NUL, ERR));
    OK(tv_config_secret(config, "s3.secret_key", TV_NUL, secret_key, TV_NUL, ERR));
    return config;
}

PROMISE(a_secret_is_checked_by_name_and_form) {
    tv_config *config = test_config();
    GIVES(TV_E_HANDLE, tv_config_secret(NULL, "s3.access_key", TV_NUL, "a", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_NAME, tv_config_secret(config, "s3.region", TV_NUL, "a", TV_NUL, ERR));
    GIVES(TV_E_CREDENTIAL_FORMAT,
          tv_config_secret(config, "s3.access_key", TV_NUL, "not this", TV_NUL, ERR));
    GIVES(TV_E_ARGUMENT, tv_config_secret(config, "s3.access_key", TV_NUL, NULL, 3, ERR));
    char longest[1985];
    memset(longest, 'a', sizeof longest);
    OK(tv_config_secret(config, "s3.secret_key", TV_NUL, longest, 256, ERR));
    OK(tv_config_secret(config, "s3.session_token", TV_NUL, longest, 1984, ERR));
    GIVES(TV_E_CREDENTIAL_FORMAT,
          tv_config_secret(config, "s3.secret_key", TV_NUL, longest, 257, ERR));
    GIVES(TV_E_CREDENTIAL_FORMAT,
          tv_config_secret(config, "s3.session_token", TV_NUL, longest, 1985, ERR));
    const char *value = NULL;
    OK(tv_config_secret(config, "s3.access_key", TV_NUL, "test-not-real", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_NAME, tv_config_get(config, "s3.access_key", TV_NUL, &value, NULL, ERR));
    CHECK(value == NULL);
    tv_config_free(config);
}

PROMISE(a_vault_is_made_edited_and_opened_there) {
    tv_config *config = with_keys();
    tv_unlock *unlock = test_key(1);
    tv_vault *vault = NULL, *other = NULL;
    tv_edit *edit = NULL;
    uint64_t generation = 0;
    OK(tv_vault_create(place, TV_NUL, unlock, config, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    OK(tv_vault_open(place, TV_NUL, unlock, config, &other, ERR));
    OK(tv_vault_generation(other, &generation, ERR));
    CHECK(generation == 2);
    tv_edit_free(edit);
    tv_vault_free(other);
    tv_vault_free(vault);
    tv_unlock_free(unlock);
    tv_config_free(config);
}

PROMISE(without_keys_nothing_is_opened) {
    tv_config *config = to_the_store();
    tv_unlock *unlock = test_key(1);
    tv_vault *vault = NULL;
    GIVES(TV_E_CONFIG_VALUE, tv_vault_open(place, TV_NUL, unlock, config, &vault, ERR));
    OK(tv_config_secret(config, "s3.access_key", TV_NUL, access_key, TV_NUL, ERR));
    OK(tv_config_secret(config, "s3.secret_key", TV_NUL, "another-not-real", TV_NUL, ERR));
    GIVES(TV_E_FORBIDDEN, tv_vault_open(place, TV_NUL, unlock, config, &vault, ERR));
    CHECK(vault == NULL);
    tv_unlock_free(unlock);
    tv_config_free(config);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    place = argv[1];
    endpoint = argv[2];
    access_key = argv[3];
    secret_key = argv[4];
    RUN(a_secret_is_checked_by_name_and_form);
    RUN(a_vault_is_made_edited_and_opened_there);
    RUN(without_keys_nothing_is_opened);
    return finish();
}
