/* handles.c - no handle, however wrong, is ever followed: each function answers TV_E_HANDLE. */
#include "test.h"

#include <stdint.h>

/* The outputs of every call below; a failed call leaves them as they are. */
static void *const untouched = (void *)0x5a;
static tv_document *document_out;
static tv_unlock *unlock_out;
static tv_config *config_out;
static tv_vault *vault_out;
static tv_edit *edit_out;
static tv_tenant *tenant_out;
static tv_engine *engine_out;
static tv_result *result_out;
static tv_error *failure_out;
static const char *text_out;
static size_t len_out;
static uint64_t number_out;
static int fd_out;

static void reset_outputs(void) {
    document_out = untouched;
    unlock_out = untouched;
    config_out = untouched;
    vault_out = untouched;
    edit_out = untouched;
    tenant_out = untouched;
    engine_out = untouched;
    result_out = untouched;
    failure_out = untouched;
    text_out = untouched;
    len_out = 90;
    number_out = 90;
    fd_out = 90;
}

static void outputs_are_untouched(void) {
    CHECK((void *)document_out == untouched && (void *)unlock_out == untouched);
    CHECK((void *)config_out == untouched && (void *)vault_out == untouched);
    CHECK((void *)edit_out == untouched && (void *)tenant_out == untouched);
    CHECK((void *)engine_out == untouched && (void *)result_out == untouched);
    CHECK((void *)failure_out == untouched && (const void *)text_out == untouched);
    CHECK(len_out == 90 && number_out == 90 && fd_out == 90);
}

/* One live handle of each type, so that only the wrong one can be at fault. */
static tv_config *config;
static tv_unlock *unlock;
static tv_vault *vault;
static tv_edit *edit;
static tv_tenant *tenant;
static tv_request *request;
static tv_request *hunt;
static tv_engine *engine;
static tv_document *document;
static tv_error *error;

static void make_one_of_each(void) {
    config = test_config();
    unlock = test_key(1);
    vault = test_vault(NULL);
    OK(tv_edit_begin(vault, &edit, ERR));
    tenant = test_tenant(vault, "acme");
    request = test_request();
    OK(tv_request_hunt("", 0, &hunt, ERR));
    OK(tv_engine_new(NULL, &engine, ERR));
    OK(tv_build_info(&document, ERR));
    CHECK(tv_config_set(config, "no.such.name", TV_NUL, "1", TV_NUL, &error) == TV_E_CONFIG_NAME);
    CHECK(error != NULL);
}

static void free_one_of_each(void) {
    tv_error_free(error);
    tv_document_free(document);
    tv_engine_free(engine);
    tv_request_free(hunt);
    tv_request_free(request);
    tv_tenant_free(tenant);
    tv_edit_free(edit);
    tv_vault_free(vault);
    tv_unlock_free(unlock);
    tv_config_free(config);
}

#define REFUSED(call) GIVES(TV_E_HANDLE, call)

/* Calls everything that takes a handle with `bad`; where it takes two, the other one is good. NULL
 * stands for "defaults" where a configuration may be left out. */
