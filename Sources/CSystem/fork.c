/* fork.c - notices that this process is a fork of the one that used the library before, and keeps
 * forks away from code that they would leave locked.
 *
 * A page marked MADV_WIPEONFORK holds READY; a child reads 0 there (the method of BoringSSL). No
 * cost at load time; the atfork handlers come with the first call that needs them. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRESH = 0, CHANGING = 1, READY = 2 };

static _Atomic(_Atomic(uint32_t) *) page; /* NULL before the first question */
static _Atomic(uint32_t) generation;      /* survives the fork, unlike *page */
static _Atomic(int) owner_pid;            /* used only where the page cannot be wiped */

/* Stands in for the page where the kernel refuses it: never wiped, so the pid is compared. */
static _Atomic(uint32_t) plain_word;

static _Atomic(uint32_t) *make_page(void) {
    void *fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    _Atomic(uint32_t) *word = &plain_word;
    if (fresh != MAP_FAILED) {
        if (madvise(fresh, 4096, MADV_WIPEONFORK) == 0)
            word = fresh;
        else
            munmap(fresh, 4096);
    }
    _Atomic(uint32_t) *expected = NULL;
    if (!atomic_compare_exchange_strong(&page, &expected, word)) {
        if (word != &plain_word) munmap(fresh, 4096);
        return expected;
    }
    return word;
}

uint32_t tvs_fork_generation(void) {
    _Atomic(uint32_t) *word = atomic_load_explicit(&page, memory_order_acquire);
    if (word == NULL) word = make_page();
    if (word == &plain_word && atomic_load(&owner_pid) != getpid()) {
        uint32_t ready = READY;
        atomic_compare_exchange_strong(word, &ready, FRESH);
    }
    for (;;) {
        uint32_t state = atomic_load_explicit(word, memory_order_acquire);
        if (state == READY) return atomic_load_explicit(&generation, memory_order_relaxed);
        uint32_t fresh = FRESH;
        if (state == FRESH && atomic_compare_exchange_strong(word, &fresh, CHANGING)) {
            atomic_store(&owner_pid, getpid());
            uint32_t mine = atomic_fetch_add(&generation, 1) + 1;
            atomic_store_explicit(word, READY, memory_order_release);
            return mine;
        }
        sched_yield(); /* another thread is counting the fork */
    }
}

/* ---- code that a fork must not cut in two */

static pthread_rwlock_t inside;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_lock(void) {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    /* A fork that waits comes before threads that want to enter again and again. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&inside, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static void before_fork(void) { pthread_rwlock_wrlock(&inside); }
static void after_fork_in_parent(void) { pthread_rwlock_unlock(&inside); }
/* The lock names the parent's thread as its owner: the child begins with a new one. */
static void after_fork_in_child(void) { make_lock(); }

static void prepare(void) {
    make_lock();
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* How often this thread has entered: taken twice, the lock would wait for a fork that waits. */
static _Thread_local int depth;

void tvs_fork_unsafe_enter(void) {
    if (depth++ > 0) return;
    pthread_once(&once, prepare);
    pthread_rwlock_rdlock(&inside);
}

void tvs_fork_unsafe_leave(void) {
    if (--depth == 0) pthread_rwlock_unlock(&inside);
}

int tvs_fork_pause(void) {
    int held = depth;
    if (held > 0) pthread_rwlock_unlock(&inside);
    depth = 0;
    return held;
}

void tvs_fork_resume(int held) {
    if (held > 0) pthread_rwlock_rdlock(&inside);
    depth = held;
}
