/* Which of several elements is in the middle, and which is there most often.
 *
 * Numbers are ranked by keys, unsigned integers that are in the order of the numbers: NaN of
 * whatever bits is one value above all others, and -0.0 is 0.0. */
#ifndef TESSERA_DERIVED_RANKING_H
#define TESSERA_DERIVED_RANKING_H

#include <tessera/dtype.h>

#include "base/base.h"
#include "tensor/convert.h"

/* Turns numbers of a wide type into keys, in place, and keys into numbers. Never fails. */
void tsri_ranking_keys(tsri_wide wide, void *numbers, int64_t count);
void tsri_ranking_numbers(tsri_wide wide, void *keys, int64_t count);

void tsri_ranking_sort(uint64_t *keys, int64_t count);

/* Of sorted keys (at least one): the one in the middle, of two the lower one, and NaN where there
 * is one; the most frequent one, of several the least. Never fails. */
uint64_t tsri_ranking_median(tsri_wide wide, const uint64_t *keys, int64_t count);
uint64_t tsri_ranking_mode(const uint64_t *keys, int64_t count);

/* The most frequent of elements of any type of fixed size: complex ones are ordered by their real
 * part, then by the imaginary one, all others by their bytes. Reorders `elements`, of which there
 * is at least one. Never fails. */
const char *tsri_ranking_mode_of_elements(const tsr_dtype *dtype, const char **elements,
                                          int64_t count);

#endif
