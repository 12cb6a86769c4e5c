/* tls.c - what TLS must keep to beyond what libcurl sees to, said to libcurl's own OpenSSL. */
#define _GNU_SOURCE
#include "tls.h"
#include "tv_curl.h"
#include "tv_system.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The library does not link OpenSSL, so its functions are looked up through libcurl's own
 * dependencies. */
enum {
    SET_KEYLOG,
    SET_RECORD,
    CONTROL,
    SET_SHUTDOWN,
    IS_CONNECTED,
    GET_PROTOCOL,
    SET_CIPHERS,
    SET_VERIFY,
    ERROR_DEPTH,
    GET_ERROR,
    CURRENT_CERTIFICATE,
    SET_ERROR,
    EXTENSION,
    NAMES_COUNT,
    NAMES_VALUE,
    NAMES_FREE,
    SET_STORE,
    FUNCTION_COUNT
};
static const char *const names[FUNCTION_COUNT] = {
    "SSL_CTX_set_keylog_callback",
    "SSL_CTX_set_msg_callback",
    "SSL_CTX_ctrl",
    "SSL_set_shutdown",
    "SSL_is_init_finished",
    "SSL_get0_alpn_selected",
    "SSL_CTX_set_cipher_list",
    "SSL_CTX_set_verify",
    "X509_STORE_CTX_get_error_depth",
    "X509_STORE_CTX_get_error",
    "X509_STORE_CTX_get_current_cert",
    "X509_STORE_CTX_set_error",
    "X509_get_ext_d2i",
    "OPENSSL_sk_num",
    "OPENSSL_sk_value",
    "GENERAL_NAMES_free",
    "SSL_CTX_set1_cert_store",
};
static _Atomic(void *) found[FUNCTION_COUNT];

typedef void (*on_keylog)(const void *, const char *);
typedef void (*on_record)(int, int, int, const void *, size_t, void *, void *);
typedef int (*on_verified)(int, void *);
typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *address;
    void (*set_keylog)(void *context, on_keylog callback);
    void (*set_record)(void *context, on_record callback);
    long (*control)(void *context, int command, long number, void *pointer);
    void (*set_shutdown)(void *connection, int mode);
    int (*is_connected)(const void *connection);
    void (*get_protocol)(const void *connection, const unsigned char **name, unsigned int *length);
    int (*set_ciphers)(void *context, const char *list);
    void (*set_verify)(void *context, int mode, on_verified callback);
    int (*error_depth)(void *chain);
    int (*get_error)(void *chain);
    void *(*current_certificate)(void *chain);
    void (*set_error)(void *chain, int error);
    void *(*extension)(const void *certificate, int number, int *critical, int *place);
    int (*names_count)(const void *list);
    void *(*names_value)(const void *list, int place);
    void (*names_free)(void *list);
    void (*set_store)(void *context, void *store);
} openssl_function;

void *tvs_openssl(const char *name) {
    void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
    if (libcurl == NULL) return NULL;
    void *address = dlsym(libcurl, name);
    (void)dlclose(libcurl); /* only the count that dlopen() just added */
    return address;
}

static openssl_function openssl(int which) {
    openssl_function function = {atomic_load(&found[which])};
    if (function.address == NULL) {
        function.address = tvs_openssl(names[which]);
        atomic_store(&found[which], function.address);
    }
    return function;
}

/* OpenSSL's numbers, which are part of its ABI. */
enum {
    RECORD_HEADER = 0x100,
    SET_RECORD_ARGUMENT = 16,
    SET_GROUPS_LIST = 92,
    RECEIVED_SHUTDOWN = 2,
    VERIFY_PEER = 1,
    SUBJECT_ALT_NAME = 85,
    NAME_IS_HOST = 2,
    NAME_IS_ADDRESS = 7,
    WRONG_HOST = 62
};

/* So much of the processor's time may reading take within one call of libcurl, far more than honest
 * traffic takes. Not time on the wall: a process that is stopped or held back for a while has done
 * nothing wrong, and nor has the server. */
static const int64_t longest_reading_us = 300000;
/* Who has had so much of it is ended then; others that are read in the same call are not. */
static const int64_t blamed_from_us = 75000;
/* The time is taken from so many records of a connection in one call on, and then as often: it
 * costs a system call. */
