/* Inside of structs: what byte order swaps. A leaf is a field that is no struct itself, nested ones
 * included, in the order of their bytes; of a field that is an array of structs the leaves count
 * once. A type that is no struct is one leaf. */
#ifndef TESSERA_TENSOR_DTYPE_STRUCT_H
#define TESSERA_TENSOR_DTYPE_STRUCT_H

#include <tessera/view.h>

#include "base/base.h"

/* Reverses the bytes of every number in the elements of a view of structs, where they are.
 * CONFINED. Never fails. */
void tsri_view_swap_structs(const tsr_view *view);

/* Numbers of one width, one behind the other, that byte order swaps. */
typedef struct tsri_swap_run {
    size_t offset, count, width_bytes;
} tsri_swap_run;

/* How many leaves a type has. Never fails. */
size_t tsri_dtype_leaf_count(const tsr_dtype *dtype);

/* The numbers of those leaves whose letter in `orders`, which has one for each leaf, is `order`.
 * Owner: the caller, by tsri_free. Errors: NO_MEMORY. */
int tsri_dtype_runs(const tsr_dtype *dtype, const char *orders, char order,
                    tsri_swap_run **ret_runs, size_t *ret_count, tsr_error *err);

/* Reverses the bytes of these numbers in the elements of a view, where they are. CONFINED. Never
 * fails. */
void tsri_view_swap_runs(const tsr_view *view, const tsri_swap_run *runs, size_t count);

#endif
