/* scarce.c - preloaded: a system that refuses what it is told to refuse.
 *
 * scarce_memory(n): the n-th allocation of libcurl and OpenSSL from now on fails, and all that
 * follow, as do large ones of anybody. scarce_pages(1): mprotect() refuses. 0 ends it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static atomic_long left; /* 0: plenty */
static atomic_int pages;
static _Thread_local int looking;

void scarce_memory(long count) { atomic_store(&left, count); }
void scarce_pages(int are) { atomic_store(&pages, are); }

static int is_refused(size_t size, const void *caller) {
    Dl_info found;
    if (atomic_load(&left) == 0 || looking) return 0;
    looking = 1;
    int is_theirs = dladdr(caller, &found) != 0 && found.dli_fname != NULL &&
                    strstr(found.dli_fname, "libcurl") != NULL;
    looking = 0;
    if (!is_theirs) return size >= 1 << 20 && atomic_load(&left) == 1;
    if (atomic_load(&left) > 1) atomic_fetch_sub(&left, 1);
    return atomic_load(&left) == 1;
}

void *malloc(size_t size) {
    if (!is_refused(size, __builtin_return_address(0))) return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size) {
    if (!is_refused(count * size, __builtin_return_address(0))) return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t size) {
    if (!is_refused(size, __builtin_return_address(0))) return __libc_realloc(old, size);
    errno = ENOMEM;
    return NULL;
}

int mprotect(void *address, size_t length, int protection) {
    if (atomic_load(&pages) && protection == (PROT_READ | PROT_WRITE)) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_mprotect, address, length, protection);
}
