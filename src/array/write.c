/* The public ways to write: a dense box, a view, a source; chunk by chunk on all threads. */
#include <inttypes.h>

#include "array/chunk_loop.h"
#include "array/commit.h"
#include "array/figures_kept.h"
#include "array/read.h"
#include "array/trace.h"
#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"

void tsr_write_options_init(tsr_write_options *options)
{
    *options =
        (tsr_write_options){.struct_size = sizeof *options, .durability = TSR_DURABILITY_FLUSH};
}

/* What every chunk of one write needs. */
typedef struct writer {
    tsr_array *array;
    const tsr_write_options *options;
} writer;

static int write_chunk(void *user, const int64_t *chunk, const tsri_target *target,
                       tsr_codec_scratch *scratch, tsri_task_group *group, tsri_order *order,
                       tsri_turn *ret_turn, tsr_error *err)
{
    const writer *self = user;
    TSRI_TRY(tsri_commit(self->array, chunk, target, self->options, scratch, group, order, ret_turn,
                         err));
    if (*ret_turn == TSRI_TURN_DONE)
        tsri_figures_flush(self->array, self->options->durability, true);
    return 0;
}

/* The decoded size of a selection; 0, which means unknown, when it does not fit. */
static int64_t selected_bytes(const tsri_read *write)
{
    int64_t bytes = 0;
    tsri_multiply_i64(tsr_index_count(&write->index), (int64_t)write->array->dtype->size_bytes,
                      &bytes);
    return bytes;
}

int tsri_check_writable(const tsr_array *array, tsr_error *err)
{
    if (array->writable && array->store)
        return 0;
    tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", array->place);
    tsr_error_set_next_step(err, "open it with options.writable");
    return TSR_READ_ONLY;
}

int tsri_write_end(tsr_store *store, const tsr_write_options *options, uint64_t begun, int status,
                   const tsr_call *call, tsr_error *err)
{
    if (options->durability != TSR_DURABILITY_FLUSH)
        return status;
    if (status == 0)
        return tsr_store_flush_since(store, begun, call, err);
    tsr_store_flush(store, NULL, NULL);
    return status;
}

/* Chunks are published together. Where somebody who takes no locks has changed one of them between,
 * all is written once more, each chunk at once: it is the same operation still. */
static int write_together(writer *self, tsri_read *write, const tsr_call *call, tsr_error *err)
{
    tsr_store *store = self->array->store;
    bool before = write->until_flush;
    uint64_t begun = tsr_store_flush_begin(store);
    int status = tsri_chunk_loop(write, 0, selected_bytes(write), call, write_chunk, self, err);
    bool ended = status == 0;
    if (ended)
        tsri_figures_flush(self->array, self->options->durability, false);
    status = tsri_write_end(store, self->options, begun, status, call, err);
    if (status != TSR_CONFLICT || !ended || !before)
        return status;
    tsr_error_clear(err);
    write->until_flush = false;
    return write_together(self, write, call, err);
}

int tsri_write(tsri_read *write, const tsr_write_options *options, const tsr_call *call,
               tsr_error *err)
{
    tsr_array *array = write->array;
    tsr_write_options defaults;
    writer self = {.array = array, .options = options};

    write->is_write = true;
    TSRI_TRY(tsri_check_writable(array, err));
    TSRI_TRY(tsri_read_check(write, err));
    if (!options) {
        tsr_write_options_init(&defaults);
        self.options = &defaults;
    } else if (options->struct_size != sizeof *options) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_write_options_init has not set up");
    }
    if (self.options->inner_order == TSR_INNER_ORDER_FUNCTION && !self.options->order_inner_chunks)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "no function that orders inner chunks");
    TSRI_TRY(tsri_figures_find_to_write(array, err));
    /* A source of the caller's may wait for other writers, who must not wait for this one then. */
    write->until_flush = self.options->durability == TSR_DURABILITY_FLUSH && !write->source;
    const tsri_trace trace = tsri_trace_begin(array->context);
    int status = write_together(&self, write, call, err);
    tsri_trace_end(&trace, write, 1, status);
    return status;
}

int tsr_array_sync(tsr_array *array, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsri_check_writable(array, err));
    return tsr_store_sync(array->store, call, err);
}

int tsri_check_cast(const tsr_dtype *from, const tsr_array *array, tsr_casting casting,
                    tsr_error *err)
{
    if (tsr_dtype_can_cast(from, array->dtype, casting))
        return 0;
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: %s is not turned into %s", array->place, from->name,
                  array->dtype->name);
    tsr_error_set_next_step(err, "allow it by a wider casting rule, or convert the elements first");
    return TSR_TYPE_MISMATCH;
}

int tsr_array_write_index(tsr_array *array, const tsr_index *index, const tsr_view *view,
                          tsr_casting casting, const tsr_write_options *options,
                          const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read write = {
        .array = array, .grid = grid, .index = *index, .casting = casting, .view = view};

    TSRI_TRY(tsri_check_cast(view->dtype, array, casting, err));
    return tsri_write(&write, options, call, err);
}

int tsr_array_write(tsr_array *array, const int64_t *start, const int64_t *shape,
                    const int64_t *step, const void *buffer, size_t size_bytes,
                    const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read write = {.array = array, .grid = grid};
    tsr_view view;

    TSRI_TRY(tsri_box_view(array, grid, start, shape, step, buffer, size_bytes, &write.index, &view,
                           err));
    write.view = &view;
    return tsri_write(&write, NULL, call, err);
}

int tsr_array_write_source(tsr_array *array, const tsr_index *index, tsr_source source, void *user,
                           const tsr_write_options *options, const tsr_call *call, tsr_error *err)
{
    int ended = 0;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read write = {
        .array = array, .grid = grid, .source = source, .user = user, .ended = &ended};

    if (index)
        write.index = *index;
    else
        tsr_index_all(&write.index, array->rank, grid->shape);
    int status = tsri_write(&write, options, call, err);
    return status < 0 && ended > 0 ? ended : status;
}
