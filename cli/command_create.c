/* tessera create PLACE: an empty array, or with no shape a group. */
#include <string.h>

#include "creation.h"
#include "describe.h"
#include "document.h"
#include "location.h"
#include "show.h"

static tsr_create_mode mode_of(const cli_invocation *invocation)
{
    return invocation_has(invocation, OPTION_OVERWRITE) ? TSR_CREATE_OVERWRITE : TSR_CREATE_NEW;
}

/* EXISTS gets the option that helps here. */
static int creation_failed(cli_invocation *invocation, int status)
{
    if (status == TSR_EXISTS)
        snprintf(invocation->error.next_step, sizeof invocation->error.next_step,
                 "--overwrite replaces it and everything below it");
    return status;
}

/* A dry run says whether the place is free; the rest of the options have been read by now. */
static int say_only(cli_invocation *invocation, const char *kind)
{
    tsr_node_kind there;
    tsr_context *context;
    const char *place = invocation->operands[0];

    CLI_TRY(invocation_context(invocation, &context));
    CLI_TRY(tsr_place_probe(context, place, NULL, &there, &invocation->error));
    if (there != TSR_NODE_NONE && mode_of(invocation) == TSR_CREATE_NEW) {
        tsr_error_set(&invocation->error, TSR_EXISTS, "%s exists already", place);
        return creation_failed(invocation, TSR_EXISTS);
    }
    printf("would %s the %s ", there == TSR_NODE_NONE ? "create" : "replace", kind);
    show_safe_text(stdout, place);
    putchar('\n');
    return 0;
}

static int print_made(cli_invocation *invocation, tsr_array *array, tsr_group *group)
{
    cli_document document;
    cli_stored_size stored = {0};
    int status;

    if (!invocation_has(invocation, OPTION_JSON))
        return 0;
    document_init(&document);
    document_add_text(&document, document.root, "place",
                      array ? tsr_array_place(array) : tsr_group_place(group));
    if (array)
        status = describe_array(&document, document.root, array, &stored, true, &invocation->error);
    else
        status = describe_group(&document, document.root, group, true, &invocation->error);
    if (status >= 0)
        status = document_print(&document, stdout, &invocation->error);
    document_clear(&document);
    return status;
}

static int create_group(cli_invocation *invocation, const cli_creation *creation)
{
    tsr_auto(tsr_group) *group = NULL;
    tsr_group_create_options options;
    tsr_context *context;

    if (creation->dtype)
        return invocation_misuse(invocation, "create: --dtype needs --shape; without both it makes "
                                             "a group");
    if (invocation_has(invocation, OPTION_DRY_RUN))
        return say_only(invocation, "group");
    CLI_TRY(invocation_context(invocation, &context));
    tsr_group_create_options_init(&options);
    options.mode = mode_of(invocation);
    options.attributes = creation->attributes;
    if (creation->zarr_format)
        options.zarr_format = creation->zarr_format;
    int status =
        tsr_group_create(context, invocation->operands[0], &options, &group, &invocation->error);
    return status < 0 ? creation_failed(invocation, status) : print_made(invocation, NULL, group);
}

/* The array that --like names, with --shape in the place of its own. */
static int plan_like(cli_invocation *invocation, const cli_creation *creation, tsr_array *like,
                     int64_t *shape, cli_array_plan *ret_plan)
{
    int rank;

    CLI_TRY(creation_plan_copy(invocation, creation, like, ret_plan));
    if (!invocation_has(invocation, OPTION_SHAPE))
        return 0;
    int status = creation_read_shape(invocation, shape, &rank);
    if (status >= 0 && rank != tsr_array_rank(like))
        status = invocation_misuse(invocation, "--shape has %d lengths, and %s has %d axes", rank,
                                   tsr_array_place(like), tsr_array_rank(like));
    if (status < 0)
        array_plan_clear(ret_plan);
    else
        ret_plan->options.shape = shape;
    return status;
}

static int plan_array(cli_invocation *invocation, const cli_creation *creation, tsr_array *like,
                      int64_t *shape, cli_array_plan *ret_plan)
{
    int rank;

    if (like)
        return plan_like(invocation, creation, like, shape, ret_plan);
    CLI_TRY(creation_read_shape(invocation, shape, &rank));
    return creation_plan_new(invocation, creation, shape, rank, ret_plan);
}

static int create_array(cli_invocation *invocation, const cli_creation *creation)
{
    tsr_auto(tsr_array) *array = NULL, *like = NULL;
    int64_t shape[TSR_RANK_MAX];
    cli_array_plan plan;
    tsr_context *context;
    int status;

    if (invocation_has(invocation, OPTION_LIKE))
        CLI_TRY(location_open_array(invocation, invocation_text(invocation, OPTION_LIKE), false,
                                    &like));
    CLI_TRY(plan_array(invocation, creation, like, shape, &plan));
    plan.options.mode = mode_of(invocation);
    plan.options.statistics |= invocation_has(invocation, OPTION_STATISTICS);
    if (invocation_has(invocation, OPTION_DRY_RUN)) {
        status = say_only(invocation, "array");
    } else {
        status = invocation_context(invocation, &context);
        if (status >= 0)
            status = tsr_array_create(context, invocation->operands[0], &plan.options, &array,
                                      &invocation->error);
        status =
            status < 0 ? creation_failed(invocation, status) : print_made(invocation, array, NULL);
    }
    array_plan_clear(&plan);
    return status;
}

static int run(cli_invocation *invocation)
{
    cli_creation creation;
    int status;

    CLI_TRY(creation_read(invocation, &creation));
    if (invocation_has(invocation, OPTION_SHAPE) || invocation_has(invocation, OPTION_LIKE))
        status = create_array(invocation, &creation);
    else
        status = create_group(invocation, &creation);
    creation_clear(&creation);
    return status;
}

extern const cli_command command_create;
const cli_command command_create = {
    .name = "create",
    .summary = "make an empty array, or a group",
    .description =
        "With --shape and --dtype, or with --like, it makes an array, whose elements are all the fill value and take no "
        "room; without them a group. Groups above it are made too. Chunks of about 1 MiB are chosen unless "
        "--chunks is given; the compression is zstd unless --codec is given.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES(
        {"create out.zarr/t --shape 1000,721,1440 --dtype float32 --chunks 10,721,1440 "
         "--shards 100,721,1440 --codec zstd:3 --fill-value NaN",
         "A sharded array"},
        {"create out.zarr/u --shape 100,200 --dtype u2 --dimension-names y,x --chunks y=50",
         "Names for the axes, and chunks by them"},
        {"create out.zarr/v --like out.zarr/t --dtype float64", "As another array is"},
        {"create out.zarr --attributes '{\"title\": \"runs\"}'", "A group"}),
    COMMAND_OPTIONS(OPTION_LIKE, OPTION_SHAPE, OPTION_DTYPE, CREATION_OPTIONS, OPTION_OVERWRITE,
                    OPTION_DRY_RUN, OPTION_JSON),
    .run = run,
};
