/* sockets.h - what curl.c asks of sockets.c: libcurl's sockets, and what went over them. */
#ifndef TV_SOCKETS_H
#define TV_SOCKETS_H

#include "tv_curl.h"

#include <curl/curl.h>

/** One end of a connection, as libcurl writes it. */
typedef struct {
    const char *address;
    int port;
} tvs_end;

/** A CURLOPT_OPENSOCKETFUNCTION, as libcurl's own, but a program that the host starts does not
 * inherit the socket; its context is a tvs_curl_watch. */
curl_socket_t tvs_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address);
/** A CURLOPT_CLOSESOCKETFUNCTION; its context is a tvs_curl_watch. */
int tvs_close_socket(void *context, curl_socket_t fd);
/** Where the socket between these ends is noted; TVS_CURL_SOCKETS: nowhere. */
size_t tvs_socket_place(const tvs_curl_watch *watch, tvs_end here, tvs_end there);

#endif
