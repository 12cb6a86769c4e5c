/* same_port.c - two connections that leave this host by one port, to two servers.
 *
 * Made of the library's own sources for libcurl's sockets, but the TLS, which this plays: the second
 * connection is one of HTTP/2. */
#define _GNU_SOURCE
#include "../../Sources/CSystem/curl/sockets.h"
#include "../../Sources/CSystem/curl/tls.h"
#include "tv_curl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(holds) \
    if (!(holds)) return printf("%s:%d: %s\n", __FILE__, __LINE__, #holds), 1

static void *shared; /* the handle whose connection is one of HTTP/2 */

bool tvs_curl_has_http2(void *easy) { return easy == shared; }
CURLcode tvs_guard_tls(CURL *easy, void *ssl_context, void *context) {
    return (void)easy, (void)ssl_context, (void)context, CURLE_OK;
}
CURLcode tvs_guard_tls_of(CURL *easy, void *ssl_context, void *context) {
    return tvs_guard_tls(easy, ssl_context, context);
}

static struct sockaddr_in place(const char *address, in_port_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = port};
    (void)inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

static struct sockaddr_in own_end;

static int leave_by_one_port(void *context, curl_socket_t fd, curlsocktype purpose) {
    int yes = 1;
    (void)context, (void)purpose;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&own_end, sizeof own_end) != 0) return CURL_SOCKOPT_ERROR;
    return CURL_SOCKOPT_OK;
}

typedef struct {
    int listener, peer;
    CURL *easy;
    tvs_curl_sent sent;
} side;

static bool may_leave(void *exchange) {
    (void)exchange;
    return true;
}

/* Has a request sent to a server that says nothing; false when it does not arrive. */
static bool begin(side *one, const char *address, CURLM *multi, tvs_curl_watch *watch) {
    struct sockaddr_in name = place(address, 0);
    socklen_t size = sizeof name;
    char url[64], piece[16];
    one->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(one->listener, (struct sockaddr *)&name, size) != 0 || listen(one->listener, 1) != 0 ||
        getsockname(one->listener, (struct sockaddr *)&name, &size) != 0)
        return false;
    (void)snprintf(url, sizeof url, "http://%s:%d/", address, ntohs(name.sin_port));
    one->sent = (tvs_curl_sent){.watch = watch, .easy = one->easy, .may_leave = may_leave};
    if (tvs_curl_guard(one->easy, watch, &one->sent) != 0 ||
        tvs_curl_note_sent(one->easy, &one->sent) != 0)
        return false;
    (void)curl_easy_setopt(one->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(one->easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(one->easy, CURLOPT_SOCKOPTFUNCTION, leave_by_one_port);
    (void)curl_multi_add_handle(multi, one->easy);
    for (int running = 1; running > 0 && one->sent.us == 0;) {
        (void)curl_multi_perform(multi, &running);
        (void)curl_multi_poll(multi, NULL, 0, 10, NULL);
    }
    if (one->sent.us == 0) return false;
    one->peer = accept(one->listener, NULL, NULL);
    return recv(one->peer, piece, sizeof piece, 0) > 0;
}

/* Whether the client has ended the connection. */
static bool has_ended(int peer) {
    char rest[4096];
    ssize_t got;
    while ((got = recv(peer, rest, sizeof rest, MSG_DONTWAIT)) > 0) continue;
    return got == 0;
}

int main(void) {
    static tvs_curl_watch watch;
    int probe = socket(AF_INET, SOCK_STREAM, 0), noted = 0;
    socklen_t size = sizeof own_end;
    own_end = place("127.0.0.1", 0);
    CHECK(bind(probe, (struct sockaddr *)&own_end, size) == 0);
    CHECK(getsockname(probe, (struct sockaddr *)&own_end, &size) == 0 && close(probe) == 0);
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
    CURLM *multi = curl_multi_init();
    side one = {.easy = curl_easy_init()}, other = {.easy = curl_easy_init()};
    shared = other.easy;
    CHECK(begin(&one, "127.0.0.1", multi, &watch) && begin(&other, "127.0.0.2", multi, &watch));
    for (size_t i = 0; i < TVS_CURL_SOCKETS; i++) noted += watch.sockets[i].port != 0;
    CHECK(noted == 2);
    CHECK(one.sent.is_alone && !other.sent.is_alone);
    CHECK(!tvs_curl_are_together(&one.sent, &other.sent));
    CHECK(tvs_curl_are_together(&one.sent, &one.sent));
    tvs_curl_end_connection(&other.sent);
    CHECK(has_ended(other.peer) && !has_ended(one.peer));
    (void)curl_multi_remove_handle(multi, one.easy);
    (void)curl_multi_remove_handle(multi, other.easy);
    curl_easy_cleanup(one.easy);
    curl_easy_cleanup(other.easy);
    (void)curl_multi_cleanup(multi);
    return puts("told apart") < 0;
}
