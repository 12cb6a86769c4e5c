/* daemon.c - an epoll daemon: who connects to its socket asks for traces, whose rows go to a file.
 *
 *     cc daemon.c -o daemon $(pkg-config --cflags --libs tracevault-c)
 *     ./daemon SOCKET ROWS VAULT KEYFILE TENANT [NAME=VALUE]...
 *     printf '4jXtPB72Kpz7S8D\n' | nc -UN SOCKET
 *
 * Each line that comes over the socket is a reference. When its trace has come, the trace's rows (ECS,
 * JSON lines, none longer than 16 KiB) go to the end of ROWS, all or none of them, and who asked is
 * answered with one line: REFERENCE STATUS, or REFERENCE NOT_WRITTEN when the disk took no more.
 *
 * One thread and one epoll: the engine's descriptor is one among the daemon's own, and nothing blocks.
 * SIGHUP opens ROWS anew, for logrotate. SIGTERM ends: what is under way is answered first. A client that
 * reads no answers or sends a line without an end is cut off. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <tv_owned.h>
#include <tv_walk.h>
#include <unistd.h>

enum { CLIENTS = 64, ASKED = 1024, REFERENCE = 264, ROW = 16 * 1024 };
/* What epoll tells beside the number of a client. */
enum { LISTENER = CLIENTS, SIGNALS, ENGINE };

typedef struct client {
    int fd;            /* -1: the place is free */
    unsigned visitor;  /* who has the place now: answers for the one before him are dropped */
    size_t have;       /* bytes of a line that has no end yet */
    char line[REFERENCE];
} client;

/* A request under way; its place is the request's tag. */
typedef struct question {
    int is_busy, from;
    unsigned visitor;
    char reference[REFERENCE];
} question;

static client clients[CLIENTS];
static question asked[ASKED];
static size_t under_way;
static int poller, listener, signals, rows_fd = -1;
static const char *rows_path;
static tv_engine *engine;
static tv_tenant *tenant;

/* ---- rows */

static int open_rows(void) {
    int fd = open(rows_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(rows_path); /* the old file goes on */
        return -1;
    }
    if (rows_fd >= 0) close(rows_fd);
    rows_fd = fd;
    return 0;
}

static int put(const char *data, size_t len) {
    return write(rows_fd, data, len) == (ssize_t)len ? 0 : -1;
}

/* All rows of a trace, or none: a full disk takes a part of a row, too. */
static const char *write_rows(tv_result *result) {
    static char row[ROW + 1];
    tv_walk rows;
    struct stat before;
    tv_status s = tv_result_status(result);
    if (s || (s = tv_result_walk(result, "ecs", TV_NUL, &rows, NULL))) return tv_status_name(s);
    if (fstat(rows_fd, &before) != 0) return "NOT_WRITTEN";
    for (tv_place one = tv_whole(&rows); tv_there(one); one = tv_next(one)) {
        (void)tv_write_bounded(one, row, ROW);
        size_t len = strlen(row);
        row[len] = '\n';
        if (len == 0 || put(row, len + 1) != 0) {
            if (ftruncate(rows_fd, before.st_size) != 0) perror(rows_path);
            return "NOT_WRITTEN";
        }
    }
    return tv_status_name(TV_OK);
}

/* ---- clients */

static int watch(int fd, uint32_t number) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = number}};
    return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void leave(client *it) {
    close(it->fd);
    it->fd = -1;
    it->visitor++;
}

