/* Inside of structs: what byte order swaps. */
#ifndef TESSERA_TENSOR_DTYPE_STRUCT_H
#define TESSERA_TENSOR_DTYPE_STRUCT_H

#include <tessera/view.h>

#include "base/base.h"

/* Reverses the bytes of every number in the elements of a view of structs, where they are.
 * CONFINED. Never fails. */
void tsri_view_swap_structs(const tsr_view *view);

#endif
