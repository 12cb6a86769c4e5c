/* thread.c - one kind of thread, one kind of gate, one kind of event descriptor. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
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

/* ---- gates */

struct tvs_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int open;
};

tvs_gate *tvs_gate_new(void) {
    tvs_gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return gate;
}

void tvs_gate_open(tvs_gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = 1;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

int tvs_gate_wait(tvs_gate *gate, int64_t timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&gate->mutex);
    int error = 0;
    while (!gate->open && error == 0) {
        error = timeout_ms < 0 ? pthread_cond_wait(&gate->changed, &gate->mutex)
                               : pthread_cond_timedwait(&gate->changed, &gate->mutex, &until);
    }
    int open = gate->open;
    pthread_mutex_unlock(&gate->mutex);
    return open;
}

void tvs_gate_free(tvs_gate *gate) {
    if (gate == NULL) return;
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
}

/* ---- event descriptors */

int tvs_eventfd_new(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void tvs_eventfd_set(int fd) { (void)eventfd_write(fd, 1); }

void tvs_eventfd_clear(int fd) {
    eventfd_t ignored;
    (void)eventfd_read(fd, &ignored);
}

int tvs_wait_readable(int fd, int32_t timeout_ms) {
    struct pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, timeout_ms) == 1;
}

void tvs_close(int fd) { (void)close(fd); }
