#include "commands.h"

#include <stdio.h>
#include <string.h>

extern const cli_command command_append, command_attr, command_cat, command_check, command_chunks,
    command_codecs, command_compact, command_completion, command_consolidate, command_cp,
    command_create, command_diff, command_draw, command_explain, command_export, command_gc,
    command_hash, command_help, command_import, command_info, command_ls, command_man, command_mv,
    command_put, command_pyramid, command_resize, command_rm, command_stack, command_stats,
    command_transaction, command_tree, command_version;

const cli_command *const command_table[] = {
    &command_import,      &command_export,      &command_tree,
    &command_ls,          &command_info,        &command_cat,
    &command_stats,       &command_chunks,      &command_explain,
    &command_draw,        &command_create,      &command_put,
    &command_append,      &command_resize,      &command_attr,
    &command_cp,          &command_stack,       &command_pyramid,
    &command_check,       &command_compact,     &command_hash,
    &command_diff,        &command_mv,          &command_rm,
    &command_consolidate, &command_transaction, &command_gc,
    &command_codecs,      &command_help,        &command_completion,
    &command_man,         &command_version,     NULL,
};

const cli_command *command_find(const char *name)
{
    for (size_t i = 0; command_table[i]; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

/* Whether a command has an option of its own by the name of a universal one. */
static bool has_own(const cli_command *command, cli_option_id universal)
{
    for (int i = 0; command && i < command->option_count; i++)
        if (strcmp(option_row(command->options[i])->name, option_row(universal)->name) == 0)
            return true;
    return false;
}

void command_each_option(const cli_command *command,
                         void (*each)(void *user, const cli_option *option), void *user)
{
    for (int i = 0; command && i < command->option_count; i++)
        each(user, option_row(command->options[i]));
    for (int id = 0; id < OPTION_COUNT; id++)
        if (option_row(id)->universal && !has_own(command, id))
            each(user, option_row(id));
}

bool command_takes(const cli_command *command, cli_option_id id)
{
    if (option_row(id)->universal)
        return !has_own(command, id);
    for (int i = 0; i < command->option_count; i++)
        if (command->options[i] == id)
            return true;
    return false;
}

void command_synopsis(const cli_command *command, char *text, size_t capacity)
{
    size_t used = (size_t)snprintf(text, capacity, "tessera %s", command->name);

    for (int i = 0; i < command->operand_count && used < capacity; i++) {
        const cli_operand *operand = &command->operands[i];
        used +=
            (size_t)snprintf(text + used, capacity - used, operand->optional ? " [%s%s]" : " %s%s",
                             operand->name, operand->repeats ? "..." : "");
    }
    if (used < capacity)
        snprintf(text + used, capacity - used, " [OPTIONS]");
}
