#include "blocks.h"

#include <string.h>

#include "try.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The lengths of chunks along the axes of the result, and how far into a chunk the result begins; 1
 * and 0 for lists and for steps other than 1, where chunk edges do not matter. */
static void find_grid(cli_block_walk *walk, const tsr_array *array, const tsr_index *index,
                      bool shards, int64_t *ret_chunk, int64_t *ret_offset)
{
    const int64_t *chunk = tsr_array_chunk_shape(array);

    if (!shards && tsr_array_shard_levels(array) > 0)
        chunk = tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));
    walk->rank = tsr_index_shape(index, walk->shape);
    for (int axis = 0; axis < walk->rank; axis++) {
        int from = tsr_index_array_axis(index, axis);
        bool in_grid = from >= 0 && index->axes[from].step == 1 && chunk[from] > 0;
        ret_chunk[axis] = in_grid ? chunk[from] : 1;
        ret_offset[axis] = in_grid ? index->axes[from].start % ret_chunk[axis] : 0;
    }
}

/* Lets blocks begin at chunk edges; a block that is smaller than a chunk begins anywhere. */
static void set_axis(cli_block_walk *walk, int axis, int64_t block, int64_t chunk, int64_t offset)
{
    walk->block[axis] = block;
    walk->phase[axis] = block;
    if (block < walk->shape[axis] && block % chunk == 0 && offset > 0)
        walk->phase[axis] = block - offset;
}

/* How many elements of `block` (already whole in the axes behind) fit into `budget` along this
 * axis: the whole axis, whole chunks, or a part of one. */
static int64_t fit(int64_t length, int64_t chunk, int64_t budget)
{
    if (budget >= length)
        return length > 0 ? length : 1;
    if (budget >= chunk)
        return budget / chunk * chunk;
    return budget > 1 ? budget : 1;
}

void block_walk_in_order(cli_block_walk *walk, const tsr_array *array, const tsr_index *index,
                         bool shards, int64_t max_bytes)
{
    int64_t chunk[TSR_RANK_MAX], offset[TSR_RANK_MAX], shard[TSR_RANK_MAX], shift[TSR_RANK_MAX];
    int64_t budget = max_bytes / (int64_t)tsr_array_dtype(array)->size_bytes;

    memset(walk, 0, sizeof *walk);
    find_grid(walk, array, index, false, chunk, offset);
    find_grid(walk, array, index, true, shard, shift);
    for (int axis = walk->rank; axis-- > 0;) {
        bool whole_shards = shards && budget >= shard[axis];
        int64_t unit = whole_shards ? shard[axis] : chunk[axis];
        int64_t block = fit(walk->shape[axis], unit, budget);
        set_axis(walk, axis, block, unit, whole_shards ? shift[axis] : offset[axis]);
        /* In front of an axis that is cut, rows go one by one, or the order would break. */
        budget = block >= walk->shape[axis] ? budget / block : 1;
    }
}

void block_walk_chunks(cli_block_walk *walk, const tsr_array *array, const tsr_index *index,
                       bool shards, int64_t max_bytes)
{
    int64_t chunk[TSR_RANK_MAX], offset[TSR_RANK_MAX];
    int64_t budget = max_bytes / (int64_t)tsr_array_dtype(array)->size_bytes;

    memset(walk, 0, sizeof *walk);
    find_grid(walk, array, index, shards, chunk, offset);
    /* One chunk first, whatever the budget, and then longer along the last axes. */
    for (int axis = 0; axis < walk->rank; axis++)
        budget /= smaller(chunk[axis], walk->shape[axis] > 0 ? walk->shape[axis] : 1);
    for (int axis = walk->rank; axis-- > 0;) {
        int64_t chunks = budget > 1 ? budget : 1;
        int64_t length = walk->shape[axis];
        int64_t block =
            chunks >= (length + chunk[axis] - 1) / chunk[axis] ? length : chunks * chunk[axis];
        set_axis(walk, axis, block > 0 ? block : 1, chunk[axis], offset[axis]);
        budget /= (walk->block[axis] + chunk[axis] - 1) / chunk[axis];
    }
}

static void measure(cli_block_walk *walk)
{
    walk->elements = 1;
    for (int axis = 0; axis < walk->rank; axis++) {
        int64_t block = walk->start[axis] == 0 ? walk->phase[axis] : walk->block[axis];
        walk->count[axis] = smaller(block, walk->shape[axis] - walk->start[axis]);
        walk->elements *= walk->count[axis];
    }
}

bool block_walk_next(cli_block_walk *walk)
{
    if (!walk->begun) {
        walk->begun = true;
        measure(walk);
        return walk->elements > 0;
    }
    for (int axis = walk->rank; axis-- > 0;) {
        walk->start[axis] += walk->count[axis];
        if (walk->start[axis] < walk->shape[axis]) {
            measure(walk);
            return true;
        }
        walk->start[axis] = 0;
    }
    return false;
}

int block_walk_index(const cli_block_walk *walk, const tsr_index *index, tsr_index *ret_part,
                     tsr_error *err)
{
    tsr_index block;

    CLI_TRY(tsr_index_box(&block, walk->rank, walk->shape, walk->start, walk->count, NULL, err));
    return tsr_index_compose(ret_part, index, &block, err);
}

int64_t block_walk_largest(const cli_block_walk *walk)
{
    int64_t elements = 1;

    for (int axis = 0; axis < walk->rank; axis++)
        elements *= smaller(walk->shape[axis], walk->block[axis]);
    return elements;
}
