/* marks.c - characters that no reader sees and that change what he sees: they steer a terminal,
 * turn the direction of writing, hide, or end a line.
 *
 * The same list stands in bindings/c/example.c; Python has its own in str.isprintable(). */
#include "tv_system.h"

static bool is_mark(uint32_t scalar) {
    static const uint32_t ranges[][2] = {
        {0x7F, 0x9F},     /* DEL and the controls behind it */
        {0xAD, 0xAD},     /* a hyphen that may not show */
        {0x61C, 0x61C},   {0x200B, 0x200F}, /* without width; directions */
        {0x2028, 0x202E}, /* ends of lines; directions */
        {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},
        {0xE0000, 0xE007F}, /* tags */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (scalar >= ranges[i][0] && scalar <= ranges[i][1]) return true;
    return false;
}

/* The character at `at`, which is valid UTF-8, and how many bytes it takes. */
static size_t character(const uint8_t *at, size_t left, uint32_t *scalar) {
    size_t length = *at < 0x80 ? 1 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;
    if (length > left) length = left;
    *scalar = length == 1 ? *at : *at & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) *scalar = *scalar << 6 | (at[i] & 0x3Fu);
    return length;
}

size_t tvs_next_mark(
    const uint8_t *bytes, size_t start, size_t length, uint32_t *scalar, size_t *mark_length
) {
    size_t at = start;
    while (at < length) {
        if (bytes[at] < 0x7F) {
            at++;
            continue;
        }
        size_t taken = character(bytes + at, length - at, scalar);
        if (is_mark(*scalar)) {
            *mark_length = taken;
            return at;
        }
        at += taken;
    }
    *mark_length = 0;
    return length;
}

bool tvs_is_mark(uint32_t scalar) { return scalar < 0x20 || is_mark(scalar); }
