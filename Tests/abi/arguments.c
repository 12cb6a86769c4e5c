/* arguments.c - what a host passes wrongly is a status that names the argument, and changes nothing. */
#include "test.h"

static char long_text[8192];

PROMISE(null_with_a_length_is_refused_and_named) {
    tv_config *config = test_config();
    tv_request *request = NULL;
    tv_unlock *unlock = NULL;
    tv_document *document = NULL;
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "name", tv_config_set(config, NULL, 3, "1", TV_NUL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "value",
                 tv_config_set(config, "engine.max_queued", TV_NUL, NULL, 1, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "account",
                 tv_request_trace(NULL, 32, MESSAGE, TV_NUL, &request, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "message", tv_request_trace("", 0, NULL, 4, &request, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "key", tv_unlock_key(NULL, 32, &unlock, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "passphrase", tv_unlock_passphrase(NULL, 5, &unlock, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "body", tv_document_decode(NULL, 5, &document, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "token",
                 tv_edit_put_token(edit, "t", TV_NUL, ACCOUNT_A, TV_NUL, NULL, 9, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "tenant",
                 tv_edit_put_token(edit, NULL, 1, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    GIVES_NAMING(
        TV_E_ARGUMENT, "email",
        tv_edit_put_key(edit, "t", TV_NUL, ACCOUNT_A, TV_NUL, NULL, 9, TOKEN_A, TV_NUL, ERR));
    CHECK(request == NULL && unlock == NULL && document == NULL);
    tv_edit_free(edit);
    tv_vault_free(vault);
    tv_config_free(config);
}

PROMISE(a_missing_output_is_refused_and_named) {
    tv_vault *vault = test_vault(NULL);
    tv_engine *engine = NULL;
    tv_config *config = test_config();
    tv_tenant *tenant = test_tenant(vault, "acme");
    tv_unlock *unlock = test_key(1);
    tv_document *document = NULL;
    OK(tv_engine_new(NULL, &engine, ERR));
    OK(tv_build_info(&document, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "config_out", tv_config_new(NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "value_out",
                 tv_config_get(config, "engine.max_queued", TV_NUL, NULL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_config_describe(NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_build_info(NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_document_decode("{}", 2, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "data_out",
                 tv_document_view(document, "json", TV_NUL, NULL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "unlock_out", tv_unlock_key("k", 1, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "unlock_out", tv_unlock_passphrase("k", 1, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "vault_out", tv_vault_create("", 0, unlock, NULL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "vault_out", tv_vault_open("/x", TV_NUL, unlock, NULL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "generation_out", tv_vault_generation(vault, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_vault_list(vault, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "edit_out", tv_edit_begin(vault, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "tenant_out", tv_tenant_open(vault, "acme", TV_NUL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_tenant_list(tenant, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "request_out", tv_request_trace("", 0, MESSAGE, TV_NUL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "engine_out", tv_engine_new(NULL, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "result_out", tv_engine_take(engine, 0, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "fd_out", tv_engine_fd(engine, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out", tv_engine_stats(engine, NULL, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "document_out",
                 tv_engine_estimate(engine, tenant, "", TV_NUL, 1, NULL, ERR));
    tv_document_free(document);
    tv_engine_free(engine);
    tv_unlock_free(unlock);
    tv_tenant_free(tenant);
    tv_config_free(config);
    tv_vault_free(vault);
}

PROMISE(text_that_is_not_utf8_is_refused) {
    static const char *const bad[] = {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                                      "a\x80" "b"};
    tv_vault *vault = test_vault(NULL);
    tv_config *config = test_config();
    tv_tenant *tenant = NULL;
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = strlen(bad[i]);
        GIVES_NAMING(TV_E_ARGUMENT, "UTF-8", tv_tenant_open(vault, bad[i], len, &tenant, ERR));
        GIVES_NAMING(TV_E_ARGUMENT, "UTF-8", tv_config_set(config, bad[i], len, "1", TV_NUL, ERR));
        GIVES_NAMING(TV_E_ARGUMENT, "UTF-8",
                     tv_edit_put_token(edit, bad[i], len, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
        GIVES_NAMING(TV_E_ARGUMENT, "UTF-8",
                     tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "label", TV_NUL, bad[i],
                                 len, ERR));
    }
    tv_edit_free(edit);
    tv_config_free(config);
    tv_vault_free(vault);
}

PROMISE(a_text_may_end_with_a_nul_instead_of_having_a_length) {
    tv_config *config = test_config();
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    tv_unlock *unlock = NULL;
    tv_document *document = NULL;
    tv_request *request = NULL;
    const char *value = NULL;
    size_t value_len = 0;
    OK(tv_config_set(config, "engine.max_queued", TV_NUL, "77", TV_NUL, ERR));
    OK(tv_config_get(config, "engine.max_queued", TV_NUL, &value, &value_len, ERR));
    CHECK(value_len == 2 && strcmp(value, "77") == 0);
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_unlock_passphrase("correct horse battery staple", TV_NUL, &unlock, ERR));
    tv_unlock_free(unlock);
    unlock = NULL;
    /* There is no end to look for. */
    GIVES_NAMING(TV_E_ARGUMENT, "name is NULL", tv_config_set(config, NULL, TV_NUL, "1", 1, ERR));
    /* Not read further than the limit. */
    GIVES_NAMING(TV_E_MESSAGE_REF, "message",
                 tv_request_trace("", 0, long_text, TV_NUL, &request, ERR));
    /* Bytes that are no text have a length. */
    GIVES_NAMING(TV_E_ARGUMENT, "key", tv_unlock_key("k", TV_NUL, &unlock, ERR));
    GIVES_NAMING(TV_E_ARGUMENT, "body", tv_document_decode("{}", TV_NUL, &document, ERR));
    CHECK(unlock == NULL && document == NULL && request == NULL);
    tv_edit_free(edit);
    tv_vault_free(vault);
    tv_config_free(config);
}

PROMISE(lengths_beyond_every_limit_are_refused_unread) {
    tv_request *request = NULL;
    tv_unlock *unlock = NULL;
    tv_document *document = NULL;
    tv_config *config = test_config();
    GIVES(TV_E_ARGUMENT, tv_config_set(config, "x", SIZE_MAX - 1, "1", TV_NUL, ERR));
    GIVES(TV_E_ARGUMENT, tv_request_trace("", 0, "x", SIZE_MAX - 1, &request, ERR));
    GIVES(TV_E_MESSAGE_REF, tv_request_trace("", 0, "x", SIZE_MAX / 2, &request, ERR));
    GIVES(TV_E_ACCOUNT_ID, tv_request_check("x", SIZE_MAX / 2, &request, ERR));
    GIVES(TV_E_CREDENTIAL_FORMAT,
          tv_config_secret(config, "s3.session_token", TV_NUL, "x", SIZE_MAX / 2, ERR));
    GIVES(TV_E_ARGUMENT, tv_unlock_key("x", SIZE_MAX, &unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_unlock_passphrase("x", SIZE_MAX - 1, &unlock, ERR));
    GIVES(TV_E_ARGUMENT, tv_document_decode("x", SIZE_MAX, &document, ERR));
    GIVES(TV_E_ARGUMENT, tv_document_decode("x", (64u << 20) + 1, &document, ERR));
    tv_config_free(config);
}

PROMISE(account_ids_are_32_lower_case_hexadecimal_digits) {
    static const char *const bad[] = {
        "0123456789abcdef0123456789abcde",   "0123456789abcdef0123456789abcdef0",
        "0123456789ABCDEF0123456789ABCDEF",  "0123456789abcdef0123456789abcdeg",
        "0123456789abcdef 123456789abcdef",  "../../../user/tokens/verify?x=aa",
        "0123456789abcdef0123456789abcde\n", "x"};
    tv_vault *vault = test_vault(NULL);
    tv_edit *edit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tv_request *request = NULL;
        size_t len = strlen(bad[i]);
        GIVES(TV_E_ACCOUNT_ID, tv_request_trace(bad[i], len, MESSAGE, TV_NUL, &request, ERR));
        STEP_GIVES(TV_E_ACCOUNT_ID,
                   tv_edit_put_token(edit, "acme", TV_NUL, bad[i], len, TOKEN_A, TV_NUL, ERR));
        CHECK(request == NULL);
    }
    STEP_GIVES(TV_E_ACCOUNT_ID,
               tv_edit_put_token(edit, "acme", TV_NUL, "", 0, TOKEN_A, TV_NUL, ERR));
    tv_vault_free(vault);
}

PROMISE(message_references_hold_only_what_may_stand_in_a_url) {
    static const char *const bad[] = {"",    ".",    "..",      "../x",    "a/b",   "a?b", "a#b",
                                      "a%b", "a b",  "a\r\nb",  "\x01",    "-a",    ":a",  "+a",
                                      "_a",  "\xc3\xa9", "a\\b", "a;b",    "a\"b",  "a\x7f"};
    static const char *const good[] = {"4Njp3P0STMz2c02Q", "4WtWkr6nlBz9sNH-2024-08-28T15:32:35",
                                       "4Njp3P0STMz2c02Q-2024-01-05T10:00:00-12345678", "0",
                                       "a..b", "A+b_c.d:e-f"};
    tv_request *request = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        GIVES(TV_E_MESSAGE_REF,
              tv_request_trace("", 0, bad[i], strlen(bad[i]), &request, ERR));
    GIVES(TV_E_MESSAGE_REF, tv_request_trace("", 0, "a\0b", 3, &request, ERR));
    GIVES(TV_E_MESSAGE_REF, tv_request_trace("", 0, long_text, 257, &request, ERR));
    CHECK(request == NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        OK(tv_request_trace("", 0, good[i], strlen(good[i]), &request, ERR));
        tv_request_free(request);
    }
    OK(tv_request_trace("", 0, long_text, 256, &request, ERR));
    tv_request_free(request);
}

PROMISE(request_options_have_names_and_bounds) {
    tv_request *request = test_request();
    static const char *const wrong[] = {"", "-1", "1.5", " 1", "1 ", "86400001", "abc", "1e3",
                                        "99999999999999999999999999", "0x10"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t len = strlen(wrong[i]);
        GIVES_NAMING(TV_E_CONFIG_VALUE, "deadline_ms",
                     tv_request_set(request, "deadline_ms", TV_NUL, wrong[i], len, ERR));
        GIVES_NAMING(TV_E_CONFIG_VALUE, "wait_ms",
                     tv_request_set(request, "wait_ms", TV_NUL, wrong[i], len, ERR));
    }
    GIVES(TV_E_CONFIG_VALUE, tv_request_set(request, "deadline_ms", TV_NUL, "0", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_VALUE, tv_request_set(request, "submission", TV_NUL, "yes", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_NAME, tv_request_set(request, "token", TV_NUL, "x", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_NAME, tv_request_set(request, "", 0, "x", TV_NUL, ERR));
    OK(tv_request_set(request, "deadline_ms", TV_NUL, "86400000", TV_NUL, ERR));
    OK(tv_request_set(request, "wait_ms", TV_NUL, "0", TV_NUL, ERR));
    OK(tv_request_set(request, "submission", TV_NUL, "true", TV_NUL, ERR));
    tv_request_free(request);
}

PROMISE(status_names_are_those_of_the_header) {
    CHECK(strcmp(tv_status_name(TV_OK), "TV_OK") == 0);
    CHECK(strcmp(tv_status_name(TV_E_UNLOCK), "TV_E_UNLOCK") == 0);
    CHECK(strcmp(tv_cause_name(TV_CAUSE_REFUSED), "TV_CAUSE_REFUSED") == 0);
    CHECK(strcmp(tv_cause_name(-1), "TV_CAUSE_NONE") == 0);
    CHECK(strcmp(tv_status_name(TV_E_REPLY_DEFERRED), "TV_E_REPLY_DEFERRED") == 0);
    static const tv_status unknown[] = {-1, 13, 50, 99, 1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK(strcmp(tv_status_name(unknown[i]), "TV_E_OTHER") == 0);
}

PROMISE(the_library_speaks_the_headers_version) {
    CHECK(tv_abi() == TV_ABI);
    CHECK(strcmp(tv_version(), TV_VERSION) == 0);
}

PROMISE(a_failed_call_tells_the_same_twice) {
    tv_error *error = NULL;
    tv_request *request = NULL;
    CHECK(tv_request_trace("", 0, "a b", TV_NUL, &request, &error) == TV_E_MESSAGE_REF);
    size_t len = 0;
    const char *message = tv_error_message(error, &len);
    CHECK(len == strlen(message) && len > 0);
    CHECK(tv_error_message(error, NULL) == message);
    CHECK(tv_error_status(error) == TV_E_MESSAGE_REF);
    CHECK(tv_error_retriable(error) == 0);
    CHECK(tv_error_http_status(error) == 0);
    CHECK(tv_error_code_count(error) == 0 && tv_error_code(error, SIZE_MAX) == 0);
    CHECK(*tv_error_cf_ray(error) == '\0');
    CHECK(tv_error_retry_after_ms(error) == -1);
    CHECK(tv_error_cause(error) == TV_CAUSE_NONE);
    CHECK(tv_error_system_error(error) == 0 && tv_error_curl_code(error) == 0);
    tv_error_free(error);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    memset(long_text, 'a', sizeof long_text);
    RUN(null_with_a_length_is_refused_and_named);
    RUN(a_missing_output_is_refused_and_named);
    RUN(text_that_is_not_utf8_is_refused);
    RUN(a_text_may_end_with_a_nul_instead_of_having_a_length);
    RUN(lengths_beyond_every_limit_are_refused_unread);
    RUN(account_ids_are_32_lower_case_hexadecimal_digits);
    RUN(message_references_hold_only_what_may_stand_in_a_url);
    RUN(request_options_have_names_and_bounds);
    RUN(status_names_are_those_of_the_header);
    RUN(the_library_speaks_the_headers_version);
    RUN(a_failed_call_tells_the_same_twice);
    return finish();
}
