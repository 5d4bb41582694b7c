#include "array/shard_order.h"

#include <inttypes.h>

#include "tensor/region.h"

static void walk_cells(tsri_grid_order order, const tsri_prepared *prepared, int64_t *numbers)
{
    tsri_cell_walk walk;
    size_t count = 0;

    for (bool more = tsri_cell_walk_init(&walk, order, prepared->encoded_rank, prepared->grid);
         more; more = tsri_cell_walk_next(&walk))
        numbers[count++] = tsri_cell_number(prepared->encoded_rank, prepared->grid, walk.cell);
}

/* Whether each number is there once: otherwise an inner chunk would be lost. */
static int check_order(const int64_t *numbers, int64_t count, tsr_error *err)
{
    bool *seen = tsri_alloc_array_zero((size_t)count, sizeof *seen);
    int status = 0;

    if (!seen)
        return tsri_error_no_memory(err, (size_t)count * sizeof *seen);
    for (int64_t i = 0; i < count && status == 0; i++) {
        bool good = numbers[i] >= 0 && numbers[i] < count && !seen[numbers[i]];
        if (good)
            seen[numbers[i]] = true;
        else
            status = tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                   "the order of inner chunks has %" PRId64 " in place %" PRId64
                                   ", twice or outside of 0 .. %" PRId64,
                                   numbers[i], i, count - 1);
    }
    tsri_free(seen);
    return status;
}

int tsri_shard_order_new(const tsr_write_options *options, const tsri_prepared *prepared,
                         int64_t **ret_numbers, tsr_error *err)
{
    int64_t count = prepared->entry_count;

    *ret_numbers = NULL;
    if (options->inner_order == TSR_INNER_ORDER_LEXICOGRAPHIC)
        return 0;
    int64_t *numbers = tsri_alloc_array_zero((size_t)count, sizeof *numbers);
    if (!numbers)
        return tsri_error_no_memory(err, (size_t)count * sizeof *numbers);
    int status = 0;
    if (options->inner_order == TSR_INNER_ORDER_FUNCTION) {
        options->order_inner_chunks(options->order_user, prepared->encoded_rank, prepared->grid,
                                    numbers);
        status = check_order(numbers, count, err);
    } else {
        walk_cells(options->inner_order == TSR_INNER_ORDER_MORTON ? TSRI_ORDER_MORTON
                                                                  : TSRI_ORDER_COLEXICOGRAPHIC,
                   prepared, numbers);
    }
    if (status < 0)
        tsri_free(numbers);
    else
        *ret_numbers = numbers;
    return status;
}
