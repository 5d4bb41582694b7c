/* Merging new elements into a chunk in memory, at any level of nesting: the part of a commit that
 * does no input or output. */
#ifndef TESSERA_ARRAY_MERGE_H
#define TESSERA_ARRAY_MERGE_H

#include "array/figures_kept.h"
#include "array/target.h"

typedef struct tsri_merge {
    tsr_array *array;
    tsr_codec_scratch *scratch;
    const tsr_write_options *options;
    bool store_fill_chunks;
    /* Where the elements of each chunk that is encoded are noted, and the place of the chunk; NULL:
     * nowhere. */
    tsri_figures_block *figures;
    const tsri_cell_place *place;
} tsri_merge;

/* How much of a chunk lies inside the array: lengths along the chunk's decoded axes. */
typedef struct tsri_extent_inside {
    int64_t lengths[TSR_RANK_MAX];
} tsri_extent_inside;

/* Whether a target covers everything of a chunk that lies inside the array. */
bool tsri_merge_covers(const tsri_target *target, const tsri_extent_inside *inside);

/* What of inner chunk `number` (start `start`, in encoded axes) lies inside. */
void tsri_merge_inner_extent(const tsri_prepared *prepared, const int64_t *start,
                             const tsri_extent_inside *inside, tsri_extent_inside *ret_inner);

/* Names the axes of a target and an extent by the encoded axes of a shard. */
void tsri_merge_to_encoded(const tsri_prepared *prepared, tsri_target *target,
                           tsri_extent_inside *inside);

/* Encodes a chunk of any chain with the target's elements in it, appending to `output`. `old` are
 * its present encoded bytes, NULL when it is missing or wholly covered. Sets *ret_empty, and
 * appends nothing, when it holds nothing but fill values and these are not to be stored. Errors:
 * DAMAGED (of `old`), those of codecs, casting and source, NO_MEMORY. */
int tsri_merge_chunk(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                     const tsri_extent_inside *inside, const void *old, size_t old_bytes,
                     tsr_output *output, bool *ret_empty, tsr_error *err);

#endif
