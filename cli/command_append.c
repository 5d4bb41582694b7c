/* tessera append SOURCE PLACE: elements behind the end of an array. */
#include <stdlib.h>
#include <string.h>

#include "creation.h"
#include "frame_input.h"
#include "location.h"
#include "progress.h"
#include "quantity.h"
#include "show.h"

enum { DEFAULT_MEMORY = 1 << 30 };

/* --axis: a number, a name, or 0. */
static int read_axis(cli_invocation *invocation, const tsr_array *array, int *ret_axis)
{
    const char *given = invocation_text(invocation, OPTION_AXIS);
    int64_t number = 0;
    int rank = tsr_array_rank(array);

    if (!given) {
        *ret_axis = 0;
        return 0;
    }
    *ret_axis = tsr_array_axis(array, given);
    if (*ret_axis >= 0)
        return 0;
    if (!quantity_parse_integer(given, &number) || number < -rank || number >= rank)
        return invocation_misuse(invocation, "--axis: %s has no axis '%s'", tsr_array_place(array),
                                 given);
    *ret_axis = (int)(number < 0 ? number + rank : number);
    return 0;
}

/* All that is appended becomes visible at once, so it is held at once. */
static int read_source(cli_invocation *invocation, const cli_selected_array *source,
                       const tsr_array *destination, tsr_view *ret_view)
{
    char needed[SHOW_SIZE_MAX], limit[SHOW_SIZE_MAX];
    const tsr_dtype *from = tsr_array_dtype(source->array), *to = tsr_array_dtype(destination);
    int64_t most = invocation_number(invocation, OPTION_MEMORY, DEFAULT_MEMORY), size;
    tsr_casting casting = creation_casting(invocation);
    tsr_call call;

    if (!tsr_dtype_can_cast(from, to, casting)) {
        tsr_error_set(&invocation->error, TSR_TYPE_MISMATCH,
                      "%s has elements of type %s, and %s of %s", tsr_array_place(source->array),
                      from->name, tsr_array_place(destination), to->name);
        tsr_error_set_next_step(&invocation->error,
                                "--casting safe, same_kind or unsafe allows a conversion");
        return TSR_TYPE_MISMATCH;
    }
    if (__builtin_mul_overflow(tsr_index_count(&source->index), (int64_t)to->size_bytes, &size) ||
        size > most) {
        tsr_error_set(&invocation->error, TSR_LIMIT,
                      "appending %s at once needs %s of memory; the limit is %s",
                      tsr_array_place(source->array), show_size(needed, size),
                      show_size(limit, most));
        tsr_error_set_next_step(&invocation->error,
                                "append parts of it ('SOURCE[0:100]'), or allow more by --memory");
        return TSR_LIMIT;
    }
    CLI_TRY(tsr_view_new(ret_view, to, source->rank, source->shape, &invocation->error));
    const tsr_read_request request = {source->array, &source->index, ret_view, casting};
    progress_call(NULL, &call);
    return tsr_read_many(invocation->context, &request, 1, &call, &invocation->error);
}

static int append(cli_invocation *invocation, const cli_selected_array *source,
                  tsr_array *destination, int axis)
{
    tsr_auto(tsr_view) view = {0};
    tsr_write_options options;
    cli_progress progress;
    tsr_call call;

    CLI_TRY(read_source(invocation, source, destination, &view));
    creation_write_options(invocation, &options);
    progress_init(&progress, invocation, "appending");
    progress_begin(&progress, tsr_array_place(destination), tsr_view_size(&view));
    progress_call(&progress, &call);
    int status = tsr_array_append(destination, axis, &view, TSR_CASTING_NO, &options, &call, NULL,
                                  &invocation->error);
    progress_end(&progress);
    return status;
}

static int append_stream(cli_invocation *invocation, tsr_array *destination, int axis)
{
    cli_progress progress;

    progress_init(&progress, invocation, "appending");
    progress_begin(&progress, tsr_array_place(destination), 0);
    int status =
        frame_input_append(invocation, stdin, "standard input", destination, axis, &progress);
    progress_end(&progress);
    return status;
}

static int run(cli_invocation *invocation)
{
    bool from_stream = strcmp(invocation->operands[0], "-") == 0;
    tsr_auto(cli_selected_array) source = {0};
    tsr_auto(tsr_array) *destination = NULL;
    char shape[SHOW_SHAPE_MAX];
    bool dry = invocation_has(invocation, OPTION_DRY_RUN);
    int axis;

    if (!from_stream)
        CLI_TRY(location_open_glued(invocation, invocation->operands[0], false, &source));
    CLI_TRY(location_open_array(invocation, invocation->operands[1], !dry, &destination));
    CLI_TRY(read_axis(invocation, destination, &axis));
    if (!dry && from_stream)
        return append_stream(invocation, destination, axis);
    if (!dry)
        return append(invocation, &source, destination, axis);
    printf("would append %s along axis %d of ",
           from_stream ? "frames" : show_shape(shape, source.rank, source.shape), axis);
    show_safe_text(stdout, tsr_array_place(destination));
    putchar('\n');
    return 0;
}

extern const cli_command command_append;
const cli_command command_append = {
    .name = "append",
    .summary = "write elements behind the end of an array, which becomes longer",
    .description =
        "SOURCE is any array, with a selection if wanted, that is as long as PLACE along all axes but the "
        "one that grows. Readers see the elements and the new length at once. Several programs may append "
        "to one array at the same time: one comes after the other, and nothing is lost.\n\n"
        "With - as SOURCE bare little-endian elements come from standard input, one position of the axis "
        "after the other, until it ends. They are gathered in memory up to the end of a chunk (a shard), "
        "so that each is written once, and readers see them then.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "SOURCE"},
                     {.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES(
        {"append day.npy out.zarr/t", "Along the first axis"},
        {"append - movie.zarr/frames < camera.u16", "Frames as they come"},
        {"append 'ocean.nc/TEMP[0:10]' out.zarr/TEMP --axis time", "Along a named one"}),
    COMMAND_OPTIONS(OPTION_AXIS, OPTION_CASTING, OPTION_DURABILITY, OPTION_INNER_ORDER,
                    OPTION_MEMORY, OPTION_DRY_RUN, OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
