/* tv_walk.h - a cursor over a walk (tv_document_walk(), tv_result_walk()): for programs that want a
 * few values of a document and no JSON library.
 *
 *     tv_walk walk;
 *     char state[32];
 *     if (tv_result_walk(result, "brief", 5, &walk, &error) == TV_OK) {
 *         tv_place summary = tv_find(tv_whole(&walk), "summary");
 *         tv_text(tv_find(summary, "state"), state, sizeof state);
 *         for (tv_place one = tv_first(tv_find(summary, "recipients")); tv_there(one);
 *              one = tv_next(one))
 *             …
 *     }
 *
 * Compiled into the host. A place that is not there is a place as well: every function takes it and
 * gives nothing, so that calls can be put into each other and looked at once, at the end. Nothing is
 * allocated; a place is valid as long as its walk. */
#ifndef TV_WALK_H
#define TV_WALK_H

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <tracevault.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One value of a walk, or none. */
typedef struct tv_place {
    const tv_walk *walk; /* NULL: there is no value */
    uint32_t at;         /* its entry */
    uint32_t end;        /* the entry behind the list or object it is in */
    int is_member;       /* it is in an object, and its name is the entry before */
} tv_place;

static inline tv_place tv_nowhere(void) {
    tv_place place = {NULL, 0, 0, 0};
    return place;
}

/** Whether there is a value. */
static inline int tv_there(tv_place place) { return place.walk != NULL; }

/** Its entry; of no value that of a null. */
static inline tv_entry tv_entry_of(tv_place place) {
    tv_entry none = {0, 0, 0, TV_NULL, 0, 0};
    return place.walk != NULL ? place.walk->entries[place.at] : none;
}

/** The whole document, of JSON lines the first; tv_next() gives the others. No value for no lines,
 *  or when the library's entries are not those of this header. */
static inline tv_place tv_whole(const tv_walk *walk) {
    if (walk == NULL || walk->entry_size != sizeof(tv_entry) || walk->entry_count == 0)
        return tv_nowhere();
    tv_place place = {walk, 0, (uint32_t)walk->entry_count, 0};
    return place;
}

/** TV_OBJECT, …; TV_NULL also for no value. */
static inline int tv_kind(tv_place place) { return tv_entry_of(place).kind; }

/** The first element of a list, or the value of an object's first member. */
static inline tv_place tv_first(tv_place place) {
    tv_entry entry = tv_entry_of(place);
    int is_object = entry.kind == TV_OBJECT;
    if (!is_object && entry.kind != TV_ARRAY) return tv_nowhere();
    place.at += is_object ? 2 : 1;
    place.end = entry.next;
    place.is_member = is_object;
    return place.at < place.end ? place : tv_nowhere();
}

/** The next element, the next member's value, or the next of JSON lines. */
static inline tv_place tv_next(tv_place place) {
    if (place.walk == NULL) return place;
    place.at = place.walk->entries[place.at].next + (place.is_member ? 1 : 0);
    return place.at < place.end ? place : tv_nowhere();
}

/* ---- What a value says ---------------------------------------------------------------------- */

static inline unsigned tv_hex(const char *digits) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)digits[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* One character of a string's text as UTF-8: reads it at *from, goes on behind it, gives how many
 * bytes it wrote. Half of a surrogate pair is U+FFFD. The text was checked: no escape is cut. */
static inline size_t tv_character(const char **from, const char *end, char out[4]) {
    const char *at = *from;
    if (*at != '\\') {
        out[0] = *at;
        *from = at + 1;
        return 1;
    }
    static const char escapes[] = "b\bf\fn\nr\rt\t";
    *from = at + 2;
    if (at[1] != 'u') {
        const char *found = strchr(escapes, at[1]);
        out[0] = found != NULL ? found[1] : at[1];
        return 1;
    }
    unsigned c = tv_hex(at + 2);
    *from = at + 6;
    if (c >= 0xd800 && c < 0xe000) {
        unsigned low = c < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u'
                           ? tv_hex(at + 8)
                           : 0;
        int is_pair = low >= 0xdc00 && low < 0xe000;
        c = is_pair ? 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)) : 0xfffd;
        if (is_pair) *from = at + 12;
    }
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[size] | c);
    return size;
}

