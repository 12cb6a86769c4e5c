/* wanted.h - a secret that is looked for in a reply, in tables of its pieces. */
#ifndef TV_WANTED_H
#define TV_WANTED_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    PART = 16,       /* so many characters of the secret in a row are found */
    GRAM = PART / 2, /* looked at together; a part has every GRAM of its own */
    MOST = 512,      /* characters of a secret that are looked for */
    TABLE = 2 * MOST /* places of the table for a secret of that many characters */
};

/** Only the first `size` places of each table are made and wiped: for a token that is a twelfth,
 * and every reply needs them. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    bool has_parts;
    size_t size; /* a power of two, at least two for each character */
    bool letters[256];
    uint16_t places[TABLE]; /* of each gram: one more than where it stands; 0 where none is */
    uint16_t parts[TABLE];  /* the same of each part, which is two grams */
    uint8_t pairs[256][32]; /* of each letter a bit for each that follows it somewhere */
} wanted;

/** What tells whether a text may hold a part: letters and grams. */
void tvs_wanted_begin(wanted *out, const uint8_t *secret, size_t length);
/** What tells whether it does: parts. */
void tvs_wanted_add_parts(wanted *out);
void tvs_wanted_wipe(wanted *secret);

static inline uint64_t tvs_load_gram(const uint8_t *at) {
    uint64_t gram;
    memcpy(&gram, at, sizeof gram);
    return le64toh(gram);
}

static inline size_t tvs_gram_slot(const wanted *secret, uint64_t gram) {
    return (size_t)(gram * 0x9E3779B97F4A7C15U >> 54) & (secret->size - 1);
}

static inline size_t tvs_part_slot(const wanted *secret, uint64_t first, uint64_t second) {
    return tvs_gram_slot(secret, first ^ (second << 31 | second >> 33));
}

static inline size_t tvs_next_slot(const wanted *secret, size_t at) {
    return (at + 1) & (secret->size - 1);
}

static inline bool tvs_has_gram(const wanted *secret, uint64_t gram) {
    size_t at = tvs_gram_slot(secret, gram);
    for (; secret->places[at] != 0; at = tvs_next_slot(secret, at))
        if (tvs_load_gram(secret->bytes + secret->places[at] - 1) == gram) return true;
    return false;
}

/** Whether the secret has a part of these two grams. Grams alone do not tell: one that repeats a
 * character is found again and again in a longer run of it. */
static inline bool tvs_has_part(const wanted *secret, uint64_t first, uint64_t second) {
    size_t at = tvs_part_slot(secret, first, second);
    for (; secret->parts[at] != 0; at = tvs_next_slot(secret, at)) {
        const uint8_t *part = secret->bytes + secret->parts[at] - 1;
        if (tvs_load_gram(part) == first && tvs_load_gram(part + GRAM) == second) return true;
    }
    return false;
}

static inline bool tvs_has_pair(const wanted *secret, uint8_t letter, uint8_t following) {
    return (secret->pairs[letter][following / 8] >> following % 8 & 1) != 0;
}

#endif
