/* tls.h - what curl.c asks of tls.c. */
#ifndef TV_TLS_H
#define TV_TLS_H

#include <curl/curl.h>

/** A CURLOPT_SSL_CTX_FUNCTION; its context is a tvs_curl_watch. */
CURLcode tvs_guard_tls(CURL *easy, void *ssl_context, void *context);
/** The same with a tvs_curl_sent, for transfers that may go through a proxy. */
CURLcode tvs_guard_tls_of(CURL *easy, void *ssl_context, void *context);
/** A function of the OpenSSL that libcurl uses; NULL where it has none by this name. */
void *tvs_openssl(const char *name);

#endif
