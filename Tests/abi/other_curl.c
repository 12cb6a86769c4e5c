/* other_curl.c - preloaded in a test: plays a libcurl or an OpenSSL that is not this machine's.
 *
 * OTHER_CURL says in what it differs: "times" are there for what was never reached, as from libcurl
 * 8.20 on; the "version" is 7.87; the "groups" that FIPS does not know are refused by OpenSSL. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#undef curl_easy_getinfo

enum { SET_GROUPS_LIST = 92 };

typedef union { /* POSIX: a void * from dlsym may hold a function */
    void *address;
    void *(*find)(void *library, const char *name);
    CURLcode (*get_info)(CURL *easy, CURLINFO info, ...);
    curl_version_info_data *(*get_version)(CURLversion age);
    long (*control)(void *context, int command, long number, void *pointer);
} function;

static bool plays(const char *what) {
    const char *played = getenv("OTHER_CURL");
    return played != NULL && strcmp(played, what) == 0;
}

static function named(const char *name) {
    function libc = {dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34")}, real;
    void *libcurl = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
    real.address = libc.find(libcurl, name);
    (void)dlclose(libcurl); /* only the count that dlopen() just added */
    return real;
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...) {
    function real = named("curl_easy_getinfo");
    va_list more;
    va_start(more, info);
    void *value = va_arg(more, void *);
    va_end(more);
    CURLcode code = real.get_info(easy, info, value);
    bool is_time = info == CURLINFO_PRETRANSFER_TIME_T || info == CURLINFO_STARTTRANSFER_TIME_T ||
                   info == CURLINFO_NAMELOOKUP_TIME_T || info == CURLINFO_CONNECT_TIME_T;
    if (is_time && code == CURLE_OK && plays("times") && *(curl_off_t *)value == 0)
        *(curl_off_t *)value = 1;
    return code;
}

curl_version_info_data *curl_version_info(CURLversion age) {
    static curl_version_info_data older;
    function real = named("curl_version_info");
    curl_version_info_data *found = real.get_version(age);
    if (!plays("version")) return found;
    older = *found;
    older.version_num = 0x075700;
    return &older;
}

static function openssl_control;

static long refuse_groups(void *context, int command, long number, void *pointer) {
    if (command == SET_GROUPS_LIST && strstr(pointer, "X25519") != NULL) return 0;
    return openssl_control.control(context, command, number, pointer);
}

/* The library looks OpenSSL's functions up by name. */
void *dlsym(void *restrict library, const char *restrict name) {
    function real = {dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34")}, other = {NULL};
    void *found = real.find(library, name);
    if (found == NULL || strcmp(name, "SSL_CTX_ctrl") != 0 || !plays("groups")) return found;
    openssl_control.address = found;
    other.control = refuse_groups;
    return other.address;
}
