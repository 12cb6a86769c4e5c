/* hunt.c - a complete program: finds a message in every account of a vault, and tells what happened to
 * each copy.
 *
 *     cc hunt.c tv_search.c tv_trace.c -o hunt $(pkg-config --cflags --libs tracevault)
 *
 * One call begins the hunt; the library asks account after account, within the quota, and gives each
 * copy as it comes. An account that could not be asked is told as well: a hunt without it is not whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tracevault.h>

#include "tv_owned.h"
#include "tv_search.h"

enum { EXIT_WHOLE = 0, EXIT_NOT_WHOLE = 1, EXIT_USAGE = 2, EXIT_SETUP = 3 };

TV_OWNABLE(tv_trace)
TV_OWNABLE(tv_finding)
TV_OWNABLE(tv_hunt)

static const char usage[] =
    "usage: hunt [-o NAME=VALUE]... VAULT KEYFILE OPTION=VALUE...\n"
    "\n"
    "Finds every copy of a message in all accounts of a vault, and prints who got it.\n"
    "\n"
    "  VAULT          vault file\n"
    "  KEYFILE        its key file\n"
    "  OPTION=VALUE   what to look for, such as message_id=… or sender=… start=2026-11-01T00:00:00Z\n"
    "                 (tv_request_set)\n"
    "  -o NAME=VALUE  a setting of the library, see docs/CONFIGURATION.md\n"
    "\n"
    "exit codes: 0 every account was asked, 1 some were not, 2 wrong usage,\n"
    "            3 the vault, an option or the engine failed\n";

/* Prints text of a stranger: what is not printable ASCII as \xNN. */
static void print_text(const char *text) {
    for (const unsigned char *at = (const unsigned char *)(text != NULL ? text : "-"); *at != 0; at++)
        printf(*at >= 0x20 && *at < 0x7f && *at != '\\' ? "%c" : "\\x%02x", *at);
}

static void print_copy(const tv_finding *finding, const char *recipient, const char *state) {
    print_text(finding->tenant);
    printf("  %s  ", finding->account_id);
    print_text(finding->message->message_ref);
    printf("  ");
    print_text(recipient);
    printf("  ");
    print_text(state);
    printf("\n");
}

/* Prints a finding: a line for each recipient of the copy, or why there is nothing to say. */
static tv_status print_finding(tv_result *result, tv_error **error) {
    TV_OWNED(tv_finding) finding = NULL;
    TV_OWNED(tv_trace) trace = NULL;
    tv_walk walk;
    tv_status status = tv_result_walk(result, "found", TV_NUL, &walk, error);
    if (status != TV_OK) return status;
    if (tv_finding_read(&walk, &finding, NULL, 0) != TV_TRACE_OK) return TV_E_NO_MEMORY;
    if (finding->error_status != NULL) {
        print_text(finding->tenant);
        printf("  %s  %s: %s: ", finding->account_id,
               finding->message != NULL ? "no trace" : "not asked to the end", finding->error_status);
        print_text(finding->error_message);
        printf("\n");
        return TV_OK;
    }
    status = tv_result_walk(result, "trace", TV_NUL, &walk, error);
    if (status == TV_E_NOT_FOUND) { /* the option "traces" */
        tv_error_free(*error);
        *error = NULL;
        print_copy(finding, NULL, NULL);
        return TV_OK;
    }
    if (status != TV_OK) return status;
    if (tv_trace_read(&walk, &trace, NULL, 0) != TV_TRACE_OK) return TV_E_NO_MEMORY;
    for (size_t i = 0; i < trace->summary.recipient_count; i++)
        print_copy(finding, trace->summary.recipients[i].address, trace->summary.recipients[i].state);
    if (trace->summary.recipient_count == 0) print_copy(finding, NULL, trace->summary.state);
    return TV_OK;
}

