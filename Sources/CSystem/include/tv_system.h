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
 * whatever escapes of JSON or of URLs they are written in. Nothing for shorter secrets. */
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
/** The same of a name in a directory; of a symbolic link itself. */
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
/** The absolute path of a directory, to be freed by the caller; NULL when there is none. */
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
/** Gives the file this length and every block of it, or -errno and the file empty. A hole would be
 * the process's end (SIGBUS) when the disk is full. */
int32_t tvs_allocate(int32_t descriptor, size_t length);
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
/** What the kernel drew at random when it started. */
int32_t tvs_boot_id(uint64_t *high, uint64_t *low);
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

/* ---- libcurl -------------------------------------------------------------------------------- */
/* curl_easy_setopt and friends are variadic, which Swift cannot call. Each returns libcurl's own
 * code. `easy` is a CURL *, `multi` a CURLM *. */

int tvs_curl_set_long(void *easy, uint32_t option, long value);
int tvs_curl_set_off(void *easy, uint32_t option, int64_t value);
int tvs_curl_set_text(void *easy, uint32_t option, const char *value);
int tvs_curl_set_pointer(void *easy, uint32_t option, void *value);
typedef size_t (*tvs_curl_sink)(char *bytes, size_t size, size_t count, void *context);
/** Sets CURLOPT_WRITEFUNCTION or CURLOPT_HEADERFUNCTION. */
int tvs_curl_set_sink(void *easy, uint32_t option, tvs_curl_sink sink);
/** What is known of a multi handle's connections. Zero to begin with, used by one thread, outlives
 * the multi handle. */
enum { TVS_CURL_SOCKETS = 256 };
typedef struct {
    uint64_t calls;            /* into libcurl, ever */
    int64_t handshake_records; /* TLS records of handshakes in this call */
    int64_t idle_records;      /* other ones, since the call began or brought a body on */
    int64_t timed_from_us;     /* tvs_thread_cpu_us() at the first of them that was timed */
    int64_t spent_us;          /* what those took that came before a piece of a body */
    int64_t made;              /* sockets ever opened */
    struct {
        tvs_own own;
        int port; /* its own, once a request went over it: then libcurl closes it through us */
    } sockets[TVS_CURL_SOCKETS];
    int has_http2; /* not 0 once a connection was seen that speaks HTTP/2 */
} tvs_curl_watch;
int64_t tvs_curl_open_sockets(const tvs_curl_watch *watch);
/** False once the host has closed one that has carried a request. */
bool tvs_curl_sockets_are_there(const tvs_curl_watch *watch);
/** As curl_multi_init(), but what wakes it is not inherited by programs that the host starts. */
void *tvs_curl_multi_new(void);
/** What is noted when the request of a transfer is about to be sent. */
typedef struct {
    tvs_curl_watch *watch;
    void *easy;
    int64_t us; /* tvs_monotonic_us() then, 0 before */
    int was_held; /* not 0 when it was not sent: the connection is another's, and not HTTP/2 */
    uint64_t call;   /* of the watch, when libcurl looked at it last */
    int64_t looks;   /* how often libcurl has looked at it in that call */
} tvs_curl_sent;
/** A call into libcurl begins. */
void tvs_curl_begin(tvs_curl_watch *watch);
/** It has brought a piece of a body. */
void tvs_curl_moved(tvs_curl_watch *watch);
/** Ends a transfer with CURLE_ABORTED_BY_CALLBACK that keeps one call with what a proxy says: libcurl
 * reads the body of a refused CONNECT within one call until nothing more has come. */
int tvs_curl_bound_proxy(void *easy, tvs_curl_sent *sent);
/** Has `sent` filled. A request that libcurl would send over a connection which another transfer
 * has made, and which is not HTTP/2, ends with CURLE_ABORTED_BY_CALLBACK; no byte of it is sent. */
int tvs_curl_note_sent(void *easy, tvs_curl_sent *sent);
/** Sets the callbacks that keep the watch, and guards TLS: libcurl's SSLKEYLOGFILE callback goes, a
 * certificate must name its hosts, and a connection that keeps the processor for 0.3 s in one
 * call with nothing to show, or with a handshake of a thousand records, counts as ended. */
int tvs_curl_guard(void *easy, tvs_curl_watch *watch);
/** Whether OpenSSL has cleaned up, as it does in exit(): nothing of it may be used any more. */
int tvs_tls_is_over(void);
/** OpenSSL's number of why a certificate was refused on this thread, since it was forgotten last;
 * 0: none was. */
int tvs_tls_refusal(void);
void tvs_tls_forget_refusal(void);
/** For how long no byte has come over the connection of a transfer under way; -1: it has none. It
 * is cut when TCP sends again what the other side does not acknowledge. */
int64_t tvs_curl_silent_ms(void *easy, const tvs_curl_watch *watch, bool *is_cut);
/** Shuts the connection of a transfer under way down, whoever else is on it. */
void tvs_curl_end_connection(void *easy, const tvs_curl_watch *watch);
int tvs_curl_multi_set_long(void *multi, uint32_t option, long value);
/** CURLINFO_RESPONSE_CODE, CURLINFO_HTTP_VERSION and other longs; 0 when unknown. */
long tvs_curl_info_long(void *easy, uint32_t info);
/** The connection of a handle that has only connected; -1 without one. */
int tvs_curl_socket(void *easy);
/** CURLINFO_SIZE_DOWNLOAD_T and other 64-bit numbers. */
int tvs_curl_info_off(void *easy, uint32_t info, int64_t *value_out);
/** CURLINFO_PRIVATE. */
void *tvs_curl_private(void *easy);
/** Whether the connection of a transfer under way is one of HTTP/2: as TLS has it, not as the reply
 * says of itself. */
bool tvs_curl_has_http2(void *easy);
/** A CURLSH * in which the transfers of one thread keep their TLS sessions; NULL without memory. */
void *tvs_curl_sessions_new(void);

#endif
