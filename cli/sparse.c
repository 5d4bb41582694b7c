#include "sparse.h"

#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "memory.h"

/* Above this many chunks, those that are stored are found by listing the store. */
enum { GRID_MAX = 1 << 22 };

bool sparse_is_huge(const tsr_array *array)
{
    int64_t chunks = 1;

    if (!location_is_zarr(tsr_array_driver(array)))
        return false;
    for (int i = 0; i < tsr_array_rank(array); i++)
        if (__builtin_mul_overflow(chunks, tsr_array_chunk_count(array, i), &chunks))
            return true;
    return chunks > GRID_MAX;
}

/* ---- stored chunks ---- */

typedef struct cli_chunk_list {
    int rank;
    int64_t *indexes; /* `rank` numbers for each chunk */
    size_t count, capacity;
} cli_chunk_list;

static int remember_chunk(void *user, const tsr_chunk_info *info)
{
    cli_chunk_list *list = user;
    int64_t *indexes;

    if (info->level != 0 || info->state == TSR_CHUNK_MISSING)
        return 0;
    indexes = memory_grown(list->indexes, list->count, &list->capacity,
                           (size_t)(list->rank + 1) * sizeof *indexes);
    if (!indexes)
        return TSR_NO_MEMORY;
    list->indexes = indexes;
    memcpy(list->indexes + list->count * (size_t)list->rank, info->index,
           (size_t)list->rank * sizeof *list->indexes);
    list->count++;
    return 0;
}

/* The elements of a range that lie in [low, high): which results they are, and how many. */
static void intersect_range(const tsr_index_axis *range, int64_t low, int64_t high,
                            int64_t *ret_first, int64_t *ret_count)
{
    int64_t step = range->step, first = 0, last = range->count - 1;

    if (step > 0) {
        if (low > range->start)
            first = (low - range->start + step - 1) / step;
        if (range->start + last * step >= high)
            last = high > range->start ? (high - 1 - range->start) / step : -1;
    } else {
        if (range->start >= high)
            first = (range->start - high) / -step + 1;
        if (range->start + last * step < low)
            last = range->start >= low ? (range->start - low) / -step : -1;
    }
    *ret_first = first;
    *ret_count = last >= first ? last - first + 1 : 0;
}

/* The part of the selection that one chunk holds, and where it lies in the result. False when it
 * holds none. */
static bool intersect(const cli_selected_array *selected, const int64_t *chunk_index,
                      tsr_index *ret_part, int64_t *ret_position)
{
    int axis = 0;

    *ret_part = selected->index;
    for (int i = 0; i < ret_part->rank; i++) {
        tsr_index_axis *part = &ret_part->axes[i];
        int64_t low = 0, length = 0, first, count;
        tsr_array_chunk_extent(selected->array, i, chunk_index[i], &low, &length, NULL);
        int64_t high = low > INT64_MAX - length ? INT64_MAX : low + length;
        if (part->kind == TSR_INDEX_POSITION) {
            if (part->start < low || part->start >= high)
                return false;
            continue;
        }
        intersect_range(part, low, high, &first, &count);
        if (count == 0)
            return false;
        part->start += first * part->step;
        part->count = count;
        ret_position[axis++] = first;
    }
    return true;
}

/* ---- reading ---- */

/* Moves the positions of one chunk's pieces to where the chunk lies in the result. */
typedef struct cli_shift {
    const cli_sparse_read *read;
    int rank;
    int64_t origin[TSR_RANK_MAX];
} cli_shift;

static int shifted_sink(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    const cli_shift *shift = user;
    int64_t moved[TSR_RANK_MAX];

    for (int i = 0; i < shift->rank; i++)
        moved[i] = position[i] + shift->origin[i];
    return shift->read->sink(shift->read->user, piece, moved, err);
}

