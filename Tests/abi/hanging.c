/* hanging.c - a file system that does not answer, for LD_PRELOAD.
 *
 * While the file HANGING exists, one call waits that is about the file whose name in its directory, or
 * whose path, is HANGING_NAME. HANGING.met tells that somebody waits. HANGING_CALL says which call:
 *   stat   opening it, and looking at its path
 *   fstat  looking at it while it is open
 *   read   reading it; from then on also looking at it, unless the kernel's own knowledge is asked for
 *   close  closing it: the number is free by then, as with a file system that is told of each close
 *   fork   opening it, until a fork has shut the library's gate: HANGING is removed then, and the fork
 *          waits until the file is open and whoever has opened it has come to rest */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { PAUSE_US = 1000 };

/* Who has opened the file after it hung for a fork. */
static atomic_int opener;

static const char *text(const char *variable) {
    const char *found = getenv(variable);
    return found == NULL ? "" : found;
}

static int hangs_at(const char *call) { return strcmp(text("HANGING_CALL"), call) == 0; }

static int is_hung(void) { return access(text("HANGING"), F_OK) == 0; }

static int was_met(void) {
    char met[PATH_MAX];
    (void)snprintf(met, sizeof met, "%s.met", text("HANGING"));
    return access(met, F_OK) == 0;
}

static void meet(void) {
    char met[PATH_MAX];
    (void)snprintf(met, sizeof met, "%s.met", text("HANGING"));
    int file = creat(met, 0600);
    if (file >= 0) (void)close(file);
}

static void wait_while_it_hangs(void) {
    while (is_hung()) {
        meet();
        (void)usleep(PAUSE_US);
    }
}

static int is_the_file(const char *name) {
    const char *slash = strrchr(name, '/'), *hung = text("HANGING_NAME");
    return strcmp(name, hung) == 0 || (slash != NULL && strcmp(slash + 1, hung) == 0);
}

/* Asked before a descriptor is closed; cheap while nothing hangs. */
static int is_hung_file(int descriptor) {
    char link[PATH_MAX], path[PATH_MAX];
    if (!is_hung()) return 0;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_the_file(path);
}

static void wait_to_look(int descriptor) {
    if ((hangs_at("fstat") || (hangs_at("read") && was_met())) && is_hung_file(descriptor))
        wait_while_it_hangs();
}

int openat(int directory, const char *name, int flags, ...) {
    union { /* POSIX: a void * from dlsym may hold a function */
        void *found;
        int (*open)(int directory, const char *name, int flags, ...);
    } real = {dlsym(RTLD_NEXT, "openat")};
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    int waits = (hangs_at("stat") || hangs_at("fork")) && is_the_file(name) && is_hung();
    if (waits) wait_while_it_hangs();
    int descriptor = real.open(directory, name, flags, mode);
    if (waits && hangs_at("fork")) atomic_store(&opener, gettid());
    return descriptor;
}

int stat(const char *restrict name, struct stat *restrict status) {
    union {
        void *found;
        int (*stat)(const char *name, struct stat *status);
    } real = {dlsym(RTLD_NEXT, "stat")};
    if (hangs_at("stat") && is_the_file(name)) wait_while_it_hangs();
    return real.stat(name, status);
}

int fstat(int descriptor, struct stat *status) {
    union {
        void *found;
        int (*fstat)(int descriptor, struct stat *status);
    } real = {dlsym(RTLD_NEXT, "fstat")};
    wait_to_look(descriptor);
    return real.fstat(descriptor, status);
}

int statx(int directory, const char *restrict name, int flags, unsigned int mask,
          struct statx *restrict status) {
    union {
        void *found;
        int (*statx)(int directory, const char *name, int flags, unsigned int mask,
                     struct statx *status);
    } real = {dlsym(RTLD_NEXT, "statx")};
    if (name[0] == 0 && !(flags & AT_STATX_DONT_SYNC)) wait_to_look(directory);
    return real.statx(directory, name, flags, mask, status);
}

ssize_t read(int descriptor, void *bytes, size_t length) {
    union {
        void *found;
        ssize_t (*read)(int descriptor, void *bytes, size_t length);
    } real = {dlsym(RTLD_NEXT, "read")};
    if (hangs_at("read") && is_hung_file(descriptor)) wait_while_it_hangs();
    return real.read(descriptor, bytes, length);
}

int close(int descriptor) {
    union {
        void *found;
        int (*close)(int descriptor);
    } real = {dlsym(RTLD_NEXT, "close")};
    int waits = hangs_at("close") && is_hung_file(descriptor);
    int outcome = real.close(descriptor);
    if (waits) wait_while_it_hangs();
    return outcome;
}

/* ---- forks */

static int is_at_rest(int thread) {
    char path[64], state = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "re");
    if (file == NULL) return 1;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
    (void)fclose(file);
    return state == 'S';
}

static void open_amid_the_fork(void) {
    if (!hangs_at("fork") || !is_hung() || !was_met()) return;
    (void)unlink(text("HANGING"));
    int thread;
    while ((thread = atomic_load(&opener)) == 0 || !is_at_rest(thread)) (void)usleep(PAUSE_US);
}

/* Before the library is loaded, so that this comes after its own handler. */
__attribute__((constructor)) static void at_load(void) {
    (void)pthread_atfork(open_amid_the_fork, NULL, NULL);
}
