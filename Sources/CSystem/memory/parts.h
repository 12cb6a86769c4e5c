/* parts.h - what mask.c asks of parts.c. */
#ifndef TV_PARTS_H
#define TV_PARTS_H

#include "wanted.h"

/** Whether a text holds a part of a secret whose parts are known, in any writing; overwrites every
 * one when `out` is the text itself, and looks only when it is NULL. */
bool tvs_find_parts(const wanted *secret, const uint8_t *bytes, size_t length, uint8_t *out);

#endif
