/* pausing.c - preloaded: a process that stands still for 0.7 s each of the first times it has received
 * something, as one does that is stopped, throttled or moved to another machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

typedef ssize_t (*receiver)(int, void *, size_t, int);
typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *found;
    receiver call;
} real_recv;

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    static atomic_int paused;
    real_recv real = {dlsym(RTLD_NEXT, "recv")};
    ssize_t count = real.call(fd, bytes, length, flags);
    if (count > 0 && atomic_fetch_add(&paused, 1) < 8) {
        struct timespec pause = {.tv_nsec = 700000000};
        (void)nanosleep(&pause, NULL);
    }
    return count;
}
