/* authorities.c - certificate authorities out of memory, made for many connections by libcurl's own
 * OpenSSL. */
#include "tls.h"
#include "tv_curl.h"
#include "tv_system.h"

#include <limits.h>
#include <string.h>

/* OpenSSL's numbers, which are part of its ABI. */
enum { TRUSTED_FIRST = 0x8000, PARTIAL_CHAIN = 0x80000, REASON = 0xfff, NO_START_LINE = 108 };

typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *address;
    int (*mark)(void);
    unsigned long (*last_error)(void);
    void *(*text_new)(const void *bytes, int length);
    size_t (*text_rest)(void *text);
    int (*text_free)(void *text);
    void *(*read)(void *text, void *place, int (*password)(char *, int, int, void *), void *user);
    void (*certificate_free)(void *certificate);
    void *(*store_new)(void);
    int (*store_add)(void *store, void *certificate);
    int (*store_flags)(void *store, unsigned long flags);
    void (*store_free)(void *store);
} function;

static function find(const char *name) { return (function){tvs_openssl(name)}; }

/* OpenSSL would ask for it at the terminal. */
static int no_password(char *to, int size, int writing, void *user) {
    (void)to, (void)size, (void)writing, (void)user;
    return -1;
}

/* Where the certificate begins that ends before `end`. */
static size_t beginning(const char *pem, size_t end) {
    static const char mark[] = "-----BEGIN";
    const size_t length = sizeof mark - 1;
    for (size_t at = end < length ? 0 : end - length; at > 0; at--) {
        if (memcmp(pem + at, mark, length) == 0) return at;
    }
    return 0;
}

/* Puts all certificates of a text into a store; 0 where there is none, one is damaged, there are
 * too many, or nobody wants them any more. OpenSSL sorts all that it has for each one that it is
 * given. So the time for all of them grows with the square of their number: neither a fork nor
 * exit() need wait for more than one. */
static int fill(void *store, void *text, const char *pem, size_t length, size_t most,
                tvs_certificates *out) {
    function read = find("PEM_read_bio_X509_AUX");
    function add = find("X509_STORE_add_cert"), discard = find("X509_free");
    function rest = find("BIO_ctrl_pending"), last_error = find("ERR_peek_last_error");
    if (read.address == NULL || add.address == NULL || discard.address == NULL ||
        rest.address == NULL || last_error.address == NULL)
        return 0;
    for (;;) {
        void *certificate = read.read(text, NULL, no_password, NULL);
        /* What is behind the last one is no error of it. */
        if (certificate == NULL)
            return out->count > 0 && (last_error.last_error() & REASON) == NO_START_LINE;
        int is_added = out->count < most && add.store_add(store, certificate) == 1;
        discard.certificate_free(certificate);
        out->count++;
        if (!is_added) return 0;
        tvs_fork_resume(tvs_fork_pause());
        if (out->is_over != NULL && out->is_over(out->reader)) return 0;
        if (out->count > 1) continue;
        size_t end = length - rest.text_rest(text);
        out->first = beginning(pem, end);
        out->length = end - out->first;
    }
}

void *tvs_authorities_new(const void *pem, size_t length, size_t most, tvs_certificates *out) {
    function mark = find("ERR_set_mark"), back = find("ERR_pop_to_mark");
    function text_new = find("BIO_new_mem_buf"), text_free = find("BIO_free");
    function store_new = find("X509_STORE_new"), flags = find("X509_STORE_set_flags");
    if (mark.address == NULL || back.address == NULL || text_new.address == NULL ||
        text_free.address == NULL || store_new.address == NULL || flags.address == NULL ||
        pem == NULL || length > INT_MAX)
        return NULL;
    /* The thread may be the host's, and so its errors. */
    (void)mark.mark();
    void *text = text_new.text_new(pem, (int)length), *store = store_new.store_new();
    int is_fine = text != NULL && store != NULL;
    if (is_fine) {
        /* As libcurl has it: an authority of the file is trusted wherever a chain meets it. */
        (void)flags.store_flags(store, TRUSTED_FIRST | PARTIAL_CHAIN);
        is_fine = fill(store, text, pem, length, most, out);
    }
    (void)text_free.text_free(text);
    (void)back.mark();
    if (is_fine) return store;
    tvs_authorities_free(store);
    out->length = 0;
    return NULL;
}

void tvs_authorities_free(void *store) {
    function store_free = find("X509_STORE_free");
    if (store != NULL && store_free.address != NULL) store_free.store_free(store);
}
