/* waking.c - what a thread that takes results finds before tv_engine_submit() has returned.
 *
 * Stands in for send(), with which a submission wakes the engine at its end, and lets the result
 * come there. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sys/socket.h>

#include "loopback.h"

static tv_engine *awaited; /* whose result is to come before the wake-up returns; NULL for none */
static pthread_t submitting;
static tv_result *taken;
static uint64_t id;         /* where tv_engine_submit() writes */
static uint64_t id_at_take; /* what stood there when the result came */

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    ssize_t result = sendto(fd, bytes, length, flags, NULL, 0);
    if (!pthread_equal(pthread_self(), submitting) || awaited == NULL) return result;
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
