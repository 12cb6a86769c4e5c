/* waking.c - what a thread that takes results finds before tv_engine_submit() has returned.
 *
 * Stands in for syscall(), with which a submission wakes the engine at its end (a futex), and lets
 * the result come there. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "loopback.h"

static tv_engine *awaited; /* whose result is to come before the wake-up returns; NULL for none */
static pthread_t submitting;
static tv_result *taken;
static uint64_t id;         /* where tv_engine_submit() writes */
static uint64_t id_at_take; /* what stood there when the result came */

long syscall(long number, ...) {
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) arguments[i] = va_arg(list, long);
    va_end(list);
    union { /* POSIX: a void * from dlsym may hold a function */
        void *found;
        long (*call)(long number, ...);
    } next = {dlsym(RTLD_NEXT, "syscall")};
    long result = next.call(number, arguments[0], arguments[1], arguments[2], arguments[3],
                            arguments[4], arguments[5]);
    bool is_wake = number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAKE;
    if (!is_wake || !pthread_equal(pthread_self(), submitting) || awaited == NULL) return result;
    tv_engine *engine = awaited;
    awaited = NULL;
    taken = next_result(engine);
    id_at_take = id;
    return result;
}

PROMISE(the_id_is_written_before_anybody_can_take_the_result) {
    submitting = pthread_self();
    scene s = open_scene(0, NULL);
    id = 0;
    awaited = s.engine;
    tv_status status = tv_engine_submit(s.engine, s.acme, s.request, 7, &id, ERR);
    CHECK(status == TV_OK && taken != NULL);
    CHECK(tv_result_tag(taken) == 7);
    CHECK(id_at_take != 0 && id_at_take == id && tv_result_id(taken) == id);
    tv_result_free(taken);
    close_scene(&s);
}

PROMISE(a_refused_request_writes_no_id) {
    scene s = open_scene(0, NULL);
    id = 99;
    OK(tv_engine_shutdown(s.engine, ERR));
    GIVES(TV_E_SHUTDOWN, tv_engine_submit(s.engine, s.acme, s.request, 7, &id, ERR));
    CHECK(id == 99);
    close_scene(&s);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(the_id_is_written_before_anybody_can_take_the_result);
    RUN(a_refused_request_writes_no_id);
    return finish();
}
