/* loading.c - dlopen() changes nothing in the host; dlclose() and a second load do no harm; two
 * copies of the library live side by side; a host's atfork handlers from before the load may use it.
 * Not linked with the library: TRACEVAULT_LIBRARY names it. With the argument `crash` the host
 * loads it and aborts. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What of a process a library could change without being asked. */
typedef struct host {
    char signals[512]; /* the Sig* lines of /proc/self/status */
    char locale[256];
    int threads;
    int descriptors;
    int variables;
    mode_t mask;
    char dumpable[64];
    struct rlimit files;
    struct rlimit core;
    struct rlimit locked;
} host;

static int failures;

static void check(int holds, const char *promise) {
    printf("%s %s\n", holds ? "ok    " : "FAILED", promise);
    failures += !holds;
}

static int count_entries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    if (folder == NULL) return -1;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

static host look(void) {
    host seen;
    memset(&seen, 0, sizeof seen);
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0 ||
            strncmp(line, "SigCgt", 6) == 0)
            strncat(seen.signals, line, sizeof seen.signals - strlen(seen.signals) - 1);
        if (strncmp(line, "CoreDumping", 11) == 0)
            snprintf(seen.dumpable, sizeof seen.dumpable, "%.60s", line);
    }
    if (status != NULL) fclose(status);
    snprintf(seen.locale, sizeof seen.locale, "%s", setlocale(LC_ALL, NULL));
    seen.threads = count_entries("/proc/self/task");
    seen.descriptors = count_entries("/proc/self/fd");
    while (environ[seen.variables] != NULL) seen.variables++;
    seen.mask = umask(077);
    umask(seen.mask);
    getrlimit(RLIMIT_NOFILE, &seen.files);
    getrlimit(RLIMIT_CORE, &seen.core);
    getrlimit(RLIMIT_MEMLOCK, &seen.locked);
    return seen;
}

static void compare(const host *before, const host *after, const char *when) {
    char promise[160];
#define SAME(holds, what)                                                 \
    snprintf(promise, sizeof promise, "%s leaves %s alone", when, what);  \
    check(holds, promise)
    SAME(strcmp(before->signals, after->signals) == 0, "signal handlers and masks");
    SAME(strcmp(before->locale, after->locale) == 0, "the locale");
    SAME(before->threads == after->threads, "the number of threads");
    SAME(before->descriptors == after->descriptors, "the number of descriptors");
    SAME(before->variables == after->variables, "the environment");
    SAME(before->mask == after->mask, "the umask");
    SAME(strcmp(before->dumpable, after->dumpable) == 0, "core dumps");
    SAME(memcmp(&before->files, &after->files, sizeof before->files) == 0 &&
             memcmp(&before->core, &after->core, sizeof before->core) == 0 &&
             memcmp(&before->locked, &after->locked, sizeof before->locked) == 0,
         "resource limits");
#undef SAME
}

/* Calls through names, as ctypes and plugins do. */
typedef struct entry_points {
    int32_t (*abi)(void);
    int32_t (*config_new)(void **, void **);
    int32_t (*config_set)(void *, const char *, size_t, const char *, size_t, void **);
    void (*config_free)(void *);
} entry_points;

static int find(void *library, entry_points *out) {
    *(void **)&out->abi = dlsym(library, "tv_abi");
    *(void **)&out->config_new = dlsym(library, "tv_config_new");
    *(void **)&out->config_set = dlsym(library, "tv_config_set");
    *(void **)&out->config_free = dlsym(library, "tv_config_free");
    return out->abi != NULL && out->config_new != NULL && out->config_set != NULL &&
           out->config_free != NULL;
}

/* Makes, uses and frees an object; 1 when every call did what it says. */
static int use(void *library) {
    entry_points call = {NULL, NULL, NULL, NULL};
    void *config = NULL;
    if (!find(library, &call) || call.abi() != 0) return 0;
    if (call.config_new(&config, NULL) != 0 || config == NULL) return 0;
    int fine = call.config_set(config, "retry.base_ms", 13, "5", 1, NULL) == 0;
    call.config_free(config);
    return fine && call.config_set(config, "retry.base_ms", 13, "5", 1, NULL) != 0;
}

