/* tracevault.c - the same downloads through libtracevault, each decoded to its complete trace view;
 * with RAW as the last argument nobody asks for the view, only for the body as it came.
 *
 * The vault is in memory, the quota is lifted; otherwise the engine runs as it does for any host.
 * Arguments NAME=VALUE before RAW are settings that count more than these.
 * One at a time it is tv_engine_fetch(); else requests are submitted and results taken by the fd. */
#include <poll.h>

#include "library.h"

#define TENANT "bench"

static tv_tenant *tenant_with_token(const char *origin) {
    tv_vault *vault = memory_vault();
    tv_edit *edit = NULL;
    tv_tenant *tenant = NULL;
    must(tv_edit_begin(vault, &edit, &failure), "tv_edit_begin");
    put_token(edit, TENANT, TOKEN, origin);
    must(tv_edit_commit(edit, &failure), "tv_edit_commit");
    must(tv_tenant_open(vault, TENANT, TV_NUL, &tenant, &failure), "tv_tenant_open");
    tv_edit_free(edit);
    tv_vault_free(vault);
    return tenant;
}

enum { MOST_SETTINGS = 16 };
static const char *settings[MOST_SETTINGS][2];
static size_t setting_count;

static void set(const char *name, const char *value) {
    if (setting_count == MOST_SETTINGS) fail(name, "too many settings");
    settings[setting_count][0] = name;
    settings[setting_count++][1] = value;
}

static tv_engine *engine_for(const struct load *load, int count, char **more) {
    char base_url[128], in_flight[24];
    snprintf(base_url, sizeof base_url, "%s/client/v4", load->origin);
    snprintf(in_flight, sizeof in_flight, "%ld", load->in_flight);
    set("api.base_url", base_url);
    set("tls.ca_file", load->ca_file);
    set("budget.quota", "0");
    set("budget.ip_per_second", "0");
    set("http.max_streams", in_flight);
    set("engine.max_in_flight", in_flight);
    for (int i = 0; i < count; i++) {
        char *value = strchr(more[i], '=');
        *value++ = '\0';
        set(more[i], value);
    }
    return engine_with(settings, setting_count);
}

static tv_request *next_request(struct load *load) {
    char message[64];
    tv_request *request = NULL;
    long number = load->sent++;
    load->started_us[number] = now_us();
    snprintf(message, sizeof message, "4Njp3P0STMz%06ld", number);
    must(tv_request_trace(ACCOUNT, TV_NUL, message, TV_NUL, &request, &failure),
         "tv_request_trace");
    return request;
}

static const char *view = "trace";

static void finish(struct load *load, tv_result *result, long number) {
    const char *trace = NULL;
    size_t trace_len = 0;
    if (tv_result_status(result) != TV_OK) {
        tv_error *reason = NULL;
        must(tv_result_error(result, &reason, &failure), "tv_result_error");
        fail(tv_status_name(tv_result_status(result)), tv_error_message(reason, NULL));
    }
    must(tv_result_document(result, view, TV_NUL, &trace, &trace_len, &failure),
         "tv_result_document");
    const char *wanted = *view == 't' ? "\"complete\":true" : "{\"success\":true";
    if (strstr(trace, wanted) == NULL) fail("trace", "not the reply expected");
    tv_result_free(result);
    load_done(load, number);
}

static void fetch_one_by_one(tv_engine *engine, tv_tenant *tenant, struct load *load) {
    while (load->done < load->requests) {
        tv_result *result = NULL;
        tv_request *request = next_request(load);
        must(tv_engine_fetch(engine, tenant, request, &result, &failure), "tv_engine_fetch");
        tv_request_free(request);
        finish(load, result, load->done);
    }
}

static void submit_and_take(tv_engine *engine, tv_tenant *tenant, struct load *load) {
    struct pollfd readable = {.events = POLLIN};
    must(tv_engine_fd(engine, &readable.fd, &failure), "tv_engine_fd");
    while (load->done < load->requests) {
        while (load->sent < load->requests && load->sent - load->done < load->in_flight) {
            uint64_t number = (uint64_t)load->sent;
            tv_request *request = next_request(load);
            must(tv_engine_submit(engine, tenant, request, number, NULL, &failure),
                 "tv_engine_submit");
            tv_request_free(request);
        }
        poll(&readable, 1, 1000);
        for (;;) {
            tv_result *result = NULL;
            must(tv_engine_take(engine, 0, &result, &failure), "tv_engine_take");
            if (result == NULL) break;
            if (tv_result_kind(result) == TV_RESULT_TRACE)
                finish(load, result, (long)tv_result_tag(result));
            else
                tv_result_free(result); /* a notice, where the settings ask for them */
        }
    }
}

int main(int count, char **arguments) {
    enum { USUAL = 5 };
    if (count > USUAL && strchr(arguments[count - 1], '=') == NULL) view = arguments[--count];
    struct load load = load_from_arguments(count < USUAL ? count : USUAL, arguments);
    tv_tenant *tenant = tenant_with_token(load.origin);
    tv_engine *engine = engine_for(&load, count - USUAL, arguments + USUAL);
    if (load.in_flight == 1)
        fetch_one_by_one(engine, tenant, &load);
    else
        submit_and_take(engine, tenant, &load);
    load_print(&load);
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    return 0;
}
