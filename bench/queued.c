/* queued.c - the memory of a queued request, all that the engine keeps of it.
 *
 * The server is a socket of this program that nobody accepts from, so what is submitted stays
 * queued. Prints one JSON line: resident bytes that each request added. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "library.h"

static int silent_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 8) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("socket", "no port on loopback");
    return ntohs(address.sin_port);
}

/* So many tenants with a token each, all in memory. */
static tv_tenant **tenants_for(long count, const char *origin) {
    tv_vault *vault = memory_vault();
    tv_edit *edit = NULL;
    tv_tenant **tenants = calloc((size_t)count, sizeof *tenants);
    if (tenants == NULL) fail("tenants", "no memory");
    must(tv_edit_begin(vault, &edit, &failure), "tv_edit_begin");
    for (long i = 0; i < count; i++) {
        char tenant[32], token[48];
        snprintf(tenant, sizeof tenant, "tenant-%ld", i);
        snprintf(token, sizeof token, "test-token-not-real-%020ld", i);
        put_token(edit, tenant, token, origin);
    }
    must(tv_edit_commit(edit, &failure), "tv_edit_commit");
    for (long i = 0; i < count; i++) {
        char tenant[32];
        snprintf(tenant, sizeof tenant, "tenant-%ld", i);
        must(tv_tenant_open(vault, tenant, TV_NUL, &tenants[i], &failure), tenant);
    }
    tv_edit_free(edit);
    tv_vault_free(vault);
    return tenants;
}

static tv_engine *engine_for(const char *origin) {
    char base_url[96];
    snprintf(base_url, sizeof base_url, "%s/client/v4", origin);
    const char *settings[][2] = {
        {"api.base_url", base_url}, {"api.allow_http_loopback", "true"},
        {"budget.quota", "0"},      {"budget.ip_per_second", "0"},
        {"engine.max_queued", "1000000"}, {"engine.max_in_flight", "8"},
    };
    return engine_with(settings, sizeof settings / sizeof *settings);
}

static void submit(tv_engine *engine, tv_tenant *tenant, long number) {
    char message[32];
    tv_request *request = NULL;
    snprintf(message, sizeof message, "4Njp3P%010ld", number);
    must(tv_request_trace(ACCOUNT, TV_NUL, message, TV_NUL, &request, &failure),
         "tv_request_trace");
    must(tv_request_set(request, "deadline_ms", TV_NUL, "3600000", TV_NUL, &failure),
         "deadline_ms");
    must(tv_engine_submit(engine, tenant, request, (uint64_t)number, NULL, &failure), "submit");
    tv_request_free(request);
}

/* Waits until the engine's thread has come round. */
static void settle(tv_engine *engine) {
    tv_document *document = NULL;
    must(tv_engine_stats(engine, &document, &failure), "tv_engine_stats");
    tv_document_free(document);
}

int main(int count, char **arguments) {
    if (count != 3) fail(arguments[0], "REQUESTS TENANTS");
    long requests = strtol(arguments[1], NULL, 10), tenant_count = strtol(arguments[2], NULL, 10);
    if (requests <= WARM_UP || tenant_count < 1) fail(arguments[0], "bad numbers");
    char origin[48];
    snprintf(origin, sizeof origin, "http://127.0.0.1:%d", silent_port());
    tv_tenant **tenants = tenants_for(tenant_count, origin);
    tv_engine *engine = engine_for(origin);
    for (long i = 0; i < WARM_UP; i++) submit(engine, tenants[i % tenant_count], i);
    settle(engine);
    double before = resident();
    for (long i = WARM_UP; i < requests; i++) submit(engine, tenants[i % tenant_count], i);
    settle(engine);
    printf("{\"bytes\": %.1f}\n", (resident() - before) / (double)(requests - WARM_UP));
    tv_engine_free(engine);
    for (long i = 0; i < tenant_count; i++) tv_tenant_free(tenants[i]);
    free(tenants);
    return 0;
}
