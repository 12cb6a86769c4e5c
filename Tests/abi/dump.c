/* dump.c - prints what the cursor of tv_walk.h says of documents; Tests/traces/test_walk.py compares it.
 *
 * Standard input: documents, each behind its length in decimal and a newline. For each one line is
 * printed: "refused", or its values: n t f, i7, d0.5, s and the text in hexadecimal, [], {}. */
#include "test.h"

#include <inttypes.h>

#include "tv_walk.h"

static void print_text(tv_place place) {
    size_t len = tv_text(place, NULL, 0);
    char *text = malloc(len + 1);
    if (text == NULL || tv_text(place, text, len + 1) != len || strlen(text) != len) exit(1);
    if (tv_says(place, text) == 0 && strstr(text, "\xEF\xBF\xBD") == NULL) exit(1);
    putchar('s');
    for (size_t i = 0; i < len; i++) printf("%02x", (unsigned char)text[i]);
    free(text);
}

static void print_number(tv_place place) {
    int64_t whole = 0;
    double number = 0;
    if (tv_int(place, &whole))
        printf("i%" PRId64, whole);
    else if (tv_number(place, &number))
        printf("d%.17g", number);
    else
        exit(1);
}

/* Nothing is nested deeper than the reader allows, so this may call itself. */
static void print_value(tv_place place) {
    int kind = tv_kind(place);
    size_t count = 0;
    if (kind == TV_NULL) putchar('n');
    if (kind == TV_BOOL) putchar(tv_true(place) ? 't' : 'f');
    if (kind == TV_NUMBER) print_number(place);
    if (kind == TV_STRING) print_text(place);
    if (kind != TV_ARRAY && kind != TV_OBJECT) return;
    putchar(kind == TV_ARRAY ? '[' : '{');
    for (tv_place one = tv_first(place); tv_there(one); one = tv_next(one), count++) {
        if (tv_there(tv_name(one))) print_text(tv_name(one));
        print_value(one);
        putchar(',');
    }
    if (count != tv_count(place)) exit(1);
    putchar(kind == TV_ARRAY ? ']' : '}');
}

int main(void) {
    size_t len = 0;
    while (scanf("%zu", &len) == 1 && getchar() == '\n') {
        char *text = malloc(len + 1);
        tv_document *document = NULL;
        tv_walk walk;
        if (text == NULL || fread(text, 1, len, stdin) != len) return 1;
        if (tv_document_read(text, len, &document, NULL) != TV_OK) {
            puts("refused");
        } else {
            if (tv_document_walk(document, "json", TV_NUL, &walk, NULL) != TV_OK) return 1;
            for (tv_place one = tv_whole(&walk); tv_there(one); one = tv_next(one))
                print_value(one);
            putchar('\n');
        }
        tv_document_free(document);
        free(text);
    }
    return 0;
}
