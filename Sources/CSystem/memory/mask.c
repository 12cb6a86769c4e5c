/* mask.c - finds a secret in a reply, however it is written there, and overwrites it.
 *
 * Knows JSON's escapes (also those of JSON text inside a JSON string) and URLs' %XX, because the
 * text is decoded later. A part of the secret of 16 characters counts as well. A text is read
 * character by character (parts.c) only when something in it may be such a part. */
#include "tv_system.h"

#include "parts.h"
#include "readings.h"

enum { STEP = PART - GRAM + 1 }; /* one of so many places in a row is looked at */

/* The number that hexadecimal digits tell; 0xFF: there are none, or they tell no ASCII. */
static uint8_t number(const uint8_t *at, const uint8_t *end, int count) {
    uint32_t value = 0;
    if (end - at < count) return 0xFF;
    for (int n = 0; n < count; n++) {
        int digit = tvs_hex(at[n]);
        if (digit < 0) return 0xFF;
        value = value << 4 | (uint32_t)digit;
    }
    return value < 0x80 ? (uint8_t)value : 0xFF;
}

/* Whether an honest server writes this character as it stands: it is one of the secret, or makes
 * other escapes. */
static bool is_odd(const wanted *secret, uint8_t letter) {
    bool makes_escapes = letter == 'u' || letter == '\\' || letter == '%';
    return makes_escapes || secret->letters[letter] || tvs_hex(letter) >= 0;
}

/* The same of a character that an escape makes which ends at `at`; of a sign, of what it begins. In
 * every escape within escapes there is one of bytes as they stand, or one behind such a sign: it is
 * enough to look at those. */
static bool is_odd_there(
    const wanted *secret, uint8_t letter, const uint8_t *at, const uint8_t *end
) {
    if (secret->letters[letter]) return true;
    if (letter == '%') return is_odd(secret, number(at, end, 2));
    if (letter != '\\') return is_odd(secret, letter);
    if (at >= end) return false;
    if (*at == 'u') return is_odd(secret, number(at + 1, end, 4));
    return *at == '\\' || ((*at == '"' || *at == '/') && secret->letters[*at]);
}

static bool is_odd_json(const wanted *secret, const uint8_t *at, const uint8_t *end) {
    switch (at[1]) {
    case '\\': return is_odd_there(secret, at[1], at + 2, end);
    case 'u':
        if (at[2] != '0' || end - at < 6) return false;
        return is_odd_there(secret, number(at + 2, end, 4), at + 6, end);
    default: return (at[1] == '"' || at[1] == '/') && secret->letters[at[1]];
    }
}

/* Whether there is an escape where an honest server needs none. */
static bool has_odd_escape(const wanted *secret, const uint8_t *bytes, size_t length) {
    const uint8_t *at = bytes, *end = bytes + length;
    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL && end - at > 2) {
        if (is_odd_json(secret, at, end)) return true;
        at += 2;
    }
    at = bytes;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL && end - at > 2) {
        if (is_odd_there(secret, number(at + 1, end, 2), at + 3, end)) return true;
        at++;
    }
    return false;
}

static bool may_hold(const wanted *secret, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at + GRAM <= length; at += STEP)
        if (tvs_has_gram(secret, tvs_load_gram(bytes + at))) return true;
    return has_odd_escape(secret, bytes, length);
}

static bool work(
    const uint8_t *bytes, size_t length, const void *secret, size_t secret_length, uint8_t *out
) {
    /* Shorter ones are none of Cloudflare's, and would be found by chance. */
    if (secret_length < PART || length < PART) return false;
    wanted sought;
    tvs_wanted_begin(&sought, secret, secret_length);
    bool found = false;
    if (may_hold(&sought, bytes, length)) {
        tvs_wanted_add_parts(&sought);
        found = tvs_find_parts(&sought, bytes, length, out);
    }
    tvs_wanted_wipe(&sought);
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
