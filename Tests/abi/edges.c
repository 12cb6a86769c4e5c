/* edges.c - replies in memory of exactly their size: nothing beside it is looked at.
 *
 * The program's own malloc puts each text against a page that cannot be read: behind it, or with
 * the argument "before", before it. A look beyond ends the program, and so does one at what is free
 * again. Every text here is larger than SMALLEST; objects that are larger are of whole words. */
#include "test.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 1 << 20, SMALLEST = 300 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static char *arena; /* PAGES pages, none of which can be read at first */
static size_t used; /* pages given away; never again */
static size_t sizes[PAGES];
static int guarding;
static int before;
static size_t guarded_blocks;

static int is_guarded(const void *block) {
    return arena != NULL && (const char *)block >= arena &&
           (const char *)block < arena + (size_t)PAGES * PAGE;
}

static size_t pages_for(size_t size) {
    return (size + PAGE - 1) / PAGE;
}

/* NULL when the block is not one of a text, or the arena is full. */
static void *guarded(size_t size) {
    if (!guarding || size <= SMALLEST || used + pages_for(size) + 2 > PAGES) return NULL;
    char *start = arena + (used + 1) * PAGE;
    size_t pages = pages_for(size);
    if (mprotect(start, pages * PAGE, PROT_READ | PROT_WRITE) != 0) return NULL;
    sizes[used + 1] = size;
    used += pages + 1;
    guarded_blocks++;
    return before ? start : start + pages * PAGE - size;
}

void *malloc(size_t size) {
    void *block = guarded(size);
    return block != NULL ? block : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return __libc_calloc(count, size);
}

static size_t page_of(const void *block) {
    return (size_t)((const char *)block - arena) / PAGE;
}

void free(void *block) {
    if (!is_guarded(block)) {
        __libc_free(block);
        return;
    }
    size_t page = page_of(block);
    size_t length = pages_for(sizes[page]) * PAGE;
    madvise(arena + page * PAGE, length, MADV_DONTNEED);
    mprotect(arena + page * PAGE, length, PROT_NONE);
}

void *realloc(void *block, size_t size) {
    if (!is_guarded(block)) {
        void *made = block == NULL ? guarded(size) : NULL;
        return made != NULL ? made : __libc_realloc(block, size);
    }
    size_t old = sizes[page_of(block)];
    void *made = malloc(size);
    if (made == NULL) return NULL;
    memcpy(made, block, old < size ? old : size);
    free(block);
    return made;
}

/* ---- What is decoded ------------------------------------------------------------------------ */

enum { LONGEST = 80, ROOM = 4096 };

static const char *const lines[] = {
    "postfix/smtp[70412]: 4Njp3P0STMz2c02Q: to=<anna@acme.example>, relay=mx.acme.example[192.0.2.9]:25, "
    "conn_use=3, delay=3661, delays=3600/0.02/1.1/60, tls=dane, dsn=2.0.0, status=sent (250 Ok: "
    "queued as 4Njp3Q1n8zz2c0B7)",
    "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 550 5.1.1 <b@c.example>: no; "
    "from=<\\\"; from=<x>\\\"@d.example> to=<b@c.example> proto=ESMTP helo=<a.example>",
    "7EE668039: message-id=<20261120090000.7EE668039@acme.example>",
    "postfix/smtpd[1234567]: disconnect from a.example[192.0.2.1] ehlo=1 mail=1 rcpt=0/1 commands=2/3",
    "\xC3\xA9\xF0\x9F\x98\x80 \\u00e9 \\ud83d\\ude00 0123456789abcdefABCDEF0123456789abcdefABCDEF",
};

/* The first bytes of a text, not within a character or an escape; how many. */
static size_t cut(const char *text, size_t length) {
    size_t at = 0;
    while (text[at] != '\0') {
        size_t step = 1;
        if (text[at] == '\\') step = text[at + 1] == 'u' ? 6 : 2;
        if (text[at] == '\\' && strncmp(text + at, "\\ud8", 4) == 0) step = 12;
        while ((text[at + step] & 0xC0) == 0x80) step++;
        if (at + step > length) break;
        at += step;
    }
    return at;
}

/* Decodes a reply, and reads the views of one that is a trace. */
static tv_status decode(const char *reply, size_t length) {
    tv_document *document = NULL;
    guarding = 1;
    tv_status status = tv_document_decode(reply, length, &document, NULL);
    static const char *const views[] = {"trace", "raw", "ecs", "ocsf"};
    for (size_t i = 0; status == TV_OK && i < sizeof views / sizeof *views; i++) {
        const char *view = NULL;
        size_t view_len = 0;
        status = tv_document_view(document, views[i], strlen(views[i]), &view, &view_len, NULL);
    }
    tv_document_free(document);
    guarding = 0;
    return status;
}

/* Larger than what a text's memory has at least, so that there is no room behind it. */
static size_t begin_reply(char *reply) {
    memset(reply, ' ', SMALLEST);
    return SMALLEST;
}

static size_t reply_of(char *reply, const char *line, size_t length) {
    size_t at = begin_reply(reply);
    return at + (size_t)snprintf(reply + at, ROOM - at,
                                 "{\"success\":true,\"result\":{\"inbound\":{\"lines\":[{\"message\":"
                                 "\"%.*s\",\"logged_at\":\"2026-11-20T09:00:00Z\"}]}}}",
                                 (int)length, line);
}

PROMISE(a_reply_of_any_length_is_read_to_its_end_and_no_further) {
    char reply[ROOM];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        for (size_t length = 0; length <= strlen(lines[i]); length++) {
            size_t whole = reply_of(reply, lines[i], cut(lines[i], length));
            tv_status status = decode(reply, whole);
            if (status != TV_OK) FAIL("line %zu, %zu bytes: status %d", i, length, (int)status);
        }
    }
    CHECK(guarded_blocks > 0);
}

PROMISE(a_string_that_ends_with_the_memory_is_cut_short) {
    char reply[ROOM];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        for (size_t length = 0; length <= LONGEST; length++) {
            size_t at = begin_reply(reply), taken = cut(lines[i], length);
            reply[at] = '"';
            memcpy(reply + at + 1, lines[i], taken);
            CHECK(decode(reply, at + 1 + taken) == TV_E_REPLY_TRUNCATED);
        }
    }
}

PROMISE(a_reply_cut_anywhere_is_cut_short) {
    char reply[ROOM];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t whole = reply_of(reply, lines[i], strlen(lines[i]));
        for (size_t length = SMALLEST + 1; length < whole; length++)
            CHECK(decode(reply, length) == TV_E_REPLY_TRUNCATED);
    }
}

int main(int argc, char **argv) {
    before = argc > 1 && strcmp(argv[1], "before") == 0;
    begin(1, argv);
    char *made = mmap(NULL, (size_t)PAGES * PAGE, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
        printf("no room for the arena\n");
        return 1;
    }
    arena = made;
    RUN(a_reply_of_any_length_is_read_to_its_end_and_no_further);
    RUN(a_string_that_ends_with_the_memory_is_cut_short);
    RUN(a_reply_cut_anywhere_is_cut_short);
    return finish();
}
