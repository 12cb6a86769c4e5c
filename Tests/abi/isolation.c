/* isolation.c - 500 tenants of 200 accounts under random operations: nobody reaches another's.
 *
 *     isolation [SEED [ROUNDS]]
 *
 * A model says who has what. A tenant's handle can use an account when a request for it is refused
 * only because the credential is sealed for another origin: that needs no network. Handles are also
 * forged, stale, of another type and of another vault. */
#include "proof.h"

enum { TENANTS = 500, ACCOUNTS = 200, PER_EDIT = 64, BAD_PER_ROUND = 400, GOOD_PER_ROUND = 400 };

static unsigned char has[TENANTS][ACCOUNTS];
static tv_tenant *handles[TENANTS];
static long uses, foreign, forged, stale, crossed;

static void name_tenant(char out[16], int tenant) { snprintf(out, 16, "tenant-%03d", tenant); }

/* Half of the ids belong to two tenants: equal ids are not equal accounts. */
static void name_account(char out[33], int tenant, int account) {
    int owner = account % 2 == 0 ? tenant / 2 * 2 : tenant;
    snprintf(out, 33, "%016x%016x", (unsigned)owner + 1, (unsigned)account + 1);
}

static void change(tv_vault *vault, chance *c) {
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    for (int i = 0; i < PER_EDIT; i++) {
        int tenant = (int)chance_below(c, TENANTS), account = (int)chance_below(c, ACCOUNTS);
        char name[16], id[33];
        name_tenant(name, tenant);
        name_account(id, tenant, account);
        size_t len = strlen(name);
        if (chance_below(c, 3) == 0 && !has[tenant][account]) {
            /* A step that fails ends its edit: this one has one of its own. */
            tv_edit *failing = NULL;
            OK(tv_edit_begin(vault, &failing, ERR));
            GIVES(TV_E_NOT_FOUND, tv_edit_remove(failing, name, len, id, 32, ERR));
            tv_edit_free(failing);
        } else if (chance_below(c, 3) == 0) {
            OK(tv_edit_remove(edit, name, len, id, 32, ERR));
            has[tenant][account] = 0;
        } else {
            OK(tv_edit_put_token(edit, name, len, id, 32, TOKEN_A, TV_NUL, ERR));
            OK(tv_edit_set(edit, name, len, id, 32, "origin", TV_NUL, "https://127.0.0.1:9", TV_NUL,
                           ERR));
            has[tenant][account] = 1;
        }
    }
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
}

/* What a tenant's handle says to a request for an account; the message goes to `text`. */
static tv_status use(tv_engine *engine, const tv_tenant *tenant, const char *id, char text[160]) {
    tv_request *request = NULL;
    tv_error *error = NULL;
    tv_status status = tv_request_trace(id, 32, MESSAGE, TV_NUL, &request, NULL);
    if (status == TV_OK) status = tv_engine_submit(engine, tenant, request, 0, NULL, &error);
    snprintf(text, 160, "%s", tv_error_message(error, NULL));
    tv_error_free(error);
    tv_request_free(request);
    return status;
}

static void use_own_and_foreign(tv_engine *engine, chance *c) {
    char id[33], text[160], unknown_text[160];
    for (int i = 0; i < GOOD_PER_ROUND; i++) {
        int tenant = (int)chance_below(c, TENANTS), other = (int)chance_below(c, TENANTS);
        int account = (int)chance_below(c, ACCOUNTS);
        name_account(id, tenant, account);
        CHECK(use(engine, handles[tenant], id, text) ==
              (has[tenant][account] ? TV_E_ORIGIN : TV_E_NOT_FOUND));
        uses++;
        if (other / 2 == tenant / 2) continue;
        name_account(id, other, account);
        CHECK(use(engine, handles[tenant], id, text) == TV_E_NOT_FOUND);
        snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, chance_next(c), chance_next(c));
        CHECK(use(engine, handles[tenant], id, unknown_text) == TV_E_NOT_FOUND);
        CHECK(strcmp(text, unknown_text) == 0);
        foreign++;
    }
}

/* A list names this tenant's accounts, all of them and no others. */
static void list_own(chance *c) {
    int tenant = (int)chance_below(c, TENANTS);
    char name[16], id[33];
    name_tenant(name, tenant);
    tv_document *document = NULL;
    OK(tv_tenant_list(handles[tenant], &document, ERR));
    int rows = 0, own = 0, expected = 0;
    for (const char *at = proof_json(document); (at = strstr(at, "\"tenant\":\"")) != NULL; rows++) {
        at += strlen("\"tenant\":\"");
        own += strncmp(at, name, strlen(name)) == 0;
    }
    for (int account = 0; account < ACCOUNTS; account++) {
        expected += has[tenant][account];
        name_account(id, tenant, account);
        CHECK((strstr(proof_json(document), id) != NULL) == has[tenant][account]);
    }
    CHECK(rows == expected && own == expected);
    tv_document_free(document);
}

