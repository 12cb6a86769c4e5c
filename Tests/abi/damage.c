/* damage.c - each kind of damage to a vault file has its own status; what is no vault is not taken
 * for one, nor is a file that others may write. */
#include "vaults.h"

#include <sys/stat.h>

/* Opens a copy of the file with one byte changed. */
static void damage_gives(content file, size_t place, unsigned char value, tv_status expected) {
    const char *path = path_of("damaged.vault");
    unsigned char *copy = malloc(file.len);
    CHECK(copy != NULL && place < file.len);
    if (copy == NULL) return;
    memcpy(copy, file.data, file.len);
    copy[place] = value != copy[place] ? value : (unsigned char)(value ^ 1);
    write_file(path, copy, file.len);
    opening_gives(expected, path, 1);
    free(copy);
}

PROMISE(each_kind_of_damage_has_its_own_status) {
    const char *path = path_of("whole.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    tv_vault_free(vault);
    content file = read_file(path);
    CHECK(file.len > 4128);
    damage_gives(file, 0, 0x88, TV_E_NOT_VAULT);
    damage_gives(file, 5, 0x0a, TV_E_NOT_VAULT);
    damage_gives(file, 8, 2, TV_E_VAULT_VERSION);
    damage_gives(file, 12, 0x80, TV_E_VAULT_VERSION);
    damage_gives(file, 30, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 200, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 3000, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 4090, 0x55, TV_E_DAMAGED_HEADER);
    damage_gives(file, 4096, 0x55, TV_E_DAMAGED_BODY);
    damage_gives(file, file.len / 2 + 2048, 0x55, TV_E_DAMAGED_BODY);
    damage_gives(file, file.len - 1, 0x55, TV_E_DAMAGED_BODY);
    free(file.data);
}

PROMISE(a_cut_or_grown_file_is_not_taken_for_a_vault) {
    const char *path = path_of("uncut.vault");
    tv_vault *vault = create(path, 1);
    put(vault, "acme", ACCOUNT_A, TOKEN_A);
    tv_vault_free(vault);
    content file = read_file(path);
    static const size_t short_ones[] = {0, 1, 7, 8, 100, 4095, 4096, 4127};
    const char *cut = path_of("cut.vault");
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) {
        write_file(cut, file.data, short_ones[i]);
        opening_gives(TV_E_NOT_VAULT, cut, 1);
    }
    for (size_t len = 4128; len < file.len; len += 37) {
        write_file(cut, file.data, len);
        opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    }
    write_file(cut, file.data, file.len - 1);
    opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    file.data[file.len] = 0; /* read_file() has room */
    write_file(cut, file.data, file.len + 1);
    opening_gives(TV_E_DAMAGED_BODY, cut, 1);
    free(file.data);
}

PROMISE(a_foreign_file_is_not_a_vault) {
    const char *path = path_of("foreign.vault");
    unsigned char noise[6000];
    memset(noise, 0x42, sizeof noise);
    write_file(path, noise, sizeof noise);
    opening_gives(TV_E_NOT_VAULT, path, 1);
    write_file(path, (const unsigned char *)"{\"vault\": true}\n", 16);
    opening_gives(TV_E_NOT_VAULT, path, 1);
}

PROMISE(a_file_others_may_touch_and_a_link_are_refused) {
    const char *path = path_of("open.vault");
    tv_vault *vault = create(path, 1);
    tv_vault_free(vault);
    CHECK(chmod(path, 0666) == 0);
    opening_gives(TV_E_UNSAFE_FILE, path, 1);
    CHECK(chmod(path, 0600) == 0);
    const char *link = path_of("link.vault");
    CHECK(symlink(path, link) == 0);
    opening_gives(TV_E_UNSAFE_FILE, link, 1);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    if (!make_folder()) return 1;
    RUN(each_kind_of_damage_has_its_own_status);
    RUN(a_cut_or_grown_file_is_not_taken_for_a_vault);
    RUN(a_foreign_file_is_not_a_vault);
    RUN(a_file_others_may_touch_and_a_link_are_refused);
    return finish();
}
