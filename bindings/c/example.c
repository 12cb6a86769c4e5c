/* example.c - a complete program: fetches delivery traces and prints each message's path.
 *
 *     cc example.c tv_trace.c -o example $(pkg-config --cflags --libs tracevault)
 *
 * First what happened: who got it, when, what the next server said, where the time went, where to
 * look next. Then the lines. It holds no Cloudflare secret: the vault does, and the engine uses it. All requests go out at
 * once; poll() on the engine's descriptor waits for them, as an event loop would. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tracevault.h>
#include <unistd.h>

#include "tv_trace.h"

enum { EXIT_ALL_TRACED = 0, EXIT_SOME_FAILED = 1, EXIT_USAGE = 2, EXIT_SETUP = 3 };
enum { KEY_LEN = 32 };

static const char usage[] =
    "usage: example [-a ACCOUNT] [-w SECONDS] [-o NAME=VALUE]... VAULT KEYFILE TENANT MESSAGE...\n"
    "\n"
    "Prints the delivery path of each MESSAGE (investigate id, postfix id or alert id).\n"
    "\n"
    "  VAULT       vault file\n"
    "  KEYFILE     file of exactly 32 bytes, closed to others: the vault's raw key\n"
    "  TENANT      whose accounts to use\n"
    "  -a ACCOUNT  account id; may be left out when the tenant has one account\n"
    "  -w SECONDS  while a trace is still pending, ask again for so long\n"
    "  -o NAME=VALUE  a setting of the library, see docs/CONFIGURATION.md\n"
    "\n"
    "exit codes: 0 every trace came, 1 some did not, 2 wrong usage,\n"
    "            3 the vault, a setting or the engine failed\n";

typedef struct options {
    const char *account;
    char wait_ms[24]; /* "" when not asked for */
    char deadline_ms[24];
    tv_config *config;
} options;

