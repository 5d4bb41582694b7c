/* tessera consolidate PLACE: copies of all metadata of a tree in one document. */
#include "location.h"
#include "show.h"

static void say(const cli_invocation *invocation, const tsr_consolidate_result *result)
{
    const char *place = invocation->operands[0];
    bool dry = invocation_has(invocation, OPTION_DRY_RUN);
    bool remove = invocation_has(invocation, OPTION_DROP);

    show_safe_text(stdout, place);
    if (remove)
        printf(": %s\n", !result->had_copies ? "has no copies"
                         : dry               ? "would drop its copies"
                                             : "copies dropped");
    else if (dry)
        printf(": copies of %lld nodes: %s\n", (long long)result->nodes,
               !result->had_copies ? "none yet"
               : result->was_stale ? "stale"
                                   : "up to date");
    else
        printf(": copies of %lld nodes%s\n", (long long)result->nodes,
               result->had_copies && !result->was_stale ? ", which were up to date" : "");
}

static int run(cli_invocation *invocation)
{
    tsr_auto(tsr_group) *group = NULL;
    tsr_array_open_options open_options;
    tsr_consolidate_options options;
    tsr_consolidate_result result;
    tsr_context *context;
    bool dry = invocation_has(invocation, OPTION_DRY_RUN);

    CLI_TRY(invocation_context(invocation, &context));
    tsr_array_open_options_init(&open_options);
    open_options.writable = !dry;
    open_options.ignore_consolidated = true;
    CLI_TRY(tsr_group_open(context, invocation->operands[0], &open_options, &group,
                           &invocation->error));
    tsr_consolidate_options_init(&options);
    options.remove = invocation_has(invocation, OPTION_DROP);
    options.dry_run = dry;
    CLI_TRY(tsr_group_consolidate(group, &options, &result, &invocation->error));
    say(invocation, &result);
    return dry && !options.remove && (!result.had_copies || result.was_stale) ? 1 : 0;
}

extern const cli_command command_consolidate;
const cli_command command_consolidate = {
    .name = "consolidate",
    .summary = "copy the metadata of a whole tree into one document",
    .description =
        "A tree of a thousand arrays is then opened by one read, by Tessera and by zarr-python, xarray and "
        "others. The copies are as old as the last run: whoever adds nodes or changes attributes or shapes "
        "runs it again. With -n it only says whether they are up to date, and exits with 1 when not.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"consolidate out.zarr", "Make or refresh the copies"},
                     {"consolidate -n out.zarr", "Only look"},
                     {"consolidate --drop out.zarr", "Take them away"}),
    COMMAND_OPTIONS(OPTION_DROP, OPTION_DRY_RUN),
    .run = run,
};