static const int64_t timed_records = 16;
/* Of a handshake so many records may come in one call. Certificates take a few. */
static const int64_t most_handshake_records = 1024;

/* Which protocol both sides have agreed upon. libcurl tells of it only when a reply has come. */
static bool has_http2(const void *connection) {
    const unsigned char *name = NULL;
    unsigned int length = 0;
    openssl(GET_PROTOCOL).get_protocol(connection, &name, &length);
    return length == 2 && memcmp(name, "h2", 2) == 0;
}

bool tvs_curl_has_http2(void *easy) {
    struct curl_tlssessioninfo *tls = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == NULL ||
        tls->backend != CURLSSLBACKEND_OPENSSL || tls->internals == NULL ||
        openssl(GET_PROTOCOL).address == NULL) {
        return false;
    }
    return has_http2(tls->internals);
}

/* What this call has read of a connection so far. Who comes when all places are taken shares the
 * last. */
static tvs_curl_reading *reading_of(tvs_curl_watch *watch, const void *connection) {
    tvs_curl_reading *all = watch->readings;
    size_t place = 0;
    while (place < watch->readings_count && all[place].connection != connection) place++;
    if (place == TVS_CURL_READINGS) return &all[place - 1];
    if (place < watch->readings_count) return &all[place];
    all[place] = (tvs_curl_reading){.connection = connection};
    watch->readings_count++;
    return &all[place];
}

/* Charges the connection that was timed, and times `next` from now on; NULL: none. */
static void time_reading(tvs_curl_watch *watch, tvs_curl_reading *next) {
    int64_t now_us = tvs_thread_cpu_us();
    if (watch->timed != NULL) {
        watch->timed->spent_us += now_us - watch->timed_from_us;
        watch->spent_us += now_us - watch->timed_from_us;
    }
    watch->timed = next;
    watch->timed_from_us = now_us;
}

/* libcurl 7.88 reads an HTTP/2 connection within one call until there is something for the transfer
 * or nothing more to read. A server that pours out SETTINGS, PING or GOAWAY would keep the thread
 * there for ever, past every deadline and the shutdown. So would a handshake of HelloRequests,
 * which OpenSSL skips (RFC 5246, 7.4.1.1), and records full of session tickets between pieces of a
 * body. OpenSSL calls this for each record. */
static void bound_reading(int writing, int version, int kind, const void *bytes, size_t length,
                          void *connection, void *context) {
    tvs_curl_watch *watch = context;
    (void)version;
    (void)bytes;
    (void)length;
    if (watch != NULL && !watch->has_http2) watch->has_http2 = has_http2(connection);
    if (writing || kind != RECORD_HEADER || watch == NULL) return;
    tvs_curl_reading *reading = reading_of(watch, connection);
    tvs_curl_reading *timed = ++reading->records >= timed_records ? reading : NULL;
    if (timed != watch->timed || (timed != NULL && timed->records % timed_records == 0))
        time_reading(watch, timed);
    bool is_greedy =
        watch->spent_us >= longest_reading_us && reading->spent_us >= blamed_from_us;
    bool is_many = reading->records > most_handshake_records;
    if (is_greedy || (is_many && !openssl(IS_CONNECTED).is_connected(connection)))
        openssl(SET_SHUTDOWN).set_shutdown(connection, RECEIVED_SHUTDOWN);
}

void tvs_curl_begin(tvs_curl_watch *watch) {
    watch->calls++;
    watch->readings_count = 0;
    watch->timed = NULL;
    watch->spent_us = 0;
}

/* Whether a certificate says for which hosts or addresses it is good. */
static int names_hosts(const void *certificate) {
    void *list = openssl(EXTENSION).extension(certificate, SUBJECT_ALT_NAME, NULL, NULL);
    int count = list == NULL ? 0 : openssl(NAMES_COUNT).names_count(list), names_one = 0;
    for (int i = 0; i < count; i++) {
        const int *kind = openssl(NAMES_VALUE).names_value(list, i); /* its first member */
        names_one |= *kind == NAME_IS_HOST || *kind == NAME_IS_ADDRESS;
    }
    if (list != NULL) openssl(NAMES_FREE).names_free(list);
    return names_one;
}

