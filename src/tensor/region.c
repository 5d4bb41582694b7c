#include "tensor/region.h"

#include "base/checked.h"

void tsri_axis_piece_at(const tsr_index_axis *axis, int64_t chunk_length, int64_t position,
                        tsri_axis_piece *ret_piece)
{
    int64_t element = axis->start + position * axis->step;
    int64_t start = element % chunk_length;
    int64_t more = axis->step > 0 ? (chunk_length - 1 - start) / axis->step : start / -axis->step;
    *ret_piece = (tsri_axis_piece){element / chunk_length, start, axis->step,
                                   TSRI_MIN(more, axis->count - position - 1) + 1, position};
}

int64_t tsri_axis_piece_count(const tsr_index_axis *axis, int64_t chunk_length)
{
    /* Steps of at least a chunk never hit the same one twice; shorter ones skip none. */
    if (axis->count == 0 || axis->step >= chunk_length || -axis->step >= chunk_length)
        return axis->count;
    int64_t first = axis->start / chunk_length;
    int64_t last = (axis->start + (axis->count - 1) * axis->step) / chunk_length;
    return (last > first ? last - first : first - last) + 1;
}

bool tsri_grid_walk_init(tsri_grid_walk *walk, const tsr_index *index, const int64_t *chunk_shape)
{
    walk->index = index;
    walk->chunk_shape = chunk_shape;
    for (int axis = 0; axis < index->rank; axis++) {
        if (index->axes[axis].count == 0)
            return false;
        tsri_axis_piece_at(&index->axes[axis], chunk_shape[axis], 0, &walk->pieces[axis]);
    }
    return true;
}

bool tsri_grid_walk_next(tsri_grid_walk *walk)
{
    for (int axis = walk->index->rank - 1; axis >= 0; axis--) {
        tsri_axis_piece *piece = &walk->pieces[axis];
        const tsr_index_axis *whole = &walk->index->axes[axis];
        int64_t position = piece->position + piece->count;
        bool wraps = position == whole->count;
        tsri_axis_piece_at(whole, walk->chunk_shape[axis], wraps ? 0 : position, piece);
        if (!wraps)
            return true;
    }
    return false;
}

int64_t tsri_grid_walk_count(const tsr_index *index, const int64_t *chunk_shape)
{
    int64_t counts[TSR_RANK_MAX], count;
    for (int axis = 0; axis < index->rank; axis++)
        counts[axis] = tsri_axis_piece_count(&index->axes[axis], chunk_shape[axis]);
    return tsri_shape_count(index->rank, counts, &count) ? count : INT64_MAX;
}

/* The number of bits that the coordinates of an axis need: none for a length of 1. */
static int coordinate_bits(int64_t length)
{
    return length > 1 ? 64 - __builtin_clzll((uint64_t)length - 1) : 0;
}

bool tsri_cell_walk_init(tsri_cell_walk *walk, tsri_grid_order order, int rank,
                         const int64_t *shape)
{
    walk->order = order;
    walk->rank = rank;
    walk->shape = shape;
    walk->bits = 0;
    bool empty = false;
    for (int axis = 0; axis < rank; axis++) {
        walk->cell[axis] = 0;
        walk->bits = TSRI_MAX(walk->bits, coordinate_bits(shape[axis]));
        empty |= shape[axis] == 0;
    }
    return !empty;
}

/* Adds 1 to the interleaved code as a binary counter would: bits that are set are cleared and carry
 * on. A bit is also skipped when setting it, with all lower ones cleared, leads out of the grid:
 * then every code with it set is outside. The other coordinates only shrank, so they need no look.
 */
static bool next_morton(tsri_cell_walk *walk)
{
    for (int bit = 0; bit < walk->bits; bit++)
        for (int axis = 0; axis < walk->rank; axis++) {
            int64_t one = INT64_C(1) << bit, *coordinate = &walk->cell[axis];
            int64_t above = *coordinate & -one;
            bool set = (*coordinate & one) != 0;
            *coordinate = set ? above - one : above;
            if (!set && *coordinate + one < walk->shape[axis]) {
                *coordinate += one;
                return true;
            }
        }
    return false;
}

static bool next_cell(tsri_cell_walk *walk, int first, int last, int step)
{
    for (int axis = first; axis != last + step; axis += step) {
        if (++walk->cell[axis] < walk->shape[axis])
            return true;
        walk->cell[axis] = 0;
    }
    return false;
}

bool tsri_cell_walk_next(tsri_cell_walk *walk)
{
    switch (walk->order) {
    case TSRI_ORDER_MORTON:
        return next_morton(walk);
    case TSRI_ORDER_LEXICOGRAPHIC:
        return next_cell(walk, walk->rank - 1, 0, -1);
    default:
        return next_cell(walk, 0, walk->rank - 1, 1);
    }
}

int64_t tsri_cell_number(int rank, const int64_t *shape, const int64_t *cell)
{
    int64_t number = 0;
    for (int axis = 0; axis < rank; axis++)
        number = number * shape[axis] + cell[axis];
    return number;
}
