/* figures.h - what both C programs measure, in the same way: clocks, the median, one JSON line.
 *
 * Included once per program; no fetching in here. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define ACCOUNT "023e105f4ecef8ad9ca31a8372d0c353"
#define TOKEN "test-token-not-real-bench-01"

/* Requests before the clock starts: the handshake and the first growth of every buffer. */
enum { WARM_UP = 256 };

/* How many at a time, how many in all, and how long each took. */
struct load {
    const char *origin, *ca_file;
    long in_flight, requests;
    long sent, done;
    double *started_us, *took_us; /* by number of the request */
    double cpu_started_us, wall_started_us;
};

static inline double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* User and system time of all threads of this process. */
static inline double cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* PROGRAM ORIGIN CA_FILE IN_FLIGHT REQUESTS */
static inline struct load load_from_arguments(int count, char **arguments) {
    if (count != 5) fail(arguments[0], "ORIGIN CA_FILE IN_FLIGHT REQUESTS");
    struct load load = {.origin = arguments[1], .ca_file = arguments[2]};
    load.in_flight = strtol(arguments[3], NULL, 10);
    load.requests = strtol(arguments[4], NULL, 10) + WARM_UP;
    if (load.in_flight < 1 || load.requests < load.in_flight) fail(arguments[0], "bad numbers");
    load.started_us = calloc((size_t)load.requests, sizeof(double));
    load.took_us = calloc((size_t)load.requests, sizeof(double));
    if (load.started_us == NULL || load.took_us == NULL) fail(arguments[0], "no memory");
    return load;
}

/* Note that request `number` ends now; the measurement begins when the warm-up is through. */
static inline void load_done(struct load *load, long number) {
    load->took_us[number] = now_us() - load->started_us[number];
    if (++load->done == WARM_UP) {
        load->cpu_started_us = cpu_us();
        load->wall_started_us = now_us();
    }
}

static inline int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static inline void load_print(struct load *load) {
    double cpu = cpu_us() - load->cpu_started_us, wall = now_us() - load->wall_started_us;
    long measured = load->requests - WARM_UP;
    qsort(load->took_us + WARM_UP, (size_t)measured, sizeof(double), ascending);
    printf("{\"requests\": %ld, \"cpu_us\": %.3f, \"wall_us\": %.3f, \"p50_us\": %.1f, "
           "\"rps\": %.1f}\n",
           measured, cpu / (double)measured, wall / (double)measured,
           load->took_us[WARM_UP + measured / 2], (double)measured / wall * 1e6);
    free(load->started_us);
    free(load->took_us);
}

#endif
