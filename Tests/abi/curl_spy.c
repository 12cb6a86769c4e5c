/* curl_spy.c - preloaded in a test: writes every libcurl option that is really set to the file
 * named by CURL_SPY, one "NAME value" a line, and passes the call on. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef curl_easy_setopt
#undef curl_multi_setopt

static void report(const char *kind, const char *name, const char *value) {
    FILE *file = fopen(getenv("CURL_SPY"), "a");
    if (file == NULL) return;
    fprintf(file, "%s %s %s\n", kind, name, value);
    fclose(file);
}

static void describe_list(char *text, size_t size, const struct curl_slist *list) {
    size_t used = 0;
    text[0] = '\0';
    for (; list != NULL && used < size; list = list->next) {
        /* Names only: the values hold (fake) secrets. */
        int length = (int)strcspn(list->data, ":");
        int written = snprintf(text + used, size - used, "%s%.*s", used ? "," : "", length,
                               list->data);
        used += written > 0 ? (size_t)written : 0;
    }
}

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
    CURLcode (*real)(CURL *, CURLoption, ...) =
        __extension__(CURLcode(*)(CURL *, CURLoption, ...)) dlsym(RTLD_NEXT, "curl_easy_setopt");
    const struct curl_easyoption *known = curl_easy_option_by_id(option);
    const char *name = known ? known->name : "?";
    char text[512];
    CURLcode code;
    va_list arguments;
    va_start(arguments, option);
    if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        curl_off_t value = va_arg(arguments, curl_off_t);
        snprintf(text, sizeof text, "%lld", (long long)value);
        code = real(easy, option, value);
    } else if (option < CURLOPTTYPE_OBJECTPOINT) {
        long value = va_arg(arguments, long);
        snprintf(text, sizeof text, "%ld", value);
        code = real(easy, option, value);
    } else {
        void *value = va_arg(arguments, void *);
        if (value == NULL)
            snprintf(text, sizeof text, "NULL");
        else if (known != NULL && known->type == CURLOT_STRING)
            snprintf(text, sizeof text, "\"%s\"", (const char *)value);
        else if (known != NULL && known->type == CURLOT_SLIST)
            describe_list(text, sizeof text, value);
        else
            snprintf(text, sizeof text, "set");
        code = real(easy, option, value);
    }
    va_end(arguments);
    if (code != CURLE_OK) snprintf(text, sizeof text, "FAILED %d", (int)code);
    report("easy", name, text);
    return code;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...) {
    CURLMcode (*real)(CURLM *, CURLMoption, ...) =
        __extension__ (CURLMcode(*)(CURLM *, CURLMoption, ...))dlsym(RTLD_NEXT, "curl_multi_setopt");
    va_list arguments;
    va_start(arguments, option);
    long value = va_arg(arguments, long);
    va_end(arguments);
    char name[32], text[32];
    snprintf(name, sizeof name, "%d", (int)option);
    snprintf(text, sizeof text, "%ld", value);
    report("multi", name, text);
    return real(multi, option, value);
}
