#include "stream.h"

#include "memory.h"

int stream_read_block(tsr_context *context, tsr_array *array, const tsr_index *index,
                      const cli_block_walk *walk, const tsr_dtype *dtype, tsr_casting casting,
                      void *buffer, tsr_heap *heap, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsr_index) part = {.layout = NULL};
    tsr_view view;
    tsr_read_request request = {array, &part, &view, casting};

    CLI_TRY(block_walk_index(walk, index, &part, err));
    CLI_TRY(tsr_view_init(&view, dtype, walk->rank, walk->count, buffer, err));
    tsr_heap_clear(heap);
    view.heap = heap;
    return tsr_read_many(context, &request, 1, call, err);
}

int stream_heap(const tsr_dtype *dtype, tsr_heap **ret_heap, tsr_error *err)
{
    *ret_heap = NULL;
    return tsr_dtype_is_variable(dtype) ? tsr_heap_new(ret_heap, err) : 0;
}

static int read_blocks(tsr_context *context, const cli_selected_array *selected,
                       cli_block_walk *walk, void *buffer, cli_progress *progress,
                       cli_stream_take take, void *user, tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(selected->array);
    tsr_auto(tsr_heap) *heap = NULL;
    tsr_call call;
    tsr_view view;

    CLI_TRY(stream_heap(dtype, &heap, err));
    progress_call(progress, &call);
    while (block_walk_next(walk)) {
        CLI_TRY(stream_read_block(context, selected->array, &selected->index, walk, dtype,
                                  TSR_CASTING_NO, buffer, heap, &call, err));
        CLI_TRY(tsr_view_init(&view, dtype, walk->rank, walk->count, buffer, err));
        CLI_TRY(take(user, walk, &view, err));
        if (progress)
            progress_advance(progress, walk->elements * (int64_t)dtype->size_bytes);
    }
    return 0;
}

int stream_read(tsr_context *context, const cli_selected_array *selected, int64_t max_bytes,
                cli_progress *progress, cli_stream_take take, void *user, tsr_error *err)
{
    cli_block_walk walk;
    void *buffer;
    int status;

    block_walk_in_order(&walk, selected->array, &selected->index, false, max_bytes);
    buffer = memory_bytes(
        (size_t)block_walk_largest(&walk) * tsr_array_dtype(selected->array)->size_bytes + 1);
    if (!buffer)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a block of elements");
    status = read_blocks(context, selected, &walk, buffer, progress, take, user, err);
    memory_free(buffer);
    return status;
}
