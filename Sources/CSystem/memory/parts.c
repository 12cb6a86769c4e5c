/* parts.c - finds the parts of a secret in a text, whichever way each character is read.
 *
 * From the text's end to its beginning: at each place stand the readings of it (readings.c), and
 * behind each of them the runs of the secret's characters that begin where it ends. A run of PART
 * characters is a part. All ways are followed, so a reader of any kind, from any place on, finds no
 * part afterwards: what is left of a text reads as it did before. */
#define _GNU_SOURCE
#include "parts.h"

#include "readings.h"

enum { MOST_RUNS = 6 };

/* Characters in a row that may be a part's beginning, and how many bytes each takes: of both the
 * nearest in the lowest byte. Of more than PART, the nearest. */
typedef struct {
    uint64_t letters[2], widths[2];
    uint8_t count;
} run;

/* Those that begin at one place, none the beginning of another. */
typedef struct {
    uint8_t count;
    run all[MOST_RUNS];
} runs;

typedef struct {
    const wanted *secret;
    uint8_t *out;
    size_t from, to; /* what is to be overwritten next: all before `from` is not known yet */
    tvs_reader reader;
    runs places[READ_AHEAD]; /* as the reader has its own */
} searching;

/* ---- Runs ------------------------------------------------------------------------------------ */

static void put_before(uint64_t bytes[2], uint8_t byte) {
    bytes[1] = bytes[1] << 8 | bytes[0] >> 56;
    bytes[0] = bytes[0] << 8 | byte;
}

static run extended(const wanted *secret, run longer, const tvs_reading *by) {
    put_before(longer.letters, by->letter);
    put_before(longer.widths, by->width);
    if (longer.count < PART) longer.count++;
    if (longer.count > 1 && !tvs_has_pair(secret, by->letter, longer.letters[0] >> 8 & 0xFF))
        longer.count = 1;
    if (longer.count >= GRAM && !tvs_has_gram(secret, longer.letters[0])) longer.count = GRAM - 1;
    return longer;
}

static bool begins_alike(const run *one, const run *other) {
    unsigned count = one->count < other->count ? one->count : other->count;
    uint64_t near = one->letters[0] ^ other->letters[0], far = one->letters[1] ^ other->letters[1];
    if (count < GRAM) return near << (64 - 8 * count) == 0;
    return near == 0 && (count == GRAM || far << (128 - 8 * count) == 0);
}

/* False: there are more than fit. */
static bool keep(runs *all, const run *one) {
    for (size_t n = 0; n < all->count; n++) {
        if (!begins_alike(&all->all[n], one)) continue;
        if (all->all[n].count < one->count) all->all[n] = *one;
        return true;
    }
    if (all->count == MOST_RUNS) return false;
    all->all[all->count++] = *one;
    return true;
}

/* How many bytes it takes when it is a part, else 0. */
static size_t part_width(const wanted *secret, const run *one) {
    if (one->count < PART || !tvs_has_part(secret, one->letters[0], one->letters[1])) return 0;
    size_t width = 0;
    for (int n = 0; n < GRAM; n++)
        width += (one->widths[0] >> 8 * n & 0xFF) + (one->widths[1] >> 8 * n & 0xFF);
    return width;
}

/* ---- Overwriting ----------------------------------------------------------------------------- */

/* Whether a backslash begins an escape: one that no other escapes. */
static bool is_sign(const uint8_t *bytes, size_t at) {
    size_t before = at;
    while (before > 0 && bytes[before - 1] == '\\') before--;
    return bytes[at] == '\\' && (at - before) % 2 == 0;
}

/* Bytes of one character of JSON. */
static size_t json_width(const searching *search, size_t at) {
    const uint8_t *bytes = search->reader.bytes;
    size_t left = search->reader.length - at;
    if (bytes[at] != '\\' || left < 2) return 1;
    if (bytes[at + 1] != 'u' || left < 6) return 2;
    for (size_t n = 2; n < 6; n++)
        if (tvs_hex(bytes[at + n]) < 0) return 2;
    return 6;
}

/* Whole escapes only, and no quote that may end a string: JSON stays JSON. */
static void overwrite(const searching *search) {
    size_t from = search->from;
    for (size_t back = 1; back < 6 && back <= search->from; back++) {
        size_t at = search->from - back;
        if (json_width(search, at) > back && is_sign(search->reader.bytes, at)) from = at;
    }
    for (size_t width; from < search->to; from += width) {
        width = json_width(search, from);
        if (search->out[from] != '"') memset(search->out + from, '*', width);
    }
}

static void cover(searching *search, size_t from, size_t to) {
    if (to < search->from) {
        overwrite(search);
        search->to = to;
    } else if (to > search->to) {
        search->to = to;
    }
    search->from = from;
}

/* ---- The search ------------------------------------------------------------------------------ */

/* How many bytes are to be overwritten from here on; 0: none. */
static size_t look(searching *search, size_t at) {
    const wanted *secret = search->secret;
    runs *here = &search->places[at % READ_AHEAD];
    const tvs_readings *readings = tvs_read_at(&search->reader, at);
    size_t width = 0;
    bool fits = true;
    here->count = 0;
    for (size_t n = 0; fits && width == 0 && n < readings->count; n++) {
        const tvs_reading *reading = &readings->all[n];
        if (!secret->letters[reading->letter]) continue;
        size_t next = at + reading->width;
        const runs *behind = &search->places[next % READ_AHEAD];
        size_t count = next < search->reader.length ? behind->count : 0;
        static const run none = {.count = 0};
        for (size_t m = 0; fits && width == 0 && (m < count || m == 0); m++) {
            run longer = extended(secret, count > 0 ? behind->all[m] : none, reading);
            width = part_width(secret, &longer);
            fits = keep(here, &longer);
        }
    }
    if (fits) return width;
    // So many ways that not all can be followed: without this byte there are none.
    here->count = 0;
    return width > 0 ? width : 1;
}

bool tvs_find_parts(const wanted *secret, const uint8_t *bytes, size_t length, uint8_t *out) {
    searching search;
    search.secret = secret;
    search.out = out;
    search.from = search.to = length;
    tvs_reader_begin(&search.reader, bytes, length);
    bool found = false;
    for (size_t at = length; at-- > 0;) {
        size_t width = look(&search, at);
        if (width == 0) continue;
        found = true;
        if (out == NULL) break;
        cover(&search, at, at + width);
    }
    if (found && out != NULL) overwrite(&search);
    explicit_bzero(&search, sizeof search);
    return found;
}
