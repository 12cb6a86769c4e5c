/* clock_jumps.c - preloaded in a test: the wall clock of a process is as many seconds off as the file
 * named by CLOCK_JUMPS says, eight bytes that another process may change at any time. Clocks that only
 * go forward are left alone, as they are when somebody sets a real clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic(int64_t) none;
static _Atomic(int64_t) *off = &none;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_JUMPS");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, fd, 0);
    real_clock = __extension__(int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    if (map != MAP_FAILED) off = map;
    if (fd >= 0) close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (real_clock == NULL) begin();
    int code = real_clock(clock, now);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_load(off);
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    int code = clock_gettime(CLOCK_REALTIME, &exact);
    if (code == 0) *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
    return code;
}

time_t time(time_t *told) {
    struct timespec exact = {0};
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    if (told != NULL) *told = exact.tv_sec;
    return exact.tv_sec;
}
