/* readings.c - escapes of JSON and of URLs, alone and within each other, at one place of a text.
 *
 * What makes an escape (its sign, its letter, its digits) may itself be written in any way that
 * takes fewer escapes within escapes. Since a text is read from its end, what stands behind is
 * known. */
#include "readings.h"

#include <stdbool.h>

/* A backslash takes no more of them than this, however deep it is read. */
enum { BACKSLASHES = 1 << DEEPEST };

/* Looks for the escapes of one depth that begin at one place. */
typedef struct {
    const tvs_reader *reader;
    size_t start;
    uint8_t depth;
    tvs_readings *out;
} looking;

static void add(looking *search, uint8_t letter, size_t end) {
    tvs_readings *out = search->out;
    uint8_t width = (uint8_t)(end - search->start);
    for (size_t n = 0; n < out->count; n++)
        if (out->all[n].letter == letter && out->all[n].width == width) return;
    if (out->count < MOST_READINGS)
        out->all[out->count++] = (tvs_reading){letter, width, search->depth};
}

/* The number that hexadecimal digits tell. A secret is ASCII, and nothing else is of interest. */
static void add_number(looking *search, size_t at, int missing, uint32_t value) {
    if (missing == 0) {
        if (value > 0 && value < 0x80) add(search, (uint8_t)value, at);
        return;
    }
    if (at >= search->reader->length) return;
    const tvs_readings *here = tvs_readings_of(search->reader, at);
    for (size_t n = 0; n < here->count; n++) {
        int digit = tvs_hex(here->all[n].letter);
        if (digit < 0 || here->all[n].depth >= search->depth) continue;
        add_number(search, at + here->all[n].width, missing - 1, value << 4 | (uint32_t)digit);
    }
}

static bool is_itself(uint8_t letter) {
    return letter == '\\' || letter == '"' || letter == '/';
}

/* Whether it was not found with one depth less. */
static bool is_new(const looking *search, const tvs_reading *sign, const tvs_reading *next) {
    return sign->depth + 1 == search->depth || next->depth + 1 == search->depth;
}

static void add_json(looking *search, const tvs_reading *sign) {
    size_t at = search->start + sign->width;
    if (at >= search->reader->length) return;
    const tvs_readings *here = tvs_readings_of(search->reader, at);
    for (size_t n = 0; n < here->count; n++) {
        const tvs_reading *next = &here->all[n];
        if (next->depth >= search->depth) continue;
        size_t after = at + next->width;
        if (next->letter == 'u') add_number(search, after, 4, 0);
        else if (is_itself(next->letter) && is_new(search, sign, next))
            add(search, next->letter, after);
    }
}

void tvs_reader_begin(tvs_reader *out, const uint8_t *bytes, size_t length) {
    out->bytes = bytes;
    out->length = length;
    out->backslashes = 0;
}

const tvs_readings *tvs_read_at(tvs_reader *reader, size_t at) {
    uint8_t byte = reader->bytes[at];
    tvs_readings *out = &reader->places[at % READ_AHEAD];
    out->count = 1;
    out->all[0] = (tvs_reading){byte, 1, 0};
    reader->backslashes = byte == '\\' ? reader->backslashes + 1 : 0;
    if (byte != '\\' && byte != '%') return out;
    if (reader->backslashes > BACKSLASHES + 1) {
        // What follows the row is out of reach, so this place is like the next.
        *out = *tvs_readings_of(reader, at + 1);
        return out;
    }
    looking search = {reader, at, 1, out};
    for (; search.depth <= DEEPEST; search.depth++) {
        for (size_t n = 0, count = out->count; n < count; n++) {
            tvs_reading sign = out->all[n];
            if (sign.letter == '\\') add_json(&search, &sign);
            else if (sign.letter == '%') add_number(&search, at + sign.width, 2, 0);
        }
    }
    return out;
}
