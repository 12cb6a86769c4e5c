/* outside.h - a call that may wait for a disk: forks need not wait for it. */

#ifndef TV_OUTSIDE_H
#define TV_OUTSIDE_H

#include "tv_system.h"

#include <errno.h>

/* The answer of one system call, made while forks may come: 0 or more, or -errno. */
#define OUTSIDE(answer, call)                     \
    do {                                          \
        int held_ = tvs_fork_pause();             \
        (answer) = (call);                        \
        if ((answer) < 0) (answer) = -errno;      \
        tvs_fork_resume(held_);                   \
    } while (0)

#endif
