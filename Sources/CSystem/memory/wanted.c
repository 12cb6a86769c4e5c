/* wanted.c - makes the tables of a secret's pieces, and wipes them. */
#define _GNU_SOURCE
#include "wanted.h"

void tvs_wanted_begin(wanted *out, const uint8_t *secret, size_t length) {
    out->bytes = secret;
    out->length = length < MOST ? length : MOST;
    out->has_parts = false;
    for (out->size = 64; out->size < 2 * out->length;) out->size *= 2;
    memset(out->letters, 0, sizeof out->letters);
    memset(out->places, 0, out->size * sizeof *out->places);
    for (size_t at = 0; at < out->length; at++) out->letters[secret[at]] = true;
    for (size_t at = 0; at + GRAM <= out->length; at++) {
        uint64_t gram = tvs_load_gram(secret + at);
        if (tvs_has_gram(out, gram)) continue;
        size_t free = tvs_gram_slot(out, gram);
        while (out->places[free] != 0) free = tvs_next_slot(out, free);
        out->places[free] = (uint16_t)(at + 1);
    }
}

void tvs_wanted_add_parts(wanted *out) {
    out->has_parts = true;
    memset(out->parts, 0, out->size * sizeof *out->parts);
    memset(out->pairs, 0, sizeof out->pairs);
    for (size_t at = 1; at < out->length; at++)
        out->pairs[out->bytes[at - 1]][out->bytes[at] / 8] |= (uint8_t)(1U << out->bytes[at] % 8);
    for (size_t at = 0; at + PART <= out->length; at++) {
        uint64_t first = tvs_load_gram(out->bytes + at);
        uint64_t second = tvs_load_gram(out->bytes + at + GRAM);
        if (tvs_has_part(out, first, second)) continue;
        size_t free = tvs_part_slot(out, first, second);
        while (out->parts[free] != 0) free = tvs_next_slot(out, free);
        out->parts[free] = (uint16_t)(at + 1);
    }
}

void tvs_wanted_wipe(wanted *secret) {
    explicit_bzero(secret->letters, sizeof secret->letters);
    explicit_bzero(secret->places, secret->size * sizeof *secret->places);
    if (!secret->has_parts) return;
    explicit_bzero(secret->parts, secret->size * sizeof *secret->parts);
    explicit_bzero(secret->pairs, sizeof secret->pairs);
}
