/* curl.c - libcurl's variadic calls, one typed function for each type of value. */
#define _GNU_SOURCE
#include "sockets.h"
#include "tls.h"
#include "tv_curl.h"
#include "tv_system.h"

#include <curl/curl.h>
#include <linux/tcp.h> /* glibc's own does not know all of struct tcp_info */
#include <netinet/in.h>
#include <sys/socket.h>

int tvs_curl_set_long(void *easy, uint32_t option, long value) {
    return curl_easy_setopt(easy, (CURLoption)option, value);
}

int tvs_curl_set_off(void *easy, uint32_t option, int64_t value) {
    return curl_easy_setopt(easy, (CURLoption)option, (curl_off_t)value);
}

int tvs_curl_set_text(void *easy, uint32_t option, const char *value) {
    return curl_easy_setopt(easy, (CURLoption)option, value);
}

int tvs_curl_set_pointer(void *easy, uint32_t option, void *value) {
    return curl_easy_setopt(easy, (CURLoption)option, value);
}

int tvs_curl_set_blob(void *easy, uint32_t option, const void *bytes, size_t length) {
    struct curl_blob blob = {(void *)(uintptr_t)bytes, length, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, (CURLoption)option, &blob);
}

int tvs_curl_set_sink(void *easy, uint32_t option, tvs_curl_sink sink) {
    return curl_easy_setopt(easy, (CURLoption)option, sink);
}

/* libcurl begins to send it again by itself where the server refused its stream of HTTP/2, or its
 * connection has ended, before a byte of a reply. Each sending needs a permit of its own. */
static bool is_repeat(tvs_curl_sent *sent) {
    sent->has_begun = 1;
    sent->is_repeat = sent->us != 0;
    return sent->is_repeat;
}

/* The server's name is looked up, unless it is known. */
static int note_lookup(void *resolver, void *reserved, void *context) {
    (void)resolver, (void)reserved;
    return is_repeat(context) ? 1 : 0;
}

static curl_socket_t open_noted(void *context, curlsocktype purpose,
                                struct curl_sockaddr *address) {
    tvs_curl_sent *sent = context;
    if (is_repeat(sent)) return CURL_SOCKET_BAD;
    sent->has_socket = 1;
    sent->contexts = 0;
    return tvs_open_socket(sent->watch, purpose, address);
}

/* libcurl lets transfers share the connections of a server that says HTTP/2 in words. So over
 * HTTP/1.1 a socket carries one request, ever. */
static int note_sent(void *context, char *to, char *from, int to_port, int from_port) {
    tvs_curl_sent *sent = context;
    tvs_curl_watch *watch = sent->watch;
    if (is_repeat(sent)) return CURL_PREREQFUNC_ABORT;
    bool is_shared = tvs_curl_has_http2(sent->easy);
    size_t place = tvs_socket_place(watch, (tvs_end){from, from_port}, (tvs_end){to, to_port});
    bool is_known = place < TVS_CURL_SOCKETS;
    sent->is_alone = !is_shared && is_known && watch->sockets[place].port == 0;
    sent->was_held = !is_shared && !sent->is_alone;
    if (sent->was_held) return CURL_PREREQFUNC_ABORT;
    sent->was_taken_back = !sent->may_leave(sent->exchange);
    if (sent->was_taken_back) return CURL_PREREQFUNC_ABORT;
    sent->us = tvs_monotonic_us();
    sent->own = is_known ? watch->sockets[place].own : (tvs_own){0};
    if (is_known && from_port > 0) watch->sockets[place].port = from_port;
    return CURL_PREREQFUNC_OK;
}

/* CURLE_OK: none has failed. */
static CURLcode first_failure(const CURLcode *codes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (codes[i] != CURLE_OK) return codes[i];
    }
    return CURLE_OK;
}

int tvs_curl_note_sent(void *easy, tvs_curl_sent *sent) {
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, sent),
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, note_lookup),
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, sent),
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, note_sent),
    };
    return first_failure(codes, sizeof codes / sizeof codes[0]);
}

