/* floor.c - what a vault's work cannot be faster than, on this machine, at this moment.
 *
 * REPLACE is a bare write, fsync, rename and fsync of the folder of as many bytes. READ reads a file
 * and authenticates it with the keyed BLAKE2b of libsodium. SEAL seals as many records as a vault
 * does: metadata and secret, each with a nonce of its own. Prints one JSON line. */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "figures.h"

enum { METADATA = 160, SECRET = 64, AAD = 77 };

static void must_be(int is_right, const char *what) {
    if (!is_right) fail(what, "failed");
}

static void replace(const char *path, const unsigned char *bytes, size_t len) {
    char beside[512], folder[512];
    snprintf(beside, sizeof beside, "%s.new", path);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    must_be(slash != NULL, "the path has a folder");
    *slash = '\0';
    int file = open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must_be(file >= 0, "open");
    for (size_t done = 0; done < len;) {
        ssize_t wrote = write(file, bytes + done, len - done);
        must_be(wrote > 0, "write");
        done += (size_t)wrote;
    }
    must_be(fsync(file) == 0 && close(file) == 0 && rename(beside, path) == 0, "replace");
    int directory = open(folder, O_RDONLY | O_DIRECTORY);
    must_be(directory >= 0 && fsync(directory) == 0, "fsync of the folder");
    close(directory);
}

static void replaces(const char *path, size_t len, long count) {
    unsigned char *bytes = malloc(len);
    double *took = calloc((size_t)count, sizeof *took);
    must_be(bytes != NULL && took != NULL, "memory");
    randombytes_buf(bytes, len);
    for (long i = 0; i < count; i++) {
        double started = now_us();
        replace(path, bytes, len);
        took[i] = (now_us() - started) / 1e3;
    }
    unlink(path);
    qsort(took, (size_t)count, sizeof *took, ascending);
    printf("{\"median_ms\": %.4f}\n", took[count / 2]);
    free(took);
    free(bytes);
}

static void reading(const char *path) {
    unsigned char key[32] = {7}, mac[32];
    double started = now_us();
    FILE *file = fopen(path, "rb");
    must_be(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
    size_t len = (size_t)ftell(file);
    unsigned char *bytes = malloc(len);
    rewind(file);
    must_be(bytes != NULL && fread(bytes, 1, len, file) == len, "read");
    fclose(file);
    crypto_generichash(mac, sizeof mac, bytes, len, key, sizeof key);
    free(bytes);
    printf("{\"seconds\": %.6f}\n", (now_us() - started) / 1e6);
}

static void sealing(long count) {
    static const size_t lengths[] = {METADATA, SECRET};
    unsigned char key[32] = {7}, plain[METADATA] = {1}, aad[AAD] = {2}, nonce[24];
    unsigned char sealed[METADATA + crypto_aead_xchacha20poly1305_ietf_ABYTES];
    double started = now_us();
    for (long i = 0; i < count; i++) {
        for (size_t part = 0; part < 2; part++) {
            randombytes_buf(nonce, sizeof nonce);
            crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, plain, lengths[part], aad,
                                                       sizeof aad, NULL, nonce, key);
        }
    }
    printf("{\"seconds\": %.6f}\n", (now_us() - started) / 1e6);
}

int main(int count, char **arguments) {
    must_be(sodium_init() >= 0, "sodium_init");
    if (count == 5 && strcmp(arguments[1], "replace") == 0)
        replaces(arguments[2], strtoul(arguments[3], NULL, 10), strtol(arguments[4], NULL, 10));
    else if (count == 3 && strcmp(arguments[1], "read") == 0)
        reading(arguments[2]);
    else if (count == 3 && strcmp(arguments[1], "seal") == 0)
        sealing(strtol(arguments[2], NULL, 10));
    else
        fail(arguments[0], "replace PATH BYTES COUNT | read PATH | seal COUNT");
    return 0;
}
