/* names.c - what stands under a name in a directory, and the calls that change it, one function
 * each. No policy, as in file.c. */
#define _GNU_SOURCE
#include "outside.h"
#include "tv_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void describe(const struct stat *status, tvs_file_status *out) {
    out->size = status->st_size > 0 ? (uint64_t)status->st_size : 0;
    out->device = status->st_dev;
    out->inode = status->st_ino;
    out->blocks = status->st_blocks > 0 ? (uint64_t)status->st_blocks : 0;
    out->owner = status->st_uid;
    out->mode = status->st_mode & 07777;
    out->is_regular = S_ISREG(status->st_mode);
    out->links = status->st_nlink;
    out->modified_ns = nanoseconds(status->st_mtim);
    out->changed_ns = nanoseconds(status->st_ctim);
}

bool tvs_is_mounted(int32_t descriptor) {
    struct statx status;
    int answer;
    OUTSIDE(answer, statx(descriptor, "", AT_EMPTY_PATH, 0, &status));
    return answer == 0 && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int32_t tvs_file_status_of(int32_t descriptor, tvs_file_status *out) {
    struct stat status;
    int answer;
    OUTSIDE(answer, fstat(descriptor, &status));
    if (answer != 0) return answer;
    describe(&status, out);
    return 0;
}

int32_t tvs_file_status_at(int32_t directory, const char *name, tvs_file_status *out) {
    struct stat status;
    int answer;
    OUTSIDE(answer, fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW));
    if (answer != 0) return answer;
    describe(&status, out);
    return 0;
}

int32_t tvs_change_owner(int32_t descriptor, uint32_t owner) {
    int answer;
    OUTSIDE(answer, fchown(descriptor, owner, (gid_t)-1));
    return answer;
}

int32_t tvs_link(int32_t directory, const char *from, const char *to) {
    int answer;
    OUTSIDE(answer, linkat(directory, from, directory, to, 0));
    return answer;
}

int32_t tvs_rename(int32_t directory, const char *from, const char *to) {
    int answer;
    OUTSIDE(answer, renameat(directory, from, directory, to));
    return answer;
}

int32_t tvs_unlink(int32_t directory, const char *name) {
    int answer;
    OUTSIDE(answer, unlinkat(directory, name, 0));
    return answer;
}

char *tvs_absolute_path(const char *path) {
    if (path[0] == '/') return strdup(path);
    int held = tvs_fork_pause();
    char *here = getcwd(NULL, 0);
    tvs_fork_resume(held);
    char *absolute = NULL;
    if (here != NULL && asprintf(&absolute, "%s/%s", here, path) < 0) absolute = NULL;
    free(here);
    return absolute;
}