static int copy_file(const char *from, const char *to) {
    char buffer[65536];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    size_t len = 0;
    int fine = in != NULL && out != NULL;
    while (fine && (len = fread(buffer, 1, sizeof buffer, in)) > 0)
        fine = fwrite(buffer, 1, len, out) == len;
    if (in != NULL) fclose(in);
    if (out != NULL) fclose(out);
    return fine;
}

/* Two files, two libraries: handles of one mean nothing to the other. */
static void two_copies(void *first, const char *path) {
    char folder[] = "/tmp/tv-copy-XXXXXX";
    char copy[64];
    if (mkdtemp(folder) == NULL) {
        check(0, "a folder for the second copy");
        return;
    }
    snprintf(copy, sizeof copy, "%s/other.so", folder);
    int copied = copy_file(path, copy);
    void *second = copied ? dlopen(copy, RTLD_NOW | RTLD_GLOBAL) : NULL;
    unlink(copy);
    rmdir(folder);
    check(second != NULL && second != first, "a second copy of the library loads beside the first");
    if (second == NULL) return;
    entry_points one = {NULL, NULL, NULL, NULL};
    entry_points two = {NULL, NULL, NULL, NULL};
    void *mine = NULL;
    int apart = find(first, &one) && find(second, &two) && one.abi != two.abi;
    check(apart, "each copy has functions of its own");
    if (!apart) return;
    check(use(first) && use(second) && use(first), "both copies work, turn by turn");
    check(one.config_new(&mine, NULL) == 0 &&
              one.config_set(mine, "retry.base_ms", 13, "5", 1, NULL) == 0,
          "the first copy's objects live on beside the second");
    two.config_free(mine);
    check(one.config_set(mine, "retry.base_ms", 13, "6", 1, NULL) == 0,
          "the second copy cannot free an object of the first");
    one.config_free(mine);
}

/* Registered before the library was there, so they run while it holds forks for itself. */
static void *in_handlers;
static int handlers_fine = 1;

static void use_in_handler(void) {
    if (in_handlers != NULL && !use(in_handlers)) handlers_fine = 0;
}

static void fork_beside(void *library) {
    in_handlers = library;
    for (int forks = 0; forks < 3; forks++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            _exit(use(library) && handlers_fine ? 0 : 1);
        }
        int status = -1;
        check(child > 0 && waitpid(child, &status, 0) == child && status == 0 && use(library),
              "atfork handlers from before the load use the library in parent and child");
    }
    check(handlers_fine, "and no call of theirs failed");
    in_handlers = NULL;
}

int main(int count, char **arguments) {
    const char *path = getenv("TRACEVAULT_LIBRARY");
    if (path == NULL) {
        fprintf(stderr, "loading: TRACEVAULT_LIBRARY must name the library\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(120);
    if (count > 1 && strcmp(arguments[1], "crash") == 0) {
        if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL) return 2;
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        abort();
    }
    check(pthread_atfork(use_in_handler, use_in_handler, use_in_handler) == 0,
          "the host registers atfork handlers");
    /* What libcurl and its libraries do at load is theirs; load them first. */
    void *curl = dlopen("libcurl.so.4", RTLD_NOW);
    void *runtime = dlopen("libstdc++.so.6", RTLD_NOW);
    check(curl != NULL && runtime != NULL, "libcurl.so.4 and libstdc++.so.6 load");
    host before = look();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    host after = look();
    if (library == NULL) {
        fprintf(stderr, "loading: %s\n", dlerror());
        return 2;
    }
    compare(&before, &after, "dlopen()");
    check(use(library), "the library works");
    host used = look();
    compare(&before, &used, "using settings");
    check(dlclose(library) == 0, "dlclose() gives 0");
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    check(library != NULL && use(library), "loaded again, the library works");
    if (library != NULL) fork_beside(library);
    if (library != NULL) two_copies(library, path);
    return failures == 0 ? 0 : 1;
}
