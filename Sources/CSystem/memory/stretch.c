/* stretch.c - how much memory the passphrase derivations of this process take at once.
 *
 * Two words and a futex instead of a mutex, so that a fork finds nothing locked: what is taken
 * carries the number of the process that took it, and counts for nothing in its children. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic(uint64_t) taken;   /* fork generation << 32 | KiB */
static _Atomic(uint32_t) next;    /* fork generation of the one that waits for room; 0: nobody */
static _Atomic(uint32_t) changes; /* counts everything that somebody may wait for */

static void wait_after(uint32_t seen) {
    (void)syscall(SYS_futex, &changes, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void tell(void) {
    atomic_fetch_add(&changes, 1);
    (void)syscall(SYS_futex, &changes, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* One waits for room, all others for its place: small ones overtook a large one for ever. */
static void become_next(void) {
    for (;;) {
        uint32_t seen = atomic_load(&changes), mine = tvs_fork_generation();
        uint32_t holder = atomic_load(&next);
        if (holder == mine)
            wait_after(seen);
        else if (atomic_compare_exchange_strong(&next, &holder, mine))
            return;
    }
}

void tvs_stretch_take(uint32_t kib, uint32_t limit_kib) {
    become_next();
    for (;;) {
        uint32_t seen = atomic_load(&changes), mine = tvs_fork_generation();
        uint64_t word = atomic_load(&taken);
        uint64_t used = word >> 32 == mine ? (uint32_t)word : 0;
        if (used > 0 && used + kib > limit_kib)
            wait_after(seen);
        else if (atomic_compare_exchange_strong(
                     &taken, &word, (uint64_t)mine << 32 | (used + kib)))
            break;
    }
    atomic_store(&next, 0);
    tell();
}

void tvs_stretch_give(uint32_t kib) {
    uint64_t word = atomic_load(&taken);
    while (word >> 32 == tvs_fork_generation() &&
           !atomic_compare_exchange_strong(&taken, &word, word - kib)) {
    }
    tell();
}
