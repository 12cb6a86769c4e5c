/* curl_multi.c - what a plain C program with libcurl needs to download the same replies.
 *
 * The yardstick: HTTP/2 over verified TLS, easy handles reused, nothing decoded. It does not keep
 * to quotas, seal credentials, check replies or retry. */
#include <curl/curl.h>
#include <string.h>

#include "figures.h"

enum { BODY_MAX = 64 * 1024 };

struct transfer {
    CURL *easy;
    long number;
    size_t body_len;
    char body[BODY_MAX];
};

static size_t receive(char *data, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    size_t len = size * count;
    if (len > BODY_MAX - transfer->body_len) return 0;
    memcpy(transfer->body + transfer->body_len, data, len);
    transfer->body_len += len;
    return len;
}

static void prepare(struct transfer *transfer, const struct load *load,
                    struct curl_slist *headers) {
    CURL *easy = transfer->easy = curl_easy_init();
    if (easy == NULL) fail("curl_easy_init", "no memory");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "bench/1");
    curl_easy_setopt(easy, CURLOPT_CAINFO, load->ca_file);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
}

static void start(CURLM *multi, struct transfer *transfer, struct load *load) {
    char url[256];
    transfer->number = load->sent++;
    transfer->body_len = 0;
    snprintf(url, sizeof url,
             "%s/client/v4/accounts/" ACCOUNT "/email-security/investigate/4Njp3P0STMz%06ld/trace",
             load->origin, transfer->number);
    load->started_us[transfer->number] = now_us();
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_multi_add_handle(multi, transfer->easy);
}

static void finish(CURLM *multi, const CURLMsg *message, struct load *load) {
    struct transfer *transfer = NULL;
    long status = 0;
    if (message->data.result != CURLE_OK) fail("curl", curl_easy_strerror(message->data.result));
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || transfer->body_len == 0) fail("curl", "not the reply that was expected");
    curl_multi_remove_handle(multi, transfer->easy);
    load_done(load, transfer->number);
    if (load->sent < load->requests) start(multi, transfer, load);
}

int main(int count, char **arguments) {
    struct load load = load_from_arguments(count, arguments);
    struct transfer *transfers = calloc((size_t)load.in_flight, sizeof *transfers);
    struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer " TOKEN);
    headers = curl_slist_append(headers, "Accept: application/json");
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    if (transfers == NULL || multi == NULL) fail("curl_multi", "no memory");
    /* One connection for all of them, as the engine has it; libcurl's default is 100 streams. */
    curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, load.in_flight);

    for (long i = 0; i < load.in_flight; i++) {
        prepare(&transfers[i], &load, headers);
        start(multi, &transfers[i], &load);
    }
    while (load.done < load.requests) {
        int running = 0, waiting = 0;
        CURLMsg *message;
        if (curl_multi_perform(multi, &running) != CURLM_OK) fail("curl_multi_perform", "failed");
        while ((message = curl_multi_info_read(multi, &waiting)) != NULL)
            finish(multi, message, &load);
        if (load.done < load.requests) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    load_print(&load);

    for (long i = 0; i < load.in_flight; i++) curl_easy_cleanup(transfers[i].easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(transfers);
    return 0;
}
