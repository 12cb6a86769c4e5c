/* file.c - the file system calls of the vault's store, one function each.
 *
 * No policy: which file, in which order and what a failure means is FileStore.swift's business.
 * Interrupted calls are reported, not repeated. A disk may take seconds: while a call waits for it,
 * forks need not (OUTSIDE). */
#define _GNU_SOURCE
#include "byte_lock.h"
#include "outside.h"
#include "tv_system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors */

/* What is open at this moment. A child that is forked meanwhile closes it: nobody else would, and
 * one may hold the writers' lock. Nothing is opened without a place here; places stay. A host that
 * closes what it does not know may have its own file by the same number: so the file counts too. */
enum { NOBODY = 0, TAKEN = -1, PLACES = 64 };
typedef struct entry {
    _Atomic(int) descriptor; /* plus 1; TAKEN before it is open, and less while it is closed */
    dev_t device;
    ino_t inode; /* 0 until it is known */
} entry;

typedef struct places {
    entry each[PLACES];
    _Atomic(struct places *) next;
} places;
static places open_now;

/* The places after these; NULL when there are none and none can be made. */
static places *more_places(places *some) {
    places *next = atomic_load(&some->next);
    if (next != NULL) return next;
    places *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || atomic_compare_exchange_strong(&some->next, &next, fresh)) return fresh;
    free(fresh);
    return next;
}

/* A place for what is about to be opened, or NULL without memory. */
static entry *take_place(void) {
    for (places *some = &open_now; some != NULL; some = more_places(some)) {
        for (int i = 0; i < PLACES; i++) {
            int nobody = NOBODY;
            if (atomic_compare_exchange_strong(&some->each[i].descriptor, &nobody, TAKEN)) {
                some->each[i].inode = 0;
                return &some->each[i];
            }
        }
    }
    return NULL;
}

/* Which file a descriptor is of: 0, or -errno. What the kernel knows is enough, and its file system
 * is not asked: that may hang, and a child asks here before it comes out of fork(). */
static int identify(int fd, dev_t *device, ino_t *inode) {
    struct statx known;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &known) == 0) {
        *device = makedev(known.stx_dev_major, known.stx_dev_minor);
        *inode = known.stx_ino;
        return 0;
    }
    /* A sandbox may forbid that question. */
    struct stat status;
    if (errno == EBADF || fstat(fd, &status) != 0) return -errno;
    *device = status.st_dev;
    *inode = status.st_ino;
    return 0;
}

/* Whether a descriptor that was found in a place is still what it was. */
static bool is_same(const entry *place, int fd) {
    dev_t device;
    ino_t inode;
    if (place->inode == 0) return true;
    return identify(fd, &device, &inode) == 0 && device == place->device && inode == place->inode;
}

/* Closes what a place notes, while forks may come: a file system may hang then, too. As soon as
 * that begins the number may be somebody else's: no call finds the place by it any more, and a
 * child closes it only where it is the same file. If the host has closed ours, the number is of a
 * file of its own, which stays. */
static void let_go(entry *place, int fd) {
    int held = tvs_fork_pause();
    int open = fd + 1, closing = TAKEN - open;
    bool is_ours = is_same(place, fd);
    if (atomic_compare_exchange_strong(&place->descriptor, &open, closing)) {
        if (is_ours) (void)close(fd);
        (void)atomic_compare_exchange_strong(&place->descriptor, &closing, NOBODY);
    }
    tvs_fork_resume(held);
}

/* Notes in its place what a call has just opened; the descriptor, or -errno. */
static int32_t opened(entry *place, int outcome) {
    if (outcome < 0) {
        int error = errno;
        atomic_store(&place->descriptor, NOBODY);
        return -error;
    }
    atomic_store(&place->descriptor, outcome + 1);
    dev_t device;
    ino_t inode;
    int answer = identify(outcome, &device, &inode);
    if (answer != 0) {
        /* Where the host has closed it already, the number may be its own next file's. */
        if (answer == -EBADF)
            atomic_store(&place->descriptor, NOBODY);
        else
            let_go(place, outcome);
        return answer;
    }
    place->device = device;
    place->inode = inode;
    return outcome;
}

/* Where a descriptor is noted, or NULL. */
static entry *place_of(int fd) {
    for (places *some = &open_now; some != NULL; some = atomic_load(&some->next)) {
        for (int i = 0; i < PLACES; i++) {
            if (atomic_load(&some->each[i].descriptor) == fd + 1) return &some->each[i];
        }
    }
    return NULL;
}

