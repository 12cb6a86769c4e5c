/* loopback.h - servers that need no program: a port nobody listens on, one that never answers. */
#ifndef TV_LOOPBACK_H
#define TV_LOOPBACK_H

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

/* A port of 127.0.0.1: bound so that nobody else gets it, listening only if asked. */
typedef struct loopback {
    int fd;
    char origin[64];
    char base[96];
} loopback;

static inline loopback open_loopback(int listens) {
    loopback here = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    CHECK(here.fd >= 0 && bind(here.fd, (struct sockaddr *)&address, len) == 0);
    if (listens) CHECK(listen(here.fd, 1024) == 0);
    CHECK(getsockname(here.fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(here.origin, sizeof here.origin, "https://127.0.0.1:%d", ntohs(address.sin_port));
    snprintf(here.base, sizeof here.base, "%s/client/v4", here.origin);
    return here;
}

/* An engine for it that tries once; `max_queued` NULL for the default. */
static inline tv_engine *loopback_engine(const loopback *here, const char *max_queued) {
    tv_config *config = test_config();
    tv_engine *engine = NULL;
    OK(tv_config_set(config, "api.base_url", TV_NUL, here->base, strlen(here->base), ERR));
    OK(tv_config_set(config, "retry.max_attempts", TV_NUL, "1", TV_NUL, ERR));
    OK(tv_config_set(config, "budget.quota", TV_NUL, "0", TV_NUL, ERR));
    if (max_queued != NULL)
        OK(tv_config_set(config, "engine.max_queued", TV_NUL, max_queued, strlen(max_queued), ERR));
    OK(tv_engine_new(config, &engine, ERR));
    tv_config_free(config);
    return engine;
}

/* All that a request needs, against a port that does not listen or never answers. */
typedef struct scene {
    loopback peer;
    tv_engine *engine;
    tv_vault *vault;
    tv_tenant *acme;
    tv_request *request;
} scene;

static inline scene open_scene(int listens, const char *max_queued) {
    scene s = {.peer = open_loopback(listens)};
    s.engine = loopback_engine(&s.peer, max_queued);
    s.vault = test_vault(s.peer.origin);
    s.acme = test_tenant(s.vault, "acme");
    s.request = test_request();
    return s;
}

static inline void close_scene(scene *s) {
    tv_engine_free(s->engine);
    tv_request_free(s->request);
    tv_tenant_free(s->acme);
    tv_vault_free(s->vault);
    close(s->peer.fd);
}

/* Whether the engine's descriptor is readable within so many ms. */
static inline int readable(tv_engine *engine, int timeout_ms) {
    struct pollfd waiting = {.fd = -1, .events = POLLIN, .revents = 0};
    OK(tv_engine_fd(engine, &waiting.fd, ERR));
    return poll(&waiting, 1, timeout_ms) == 1 && (waiting.revents & POLLIN) != 0;
}

/* The next result; a test that waits half a minute for one has failed. */
static inline tv_result *next_result(tv_engine *engine) {
    tv_result *result = NULL;
    OK(tv_engine_take(engine, 30000, &result, ERR));
    CHECK(result != NULL);
    return result;
}

#endif
