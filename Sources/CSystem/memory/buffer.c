/* buffer.c - memory whose size an outsider decides: replies, their index, documents made of them.
 *
 * malloc() keeps what was once large for later, so one hostile reply would stay in the host's
 * memory for good. Here what is large is a mapping of its own. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { OWN_MAPPING = 256 * 1024 };

void *tvs_regrow(void *old, size_t old_length, size_t length) {
    if (length < OWN_MAPPING) return realloc(old, length);
    if (old_length >= OWN_MAPPING) {
        void *moved = mremap(old, old_length, length, MREMAP_MAYMOVE);
        return moved == MAP_FAILED ? NULL : moved;
    }
    void *fresh = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return NULL;
    if (old != NULL) memcpy(fresh, old, old_length);
    free(old);
    return fresh;
}

void tvs_free_grown(void *memory, size_t length) {
    if (memory != NULL && length >= OWN_MAPPING)
        munmap(memory, length);
    else
        free(memory);
}
