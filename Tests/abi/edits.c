/* edits.c - edits through C: whole or not at all, and checked step by step. */
#include "vaults.h"

PROMISE(an_edit_is_whole_or_not_at_all) {
    tv_vault *vault = test_vault(NULL);
    uint64_t before = generation(vault);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "dropped", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    CHECK(!listed(vault, "dropped"));
    tv_edit_free(edit);
    CHECK(!listed(vault, "dropped") && generation(vault) == before);

    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "dropped", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    tv_status status = tv_edit_remove(edit, "nobody", TV_NUL, ACCOUNT_A, TV_NUL, NULL);
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
    OK(tv_edit_put_token(edit, "new", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    GIVES(TV_E_ARGUMENT, tv_edit_set(edit, "new", TV_NUL, ACCOUNT_A, TV_NUL, "origin", TV_NUL,
                                     "ftp://example.com", TV_NUL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "an earlier step",
                 tv_edit_put_token(edit, "new", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_A, TV_NUL, ERR));
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
    OK(tv_edit_put_token(edit, "a", TV_NUL, ACCOUNT_A, TV_NUL, "cfk_not-a-real-key", TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "b", TV_NUL, ACCOUNT_A, TV_NUL, "\"quoted-not-real\"", TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "c", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
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
    OK(tv_edit_put_token(edit, "one", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    GIVES(TV_E_EDIT_FINISHED, tv_edit_commit(edit, ERR));
    GIVES(TV_E_EDIT_FINISHED,
          tv_edit_put_token(edit, "two", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    GIVES(TV_E_EDIT_FINISHED, tv_edit_remove(edit, "one", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    CHECK(listed(vault, "one") && !listed(vault, "two"));
    tv_edit_free(edit);
    tv_vault_free(vault);
}

PROMISE(a_tenant_goes_with_its_last_account) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    tv_tenant *tenant = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_remove(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    CHECK(!listed(vault, "acme"));
    GIVES(TV_E_NOT_FOUND, tv_tenant_open(vault, "acme", TV_NUL, &tenant, ERR));
    GIVES(TV_E_NOT_FOUND, tv_tenant_open(vault, "nobody", TV_NUL, &tenant, ERR));
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
                   tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, bad[i], len, ERR));
        tv_error *error = NULL;
        OK(tv_edit_begin(vault, &edit, ERR));
        CHECK(tv_edit_put_key(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "a@example.com", TV_NUL,
                              bad[i], len, &error) == TV_E_CREDENTIAL_FORMAT);
        CHECK(len == 0 || strstr(tv_error_message(error, NULL), bad[i]) == NULL);
        tv_error_free(error);
        tv_edit_free(edit);
    }
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "a\0b", 3, ERR));
    static const char *const emails[] = {"", "a", "@", "a@", "@b", "a b@example.com",
                                         "a@example.com\r\nX: y"};
    for (size_t i = 0; i < sizeof emails / sizeof *emails; i++)
        STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
                   tv_edit_put_key(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, emails[i],
                                   strlen(emails[i]), TOKEN_A, TV_NUL, ERR));
    static char longest[100000];
    memset(longest, 'a', sizeof longest);
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, longest, sizeof longest,
                                 ERR));
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_key(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "soc@example.com", TV_NUL,
                               longest, sizeof longest, ERR));
    STEP_GIVES(TV_E_CREDENTIAL_FORMAT,
               tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, longest, 513, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, longest, 512, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "x", 1, ERR));
    OK(tv_edit_put_key(edit, "acme", TV_NUL, ACCOUNT_B, TV_NUL, "soc@example.com", TV_NUL, TOKEN_A,
                       TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_vault_free(vault);
}

PROMISE(tenant_names_and_properties_have_bounds) {
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    char name[130];
    memset(name, 'n', sizeof name);
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_put_token(edit, "", 0, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_put_token(edit, name, 129, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_put_token(edit, "a\nb", 3, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, name, 128, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_set(edit, name, 128, ACCOUNT_A, TV_NUL, "label", TV_NUL, name, 128, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    STEP_GIVES(TV_E_ARGUMENT,
               tv_edit_set(edit, name, 128, ACCOUNT_A, TV_NUL, "label", TV_NUL, name, 129, ERR));
    STEP_GIVES_NAMING(
        TV_E_CONFIG_NAME, "origin",
        tv_edit_set(edit, name, 128, ACCOUNT_A, TV_NUL, "token", TV_NUL, "x", TV_NUL, ERR));
    STEP_GIVES(TV_E_NOT_FOUND, tv_edit_set(edit, "nobody", TV_NUL, ACCOUNT_A, TV_NUL, "label",
                                           TV_NUL, "x", TV_NUL, ERR));
    tv_vault_free(vault);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    RUN(an_edit_is_whole_or_not_at_all);
    RUN(a_refused_origin_stores_the_secret_nowhere);
    RUN(what_looks_wrong_about_a_credential_is_a_hint_and_no_refusal);
    RUN(a_finished_edit_takes_nothing_more);
    RUN(a_tenant_goes_with_its_last_account);
    RUN(a_tenant_lists_only_its_own_accounts);
    RUN(credentials_are_checked_at_the_door_and_never_echoed);
    RUN(tenant_names_and_properties_have_bounds);
    return finish();
}