/* Whether a character steers a terminal, turns the direction of writing, hides or ends a line. */
static int is_mark(unsigned long c) {
    static const unsigned long ranges[][2] = {
        {0, 0x1f},          {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return 1;
    return 0;
}

/* Writes text that comes from outside, such as a log line, a tenant's name or a word of the command
 * line. It is UTF-8; marks are shown as \xNN or \u{NNNN}, and so is what is no UTF-8. */
static void write_text(FILE *to, const char *data, size_t len) {
    for (size_t i = 0, size; i < len; i += size) {
        const unsigned char *at = (const unsigned char *)data + i;
        size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
        unsigned long c = size < 2 ? *at : *at & (0xffu >> (size + 1));
        int is_whole = size > 0 && size <= len - i;
        for (size_t k = 1; is_whole && k < size; k++) {
            is_whole = (at[k] & 0xc0) == 0x80;
            c = c << 6 | (at[k] & 0x3fu);
        }
        if (!is_whole) {
            size = 1;
            fprintf(to, "\\x%02x", *at);
        } else if (is_mark(c)) {
            fprintf(to, c < 0x100 ? "\\x%02lx" : "\\u{%lx}", c);
        } else {
            fwrite(at, 1, size, to);
        }
    }
}

static void print_text(const char *data, size_t len) { write_text(stdout, data, len); }

/* Begins a line on standard error, with something that the caller named at its end. */
static void begin_error(const char *words, const char *named) {
    fprintf(stderr, "example: %s", words);
    write_text(stderr, named, strlen(named));
}

/* Prints "what: NAME: message" for a failed call, frees the error, gives 0 for success. Takes the
 * error's address: in failed(what, call(&error), error) C may read `error` before the call. */
static int failed(const char *what, tv_status status, tv_error **error) {
    if (status == TV_OK) return 0;
    begin_error("", what);
    fprintf(stderr, ": %s: %s\n", tv_status_name(status),
            *error != NULL ? tv_error_message(*error, NULL) : "no more is known");
    tv_error_free(*error);
    *error = NULL;
    return 1;
}

static void print_block(const char *direction, const tv_trace_block *block) {
    for (size_t i = 0; i < block->line_count; i++) {
        const tv_trace_line *line = &block->lines[i];
        const char *at = line->at != NULL ? line->at : line->at_raw;
        printf("  %-8s  ", direction);
        print_text(at != NULL ? at : "(no time)", at != NULL ? strlen(at) : 9);
        printf("  ");
        if (line->message != NULL) print_text(line->message, line->message_len);
        putchar('\n');
    }
    if (block->line_count == 0) printf("  %-8s  (no lines)\n", direction);
    if (block->pending == TV_TRACE_YES) printf("  %-8s  … more is still to come\n", direction);
}

/* Prints ` WORD TEXT`, or nothing without the text. */
static void print_part(const char *word, const char *text) {
    if (text == NULL) return;
    printf(" %s ", word);
    print_text(text, strlen(text));
}

/* A recipient's state in words that promise no more than the log does. */
static const char *in_words(const char *state) {
    static const char *const words[][2] = {
        {"sent", "accepted by the next hop"},
        {"deferred", "not delivered yet, to be tried again"},
        {"bounced", "not delivered, returned to the sender"},
        {"expired", "not delivered in time, returned to the sender"},
        {"rejected", "rejected"},
        {"queued", "in a queue, no outcome yet"},
        {"held", "held in quarantine"},
        {"discarded", "discarded"},
        {"expanded", "replaced by the recipients of an alias"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(state, words[i][0]) == 0) return words[i][1];
    return state;
}

/* Prints where most of a hop's time went, when it took any. */
static void print_delay(const tv_trace_hop *hop) {
    if (hop->delay_s < 0 || hop->slowest == NULL) return;
    const char *where = "sending it";
    double took = hop->delay_transmission_s;
    if (strcmp(hop->slowest, "before_qmgr") == 0) {
        where = "before the queue manager";
        took = hop->delay_before_qmgr_s;
    } else if (strcmp(hop->slowest, "in_qmgr") == 0) {
        where = "in the active queue";
        took = hop->delay_in_qmgr_s;
    } else if (strcmp(hop->slowest, "conn_setup") == 0) {
        where = "connecting to the next hop";
        took = hop->delay_conn_setup_s;
    }
    printf("  time       ");
    print_text(hop->queue_id, strlen(hop->queue_id));
    printf(" took %g s, %g s of it %s\n", hop->delay_s, took, where);
}

/* Who got it, when, what the next server said, where the time went, where to look next. */
static void print_summary(const tv_trace_summary *summary) {
    for (size_t i = 0; i < summary->recipient_count; i++) {
        const tv_trace_recipient *one = &summary->recipients[i];
        printf("  recipient  ");
        print_text(one->address, strlen(one->address));
        printf(":");
        const char *words = in_words(one->state);
        printf(" ");
        print_text(words, strlen(words));
        print_part("at", one->at);
        print_part("by", one->relay);
        print_part("which said:", one->reply);
        putchar('\n');
    }
    if (summary->recipient_count == 0 && summary->state != NULL) {
        printf("  state      ");
        print_text(summary->state, strlen(summary->state));
        printf(", no recipient is known\n");
    }
    for (size_t i = 0; i < summary->hop_count; i++) print_delay(&summary->hops[i]);
    for (size_t i = 0; i < summary->next_count; i++) {
        const tv_trace_next *next = &summary->next[i];
        if (next->in_trace == TV_TRACE_YES) continue;
        printf("  look for   ");
        print_text(next->id, strlen(next->id));
        print_part("as", next->kind);
        putchar('\n');
    }
}

static int print_trace(const char *message, tv_result *result) {
    tv_walk walk;
    tv_error *error = NULL;
    tv_status status = tv_result_walk(result, "trace", 5, &walk, &error);
    if (failed(message, status, &error)) return 0;

    tv_trace *trace = NULL;
    char reason[200];
    if (tv_trace_read(&walk, &trace, reason, sizeof reason) != TV_TRACE_OK) {
        begin_error("", message);
        fprintf(stderr, ": %s\n", reason);
        return 0;
    }
    const char *tenant = trace->tenant != NULL ? trace->tenant : "?";
    print_text(message, strlen(message));
    printf("  tenant ");
    print_text(tenant, strlen(tenant));
    printf(", account %s, %s\n", trace->account_id != NULL ? trace->account_id : "?",
           trace->complete == TV_TRACE_YES ? "complete" : "not complete yet");
    print_summary(&trace->summary);
    print_block("inbound", &trace->inbound);
    print_block("outbound", &trace->outbound);
    for (size_t i = 0; i < trace->warning_count; i++) {
        const char *path = trace->warnings[i].path != NULL ? trace->warnings[i].path : "?";
        printf("  warning   %s at ", trace->warnings[i].code);
        print_text(path, strlen(path));
        putchar('\n');
    }
    tv_trace_free(trace);
    return 1;
}

/* Prints the outcome of one request; 1 when its trace came. The tag is its place in `messages`. */
static int print_result(char **messages, tv_result *result) {
    const char *message = messages[tv_result_tag(result)];
    if (tv_result_status(result) == TV_OK) return print_trace(message, result);
    tv_error *failure = NULL;
    tv_error *error = NULL;
    tv_status status = tv_result_error(result, &failure, &error);
    if (failed(message, status, &error)) return 0;
    failed(message, tv_result_status(result), &failure);
    return 0;
}

/* Takes every result that waits. 0 when the engine failed. */
static int drain(tv_engine *engine, char **messages, size_t *open, size_t *traced) {
    for (;;) {
        tv_result *result = NULL;
        tv_error *error = NULL;
        if (failed("take", tv_engine_take(engine, 0, &result, &error), &error)) return 0;
        if (result == NULL) return 1;
        if (tv_result_kind(result) == TV_RESULT_TRACE) {
            *traced += (size_t)print_result(messages, result);
            *open -= 1;
        }
        tv_result_free(result);
    }
}

/* Submits one message: 1 queued, 0 not now because the queue is full, -1 failed (and said so). */
static int submit(tv_engine *engine, const tv_tenant *tenant, const options *opt, char **messages,
                  size_t index) {
    const char *message = messages[index];
    tv_request *request = NULL;
    tv_error *error = NULL;
    if (failed(message,
               tv_request_trace(opt->account, strlen(opt->account), message, strlen(message),
                                &request, &error),
               &error))
        return -1;
    /* More than the quota gives at once: their wait for it is not counted in the deadline. */
    tv_status status = tv_request_set(request, "patient", TV_NUL, "true", TV_NUL, &error);
    if (status == TV_OK) status = tv_request_set(request, "priority", TV_NUL, "bulk", TV_NUL, &error);
    if (status == TV_OK && *opt->wait_ms != '\0') {
        status = tv_request_set(request, "wait_ms", 7, opt->wait_ms, strlen(opt->wait_ms), &error);
        if (status == TV_OK)
            status = tv_request_set(request, "deadline_ms", 11, opt->deadline_ms,
                                    strlen(opt->deadline_ms), &error);
    }
    if (status == TV_OK) status = tv_engine_submit(engine, tenant, request, index, NULL, &error);
    tv_request_free(request);
    if (status == TV_E_QUEUE_FULL) {
        tv_error_free(error);
        return 0;
    }
    return failed(message, status, &error) ? -1 : 1;
}

static int trace_all(tv_engine *engine, const tv_tenant *tenant, const options *opt,
                     char **messages, size_t count) {
    int fd = -1;
    tv_error *error = NULL;
    if (failed("engine", tv_engine_fd(engine, &fd, &error), &error)) return EXIT_SETUP;

    size_t next = 0;   /* the first message not yet submitted */
    size_t open = 0;   /* submitted, result not yet taken */
    size_t traced = 0; /* traces printed */
    while (next < count || open > 0) {
        int queued = 1;
        while (next < count && (queued = submit(engine, tenant, opt, messages, next)) != 0) {
            next += 1;
            if (queued > 0) open += 1;
        }
        if (open == 0) break;
        struct pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
        poll(&waiting, 1, -1); /* a signal only makes the loop go round once more */
        if (!drain(engine, messages, &open, &traced)) return EXIT_SETUP;
    }
    return traced == count ? EXIT_ALL_TRACED : EXIT_SOME_FAILED;
}

/* Why a key file is refused, as tv_unlock_keyfile() does; NULL when it may be used. */
static const char *why_unsafe(const struct stat *file) {
    if (!S_ISREG(file->st_mode)) return "it is no regular file";
    if (file->st_uid != geteuid() && file->st_uid != 0) return "it belongs to another user";
    if (file->st_nlink != 1) return "it has a second name elsewhere: copy it instead";
    if ((file->st_mode & 077) != 0) return "others may read or write it: chmod 0400 it";
    return NULL;
}

static void refuse_key(const char *path, const char *reason) {
    begin_error("key file: ", path);
    fprintf(stderr, ": %s\n", reason);
}

/* Opens the key file; -1, and said why, when that fails or others could know or choose the key. */
static int open_key(const char *path) {
    struct stat file;
    const char *reason;
    /* O_NONBLOCK: a pipe in the file's place makes nobody wait. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        reason = errno == ELOOP ? "it is a symbolic link: name the file itself" : strerror(errno);
    else
        reason = fstat(fd, &file) != 0 ? strerror(errno) : why_unsafe(&file);
    if (reason == NULL) return fd;
    refuse_key(path, reason);
    if (fd >= 0) close(fd);
    return -1;
}

/* Reads the key file and hands it to the library; the copy here is wiped. */
static tv_unlock *read_key(const char *path) {
    unsigned char key[KEY_LEN + 1]; /* one more, to notice a longer file */
    int fd = open_key(path);
    if (fd < 0) return NULL;
    ssize_t len = read(fd, key, sizeof key); /* no stdio: its buffer would be a second copy */
    if (len < 0) refuse_key(path, strerror(errno));
    close(fd);
    if (len < 0) return NULL;
    tv_unlock *unlock = NULL;
    tv_error *error = NULL;
    tv_status status = tv_unlock_key(key, (size_t)len, &unlock, &error);
    explicit_bzero(key, sizeof key);
    return failed("key file", status, &error) ? NULL : unlock;
}

static int run(const char *path, const char *key_path, const char *tenant_name, const options *opt,
               char **messages, size_t count) {
    tv_error *error = NULL;
    tv_vault *vault = NULL;
    tv_tenant *tenant = NULL;
    tv_engine *engine = NULL;
    int code = EXIT_SETUP;
    tv_unlock *unlock = read_key(key_path);
    if (unlock == NULL) return code;
    tv_status status = tv_vault_open(path, strlen(path), unlock, opt->config, &vault, &error);
    tv_unlock_free(unlock); /* the vault keeps what it needs */
    if (failed(path, status, &error)) return code;
    status = tv_tenant_open(vault, tenant_name, strlen(tenant_name), &tenant, &error);
    if (failed(tenant_name, status, &error)) {
        tv_vault_free(vault);
        return code;
    }
    if (!failed("engine", tv_engine_new(opt->config, &engine, &error), &error)) {
        code = trace_all(engine, tenant, opt, messages, count);
        tv_engine_free(engine);
    }
    tv_tenant_free(tenant);
    tv_vault_free(vault); /* open until here: a tenant learns of rotations from it */
    return code;
}

/* Takes "NAME=VALUE" into the configuration; an exit code, 0 when fine. */
static int set_option(options *opt, const char *text) {
    const char *equals = strchr(text, '=');
    tv_error *error = NULL;
    if (equals == NULL) {
        begin_error("-o needs NAME=VALUE, not ", text);
        fputc('\n', stderr);
        return EXIT_USAGE;
    }
    tv_status status = tv_config_set(opt->config, text, (size_t)(equals - text), equals + 1,
                                     strlen(equals + 1), &error);
    return failed(text, status, &error) ? EXIT_SETUP : 0;
}

static int set_wait(options *opt, const char *seconds) {
    char *end = NULL;
    unsigned long value = strtoul(seconds, &end, 10);
    if (*seconds < '0' || *seconds > '9' || *end != '\0' || value > 86000) {
        begin_error("-w needs 0 to 86000 seconds, not ", seconds);
        fputc('\n', stderr);
        return EXIT_USAGE;
    }
    /* The deadline leaves room for the answer after the wait. */
    snprintf(opt->wait_ms, sizeof opt->wait_ms, "%lu", value * 1000);
    snprintf(opt->deadline_ms, sizeof opt->deadline_ms, "%lu", (value + 120) * 1000);
    return 0;
}

static int parse_and_run(int argc, char **argv, options *opt) {
    int letter;
    int code = 0;
    opterr = 0; /* the usage says it, and no letter of a stranger's reaches the terminal */
    while (code == 0 && (letter = getopt(argc, argv, "a:w:o:h")) != -1) {
        switch (letter) {
        case 'a': opt->account = optarg; break;
        case 'w': code = set_wait(opt, optarg); break;
        case 'o': code = set_option(opt, optarg); break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return EXIT_USAGE;
        }
    }
    if (code != 0) return code;
    if (argc - optind < 4) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run(argv[optind], argv[optind + 1], argv[optind + 2], opt, argv + optind + 3,
               (size_t)(argc - optind - 3));
}

int main(int argc, char **argv) {
    if (tv_abi() != TV_ABI) {
        fprintf(stderr, "example: made for ABI %d, the library speaks %" PRId32 "\n", TV_ABI,
                tv_abi());
        return EXIT_SETUP;
    }
    options opt = {.account = "", .wait_ms = "", .deadline_ms = "", .config = NULL};
    tv_error *error = NULL;
    if (failed("settings", tv_config_new(&opt.config, &error), &error)) return EXIT_SETUP;
    int code = parse_and_run(argc, argv, &opt);
    tv_config_free(opt.config);
    return code;
}
