/* exit.c - whether exit() has taken OpenSSL away already. */
#define _GNU_SOURCE
#include "tv_curl.h"
#include "tv_system.h"

#include <dlfcn.h>

/* OpenSSL's number, which is part of its ABI: nothing beyond what everything else rests on. */
static const uint64_t only_the_base = 0x40000;

int tvs_tls_is_over(void) {
    /* The OpenSSL that libcurl uses; the library does not link it. */
    void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
    if (libcurl == NULL) return 0;
    union { /* POSIX: a void * from dlsym may hold a function */
        void *found;
        int (*start)(uint64_t what, const void *settings);
    } openssl = {dlsym(libcurl, "OPENSSL_init_crypto")};
    (void)dlclose(libcurl); /* only the count that dlopen() just added */
    return openssl.found != NULL && openssl.start(only_the_base, NULL) == 0;
}
