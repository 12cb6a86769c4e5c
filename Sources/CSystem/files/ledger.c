/* ledger.c - what a table in memory that processes share needs of the system.
 *
 * No policy: what a file must be like, and what is in it, is LedgerFile.swift's business. */
#define _GNU_SOURCE
#include "byte_lock.h"
#include "tv_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int32_t result(int outcome) { return outcome < 0 ? -errno : outcome; }

int32_t tvs_make_directory(const char *path) { return result(mkdir(path, 0700)); }

int32_t tvs_open_own_directory(const char *path) {
    return result(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

int64_t tvs_file_system(int32_t descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 ? (int64_t)status.f_type & 0xFFFFFFFF : -errno;
}

int32_t tvs_allocate(int32_t descriptor, size_t length, bool is_new) {
    /* Beyond this limit the kernel would not only refuse: it would send SIGXFSZ. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < length) return -EFBIG;
    int error = posix_fallocate(descriptor, 0, (off_t)length);
    if (error == 0) return 0;
    if (is_new) (void)!ftruncate(descriptor, 0); /* what there was room for is given back */
    return -error;
}

int32_t tvs_map_file(int32_t descriptor, size_t length, void **out) {
    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (base == MAP_FAILED) return -errno;
    /* A mapping keeps the file open: in a child it would keep the locks of a parent that is killed.
     * Nothing in a child looks at it: its handles and its ledgers are its own. */
    (void)madvise(base, length, MADV_DONTFORK);
    *out = base;
    return 0;
}

static const int private_memory = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

int32_t tvs_map_private(size_t length, void **out) {
    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, private_memory, -1, 0);
    if (base == MAP_FAILED) return -errno;
    *out = base;
    return 0;
}

int32_t tvs_map_over(void *base, size_t length) {
    void *same = mmap(base, length, PROT_READ | PROT_WRITE, private_memory | MAP_FIXED, -1, 0);
    return same == MAP_FAILED ? -errno : 0;
}

void tvs_unmap(void *base, size_t length) { (void)munmap(base, length); }

bool tvs_byte_is_free(int32_t descriptor, int64_t place) {
    struct flock lock = byte_lock(F_WRLCK, place);
    return fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

int32_t tvs_lock_byte(int32_t descriptor, int64_t place, tvs_byte_lock kind, int32_t attempts) {
    static const short types[] = {F_UNLCK, F_RDLCK, F_WRLCK};
    for (;;) {
        struct flock lock = byte_lock(types[kind], place);
        if (fcntl(descriptor, F_OFD_SETLK, &lock) == 0) return 0;
        int reason = errno == EACCES ? EAGAIN : errno;
        if (reason != EAGAIN || --attempts <= 0) return -reason;
        struct timespec rest = {0, 50 * 1000};
        (void)nanosleep(&rest, NULL);
    }
}

/* The beginning of a file of /proc, NUL-terminated; how many bytes, or -errno. */
static ssize_t read_text(const char *path, char *text, size_t room) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    ssize_t count = read(file, text, room - 1);
    if (count < 0) count = -errno;
    (void)close(file);
    text[count < 0 ? 0 : count] = 0;
    return count;
}

int32_t tvs_boot_id(uint64_t *high, uint64_t *low) {
    char text[64];
    ssize_t count = read_text("/proc/sys/kernel/random/boot_id", text, sizeof text);
    if (count < 0) return (int32_t)count;
    uint64_t words[2] = {0, 0};
    int digits = 0;
    for (const char *at = text; *at != 0 && digits < 32; at++) {
        char c = *at;
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0) continue; /* a hyphen */
        words[digits / 16] = words[digits / 16] << 4 | (uint64_t)value;
        digits++;
    }
    if (digits != 32) return -EIO;
    *high = words[0];
    *low = words[1];
    return 0;
}

int32_t tvs_network_id(uint64_t *out) {
    struct stat status;
    if (stat("/proc/self/ns/net", &status) != 0) return -errno;
    *out = status.st_ino;
    return 0;
}

int32_t tvs_has_own_clock(void) {
    char text[256];
    /* No such file: a kernel without time namespaces. Else "boottime <seconds> <nanoseconds>". */
    if (read_text("/proc/self/timens_offsets", text, sizeof text) <= 0) return 0;
    const char *at = strstr(text, "boottime");
    if (at == NULL) return 0;
    for (at += strlen("boottime"); *at != 0 && *at != '\n'; at++)
        if (*at >= '1' && *at <= '9') return 1;
    return 0;
}

/* Whether a mount at `point` holds `path`. */
static int is_below(const char *path, const char *point) {
    size_t length = strlen(point);
    if (length == 1) return 1; /* the root */
    return strncmp(path, point, length) == 0 && (path[length] == '/' || path[length] == 0);
}

int32_t tvs_is_of_service(const char *path) {
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL) return 0;
    char *line = NULL;
    size_t room = 0, longest = 0;
    int32_t is_private = 0;
    while (getline(&line, &room, mounts) > 0) {
        /* id, parent, device, what of the file system is mounted, where */
        char *fields[5], *rest = line;
        int count = 0;
        while (count < 5 && (fields[count] = strsep(&rest, " ")) != NULL) count++;
        /* Of mounts at one place the last is on top. */
        if (count < 5 || !is_below(path, fields[4]) || strlen(fields[4]) < longest) continue;
        longest = strlen(fields[4]);
        is_private = strstr(fields[3], "/systemd-private-") != NULL;
    }
    free(line);
    (void)fclose(mounts);
    return is_private;
}
