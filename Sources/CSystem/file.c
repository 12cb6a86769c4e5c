/* file.c - the file system calls of the vault's store, one function each.
 *
 * No policy: which file, in which order and what a failure means is FileStore.swift's business.
 * Interrupted calls are reported, not repeated. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int32_t result(int outcome) { return outcome < 0 ? -errno : outcome; }

int32_t tvs_open_directory(const char *path) {
    return result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int32_t tvs_open_read(int32_t directory, const char *name) {
    /* O_NONBLOCK: a FIFO put in the file's place must not make the host wait. */
    return result(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

int32_t tvs_open_follow(int32_t directory, const char *name) {
    return result(openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

int32_t tvs_open_new(int32_t directory, const char *name) {
    int file = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* The process's umask may take away the owner's own rights. */
    if (file >= 0 && fchmod(file, 0600) != 0) {
        int error = errno;
        (void)close(file);
        (void)unlinkat(directory, name, 0);
        return -error;
    }
    return result(file);
}

int64_t tvs_read(int32_t descriptor, void *bytes, size_t length) {
    ssize_t count = read(descriptor, bytes, length);
    return count < 0 ? -errno : count;
}

int64_t tvs_write(int32_t descriptor, const void *bytes, size_t length) {
    ssize_t count = write(descriptor, bytes, length);
    return count < 0 ? -errno : count;
}

int32_t tvs_sync(int32_t descriptor) { return result(fsync(descriptor)); }

static void describe(const struct stat *status, tvs_file_status *out) {
    out->size = status->st_size > 0 ? (uint64_t)status->st_size : 0;
    out->device = status->st_dev;
    out->inode = status->st_ino;
    out->blocks = status->st_blocks > 0 ? (uint64_t)status->st_blocks : 0;
    out->owner = status->st_uid;
    out->mode = status->st_mode & 07777;
    out->is_regular = S_ISREG(status->st_mode);
    out->links = status->st_nlink;
}

int32_t tvs_file_status_of(int32_t descriptor, tvs_file_status *out) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return -errno;
    describe(&status, out);
    return 0;
}

int32_t tvs_file_status_at(int32_t directory, const char *name, tvs_file_status *out) {
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
    describe(&status, out);
    return 0;
}

int32_t tvs_change_owner(int32_t descriptor, uint32_t owner) {
    return result(fchown(descriptor, owner, (gid_t)-1));
}

int32_t tvs_link(int32_t directory, const char *from, const char *to) {
    return result(linkat(directory, from, directory, to, 0));
}

int32_t tvs_rename(int32_t directory, const char *from, const char *to) {
    return result(renameat(directory, from, directory, to));
}

int32_t tvs_unlink(int32_t directory, const char *name) {
    return result(unlinkat(directory, name, 0));
}

static int32_t set_lock(int32_t descriptor, short type) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return result(fcntl(descriptor, F_OFD_SETLK, &lock));
}

int32_t tvs_lock(int32_t descriptor) {
    int32_t outcome = set_lock(descriptor, F_WRLCK);
    return outcome == -EACCES ? -EAGAIN : outcome;
}

int32_t tvs_unlock(int32_t descriptor) { return set_lock(descriptor, F_UNLCK); }

char *tvs_absolute_path(const char *path) { return realpath(path, NULL); }

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