/**
 * Write what a string says, its escapes undone, into a buffer: as snprintf() does, NUL-terminated
 * and cut to `size`, but never inside a character. A NUL in the text becomes U+FFFD.
 *
 * @return how many bytes all of it takes, without the NUL behind it; 0 for what is no string.
 */
static inline size_t tv_text(tv_place place, char *buffer, size_t size) {
    size_t total = 0, used = 0;
    tv_entry entry = tv_entry_of(place);
    if (entry.kind == TV_STRING) {
        const char *at = place.walk->text + entry.start, *end = place.walk->text + entry.end;
        int fits = 1;
        while (at < end) {
            char bytes[4];
            size_t count = tv_character(&at, end, bytes);
            /* The rest of a character that stands there as it is. */
            while (count < 4 && at < end && ((unsigned char)*at & 0xc0) == 0x80) bytes[count++] = *at++;
            if (count == 1 && bytes[0] == '\0') {
                memcpy(bytes, "\xEF\xBF\xBD", 3);
                count = 3;
            }
            fits = fits && count < size - used && size != 0;
            if (fits) memcpy(buffer + used, bytes, count);
            if (fits) used += count;
            total += count;
        }
    }
    if (size != 0) buffer[used] = '\0';
    return total;
}

/** Whether a string says exactly this. */
static inline int tv_says(tv_place place, const char *text) {
    tv_entry entry = tv_entry_of(place);
    if (entry.kind != TV_STRING) return 0;
    const char *at = place.walk->text + entry.start, *end = place.walk->text + entry.end;
    size_t len = strlen(text);
    if ((entry.flags & TV_ESCAPED) == 0)
        return (size_t)(end - at) == len && memcmp(at, text, len) == 0;
    while (at < end) {
        char bytes[4];
        size_t count = tv_character(&at, end, bytes);
        if (len < count || memcmp(bytes, text, count) != 0) return 0;
        text += count;
        len -= count;
    }
    return len == 0;
}

/** The name of a member; elements of lists have none, nor has a name. Nothing comes next to it. */
static inline tv_place tv_name(tv_place place) {
    if (place.walk == NULL || !place.is_member) return tv_nowhere();
    tv_place name = {place.walk, place.at - 1, place.at, 0};
    return name;
}

/** A member of an object, the last one of this name. A member that is null is not there. */
static inline tv_place tv_find(tv_place object, const char *name) {
    tv_place found = tv_nowhere();
    if (tv_kind(object) != TV_OBJECT) return found;
    for (tv_place one = tv_first(object); tv_there(one); one = tv_next(one))
        if (tv_says(tv_name(one), name)) found = one;
    return tv_kind(found) != TV_NULL ? found : tv_nowhere();
}

/** How many elements or members there are. */
static inline size_t tv_count(tv_place place) {
    size_t count = 0;
    for (place = tv_first(place); tv_there(place); place = tv_next(place)) count++;
    return count;
}

/** 1 for true. */
static inline int tv_true(tv_place place) { return (tv_entry_of(place).flags & TV_TRUE) != 0; }

/** Give a whole number; 0 when it is none or does not fit. */
static inline int tv_int(tv_place place, int64_t *out) {
    tv_entry entry = tv_entry_of(place);
    if (entry.kind != TV_NUMBER || (entry.flags & TV_INTEGER) == 0) return 0;
    const char *at = place.walk->text + entry.start, *end = place.walk->text + entry.end;
    int is_negative = *at == '-';
    int64_t value = 0;
    /* Downwards: the smallest has no positive counterpart. */
    for (at += is_negative; at < end; at++) {
        int digit = *at - '0';
        if (value < (INT64_MIN + digit) / 10) return 0;
        value = value * 10 - digit;
    }
    if (!is_negative && value == INT64_MIN) return 0;
    *out = is_negative ? value : -value;
    return 1;
}

