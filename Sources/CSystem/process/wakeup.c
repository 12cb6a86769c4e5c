/* wakeup.c - makes libcurl's multi handles, whose wake-up descriptors no program inherits.
 *
 * libcurl 7.88 makes them without CLOEXEC and tells nobody which they are. So: those that came with
 * the multi handle, and in which a wake-up shows. */
#define _GNU_SOURCE
#include "tv_curl.h"
#include "tv_system.h"

#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* A bit for each descriptor; those above are not looked at. */
enum { MOST = 65536, BYTES = MOST / 8 };
typedef struct descriptors {
    uint8_t open[BYTES];
} descriptors;

static bool list(descriptors *out) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return false;
    memset(out, 0, sizeof *out);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        long fd = strtol(entry->d_name, NULL, 10);
        bool is_number = entry->d_name[0] != '.' && fd >= 0 && fd < MOST;
        if (is_number && fd != dirfd(directory)) out->open[fd / 8] |= (uint8_t)(1 << fd % 8);
    }
    (void)closedir(directory);
    return true;
}

/* How many bytes wait at this end or at the other. */
static int waiting(int fd) {
    int here = 0, there = 0;
    if (ioctl(fd, FIONREAD, &here) != 0) here = 0;
    if (ioctl(fd, SIOCOUTQ, &there) != 0) there = 0;
    return here + there;
}

static void close_on_exec(CURLM *multi, const descriptors *before, const descriptors *after) {
    enum { CANDIDATES = 16 };
    int candidates[CANDIDATES], count = 0;
    for (int fd = 0; fd < MOST && count < CANDIDATES; fd++) {
        struct stat status;
        if ((after->open[fd / 8] & ~before->open[fd / 8] & 1 << fd % 8) == 0) continue;
        if (fcntl(fd, F_GETFD) != 0 || fstat(fd, &status) != 0) continue;
        if (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode)) candidates[count++] = fd;
    }
    int quiet[CANDIDATES];
    for (int i = 0; i < count; i++) quiet[i] = waiting(candidates[i]);
    (void)curl_multi_wakeup(multi);
    for (int i = 0; i < count; i++) {
        if (waiting(candidates[i]) != quiet[i]) (void)fcntl(candidates[i], F_SETFD, FD_CLOEXEC);
    }
    (void)curl_multi_poll(multi, NULL, 0, 0, NULL); /* takes the wake-up */
}

/* CURLMOPT_QUICK_EXIT, which headers before 8.20 do not name. From that version on lookups are made
 * by threads of the multi handle, and its end waits for them unless this is set. Older ones refuse
 * the option, and do not wait: there each transfer has such an option of its own. */
static const CURLMoption ends_quickly = (CURLMoption)21;

void *tvs_curl_multi_new(void) {
    descriptors *before = malloc(2 * sizeof *before);
    bool is_listed = before != NULL && list(before);
    CURLM *multi = curl_multi_init();
    if (multi != NULL && is_listed && list(before + 1)) close_on_exec(multi, before, before + 1);
    free(before);
    if (multi != NULL) (void)curl_multi_setopt(multi, ends_quickly, 1L);
    return multi;
}
