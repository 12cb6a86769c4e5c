/* runtime.c - has the Swift runtime ask again, in a forked child, which thread it is in; keeps its
 * crash handler and the variables of the environment away from it; and gives it a function of the
 * C library that is newer than the others.
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

/* The runtime's crash handler takes over the host's signals as the library is loaded, and starts a
 * program at a crash: the one that SWIFT_BACKTRACE names, or one that lies where a toolchain would
 * have it. Its object is linked for these two names alone: every Swift module asks for the first
 * and nothing calls it; a fatal error looks in the second whether a crash is told (all zero: no).
 * Should the object come in for another name as well, these are there twice, and linking fails;
 * constants.ld refuses the handler itself. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN void _swift_backtrace_isThunkFunction(void) {}
HIDDEN const char _swift_backtraceSettings[512] __attribute__((aligned(16)));

/* The runtime's other variables (SWIFT_DEBUG_HELP, SWIFT_DETERMINISTIC_HASHING and so on) print, or
 * weaken what it does. It reads them from here, so there are none. What asks for the environment
 * with getenv(), and everybody outside of the library, sees the host's. */
static char *no_variables[1];
__attribute__((visibility("hidden"))) char **environ = no_variables;

/* The runtime names hypotf() and nothing calls it. glibc gave it a new version in 2.35; with
 * this one the library loads where 2.34 is. Doubles neither overflow nor lose anything here. */
__attribute__((visibility("hidden"))) float hypotf(float a, float b) {
    if (__builtin_isinf(a) || __builtin_isinf(b)) return __builtin_inff();
    return (float)__builtin_sqrt((double)a * a + (double)b * b);
}

#endif
