/* tv_system.h - what Swift cannot say, or must not say twice: typed system calls.
 *
 * Everything here is internal to the library. No policy: each function does one thing and returns
 * what the system said (0 or a negative errno unless stated otherwise). */
#ifndef TV_SYSTEM_H
#define TV_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tv_json.h"
#include "tv_own.h"
#include "tv_text.h"

/* ---- clocks -------------------------------------------------------------------------------- */

/** Milliseconds of CLOCK_MONOTONIC. */
int64_t tvs_monotonic_ms(void);
/** Microseconds of CLOCK_MONOTONIC. */
int64_t tvs_monotonic_us(void);
/** Microseconds of CLOCK_BOOTTIME: since the host started, time asleep included; the same in all of
 * its processes (of one time namespace). */
int64_t tvs_boot_us(void);
/** Milliseconds since 1970 of CLOCK_REALTIME. */
int64_t tvs_wall_ms(void);
/** Microseconds of the processor that the calling thread has used. */
int64_t tvs_thread_cpu_us(void);

/* ---- memory that is not in the cache -------------------------------------------------------- */

/** Has the processor bring bytes near that are needed soon, at most two of its lines. Only a hint:
 * nothing is read that the program sees. */
static inline void tvs_bring(const void *bytes, size_t length) {
    __builtin_prefetch(bytes, 1);
    __builtin_prefetch((const char *)bytes + (length - 1), 1);
}

/* ---- fork ----------------------------------------------------------------------------------- */

/** Which process this is in the line of forks: 1 in the process that asked first, one more in each
 * child (that asks). Cheap: one load from a page that the kernel wipes at fork. Falls back to
 * getpid() where MADV_WIPEONFORK is refused. */
uint32_t tvs_fork_generation(void);

/** Enters code that a fork must not cut in two: libcurl, OpenSSL and the Swift runtime hold locks
 * there which a child would find locked for ever. fork() in any thread of the process waits until
 * everybody has left or paused. A thread inside cannot be cancelled. May be nested. */
void tvs_fork_unsafe_enter(void);
void tvs_fork_unsafe_leave(void);
/** Lets forks through while this thread waits or works long in C alone; not while it holds a lock
 * of Lock.swift, for which others may wait inside. The answer is for tvs_fork_resume(). */
int tvs_fork_pause(void);
void tvs_fork_resume(int held);
/** Around a call that opens a file, from before the pause until the descriptor is noted where a
 * child finds it: a fork waits for that, but only a moment, as a file system may hang. */
void tvs_opening_begin(void);
void tvs_opening_end(void);

/** What Lock.swift guards its value with. glibc forgets at fork() which threads there were, so a
 * child may use one that nobody held at that moment. */
typedef struct tvs_mutex {
    pthread_mutex_t mutex;
} tvs_mutex;
tvs_mutex tvs_mutex_new(void);
void tvs_mutex_take(tvs_mutex *mutex);
void tvs_mutex_give(tvs_mutex *mutex);

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
/** Wipes 8 KiB of the stack below the caller: the frames of a call that has just returned. Fits on
 * the smallest stack that a host's thread may have (32 KiB). */
void tvs_wipe_frames(void);
/** Wipes 64 KiB of the stack below the caller: what calls that have returned left there. Only for
 * threads of the library, whose stack is large enough. */
void tvs_wipe_stack(void);
/** Wipes memory that this thread has freed lately, as far as malloc() gives it out again: a few
 * blocks of every small size, and larger ones. Other libraries free secrets unwiped. */
void tvs_wipe_freed(void);
/** As realloc(), never to a shorter length: from 256 KiB on a mapping of its own. */
void *tvs_regrow(void *old, size_t old_length, size_t length);
/** Frees what tvs_regrow() gave; the length it has now. */
void tvs_free_grown(void *memory, size_t length);

/* ---- secrets in replies --------------------------------------------------------------------- */

