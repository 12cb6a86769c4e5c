/* tv_curl.h - libcurl, as far as Swift cannot call it, and what is watched of its connections.
 *
 * curl_easy_setopt and friends are variadic, which Swift cannot call. Each returns libcurl's own
 * code. `easy` is a CURL *, `multi` a CURLM *. Internal to the library. */
#ifndef TV_CURL_H
#define TV_CURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tv_own.h"

int tvs_curl_set_long(void *easy, uint32_t option, long value);
int tvs_curl_set_off(void *easy, uint32_t option, int64_t value);
int tvs_curl_set_text(void *easy, uint32_t option, const char *value);
int tvs_curl_set_pointer(void *easy, uint32_t option, void *value);
/** For options that take a struct curl_blob; libcurl copies the bytes. */
int tvs_curl_set_blob(void *easy, uint32_t option, const void *bytes, size_t length);
typedef size_t (*tvs_curl_sink)(char *bytes, size_t size, size_t count, void *context);
/** Sets CURLOPT_WRITEFUNCTION or CURLOPT_HEADERFUNCTION. */
int tvs_curl_set_sink(void *easy, uint32_t option, tvs_curl_sink sink);
/** What one call into libcurl has read of one connection. */
typedef struct {
    const void *connection; /* OpenSSL's */
    int64_t records;        /* TLS records */
    int64_t spent_us;       /* of the processor's time, as far as it was timed */
} tvs_curl_reading;
enum { TVS_CURL_READINGS = 64, TVS_CURL_SOCKETS = 256 };
/** What is known of a multi handle's connections. Zero to begin with, used by one thread, outlives
 * the multi handle. */
typedef struct {
    uint64_t calls;            /* into libcurl, ever */
    int64_t spent_us;          /* what reading has taken in this call, as far as it was timed */
    tvs_curl_reading *timed;   /* who is charged for what passes now; NULL: nobody */
    int64_t timed_from_us;     /* tvs_thread_cpu_us() at the last charge */
    size_t readings_count;
    tvs_curl_reading readings[TVS_CURL_READINGS];
    int64_t made;              /* sockets ever opened */
    struct {
        tvs_own own;
        int port; /* its own, once a request went over it: then libcurl closes it through us */
    } sockets[TVS_CURL_SOCKETS];
    int has_http2; /* not 0 once a connection was seen that speaks HTTP/2 */
    /* OpenSSL's, of tvs_authorities_new(): whom new connections trust. NULL: nobody. */
    void *authorities;
    void *proxy_authorities;
    int has_tls_proxy; /* not 0 where the proxy itself speaks TLS */
} tvs_curl_watch;
int64_t tvs_curl_open_sockets(const tvs_curl_watch *watch);
/** False once the host has closed one that has carried a request. */
bool tvs_curl_sockets_are_there(const tvs_curl_watch *watch);
/** As curl_multi_init(), but what wakes it is not inherited by programs that the host starts, and
 * its end waits for no name lookup. */
void *tvs_curl_multi_new(void);
/** What is noted when the request of a transfer is about to be sent. */
typedef struct {
    tvs_curl_watch *watch;
    void *easy;
    int64_t us;    /* tvs_monotonic_us() then, whatever came of that; 0 before */
    int is_repeat; /* not 0 when libcurl was about to send it once more */
    tvs_own own;   /* the connection it went over; none where that is not known */
    int was_held;  /* not 0 when it was not sent: the connection is another's, and not HTTP/2 */
    int is_alone;  /* not 0 when it was sent over HTTP/1.1, the first of its connection */
    int has_begun; /* not 0 once a connection was found or is being made; 0: libcurl keeps it */
    int has_socket; /* not 0 once a name was found, and a socket opened */
    int contexts;   /* of OpenSSL, made since a socket was opened for it last */
    uint64_t call;   /* of the watch, when libcurl looked at it last */
    int64_t looks;   /* how often libcurl has looked at it in that call */
    /* Asked whether the vault still lends its secret, and its server is still trusted. */
    bool (*may_leave)(void *exchange);
    void *exchange;
    int was_taken_back; /* not 0 when it was not sent, because it may not leave now */
} tvs_curl_sent;
/** A call into libcurl begins. */
void tvs_curl_begin(tvs_curl_watch *watch);
/** Ends a transfer with CURLE_ABORTED_BY_CALLBACK that keeps one call with what a proxy says:
 * libcurl reads the body of a refused CONNECT within one call until nothing more has come. */
