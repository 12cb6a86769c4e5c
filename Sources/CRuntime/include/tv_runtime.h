/* tv_runtime.h - nothing to call: runtime.c works by being linked. */
#ifndef TV_RUNTIME_H
#define TV_RUNTIME_H
#endif
