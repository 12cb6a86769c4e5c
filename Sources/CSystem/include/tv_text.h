/* tv_text.h - looking at text 16 bytes at a time, which Swift cannot say without a check for each.
 *
 * No function looks at a byte beyond the length (or the readable length) it was given: 16 bytes are
 * loaded only where so many are left, the rest is looked at one by one. In a header so that they
 * are inlined. Part of tv_system.h. */
#ifndef TV_TEXT_H
#define TV_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
typedef signed char tvs_chunk __attribute__((vector_size(16), aligned(1), may_alias));
typedef char tvs_flags __attribute__((vector_size(16)));
/** A bit for each of 16 bytes that a comparison found. */
#define TVS_MASK(found) ((uint32_t)__builtin_ia32_pmovmskb128((tvs_flags)(found)))
/** Which of 16 ASCII bytes are from `first` to `last`; signed, so none of 0x80 and above is. */
#define TVS_BETWEEN(value, first, last) (((value) >= (first)) & ((value) <= (last)))
#endif

/** The first place of one of two bytes in `start..<last`, `last` without one. `readable` bytes may
 * be looked at, at least `last`. */
static inline size_t tvs_find(const uint8_t *bytes, size_t start, size_t last, size_t readable,
                              uint8_t byte, uint8_t other) {
    size_t at = start;
#ifdef __SSE2__
    if (readable >= 16) {
        for (; at < last; at += 16) {
            /* Near the end together with bytes before, whose bits are dropped. */
            size_t from = at <= readable - 16 ? at : readable - 16;
            tvs_chunk value = *(const tvs_chunk *)(bytes + from);
            uint32_t mask =
                TVS_MASK((value == (signed char)byte) | (value == (signed char)other)) >>
                (at - from);
            if (mask == 0) continue;
            at += (size_t)__builtin_ctz(mask);
            return at < last ? at : last;
        }
        return last;
    }
#endif
    while (at < last && bytes[at] != byte && bytes[at] != other) at++;
    return at < last ? at : last;
}

/** The place behind the last of a byte in `start..<last`, 0 without one; `readable` as above. */
static inline size_t tvs_find_last(const uint8_t *bytes, size_t start, size_t last,
                                   size_t readable, uint8_t byte) {
    size_t end = last;
#ifdef __SSE2__
    if (readable >= 16) {
        while (end > start) {
            size_t from = end >= 16 ? end - 16 : 0;
            tvs_chunk value = *(const tvs_chunk *)(bytes + from);
            uint32_t mask = TVS_MASK(value == (signed char)byte) & (0xFFFFu >> (16 - (end - from)));
            end = from;
            if (mask == 0) continue;
            end = from + 32 - (size_t)__builtin_clz(mask);
            return end > start ? end : 0;
        }
        return 0;
    }
#endif
    while (end > start && bytes[end - 1] != byte) end--;
    return end > start ? end : 0;
}

/** Whether two texts of one length are the same. Without a call, and only with looks that what was
 * written just before can answer: most of these texts were. */
static inline int tvs_is_same(const uint8_t *one, const uint8_t *other, size_t length) {
    size_t at = 0;
#ifdef __SSE2__
    for (; length - at >= 16; at += 16) {
        tvs_chunk value = *(const tvs_chunk *)(one + at);
        if (TVS_MASK(value == *(const tvs_chunk *)(other + at)) != 0xFFFF) return 0;
    }
#endif
    while (at < length && one[at] == other[at]) at++;
    return at == length;
}

/** Whether the first of two texts of one length is the smaller, byte by byte. */
static inline int tvs_is_before(const uint8_t *one, const uint8_t *other, size_t length) {
    size_t at = 0;
    for (; length - at >= 8; at += 8) {
        uint64_t first, second;
        __builtin_memcpy(&first, one + at, 8);
        __builtin_memcpy(&second, other + at, 8);
        if (first == second) continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return __builtin_bswap64(first) < __builtin_bswap64(second);
#else
        return first < second;
#endif
    }
    while (at < length && one[at] == other[at]) at++;
    return at < length && one[at] < other[at];
}

/** How many letters and digits at most 4 GiB of bytes begin with. */
static inline size_t tvs_word_run(const uint8_t *bytes, size_t length) {
    size_t at = 0;
#ifdef __SSE2__
    for (; length - at >= 16; at += 16) {
        tvs_chunk value = *(const tvs_chunk *)(bytes + at), lower = value | 0x20;
        uint32_t mask = TVS_MASK(TVS_BETWEEN(value, '0', '9') | TVS_BETWEEN(lower, 'a', 'z'));
        if (mask != 0xFFFF) return at + (size_t)__builtin_ctz(~mask);
    }
#endif
    for (; at < length; at++) {
        uint8_t byte = bytes[at];
        if ((uint8_t)((byte | 0x20) - 'a') >= 26 && (uint8_t)(byte - '0') >= 10) break;
    }
    return at;
}

