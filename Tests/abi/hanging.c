/* hanging.c - a file system that does not answer, for LD_PRELOAD.
 *
 * While the file HANGING exists, opening a file whose name is HANGING_NAME waits, and so does looking at
 * one whose path it is; where HANGING_CALL is fstat, only looking at it when it is open does.
 * HANGING.met tells that somebody waits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { PAUSE_US = 1000 };

static void wait_while_it_hangs(const char *call, const char *name) {
    const char *flag = getenv("HANGING"), *hung = getenv("HANGING_NAME");
    const char *which = getenv("HANGING_CALL");
    if (flag == NULL || hung == NULL || strcmp(name, hung) != 0) return;
    if ((strcmp(call, "fstat") == 0) != (which != NULL && strcmp(which, "fstat") == 0)) return;
    while (access(flag, F_OK) == 0) {
        char met[PATH_MAX];
        (void)snprintf(met, sizeof met, "%s.met", flag);
        (void)close(creat(met, 0600));
        (void)usleep(PAUSE_US);
    }
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
    wait_while_it_hangs("openat", name);
    return real.open(directory, name, flags, mode);
}

int stat(const char *restrict name, struct stat *restrict status) {
    union {
        void *found;
        int (*stat)(const char *name, struct stat *status);
    } real = {dlsym(RTLD_NEXT, "stat")};
    wait_while_it_hangs("stat", name);
    return real.stat(name, status);
}

int fstat(int descriptor, struct stat *status) {
    union {
        void *found;
        int (*fstat)(int descriptor, struct stat *status);
    } real = {dlsym(RTLD_NEXT, "fstat")};
    char link[PATH_MAX], path[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        /* By its path, and by its name in a directory. */
        wait_while_it_hangs("fstat", path);
        wait_while_it_hangs("fstat", strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1);
    }
    return real.fstat(descriptor, status);
}