static int read_stored(const cli_selected_array *selected, const cli_chunk_list *list,
                       const cli_sparse_read *read, const tsr_call *call, tsr_error *err)
{
    int64_t left = tsr_index_count(&selected->index);
    cli_shift shift = {read, selected->rank, {0}};

    for (size_t i = 0; i < list->count; i++) {
        tsr_index part;
        int64_t count;
        if (!intersect(selected, list->indexes + i * (size_t)list->rank, &part, shift.origin))
            continue;
        CLI_TRY(tsr_array_read_sink(selected->array, &part, shifted_sink, &shift, call, err));
        count = tsr_index_count(&part);
        left = left == INT64_MAX ? left : left - count;
    }
    return left > 0 && read->rest ? read->rest(read->user, left, err) : 0;
}

static int compare_chunks(const void *a, const void *b, void *rank)
{
    const int64_t *left = a, *right = b;

    for (int i = 0; i < *(int *)rank; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static int read_sparse(const cli_selected_array *selected, const cli_sparse_read *read,
                       const tsr_call *call, tsr_error *err)
{
    tsr_chunk_walk_options options;
    cli_chunk_list list = {.rank = tsr_array_rank(selected->array)};
    int status;

    tsr_chunk_walk_options_init(&options);
    options.stored_only = true;
    status = tsr_array_walk_chunks(selected->array, &options, remember_chunk, &list, call, err);
    if (status == TSR_NO_MEMORY)
        tsr_error_set(err, status, "out of memory for the list of stored chunks");
    if (status >= 0) {
        /* The store lists in its own order; figures must not depend on it. */
        if (list.count > 1)
            qsort_r(list.indexes, list.count, (size_t)list.rank * sizeof *list.indexes,
                    compare_chunks, &list.rank);
        status = read_stored(selected, &list, read, call, err);
    }
    memory_free(list.indexes);
    return status;
}

/* ---- lists ---- */

/* Blocks of this size are read at once. It is the same for all, so that figures do not depend on
 * the machine. */
enum { BLOCK_BYTES = 16 << 20 };

/* A block, which pieces are put together in. */
static int keep_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    const tsr_view *block = user;
    tsr_view place = *block;

    memcpy(place.shape, piece->shape, sizeof place.shape);
    for (int i = 0; i < place.rank; i++)
        place.data += position[i] * place.strides[i];
    return tsr_view_copy(&place, piece, TSR_CASTING_NO, err);
}

static int read_block(const cli_selected_array *selected, const cli_block_walk *walk, void *buffer,
                      const cli_sparse_read *read, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsr_index) part = {.layout = NULL};
    tsr_view block;

    CLI_TRY(block_walk_index(walk, &selected->index, &part, err));
    CLI_TRY(tsr_view_init(&block, tsr_array_dtype(selected->array), walk->rank, walk->count, buffer,
                          err));
    CLI_TRY(tsr_array_read_sink(selected->array, &part, keep_piece, &block, call, err));
    return read->sink(read->user, &block, walk->start, err);
}

static int read_blocks(const cli_selected_array *selected, const cli_sparse_read *read,
                       const tsr_call *call, tsr_error *err)
{
    cli_block_walk walk;
    void *buffer;
    int status = 0;

    block_walk_in_order(&walk, selected->array, &selected->index, false, BLOCK_BYTES);
    buffer = memory_bytes((size_t)block_walk_largest(&walk) *
                          tsr_array_dtype(selected->array)->size_bytes);
    if (!buffer)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a block of elements");
    while (status >= 0 && block_walk_next(&walk))
        status = read_block(selected, &walk, buffer, read, call, err);
    memory_free(buffer);
    return status;
}

int sparse_read_selection(const cli_selected_array *selected, const cli_sparse_read *read,
                          cli_progress *progress, tsr_error *err)
{
    tsr_call call;

    if (tsr_index_count(&selected->index) == 0)
        return 0;
    progress_call(progress, &call);
    if (selected->index.layout)
        return read_blocks(selected, read, &call, err);
    if (sparse_is_huge(selected->array))
        return read_sparse(selected, read, &call, err);
    return tsr_array_read_sink(selected->array, &selected->index, read->sink, read->user, &call,
                               err);
}
