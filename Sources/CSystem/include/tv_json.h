/* tv_json.h - looking at the strings of a JSON text 16 bytes at a time; see tv_text.h. Part of
 * tv_system.h. */
#ifndef TV_JSON_H
#define TV_JSON_H

#include "tv_text.h"

#ifdef __SSE2__
/** What a JSON string cannot hold as it is, and 0x80 and above: signed, they are below 0x20. */
#define TVS_SPECIAL(value) (((value) < 0x20) | ((value) == '"') | ((value) == '\\'))
#endif

/** How many bytes come before the first that a JSON string cannot hold as it is or that is not
 * ASCII: below 0x20, a quote, a backslash, 0x80 and above. In the header so that it is inlined:
 * half a million short strings a second pass through. */
static inline size_t tvs_plain_run(const uint8_t *bytes, size_t length) {
    size_t at = 0;
#ifdef __SSE2__
    /* 16 bytes at a time: 0.6 instructions for a byte, 1.8 with 64-bit words. */
    for (; length - at >= 16; at += 16) {
        tvs_chunk value = *(const tvs_chunk *)(bytes + at);
        uint32_t mask = TVS_MASK(TVS_SPECIAL(value));
        if (mask != 0) return at + (size_t)__builtin_ctz(mask);
    }
    if (at > 0) {
        /* The rest together with what was looked at before. */
        tvs_chunk value = *(const tvs_chunk *)(bytes + length - 16);
        uint32_t mask = TVS_MASK(TVS_SPECIAL(value));
        return mask != 0 ? length - 16 + (size_t)__builtin_ctz(mask) : length;
    }
#endif
    for (; at < length; at++) {
        uint8_t byte = bytes[at];
        if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
    }
    return at;
}

#endif
