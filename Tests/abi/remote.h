/* remote.h - all that a request needs against a server that runs already: a stand-in. */
#ifndef TV_REMOTE_H
#define TV_REMOTE_H

#include "test.h"

typedef struct remote {
    tv_engine *engine;
    tv_vault *vault;
    tv_tenant *acme;
} remote;

static inline void remote_set(tv_config *config, const char *name, const char *value) {
    OK(tv_config_set(config, name, strlen(name), value, strlen(value), ERR));
}

/* A vault in memory with one account, for the origin of `base`. */
static inline tv_vault *remote_vault(const char *base, const char *account, const char *token) {
    const char *path = strstr(base, "/client/v4");
    size_t origin_len = path != NULL ? (size_t)(path - base) : strlen(base);
    tv_unlock *unlock = test_key(7);
    tv_vault *vault = NULL;
    tv_edit *edit = NULL;
    OK(tv_vault_create("", 0, unlock, NULL, &vault, ERR));
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, "acme", TV_NUL, account, strlen(account), token, strlen(token),
                         ERR));
    OK(tv_edit_set(edit, "acme", TV_NUL, account, strlen(account), "origin", TV_NUL, base,
                   origin_len, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_unlock_free(unlock);
    return vault;
}

/* An engine with `count` settings, each NAME=VALUE, and a tenant "acme" with one account. */
static inline remote open_remote(const char *base, const char *ca_file, const char *account,
                                 const char *token, const char *ledger, int count,
                                 char **settings) {
    remote here = {0};
    tv_config *config = test_config();
    remote_set(config, "api.base_url", base);
    remote_set(config, "tls.ca_file", ca_file);
    remote_set(config, "budget.ledger", ledger);
    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        CHECK(value != NULL);
        if (value == NULL) continue;
        *value = '\0';
        remote_set(config, settings[i], value + 1);
        *value = '=';
    }
    OK(tv_engine_new(config, &here.engine, ERR));
    tv_config_free(config);
    here.vault = remote_vault(base, account, token);
    here.acme = test_tenant(here.vault, "acme");
    return here;
}

static inline void close_remote(remote *here) {
    tv_engine_free(here->engine);
    tv_tenant_free(here->acme);
    tv_vault_free(here->vault);
}

#endif
