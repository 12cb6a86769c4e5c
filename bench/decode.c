/* decode.c - how long the library needs for one stored reply, in a loop, without any fetching.
 *
 * DECODE is tv_document_decode() and its free: reading (validating, indexing) and checking that it
 * is a trace. VIEW adds the complete "trace" view. Prints microseconds for one reply of each. */
#include <string.h>
#include <tracevault.h>

#include "figures.h"

enum { REPLY_MAX = 1024 * 1024 };

static double us_per_reply(const char *reply, size_t reply_len, long rounds, int with_view) {
    double started = now_us();
    for (long i = 0; i < rounds; i++) {
        tv_document *document = NULL;
        const char *view = NULL;
        size_t view_len = 0;
        if (tv_document_decode(reply, reply_len, &document, NULL) != TV_OK)
            fail("tv_document_decode", "refused");
        if (with_view && (tv_document_view(document, "trace", 5, &view, &view_len, NULL) != TV_OK ||
                          view_len < reply_len / 2))
            fail("tv_document_view", "not the whole trace");
        tv_document_free(document);
    }
    return (now_us() - started) / (double)rounds;
}

int main(int count, char **arguments) {
    static char reply[REPLY_MAX];
    if (count != 3) fail(arguments[0], "REPLY_FILE ROUNDS");
    FILE *file = fopen(arguments[1], "rb");
    if (file == NULL) fail(arguments[1], "cannot be opened");
    size_t reply_len = fread(reply, 1, sizeof reply, file);
    fclose(file);
    long rounds = strtol(arguments[2], NULL, 10);
    us_per_reply(reply, reply_len, rounds / 10, 1);
    printf("{\"decode_us\": %.4f, ", us_per_reply(reply, reply_len, rounds, 0));
    printf("\"view_us\": %.4f}\n", us_per_reply(reply, reply_len, rounds, 1));
    return 0;
}
