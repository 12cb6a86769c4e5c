/* vaults.h - vault files of the tests: a folder of their own, files read and written, opening.
 *
 * A program calls make_folder() first; the folder lies in TMPDIR. */
#ifndef TV_VAULTS_H
#define TV_VAULTS_H

#include "test.h"

#include <fcntl.h>
#include <limits.h>

static char folder[PATH_MAX];

/* 0 when there is no folder; the reason is printed. */
static inline int make_folder(void) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tv-vault-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) != NULL) return 1;
    perror(folder);
    return 0;
}

/* A path in the folder; the last four are kept. */
static inline const char *path_of(const char *name) {
    static char paths[4][PATH_MAX + 64];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

typedef struct content {
    unsigned char *data;
    size_t len;
} content;

/* All of a file of less than 1 MiB; the caller frees the data. */
static inline content read_file(const char *path) {
    content all = {NULL, 0};
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (file == NULL) return all;
    all.data = malloc(1 << 20);
    if (all.data != NULL) all.len = fread(all.data, 1, 1 << 20, file);
    fclose(file);
    return all;
}

static inline void write_file(const char *path, const unsigned char *data, size_t len) {
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    if (fd >= 0) close(fd);
}

static inline tv_vault *create(const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    OK(tv_vault_create(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

static inline tv_vault *open_vault(const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    OK(tv_vault_open(path, strlen(path), unlock, NULL, &vault, ERR));
    tv_unlock_free(unlock);
    return vault;
}

static inline void opening_gives(tv_status expected, const char *path, unsigned char key) {
    tv_unlock *unlock = test_key(key);
    tv_vault *vault = NULL;
    GIVES(expected, tv_vault_open(path, strlen(path), unlock, NULL, &vault, ERR));
    CHECK((vault != NULL) == (expected == TV_OK));
    tv_vault_free(vault);
    tv_unlock_free(unlock);
}

/* Commits one token. */
static inline void put(tv_vault *vault, const char *tenant, const char *account,
                       const char *token) {
    tv_edit *edit = NULL;
    OK(tv_edit_begin(vault, &edit, ERR));
    OK(tv_edit_put_token(edit, tenant, strlen(tenant), account, strlen(account), token,
                         strlen(token), ERR));
    OK(tv_edit_commit(edit, ERR));
    tv_edit_free(edit);
}

static inline uint64_t generation(const tv_vault *vault) {
    uint64_t number = 0;
    OK(tv_vault_generation(vault, &number, ERR));
    return number;
}

/* The list of a vault or tenant; the text is the document's. */
static inline const char *view(tv_document *document) {
    const char *data = "";
    size_t len = 0;
    OK(tv_document_view(document, "json", TV_NUL, &data, &len, ERR));
    CHECK(strlen(data) == len);
    return data;
}

/* Whether a vault's list holds this text. */
static inline int listed(const tv_vault *vault, const char *text) {
    tv_document *document = NULL;
    OK(tv_vault_list(vault, &document, ERR));
    int found = document != NULL && strstr(view(document), text) != NULL;
    tv_document_free(document);
    return found;
}

#endif