/** The first place in `start..<length` where a word begins with one of four lower-case letters, in
 * either case: no letter or digit stands before it. `length` without one. */
static inline size_t tvs_word_start(const uint8_t *bytes, size_t start, size_t length,
                                    const uint8_t letters[4]) {
    size_t at = start;
    uint32_t before = start > 0 && start < length && tvs_word_run(bytes + start - 1, 1) == 1;
#ifdef __SSE2__
    const signed char *four = (const signed char *)letters;
    for (; at < length && length - at >= 16; at += 16) {
        tvs_chunk value = *(const tvs_chunk *)(bytes + at), lower = value | 0x20;
        uint32_t words = TVS_MASK(TVS_BETWEEN(value, '0', '9') | TVS_BETWEEN(lower, 'a', 'z'));
        uint32_t found = TVS_MASK((lower == four[0]) | (lower == four[1]) |
                                  (lower == four[2]) | (lower == four[3]));
        found &= ~(words << 1 | before);
        if (found != 0) return at + (size_t)__builtin_ctz(found);
        before = words >> 15;
    }
#endif
    for (; at < length; at++) {
        if (before == 0 && __builtin_memchr(letters, bytes[at] | 0x20, 4) != NULL) return at;
        before = tvs_word_run(bytes + at, 1) == 1;
    }
    return length;
}

enum { TVS_HEXADECIMAL = 1, TVS_VOWEL_FREE = 2 };

/** What is true of letters and digits: all are digits and A to F; none is A, E, I, O or U in either
 * case. `readable` bytes may be looked at, at least `length`. */
static inline uint32_t tvs_word_kinds(const uint8_t *bytes, size_t length, size_t readable) {
    uint32_t others = 0, vowels = 0;
    size_t at = 0;
#ifdef __SSE2__
    for (; at < length && readable - at >= 16; at += 16) {
        tvs_chunk value = *(const tvs_chunk *)(bytes + at), lower = value | 0x20;
        uint32_t kept = length - at >= 16 ? 0xFFFF : (1u << (length - at)) - 1;
        others |= kept & ~TVS_MASK(TVS_BETWEEN(value, '0', '9') | TVS_BETWEEN(value, 'A', 'F'));
        vowels |= kept & TVS_MASK((lower == 'a') | (lower == 'e') | (lower == 'i') |
                                  (lower == 'o') | (lower == 'u'));
    }
#endif
    for (; at < length; at++) {
        uint8_t byte = bytes[at];
        if (byte <= '9') continue;
        others |= byte > 'F';
        /* Bits 1, 5, 9, 15 and 21: the vowels behind "@". */
        vowels |= 0x208222u >> (byte & 31) & 1;
    }
    return (others == 0 ? TVS_HEXADECIMAL : 0) | (vowels == 0 ? TVS_VOWEL_FREE : 0);
}

enum { TVS_UNUSUAL = 0xFFFF };

/** How long the parts of `postfix/name[pid]: id: ` are. A name is of letters, digits and "-". */
typedef struct tvs_head {
    /** 0 when bytes do not begin so; then the others say nothing. */
    uint32_t name_length, pid_length;
    /** 0 when no letters and digits with ": " come; TVS_UNUSUAL when they must be looked at. */
    uint32_t id_length;
} tvs_head;

/** Whether at most 16 letters and digits are a queue id: upper-case hexadecimal; or without vowels
 * and with a "z" behind the first ten that is not the last. 0 for more of them. There are 16 bytes
 * behind `bytes`, and the id begins `at` bytes behind it. */
static inline int tvs_is_queue_id(const uint8_t *bytes, uint32_t at, uint32_t length) {
#ifdef __SSE2__
    if (length < 6 || length > 16) return 0;
    tvs_chunk value = *(const tvs_chunk *)bytes, lower = value | 0x20;
    uint32_t kept = (1u << length) - 1;
    uint32_t hexadecimal = TVS_MASK(TVS_BETWEEN(value, '0', '9') | TVS_BETWEEN(value, 'A', 'F'));
    uint32_t vowels = TVS_MASK((lower == 'a') | (lower == 'e') | (lower == 'i') |
                               (lower == 'o') | (lower == 'u'));
    uint32_t separators = (TVS_MASK(value == 'z') >> at) & kept & ~0x3FFu;
    if ((~hexadecimal >> at & kept) == 0) return 1;
    return (vowels >> at & kept) == 0 && separators != 0 && separators >> (length - 1) == 0;
#else
    (void)bytes, (void)at, (void)length;
    return 0;
#endif
}

