/* tv_own.h - descriptors that live long in a process whose host may close what it does not know. */
#ifndef TV_OWN_H
#define TV_OWN_H

#include <stdbool.h>
#include <stdint.h>

/** A descriptor of ours, and which file it is: a host that closes descriptors it does not know may
 * have one of its own by the same number. */
typedef struct tvs_own {
    int32_t place; /* the descriptor plus 1; 0: none */
    uint64_t device, inode;
} tvs_own;
tvs_own tvs_own_of(int fd);
bool tvs_own_is_there(const tvs_own *own);
/** Closes it if it is still ours. */
void tvs_own_close(tvs_own *own);

/** Wakes a thread that waits for a descriptor. */
typedef struct tvs_doorbell {
    tvs_own heard, rung;
} tvs_doorbell;
/** 0 or a negative errno. */
int32_t tvs_doorbell_new(tvs_doorbell *out);
/** What is readable after a ring. */
int tvs_doorbell_fd(const tvs_doorbell *bell);
/** False once the host has closed one of its descriptors. */
bool tvs_doorbell_is_there(const tvs_doorbell *bell);
void tvs_doorbell_ring(const tvs_doorbell *bell);
void tvs_doorbell_clear(const tvs_doorbell *bell);
void tvs_doorbell_free(tvs_doorbell *bell);

/** The errno of what a new connection would fail for on this host: EMFILE, ENFILE, ENOMEM, or 0. */
int32_t tvs_lack(void);

#endif
