/* atfork.c - fork() beside whatever a host does: handlers of its own, forks in signal handlers and in
 * the middle of a commit, long lines of children, threads that are cancelled.
 *
 * A promise that is broken is a deadlock more often than not: alarm() ends it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proof.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>

enum { ALARM_S = 60 };

static void make_one(int *fine) {
    tv_config *config = NULL;
    if (tv_config_new(&config, NULL) != TV_OK) *fine = 0;
    tv_config_free(config);
}

/* 0 when the child said so. */
static int code_of(pid_t child) {
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- handlers of the host, registered before its first call of ours */

static pthread_mutex_t of_the_host = PTHREAD_MUTEX_INITIALIZER;
static atomic_int over;
static int handlers_are_on, all_went = 1;

static void host_prepares(void) {
    if (!handlers_are_on) return;
    make_one(&all_went);
    pthread_mutex_lock(&of_the_host);
    make_one(&all_went);
}

static void host_goes_on(void) {
    if (!handlers_are_on) return;
    make_one(&all_went);
    pthread_mutex_unlock(&of_the_host);
    make_one(&all_went);
}

static void *use_under_the_hosts_mutex(void *fine) {
    while (!atomic_load(&over)) {
        pthread_mutex_lock(&of_the_host);
        make_one(fine);
        pthread_mutex_unlock(&of_the_host);
        sched_yield();
    }
    return NULL;
}

PROMISE(handlers_of_the_host_may_use_the_library_and_share_a_mutex_with_threads_that_do) {
    handlers_are_on = 1;
    int fine = 1;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use_under_the_hosts_mutex, &fine) == 0);
    for (int forks = 0; forks < 200 && test_holds; forks++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(ALARM_S);
            make_one(&all_went);
            _exit(all_went ? 0 : 1);
        }
        CHECK(code_of(child) == 0);
    }
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
    handlers_are_on = 0;
    CHECK(fine && all_went);
}

/* ---- a fork in a signal handler that has interrupted a call */

static volatile sig_atomic_t is_inside, forks_inside, code_of_forks;

static void fork_here(int number) {
    (void)number;
    if (!is_inside) return;
    pid_t child = fork();
    if (child == 0) _exit(0);
    forks_inside++;
    if (code_of(child) != 0) code_of_forks = 1;
}

/* With one thread only: glibc's own fork() may not be called in a handler otherwise. */
PROMISE(a_signal_handler_that_interrupts_a_call_may_fork) {
    static char body[1 << 18];
    size_t len = (size_t)snprintf(body, sizeof body,
                                  "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[");
    while (len < sizeof body - 200)
        len += (size_t)snprintf(body + len, 100, "{\"lineno\":1,\"message\":\"a line\"},");
    len += (size_t)snprintf(body + len, 100, "{}]},\"outbound\":{\"lines\":[]}}}");
    struct sigaction action = {.sa_handler = fork_here}, before;
    sigaction(SIGALRM, &action, &before);
    /* Once in each call, long before its end. */
    struct itimerval once = {{0, 0}, {0, 200}}, never = {{0, 0}, {0, 0}};
    int64_t end = proof_ms() + ALARM_S * 1000;
    while (forks_inside < 50 && test_holds && proof_ms() < end) {
        tv_document *document = NULL;
        is_inside = 1;
        setitimer(ITIMER_REAL, &once, NULL);
        tv_status status = tv_document_decode(body, len, &document, NULL);
        is_inside = 0;
        setitimer(ITIMER_REAL, &never, NULL);
        CHECK(status == TV_OK);
        tv_document_free(document);
    }
    sigaction(SIGALRM, &before, NULL);
    alarm(ALARM_S);
    CHECK(forks_inside >= 50 && code_of_forks == 0);
    /* The gate is as it was: another thread's fork and call go through. */
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(code_of(child) == 0);
}

/* ---- a long line of children: the root's handles are nobody else's */

enum { CHILDREN = 140 };

static int live_and_fork(tv_config *roots, int left) {
    alarm(ALARM_S);
    test_holds = 1;
    tv_config *own = NULL;
    OK(tv_config_new(&own, ERR));
    if (left < CHILDREN)
        GIVES(TV_E_FORKED, tv_config_set(roots, "retry.base_ms", TV_NUL, "5", TV_NUL, ERR));
    OK(tv_config_set(own, "retry.base_ms", TV_NUL, "5", TV_NUL, ERR));
    if (!test_holds || left == 0) return test_holds ? 0 : 1;
    pid_t child = fork();
    if (child == 0) _exit(live_and_fork(roots, left - 1));
    return code_of(child);
}

PROMISE(a_handle_of_an_ancestor_is_dead_however_long_the_line) {
    tv_config *roots = NULL;
    OK(tv_config_new(&roots, ERR));
    fflush(stdout);
    CHECK(live_and_fork(roots, CHILDREN) == 0);
    tv_config_free(roots);
}

