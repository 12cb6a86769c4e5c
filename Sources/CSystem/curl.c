/* curl.c - libcurl's variadic calls, one typed function for each type of value. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
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

/* SSL_CTX_set_keylog_callback of the libssl that libcurl itself uses; the library does not link
 * OpenSSL, so the symbol is looked up through libcurl's own dependencies. */
typedef void (*keylog_setter)(void *context, void (*callback)(const void *, const char *));

static keylog_setter find_keylog_setter(void) {
    static _Atomic(void *) found;
    void *setter = atomic_load(&found);
    if (setter == NULL) {
        void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
        if (libcurl == NULL) return NULL;
        setter = dlsym(libcurl, "SSL_CTX_set_keylog_callback");
        (void)dlclose(libcurl); /* only the count that dlopen() just added */
        atomic_store(&found, setter);
    }
    keylog_setter typed;
    *(void **)(&typed) = setter; /* POSIX: a void * from dlsym may hold a function */
    return typed;
}

static CURLcode drop_keylog(CURL *easy, void *ssl_context, void *context) {
    (void)easy;
    (void)context;
    keylog_setter set = find_keylog_setter();
    /* Without the function nobody can promise that no key is logged: refuse to connect. */
    if (set == NULL) return CURLE_SSL_CONNECT_ERROR;
    set(ssl_context, NULL);
    return CURLE_OK;
}

int tvs_curl_forbid_keylog(void *easy) {
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, drop_keylog);
}

/* Statistics read it from other threads than the engine's: atomic. */
struct tvs_sockets {
    _Atomic(int64_t) open;
    _Atomic(int64_t) made;
};

tvs_sockets *tvs_sockets_new(void) { return calloc(1, sizeof(tvs_sockets)); }
void tvs_sockets_free(tvs_sockets *sockets) { free(sockets); }
int64_t tvs_sockets_open(const tvs_sockets *sockets) { return atomic_load(&sockets->open); }
int64_t tvs_sockets_made(const tvs_sockets *sockets) { return atomic_load(&sockets->made); }

static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    (void)purpose;
    tvs_sockets *sockets = context;
    int type = address->socktype | SOCK_CLOEXEC;
    curl_socket_t made = socket(address->family, type, address->protocol);
    if (made == CURL_SOCKET_BAD) return made;
    atomic_fetch_add(&sockets->open, 1);
    atomic_fetch_add(&sockets->made, 1);
    return made;
}

static int close_socket(void *context, curl_socket_t closed) {
    tvs_sockets *sockets = context;
    atomic_fetch_sub(&sockets->open, 1);
    return close(closed);
}

int tvs_curl_count_sockets(void *easy, tvs_sockets *sockets) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
    return code;
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
