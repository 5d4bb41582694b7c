/* Statistics of elements in memory; see tessera/statistics.h. */
#ifndef TESSERA_ARRAY_FIGURES_H
#define TESSERA_ARRAY_FIGURES_H

#include <tessera/statistics.h>

/* The statistics of `count` elements that are all the fill value, of a type that is supported.
 * IMMUTABLE. Never fails. */
void tsri_figures_of_fill(const tsr_dtype *dtype, const void *fill_value, int64_t count,
                          tsr_statistics *ret_statistics);

/* Whether the fill value is NaN, or NaT. IMMUTABLE. Never fails. */
bool tsri_figures_fill_is_nan(const tsr_dtype *dtype, const void *fill_value);

#endif
