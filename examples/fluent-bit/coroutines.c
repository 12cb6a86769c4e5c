/* coroutines.c - an event loop with a coroutine for each record, as Fluent Bit runs its filters and outputs.
 *
 *     cc coroutines.c -o coroutines $(pkg-config --cflags --libs tracevault-c)
 *     ./coroutines VAULT KEYFILE TENANT [NAME=VALUE]... <references
 *
 * Reads a reference from each line of its input and prints the rows of the message's trace (ECS, JSON
 * lines, none longer than 16 KiB), as they come. A coroutine has a stack of 32 KiB, asks and gives its
 * turn back: the loop waits for the engine's descriptor and resumes the coroutine whose number a result
 * carries. Nothing blocks, and no call of the library needs more stack. A plugin does the same with
 * Fluent Bit's own loop and coroutines in the place of poll() and swapcontext().
 *
 * Exit code 0, or 1 when a trace did not come; the reasons are on standard error. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tv_owned.h>
#include <tv_walk.h>
#include <ucontext.h>

enum { MOST = 64, STACK = 32 * 1024, LINE = 16 * 1024 };

/* One record under way. */
typedef struct work {
    ucontext_t context;
    char reference[264];
    tv_result *result; /* what the loop hands over when it resumes the coroutine */
    int is_busy;
    char stack[STACK];
} work;

static work works[MOST];
static ucontext_t loop;
static tv_engine *engine;
static tv_tenant *tenant;
static int failures;
static char line[LINE]; /* one coroutine writes at a time */

/* Says what is wrong with what was read from the input: what is not printable ASCII of it as \xNN. */
static void tell(const char *what, tv_status status, const tv_error *error) {
    for (const unsigned char *at = (const unsigned char *)what; *at != 0; at++)
        fprintf(stderr, *at >= 0x20 && *at < 0x7f ? "%c" : "\\x%02x", *at);
    fprintf(stderr, ": %s: %s\n", tv_status_name(status), tv_error_message(error, NULL));
    failures++;
}

static void print_rows(const work *mine) {
    TV_OWNED(tv_error) e = NULL;
    TV_OWNED(tv_error) why = NULL;
    tv_walk rows;
    tv_status s = tv_result_status(mine->result);
    if (s != TV_OK) {
        if (tv_result_error(mine->result, &why, NULL) != TV_OK) why = NULL;
        tell(mine->reference, s, why);
    } else if ((s = tv_result_walk(mine->result, "ecs", TV_NUL, &rows, &e))) {
        tell(mine->reference, s, e);
    } else {
        for (tv_place row = tv_whole(&rows); tv_there(row); row = tv_next(row)) {
            (void)tv_write_bounded(row, line, sizeof line);
            if (*line == '\0' || puts(line) < 0) failures++;
        }
    }
}

/* What a coroutine does: asks, waits by going back to the loop, prints. */
static void one_record(int number) {
    work *mine = &works[number];
    TV_OWNED(tv_error) e = NULL;
    TV_OWNED(tv_request) request = NULL;
    tv_status s;
    if ((s = tv_request_trace(NULL, 0, mine->reference, TV_NUL, &request, &e)) ||
        (s = tv_engine_submit(engine, tenant, request, (uint64_t)number, NULL, &e))) {
        tell(mine->reference, s, e);
    } else {
        swapcontext(&mine->context, &loop);
        print_rows(mine);
        tv_result_free(mine->result);
    }
    mine->is_busy = 0;
}

/* Starts a coroutine in a free place; the loop calls it only when there is one. */
static void begin(const char *reference) {
    int number = 0;
    while (works[number].is_busy) number++;
    work *mine = &works[number];
    mine->is_busy = 1;
    snprintf(mine->reference, sizeof mine->reference, "%s", reference);
    getcontext(&mine->context);
    mine->context.uc_stack.ss_sp = mine->stack;
    mine->context.uc_stack.ss_size = sizeof mine->stack;
    mine->context.uc_link = &loop;
    makecontext(&mine->context, (void (*)(void))one_record, 1, number);
    swapcontext(&loop, &mine->context);
}

static size_t busy(void) {
    size_t count = 0;
    for (size_t i = 0; i < MOST; i++) count += works[i].is_busy != 0;
    return count;
}

/* Until the input is at its end and every coroutine has ended. */
static tv_status run(tv_error **e) {
    int fd = -1, is_open = 1;
    tv_status s = tv_engine_fd(engine, &fd, e);
    char reference[264];
    while (s == TV_OK && (is_open || busy() > 0)) {
        while (is_open && busy() < MOST) {
            is_open = fgets(reference, sizeof reference, stdin) != NULL;
            reference[strcspn(reference, "\n")] = '\0';
            if (is_open && *reference != '\0') begin(reference);
        }
        struct pollfd waits = {fd, POLLIN, 0};
        if (busy() > 0) (void)poll(&waits, 1, -1);
        tv_result *result = NULL;
        while ((s = tv_engine_take(engine, 0, &result, e)) == TV_OK && result != NULL) {
            if (tv_result_kind(result) != TV_RESULT_TRACE) { /* a notice, for nobody */
                tv_result_free(result);
                continue;
            }
            work *its = &works[tv_result_tag(result) % MOST];
            its->result = result;
            swapcontext(&loop, &its->context);
        }
    }
    return s;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: coroutines VAULT KEYFILE TENANT [NAME=VALUE]... <references\n", stderr);
        return 1;
    }
    TV_OWNED(tv_error) e = NULL;
    TV_OWNED(tv_config) config = NULL;
    TV_OWNED(tv_unlock) unlock = NULL;
    TV_OWNED(tv_vault) vault = NULL;
    tv_status s = tv_config_new(&config, &e);
    for (int i = 4; s == TV_OK && i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        size_t name_len = value != NULL ? (size_t)(value - argv[i]) : strlen(argv[i]);
        s = tv_config_set(config, argv[i], name_len, value != NULL ? value + 1 : "", TV_NUL, &e);
    }
    if (s || (s = tv_unlock_keyfile(argv[2], TV_NUL, &unlock, &e)) ||
        (s = tv_vault_open(argv[1], TV_NUL, unlock, config, &vault, &e)) ||
        (s = tv_tenant_open(vault, argv[3], TV_NUL, &tenant, &e)) ||
        (s = tv_engine_new(config, &engine, &e)) || (s = run(&e)))
        tell(argv[1], s, e);
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    return failures != 0;
}
