/* tessera put SOURCE PLACE: writes elements into an array that is there. */
#include <string.h>

#include "blocks.h"
#include "creation.h"
#include "location.h"
#include "memory.h"
#include "progress.h"
#include "raw_input.h"
#include "show.h"
#include "stream.h"

enum { DEFAULT_BLOCK_BYTES = 256 << 20 };

static int check_shapes(cli_invocation *invocation, const cli_selected_array *source,
                        const cli_selected_array *destination)
{
    char from[SHOW_SHAPE_MAX], to[SHOW_SHAPE_MAX];
    bool same = source->rank == destination->rank;

    for (int i = 0; same && i < source->rank; i++)
        same = source->shape[i] == destination->shape[i];
    if (same)
        return 0;
    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT,
                  "%s has the shape %s, and the selection of %s has %s",
                  tsr_array_place(source->array), show_shape(from, source->rank, source->shape),
                  tsr_array_place(destination->array),
                  show_shape(to, destination->rank, destination->shape));
    tsr_error_set_next_step(&invocation->error, "--select chooses where the elements go");
    return TSR_INVALID_ARGUMENT;
}

static int check_types(cli_invocation *invocation, const cli_selected_array *source,
                       const cli_selected_array *destination)
{
    const tsr_dtype *from = tsr_array_dtype(source->array);
    const tsr_dtype *to = tsr_array_dtype(destination->array);

    if (tsr_dtype_can_cast(from, to, creation_casting(invocation)))
        return 0;
    tsr_error_set(&invocation->error, TSR_TYPE_MISMATCH, "%s has elements of type %s, and %s of %s",
                  tsr_array_place(source->array), from->name, tsr_array_place(destination->array),
                  to->name);
    tsr_error_set_next_step(&invocation->error,
                            "--casting safe, same_kind or unsafe allows a conversion");
    return TSR_TYPE_MISMATCH;
}

/* Block by block along the shards of the destination, so that each is written once. */
static int copy_blocks(cli_invocation *invocation, const cli_selected_array *source,
                       const cli_selected_array *destination, cli_block_walk *walk, void *buffer,
                       cli_progress *progress)
{
    const tsr_dtype *dtype = tsr_array_dtype(destination->array);
    tsr_casting casting = creation_casting(invocation);
    tsr_auto(tsr_heap) *heap = NULL;
    tsr_write_options options;
    tsr_call call;
    tsr_view view;

    CLI_TRY(stream_heap(dtype, &heap, &invocation->error));
    creation_write_options(invocation, &options);
    progress_call(NULL, &call);
    while (block_walk_next(walk)) {
        tsr_auto(tsr_index) part = {.layout = NULL};
        CLI_TRY(stream_read_block(invocation->context, source->array, &source->index, walk, dtype,
                                  casting, buffer, heap, &call, &invocation->error));
        CLI_TRY(block_walk_index(walk, &destination->index, &part, &invocation->error));
        CLI_TRY(tsr_view_init(&view, dtype, walk->rank, walk->count, buffer, &invocation->error));
        CLI_TRY(tsr_array_write_index(destination->array, &part, &view, TSR_CASTING_NO, &options,
                                      &call, &invocation->error));
        progress_advance(progress, walk->elements * (int64_t)dtype->size_bytes);
    }
    return 0;
}

static int put_array(cli_invocation *invocation, const cli_selected_array *source,
                     const cli_selected_array *destination, cli_progress *progress)
{
    int64_t max_bytes = invocation_number(invocation, OPTION_MEMORY, DEFAULT_BLOCK_BYTES);
    size_t size = tsr_array_dtype(destination->array)->size_bytes;
    cli_block_walk walk;
    void *buffer;
    int status;

    CLI_TRY(check_shapes(invocation, source, destination));
    CLI_TRY(check_types(invocation, source, destination));
    /* Where lists name an element twice, the last one in C order is to stay. */
    if (destination->index.layout)
        block_walk_in_order(&walk, destination->array, &destination->index, true, max_bytes);
    else
        block_walk_chunks(&walk, destination->array, &destination->index, true, max_bytes);
    buffer = memory_bytes((size_t)block_walk_largest(&walk) * size + 1);
    if (!buffer)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory for a block");
    status = copy_blocks(invocation, source, destination, &walk, buffer, progress);
    memory_free(buffer);
    return status;
}

static void say_only(const char *source, const cli_selected_array *destination)
{
    char shape[SHOW_SHAPE_MAX];

    printf("would write %s %s elements from ",
           show_shape(shape, destination->rank, destination->shape),
           tsr_array_dtype(destination->array)->name);
    show_safe_text(stdout, source);
    fputs(" to ", stdout);
    show_safe_text(stdout, tsr_array_place(destination->array));
    putchar('\n');
}

static int put_source(cli_invocation *invocation, const char *operand,
                      const cli_selected_array *destination, cli_progress *progress)
{
    tsr_auto(cli_selected_array) source = {0};

    if (strcmp(operand, "-") == 0) {
        if (invocation_has(invocation, OPTION_DRY_RUN)) {
            say_only("standard input", destination);
            return 0;
        }
        return raw_input_write(invocation, stdin, "standard input", destination, progress);
    }
    CLI_TRY(location_open_glued(invocation, operand, false, &source));
    if (invocation_has(invocation, OPTION_DRY_RUN)) {
        CLI_TRY(check_shapes(invocation, &source, destination));
        CLI_TRY(check_types(invocation, &source, destination));
        say_only(operand, destination);
        return 0;
    }
    return put_array(invocation, &source, destination, progress);
}

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_selected_array) destination = {0};
    int64_t size_bytes;
    cli_progress progress;
    char label[160];
    int status;

    CLI_TRY(location_open_selected(invocation, invocation->operands[1],
                                   !invocation_has(invocation, OPTION_DRY_RUN), &destination));
    if (__builtin_mul_overflow(tsr_index_count(&destination.index),
                               (int64_t)tsr_array_dtype(destination.array)->size_bytes,
                               &size_bytes))
        size_bytes = INT64_MAX;
    progress_init(&progress, invocation, "writing");
    progress_label(label, sizeof label, tsr_array_place(destination.array), destination.array);
    progress_begin(&progress, label, size_bytes);
    status = put_source(invocation, invocation->operands[0], &destination, &progress);
    progress_end(&progress);
    if (status == TSR_CANCELLED)
        tsr_error_set_next_step(&invocation->error,
                                "chunks that were finished are in the array; run the same command "
                                "again to write all of it");
    return status;
}

extern const cli_command command_put;
const cli_command command_put = {
    .name = "put",
    .summary = "write elements into an array",
    .description =
        "SOURCE is any array: an .npy file, an array in a Zarr tree or a netCDF file, with a selection if "
        "wanted; or - for bare little-endian elements in C order from standard input, exactly as many as "
        "the selection takes. Strings and bytes of any length come from there as JSON, in the form that "
        "`tessera cat --format json` prints.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "SOURCE"},
                     {.kind = OPERAND_SELECTED, .name = "PLACE"}),
    COMMAND_EXAMPLES({"put frames.npy out.zarr/t --select 0:10", "The first ten frames"},
                     {"put 'ocean.nc/TEMP[0]' 'ocean.zarr/TEMP[0]'", "From one array to another"},
                     {"put - out.zarr/t < values.f4", "Bare elements from standard input"},
                     {"put - names.zarr/name < names.json", "Strings, as JSON"}),
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_CASTING,
                    OPTION_DURABILITY, OPTION_INNER_ORDER, OPTION_DRY_RUN, OPTION_MEMORY,
                    OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