void tvs_close(int fd) {
    entry *place = place_of(fd);
    if (place != NULL) {
        let_go(place, fd);
        return;
    }
    int held = tvs_fork_pause();
    (void)close(fd);
    tvs_fork_resume(held);
}

void tvs_files_forget(void) {
    for (places *some = &open_now; some != NULL; some = atomic_load(&some->next)) {
        for (int i = 0; i < PLACES; i++) {
            entry *place = &some->each[i];
            int found = atomic_exchange(&place->descriptor, NOBODY);
            if (found < TAKEN) found = TAKEN - found; /* a thread of the parent was closing it */
            if (found > 0 && is_same(place, found - 1)) (void)close(found - 1);
        }
    }
}

/* One call that opens a file, made while forks may come, with a place for its descriptor. It is
 * noted before this thread waits for a fork to pass: the child must know it. */
#define OPEN(descriptor, call)                 \
    do {                                       \
        entry *place_ = take_place();          \
        if (place_ == NULL) return -ENOMEM;    \
        tvs_opening_begin();                   \
        int held_ = tvs_fork_pause();          \
        (descriptor) = opened(place_, (call)); \
        tvs_opening_end();                     \
        tvs_fork_resume(held_);                \
    } while (0)

int32_t tvs_open_directory(const char *path) {
    int descriptor;
    OPEN(descriptor, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return descriptor;
}

static int32_t open_at(int32_t directory, const char *name, int flags) {
    int descriptor;
    OPEN(descriptor, openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600));
    return descriptor;
}

int32_t tvs_open_read(int32_t directory, const char *name) {
    /* O_NONBLOCK: a FIFO put in the file's place must not make the host wait. */
    return open_at(directory, name, O_RDONLY | O_NONBLOCK);
}

int32_t tvs_open_write(int32_t directory, const char *name) {
    return open_at(directory, name, O_RDWR | O_NONBLOCK);
}

int32_t tvs_open_follow(int32_t directory, const char *name) {
    int descriptor;
    OPEN(descriptor, openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    return descriptor;
}

int32_t tvs_open_new(int32_t directory, const char *name) {
    int32_t file = open_at(directory, name, O_RDWR | O_CREAT | O_EXCL);
    if (file < 0) return file;
    /* The process's umask may take away the owner's own rights. */
    int answer;
    OUTSIDE(answer, fchmod(file, 0600));
    if (answer == 0) return file;
    tvs_close(file);
    (void)tvs_unlink(directory, name);
    return answer;
}

int64_t tvs_read(int32_t descriptor, void *bytes, size_t length) {
    ssize_t count;
    OUTSIDE(count, read(descriptor, bytes, length));
    return count;
}

/* Beyond the host's RLIMIT_FSIZE the kernel would not only refuse to write: it would send SIGXFSZ,
 * which ends the process. The signal comes to this thread, which takes it. */
int64_t tvs_write(int32_t descriptor, const void *bytes, size_t length) {
    sigset_t too_large, before, waiting;
    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    sigemptyset(&waiting);
    (void)sigpending(&waiting);
    (void)pthread_sigmask(SIG_BLOCK, &too_large, &before);
    ssize_t count;
    OUTSIDE(count, write(descriptor, bytes, length));
    /* One that was waiting already is the host's own. */
    struct timespec at_once = {0, 0};
    if (count == -EFBIG && !sigismember(&waiting, SIGXFSZ))
        (void)sigtimedwait(&too_large, NULL, &at_once);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

int32_t tvs_sync(int32_t descriptor) {
    int answer;
    OUTSIDE(answer, fsync(descriptor));
    return answer;
}

/* ---- locks */

static int32_t set_lock(int32_t descriptor, short type, int32_t place) {
    struct flock lock = byte_lock(type, place);
    int answer;
    OUTSIDE(answer, fcntl(descriptor, F_OFD_SETLK, &lock));
    return answer;
}

int32_t tvs_lock(int32_t descriptor, int32_t place) {
    int32_t outcome = set_lock(descriptor, F_WRLCK, place);
    return outcome == -EACCES ? -EAGAIN : outcome;
}

int32_t tvs_unlock(int32_t descriptor, int32_t place) {
    return set_lock(descriptor, F_UNLCK, place);
}

uint32_t tvs_effective_user(void) { return geteuid(); }

void tvs_sleep_ms(int64_t duration) {
    struct timespec rest = {duration / 1000, (duration % 1000) * 1000000};
    int held = tvs_fork_pause();
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
    tvs_fork_resume(held);
}

const char *tvs_error_name(int32_t number) {
    const char *name = strerrorname_np(number);
    return name == NULL ? "an unknown error" : name;
}
