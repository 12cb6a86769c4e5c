/* config.c - settings: found by name, held to their bounds, given back as they were set. */
#include "test.h"

#include <jansson.h>

static const char *get(tv_config *config, const char *name) {
    const char *value = NULL;
    size_t len = 99;
    OK(tv_config_get(config, name, strlen(name), &value, &len, ERR));
    CHECK(value != NULL && strlen(value) == len);
    return value;
}

static json_t *view(tv_document *document) {
    const char *data = NULL;
    size_t len = 0;
    OK(tv_document_view(document, TEXT("json"), &data, &len, ERR));
    json_t *root = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(root != NULL);
    CHECK(data != NULL && data[len] == '\0');
    tv_document_free(document);
    return root;
}

PROMISE(an_unknown_name_is_a_status_of_its_own) {
    tv_config *config = test_config();
    const char *value = NULL;
    size_t len = 0;
    static const char *const names[] = {"", "engine", "engine.max_queue", "ENGINE.MAX_QUEUED",
                                        " engine.max_queued", "engine.max_queued ", "api.token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t name_len = strlen(names[i]);
        GIVES(TV_E_CONFIG_NAME, tv_config_set(config, names[i], name_len, TEXT("1"), ERR));
        GIVES(TV_E_CONFIG_NAME, tv_config_get(config, names[i], name_len, &value, &len, ERR));
    }
    GIVES(TV_E_CONFIG_NAME, tv_config_set(config, "engine.max_queued\0x", 19, TEXT("1"), ERR));
    CHECK(value == NULL);
    tv_config_free(config);
}

PROMISE(what_is_set_is_given_back) {
    tv_config *config = test_config();
    OK(tv_config_set(config, TEXT("engine.max_queued"), TEXT("17"), ERR));
    CHECK(strcmp(get(config, "engine.max_queued"), "17") == 0);
    OK(tv_config_set(config, TEXT("tls.ca_file"), TEXT("/tmp/ca \xc3\xa9.pem"), ERR));
    CHECK(strcmp(get(config, "tls.ca_file"), "/tmp/ca \xc3\xa9.pem") == 0);
    tv_config *other = test_config();
    CHECK(strcmp(get(other, "engine.max_queued"), "17") != 0);
    tv_config_free(other);
    tv_config_free(config);
}

PROMISE(text_that_is_lent_stays_until_its_setting_changes) {
    tv_config *config = test_config();
    const char *first = get(config, "engine.max_queued");
    OK(tv_config_set(config, TEXT("retry.base_ms"), TEXT("7"), ERR));
    for (int i = 0; i < 50; i++) CHECK(get(config, "engine.max_queued") == first);
    tv_config_free(config);
}

