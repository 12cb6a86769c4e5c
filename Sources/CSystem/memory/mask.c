/* mask.c - finds a secret in a reply, however it is written there, and overwrites it.
 *
 * Knows JSON's escapes (also those of JSON text inside a JSON string) and URLs' %XX, because the
 * text is decoded later. A part of the secret of 16 characters counts as well. A text is read
 * character by character only when something in it may be such a part. */
#define _GNU_SOURCE
#include "tv_system.h"

#include <endian.h>
#include <string.h>

enum {
    PART = 16,              /* so many characters of the secret in a row are found */
    GRAM = PART / 2,        /* looked at together; a part has every GRAM of its own */
    STEP = PART - GRAM + 1, /* one of so many places in a row is looked at */
    MOST = 512,             /* characters of a secret that are looked for */
    TABLE = 2 * MOST,       /* places of the table for a secret of that many characters */
    MOST_ESCAPES = 1 << 12, /* more are quicker read than looked at one by one */
};

/* Only the first `size` places of each table are made and wiped: for a token that is a twelfth, and
 * every reply needs them. */
typedef struct {
    const uint8_t *bytes;
    size_t size; /* a power of two, at least two for each character */
    bool letters[256];
    uint16_t places[TABLE]; /* of each gram: one more than where it stands; 0 where none is */
    uint16_t parts[TABLE];  /* the same of each part, which is two grams */
} wanted;

static uint64_t load(const uint8_t *at) {
    uint64_t gram;
    memcpy(&gram, at, sizeof gram);
    return le64toh(gram);
}

static inline size_t slot(const wanted *secret, uint64_t gram) {
    return (size_t)(gram * 0x9E3779B97F4A7C15U >> 54) & (secret->size - 1);
}

static inline size_t after(const wanted *secret, size_t at) {
    return (at + 1) & (secret->size - 1);
}

static inline bool has(const wanted *secret, uint64_t gram) {
    for (size_t at = slot(secret, gram); secret->places[at] != 0; at = after(secret, at))
        if (load(secret->bytes + secret->places[at] - 1) == gram) return true;
    return false;
}

static size_t part_slot(const wanted *secret, uint64_t first, uint64_t second) {
    return slot(secret, first ^ (second << 31 | second >> 33));
}

/* Whether the secret has a part of these two grams. Grams alone do not tell: one that repeats a
 * character is found again and again in a longer run of it. */
static inline bool has_part(const wanted *secret, uint64_t first, uint64_t second) {
    size_t at = part_slot(secret, first, second);
    for (; secret->parts[at] != 0; at = after(secret, at)) {
        const uint8_t *part = secret->bytes + secret->parts[at] - 1;
        if (load(part) == first && load(part + GRAM) == second) return true;
    }
    return false;
}

static void prepare(wanted *out, const uint8_t *secret, size_t length) {
    if (length > MOST) length = MOST;
    out->bytes = secret;
    for (out->size = 64; out->size < 2 * length;) out->size *= 2;
    memset(out->letters, 0, sizeof out->letters);
    memset(out->places, 0, out->size * sizeof *out->places);
    memset(out->parts, 0, out->size * sizeof *out->parts);
    for (size_t at = 0; at < length; at++) out->letters[secret[at]] = true;
    for (size_t at = 0; at + GRAM <= length; at++) {
        uint64_t gram = load(secret + at);
        if (has(out, gram)) continue;
        size_t free = slot(out, gram);
        while (out->places[free] != 0) free = after(out, free);
        out->places[free] = (uint16_t)(at + 1);
    }
    for (size_t at = 0; at + PART <= length; at++) {
        uint64_t first = load(secret + at), second = load(secret + at + GRAM);
        if (has_part(out, first, second)) continue;
        size_t free = part_slot(out, first, second);
        while (out->parts[free] != 0) free = after(out, free);
        out->parts[free] = (uint16_t)(at + 1);
    }
}

static void wipe(wanted *secret) {
    explicit_bzero(secret->letters, sizeof secret->letters);
    explicit_bzero(secret->places, secret->size * sizeof *secret->places);
    explicit_bzero(secret->parts, secret->size * sizeof *secret->parts);
}

/* ---- One character of the text, and how many bytes it takes --------------------------------- */

typedef size_t (*reading)(const uint8_t *at, const uint8_t *end, uint8_t *letter);

