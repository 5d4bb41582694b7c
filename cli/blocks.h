/* Walks over a selection in blocks that fit a memory limit: in C order of the elements (for what is
 * printed), or box by box along the chunk grid (for what is compared or copied). */
#ifndef TESSERA_CLI_BLOCKS_H
#define TESSERA_CLI_BLOCKS_H

#include <tessera.h>

typedef struct cli_block_walk {
    int rank; /* of the result of the selection */
    int64_t shape[TSR_RANK_MAX];
    int64_t block[TSR_RANK_MAX]; /* the largest block */
    int64_t phase[TSR_RANK_MAX]; /* length of the first block per axis, so that the others begin at
                                    chunk edges */
    int64_t start[TSR_RANK_MAX]; /* of the present block */
    int64_t count[TSR_RANK_MAX];
    int64_t elements; /* of the present block */
    bool begun;
} cli_block_walk;

/* Blocks of at most max_bytes (at least one element): whole trailing axes and as many rows of the
 * axis before them as fit, so that the blocks one after another are the C order of the result. Row
 * counts are rounded to the chunks of `array` (its shards where `shards` and they fit). */
void block_walk_in_order(cli_block_walk *walk, const tsr_array *array, const tsr_index *index,
                         bool shards, int64_t max_bytes);

/* Boxes of whole chunks (shards where `shards`) of `array`, several at once along the last axes
 * while they fit. */
void block_walk_chunks(cli_block_walk *walk, const tsr_array *array, const tsr_index *index,
                       bool shards, int64_t max_bytes);

/* Steps to the next block; false after the last one. A selection without elements has no blocks. */
bool block_walk_next(cli_block_walk *walk);

/* The number of elements of the largest block that the walk will give. */
int64_t block_walk_largest(const cli_block_walk *walk);

/* The part of `index` that the present block covers. Its result has the shape walk->count. Owner:
 * the caller, who ends it by tsr_index_clear. Errors: NO_MEMORY. */
int block_walk_index(const cli_block_walk *walk, const tsr_index *index, tsr_index *ret_part,
                     tsr_error *err);

#endif
