/* tv_owned.h - objects that are freed when their variable ends: for functions that stop at the first error.
 *
 *     TV_OWNED(tv_vault) vault = NULL;
 *     if (tv_vault_open("soc.vault", TV_NUL, unlock, NULL, &vault, &error) != TV_OK) return -1;
 *
 * Needs gcc or clang. Freed at every way out of the block (its end, return, break, goto), the last one
 * first; not by exit() and longjmp(). Begin with NULL, which frees nothing. To give an object away, copy
 * the pointer and set the variable to NULL. Whoever wants it for a type of the readers writes
 * TV_OWNABLE(tv_trace) once, outside of a function. */
#ifndef TV_OWNED_H
#define TV_OWNED_H

#include <tracevault.h>

/** A pointer variable that owns what it points to. */
#define TV_OWNED(type) __attribute__((cleanup(type##_variable_ends))) type *

/** Make TV_OWNED(type) possible, for a type with a type_free(). */
#define TV_OWNABLE(type) \
    static inline void type##_variable_ends(type **variable) { type##_free(*variable); }

#ifdef __cplusplus
extern "C" {
#endif

TV_OWNABLE(tv_error)
TV_OWNABLE(tv_config)
TV_OWNABLE(tv_unlock)
TV_OWNABLE(tv_vault)
TV_OWNABLE(tv_edit)
TV_OWNABLE(tv_tenant)
TV_OWNABLE(tv_request)
TV_OWNABLE(tv_engine)
TV_OWNABLE(tv_result)
TV_OWNABLE(tv_document)

#ifdef __cplusplus
}
#endif

#endif /* TV_OWNED_H */
