/* freeing.c - preloaded in a test: ends the process where libcurl frees connections in two threads
 * at once. Each of them sets what SIGPIPE does, and puts back what it has found. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *address;
    CURLMcode (*free_multi)(CURLM *multi);
    CURLSHcode (*free_share)(CURLSH *share);
} function;

static atomic_int freeing;

/* Long enough for another thread to come in between. */
static function begin(const char *name) {
    if (atomic_fetch_add(&freeing, 1) > 0) abort();
    usleep(1000);
    void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
    function real = {dlsym(libcurl, name)};
    (void)dlclose(libcurl); /* only the count that dlopen() just added */
    return real;
}

static void end(void) { atomic_fetch_sub(&freeing, 1); }

CURLMcode curl_multi_cleanup(CURLM *multi) {
    CURLMcode code = begin("curl_multi_cleanup").free_multi(multi);
    end();
    return code;
}

CURLSHcode curl_share_cleanup(CURLSH *share) {
    CURLSHcode code = begin("curl_share_cleanup").free_share(share);
    end();
    return code;
}
