/* tessera mv SOURCE DESTINATION: another name or place for an array or group. */
#include <stdio.h>

#include "invocation.h"
#include "show.h"

static int say_only(cli_invocation *invocation, tsr_context *context)
{
    tsr_node_kind from, to;

    CLI_TRY(tsr_place_probe(context, invocation->operands[0], NULL, &from, &invocation->error));
    if (from == TSR_NODE_NONE)
        return tsr_error_set(&invocation->error, TSR_NOT_FOUND, "%s: there is no array or group",
                             invocation->operands[0]);
    CLI_TRY(tsr_place_probe(context, invocation->operands[1], NULL, &to, &invocation->error));
    if (to != TSR_NODE_NONE)
        return tsr_error_set(&invocation->error, TSR_EXISTS, "%s exists already",
                             invocation->operands[1]);
    printf("would move the %s ", from == TSR_NODE_ARRAY ? "array" : "group");
    show_safe_text(stdout, invocation->operands[0]);
    fputs(" to ", stdout);
    show_safe_text(stdout, invocation->operands[1]);
    putchar('\n');
    return 0;
}

static int run(cli_invocation *invocation)
{
    tsr_context *context;

    CLI_TRY(invocation_context(invocation, &context));
    if (invocation_has(invocation, OPTION_DRY_RUN))
        return say_only(invocation, context);
    return tsr_place_move(context, invocation->operands[0], invocation->operands[1],
                          &invocation->error);
}

extern const cli_command command_mv;
const cli_command command_mv = {
    .name = "mv",
    .summary = "rename or move an array or group with everything in it",
    .description =
        "One rename in one file system: readers find it at the old place or at the new one, whole. Groups "
        "above the new place are made; a place that is taken is refused. To another file system, copy it "
        "with cp and remove it with rm.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "SOURCE"},
                     {.kind = OPERAND_PLACE, .name = "DESTINATION"}),
    COMMAND_EXAMPLES(
        {"mv out.zarr/t out.zarr/kept/temperature", "Into a group, under another name"},
        {"mv -n out.zarr old.zarr", "Only say what would be done"}),
    COMMAND_OPTIONS(OPTION_DRY_RUN),
    .run = run,
};
