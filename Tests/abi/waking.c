/* waking.c - what a thread that takes events finds before tv_engine_submit() has returned.
 *
 * Stands in for curl_multi_wakeup(), which a submission calls last, and lets the event come there. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>

#include "loopback.h"

static tv_engine *awaited; /* whose event is to come before the wake-up returns; NULL for none */
static tv_event *taken;

CURLMcode curl_multi_wakeup(CURLM *multi) {
    CURLMcode (*real)(CURLM *) =
        __extension__(CURLMcode(*)(CURLM *)) dlsym(RTLD_NEXT, "curl_multi_wakeup");
    CURLMcode code = real(multi);
    tv_engine *engine = awaited;
    awaited = NULL;
    if (engine != NULL) taken = next_event(engine);
    return code;
}

PROMISE(the_id_is_written_before_anybody_can_take_the_event) {
    scene s = open_scene(0, NULL);
    uint64_t id = 0;
    awaited = s.engine;
    tv_status status = tv_engine_submit(s.engine, s.acme, s.request, 7, &id, ERR);
    CHECK(status == TV_OK && taken != NULL);
    CHECK(tv_event_tag(taken) == 7);
    CHECK(id != 0 && tv_event_id(taken) == id);
    tv_event_free(taken);
    close_scene(&s);
}

PROMISE(a_refused_request_writes_no_id) {
    scene s = open_scene(0, NULL);
    uint64_t id = 99;
    OK(tv_engine_shutdown(s.engine, ERR));
    GIVES(TV_E_SHUTDOWN, tv_engine_submit(s.engine, s.acme, s.request, 7, &id, ERR));
    CHECK(id == 99);
    close_scene(&s);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    RUN(the_id_is_written_before_anybody_can_take_the_event);
    RUN(a_refused_request_writes_no_id);
    return finish();
}
