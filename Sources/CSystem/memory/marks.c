/* marks.c - characters that no reader sees and that change what he sees: they steer a terminal,
 * turn the direction of writing, hide, or end a line.
 *
 * What hides is Unicode's Default_Ignorable_Code_Point. The same list stands in the examples
 * (bindings/c/example.c, bindings/python/examples/path.py), which have to do without this file; a
 * test holds all three to the definition. */
#include "tv_system.h"

static bool is_mark(uint32_t scalar) {
    static const uint32_t ranges[][2] = {
        {0x7F, 0x9F},       /* DEL and the controls behind it */
        {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160},
        {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
        {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
        {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
        {0xE0000, 0xE0FFF},
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