/** One look at the beginning of a line: what follows from it does not wait for it part by part.
 * Lines whose parts are longer than usual are not recognised. */
static inline tvs_head tvs_head_run(const uint8_t *bytes, size_t length) {
    tvs_head head = {0, 0, 0};
#ifdef __SSE2__
    static const uint8_t postfix[8] = {'p', 'o', 's', 't', 'f', 'i', 'x', '/'};
    if (length < 24 || __builtin_memcmp(bytes, postfix, 8) != 0) return head;
    bytes += 8;
    length -= 8;
    /* Of 48 bytes, or as many as there are: chunks may overlap. */
    uint64_t digits = 0, words = 0;
    for (uint32_t start = 0; start < 48; start += 16) {
        uint32_t from = start + 16 <= length ? start : (uint32_t)length - 16;
        tvs_chunk value = *(const tvs_chunk *)(bytes + from), lower = value | 0x20;
        tvs_chunk digit = TVS_BETWEEN(value, '0', '9');
        digits |= (uint64_t)TVS_MASK(digit) << from;
        words |= (uint64_t)TVS_MASK(digit | TVS_BETWEEN(lower, 'a', 'z')) << from;
    }
    uint32_t dashes = TVS_MASK(*(const tvs_chunk *)bytes == '-');
    uint32_t name = (uint32_t)__builtin_ctzll(~(words | dashes));
    if (name == 0 || name > 15 || name + 1 > length) return head;
    uint32_t pid = (uint32_t)__builtin_ctzll(~(digits >> (name + 1)));
    uint32_t id = name + 1 + pid + 3;
    if (pid == 0 || pid > 15 || id > length || bytes[name] != '[' || bytes[name + 1] == '0' ||
        bytes[id - 3] != ']' || bytes[id - 2] != ':' || bytes[id - 1] != ' ')
        return head;
    uint32_t id_length = (uint32_t)__builtin_ctzll(~(words >> id));
    head = (tvs_head){name, pid, id_length};
    uint32_t end = id + id_length;
    if (end > 46 || end + 1 >= length) {
        head.id_length = TVS_UNUSUAL;
    } else if (bytes[end] != ':' || bytes[end + 1] != ' ') {
        head.id_length = 0;
    } else {
        uint32_t from = id + 16 <= length ? id : (uint32_t)length - 16;
        if (!tvs_is_queue_id(bytes + from, id - from, id_length)) head.id_length = TVS_UNUSUAL;
    }
#else
    (void)bytes, (void)length;
#endif
    return head;
}

/** How long the number is that bytes begin with: digits, none of them a needless zero before
 * others, perhaps a point and digits. 0 for none, for one that is longer than usual, and for one
 * that is near the end of the bytes. */
static inline size_t tvs_number_run(const uint8_t *bytes, size_t length) {
#ifdef __SSE2__
    if (length < 16) return 0;
    tvs_chunk value = *(const tvs_chunk *)bytes;
    uint32_t others = ~TVS_MASK(TVS_BETWEEN(value, '0', '9'));
    uint32_t size = (uint32_t)__builtin_ctz(others);
    if (size > 14 || size == 0 || (bytes[0] == '0' && size > 1)) return 0;
    if (bytes[size] != '.') return size;
    uint32_t decimals = (uint32_t)__builtin_ctz(others >> (size + 1));
    size += 1 + decimals;
    return decimals == 0 || size > 15 ? 0 : size;
#else
    (void)bytes, (void)length;
    return 0;
#endif
}

/** Whether at most 15 bytes are digits, perhaps with one point among them. */
static inline int tvs_is_decimal(const uint8_t *bytes, size_t length, size_t readable) {
    if (length == 0 || length > 15) return 0;
#ifdef __SSE2__
    if (readable >= 16) {
        tvs_chunk value = *(const tvs_chunk *)bytes;
        uint32_t others = ~TVS_MASK(TVS_BETWEEN(value, '0', '9')) & ((1u << length) - 1);
        if (others == 0) return 1;
        size_t at = (size_t)__builtin_ctz(others);
        return (others & (others - 1)) == 0 && bytes[at] == '.' && at > 0 && at + 1 < length;
    }
#endif
    size_t points = 0;
    for (size_t at = 0; at < length; at++) {
        if ((uint8_t)(bytes[at] - '0') < 10) continue;
        if (bytes[at] != '.' || at == 0 || at + 1 == length || points++ > 0) return 0;
    }
    return 1;
}

#endif
