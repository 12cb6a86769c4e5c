/* thread.c - threads, and what they wait for: bells, gates. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- threads */

struct start {
    void (*body)(void *);
    void *context;
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    (void)prctl(PR_SET_NAME, "tracevault");
    start.body(start.context);
    return NULL;
}

int tvs_thread_start(void (*body)(void *), void *context, size_t stack_len, uintptr_t *thread_out) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL) return -ENOMEM;
    start->body = body;
    start->context = context;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        free(start);
        return -error;
    }
    (void)pthread_attr_setstacksize(&attributes, stack_len);
    /* The thread inherits the mask it is started under, so no signal can ever arrive in it. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    error = pthread_create(&thread, &attributes, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        free(start);
        return -error;
    }
    *thread_out = (uintptr_t)thread;
    return 0;
}

void tvs_thread_join(uintptr_t thread) { (void)pthread_join((pthread_t)thread, NULL); }

void tvs_thread_detach(uintptr_t thread) { (void)pthread_detach((pthread_t)thread); }

/* ---- bells */

uint32_t tvs_bell_count(const tvs_bell *bell) {
    return __atomic_load_n(&bell->rings, __ATOMIC_SEQ_CST);
}

void tvs_bell_ring(tvs_bell *bell) {
    (void)__atomic_fetch_add(&bell->rings, 1, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, &bell->rings, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void tvs_bell_wait(tvs_bell *bell, uint32_t counted, int64_t timeout_ms) {
    struct timespec time = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    int held = tvs_fork_pause();
    if (tvs_bell_count(bell) == counted)
        (void)syscall(SYS_futex, &bell->rings, FUTEX_WAIT_PRIVATE, counted, &time, NULL, 0);
    tvs_fork_resume(held);
}

/* ---- gates */

/* One word that the kernel can wait on: opening costs one system call, waiting one. A mutex and a
 * condition variable would wake the waiter into a mutex that the waker still holds. */
struct tvs_gate {
    _Atomic(uint32_t) open;
};

tvs_gate *tvs_gate_new(void) { return calloc(1, sizeof(tvs_gate)); }

void tvs_gate_open(tvs_gate *gate) {
    atomic_store(&gate->open, 1);
    (void)syscall(SYS_futex, &gate->open, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void tvs_gate_wait(tvs_gate *gate) {
    int held = tvs_fork_pause();
    while (atomic_load(&gate->open) == 0)
        (void)syscall(SYS_futex, &gate->open, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    tvs_fork_resume(held);
}

void tvs_gate_free(tvs_gate *gate) { free(gate); }
