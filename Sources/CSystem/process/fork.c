/* fork.c - notices that this process is a fork of the one that used the library before, and keeps
 * forks away from code that they would leave locked.
 *
 * A page marked MADV_WIPEONFORK holds READY; a child reads 0 there (the method of BoringSSL).
 * docs/adr/006-fork.md says who waits for whom. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
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

/* How many threads are inside, and in the highest bit whether one forks: one word, so that none of
 * it is ever true by half. The kernel waits for it to change. */
static _Atomic(uint32_t) gate;
#define FORKING 0x80000000u

/* After so long a waiting is over whatever happens: a fork for files that are being opened, one by
 * a signal handler that has interrupted a call (what the call holds, others may wait for), and
 * everything else. Nobody waits for ever. */
enum { MOMENT_MS = 20, BRIEF_MS = 100, PATIENCE_MS = 10 * 1000 };

/* How many threads open a file that is not noted yet. A fork that is let in by the pause of one
 * meets just that call. */
static _Atomic(uint32_t) opening;

/* Of this thread: how often it has entered, how many locks of Lock.swift it holds, how many pauses
 * it is in, and whether it could be cancelled before. Volatile: a signal handler may fork. */
static _Thread_local volatile int depth;
static _Thread_local int locks;
static _Thread_local int pauses;
static _Thread_local int cancelling;

/* Whether this thread is between the handlers of a fork. What handlers of the host call of us then
 * neither waits nor counts: nobody else is inside, or there is nobody else. */
static _Thread_local volatile enum { NO_FORK, PLAIN_FORK, FORK_THAT_SHUT } forking;

/* Waits while a word is as seen, at most until then. 0 when the time is up. */
static int wait_while(_Atomic(uint32_t) *word, uint32_t seen, int64_t until_ms) {
    int64_t rest = until_ms - tvs_monotonic_ms();
    if (rest <= 0) return 0;
    struct timespec time = {rest / 1000, rest % 1000 * 1000000};
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &time, NULL, 0);
    return 1;
}

static void wake_all(_Atomic(uint32_t) *word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void pass_in(void) {
    uint32_t seen = atomic_load_explicit(&gate, memory_order_relaxed);
    int64_t until = 0;
    for (;;) {
        if (seen & FORKING) {
            if (until == 0) until = tvs_monotonic_ms() + PATIENCE_MS;
            if (wait_while(&gate, seen, until)) {
                seen = atomic_load_explicit(&gate, memory_order_relaxed);
                continue;
            }
        }
        if (atomic_compare_exchange_weak(&gate, &seen, seen + 1)) return;
    }
}

static void pass_out(void) {
    uint32_t seen = atomic_load_explicit(&gate, memory_order_relaxed);
    do {
        if ((seen & ~FORKING) == 0) return; /* counted by nobody: see after_fork_in_child */
    } while (!atomic_compare_exchange_weak(&gate, &seen, seen - 1));
    if (seen & FORKING) wake_all(&gate);
}

/* Shuts the gate; 0 when another fork keeps it shut until then. */
static int shut(int64_t until_ms) {
    uint32_t seen = atomic_load(&gate);
    for (;;) {
        if (seen & FORKING) {
            if (!wait_while(&gate, seen, until_ms)) return 0;
            seen = atomic_load(&gate);
        } else if (atomic_compare_exchange_weak(&gate, &seen, seen | FORKING)) {
            return 1;
        }
    }
}

static void before_fork(void) {
    if (forking != NO_FORK) return;
    uint32_t own = depth > 0;
    int64_t until = tvs_monotonic_ms() + (own ? BRIEF_MS : PATIENCE_MS);
    int is_shut = shut(until);
    for (;;) {
        uint32_t seen = atomic_load(&gate);
        if (!is_shut || (seen & ~FORKING) <= own || !wait_while(&gate, seen, until)) break;
    }
    until = tvs_monotonic_ms() + MOMENT_MS;
    for (uint32_t seen; (seen = atomic_load(&opening)) > 0;) {
        if (!wait_while(&opening, seen, until)) break;
    }
    forking = is_shut ? FORK_THAT_SHUT : PLAIN_FORK;
}

static void after_fork_in_parent(void) {
    if (forking == FORK_THAT_SHUT) {
        atomic_fetch_and(&gate, ~FORKING);
        wake_all(&gate);
    }
    forking = NO_FORK;
}

/* There is one thread now: inside if a signal handler forked in the middle of a call. */
static void after_fork_in_child(void) {
    atomic_store(&gate, depth > 0);
    atomic_store(&opening, 0);
    forking = NO_FORK;
    tvs_files_forget();
}

/* Before every handler that the host registers itself, if the library is there from the start: then
 * ours wait last and let go first, and no handler of the host runs with the gate shut. */
__attribute__((constructor)) static void at_load(void) {
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void tvs_fork_unsafe_enter(void) {
    if (forking != NO_FORK) return;
    if (depth > 0) {
        depth++;
        return;
    }
    /* A thread that ended in here would take what it holds with it: it ends when it has left. */
    if (pauses == 0) (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    pass_in();
    depth = 1;
}

void tvs_fork_unsafe_leave(void) {
    if (forking != NO_FORK) return;
    if (depth > 1) {
        depth--;
        return;
    }
    depth = 0;
    pass_out();
    if (pauses == 0) (void)pthread_setcancelstate(cancelling, NULL);
}

int tvs_fork_pause(void) {
    if (forking != NO_FORK || locks > 0 || depth == 0) return 0;
    int held = depth;
    pauses++;
    depth = 0;
    pass_out();
    return held;
}

void tvs_fork_resume(int held) {
    if (held == 0) return;
    pass_in();
    depth = held;
    pauses--;
}

void tvs_opening_begin(void) { atomic_fetch_add(&opening, 1); }

void tvs_opening_end(void) {
    uint32_t seen = atomic_load(&opening);
    do {
        if (seen == 0) return; /* counted by nobody: see after_fork_in_child */
    } while (!atomic_compare_exchange_weak(&opening, &seen, seen - 1));
    if (atomic_load(&gate) & FORKING) wake_all(&opening);
}

/* ---- mutexes */

tvs_mutex tvs_mutex_new(void) {
    return (tvs_mutex){.mutex = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP};
}

/* Mutexes of this kind give no error: they ask neither who holds them nor who lets them go. */
void tvs_mutex_take(tvs_mutex *mutex) {
    locks++;
    (void)pthread_mutex_lock(&mutex->mutex);
}

void tvs_mutex_give(tvs_mutex *mutex) {
    (void)pthread_mutex_unlock(&mutex->mutex);
    locks--;
}
