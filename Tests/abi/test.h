/* test.h - the harness of the C tests: promises as functions, one line for each that is broken.
 *
 *     PROMISE(the_name_says_what_holds) { CHECK(...); GIVES(TV_E_HANDLE, tv_x(..., ERR)); }
 *     int main(int argc, char **argv) { RUN(the_name_says_what_holds); return finish(); }
 *
 * A program prints "N passed, N failed" and exits with 1 when one failed. Not for production code:
 * everything is static and in this header, so that each test is one file. */
#ifndef TV_TEST_H
#define TV_TEST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracevault.h>
#include <unistd.h>

#define PROMISE(name) static void name(void)

/* What one promise needs: whether it holds so far, and the error of the call just made. */
static int test_holds;
static int test_passed;
static int test_failed;
static tv_error *test_error;
static const char *test_filter;

/* The last argument of a call inside GIVES(): where the error goes. */
#define ERR (&test_error)

#define FAIL(...)                                     \
    do {                                              \
        test_holds = 0;                               \
        printf("  %s:%d: ", __FILE__, __LINE__);      \
        printf(__VA_ARGS__);                          \
        printf("\n");                                 \
    } while (0)

#define CHECK(condition)                                 \
    do {                                                 \
        if (!(condition)) FAIL("not so: %s", #condition); \
    } while (0)

/* A call gives this status, and an error that agrees with it: one line, no more, no less. */
#define GIVES(expected, call)                                                              \
    do {                                                                                   \
        test_error = NULL;                                                                 \
        const tv_status status_ = (call);                                                  \
        test_status(__FILE__, __LINE__, #call, (expected), status_, NULL);                 \
    } while (0)

/* As GIVES, and the error's message names this. */
#define GIVES_NAMING(expected, text, call)                                                 \
    do {                                                                                   \
        test_error = NULL;                                                                 \
        const tv_status status_ = (call);                                                  \
        test_status(__FILE__, __LINE__, #call, (expected), status_, (text));               \
    } while (0)

#define OK(call) GIVES(TV_OK, call)

/* A step of a new `edit` of `vault` gives this status, and so does the commit: the edit has ended. */
#define STEP_GIVES_NAMING(expected, text, call)                                            \
    do {                                                                                   \
        edit = NULL;                                                                       \
        OK(tv_edit_begin(vault, &edit, ERR));                                              \
        GIVES_NAMING(expected, text, call);                                                \
        GIVES_NAMING(expected, "an earlier step", tv_edit_commit(edit, ERR));              \
        tv_edit_free(edit);                                                                \
    } while (0)

#define STEP_GIVES(expected, call) STEP_GIVES_NAMING(expected, "", call)

#define RUN(name)                                                             \
    do {                                                                      \
        if (test_filter == NULL || strcmp(test_filter, #name) == 0) {         \
            test_holds = 1;                                                   \
            name();                                                           \
            printf("%s %s\n", test_holds ? "ok    " : "FAILED", #name);       \
            fflush(stdout);                                                   \
            if (test_holds)                                                   \
                test_passed++;                                                \
            else                                                              \
                test_failed++;                                                \
        }                                                                     \
    } while (0)

static inline void test_status(const char *file, int line, const char *call, tv_status expected,
                               tv_status status, const char *text) {
    const char *message = test_error != NULL ? tv_error_message(test_error, NULL) : "";
    const char *wrong = NULL;
    if (status != expected)
        wrong = "another status";
    else if (status == TV_OK && test_error != NULL)
        wrong = "an error in spite of TV_OK";
    else if (test_error != NULL && tv_error_status(test_error) != status)
        wrong = "an error of another status";
    else if (test_error != NULL && (*message == '\0' || strchr(message, '\n') != NULL))
        wrong = "a message that is not one line";
    else if (text != NULL && strstr(message, text) == NULL)
        wrong = "a message that does not name it";
    if (wrong != NULL) {
        test_holds = 0;
        printf("  %s:%d: %s\n    %s: expected %s%s%s, got %s \"%s\"\n", file, line, call, wrong,
               tv_status_name(expected), text != NULL ? " naming " : "", text != NULL ? text : "",
               tv_status_name(status), message);
    }
    tv_error_free(test_error);
    test_error = NULL;
}

static inline int finish(void) {
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed == 0 && test_passed > 0 ? 0 : 1;
}

/* ---- what most tests need ------------------------------------------------------------------- */

#define ACCOUNT_A "0123456789abcdef0123456789abcdef"
#define ACCOUNT_B "fedcba9876543210fedcba9876543210"
#define TOKEN_A "test-token-not-real-acme-01"
#define TOKEN_B "test-token-not-real-acme-02"
#define MESSAGE "4Njp3P0STMz2c02Q"

/* A raw key: 32 bytes that count up from a value. */
static inline void test_key_bytes(unsigned char key[32], unsigned char value) {
    for (int i = 0; i < 32; i++) key[i] = (unsigned char)(value + i);
}

static inline tv_unlock *test_key(unsigned char value) {
    unsigned char key[32];
    test_key_bytes(key, value);
    tv_unlock *unlock = NULL;
    OK(tv_unlock_key(key, sizeof key, &unlock, ERR));
    return unlock;
}

/* A vault in memory: tenant acme with account A, tenant many with A and B, all for `origin`. */
static inline tv_vault *test_vault(const char *origin) {
    tv_unlock *unlock = test_key(7);
    tv_vault *vault = NULL;
    tv_edit *edit = NULL;
    OK(tv_vault_create("", 0, unlock, NULL, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "many", TV_NUL, ACCOUNT_A, TV_NUL, TOKEN_A, TV_NUL, ERR));
    OK(tv_edit_put_token(edit, "many", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_B, TV_NUL, ERR));
    if (origin != NULL) {
        size_t len = strlen(origin);
        OK(tv_edit_set(edit, "acme", TV_NUL, ACCOUNT_A, TV_NUL, "origin", TV_NUL, origin, len,
                       ERR));
        OK(tv_edit_set(edit, "many", TV_NUL, ACCOUNT_A, TV_NUL, "origin", TV_NUL, origin, len,
                       ERR));
        OK(tv_edit_set(edit, "many", TV_NUL, ACCOUNT_B, TV_NUL, "origin", TV_NUL, origin, len,
                       ERR));
    }
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    return vault;
}

static inline tv_tenant *test_tenant(const tv_vault *vault, const char *name) {
    tv_tenant *tenant = NULL;
    OK(tv_tenant_open(vault, name, strlen(name), &tenant, ERR));
    return tenant;
}

static inline tv_request *test_request(void) {
    tv_request *request = NULL;
    OK(tv_request_trace("", 0, MESSAGE, TV_NUL, &request, ERR));
    return request;
}

static inline tv_config *test_config(void) {
    tv_config *config = NULL;
    OK(tv_config_new(&config, ERR));
    return config;
}

/* main's first line: with an argument, only the promise of that name runs. */
static inline void begin(int argc, char **argv) {
    test_filter = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

#endif
