/* tls.h - what curl.c asks of tls.c. */
#ifndef TV_TLS_H
#define TV_TLS_H

#include <curl/curl.h>

/** A CURLOPT_SSL_CTX_FUNCTION; its context is a tvs_curl_watch. */
CURLcode tvs_guard_tls(CURL *easy, void *ssl_context, void *context);

#endif
