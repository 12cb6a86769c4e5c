/* config.c - settings: found by name, held to their bounds, given back as they were set. */
#include "test.h"

#include <inttypes.h>

#include "tv_walk.h"

static const char *get(tv_config *config, const char *name) {
    const char *value = NULL;
    size_t len = 99;
    OK(tv_config_get(config, name, strlen(name), &value, &len, ERR));
    CHECK(value != NULL && strlen(value) == len);
    return value;
}

/* The whole of a document's view "json". */
static tv_place whole(tv_document *document, tv_walk *walk) {
    const char *data = NULL;
    size_t len = 0;
    OK(tv_document_view(document, "json", TV_NUL, &data, &len, ERR));
    OK(tv_document_walk(document, "json", TV_NUL, walk, ERR));
    CHECK(data != NULL && data[len] == '\0' && walk->text == data && walk->text_len == len);
    CHECK(tv_there(tv_whole(walk)));
    return tv_whole(walk);
}

PROMISE(a_secret_has_a_name_beside_the_settings_and_is_never_told) {
    tv_config *config = test_config();
    const char *value = NULL;
    size_t len = 0;
    static const char *const names[] = {"s3.access_key", "s3.secret_key", "s3.session_token",
                                        "redis.user", "redis.password"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        OK(tv_config_secret(config, names[i], TV_NUL, "test-not-real", TV_NUL, ERR));
        GIVES(TV_E_CREDENTIAL_FORMAT,
              tv_config_secret(config, names[i], TV_NUL, "two words", TV_NUL, ERR));
        GIVES(TV_E_CONFIG_NAME, tv_config_get(config, names[i], TV_NUL, &value, &len, ERR));
        GIVES(TV_E_CONFIG_NAME, tv_config_set(config, names[i], TV_NUL, "x", TV_NUL, ERR));
        OK(tv_config_secret(config, names[i], TV_NUL, "", 0, ERR));
    }
    GIVES(TV_E_CONFIG_NAME, tv_config_secret(config, "redis.login", TV_NUL, "x", TV_NUL, ERR));
    tv_config_free(config);
}

PROMISE(an_unknown_name_is_a_status_of_its_own) {
    tv_config *config = test_config();
    const char *value = NULL;
    size_t len = 0;
    static const char *const names[] = {"", "engine", "engine.max_queue", "ENGINE.MAX_QUEUED",
                                        " engine.max_queued", "engine.max_queued ", "api.token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t name_len = strlen(names[i]);
        GIVES(TV_E_CONFIG_NAME, tv_config_set(config, names[i], name_len, "1", TV_NUL, ERR));
        GIVES(TV_E_CONFIG_NAME, tv_config_get(config, names[i], name_len, &value, &len, ERR));
    }
    GIVES(TV_E_CONFIG_NAME, tv_config_set(config, "engine.max_queued\0x", 19, "1", TV_NUL, ERR));
    CHECK(value == NULL);
    tv_config_free(config);
}

PROMISE(what_is_set_is_given_back) {
    tv_config *config = test_config();
    OK(tv_config_set(config, "engine.max_queued", TV_NUL, "17", TV_NUL, ERR));
    CHECK(strcmp(get(config, "engine.max_queued"), "17") == 0);
    OK(tv_config_set(config, "tls.ca_file", TV_NUL, "/tmp/ca \xc3\xa9.pem", TV_NUL, ERR));
    CHECK(strcmp(get(config, "tls.ca_file"), "/tmp/ca \xc3\xa9.pem") == 0);
    tv_config *other = test_config();
    CHECK(strcmp(get(other, "engine.max_queued"), "17") != 0);
    tv_config_free(other);
    tv_config_free(config);
}

PROMISE(text_that_is_lent_stays_until_its_setting_changes) {
    tv_config *config = test_config();
    const char *first = get(config, "engine.max_queued");
    OK(tv_config_set(config, "retry.base_ms", TV_NUL, "7", TV_NUL, ERR));
    for (int i = 0; i < 50; i++) CHECK(get(config, "engine.max_queued") == first);
    tv_config_free(config);
}

