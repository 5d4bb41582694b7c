/* tessera help [COMMAND] */
#include "help.h"
#include "invocation.h"
#include "show.h"
#include "suggestion.h"

static int unknown_command(cli_invocation *invocation, const char *name)
{
    cli_suggestion nearest;

    suggestion_init(&nearest, name);
    for (const cli_command *const *row = command_table; *row; row++)
        suggestion_offer(&nearest, (*row)->name);
    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "there is no command '%s'", name);
    if (nearest.nearest[0])
        tsr_error_set_next_step(&invocation->error, "did you mean `tessera %s`?", nearest.nearest);
    else
        tsr_error_set_next_step(&invocation->error, "`tessera help` lists the commands");
    return TSR_INVALID_ARGUMENT;
}

static int run(cli_invocation *invocation)
{
    const cli_command *about;

    if (invocation->operand_count == 0) {
        help_print_overview(stdout);
        return show_check(&invocation->error);
    }
    about = command_find(invocation->operands[0]);
    if (!about)
        return unknown_command(invocation, invocation->operands[0]);
    help_print_command(stdout, about);
    return show_check(&invocation->error);
}

extern const cli_command command_help;
const cli_command command_help = {
    .name = "help",
    .summary = "show all commands, or examples and options of one",
    COMMAND_OPERANDS({.kind = OPERAND_COMMAND, .name = "COMMAND", .optional = true}),
    COMMAND_EXAMPLES({"help", "List all commands"}, {"help cp", "How to copy, with examples"}),
    .run = run,
};