static void answer(int number, unsigned visitor, const char *reference, const char *word) {
    client *it = &clients[number];
    char text[REFERENCE + 64];
    int len = snprintf(text, sizeof text, "%s %s\n", reference, word);
    if (it->fd < 0 || it->visitor != visitor) return;
    if (send(it->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len) leave(it);
}

static void ask(int number, const char *reference) {
    TV_OWNED(tv_request) request = NULL;
    size_t place = 0;
    tv_status s = TV_E_QUEUE_FULL;
    while (place < ASKED && asked[place].is_busy) place++;
    if (place == ASKED ||
        (s = tv_request_trace(NULL, 0, reference, TV_NUL, &request, NULL)) ||
        (s = tv_engine_submit(engine, tenant, request, place, NULL, NULL))) {
        answer(number, clients[number].visitor, reference, tv_status_name(s));
        return;
    }
    asked[place] = (question){.is_busy = 1, .from = number, .visitor = clients[number].visitor};
    snprintf(asked[place].reference, REFERENCE, "%s", reference);
    under_way++;
}

/* What a client sent: lines, and the beginning of the next one. */
static void hear(int number) {
    client *it = &clients[number];
    unsigned visitor = it->visitor;
    ssize_t got = recv(it->fd, it->line + it->have, sizeof it->line - 1 - it->have, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return; /* the event was for who had the place before */
    if (got <= 0) {
        leave(it);
        return;
    }
    it->have += (size_t)got;
    char *begin = it->line, *end;
    while ((end = memchr(begin, '\n', it->have - (size_t)(begin - it->line))) != NULL) {
        *end = '\0';
        if (end > begin) ask(number, begin);
        if (it->visitor != visitor) return; /* cut off while he was answered */
        begin = end + 1;
    }
    it->have -= (size_t)(begin - it->line);
    memmove(it->line, begin, it->have);
    if (it->have == sizeof it->line - 1) leave(it);
}

static void welcome(void) {
    int number = 0, fd = accept(listener, NULL, NULL);
    if (fd < 0) return;
    while (number < CLIENTS && clients[number].fd >= 0) number++;
    if (number == CLIENTS || watch(fd, (uint32_t)number) != 0) {
        close(fd);
        return;
    }
    clients[number].fd = fd;
    clients[number].have = 0;
}

/* ---- the engine */

static tv_status take_results(tv_error **e) {
    for (;;) {
        TV_OWNED(tv_result) result = NULL;
        tv_status s = tv_engine_take(engine, 0, &result, e);
        if (s != TV_OK || result == NULL) return s;
        if (tv_result_kind(result) != TV_RESULT_TRACE) continue; /* a notice, for nobody */
        question *its = &asked[tv_result_tag(result) % ASKED];
        answer(its->from, its->visitor, its->reference, write_rows(result));
        its->is_busy = 0;
        under_way--;
    }
}

/* Until SIGTERM has come and every question is answered. */
static tv_status run(tv_error **e) {
    int is_ending = 0;
    tv_status s = TV_OK;
    while (s == TV_OK && (!is_ending || under_way > 0)) {
        struct epoll_event events[16];
        int count = epoll_wait(poller, events, 16, -1);
        for (int i = 0; i < count && s == TV_OK; i++) {
            uint32_t number = events[i].data.u32;
            struct signalfd_siginfo signal;
            if (number == ENGINE) {
                s = take_results(e);
            } else if (number == LISTENER) {
                welcome();
            } else if (number == SIGNALS) {
                if (read(signals, &signal, sizeof signal) != sizeof signal) continue;
                if (signal.ssi_signo == SIGHUP) (void)open_rows();
                else is_ending = 1;
            } else if (clients[number].fd >= 0) {
                hear((int)number);
            }
        }
        if (is_ending && listener >= 0) {
            close(listener);
            listener = -1;
        }
    }
    return s;
}

/* ---- the beginning */

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    (void)unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    return listen(listener, CLIENTS);
}

static int prepare(const char *socket_path) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before the library makes a thread */
    for (int i = 0; i < CLIENTS; i++) clients[i].fd = -1;
    poller = epoll_create1(EPOLL_CLOEXEC);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (poller < 0 || signals < 0 || open_rows() != 0 || listen_at(socket_path) != 0 ||
        watch(listener, LISTENER) != 0 || watch(signals, SIGNALS) != 0) {
        perror(socket_path);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fputs("usage: daemon SOCKET ROWS VAULT KEYFILE TENANT [NAME=VALUE]...\n", stderr);
        return 2;
    }
    rows_path = argv[2];
    if (prepare(argv[1]) != 0) return 1;
    TV_OWNED(tv_error) e = NULL;
    TV_OWNED(tv_config) config = NULL;
    TV_OWNED(tv_unlock) unlock = NULL;
    TV_OWNED(tv_vault) vault = NULL;
    int fd = -1;
    tv_status s = tv_config_new(&config, &e);
    for (int i = 6; s == TV_OK && i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        size_t name_len = value != NULL ? (size_t)(value - argv[i]) : strlen(argv[i]);
        s = tv_config_set(config, argv[i], name_len, value != NULL ? value + 1 : "", TV_NUL, &e);
    }
    if (s || (s = tv_unlock_keyfile(argv[4], TV_NUL, &unlock, &e)) ||
        (s = tv_vault_open(argv[3], TV_NUL, unlock, config, &vault, &e)) ||
        (s = tv_tenant_open(vault, argv[5], TV_NUL, &tenant, &e)) ||
        (s = tv_engine_new(config, &engine, &e)) || (s = tv_engine_fd(engine, &fd, &e)) ||
        (s = watch(fd, ENGINE) == 0 ? TV_OK : TV_E_IO) || (s = run(&e)))
        fprintf(stderr, "daemon: %s: %s\n", tv_status_name(s),
                e != NULL ? tv_error_message(e, NULL) : strerror(errno));
    tv_engine_free(engine);
    tv_tenant_free(tenant);
    return s != TV_OK;
}