/* ---- a disk that takes its time: fsync() and nanosleep() stand before libc's */

static atomic_int syncing, may_sync, sleeping;
static int is_slow;

int fsync(int descriptor) {
    if (is_slow) {
        atomic_fetch_add(&syncing, 1);
        while (!atomic_load(&may_sync)) sched_yield();
    }
    return (int)syscall(SYS_fsync, descriptor);
}

int nanosleep(const struct timespec *time, struct timespec *rest) {
    atomic_fetch_add(&sleeping, 1);
    return clock_nanosleep(CLOCK_REALTIME, 0, time, rest);
}

static char vault_path[512];
static tv_vault *vault;

static tv_status commit_to(tv_vault *opened, const char *account) {
    tv_edit *edit = NULL;
    tv_status status = tv_edit_begin(opened, &edit, NULL);
    if (status == TV_OK) status = proof_put(edit, "acme", account, TOKEN_A, "label");
    if (status == TV_OK) status = tv_edit_commit(edit, NULL);
    tv_edit_free(edit);
    return status;
}

static tv_status commit(const char *account) { return commit_to(vault, account); }

static void *commit_in_thread(void *status) {
    *(tv_status *)status = commit(ACCOUNT_B);
    return NULL;
}

static int child_beside_a_commit(int descriptors) {
    alarm(ALARM_S);
    /* Not one of those that the commit has open, so not the writers' lock either. */
    return proof_descriptors() == descriptors ? 0 : 1;
}

PROMISE(a_fork_and_other_calls_do_not_wait_for_the_disk) {
    is_slow = 1;
    int descriptors = proof_descriptors(), fine = 1;
    tv_status status = TV_E_OTHER;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, commit_in_thread, &status) == 0);
    while (atomic_load(&syncing) == 0) sched_yield();
    pid_t child = fork();
    if (child == 0) _exit(child_beside_a_commit(descriptors));
    CHECK(code_of(child) == 0);
    make_one(&fine);
    atomic_store(&may_sync, 1);
    pthread_join(thread, NULL);
    is_slow = 0;
    CHECK(fine && status == TV_OK);
}

/* ---- many writers at once: what a fork finds open when all of them wait but one */

enum { WRITERS = 80, OF_ONE_WRITER = 8 };

typedef struct writer {
    tv_vault *vault;
    atomic_int task; /* its thread's number in /proc, once it is about to commit */
    tv_status status;
} writer;

static void *write_in_thread(void *argument) {
    writer *self = argument;
    atomic_store(&self->task, (int)syscall(SYS_gettid));
    self->status = commit_to(self->vault, ACCOUNT_B);
    return NULL;
}

/* Whether a thread sleeps: there is nothing else for a writer to do than to wait. */
static int is_asleep(int task) {
    char path[64], text[256] = {0};
    if (task == 0) return 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", task);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    const char *name_end = length > 0 ? strrchr(text, ')') : NULL;
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

/* All commit, one of them to a disk that does not answer. How many more descriptors the process
 * has then; a child must have none of them. */
static int descriptors_of_many(writer *writers) {
    pthread_t threads[WRITERS];
    atomic_store(&syncing, 0);
    atomic_store(&may_sync, 0);
    is_slow = 1;
    int before = proof_descriptors();
    for (int i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&threads[i], NULL, write_in_thread, &writers[i]) == 0);
    while (atomic_load(&syncing) == 0) sched_yield();
    for (int asleep = 0; asleep < WRITERS - 1;) {
        asleep = 0;
        for (int i = 0; i < WRITERS; i++) asleep += is_asleep(atomic_load(&writers[i].task));
    }
    int more = proof_descriptors() - before;
    pid_t child = fork();
    if (child == 0) _exit(child_beside_a_commit(before));
    CHECK(code_of(child) == 0);
    atomic_store(&may_sync, 1);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(writers[i].status == TV_OK || writers[i].status == TV_E_BUSY);
    }
    is_slow = 0;
    return more;
}

PROMISE(many_writers_of_a_vault_have_the_descriptors_of_one_and_a_child_none) {
    static writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) writers[i].vault = vault;
    CHECK(descriptors_of_many(writers) <= OF_ONE_WRITER);
}

PROMISE(a_child_has_no_descriptor_of_a_writer_however_many_vaults_are_written) {
    static writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) writers[i].vault = proof_open(vault_path);
    /* The test itself: each writer of an opened vault waits with its own. */
    CHECK(descriptors_of_many(writers) > WRITERS);
    for (int i = 0; i < WRITERS; i++) tv_vault_free(writers[i].vault);
}

/* ---- the ledger of the host */

