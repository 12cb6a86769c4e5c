/* tv_system.h - what Swift cannot say, or must not say twice: typed system calls.
 *
 * Everything here is internal to the library. No policy: each function does one thing and returns
 * what the system said (0 or a negative errno unless stated otherwise). */
#ifndef TV_SYSTEM_H
#define TV_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* ---- clocks -------------------------------------------------------------------------------- */

/** Milliseconds of CLOCK_MONOTONIC. */
int64_t tvs_monotonic_ms(void);
/** Milliseconds since 1970 of CLOCK_REALTIME. */
int64_t tvs_wall_ms(void);

/* ---- fork ----------------------------------------------------------------------------------- */

/** Which process this is in the line of forks: 1 in the process that asked first, one more in each
 * child (that asks). Cheap: one load from a page that the kernel wipes at fork. Falls back to
 * getpid() where MADV_WIPEONFORK is refused. */
uint32_t tvs_fork_generation(void);

#endif
