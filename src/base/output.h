/* The inside of tsr_output: birth and end. */
#ifndef TESSERA_BASE_OUTPUT_H
#define TESSERA_BASE_OUTPUT_H

#include <tessera/sys/output.h>

#include "base/base.h"

/* An empty output that may grow to `max` bytes; SIZE_MAX: as far as memory goes. A zeroed output
 * takes nothing. */
/* clang-format off */
#define TSRI_OUTPUT_INIT(max) {.max_bytes = (max)}
/* clang-format on */

/* Frees the bytes; the output is empty afterwards and may be used again. CONFINED. Never fails. */
void tsri_output_clear(tsr_output *output);

/* For tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(...). */
typedef tsr_output tsri_output;
static inline void tsri_output_cleanup(tsri_output *output)
{
    tsri_output_clear(output);
}

#endif
