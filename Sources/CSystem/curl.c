/* curl.c - libcurl's variadic calls, one typed function for each type of value. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <curl/curl.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

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

int tvs_curl_set_sink(void *easy, uint32_t option, tvs_curl_sink sink) {
    return curl_easy_setopt(easy, (CURLoption)option, sink);
}

/* Functions of the libssl that libcurl itself uses; the library does not link OpenSSL, so they are
 * looked up through libcurl's own dependencies. */
enum { SET_KEYLOG, SET_RECORD, CONTROL, SET_SHUTDOWN, LIBSSL_COUNT };
static const char *const libssl_names[LIBSSL_COUNT] = {
    "SSL_CTX_set_keylog_callback", "SSL_CTX_set_msg_callback", "SSL_CTX_ctrl", "SSL_set_shutdown"};
static _Atomic(void *) libssl_found[LIBSSL_COUNT];

typedef void (*on_keylog)(const void *, const char *);
typedef void (*on_record)(int, int, int, const void *, size_t, void *, void *);
typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *found;
    void (*set_keylog)(void *context, on_keylog callback);
    void (*set_record)(void *context, on_record callback);
    long (*control)(void *context, int command, long number, void *pointer);
    void (*set_shutdown)(void *connection, int mode);
} libssl_function;

static libssl_function libssl(int which) {
    libssl_function function = {atomic_load(&libssl_found[which])};
    if (function.found == NULL) {
        void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
        if (libcurl == NULL) return function;
        function.found = dlsym(libcurl, libssl_names[which]);
        (void)dlclose(libcurl); /* only the count that dlopen() just added */
        atomic_store(&libssl_found[which], function.found);
    }
    return function;
}

/* OpenSSL's numbers, which are part of its ABI. */
enum { RECORD_HEADER = 0x100, SET_RECORD_ARGUMENT = 16, RECEIVED_SHUTDOWN = 2 };

/* How long libcurl may read on in one call with nothing for any transfer. Below the second by which
 * a deadline may be missed, far above what honest traffic takes. */
static const int64_t longest_idle_reading_us = 500000;

/* libcurl 7.88 reads an HTTP/2 connection within one call until there is something for the transfer
 * or nothing more to read. A server that pours out SETTINGS, PING or GOAWAY would keep the thread
 * there for ever, past every deadline and the shutdown. OpenSSL calls this for each record. */
static void bound_reading(int writing, int version, int kind, const void *bytes, size_t length,
                          void *connection, void *context) {
    const tvs_curl_watch *watch = context;
    (void)version;
    (void)bytes;
    (void)length;
    if (writing || kind != RECORD_HEADER || watch == NULL) return;
    if (tvs_monotonic_us() - watch->moved_us < longest_idle_reading_us) return;
    libssl_function end = libssl(SET_SHUTDOWN);
    if (end.found != NULL) end.set_shutdown(connection, RECEIVED_SHUTDOWN);
}

static CURLcode guard_tls(CURL *easy, void *ssl_context, void *context) {
    (void)easy;
    libssl_function keylog = libssl(SET_KEYLOG), record = libssl(SET_RECORD);
    libssl_function control = libssl(CONTROL);
    /* Without the functions nobody can promise what they are for: refuse to connect. */
    if (keylog.found == NULL || record.found == NULL || control.found == NULL ||
        libssl(SET_SHUTDOWN).found == NULL) {
        return CURLE_SSL_CONNECT_ERROR;
    }
    keylog.set_keylog(ssl_context, NULL);
    record.set_record(ssl_context, bound_reading);
    (void)control.control(ssl_context, SET_RECORD_ARGUMENT, 0, context);
    return CURLE_OK;
}

/* Like libcurl's own, but a program that the host starts does not inherit the socket. */
static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    tvs_curl_watch *watch = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0) watch->made++;
    for (size_t i = 0; fd >= 0 && i < TVS_CURL_SOCKETS; i++) {
        if (watch->sockets[i] == 0) {
            watch->sockets[i] = fd + 1;
            break;
        }
    }
    return fd;
}

static int close_socket(void *context, curl_socket_t fd) {
    tvs_curl_watch *watch = context;
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) {
        if (watch->sockets[i] == fd + 1) watch->sockets[i] = 0;
    }
    return close(fd);
}

int64_t tvs_curl_open_sockets(const tvs_curl_watch *watch) {
    int64_t open = 0;
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) open += watch->sockets[i] != 0;
    return open;
}

int tvs_curl_guard(void *easy, tvs_curl_watch *watch) {
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket),
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, watch),
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket),
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, watch),
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, guard_tls),
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, watch),
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != CURLE_OK) return codes[i];
    }
    return CURLE_OK;
}

/* The socket's own port, 0 when it has none. */
static long local_port(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) != 0) return 0;
    if (address.any.sa_family == AF_INET) return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

void tvs_curl_end_if_silent(void *easy, const tvs_curl_watch *watch, int64_t ms) {
    /* CURLINFO_ACTIVESOCKET knows nothing of a transfer that is under way. */
    long port = tvs_curl_info_long(easy, CURLINFO_LOCAL_PORT);
    for (size_t i = 0; port > 0 && i < TVS_CURL_SOCKETS; i++) {
        int fd = watch->sockets[i] - 1;
        struct tcp_info info;
        socklen_t length = sizeof info;
        if (fd >= 0 && local_port(fd) == port &&
            getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
            info.tcpi_last_data_recv >= ms) {
            (void)shutdown(fd, SHUT_RDWR);
        }
    }
}

int tvs_curl_multi_set_long(void *multi, uint32_t option, long value) {
    return curl_multi_setopt(multi, (CURLMoption)option, value);
}

long tvs_curl_info_long(void *easy, uint32_t info) {
    long value = 0;
    if (curl_easy_getinfo(easy, (CURLINFO)info, &value) != CURLE_OK) return 0;
    return value;
}

int tvs_curl_info_off(void *easy, uint32_t info, int64_t *value_out) {
    curl_off_t value = 0;
    CURLcode code = curl_easy_getinfo(easy, (CURLINFO)info, &value);
    *value_out = value;
    return code;
}

void *tvs_curl_private(void *easy) {
    char *value = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value) != CURLE_OK) return NULL;
    return value;
}