PROMISE(a_value_out_of_bounds_changes_nothing_and_the_message_names_the_bounds) {
    tv_config *config = test_config();
    OK(tv_config_set(config, TEXT("retry.max_attempts"), TEXT("5"), ERR));
    static const char *const wrong[] = {"0", "-1", "21", "99999999999999999999", "", "5x", "0x5",
                                        "5.0", " 5", "five"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        GIVES_NAMING(TV_E_CONFIG_VALUE, "from 1 to 20",
                     tv_config_set(config, TEXT("retry.max_attempts"), wrong[i], strlen(wrong[i]),
                                   ERR));
    CHECK(strcmp(get(config, "retry.max_attempts"), "5") == 0);
    GIVES(TV_E_CONFIG_VALUE, tv_config_set(config, TEXT("tls.ca_file"), TEXT("a\nb"), ERR));
    GIVES(TV_E_CONFIG_VALUE, tv_config_set(config, TEXT("http.version"), TEXT("3"), ERR));
    GIVES(TV_E_CONFIG_VALUE,
          tv_config_set(config, TEXT("api.allow_http_loopback"), TEXT("1"), ERR));
    tv_config_free(config);
}

/* Sets an integer setting to a number and expects a status. */
static void set_number(tv_config *config, const char *name, long long number, tv_status expected) {
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    GIVES(expected, tv_config_set(config, name, strlen(name), text, strlen(text), ERR));
}

PROMISE(every_described_setting_has_its_default_and_keeps_its_bounds) {
    tv_document *document = NULL;
    OK(tv_config_describe(&document, ERR));
    json_t *table = view(document);
    CHECK(json_is_array(table) && json_array_size(table) > 10);
    size_t index;
    json_t *row;
    json_array_foreach(table, index, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *type = json_string_value(json_object_get(row, "type"));
        const char *standard = json_string_value(json_object_get(row, "default"));
        const char *text = json_string_value(json_object_get(row, "text"));
        CHECK(name != NULL && type != NULL && standard != NULL && text != NULL && *text != '\0');
        if (name == NULL || type == NULL || standard == NULL) continue;
        tv_config *config = test_config();
        CHECK(strcmp(get(config, name), standard) == 0);
        OK(tv_config_set(config, name, strlen(name), standard, strlen(standard), ERR));
        if (strcmp(type, "integer") == 0) {
            long long min = json_integer_value(json_object_get(row, "min"));
            long long max = json_integer_value(json_object_get(row, "max"));
            CHECK(min < max);
            set_number(config, name, min, TV_OK);
            set_number(config, name, max, TV_OK);
            set_number(config, name, min - 1, TV_E_CONFIG_VALUE);
            set_number(config, name, max + 1, TV_E_CONFIG_VALUE);
        }
        tv_config_free(config);
    }
    json_decref(table);
}

PROMISE(no_setting_is_named_like_a_secret) {
    tv_document *document = NULL;
    OK(tv_config_describe(&document, ERR));
    json_t *table = view(document);
    size_t index;
    json_t *row;
    static const char *const words[] = {"token", "secret", "password", "passphrase", "api_key"};
    json_array_foreach(table, index, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        for (size_t i = 0; name != NULL && i < sizeof words / sizeof *words; i++)
            CHECK(strstr(name, words[i]) == NULL);
    }
    json_decref(table);
}

PROMISE(build_info_names_what_the_header_promises) {
    tv_document *document = NULL;
    OK(tv_build_info(&document, ERR));
    json_t *info = view(document);
    static const char *const versions[] = {"version", "libcurl", "tls_backend", "libsodium"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        const char *version = json_string_value(json_object_get(info, versions[i]));
        CHECK(version != NULL && strpbrk(version, "0123456789") != NULL);
    }
    CHECK(json_is_object(json_object_get(info, "memory")));
    json_t *limits = json_object_get(info, "limits");
    CHECK(json_integer_value(json_object_get(limits, "secret_bytes")) == 512);
    CHECK(json_integer_value(json_object_get(limits, "reply_bytes")) == 64 << 20);
    CHECK(json_integer_value(json_object_get(limits, "reply_depth")) == 64);
    json_decref(info);
}

PROMISE(an_engine_refuses_settings_it_cannot_work_with) {
    static const char *const bases[] = {"", "ftp://127.0.0.1/", "http://api.cloudflare.com/client/v4",
                                        "https://", "https://user:pw@example.com/", "example.com",
                                        "http://127.0.0.1:8080/client/v4"};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        tv_config *config = test_config();
        tv_engine *engine = NULL;
        tv_status status = tv_config_set(config, TEXT("api.base_url"), bases[i], strlen(bases[i]),
                                         NULL);
        if (status == TV_OK) status = tv_engine_new(config, &engine, NULL);
        if (status != TV_E_CONFIG_VALUE)
            FAIL("base URL \"%s\": %s", bases[i], tv_status_name(status));
        tv_engine_free(engine);
        tv_config_free(config);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(an_unknown_name_is_a_status_of_its_own);
    RUN(what_is_set_is_given_back);
    RUN(text_that_is_lent_stays_until_its_setting_changes);
    RUN(a_value_out_of_bounds_changes_nothing_and_the_message_names_the_bounds);
    RUN(every_described_setting_has_its_default_and_keeps_its_bounds);
    RUN(no_setting_is_named_like_a_secret);
    RUN(build_info_names_what_the_header_promises);
    RUN(an_engine_refuses_settings_it_cannot_work_with);
    return finish();
}
