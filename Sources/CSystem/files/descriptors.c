/* descriptors.c - descriptors that live long, in a process whose host may close what it does not
 * know: each is used and closed only while it is still the file it was. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

tvs_own tvs_own_of(int fd) {
    struct stat status;
    tvs_own own = {.place = 0};
    if (fd >= 0 && fstat(fd, &status) == 0)
        own = (tvs_own){.place = fd + 1, .device = status.st_dev, .inode = status.st_ino};
    return own;
}

bool tvs_own_is_there(const tvs_own *own) {
    struct stat status;
    return own->place > 0 && fstat(own->place - 1, &status) == 0 &&
           status.st_dev == own->device && status.st_ino == own->inode;
}

void tvs_own_close(tvs_own *own) {
    if (tvs_own_is_there(own)) (void)close(own->place - 1);
    own->place = 0;
}

/* ---- doorbells */

/* A socket pair and not an eventfd: each has an inode of its own, where all eventfds share one, a
 * thread that waits at one end hears when the other is closed, and send() and recv() refuse what is
 * no socket. */
int32_t tvs_doorbell_new(tvs_doorbell *out) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -errno;
    out->heard = tvs_own_of(pair[0]);
    out->rung = tvs_own_of(pair[1]);
    return 0;
}

int tvs_doorbell_fd(const tvs_doorbell *bell) { return bell->heard.place - 1; }

bool tvs_doorbell_is_there(const tvs_doorbell *bell) {
    return tvs_own_is_there(&bell->heard) && tvs_own_is_there(&bell->rung);
}

void tvs_doorbell_ring(const tvs_doorbell *bell) {
    if (tvs_doorbell_is_there(bell)) (void)send(bell->rung.place - 1, "", 1, MSG_NOSIGNAL);
}

void tvs_doorbell_clear(const tvs_doorbell *bell) {
    char ignored[64];
    if (tvs_own_is_there(&bell->heard))
        (void)recv(bell->heard.place - 1, ignored, sizeof ignored, MSG_DONTWAIT);
}

void tvs_doorbell_free(tvs_doorbell *bell) {
    tvs_own_close(&bell->heard);
    tvs_own_close(&bell->rung);
}

int tvs_wait_readable(int fd, int32_t timeout_ms) {
    struct pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
    int held = tvs_fork_pause();
    int is_readable = poll(&entry, 1, timeout_ms) == 1;
    tvs_fork_resume(held);
    return is_readable;
}

/* ---- what there is no more of */

int32_t tvs_lack(void) {
    /* Two sockets, one for each kind of address, and what a name lookup or the file of the
     * authorities takes for a moment. */
    enum { NEEDED = 4, BYTES = 1 << 20 };
    int taken[NEEDED], count = 0, lack = 0;
    while (count < NEEDED && lack == 0) {
        int fd = eventfd(0, EFD_CLOEXEC);
        if (fd < 0)
            lack = errno;
        else
            taken[count++] = fd;
    }
    while (count > 0) (void)close(taken[--count]);
    if (lack != 0) return lack;
    void *volatile room = malloc(BYTES);
    lack = room == NULL ? ENOMEM : 0;
    free(room);
    return lack;
}
