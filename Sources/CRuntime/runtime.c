/* runtime.c - has the Swift runtime ask again, in a forked child, which thread it is in; and
 * gives it a function of the C library that is newer than the others.
 *
 * swift_once() marks what it is about to make with the thread's id, which it remembers for the
 * life of the thread (swift/Threading/Impl/Linux/ulock.h). In a child that id is the parent's: two
 * threads that come to one constant at once would wait for each other for ever. The runtime has no
 * call for this, so its variable is set back by name; a toolchain without that name fails to link.
 * Only where the runtime is linked in, as in the library that is shipped. */
#include "tv_runtime.h"

#include <pthread.h>

#ifdef TVS_STATIC_RUNTIME

extern _Thread_local int remembered_thread
    __asm__("_ZZN5swift14threading_impl5linux13ulock_get_tidEvE3tid")
    __attribute__((visibility("hidden")));

static void after_fork_in_child(void) { remembered_thread = 0; }

__attribute__((constructor)) static void at_load(void) {
    (void)pthread_atfork(NULL, NULL, after_fork_in_child);
}

/* The runtime names hypotf() and nothing calls it. glibc gave it a new version in 2.35; with
 * this one the library loads where 2.34 is. Doubles neither overflow nor lose anything here. */
__attribute__((visibility("hidden"))) float hypotf(float a, float b) {
    if (__builtin_isinf(a) || __builtin_isinf(b)) return __builtin_inff();
    return (float)__builtin_sqrt((double)a * a + (double)b * b);
}

#endif
