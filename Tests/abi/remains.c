/* remains.c - how many copies of a token are left in the memory of a process that has asked for
 * traces and freed everything.
 *
 *     remains BASE_URL CA_FILE REQUESTS TOKEN_NUMBER [shown]
 *
 * Prints the number. The token is known here only in disguise, so that it does not find itself. With
 * "shown", what stands before each copy. */
#include "remote.h"

#include <fcntl.h>

enum { TOKEN = 40, DISGUISE = 0x55 };

static char disguised[TOKEN];

/* Writes the token in plain. */
static void token(char *out) {
    for (int i = 0; i < TOKEN; i++) out[i] = disguised[i] ^ DISGUISE;
}

static void invent(long number) {
    for (int i = 0; i < TOKEN; i++) {
        disguised[i] = (char)(("test-token-not-real-"[i % 20]) ^ DISGUISE);
        if (i >= 20) disguised[i] = (char)('a' + (number * 7 + i * 5) % 26) ^ DISGUISE;
    }
}

static int is_copy(const char *bytes) {
    for (int i = 0; i < TOKEN; i++) {
        if ((bytes[i] ^ DISGUISE) != disguised[i]) return 0;
    }
    return 1;
}

static void show(const char *from, const char *start) {
    for (const char *at = from - start > 40 ? from - 40 : start; at < from + TOKEN; at++) {
        fputc(*at >= 32 && *at < 127 ? *at : '.', stderr);
    }
    fputc('\n', stderr);
}

/* Looks through every mapping that this process may write. */
static long copies(int shown) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], *buffer = malloc(1 << 24);
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    long found = 0;
    while (maps != NULL && buffer != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long begin = 0, end = 0;
        char rights[8] = "";
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[1] != 'w') continue;
        if (begin <= (unsigned long)buffer && (unsigned long)buffer < end) continue;
        for (unsigned long at = begin; at < end; at += (1 << 24) - TOKEN) {
            size_t wanted = end - at < 1 << 24 ? end - at : 1 << 24;
            ssize_t count = pread(memory, buffer, wanted, (off_t)at);
            for (ssize_t i = 0; i + TOKEN <= count; i++) {
                if (!is_copy(buffer + i)) continue;
                found++;
                if (shown) show(buffer + i, buffer);
            }
        }
    }
    if (maps != NULL) fclose(maps);
    (void)close(memory);
    free(buffer);
    return found;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: remains BASE_URL CA_FILE REQUESTS TOKEN_NUMBER [shown]\n");
        return 2;
    }
    test_holds = 1;
    invent(strtol(argv[4], NULL, 10));
    char quota[] = "budget.quota=0", cache[] = "cache.max_bytes=0", plain[TOKEN + 1] = "";
    char *settings[] = {quota, cache};
    token(plain);
    remote here = open_remote(argv[1], argv[2], "023e105f4ecef8ad9ca31a8372d0c353", plain, "private",
                              2, settings);
    explicit_bzero(plain, sizeof plain);
    for (long number = strtol(argv[3], NULL, 10); number > 0 && test_holds; number--) {
        tv_request *request = NULL;
        tv_result *result = NULL;
        OK(tv_request_trace("", 0, "4Njp3P0STMz2c02Q", TV_NUL, &request, ERR));
        OK(tv_engine_fetch(here.engine, here.acme, request, &result, ERR));
        tv_result_free(result);
        tv_request_free(request);
    }
    close_remote(&here);
    printf("%ld\n", copies(argc > 5));
    return test_holds ? 0 : 1;
}