int tvs_curl_bound_proxy(void *easy, tvs_curl_sent *sent);
/** Has `sent` filled, which `tvs_curl_guard` got as well. A request that libcurl would send over a
 * connection of HTTP/1.1 which has carried one before ends with CURLE_ABORTED_BY_CALLBACK; no byte
 * of it is sent. One that libcurl would send a second time ends as well, with another code where a
 * connection would have to be made for that.
 * So does, as the first, one whose secret was lent more than a moment ago and is not lent any
 * more. */
int tvs_curl_note_sent(void *easy, tvs_curl_sent *sent);
/** Sets the callbacks that keep the watch; `sent`, if not NULL, hears when a socket is opened.
 * Guards TLS: the watch says who is trusted, libcurl's callback for SSLKEYLOGFILE goes, a
 * certificate must name its hosts, keys are agreed on over elliptic curves, and a connection counts
 * as ended when reading has taken 0.3 s of the processor's time in one call, a quarter of it for
 * this one, and after a thousand records of a handshake. */
int tvs_curl_guard(void *easy, tvs_curl_watch *watch, tvs_curl_sent *sent);
/** What a PEM text holds: where its first certificate is, and how many were read. */
typedef struct {
    size_t first, length;
    size_t count;
    /* Asked behind each certificate whether nobody wants them any more. NULL: it is never asked. */
    bool (*is_over)(void *reader);
    void *reader;
} tvs_certificates;
/** All certificates of a PEM text as an X509_STORE of libcurl's own OpenSSL. NULL where there is
 * none, one is damaged, nobody wants them any more, or there are more than `most`: then one more
 * than that was read. Forks go through between two certificates. */
void *tvs_authorities_new(const void *pem, size_t length, size_t most, tvs_certificates *out);
void tvs_authorities_free(void *store);
/** Whether OpenSSL has cleaned up, as it does in exit(): nothing of it may be used any more. */
int tvs_tls_is_over(void);
/** Whether SSLKEYLOGFILE names what libcurl must not open as it starts: no regular file (but the
 * null device), or any at all where the process has more rights than its caller. It may name one
 * that is not there. */
int tvs_keylog_is_unfit(void);
/** OpenSSL's number of why a certificate was refused on this thread, since it was forgotten last;
 * 0: none was. */
int tvs_tls_refusal(void);
void tvs_tls_forget_refusal(void);
/** For how long no byte has come over the connection that a request went over; -1: it is not there.
 * It is cut when TCP sends again what the other side does not acknowledge. */
int64_t tvs_curl_silent_ms(const tvs_curl_sent *sent, bool *is_cut);
/** How many bytes have come over the connection that a request went over, those of TLS and of the
 * framing included; 0 where that is not known. */
int64_t tvs_curl_received(const tvs_curl_sent *sent);
/** Shuts the connection that a request went over down, whoever else is on it. */
void tvs_curl_end_connection(const tvs_curl_sent *sent);
/** Whether two requests went over one connection. */
bool tvs_curl_are_together(const tvs_curl_sent *one, const tvs_curl_sent *other);
int tvs_curl_multi_set_long(void *multi, uint32_t option, long value);
/** CURLINFO_RESPONSE_CODE, CURLINFO_HTTP_VERSION and other longs; 0 when unknown. */
long tvs_curl_info_long(void *easy, uint32_t info);
/** The connection of a handle that has only connected; -1 without one. */
int tvs_curl_socket(void *easy);
/** CURLINFO_SIZE_DOWNLOAD_T and other 64-bit numbers. */
int tvs_curl_info_off(void *easy, uint32_t info, int64_t *value_out);
/** CURLINFO_PRIVATE. */
void *tvs_curl_private(void *easy);
/** Whether a transfer under way has a connection with TLS now. */
bool tvs_curl_has_tls(void *easy);
/** Whether the connection of a transfer under way is one of HTTP/2: as TLS has it, not as the reply
 * says of itself. */
bool tvs_curl_has_http2(void *easy);
/** A CURLSH * in which the transfers of one thread keep their TLS sessions, and their connections
 * where it has any: libcurl counts those apart from the others of a multi handle. NULL without
 * memory. */
void *tvs_curl_sessions_new(bool has_connections);

#endif
