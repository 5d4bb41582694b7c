#include "raw_input.h"

#include <errno.h>
#include <string.h>

#include "blocks.h"
#include "creation.h"
#include "json_input.h"
#include "memory.h"
#include "scalar.h"
#include "show.h"
#include "signals.h"

enum { DEFAULT_BLOCK_BYTES = 256 << 20 };

typedef struct cli_raw_state {
    cli_invocation *invocation;
    FILE *stream;
    const char *name;
    const cli_selected_array *destination;
    int64_t read_bytes;
    void *buffer;
    bool has_written;
} cli_raw_state;

static int ended_early(cli_raw_state *state)
{
    int64_t wanted = tsr_index_count(&state->destination->index) *
                     (int64_t)tsr_array_dtype(state->destination->array)->size_bytes;
    tsr_error *err = &state->invocation->error;

    if (signals_interrupted())
        return tsr_error_set(err, TSR_CANCELLED, "interrupted while reading %s", state->name);
    if (ferror(state->stream))
        return tsr_error_set(err, TSR_IO, "cannot read %s: %s", state->name, strerror(errno));
    tsr_error_set(err, TSR_INVALID_ARGUMENT,
                  "%s ends after %lld bytes, and the selection takes %lld", state->name,
                  (long long)state->read_bytes, (long long)wanted);
    tsr_error_set_next_step(err, state->has_written
                                     ? "what was read before has been written; check shape and type"
                                     : "nothing has been written; check shape and type");
    return TSR_INVALID_ARGUMENT;
}

static int read_block(cli_raw_state *state, int64_t elements)
{
    const tsr_dtype *dtype = tsr_array_dtype(state->destination->array);
    size_t wanted = (size_t)elements * dtype->size_bytes;
    size_t size = fread(state->buffer, 1, wanted, state->stream);

    state->read_bytes += (int64_t)size;
    if (size < wanted)
        return ended_early(state);
    if (!scalar_is_little_endian())
        scalar_swap_bytes(dtype, state->buffer, elements);
    return 0;
}

static int write_block(cli_raw_state *state, const cli_block_walk *walk,
                       const tsr_write_options *options, const tsr_call *call)
{
    tsr_array *array = state->destination->array;
    tsr_auto(tsr_index) part = {.layout = NULL};
    tsr_view view;

    CLI_TRY(block_walk_index(walk, &state->destination->index, &part, &state->invocation->error));
    CLI_TRY(tsr_view_init(&view, tsr_array_dtype(array), walk->rank, walk->count, state->buffer,
                          &state->invocation->error));
    return tsr_array_write_index(array, &part, &view, TSR_CASTING_NO, options, call,
                                 &state->invocation->error);
}

static int write_blocks(cli_raw_state *state, cli_block_walk *walk, cli_progress *progress)
{
    int64_t size = (int64_t)tsr_array_dtype(state->destination->array)->size_bytes;
    tsr_write_options options;
    tsr_call call = TSR_CALL_INIT;

    creation_write_options(state->invocation, &options);
    call.cancel = signals_cancel_flag();
    while (block_walk_next(walk)) {
        CLI_TRY(read_block(state, walk->elements));
        CLI_TRY(write_block(state, walk, &options, &call));
        state->has_written = true;
        progress_advance(progress, walk->elements * size);
    }
    if (fgetc(state->stream) != EOF) {
        tsr_error_set(&state->invocation->error, TSR_INVALID_ARGUMENT,
                      "%s has more than the %lld bytes that the selection takes", state->name,
                      (long long)state->read_bytes);
        tsr_error_set_next_step(&state->invocation->error, "the selection has been written; check "
                                                           "shape and type");
        return TSR_INVALID_ARGUMENT;
    }
    return 0;
}

int raw_input_write(cli_invocation *invocation, FILE *stream, const char *name,
                    const cli_selected_array *destination, cli_progress *progress)
{
    cli_raw_state state = {invocation, stream, name, destination, 0, NULL, false};
    int64_t max_bytes = invocation_number(invocation, OPTION_MEMORY, DEFAULT_BLOCK_BYTES);
    size_t size = tsr_array_dtype(destination->array)->size_bytes;
    cli_block_walk walk;
    int status;

    if (tsr_dtype_is_variable(tsr_array_dtype(destination->array)))
        return json_input_write(invocation, stream, name, destination, progress);
    block_walk_in_order(&walk, destination->array, &destination->index, true, max_bytes);
    state.buffer = memory_bytes((size_t)block_walk_largest(&walk) * size + 1);
    if (!state.buffer)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory for a block");
    status = write_blocks(&state, &walk, progress);
    memory_free(state.buffer);
    return status;
}
