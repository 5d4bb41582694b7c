/* Random selections of every kind, for property tests. */
#ifndef TESTS_SUPPORT_RANDOM_INDEX_H
#define TESTS_SUPPORT_RANDOM_INDEX_H

#include <tessera/index.h>

#include "support/random_view.h"

/* A selection from a shape: ranges of all steps, positions, new axes, and, where the lengths allow
 * it, lists, orthogonal or pointwise, with repetitions. Its result has at most `rank_max` axes and
 * lists have at most `count_max` elements. Owner: the caller, by tsr_index_clear. */
void tests_random_index(tests_random *random, int rank, const int64_t *shape, int rank_max,
                        int64_t count_max, tsr_index *ret_index);

#endif
