/* readings.h - what may stand at a place of a text: every character that somebody may read there.
 *
 * The next character of a text depends on who reads it, and how often. Where `\\u0041` begins, a
 * reader of plain text sees a backslash of one byte, one of JSON a backslash of two, one of JSON in
 * JSON an A of seven. All of these are readings of that place. */
#ifndef TV_READINGS_H
#define TV_READINGS_H

#include <stddef.h>
#include <stdint.h>

enum {
    DEEPEST = 3,      /* escapes within escapes that are read: as %XX in JSON in JSON */
    READ_AHEAD = 256, /* more than the bytes of one character: 6 * 6 * 6 */
    /* Of one place. Each but one is a sign, `\` or %: what else an escape makes begins no other.
     * Two signs behind each other make one with an escape more, so there are two to the power. */
    MOST_READINGS = (1 << DEEPEST) + 1,
};

typedef struct {
    uint8_t letter; /* ASCII */
    uint8_t width;  /* bytes that it takes */
    uint8_t depth;  /* escapes within escapes */
} tvs_reading;

typedef struct {
    uint8_t count;
    tvs_reading all[MOST_READINGS]; /* the first is the byte as it stands */
} tvs_readings;

/** Reads a text from its end to its beginning. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    size_t backslashes; /* in a row, from the last place that was read on */
    tvs_readings places[READ_AHEAD]; /* the last that were read: each at its number modulo that */
} tvs_reader;

void tvs_reader_begin(tvs_reader *out, const uint8_t *bytes, size_t length);
/** What may stand at `at`, which is one less than at the last call, or the last place. */
const tvs_readings *tvs_read_at(tvs_reader *reader, size_t at);

static inline const tvs_readings *tvs_readings_of(const tvs_reader *reader, size_t at) {
    return &reader->places[at % READ_AHEAD];
}

/** The value of a hexadecimal digit of either case; -1: it is none. */
static inline int tvs_hex(uint8_t digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

#endif