/* In one call. An honest proxy has nothing to say but a page. */
static const int64_t most_looks = 65536;

static int look(void *context, curl_off_t all, curl_off_t here, curl_off_t up, curl_off_t sent_up) {
    tvs_curl_sent *sent = context;
    (void)all, (void)here, (void)up, (void)sent_up;
    if (sent->call != sent->watch->calls) sent->looks = 0;
    sent->call = sent->watch->calls;
    return ++sent->looks > most_looks;
}

int tvs_curl_bound_proxy(void *easy, tvs_curl_sent *sent) {
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, sent),
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look),
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L),
    };
    return first_failure(codes, sizeof codes / sizeof codes[0]);
}

int tvs_curl_guard(void *easy, tvs_curl_watch *watch, tvs_curl_sent *sent) {
    curl_opensocket_callback opening = sent == NULL ? tvs_open_socket : open_noted;
    curl_ssl_ctx_callback securing = sent == NULL ? tvs_guard_tls : tvs_guard_tls_of;
    void *context = sent == NULL ? (void *)watch : sent;
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, opening),
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context),
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, tvs_close_socket),
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, watch),
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, securing),
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, context),
    };
    return first_failure(codes, sizeof codes / sizeof codes[0]);
}

/* -1: there is none any more. CURLINFO_ACTIVESOCKET knows nothing of a transfer under way. */
static int connection(const tvs_curl_sent *sent) {
    return sent->own.place > 0 && tvs_own_is_there(&sent->own) ? sent->own.place - 1 : -1;
}

bool tvs_curl_are_together(const tvs_curl_sent *one, const tvs_curl_sent *other) {
    const tvs_own *here = &one->own, *there = &other->own;
    return here->place == there->place && here->device == there->device &&
           here->inode == there->inode;
}

int64_t tvs_curl_silent_ms(const tvs_curl_sent *sent, bool *is_cut) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    *is_cut = false;
    int fd = connection(sent);
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -1;
    *is_cut = info.tcpi_retransmits > 0;
    return info.tcpi_last_data_recv;
}

int64_t tvs_curl_received(const tvs_curl_sent *sent) {
    struct tcp_info info = {0}; /* an old kernel fills in less of it */
    socklen_t length = sizeof info;
    int fd = connection(sent);
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
    return info.tcpi_bytes_received > INT64_MAX ? INT64_MAX : (int64_t)info.tcpi_bytes_received;
}

void tvs_curl_end_connection(const tvs_curl_sent *sent) {
    int fd = connection(sent);
    if (fd >= 0) (void)shutdown(fd, SHUT_RDWR);
}

int tvs_curl_multi_set_long(void *multi, uint32_t option, long value) {
    return curl_multi_setopt(multi, (CURLMoption)option, value);
}

long tvs_curl_info_long(void *easy, uint32_t info) {
    long value = 0;
    if (curl_easy_getinfo(easy, (CURLINFO)info, &value) != CURLE_OK) return 0;
    return value;
}

int tvs_curl_socket(void *easy) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK ? fd : -1;
}

int tvs_curl_info_off(void *easy, uint32_t info, int64_t *value_out) {
    curl_off_t value = 0;
    CURLcode code = curl_easy_getinfo(easy, (CURLINFO)info, &value);
    *value_out = value;
    return code;
}

bool tvs_curl_has_tls(void *easy) {
    struct curl_tlssessioninfo *tls = NULL;
    return curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
           tls->internals != NULL;
}

void *tvs_curl_private(void *easy) {
    char *value = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value) != CURLE_OK) return NULL;
    return value;
}

void *tvs_curl_sessions_new(bool has_connections) {
    CURLSH *sessions = curl_share_init();
    if (sessions == NULL) return NULL;
    CURLSHcode code = curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    if (code == CURLSHE_OK && has_connections)
        code = curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    if (code == CURLSHE_OK) return sessions;
    (void)curl_share_cleanup(sessions);
    return NULL;
}
