/* memory.c - pages for secrets: between guards, locked, kept out of dumps and forks.
 *
 * Only the mapping; how it is cut into slots is GuardedArena.swift's business. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <stdlib.h>
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

__attribute__((noinline)) void tvs_wipe_frames(void) {
    unsigned char below[8192];
    explicit_bzero(below, sizeof below);
}

__attribute__((noinline)) void tvs_wipe_stack(void) {
    unsigned char below[65536];
    explicit_bzero(below, sizeof below);
}

/* Takes `count` blocks of a size, wipes them and gives them back. */
static void wipe_blocks(size_t size, int count) {
    enum { MOST = 6 };
    void *blocks[MOST];
    for (int i = 0; i < count; i++) {
        blocks[i] = malloc(size - sizeof(size_t)); /* what fits into a chunk of `size` in glibc */
        if (blocks[i] != NULL) tvs_wipe(blocks[i], size - sizeof(size_t));
    }
    for (int i = count - 1; i >= 0; i--) free(blocks[i]);
}

void tvs_wipe_freed(void) {
    enum { SMALLEST = 64, SMALL = 2064, STEP = 16, LARGEST = 65536 };
    /* Large ones first: a small one is cut from a large one, and leaves the rest as it was. */
    for (size_t size = LARGEST; size > SMALL; size /= 2) wipe_blocks(size, 2);
    for (size_t size = SMALLEST; size <= SMALL; size += STEP) wipe_blocks(size, 6);
}
