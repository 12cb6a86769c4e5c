/* rotation.c - a vault's life through the C ABI: rotation, unlocks, rekey, export, lock, rollback. */
#include "vaults.h"

#include <sys/stat.h>

/* A vault under key 7 with a token of tenant acme; an empty path for one in memory. */
static tv_vault *create_acme(const char *path) {
    tv_unlock *unlock = test_key(7);
    tv_vault *vault = NULL;
    tv_edit *edit = NULL;
    OK(tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    return vault;
}

static tv_status open_with(const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    tv_status status = tv_vault_open(path, strlen(path), unlock, NULL, &vault, NULL);
    tv_unlock_free(unlock);
    tv_vault_free(vault);
    return status;
}

static int says(tv_vault *vault, tv_status (*ask)(const tv_vault *, tv_document **, tv_error **),
                const char *text) {
    tv_document *document = NULL;
    const char *json = "";
    OK(ask(vault, &document, ERR));
    OK(tv_document_view(document, "json", TV_NUL, &json, NULL, ERR));
    int found = strstr(json, text) != NULL;
    tv_document_free(document);
    return found;
}

PROMISE(a_rotation_keeps_the_old_credential_until_it_is_removed) {
    tv_vault *vault = create_acme(path_of("rotation"));
    tv_edit *edit = NULL;
    STEP_GIVES(TV_E_NOT_FOUND, tv_edit_promote(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    STEP_GIVES(TV_E_NOT_FOUND,
               tv_edit_remove_retiring(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    STEP_GIVES(TV_E_NOT_FOUND, tv_edit_retire(edit, "acme", TV_NUL, ACCOUNT_B, TV_NUL, ERR));
    STEP_GIVES(TV_E_ACCOUNT_ID, tv_edit_retire(edit, "acme", TV_NUL, "x", TV_NUL, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_retire(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_B, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(says(vault, tv_vault_list, "\"state\":\"retiring\""));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_promote(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    OK(tv_edit_remove_retiring(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(!says(vault, tv_vault_list, "\"state\":\"retiring\""));
    tv_vault_free(vault);
}

PROMISE(a_stored_credential_changes_but_for_where_it_goes) {
    tv_vault *vault = create_acme("");
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "label", TV_NUL, "Acme EU", TV_NUL,
                   ERR));
    OK(tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "expires", TV_NUL,
                   "2020-01-01T00:00:00Z", TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    STEP_GIVES_NAMING(TV_E_ARGUMENT, "not_before",
                      tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "not_before", TV_NUL,
                                  "tomorrow", TV_NUL, ERR));
    STEP_GIVES(TV_E_ORIGIN, tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "origin", TV_NUL,
                                        "https://evil.example", TV_NUL, ERR));
    STEP_GIVES(TV_E_CONFIG_NAME, tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "colour",
                                             TV_NUL, "red", TV_NUL, ERR));
    CHECK(says(vault, tv_vault_list, "\"expires\":\"2020-01-01T00:00:00.000Z\""));
    tv_engine *engine = NULL;
    tv_tenant *tenant = test_tenant(vault, "acme");
    tv_request *request = test_request();
    OK(tv_engine_new(NULL, &engine, ERR));
    GIVES_NAMING(TV_E_EXPIRED, "2020-01-01",
                 tv_engine_submit(engine, tenant, request, 0, NULL, ERR));
    tv_request_free(request);
    tv_tenant_free(tenant);
    tv_engine_free(engine);
    tv_vault_free(vault);
}

PROMISE(unlocks_come_and_go_and_a_rekey_leaves_one) {
    const char *path = path_of("unlocks");
    tv_vault *vault = create_acme(path);
    tv_unlock *first = test_key(7), *second = test_key(8), *third = test_key(9);
    tv_edit *edit = NULL;
    STEP_GIVES(TV_E_UNLOCK, tv_edit_add_unlock(edit, second, second, "", TV_NUL, ERR));
    STEP_GIVES(TV_E_HANDLE, tv_edit_add_unlock(edit, first, NULL, "", TV_NUL, ERR));
    STEP_GIVES(TV_E_NOT_FOUND, tv_edit_remove_unlock(edit, 5, ERR));
    STEP_GIVES(TV_E_NOT_FOUND, tv_edit_remove_unlock(edit, -1, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_add_unlock(edit, first, second, "recovery", TV_NUL, ERR));
    GIVES(TV_E_ARGUMENT, tv_edit_rekey(edit, third, ERR));
    tv_edit_free(edit);
    CHECK(open_with(path, 8) == TV_E_UNLOCK);
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_add_unlock(edit, first, second, "recovery", TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(open_with(path, 7) == TV_OK && open_with(path, 8) == TV_OK);
    CHECK(says(vault, tv_vault_describe, "{\"slot\":1,\"type\":\"key\",\"label\":\"recovery\"}"));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_remove_unlock(edit, 0, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(open_with(path, 7) == TV_E_UNLOCK && open_with(path, 8) == TV_OK);
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_rekey(edit, third, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(open_with(path, 8) == TV_E_UNLOCK && open_with(path, 9) == TV_OK);
    CHECK(says(vault, tv_vault_verify, "\"tenants\":1,\"credentials\":1"));
    tv_unlock_free(first);
    tv_unlock_free(second);
    tv_unlock_free(third);
    tv_vault_free(vault);
}

PROMISE(an_export_is_a_vault_of_its_own) {
    tv_vault *vault = create_acme("");
    const char *path = path_of("export");
    tv_unlock *unlock = test_key(8);
    GIVES(TV_E_NOT_FOUND,
          tv_vault_export(vault, "initech", TV_NUL, path, strlen(path), unlock, NULL, ERR));
    OK(tv_vault_export(vault, "acme", TV_NUL, path, strlen(path), unlock, NULL, ERR));
    GIVES(TV_E_ARGUMENT, tv_vault_export(vault, "", 0, path, strlen(path), unlock, NULL, ERR));
    GIVES(TV_E_EXISTS, tv_vault_export(vault, NULL, 0, path, strlen(path), unlock, NULL, ERR));
    CHECK(open_with(path, 8) == TV_OK && open_with(path, 7) == TV_E_UNLOCK);
    tv_unlock_free(unlock);
    tv_vault_free(vault);
}

PROMISE(a_locked_vault_says_so_everywhere) {
    tv_vault *vault = create_acme("");
    tv_tenant *tenant = test_tenant(vault, "acme"), *other = NULL;
    tv_document *document = NULL;
    tv_edit *edit = NULL;
    tv_unlock *right = test_key(7), *wrong = test_key(8);
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_remove_tenant(edit, "acme", TV_NUL, ERR));
    OK(tv_vault_lock(vault, ERR));
    OK(tv_vault_lock(vault, ERR));
    GIVES(TV_E_LOCKED, tv_vault_list(vault, &document, ERR));
    GIVES(TV_E_LOCKED, tv_vault_describe(vault, &document, ERR));
    GIVES(TV_E_LOCKED, tv_vault_verify(vault, &document, ERR));
    GIVES(TV_E_LOCKED, tv_vault_refresh(vault, ERR));
    GIVES(TV_E_LOCKED, tv_tenant_list(tenant, &document, ERR));
    GIVES(TV_E_LOCKED, tv_tenant_open(vault, "acme", TV_NUL, &other, ERR));
    GIVES(TV_E_LOCKED, tv_edit_commit(edit, ERR));
    GIVES(TV_E_UNLOCK, tv_vault_unlock(vault, wrong, ERR));
    OK(tv_vault_unlock(vault, right, ERR));
    OK(tv_tenant_list(tenant, &document, ERR));
    tv_document_free(document);
    tv_edit_free(edit);
    tv_tenant_free(tenant);
    tv_unlock_free(right);
    tv_unlock_free(wrong);
    tv_vault_free(vault);
}

PROMISE(an_old_file_is_refused_by_who_knows_better) {
    const char *path = path_of("old");
    tv_vault *vault = create_acme(path);
    tv_config *config = test_config();
    tv_unlock *unlock = test_key(7);
    OK(tv_config_set(config, "vault.min_generation", TV_NUL, "3", TV_NUL, ERR));
    tv_vault *newer = NULL;
    GIVES_NAMING(TV_E_ROLLBACK, "min_generation",
                 tv_vault_open(path, strlen(path), unlock, config, &newer, ERR));
    OK(tv_config_set(config, "vault.min_generation", TV_NUL, "2", TV_NUL, ERR));
    OK(tv_vault_open(path, strlen(path), unlock, config, &newer, ERR));
    tv_config_free(config);
    tv_unlock_free(unlock);
    tv_vault_free(newer);
    tv_vault_free(vault);
}

PROMISE(the_new_calls_take_any_number_for_a_handle) {
    tv_document *document = NULL;
    GIVES(TV_E_HANDLE, tv_vault_lock(NULL, ERR));
    GIVES(TV_E_HANDLE, tv_vault_unlock(NULL, NULL, ERR));
    GIVES(TV_E_HANDLE, tv_vault_describe(NULL, &document, ERR));
    GIVES(TV_E_HANDLE, tv_vault_verify(NULL, &document, ERR));
    GIVES(TV_E_HANDLE, tv_vault_export(NULL, "", 0, "x", TV_NUL, NULL, NULL, ERR));
    GIVES(TV_E_HANDLE, tv_edit_retire(NULL, "a", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    GIVES(TV_E_HANDLE, tv_edit_promote(NULL, "a", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    GIVES(TV_E_HANDLE, tv_edit_remove_retiring(NULL, "a", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    GIVES(TV_E_HANDLE, tv_edit_remove_tenant(NULL, "a", TV_NUL, ERR));
    GIVES(TV_E_HANDLE, tv_edit_add_unlock(NULL, NULL, NULL, "", 0, ERR));
    GIVES(TV_E_HANDLE, tv_edit_remove_unlock(NULL, 0, ERR));
    GIVES(TV_E_HANDLE, tv_edit_rekey(NULL, NULL, ERR));
    tv_vault *vault = create_acme("");
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_vault_describe(vault, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_vault_verify(vault, NULL, ERR));
    tv_vault_free(vault);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    RUN(a_rotation_keeps_the_old_credential_until_it_is_removed);
    RUN(a_stored_credential_changes_but_for_where_it_goes);
    RUN(unlocks_come_and_go_and_a_rekey_leaves_one);
    RUN(an_export_is_a_vault_of_its_own);
    RUN(a_locked_vault_says_so_everywhere);
    RUN(an_old_file_is_refused_by_who_knows_better);
    RUN(the_new_calls_take_any_number_for_a_handle);
    return finish();
}
