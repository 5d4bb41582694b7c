/* Components that use fewer bits than their bytes have (int4, float6): the others are ignored in
 * storage, copies of the sign in the memory of signed integers, and 0 everywhere else. */
#ifndef TESSERA_TENSOR_NARROW_H
#define TESSERA_TENSOR_NARROW_H

#include <tessera/view.h>

#include "base/base.h"

/* Whether a type has such components. Never fails. */
static inline bool tsri_dtype_is_narrow(const tsr_dtype *dtype)
{
    return dtype->component_bits < 8 * (int)dtype->component_bytes;
}

/* Copies views of one narrow type, whose components are a byte, and of equal shape. `stored`: the
 * destination is storage, where unused bits are written as 0; otherwise it is memory. The views are
 * the same or do not overlap. CONFINED. Never fails. */
void tsri_view_copy_narrow(const tsr_view *destination, const tsr_view *source, bool stored);

#endif
