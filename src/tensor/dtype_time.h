/* Casts between times. */
#ifndef TESSERA_TENSOR_DTYPE_TIME_H
#define TESSERA_TENSOR_DTYPE_TIME_H

#include <tessera/view.h>

#include "base/base.h"

/* The least rule under which a time may be stored in other steps of its kind: SAFE when each value
 * stays what it is, UNSAFE + 1 when it never may. Never fails. */
tsr_casting tsri_dtype_time_rule(const tsr_dtype *from, const tsr_dtype *to);

/* Converts views of one kind of times and of equal shape; false when one does not fit. CONFINED. */
bool tsri_view_convert_times(const tsr_view *destination, const tsr_view *source);

#endif
