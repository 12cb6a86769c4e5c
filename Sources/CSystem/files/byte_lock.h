/* byte_lock.h - a lock on one byte of a file, as the system takes it (fcntl(2), F_OFD_SETLK). */

#ifndef TV_BYTE_LOCK_H
#define TV_BYTE_LOCK_H

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* `type` is F_RDLCK, F_WRLCK or F_UNLCK; `place` is where in the file the byte is. */
static inline struct flock byte_lock(short type, int64_t place) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = place;
    lock.l_len = 1;
    return lock;
}

#endif
