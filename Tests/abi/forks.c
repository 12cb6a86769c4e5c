/* forks.c - forks from threads that have used the library, as hosts with worker processes do: each
 * child makes an engine of its own and several of its threads use it at once.
 *
 *     forks FORKS [first]
 *
 * With "first" the parent has hardly done anything, so that the children's threads meet at what the
 * library makes once: its constants and types.
 *
 * No server: every request ends at a port where nobody listens, and so there is much to wait for
 * inside the library, and nothing outside. */
#include "loopback.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { ALARM_S = 60, PARENTS = 3, SUBMITTERS = 3, EACH = 16, LINES = 4000, TOLD = 10 };

static scene parent;
static atomic_long left, broken;
static int is_first;

/* ---- what every process does: its threads look at one document, then submit; one takes */

/* A reply so long that whoever makes the view of it first is still at it when the others come. */
static char *reply;
static size_t reply_len;

static void write_reply(void) {
    static const char head[] = "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[";
    static const char line[] = "{\"lineno\":1,\"logged_at\":\"2026-01-05T10:00:00Z\","
                               "\"message\":\"postfix/smtpd[1]: connect from unknown\"},";
    static const char tail[] = "{\"lineno\":2,\"message\":\"x\"}]},\"outbound\":{\"lines\":[]}}}";
    FILE *text = open_memstream(&reply, &reply_len);
    fputs(head, text);
    for (int i = 0; i < LINES; i++) fputs(line, text);
    fputs(tail, text);
    CHECK(fclose(text) == 0);
}

typedef struct work {
    const scene *own;
    tv_document *document;
    atomic_int here;
    atomic_int broken; /* the first promise that is */
} work;

static void says(work *shared, int code) {
    int none = 0;
    atomic_compare_exchange_strong(&shared->broken, &none, code);
}

static void look(work *shared) {
    atomic_fetch_add(&shared->here, 1);
    while (atomic_load(&shared->here) <= SUBMITTERS) sched_yield();
    const char *view = NULL;
    size_t len = 0;
    if (tv_document_view(shared->document, "trace", TV_NUL, &view, &len, NULL) != TV_OK)
        says(shared, 20);
    if (tv_document_view(shared->document, "ecs", TV_NUL, &view, &len, NULL) != TV_OK)
        says(shared, 21);
}

static void *submit_all(void *context) {
    work *shared = context;
    const scene *own = shared->own;
    look(shared);
    for (int number = 0; number < EACH; number++)
        if (tv_engine_submit(own->engine, own->acme, own->request, 1, NULL, NULL) != TV_OK)
            says(shared, 22);
    return NULL;
}

/* 0, or which promise is broken. */
static int work_at_once(const scene *own) {
    work shared = {.own = own};
    if (tv_document_decode(reply, reply_len, &shared.document, NULL) != TV_OK) return 23;
    pthread_t threads[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++)
        if (pthread_create(&threads[i], NULL, submit_all, &shared) != 0) return 24;
    look(&shared);
    for (int taken = 0; taken < SUBMITTERS * EACH; taken++) {
        tv_result *result = NULL;
        if (tv_engine_take(own->engine, 30000, &result, NULL) != TV_OK || result == NULL) return 25;
        if (tv_result_status(result) != TV_E_TRANSPORT) return 26;
        tv_result_free(result);
    }
    for (int i = 0; i < SUBMITTERS; i++) pthread_join(threads[i], NULL);
    tv_document_free(shared.document);
    return atomic_load(&shared.broken);
}

/* ---- the child */

static int wait_for(pid_t child) {
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int live(int generations) {
    alarm(ALARM_S); /* a child that hangs is a failure, not a hang of the suite */
    tv_document *document = NULL;
    if (!is_first && tv_engine_stats(parent.engine, &document, NULL) != TV_E_FORKED) return 10;
    test_holds = 1;
    scene own = open_scene(0, NULL);
    if (!test_holds) return 11;
    int code = work_at_once(&own);
    if (code == 0 && generations > 1) {
        pid_t child = fork();
        if (child == 0) _exit(live(generations - 1));
        code = wait_for(child);
        if (code == 0) code = work_at_once(&own);
    }
    close_scene(&own);
    return code;
}

/* ---- the parent's threads: each has worked as its children will, then forks */

static void *fork_for_ever(void *ignored) {
    (void)ignored;
    tv_config_free(test_config());
    int code = is_first ? 0 : work_at_once(&parent);
    if (code != 0) FAIL("the parent's own work: %d", code);
    for (long number; (number = atomic_fetch_sub(&left, 1)) > 0;) {
        pid_t child = fork();
        if (child == 0) _exit(live(number % 10 == 0 ? 2 : 1));
        code = wait_for(child);
        if (code == 0) continue;
        if (atomic_fetch_add(&broken, 1) < TOLD) FAIL("child %ld ended with %d", number, code);
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    is_first = argc > 2;
    long forks = strtol(argv[1], NULL, 10);
    atomic_store(&left, forks);
    test_holds = 1;
    if (!is_first) parent = open_scene(0, NULL);
    write_reply();
    if (!test_holds) return 1;
    pthread_t threads[PARENTS];
    for (int i = 0; i < PARENTS; i++)
        CHECK(pthread_create(&threads[i], NULL, fork_for_ever, NULL) == 0);
    for (int i = 0; i < PARENTS; i++) pthread_join(threads[i], NULL);
    if (!is_first) close_scene(&parent);
    free(reply);
    printf("%ld forks, %ld children broken\n", forks, atomic_load(&broken));
    return test_holds ? 0 : 1;
}
