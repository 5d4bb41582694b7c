/* tessera resize PLACE LENGTHS: another shape for an array. */
#include <string.h>

#include "creation.h"
#include "location.h"
#include "memory.h"
#include "progress.h"
#include "quantity.h"
#include "show.h"

/* One length, "120" for the axis `position`, or "time=120". */
static int take_length(cli_invocation *invocation, const tsr_array *array, char *item, int position,
                       int64_t *shape)
{
    char *equals = strchr(item, '=');
    int axis = position;

    if (equals) {
        *equals = '\0';
        axis = tsr_array_axis(array, item);
        if (axis < 0)
            return invocation_misuse(invocation, "%s has no dimension '%s'", tsr_array_place(array),
                                     item);
    }
    if (axis >= tsr_array_rank(array))
        return invocation_misuse(invocation, "%s has %d axes", tsr_array_place(array),
                                 tsr_array_rank(array));
    if (!quantity_parse_integer(equals ? equals + 1 : item, &shape[axis]) || shape[axis] < 0)
        return invocation_misuse(invocation, "'%s' is not a length; write 0 or more",
                                 equals ? equals + 1 : item);
    return 0;
}

/* "120,721,1440", or "time=120" and the other axes keep their lengths. */
static int read_lengths(cli_invocation *invocation, const tsr_array *array, char *list,
                        int64_t *ret_shape)
{
    int rank = tsr_array_rank(array), count = 0;
    bool named = strchr(list, '=') != NULL;
    char *item;

    memcpy(ret_shape, tsr_array_shape(array), (size_t)rank * sizeof *ret_shape);
    while ((item = strsep(&list, ","))) {
        item += strspn(item, " ");
        if (named != (strchr(item, '=') != NULL))
            return invocation_misuse(invocation, "give all lengths a name, or none");
        CLI_TRY(take_length(invocation, array, item, count++, ret_shape));
    }
    if (!named && count != rank)
        return invocation_misuse(invocation, "%d lengths for the %d axes of %s", count, rank,
                                 tsr_array_place(array));
    return 0;
}

static int resize(cli_invocation *invocation, tsr_array *array, const int64_t *shape)
{
    tsr_resize_options options;
    cli_progress progress;
    tsr_call call;

    tsr_resize_options_init(&options);
    options.keep_chunks = invocation_has(invocation, OPTION_KEEP_CHUNKS);
    progress_init(&progress, invocation, "resizing");
    progress_begin(&progress, tsr_array_place(array), 0);
    progress_call(&progress, &call);
    int status = tsr_array_resize(array, shape, &options, &call, &invocation->error);
    progress_end(&progress);
    return status;
}

static int run(cli_invocation *invocation)
{
    tsr_auto(tsr_array) *array = NULL;
    char from[SHOW_SHAPE_MAX], to[SHOW_SHAPE_MAX];
    int64_t shape[TSR_RANK_MAX];
    bool dry = invocation_has(invocation, OPTION_DRY_RUN);

    CLI_TRY(location_open_array(invocation, invocation->operands[0], !dry, &array));
    char *list = memory_text(invocation->operands[1]);
    if (!list)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    int status = read_lengths(invocation, array, list, shape);
    memory_free(list);
    if (status < 0 || !dry)
        return status < 0 ? status : resize(invocation, array, shape);
    printf("would make ");
    show_safe_text(stdout, tsr_array_place(array));
    printf(" %s instead of %s\n", show_shape(to, tsr_array_rank(array), shape),
           show_shape(from, tsr_array_rank(array), tsr_array_shape(array)));
    return 0;
}

extern const cli_command command_resize;
const cli_command command_resize = {
    .name = "resize",
    .summary = "give an array another shape",
    .description =
        "LENGTHS is one length for each axis, or lengths of named axes; the others stay as they are. "
        "Elements that fall off are gone: their chunks are removed, and chunks that are cut get the fill "
        "value behind the cut, so that an array that grows shows the fill value, whatever lay there before. "
        "Readers see the old shape or the new one.\n\n"
        "With --keep-chunks only the metadata changes, which is quick; what fell off comes back when the "
        "array grows again.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"},
                     {.kind = OPERAND_TEXT, .name = "LENGTHS"}),
    COMMAND_EXAMPLES({"resize out.zarr/t 2000,721,1440", "All lengths"},
                     {"resize out.zarr/u y=300", "One, by its name"},
                     {"resize -n out.zarr/u y=0", "Only say what would be done"}),
    COMMAND_OPTIONS(OPTION_KEEP_CHUNKS, OPTION_DRY_RUN, OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
