/* curl.c - libcurl's variadic calls, one typed function for each type of value. */
#define _GNU_SOURCE
#include "tls.h"
#include "tv_system.h"

#include <curl/curl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, tvs_guard_tls),
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

void *tvs_curl_sessions_new(void) {
    CURLSH *sessions = curl_share_init();
    if (sessions == NULL) return NULL;
    if (curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK) {
        return sessions;
    }
    (void)curl_share_cleanup(sessions);
    return NULL;
}