static tv_tenant *numbered(uint64_t number) {
    tv_tenant *handle;
    memcpy(&handle, &number, sizeof handle);
    return handle;
}

static void use_bad_handles(tv_engine *engine, tv_vault *vault, tv_tenant *dead, chance *c) {
    tv_request *request = test_request();
    const void *others[] = {vault, engine, request};
    for (int i = 0; i < BAD_PER_ROUND; i++) {
        uint64_t live;
        tv_tenant *own = handles[chance_below(c, TENANTS)];
        memcpy(&live, &own, sizeof live);
        tv_tenant *bad = numbered(live ^ (uint64_t)1 << chance_below(c, 64));
        if (i % 4 == 1) bad = numbered(chance_next(c));
        if (i % 4 == 2) bad = numbered(live + chance_below(c, 1000) + 1);
        if (i % 4 == 3) bad = dead;
        tv_status status = tv_engine_submit(engine, bad, request, 0, NULL, NULL);
        /* A flipped bit of the fork's generation looks like a parent's handle. */
        CHECK(status == TV_E_HANDLE || status == TV_E_FORKED);
        i % 4 == 3 ? stale++ : forged++;
        const void *other = others[chance_below(c, 3)];
        tv_document *document = NULL;
        CHECK(tv_tenant_list((const tv_tenant *)other, &document, NULL) == TV_E_HANDLE);
        CHECK(tv_vault_list((const tv_vault *)(const void *)own, &document, NULL) == TV_E_HANDLE);
        crossed += 2;
    }
    tv_request_free(request);
}

/* The same tenant of another vault knows nothing of this one's accounts. */
static void use_another_vault(tv_engine *engine, tv_tenant *stranger, chance *c) {
    char id[33], text[160];
    name_account(id, 0, (int)chance_below(c, ACCOUNTS));
    CHECK(use(engine, stranger, id, text) == TV_E_NOT_FOUND);
    CHECK(use(engine, stranger, ACCOUNT_B, text) == TV_E_ORIGIN);
    crossed++;
}

static void fill(tv_vault *vault) {
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    for (int tenant = 0; tenant < TENANTS; tenant++)
        for (int account = 0; account < ACCOUNTS; account++) {
            char name[16], id[33];
            name_tenant(name, tenant);
            name_account(id, tenant, account);
            OK(tv_edit_put_token(edit, name, strlen(name), id, 32, TOKEN_A, TV_NUL, ERR));
            OK(tv_edit_set(edit, name, strlen(name), id, 32, "origin", TV_NUL,
                           "https://127.0.0.1:9", TV_NUL, ERR));
            has[tenant][account] = 1;
        }
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
}

int main(int argc, char **argv) {
    chance c = {argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
    test_holds = 1;
    tv_vault *vault = proof_create(""), *other = proof_create("");
    fill(vault);
    tv_edit *edit = NULL;
    OK(tv_edit_begin(other, &edit, ERR));
    OK(tv_edit_put_token(edit, "tenant-000", TV_NUL, ACCOUNT_B, TV_NUL, TOKEN_B, TV_NUL, ERR));
    OK(tv_edit_set(edit, "tenant-000", TV_NUL, ACCOUNT_B, TV_NUL, "origin", TV_NUL,
                   "https://127.0.0.1:9", TV_NUL, ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
    tv_engine *engine = NULL;
    OK(tv_engine_new(NULL, &engine, ERR));
    for (int tenant = 0; tenant < TENANTS; tenant++) {
        char name[16];
        name_tenant(name, tenant);
        handles[tenant] = test_tenant(vault, name);
    }
    tv_tenant *stranger = test_tenant(other, "tenant-000"), *dead = test_tenant(vault, "tenant-000");
    tv_tenant_free(dead);
    for (long round = 0; round < rounds && test_holds; round++) {
        if (round % 10 == 0) change(vault, &c);
        use_own_and_foreign(engine, &c);
        for (int i = 0; i < 4; i++) list_own(&c);
        use_bad_handles(engine, vault, dead, &c);
        use_another_vault(engine, stranger, &c);
    }
    printf("%d tenants x %d accounts: %ld uses, %ld of foreign and unknown accounts, %ld forged, %ld "
           "stale, %ld of another type or vault; none reached another tenant's account\n",
           TENANTS, ACCOUNTS, uses, foreign, forged, stale, crossed);
    for (int tenant = 0; tenant < TENANTS; tenant++) tv_tenant_free(handles[tenant]);
    tv_tenant_free(stranger);
    tv_engine_free(engine);
    tv_vault_free(vault);
    tv_vault_free(other);
    return test_holds ? 0 : 1;
}
