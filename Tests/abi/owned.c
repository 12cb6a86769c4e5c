/* owned.c - TV_OWNED: an object ends with its variable, at every way out, and not before. */
#include "test.h"

#include "tv_owned.h"
#include "tv_trace.h"

TV_OWNABLE(tv_trace)

static tv_config *seen;

static int is_alive(tv_config *config) {
    return tv_config_set(config, "api.base_url", TV_NUL, "https://a.example", TV_NUL, NULL) == TV_OK;
}

static int leaves_by(int way) {
    for (int i = 0; i < 2; i++) {
        TV_OWNED(tv_config) config = test_config();
        seen = config;
        CHECK(is_alive(config));
        if (way == 0) return 1;
        if (way == 1) break;
        if (way == 2) goto out;
    }
out:
    return 0;
}

PROMISE(an_object_ends_at_every_way_out_of_its_block) {
    for (int way = 0; way < 4; way++) {
        leaves_by(way);
        CHECK(!is_alive(seen));
    }
}

static tv_config *given_away(void) {
    TV_OWNED(tv_config) config = test_config();
    tv_config *kept = config;
    config = NULL;
    return kept;
}

PROMISE(what_is_given_away_lives) {
    tv_config *config = given_away();
    CHECK(is_alive(config));
    tv_config_free(config);
}

PROMISE(what_was_never_made_and_what_failed_are_freed_as_well) {
    TV_OWNED(tv_vault) vault = NULL;
    TV_OWNED(tv_error) error = NULL;
    TV_OWNED(tv_unlock) unlock = test_key(1);
    TV_OWNED(tv_trace) trace = NULL;
    CHECK(tv_vault_open("/nowhere/x", TV_NUL, unlock, NULL, &vault, &error) != TV_OK);
    CHECK(vault == NULL && error != NULL && trace == NULL);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(an_object_ends_at_every_way_out_of_its_block);
    RUN(what_is_given_away_lives);
    RUN(what_was_never_made_and_what_failed_are_freed_as_well);
    return finish();
}
