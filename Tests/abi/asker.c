/* asker.c - asks servers for traces, a few of each, one after the other; for hostile ones.
 *
 *     asker CA_FILE BASE_URL...
 *
 * Prints a line for each server: the statuses its requests ended with. What they must be, and that
 * nothing is wrong with memory, others see to. */
#include "remote.h"

enum { REQUESTS = 3 };

static void ask(remote *here, int number) {
    char message[64];
    int length = snprintf(message, sizeof message, "4Njp3P0STMz2c0%dQ", number);
    tv_request *request = NULL;
    tv_result *result = NULL;
    OK(tv_request_trace("", 0, message, (size_t)length, &request, ERR));
    OK(tv_request_set(request, "deadline_ms", TV_NUL, "60000", TV_NUL, ERR));
    tv_error *failure = NULL;
    tv_status status = tv_engine_fetch(here->engine, here->acme, request, &result, &failure);
    printf("%d%s", (int)status, number + 1 < REQUESTS ? " " : "\n");
    tv_error_free(failure);
    tv_result_free(result);
    tv_request_free(request);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: asker CA_FILE BASE_URL...\n");
        return 2;
    }
    test_holds = 1;
    for (int i = 2; i < argc && test_holds; i++) {
        char quota[] = "budget.quota=0", wait[] = "retry.base_ms=1", tries[] = "retry.max_attempts=2";
        char *settings[] = {quota, wait, tries};
        remote here = open_remote(argv[i], argv[1], "023e105f4ecef8ad9ca31a8372d0c353",
                                  "test-token-not-real", "private", 3, settings);
        for (int number = 0; number < REQUESTS && test_holds; number++) ask(&here, number);
        close_remote(&here);
    }
    return test_holds ? 0 : 1;
}