static int hex(uint8_t digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

#define INLINE static inline __attribute__((always_inline))

/* Hexadecimal digits, each perhaps an escape itself; 0 when they are none or the text ends. */
INLINE size_t digits(
    reading one, int count, const uint8_t *at, const uint8_t *end, uint32_t *value
) {
    const uint8_t *from = at;
    *value = 0;
    for (; count > 0; count--) {
        uint8_t letter = 0;
        if (at >= end) return 0;
        at += one(at, end, &letter);
        int digit = hex(letter);
        if (digit < 0) return 0;
        *value = *value << 4 | (uint32_t)digit;
    }
    return (size_t)(at - from);
}

INLINE size_t as_it_is(const uint8_t *at, const uint8_t *end, uint8_t *letter) {
    (void)end;
    *letter = *at;
    return 1;
}

/* A secret has printable ASCII only: every other character is the same here. */
static uint8_t ascii(uint32_t value) { return value < 0x80 ? (uint8_t)value : 0xFF; }

INLINE size_t of_json(const uint8_t *at, const uint8_t *end, uint8_t *letter) {
    *letter = *at;
    if (*at != '\\' || end - at < 2) return 1;
    *letter = at[1];
    uint32_t value;
    size_t length = 0;
    if (at[1] == 'u') length = digits(as_it_is, 4, at + 2, end, &value);
    if (length > 0) *letter = ascii(value);
    else if (memchr("bfnrtu", at[1], 6) != NULL) *letter = 0xFF;
    return 2 + length;
}

/* JSON text in a JSON string, and in what that says, %XX. */
static size_t of_json_twice(const uint8_t *at, const uint8_t *end, uint8_t *letter) {
    size_t length = of_json(at, end, letter);
    if (*letter != '\\' || at + length >= end) return length;
    uint8_t second = 0;
    size_t more = of_json(at + length, end, &second);
    uint32_t value;
    size_t number = 0;
    if (second == 'u') number = digits(of_json, 4, at + length + more, end, &value);
    if (number > 0) *letter = ascii(value);
    else if (second == '/') *letter = second;
    else return length; /* never a quote: it may be where the string ends */
    return length + more + number;
}

static size_t of_escapes(const uint8_t *at, const uint8_t *end, uint8_t *letter) {
    size_t length = of_json_twice(at, end, letter);
    if (*letter != '%') return length;
    uint32_t value;
    size_t number = digits(of_json_twice, 2, at + length, end, &value);
    if (number > 0) *letter = ascii(value);
    return length + number;
}

INLINE size_t of_url(const uint8_t *at, const uint8_t *end, uint8_t *letter) {
    bool is_sign = *at == '\\' || *at == '%';
    return is_sign ? of_escapes(at, end, letter) : as_it_is(at, end, letter);
}

/* ---- The search ------------------------------------------------------------------------------ */

/* Whether \u stands for a character of the secret, or for one that makes other escapes. */
static bool is_odd(const wanted *secret, const uint8_t *at, const uint8_t *end) {
    uint8_t letter;
    size_t length = of_json(at, end, &letter);
    if (length < 6) return false;
    return secret->letters[letter] || hex(letter) >= 0 || memchr("u\\/%", letter, 4) != NULL;
}

/* Whether what begins here, read as often as a host may read it, is one of the secret. */
static bool is_part(const wanted *secret, const uint8_t *at, const uint8_t *end) {
    uint8_t letter;
    return of_escapes(at, end, &letter) > 2 && secret->letters[letter];
}

/* Whether there is an escape where an honest server needs none. */
static bool has_odd_escape(const wanted *secret, const uint8_t *bytes, size_t length) {
    const uint8_t *at = bytes, *end = bytes + length;
    for (int seen = 0; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; seen++) {
        if (end - at < 3) break;
        uint8_t next = at[1];
        if (seen >= MOST_ESCAPES || (next < 'a' && secret->letters[next])) return true;
        if (next == 'u' && at[2] == '0' && is_odd(secret, at, end)) return true;
        if (next == '\\' && (at[2] == '\\' || is_part(secret, at, end))) return true;
        at += 2;
    }
    at = bytes;
    for (int seen = 0; (at = memchr(at, '%', (size_t)(end - at))) != NULL; seen++) {
        if (seen >= MOST_ESCAPES || is_part(secret, at, end)) return true;
        at++;
    }
    return false;
}

static bool may_hold(const wanted *secret, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at + GRAM <= length; at += STEP)
        if (has(secret, load(bytes + at))) return true;
    return has_odd_escape(secret, bytes, length);
}

/* Finds every part, read in one way; overwrites them when `out` is the text itself. */
INLINE bool search(
    const wanted *secret, const uint8_t *bytes, size_t length, reading one, uint8_t *out
) {
    const uint8_t *at = bytes, *end = bytes + length, *starts[PART] = {0};
    uint64_t gram = 0, grams[GRAM] = {0};
    bool found = false;
    for (size_t units = 0; at < end; units++) {
        uint8_t letter = 0;
        starts[units % PART] = at;
        at += one(at, end, &letter);
        gram = gram >> 8 | (uint64_t)letter << 56;
        uint64_t before = grams[units % GRAM]; /* the one that ended where this one begins */
        grams[units % GRAM] = gram;
        if (units + 1 < PART || !has(secret, gram) || !has_part(secret, before, gram)) continue;
        found = true;
        if (out == NULL) return true;
        const uint8_t *from = starts[(units + 1) % PART];
        memset(out + (from - bytes), '*', (size_t)(at - from));
    }
    return found;
}

static bool work(
    const uint8_t *bytes, size_t length, const void *secret, size_t secret_length, uint8_t *out
) {
    /* Shorter ones are none of Cloudflare's, and would be found by chance. */
    if (secret_length < PART || length < PART) return false;
    wanted sought;
    prepare(&sought, secret, secret_length);
    bool found = false;
    if (may_hold(&sought, bytes, length)) {
        /* The reading that understands most begins, so that no piece is left before an escape. The
         * others are for secrets that have signs of their own in them. */
        found = search(&sought, bytes, length, of_url, out);
        if (!found || out != NULL) found |= search(&sought, bytes, length, of_json, out);
        if (!found || out != NULL) found |= search(&sought, bytes, length, as_it_is, out);
    }
    wipe(&sought);
    return found;
}

void tvs_mask(void *bytes, size_t length, const void *secret, size_t secret_length) {
    work(bytes, length, secret, secret_length, bytes);
}

bool tvs_holds_secret(
    const void *bytes, size_t length, const void *secret, size_t secret_length
) {
    return work(bytes, length, secret, secret_length, NULL);
}