/** Overwrites a secret in other bytes with asterisks, and every part of it that has 16 characters,
 * in any mixture of escapes of JSON and of URLs, at most three within each other. Whole escapes are
 * overwritten, and no quote that may end a string: JSON stays JSON. Nothing for shorter secrets.
 * Takes 80 KB of stack. */
void tvs_mask(void *bytes, size_t length, const void *secret, size_t secret_length);
/** Whether tvs_mask() would find something. */
bool tvs_holds_secret(
    const void *bytes, size_t length, const void *secret, size_t secret_length);

/* ---- characters that steer ------------------------------------------------------------------ */

/** The first place from `start` in valid UTF-8 where a character stands that steers a terminal,
 * turns the direction, hides or ends a line (C0 not looked for); `length` without one. */
size_t tvs_next_mark(
    const uint8_t *bytes, size_t start, size_t length, uint32_t *scalar, size_t *mark_length);
/** Whether it is such a character, or one of C0. */
bool tvs_is_mark(uint32_t scalar);

/* ---- files ---------------------------------------------------------------------------------- */

typedef struct tvs_file_status {
    uint64_t size;
    uint64_t device, inode; /* which file it is */
    uint64_t blocks;        /* of 512 bytes, those that the disk has given */
    uint32_t owner;
    uint32_t mode; /* permission bits and the sticky bit */
    int32_t is_regular;
    uint64_t links; /* how many names it has; 0 when it was removed */
    int64_t modified_ns, changed_ns; /* when its content, and when anything of it, changed last */
} tvs_file_status;

/* Each opens relative to the directory descriptor, close-on-exec; a descriptor or -errno. A child
 * that is forked before tvs_close() has it closed. */
int32_t tvs_open_directory(const char *path);
int32_t tvs_open_read(int32_t directory, const char *name);    /* never through a symlink */
int32_t tvs_open_follow(int32_t directory, const char *name);  /* also through symlinks */
int32_t tvs_open_new(int32_t directory, const char *name);     /* exclusive, mode 0600 */
/* The number of bytes or -errno. */
int64_t tvs_read(int32_t descriptor, void *bytes, size_t length);
int64_t tvs_write(int32_t descriptor, const void *bytes, size_t length);
int32_t tvs_sync(int32_t descriptor);
int32_t tvs_file_status_of(int32_t descriptor, tvs_file_status *out);
/** Whether an open file is mounted by itself. A kernel before 5.8, or a container that forbids the
 * question, does not tell: false. */
bool tvs_is_mounted(int32_t descriptor);
/** tvs_file_status_of() of a name in a directory; of a symbolic link itself. */
int32_t tvs_file_status_at(int32_t directory, const char *name, tvs_file_status *out);
/** Gives the open file to another owner, keeping the group. */
int32_t tvs_change_owner(int32_t descriptor, uint32_t owner);
int32_t tvs_link(int32_t directory, const char *from, const char *to);
int32_t tvs_rename(int32_t directory, const char *from, const char *to);
int32_t tvs_unlink(int32_t directory, const char *name);
/** Takes the lock of one byte of a file without waiting, for this open file description; -EAGAIN
 * when another has it. */
int32_t tvs_lock(int32_t descriptor, int32_t place);
int32_t tvs_unlock(int32_t descriptor, int32_t place);
/** A path that goes on from "/", to be freed by the caller; NULL when there is no memory or no
 * working directory. Links in it stay, as they may lead elsewhere later. */
char *tvs_absolute_path(const char *path);
uint32_t tvs_effective_user(void);
void tvs_sleep_ms(int64_t duration);
/** In a forked child: closes what calls of the parent's threads had open. */
void tvs_files_forget(void);
/** "ENOSPC" and the like; lives for ever. */
const char *tvs_error_name(int32_t number);

/* ---- memory for passphrases ------------------------------------------------------------------ */

/** Waits until this process's derivations leave room for `kib` more below `limit_kib`, or until
 * nobody has any, and takes it. A child of a fork begins with nothing taken. */