/* Whether this process has the file mapped. */
static int maps(const char *path) {
    char line[1024];
    int found = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    if (file == NULL) return -1;
    while (fgets(line, sizeof line, file) != NULL) found |= strstr(line, path) != NULL;
    fclose(file);
    return found;
}

/* A mapping keeps the open file, and with it the locks of a host that is killed. */
PROMISE(a_child_has_no_part_in_the_ledger_of_its_parent) {
    char path[540];
    snprintf(path, sizeof path, "%s.mapped", vault_path);
    tv_config *config = NULL;
    tv_engine *engine = NULL;
    OK(tv_config_new(&config, ERR));
    OK(tv_config_set(config, "budget.ledger", 13, path, strlen(path), ERR));
    OK(tv_engine_new(config, &engine, ERR));
    CHECK(maps(path) == 1);
    pid_t child = fork();
    if (child == 0) _exit(maps(path) == 0 ? 0 : 1);
    CHECK(code_of(child) == 0);
    tv_engine_free(engine);
    tv_config_free(config);
}

/* ---- a host that closes what it does not know, and has descriptors of its own by those numbers */

enum { OWN = 16 };

static int child_with_all_of(const int *own) {
    for (int i = 0; i < OWN; i++) {
        if (fcntl(own[i], F_GETFD) < 0) return 1;
    }
    return 0;
}

/* 0 when the child of a host that became a daemon has all that the host has opened since. */
static int become_a_daemon(void) {
    char path[540];
    snprintf(path, sizeof path, "%s.ledger", vault_path);
    alarm(ALARM_S);
    tv_config *config = NULL;
    tv_engine *engine = NULL;
    if (tv_config_new(&config, NULL) != TV_OK) return 2;
    if (tv_config_set(config, "budget.ledger", 13, path, strlen(path), NULL) != TV_OK) return 3;
    if (tv_engine_new(config, &engine, NULL) != TV_OK) return 4;
    if (close_range(3, ~0U, 0) != 0) return 5;
    int own[OWN];
    for (int i = 0; i < OWN; i++) own[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t child = fork();
    if (child == 0) _exit(child_with_all_of(own));
    return code_of(child);
}

PROMISE(a_child_has_what_the_host_opened_by_the_numbers_of_ours) {
    pid_t host = fork();
    if (host == 0) _exit(become_a_daemon());
    CHECK(code_of(host) == 0);
}

/* ---- a thread that is cancelled while it waits for the writers' lock */

PROMISE(a_cancelled_writer_leaves_the_way_free) {
    char lock_path[540];
    snprintf(lock_path, sizeof lock_path, "%s.lock", vault_path);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int other = open(lock_path, O_RDWR | O_CLOEXEC);
    CHECK(other >= 0 && fcntl(other, F_OFD_SETLK, &whole) == 0);
    tv_status status = TV_E_OTHER;
    pthread_t thread;
    void *end = NULL;
    atomic_store(&sleeping, 0);
    CHECK(pthread_create(&thread, NULL, commit_in_thread, &status) == 0);
    while (atomic_load(&sleeping) < 3) sched_yield();
    CHECK(pthread_cancel(thread) == 0);
    int before = atomic_load(&sleeping);
    while (atomic_load(&sleeping) < before + 3) sched_yield();
    close(other);
    CHECK(pthread_join(thread, &end) == 0);
    /* It was let finish: a thread inside a call is not cancelled. */
    CHECK(status == TV_OK);
    CHECK(commit(ACCOUNT_A) == TV_OK);
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(code_of(child) == 0);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    alarm(2 * ALARM_S);
    test_holds = 1;
    CHECK(pthread_atfork(host_prepares, host_goes_on, host_goes_on) == 0);
    const char *folder = getenv("TMPDIR");
    snprintf(vault_path, sizeof vault_path, "%s/atfork.vault", folder != NULL ? folder : "/tmp");
    RUN(a_signal_handler_that_interrupts_a_call_may_fork);
    RUN(handlers_of_the_host_may_use_the_library_and_share_a_mutex_with_threads_that_do);
    RUN(a_handle_of_an_ancestor_is_dead_however_long_the_line);
    vault = proof_create(vault_path);
    CHECK(vault != NULL && commit(ACCOUNT_A) == TV_OK);
    RUN(a_fork_and_other_calls_do_not_wait_for_the_disk);
    RUN(many_writers_of_a_vault_have_the_descriptors_of_one_and_a_child_none);
    RUN(a_child_has_no_descriptor_of_a_writer_however_many_vaults_are_written);
    RUN(a_child_has_no_part_in_the_ledger_of_its_parent);
    RUN(a_cancelled_writer_leaves_the_way_free);
    RUN(a_child_has_what_the_host_opened_by_the_numbers_of_ours);
    tv_vault_free(vault);
    return finish();
}
