/* memory.c - pages for secrets: between guards, locked, kept out of dumps and forks.
 *
 * Only the mapping; how it is cut into slots is GuardedArena.swift's business. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int32_t tvs_guarded_map(size_t length, tvs_guarded *out) {
    long reported = sysconf(_SC_PAGESIZE);
    size_t page = reported > 0 ? (size_t)reported : 4096;
    if (length == 0 || length % page != 0 || length > SIZE_MAX - 2 * page) return -EINVAL;
    char *base = mmap(NULL, length + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return -errno;
    char *data = base + page;
    if (mprotect(data, length, PROT_READ | PROT_WRITE) != 0) {
        int32_t reason = -errno;
        munmap(base, length + 2 * page);
        return reason;
    }
    out->data = data;
    out->length = length;
    out->dontdump = madvise(data, length, MADV_DONTDUMP) == 0;
    out->wipeonfork = madvise(data, length, MADV_WIPEONFORK) == 0;
    out->locked = mlock(data, length) == 0;
    return 0;
}

void tvs_guarded_unmap(void *data, size_t length) {
    long reported = sysconf(_SC_PAGESIZE);
    size_t page = reported > 0 ? (size_t)reported : 4096;
    explicit_bzero(data, length);
    munmap((char *)data - page, length + 2 * page);
}

void tvs_wipe(void *bytes, size_t length) { explicit_bzero(bytes, length); }
