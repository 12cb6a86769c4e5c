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
/** Microseconds of CLOCK_MONOTONIC. */
int64_t tvs_monotonic_us(void);
/** Milliseconds since 1970 of CLOCK_REALTIME. */
int64_t tvs_wall_ms(void);

/* ---- fork ----------------------------------------------------------------------------------- */

/** Which process this is in the line of forks: 1 in the process that asked first, one more in each
 * child (that asks). Cheap: one load from a page that the kernel wipes at fork. Falls back to
 * getpid() where MADV_WIPEONFORK is refused. */
uint32_t tvs_fork_generation(void);

/* ---- threads and waiting -------------------------------------------------------------------- */

/** Starts a joinable thread with every signal blocked and a stack of stack_len bytes. */
int tvs_thread_start(void (*body)(void *), void *context, size_t stack_len, uintptr_t *thread_out);
/** Waits for the thread's end. */
void tvs_thread_join(uintptr_t thread);

/** A door that opens once; waiting costs no processor time. */
typedef struct tvs_gate tvs_gate;
/** NULL when memory ran out. */
tvs_gate *tvs_gate_new(void);
void tvs_gate_open(tvs_gate *gate);
/** Waits until the gate is open; 1 when it is, 0 when timeout_ms (>= 0; -1: no limit) passed. */
int tvs_gate_wait(tvs_gate *gate, int64_t timeout_ms);
void tvs_gate_free(tvs_gate *gate);

/** A new eventfd (CLOEXEC, non-blocking), or a negative errno. */
int tvs_eventfd_new(void);
/** Makes the descriptor readable. */
void tvs_eventfd_set(int fd);
/** Makes the descriptor unreadable. */
void tvs_eventfd_clear(int fd);
/** Waits until fd is readable: 1, or 0 after timeout_ms (-1: no limit) or an interruption. */
int tvs_wait_readable(int fd, int32_t timeout_ms);
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
/** Sets a CURLOPT_SSL_CTX_FUNCTION that takes away libcurl's SSLKEYLOGFILE callback. */
int tvs_curl_forbid_keylog(void *easy);
int tvs_curl_multi_set_long(void *multi, uint32_t option, long value);
/** CURLINFO_RESPONSE_CODE, CURLINFO_HTTP_VERSION and other longs; 0 when unknown. */
long tvs_curl_info_long(void *easy, uint32_t info);
/** CURLINFO_SIZE_DOWNLOAD_T and other 64-bit numbers. */
int tvs_curl_info_off(void *easy, uint32_t info, int64_t *value_out);
/** CURLINFO_PRIVATE. */
void *tvs_curl_private(void *easy);

#endif