PROMISE(a_value_out_of_bounds_changes_nothing_and_the_message_names_the_bounds) {
    tv_config *config = test_config();
    OK(tv_config_set(config, "retry.max_attempts", TV_NUL, "5", TV_NUL, ERR));
    static const char *const wrong[] = {"0", "-1", "21", "99999999999999999999", "", "5x", "0x5",
                                        "5.0", " 5", "five"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        GIVES_NAMING(
            TV_E_CONFIG_VALUE, "from 1 to 20",
            tv_config_set(config, "retry.max_attempts", TV_NUL, wrong[i], strlen(wrong[i]), ERR));
    CHECK(strcmp(get(config, "retry.max_attempts"), "5") == 0);
    GIVES(TV_E_CONFIG_VALUE, tv_config_set(config, "tls.ca_file", TV_NUL, "a\nb", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_VALUE, tv_config_set(config, "http.version", TV_NUL, "3", TV_NUL, ERR));
    GIVES(TV_E_CONFIG_VALUE,
          tv_config_set(config, "api.allow_http_loopback", TV_NUL, "1", TV_NUL, ERR));
    tv_config_free(config);
}

/* Sets an integer setting to a number and expects a status. */
static void set_number(tv_config *config, const char *name, int64_t number, tv_status expected) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    GIVES(expected, tv_config_set(config, name, strlen(name), text, strlen(text), ERR));
}

PROMISE(every_described_setting_has_its_default_and_keeps_its_bounds) {
    tv_document *document = NULL;
    tv_walk walk;
    OK(tv_config_describe(&document, ERR));
    tv_place table = whole(document, &walk);
    CHECK(tv_kind(table) == TV_ARRAY && tv_count(table) > 10);
    for (tv_place row = tv_first(table); tv_there(row); row = tv_next(row)) {
        char name[64], standard[256];
        CHECK(tv_text(tv_find(row, "name"), name, sizeof name) > 0);
        CHECK(tv_text(tv_find(row, "default"), standard, sizeof standard) < sizeof standard);
        CHECK(tv_text(tv_find(row, "text"), NULL, 0) > 0);
        tv_config *config = test_config();
        CHECK(strcmp(get(config, name), standard) == 0);
        OK(tv_config_set(config, name, strlen(name), standard, strlen(standard), ERR));
        if (tv_says(tv_find(row, "type"), "integer")) {
            int64_t min = 0, max = 0;
            CHECK(tv_int(tv_find(row, "min"), &min) && tv_int(tv_find(row, "max"), &max));
            CHECK(min < max);
            set_number(config, name, min, TV_OK);
            set_number(config, name, max, TV_OK);
            set_number(config, name, min - 1, TV_E_CONFIG_VALUE);
            set_number(config, name, max + 1, TV_E_CONFIG_VALUE);
        }
        tv_config_free(config);
    }
    tv_document_free(document);
}

PROMISE(no_setting_is_named_like_a_secret) {
    tv_document *document = NULL;
    tv_walk walk;
    OK(tv_config_describe(&document, ERR));
    tv_place table = whole(document, &walk);
    static const char *const words[] = {"token", "secret", "password", "passphrase", "api_key"};
    for (tv_place row = tv_first(table); tv_there(row); row = tv_next(row)) {
        char name[64];
        CHECK(tv_text(tv_find(row, "name"), name, sizeof name) < sizeof name);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            CHECK(strstr(name, words[i]) == NULL);
    }
    tv_document_free(document);
}

static int64_t number(tv_place object, const char *name) {
    int64_t value = -1;
    CHECK(tv_int(tv_find(object, name), &value));
    return value;
}

PROMISE(build_info_names_what_the_header_promises) {
    tv_document *document = NULL;
    tv_walk walk;
    OK(tv_build_info(&document, ERR));
    tv_place info = whole(document, &walk);
    static const char *const versions[] = {"version", "libcurl", "tls_backend", "libsodium"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char version[64];
        CHECK(tv_text(tv_find(info, versions[i]), version, sizeof version) > 0);
        CHECK(strpbrk(version, "0123456789") != NULL);
    }
    CHECK(tv_kind(tv_find(info, "memory")) == TV_OBJECT);
    tv_place limits = tv_find(info, "limits");
    CHECK(number(limits, "secret_bytes") == 512 && number(limits, "reply_bytes") == 64 << 20);
    CHECK(number(limits, "reply_depth") == 64);
    tv_document_free(document);
}

PROMISE(an_address_with_a_login_or_of_another_form_is_refused_when_it_is_set) {
    static const char *const wrong[][2] = {
        {"redis.addresses", "redis://user:pw@127.0.0.1:6379"},
        {"redis.addresses", "127.0.0.1:6379"},
        {"s3.endpoint", "https://user:pw@store.example"},
        {"s3.endpoint", "https://store.example/bucket"},
    };
    tv_config *config = test_config();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tv_error *error = NULL;
        tv_status status =
            tv_config_set(config, wrong[i][0], TV_NUL, wrong[i][1], TV_NUL, &error);
        CHECK(status == TV_E_CONFIG_VALUE);
        CHECK(strstr(tv_error_message(error, NULL), wrong[i][0]) == tv_error_message(error, NULL));
        CHECK(!strstr(tv_error_message(error, NULL), "user:pw"));
        tv_error_free(error);
    }
    CHECK(tv_config_set(config, "redis.addresses", TV_NUL, "", TV_NUL, NULL) == TV_OK);
    CHECK(tv_config_set(config, "s3.endpoint", TV_NUL, "", TV_NUL, NULL) == TV_OK);
    tv_config_free(config);
}

PROMISE(an_engine_refuses_settings_it_cannot_work_with) {
    static const char *const bases[] = {"", "ftp://127.0.0.1/", "http://api.cloudflare.com/client/v4",
                                        "https://", "https://user:pw@example.com/", "example.com",
                                        "http://127.0.0.1:8080/client/v4"};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        tv_config *config = test_config();
        tv_engine *engine = NULL;
        tv_status status =
            tv_config_set(config, "api.base_url", TV_NUL, bases[i], strlen(bases[i]), NULL);
        /* Plain http needs another setting, which may still come. */
        if (i + 1 == sizeof bases / sizeof *bases) {
            CHECK(status == TV_OK);
            status = tv_engine_new(config, &engine, NULL);
        }
        if (status != TV_E_CONFIG_VALUE)
            FAIL("base URL \"%s\": %s", bases[i], tv_status_name(status));
        tv_engine_free(engine);
        tv_config_free(config);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(a_secret_has_a_name_beside_the_settings_and_is_never_told);
    RUN(an_unknown_name_is_a_status_of_its_own);
    RUN(what_is_set_is_given_back);
    RUN(text_that_is_lent_stays_until_its_setting_changes);
    RUN(a_value_out_of_bounds_changes_nothing_and_the_message_names_the_bounds);
    RUN(every_described_setting_has_its_default_and_keeps_its_bounds);
    RUN(no_setting_is_named_like_a_secret);
    RUN(build_info_names_what_the_header_promises);
    RUN(an_address_with_a_login_or_of_another_form_is_refused_when_it_is_set);
    RUN(an_engine_refuses_settings_it_cannot_work_with);
    return finish();
}
