/* sockets.c - which sockets libcurl has opened, which are still there, and what went over them. */
#define _GNU_SOURCE
#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int port_of(const struct sockaddr_storage *name) {
    if (name->ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)name)->sin_port);
    if (name->ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)name)->sin6_port);
    return 0;
}

curl_socket_t tvs_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    tvs_curl_watch *watch = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return fd;
    watch->made++;
    size_t place = TVS_CURL_SOCKETS;
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) {
        /* What libcurl has closed itself, as it does with what never carried a request. */
        if (watch->sockets[i].own.place == fd + 1) watch->sockets[i].own.place = 0;
        if (place == TVS_CURL_SOCKETS && watch->sockets[i].own.place == 0) place = i;
    }
    /* The same that was not noticed: something else has the descriptor now. */
    for (size_t i = 0; place == TVS_CURL_SOCKETS && i < TVS_CURL_SOCKETS; i++) {
        if (!tvs_own_is_there(&watch->sockets[i].own)) place = i;
    }
    if (place < TVS_CURL_SOCKETS) {
        watch->sockets[place].own = tvs_own_of(fd);
        watch->sockets[place].port = 0;
    }
    return fd;
}

int tvs_close_socket(void *context, curl_socket_t fd) {
    tvs_curl_watch *watch = context;
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) {
        if (watch->sockets[i].own.place != fd + 1) continue;
        tvs_own_close(&watch->sockets[i].own);
        return 0;
    }
    return close(fd);
}

int64_t tvs_curl_open_sockets(const tvs_curl_watch *watch) {
    int64_t open = 0;
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++)
        open += watch->sockets[i].own.place != 0 && tvs_own_is_there(&watch->sockets[i].own);
    return open;
}

bool tvs_curl_sockets_are_there(const tvs_curl_watch *watch) {
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) {
        const tvs_own *own = &watch->sockets[i].own;
        bool has_carried = own->place != 0 && watch->sockets[i].port != 0;
        if (has_carried && !tvs_own_is_there(own)) return false;
    }
    return true;
}

static bool is_end(const struct sockaddr_storage *name, tvs_end one) {
    char text[INET6_ADDRSTRLEN];
    const void *address = &((const struct sockaddr_in *)name)->sin_addr;
    if (name->ss_family == AF_INET6) address = &((const struct sockaddr_in6 *)name)->sin6_addr;
    return port_of(name) == one.port && one.address != NULL &&
           inet_ntop(name->ss_family, address, text, sizeof text) != NULL &&
           strcmp(text, one.address) == 0;
}

/* Two sockets may have the same port: the other end tells them apart. */
static bool is_between(int fd, tvs_end here, tvs_end there) {
    struct sockaddr_storage local = {0}, remote = {0};
    socklen_t local_size = sizeof local, remote_size = sizeof remote;
    return getsockname(fd, (struct sockaddr *)&local, &local_size) == 0 && is_end(&local, here) &&
           getpeername(fd, (struct sockaddr *)&remote, &remote_size) == 0 && is_end(&remote, there);
}

size_t tvs_socket_place(const tvs_curl_watch *watch, tvs_end here, tvs_end there) {
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) {
        const tvs_own *own = &watch->sockets[i].own;
        int port = watch->sockets[i].port;
        if (own->place == 0 || (port != 0 && port != here.port)) continue;
        if (tvs_own_is_there(own) && is_between(own->place - 1, here, there)) return i;
    }
    return TVS_CURL_SOCKETS;
}
