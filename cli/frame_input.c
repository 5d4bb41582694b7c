#include "frame_input.h"

#include <errno.h>
#include <string.h>

#include <tessera/writer.h>

#include "creation.h"
#include "memory.h"
#include "scalar.h"
#include "signals.h"

typedef struct cli_frame_state {
    cli_invocation *invocation;
    FILE *stream;
    const char *name;
    tsr_array_writer *writer;
    tsr_view frame;
    int64_t frame_bytes;
} cli_frame_state;

static int ended_within(const cli_frame_state *state, size_t size)
{
    tsr_error *err = &state->invocation->error;

    if (signals_interrupted())
        tsr_error_set(err, TSR_CANCELLED, "interrupted while reading %s", state->name);
    else if (ferror(state->stream))
        tsr_error_set(err, TSR_IO, "cannot read %s: %s", state->name, strerror(errno));
    else
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "%s ends within a frame: %zu bytes where one has %lld", state->name, size,
                      (long long)state->frame_bytes);
    return err->status;
}

/* Takes frames over until there are no more. */
static int append_frames(cli_frame_state *state, cli_progress *progress)
{
    size_t wanted = (size_t)state->frame_bytes, size;

    while (!signals_interrupted() &&
           (size = fread(state->frame.data, 1, wanted, state->stream)) == wanted) {
        if (!scalar_is_little_endian())
            scalar_swap_bytes(state->frame.dtype, state->frame.data, tsr_view_count(&state->frame));
        /* Without a cancel flag: what has been read is not to be lost. */
        CLI_TRY(tsr_array_writer_append(state->writer, &state->frame, TSR_CASTING_NO, NULL, NULL,
                                        &state->invocation->error));
        progress_advance(progress, state->frame_bytes);
        size = 0;
    }
    return size > 0 || signals_interrupted() || ferror(state->stream) ? ended_within(state, size)
                                                                      : 0;
}

/* Writes what is held; a failure before stays the one that is told. */
static int finish(cli_frame_state *state, int status)
{
    tsr_error failure = TSR_ERROR_INIT;
    int closing = tsr_array_writer_flush(state->writer, NULL, &failure);
    long long written = tsr_array_writer_written(state->writer);

    tsr_array_writer_discard(state->writer);
    if (status == 0 && closing < 0)
        state->invocation->error = failure;
    status = status < 0 ? status : closing;
    if (status < 0 && !state->invocation->error.next_step[0])
        tsr_error_set_next_step(&state->invocation->error, "%lld whole frames were appended",
                                written);
    return status;
}

static int open_writer(cli_frame_state *state, tsr_array *destination, int axis)
{
    cli_invocation *invocation = state->invocation;
    tsr_array_writer_options options;

    tsr_array_writer_options_init(&options);
    options.axis = axis;
    options.memory_bytes =
        invocation_number(invocation, OPTION_MEMORY, (int64_t)options.memory_bytes);
    creation_write_options(invocation, &options.write);
    return tsr_array_writer_open(destination, &options, &state->writer, &invocation->error);
}

int frame_input_append(cli_invocation *invocation, FILE *stream, const char *name,
                       tsr_array *destination, int axis, cli_progress *progress)
{
    cli_frame_state state = {.invocation = invocation, .stream = stream, .name = name};
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_array_rank(destination);

    memcpy(shape, tsr_array_shape(destination), (size_t)rank * sizeof *shape);
    shape[axis] = 1;
    CLI_TRY(
        tsr_view_new(&state.frame, tsr_array_dtype(destination), rank, shape, &invocation->error));
    state.frame_bytes = tsr_view_size(&state.frame);
    int status = state.frame_bytes > 0
                     ? open_writer(&state, destination, axis)
                     : tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT,
                                     "a frame of %s has no elements", tsr_array_place(destination));
    if (state.writer)
        status = finish(&state, append_frames(&state, progress));
    tsr_view_clear(&state.frame);
    return status;
}