/** Give any number, whatever the locale; 0 when it is none, or longer than 500 characters. */
static inline int tv_number(tv_place place, double *out) {
    tv_entry entry = tv_entry_of(place);
    size_t len = entry.end - entry.start;
    char copy[512];
    if (entry.kind != TV_NUMBER || len > 500) return 0;
    const char *text = place.walk->text + entry.start;
    /* Nearly all: few digits, few places. Exact, as both parts of the division are. */
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    int64_t digits = 0;
    size_t places = 0, i = 0;
    int has_point = 0;
    for (; i < len && i < 16; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            digits = digits * 10 + (text[i] - '0');
            places += (size_t)has_point;
        } else if (text[i] == '.') {
            has_point = 1;
        } else {
            break;
        }
    }
    if (i == len && places < sizeof powers / sizeof *powers) {
        *out = (double)digits / powers[places];
        return 1;
    }
    /* strtod() wants the locale's decimal point and a NUL. */
    const char *point = localeconv()->decimal_point;
    size_t used = 0;
    for (i = 0; i < len; i++) {
        if (text[i] != '.')
            copy[used++] = text[i];
        else
            for (const char *at = point; *at != '\0' && used < sizeof copy - 1; at++)
                copy[used++] = *at;
    }
    copy[used] = '\0';
    *out = strtod(copy, NULL);
    return 1;
}

/** Give a value as the JSON text that it is, strings with their quotes; NULL for no value. */
static inline const char *tv_json(tv_place place, size_t *len_out) {
    tv_entry entry = tv_entry_of(place);
    size_t quote = entry.kind == TV_STRING;
    *len_out = tv_there(place) ? entry.end - entry.start + 2 * quote : 0;
    return tv_there(place) ? place.walk->text + entry.start - quote : NULL;
}

/* ---- Rows for hosts that cut lines ---------------------------------------------------------- */

/* Where a string's text is cut so that at most `most` bytes stay: at a whole character. */
static inline const char *tv_cut(const char *at, const char *end, size_t most) {
    const char *begin = at, *kept = at;
    while (at < end) {
        char bytes[4];
        (void)tv_character(&at, end, bytes);
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80) at++;
        if ((size_t)(at - begin) > most) break;
        kept = at;
    }
    return kept;
}

/* Writes the JSON text with at most `most` bytes of each string; a NULL buffer only counts. */
static inline size_t tv_write_cut(tv_place place, size_t most, char *buffer) {
    const tv_entry *entries = place.walk->entries;
    const char *text = place.walk->text, *from, *behind;
    size_t used = 0, len = 0;
    from = tv_json(place, &len);
    behind = from + len;
    for (uint32_t at = place.at; at < entries[place.at].next; at++) {
        const char *begin = text + entries[at].start, *end = text + entries[at].end;
        if (entries[at].kind != TV_STRING || (size_t)(end - begin) <= most) continue;
        const char *kept = tv_cut(begin, end, most);
        size_t size = (size_t)(kept - from);
        if (buffer != NULL) {
            memcpy(buffer + used, from, size);
            memcpy(buffer + used + size, "\xE2\x80\xA6", 3);
        }
        used += size + 3;
        from = end;
    }
    if (buffer != NULL) memcpy(buffer + used, from, (size_t)(behind - from));
    return used + (size_t)(behind - from);
}

/**
 * Write a value as JSON text of less than `size` bytes, for hosts that cut lines: where all of it is
 * longer, the longest strings are cut at a whole character, with "…" behind. It stays JSON. Strings of
 * 64 bytes, and so all names, stay whole. NUL-terminated.
 *
 *     for (tv_place row = tv_whole(&ecs); tv_there(row); row = tv_next(row))
 *         if (tv_write_bounded(row, line, sizeof line) >= sizeof line) was_cut++;
 *
 * @return how many bytes all of it takes, without the NUL behind it. Where not even the shortest
 *         form fits, the buffer holds "".
 */
static inline size_t tv_write_bounded(tv_place place, char *buffer, size_t size) {
    const size_t shortest = 64;
    size_t whole = 0;
    (void)tv_json(place, &whole);
    if (size != 0) buffer[0] = '\0';
    if (whole == 0 || size == 0) return whole;
    for (size_t most = whole;; most = most / 2 > shortest ? most / 2 : shortest) {
        if (tv_write_cut(place, most, NULL) < size) {
            buffer[tv_write_cut(place, most, buffer)] = '\0';
            return whole;
        }
        if (most <= shortest) return whole;
    }
}

#ifdef __cplusplus
}
#endif

#endif /* TV_WALK_H */
