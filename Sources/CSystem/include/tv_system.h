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

/* ---- guarded memory ------------------------------------------------------------------------- */

/** A run of pages between two inaccessible ones, and which protection the kernel really gave. */
typedef struct tvs_guarded {
    void *data;
    size_t length;
    int32_t locked;     /* mlock: never swapped */
    int32_t dontdump;   /* MADV_DONTDUMP: not in core dumps */
    int32_t wipeonfork; /* MADV_WIPEONFORK: a child reads zeros */
} tvs_guarded;

/** Maps `length` bytes (a multiple of the page size) of guarded memory. */
int32_t tvs_guarded_map(size_t length, tvs_guarded *out);
/** Wipes and unmaps what tvs_guarded_map() gave. */
void tvs_guarded_unmap(void *data, size_t length);
/** Zeroes bytes in a way no optimiser removes. */
void tvs_wipe(void *bytes, size_t length);

/* ---- files ---------------------------------------------------------------------------------- */

typedef struct tvs_file_status {
    uint64_t size;
    uint32_t owner;
    uint32_t mode; /* permission bits and the sticky bit */
    int32_t is_regular;
} tvs_file_status;

/* Each opens relative to the directory descriptor, close-on-exec; a descriptor or -errno. */
int32_t tvs_open_directory(const char *path);
int32_t tvs_open_read(int32_t directory, const char *name);    /* never through a symlink */
int32_t tvs_open_new(int32_t directory, const char *name);     /* exclusive, mode 0600 */
int32_t tvs_open_unnamed(int32_t directory);                   /* O_TMPFILE, mode 0600 */
int32_t tvs_open_lock(int32_t directory, const char *name);    /* made when absent, mode 0600 */
int32_t tvs_close(int32_t descriptor);
/* The number of bytes or -errno. */
int64_t tvs_read(int32_t descriptor, void *bytes, size_t length);
int64_t tvs_write(int32_t descriptor, const void *bytes, size_t length);
int32_t tvs_sync(int32_t descriptor);
int32_t tvs_file_status_of(int32_t descriptor, tvs_file_status *out);
/** Gives the open file to another owner, keeping the group. */
int32_t tvs_change_owner(int32_t descriptor, uint32_t owner);
/** Gives an unnamed file its name; -EEXIST when taken. */
int32_t tvs_link_unnamed(int32_t descriptor, int32_t directory, const char *name);
int32_t tvs_link(int32_t directory, const char *from, const char *to);
int32_t tvs_rename(int32_t directory, const char *from, const char *to);
int32_t tvs_unlink(int32_t directory, const char *name);
/** Takes the open-file-description lock without waiting; -EAGAIN when another has it. */
int32_t tvs_lock(int32_t descriptor);
int32_t tvs_unlock(int32_t descriptor);
/** The absolute path of a directory, to be freed by the caller; NULL when there is none. */
char *tvs_absolute_path(const char *path);
uint32_t tvs_effective_user(void);
void tvs_sleep_ms(int64_t duration);
/** "ENOSPC" and the like; lives for ever. */
const char *tvs_error_name(int32_t number);

#endif