/* The end of the hunt: whether every account was asked. */
static tv_status print_end(tv_result *result, int *is_whole, tv_error **error) {
    TV_OWNED(tv_hunt) hunt = NULL;
    tv_walk walk;
    tv_status status = tv_result_error(result, error, error);
    if (status != TV_OK) return status;
    if ((status = tv_result_status(result)) != TV_OK) return status; /* *error says why */
    if ((status = tv_result_walk(result, "hunt", TV_NUL, &walk, error)) != TV_OK) return status;
    if (tv_hunt_read(&walk, &hunt, NULL, 0) != TV_TRACE_OK) return TV_E_NO_MEMORY;
    printf("%" PRId32 " copies in %" PRId32 " accounts; not asked to the end: %" PRId32 "\n",
           hunt->progress.found, hunt->progress.accounts, hunt->progress.failed);
    *is_whole = hunt->progress.failed == 0;
    return TV_OK;
}

typedef tv_status (*setter)(void *to, const char *name, size_t name_len, const char *value,
                            tv_error **error);

static tv_status set_config(void *to, const char *name, size_t name_len, const char *value,
                            tv_error **error) {
    return tv_config_set(to, name, name_len, value, TV_NUL, error);
}

static tv_status set_request(void *to, const char *name, size_t name_len, const char *value,
                             tv_error **error) {
    return tv_request_set(to, name, name_len, value, TV_NUL, error);
}

/* Sets what NAME=VALUE says. */
static tv_status set(setter with, void *to, const char *word, tv_error **error) {
    const char *equals = strchr(word, '=');
    return with(to, word, (size_t)(equals - word), equals + 1, error);
}

/* Whether the words from this place on are what the usage says. */
static int is_usage(int argc, char **argv, int at) {
    if (argc - at < 3) return 0;
    for (int i = at + 2; i < argc; i++)
        if (strchr(argv[i], '=') == NULL) return 0;
    return 1;
}

static tv_status hunt(int argc, char **argv, int at, tv_config *config, int *is_whole,
                      tv_error **error) {
    TV_OWNED(tv_unlock) unlock = NULL;
    TV_OWNED(tv_vault) vault = NULL;
    TV_OWNED(tv_request) request = NULL;
    TV_OWNED(tv_engine) engine = NULL;
    tv_status status;
    if ((status = tv_unlock_keyfile(argv[at + 1], TV_NUL, &unlock, error)) ||
        (status = tv_vault_open(argv[at], TV_NUL, unlock, config, &vault, error)) ||
        (status = tv_request_hunt("", 0, &request, error)))
        return status;
    for (int i = at + 2; i < argc; i++)
        if ((status = set(set_request, request, argv[i], error)) != TV_OK) return status;
    if ((status = tv_engine_new(config, &engine, error)) ||
        (status = tv_engine_hunt_vault(engine, vault, request, 0, NULL, error)))
        return status;
    for (int is_over = 0; !is_over;) {
        TV_OWNED(tv_result) result = NULL;
        if ((status = tv_engine_take(engine, -1, &result, error)) != TV_OK) return status;
        if (tv_result_kind(result) == TV_RESULT_FINDING)
            status = print_finding(result, error);
        else if ((is_over = tv_result_kind(result) == TV_RESULT_HUNT) != 0)
            status = print_end(result, is_whole, error);
        if (status != TV_OK) return status;
    }
    return TV_OK;
}

int main(int argc, char **argv) {
    TV_OWNED(tv_config) config = NULL;
    TV_OWNED(tv_error) error = NULL;
    int at = 1, is_whole = 0;
    tv_status status = tv_config_new(&config, &error);
    for (; status == TV_OK && at + 1 < argc && strcmp(argv[at], "-o") == 0; at += 2) {
        if (strchr(argv[at + 1], '=') == NULL) break;
        status = set(set_config, config, argv[at + 1], &error);
    }
    if (status == TV_OK && !is_usage(argc, argv, at)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (status == TV_OK) status = hunt(argc, argv, at, config, &is_whole, &error);
    if (status != TV_OK) {
        fprintf(stderr, "hunt: %s: %s\n", tv_status_name(status), tv_error_message(error, NULL));
        return EXIT_SETUP;
    }
    return is_whole ? EXIT_WHOLE : EXIT_NOT_WHOLE;
}
