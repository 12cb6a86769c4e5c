/* clock.c - the clocks. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <time.h>

static int64_t now_us(clockid_t clock) {
    struct timespec ts;
    if (clock_gettime(clock, &ts) != 0) return 0;
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t tvs_monotonic_us(void) { return now_us(CLOCK_MONOTONIC); }
int64_t tvs_monotonic_ms(void) { return now_us(CLOCK_MONOTONIC) / 1000; }
int64_t tvs_boot_us(void) { return now_us(CLOCK_BOOTTIME); }
int64_t tvs_wall_ms(void) { return now_us(CLOCK_REALTIME) / 1000; }
int64_t tvs_thread_cpu_us(void) { return now_us(CLOCK_THREAD_CPUTIME_ID); }