void tvs_stretch_take(uint32_t kib, uint32_t limit_kib);
/** Gives it back, from the same thread or another one. */
void tvs_stretch_give(uint32_t kib);

/* ---- memory shared by processes -------------------------------------------------------------- */

/** Makes a directory with mode 0700. */
int32_t tvs_make_directory(const char *path);
/** As tvs_open_directory(), but not through a symbolic link. */
int32_t tvs_open_own_directory(const char *path);
/** Opens a file for reading and writing, never through a symbolic link. */
int32_t tvs_open_write(int32_t directory, const char *name);
/** The type of the file system (linux/magic.h), or -errno. */
int64_t tvs_file_system(int32_t descriptor);
/** Gives the file this length and every block of it, or -errno, and a new file empty. A hole would
 * be the process's end (SIGBUS) when the disk is full. */
int32_t tvs_allocate(int32_t descriptor, size_t length, bool is_new);
int32_t tvs_map_file(int32_t descriptor, size_t length, void **out);
int32_t tvs_map_private(size_t length, void **out);
/** Puts empty private memory in a mapping's place, in one step: whoever still reads there reads
 * zeros, whatever became of the file. */
int32_t tvs_map_over(void *base, size_t length);
void tvs_unmap(void *base, size_t length);
typedef enum tvs_byte_lock { TVS_UNLOCKED, TVS_SHARED, TVS_EXCLUSIVE } tvs_byte_lock;
/** Locks one byte for this open file description; tries `attempts` times, 50 µs apart, then
 * -EAGAIN. */
int32_t tvs_lock_byte(int32_t descriptor, int64_t place, tvs_byte_lock kind, int32_t attempts);
/** Whether no other open file description has locked the byte; false also where that is unknown. */
bool tvs_byte_is_free(int32_t descriptor, int64_t place);
/** What the kernel drew at random when it started. */
int32_t tvs_boot_id(uint64_t *high, uint64_t *low);
/** What tells this process's network namespace from others of the machine, or -errno. */
int32_t tvs_network_id(uint64_t *out);
/** Whether a path lies in a directory that systemd gave to one service alone (PrivateTmp=). */
int32_t tvs_is_of_service(const char *path);
/** Whether CLOCK_BOOTTIME differs here from that of the host's first time namespace. */
int32_t tvs_has_own_clock(void);

/* ---- threads and waiting -------------------------------------------------------------------- */

/** Starts a joinable thread with every signal blocked and a stack of stack_len bytes. */
int tvs_thread_start(void (*body)(void *), void *context, size_t stack_len, uintptr_t *thread_out);
/** Waits for the thread's end. */
void tvs_thread_join(uintptr_t thread);
/** Nobody will wait for the thread's end. */
void tvs_thread_detach(uintptr_t thread);

/** What Bell.swift counts with. */
typedef struct tvs_bell {
    uint32_t rings;
} tvs_bell;
/** How often it was rung. */
uint32_t tvs_bell_count(const tvs_bell *bell);
void tvs_bell_ring(tvs_bell *bell);
/** Waits for a ring after those that were counted, at most so long. */
void tvs_bell_wait(tvs_bell *bell, uint32_t counted, int64_t timeout_ms);

/** A door that opens once; waiting costs no processor time. */
typedef struct tvs_gate tvs_gate;
/** NULL when memory ran out. */
tvs_gate *tvs_gate_new(void);
void tvs_gate_open(tvs_gate *gate);
/** Waits until the gate is open. */
void tvs_gate_wait(tvs_gate *gate);
void tvs_gate_free(tvs_gate *gate);

/** Waits until fd is readable: 1, or 0 after timeout_ms (-1: no limit) or an interruption. */
int tvs_wait_readable(int fd, int32_t timeout_ms);
/** Closes what one of the calls above opened, if it is still that. */
void tvs_close(int fd);

#endif