static void every_function_refuses(void *bad) {
    reset_outputs();
    REFUSED(tv_config_set(bad, "engine.max_queued", TV_NUL, "5", TV_NUL, ERR));
    REFUSED(tv_config_secret(bad, "s3.access_key", TV_NUL, "a", TV_NUL, ERR));
    REFUSED(tv_config_get(bad, "engine.max_queued", TV_NUL, &text_out, &len_out, ERR));
    REFUSED(tv_vault_create("", 0, bad, config, &vault_out, ERR));
    REFUSED(tv_vault_open("/nowhere", TV_NUL, bad, config, &vault_out, ERR));
    if (bad != NULL) {
        REFUSED(tv_vault_create("", 0, unlock, bad, &vault_out, ERR));
        REFUSED(tv_vault_open("/nowhere", TV_NUL, unlock, bad, &vault_out, ERR));
        REFUSED(tv_engine_new(bad, &engine_out, ERR));
    }
    REFUSED(tv_vault_refresh(bad, ERR));
    REFUSED(tv_vault_generation(bad, &number_out, ERR));
    REFUSED(tv_vault_list(bad, &document_out, ERR));
    REFUSED(tv_vault_export(bad, "acme", TV_NUL, "/nowhere", TV_NUL, unlock, NULL, ERR));
    REFUSED(tv_vault_export(vault, "acme", TV_NUL, "/nowhere", TV_NUL, bad, NULL, ERR));
    if (bad != NULL)
        REFUSED(tv_vault_export(vault, "acme", TV_NUL, "/nowhere", TV_NUL, unlock, bad, ERR));
    REFUSED(tv_edit_begin(bad, &edit_out, ERR));
    REFUSED(tv_edit_put_token(bad, "t", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    REFUSED(tv_edit_put_key(bad, "t", TV_NUL, ACCOUNT_A, TV_NUL, "a@example.com", TV_NUL, TOKEN_A,
                            TV_NUL, ERR));
    REFUSED(tv_edit_set(bad, "t", TV_NUL, ACCOUNT_A, TV_NUL, "label", TV_NUL, "x", TV_NUL, ERR));
    REFUSED(tv_edit_remove(bad, "t", TV_NUL, ACCOUNT_A, TV_NUL, ERR));
    REFUSED(tv_edit_add_unlock(bad, unlock, unlock, "x", TV_NUL, ERR));
    REFUSED(tv_edit_add_unlock(edit, bad, unlock, "x", TV_NUL, ERR));
    REFUSED(tv_edit_add_unlock(edit, unlock, bad, "x", TV_NUL, ERR));
    REFUSED(tv_edit_remove_unlock(bad, 0, ERR));
    REFUSED(tv_edit_rekey(bad, unlock, ERR));
    REFUSED(tv_edit_rekey(edit, bad, ERR));
    REFUSED(tv_edit_hints(bad, &document_out, ERR));
    REFUSED(tv_edit_cancel(bad, ERR));
    REFUSED(tv_edit_commit(bad, ERR));
    REFUSED(tv_tenant_open(bad, "acme", TV_NUL, &tenant_out, ERR));
    REFUSED(tv_tenant_list(bad, &document_out, ERR));
    REFUSED(tv_request_set(bad, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
    REFUSED(tv_engine_submit(bad, tenant, request, 1, &number_out, ERR));
    REFUSED(tv_engine_submit(engine, bad, request, 1, &number_out, ERR));
    REFUSED(tv_engine_submit(engine, tenant, bad, 1, &number_out, ERR));
    REFUSED(tv_engine_take(bad, 0, &result_out, ERR));
    REFUSED(tv_engine_fd(bad, &fd_out, ERR));
    REFUSED(tv_engine_cancel(bad, 1, ERR));
    REFUSED(tv_engine_fetch(bad, tenant, request, &result_out, ERR));
    REFUSED(tv_engine_fetch(engine, bad, request, &result_out, ERR));
    REFUSED(tv_engine_fetch(engine, tenant, bad, &result_out, ERR));
    REFUSED(tv_engine_stats(bad, &document_out, ERR));
    REFUSED(tv_engine_estimate(bad, tenant, "", TV_NUL, 1, &document_out, ERR));
    REFUSED(tv_engine_estimate(engine, bad, "", TV_NUL, 1, &document_out, ERR));
    const tv_tenant *tenants[] = {tenant}, *wrong[] = {tenant, bad};
    REFUSED(tv_engine_hunt(bad, tenants, 1, hunt, 0, &number_out, ERR));
    REFUSED(tv_engine_hunt(engine, wrong, 2, hunt, 0, &number_out, ERR));
    REFUSED(tv_engine_hunt(engine, tenants, 1, bad, 0, &number_out, ERR));
    REFUSED(tv_engine_hunt_vault(bad, vault, hunt, 0, &number_out, ERR));
    REFUSED(tv_engine_hunt_vault(engine, bad, hunt, 0, &number_out, ERR));
    REFUSED(tv_engine_hunt_vault(engine, vault, bad, 0, &number_out, ERR));
    REFUSED(tv_engine_lift(bad, tenant, "", TV_NUL, ERR));
    REFUSED(tv_engine_lift(engine, bad, "", TV_NUL, ERR));
    REFUSED(tv_engine_shutdown(bad, ERR));
    REFUSED(tv_result_error(bad, &failure_out, ERR));
    REFUSED(tv_result_document(bad, "trace", TV_NUL, &text_out, &len_out, ERR));
    REFUSED(tv_document_view(bad, "json", TV_NUL, &text_out, &len_out, ERR));
    outputs_are_untouched();

    CHECK(tv_error_status(bad) == TV_E_HANDLE);
    CHECK(strcmp(tv_error_message(bad, NULL), "") == 0);
    CHECK(tv_error_retriable(bad) == 0);
    CHECK(tv_error_http_status(bad) == 0);
    CHECK(tv_error_code_count(bad) == 0);
    CHECK(tv_error_code(bad, 0) == 0);
    CHECK(strcmp(tv_error_cf_ray(bad), "") == 0);
    CHECK(tv_error_retry_after_ms(bad) == -1);
    CHECK(tv_error_cause(bad) == TV_CAUSE_NONE);
    CHECK(tv_error_system_error(bad) == 0);
    CHECK(tv_error_curl_code(bad) == 0);
    CHECK(tv_result_kind(bad) == TV_RESULT_NONE);
    CHECK(tv_result_id(bad) == 0);
    CHECK(tv_result_tag(bad) == 0);
    CHECK(tv_result_status(bad) == TV_E_HANDLE);
}

static void every_free_ignores(void *bad) {
    tv_error_free(bad);
    tv_config_free(bad);
    tv_unlock_free(bad);
    tv_vault_free(bad);
    tv_edit_free(bad);
    tv_tenant_free(bad);
    tv_request_free(bad);
    tv_engine_free(bad);
    tv_result_free(bad);
    tv_document_free(bad);
}

PROMISE(a_null_handle_is_a_status_in_every_function) { every_function_refuses(NULL); }

PROMISE(freeing_null_does_nothing) { every_free_ignores(NULL); }

PROMISE(a_freed_handle_is_a_status_in_every_function) {
    tv_config *freed = test_config();
    tv_config_free(freed);
    every_function_refuses(freed);
}

PROMISE(a_second_free_does_nothing) {
    tv_request *freed = test_request();
    tv_request_free(freed);
    every_free_ignores(freed);
    /* A new object must not be reachable through the old handle. */
    tv_request *next = test_request();
    tv_request_free(freed);
    GIVES(TV_E_HANDLE, tv_request_set(freed, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
    OK(tv_request_set(next, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
    tv_request_free(next);
}

PROMISE(numbers_and_addresses_that_are_no_handles_are_a_status) {
    static int somewhere;
    uintptr_t junk[] = {1,          2,         3,          8,          16,         0xff,
                        0x1000,     0xdeadbeef, UINTPTR_MAX, UINTPTR_MAX - 7, UINTPTR_MAX / 2,
                        (uintptr_t)1 << 32, (uintptr_t)1 << 63, (uintptr_t)&somewhere,
                        (uintptr_t)&junk};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        every_function_refuses((void *)junk[i]);
        every_free_ignores((void *)junk[i]);
    }
}

PROMISE(handles_near_live_ones_are_a_status) {
    for (int bit = 0; bit < 64; bit++) {
        void *near = (void *)((uintptr_t)request ^ (uintptr_t)1 << bit);
        /* A number that claims to come from before a fork cannot be told from one that does. */
        if (tv_request_set(near, "wait_ms", TV_NUL, "5", TV_NUL, NULL) == TV_E_FORKED) continue;
        int live = near == (void *)config || near == (void *)unlock || near == (void *)vault ||
                   near == (void *)edit || near == (void *)tenant || near == (void *)engine ||
                   near == (void *)document || near == (void *)error;
        if (!live) every_function_refuses(near);
    }
    OK(tv_request_set(request, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
}

PROMISE(a_handle_of_another_type_is_a_status_in_every_function) {
    /* Each function takes at most two of these types; a document is taken by none but its own. */
    reset_outputs();
    void *others[] = {config, unlock, vault, edit, tenant, request, engine, document, error};
    size_t count = sizeof others / sizeof *others;
    for (size_t i = 0; i < count; i++) {
        void *other = others[i];
        if (other != (void *)config) {
            REFUSED(tv_config_get(other, "engine.max_queued", TV_NUL, &text_out, &len_out, ERR));
            REFUSED(tv_config_set(other, "engine.max_queued", TV_NUL, "5", TV_NUL, ERR));
            REFUSED(tv_engine_new(other, &engine_out, ERR));
        }
        if (other != (void *)unlock) REFUSED(tv_vault_create("", 0, other, NULL, &vault_out, ERR));
        if (other != (void *)vault) {
            REFUSED(tv_vault_list(other, &document_out, ERR));
            REFUSED(tv_edit_begin(other, &edit_out, ERR));
            REFUSED(tv_tenant_open(other, "acme", TV_NUL, &tenant_out, ERR));
        }
        if (other != (void *)edit) REFUSED(tv_edit_commit(other, ERR));
        if (other != (void *)tenant) {
            REFUSED(tv_tenant_list(other, &document_out, ERR));
            REFUSED(tv_engine_submit(engine, other, request, 0, &number_out, ERR));
        }
        if (other != (void *)request) {
            REFUSED(tv_request_set(other, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
            REFUSED(tv_engine_submit(engine, tenant, other, 0, &number_out, ERR));
        }
        if (other != (void *)engine) {
            REFUSED(tv_engine_take(other, 0, &result_out, ERR));
            REFUSED(tv_engine_shutdown(other, ERR));
        }
        if (other != (void *)document)
            REFUSED(tv_document_view(other, "json", TV_NUL, &text_out, &len_out, ERR));
        if (other != (void *)error) CHECK(tv_error_status(other) == TV_E_HANDLE);
        CHECK(tv_result_status(other) == TV_E_HANDLE);
        REFUSED(tv_result_document(other, "trace", TV_NUL, &text_out, &len_out, ERR));
    }
    outputs_are_untouched();
}

PROMISE(freeing_with_the_wrong_function_frees_nothing) {
    tv_config_free((tv_config *)request);
    tv_vault_free((tv_vault *)tenant);
    tv_engine_free((tv_engine *)document);
    OK(tv_request_set(request, "wait_ms", TV_NUL, "5", TV_NUL, ERR));
    tv_document *list = NULL;
    OK(tv_tenant_list(tenant, &list, ERR));
    tv_document_free(list);
}

PROMISE(handles_are_never_given_twice_in_a_row) {
    tv_config *last = NULL;
    for (int i = 0; i < 2000; i++) {
        tv_config *fresh = test_config();
        CHECK(fresh != NULL && fresh != last);
        tv_config_free(fresh);
        last = fresh;
    }
}

PROMISE(objects_keep_alive_what_they_need) {
    tv_vault *own = test_vault(NULL);
    tv_tenant *taken = test_tenant(own, "acme");
    tv_edit *begun = NULL;
    OK(tv_edit_begin(own, &begun, ERR));
    tv_vault_free(own);
    tv_document *list = NULL;
    OK(tv_tenant_list(taken, &list, ERR));
    tv_document_free(list);
    OK(tv_edit_put_token(begun, "acme", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_B, TV_NUL, ERR));
    OK(tv_edit_commit(begun, ERR));
    tv_edit_free(begun);
    tv_tenant_free(taken);
}

PROMISE(errors_may_be_left_out_everywhere) {
    tv_config *none = NULL;
    CHECK(tv_config_set(none, "x", TV_NUL, "y", TV_NUL, NULL) == TV_E_HANDLE);
    CHECK(tv_engine_take(NULL, 0, &result_out, NULL) == TV_E_HANDLE);
    CHECK(tv_document_decode("<html>", 6, &document_out, NULL) == TV_E_NOT_JSON);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    test_holds = 1;
    make_one_of_each();
    if (!test_holds) {
        printf("FAILED one object of each type cannot be made\n");
        return 1;
    }
    RUN(a_null_handle_is_a_status_in_every_function);
    RUN(freeing_null_does_nothing);
    RUN(a_freed_handle_is_a_status_in_every_function);
    RUN(a_second_free_does_nothing);
    RUN(numbers_and_addresses_that_are_no_handles_are_a_status);
    RUN(handles_near_live_ones_are_a_status);
    RUN(a_handle_of_another_type_is_a_status_in_every_function);
    RUN(freeing_with_the_wrong_function_frees_nothing);
    RUN(handles_are_never_given_twice_in_a_row);
    RUN(objects_keep_alive_what_they_need);
    RUN(errors_may_be_left_out_everywhere);
    free_one_of_each();
    return finish();
}