/* Why the last certificate was refused on this thread. libcurl does not tell it of every one: where
 * a signature is wrong it only says that the handshake failed. */
static _Thread_local int refusal;

int tvs_tls_refusal(void) { return refusal; }
void tvs_tls_forget_refusal(void) { refusal = 0; }

/* libcurl takes the common name of a certificate that names no host in the place meant for it.
 * Authorities do not check it (RFC 9525, 6.3). */
static int require_host_names(int is_good, void *chain) {
    if (!is_good) refusal = openssl(GET_ERROR).get_error(chain);
    if (!is_good || openssl(ERROR_DEPTH).error_depth(chain) != 0) return is_good;
    if (names_hosts(openssl(CURRENT_CERTIFICATE).current_certificate(chain))) return 1;
    openssl(SET_ERROR).set_error(chain, WRONG_HOST);
    return 0;
}

/* Keys are agreed on over elliptic curves, or by RSA in TLS 1.2. In a finite field the server
 * chooses the modulus: one of 10,000 bits keeps the processor for a second, before anything is
 * timed. A list of ciphers in the system's own configuration of OpenSSL does not count here; its
 * lowest version of TLS and its level of security do. */
static int forbid_finite_fields(void *ssl_context) {
    static const char ciphers[] = "DEFAULT:!kDHE";
    /* From 3.5 on OpenSSL knows the first, and offers it beside a curve as by default. */
    static const char *const groups[] = {"*X25519MLKEM768/*X25519:P-256:X448:P-521:P-384",
                                         "X25519:P-256:X448:P-521:P-384",
                                         /* What providers that keep to FIPS know. */
                                         "P-256:P-521:P-384"};
    openssl_function control = openssl(CONTROL);
    if (openssl(SET_CIPHERS).set_ciphers(ssl_context, ciphers) != 1) return 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        void *list = (void *)(uintptr_t)groups[i];
        if (control.control(ssl_context, SET_GROUPS_LIST, 0, list) == 1) return 1;
    }
    return 0;
}

int tvs_keylog_is_unfit(void) {
    const char *name = getenv("SSLKEYLOGFILE");
    if (name == NULL || *name == 0) return 0;
    if (getauxval(AT_SECURE) != 0) return 1;
    struct stat status;
    if (stat(name, &status) != 0 || S_ISREG(status.st_mode)) return 0;
    /* The null device takes what is written and does nothing. */
    return !(S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3));
}

/* `authorities` takes the place of what libcurl has read. */
static CURLcode guard(void *ssl_context, tvs_curl_watch *watch, void *authorities) {
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        /* Without the functions nobody can promise what they are for: refuse to connect. */
        if (openssl(i).address == NULL) return CURLE_SSL_CONNECT_ERROR;
    }
    if (!forbid_finite_fields(ssl_context)) return CURLE_SSL_CONNECT_ERROR;
    openssl(SET_KEYLOG).set_keylog(ssl_context, NULL);
    openssl(SET_RECORD).set_record(ssl_context, bound_reading);
    (void)openssl(CONTROL).control(ssl_context, SET_RECORD_ARGUMENT, 0, watch);
    openssl(SET_VERIFY).set_verify(ssl_context, VERIFY_PEER, require_host_names);
    if (authorities == NULL) return CURLE_SSL_CACERT_BADFILE;
    openssl(SET_STORE).set_store(ssl_context, authorities);
    return CURLE_OK;
}

CURLcode tvs_guard_tls(CURL *easy, void *ssl_context, void *context) {
    tvs_curl_watch *watch = context;
    (void)easy;
    return guard(ssl_context, watch, watch->authorities);
}

/* libcurl does not say whether a context is for the proxy or for the server behind it. On a new
 * socket the proxy's comes first. */
CURLcode tvs_guard_tls_of(CURL *easy, void *ssl_context, void *context) {
    tvs_curl_sent *sent = context;
    tvs_curl_watch *watch = sent->watch;
    (void)easy;
    bool is_proxys = watch->has_tls_proxy && sent->contexts == 0;
    sent->contexts++;
    return guard(ssl_context, watch, is_proxys ? watch->proxy_authorities : watch->authorities);
}
