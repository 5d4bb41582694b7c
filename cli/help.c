#include "help.h"

#include <string.h>

enum { WIDTH = 96, OPTION_COLUMN = 32 };

const cli_exit_meaning help_exit_meanings[] = {
    {0, "done; for diff: the same; for check: nothing found"},
    {1, "diff: they differ; check: damage was found"},
    {2, "the command line is wrong, or a selection does not fit the array"},
    {3, "not found"},
    {4, "data or metadata is damaged"},
    {5, "partly done"},
    {6, "no permission"},
    {7, "unreachable"},
    {8, "any other failure"},
    {130, "interrupted"},
    {0, NULL},
};

void help_print_wrapped(FILE *stream, const char *text, int indent, int width)
{
    int column = indent;

    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + (int)word > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', stream);
            column++;
        }
        fwrite(text, 1, word, stream);
        column += (int)word;
        text += word;
        if (strncmp(text, "\n\n", 2) == 0) {
            fprintf(stream, "\n\n%*s", indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    fputc('\n', stream);
}

void help_print_overview(FILE *stream)
{
    fputs(
        "tessera - tensors in chunks and shards: import, look, slice, measure, draw, copy, check\n\n"
        "Examples:\n"
        "  tessera import ocean.nc ocean.zarr --shards auto\n"
        "  tessera tree ocean.zarr\n"
        "  tessera cat 'ocean.zarr/TEMP[0, 0, 10:13, ::60]'\n\n"
        "Usage:\n"
        "  tessera COMMAND [OPERANDS] [OPTIONS]\n\n"
        "Commands:\n",
        stream);
    for (const cli_command *const *row = command_table; *row; row++)
        fprintf(stream, "  %-12s%s\n", (*row)->name, (*row)->summary);
    fputs(
        "\nA place is a path or URL of an array or group: relief.zarr/ROSE, ocean.nc/TEMP, frames.npy.\n"
        "`tessera help COMMAND` shows examples and options; `tessera --array_path=DIR` prints every\n"
        "element of an array as fill-value JSON, one a line.\n",
        stream);
}

static void print_option(void *user, const cli_option *option)
{
    FILE *stream = user;
    char left[128], text[512];
    int width;

    width = snprintf(left, sizeof left, "  %c%c%c --%s%s%s", option->letter ? '-' : ' ',
                     option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
                     option->name, option->value ? " " : "", option->value ? option->value : "");
    fputs(left, stream);
    if (width + 2 > OPTION_COLUMN)
        fprintf(stream, "\n%*s", OPTION_COLUMN, "");
    else
        fprintf(stream, "%*s", OPTION_COLUMN - width, "");
    snprintf(text, sizeof text, "%s.", option->help);
    help_print_wrapped(stream, text, OPTION_COLUMN, WIDTH);
}

void help_print_command(FILE *stream, const cli_command *command)
{
    char synopsis[256];

    fprintf(stream, "tessera %s - %s\n\nExamples:\n", command->name, command->summary);
    for (int i = 0; i < command->example_count; i++)
        fprintf(stream, "  tessera %s\n      %s\n", command->examples[i].command,
                command->examples[i].comment);
    command_synopsis(command, synopsis, sizeof synopsis);
    fprintf(stream, "\nUsage:\n  %s\n\n", synopsis);
    if (command->description) {
        help_print_wrapped(stream, command->description, 0, WIDTH);
        fputc('\n', stream);
    }
    fputs("Options:\n", stream);
    command_each_option(command, print_option, stream);
}

/* ---- as JSON ---- */

typedef struct cli_usage_list {
    cli_document *document;
    struct json_object *list;
} cli_usage_list;

static void add_choice(void *user, const char *word)
{
    cli_usage_list *usage = user;

    document_add_text(usage->document, usage->list, NULL, word);
}

static const char *kind_name(cli_option_kind kind)
{
    static const char *const names[] = {
        [OPTION_KIND_FLAG] = "flag",     [OPTION_KIND_TEXT] = "text",
        [OPTION_KIND_CHOICE] = "choice", [OPTION_KIND_INTEGER] = "integer",
        [OPTION_KIND_BYTES] = "bytes",   [OPTION_KIND_RATE] = "rate",
        [OPTION_KIND_JSON] = "json",     [OPTION_KIND_FILE] = "file",
    };
    return names[kind];
}

static void add_option(void *user, const cli_option *option)
{
    cli_usage_list *usage = user;
    cli_document *document = usage->document;
    struct json_object *row = document_add_object(document, usage->list, NULL);
    char letter[2] = {option->letter, '\0'};

    document_add_text(document, row, "name", option->name);
    document_add_text(document, row, "letter", option->letter ? letter : NULL);
    document_add_text(document, row, "kind", kind_name(option->kind));
    document_add_text(document, row, "value", option->value);
    if (option->choices) {
        cli_usage_list choices = {document, document_add_list(document, row, "choices")};
        option_each_choice(option->choices, add_choice, &choices);
    }
    document_add_flag(document, row, "repeats", option->repeats);
    document_add_text(document, row, "help", option->help);
}

static const char *operand_kind_name(cli_operand_kind kind)
{
    static const char *const names[] = {
        [OPERAND_PLACE] = "place",     [OPERAND_SELECTED] = "place with selection",
        [OPERAND_FILE] = "file",       [OPERAND_DIRECTORY] = "directory",
        [OPERAND_COMMAND] = "command", [OPERAND_SHELL] = "shell",
        [OPERAND_PROGRAM] = "program", [OPERAND_TEXT] = "text",
    };
    return names[kind];
}

void help_add_usage(cli_document *document, struct json_object *parent, const char *key,
                    const cli_command *command)
{
    struct json_object *root = document_add_object(document, parent, key), *list, *row;
    char synopsis[256];
    cli_usage_list options;

    command_synopsis(command, synopsis, sizeof synopsis);
    document_add_text(document, root, "name", command->name);
    document_add_text(document, root, "summary", command->summary);
    document_add_text(document, root, "usage", synopsis);
    list = document_add_list(document, root, "operands");
    for (int i = 0; i < command->operand_count; i++) {
        const cli_operand *operand = &command->operands[i];
        row = document_add_object(document, list, NULL);
        document_add_text(document, row, "name", operand->name);
        document_add_text(document, row, "kind", operand_kind_name(operand->kind));
        document_add_flag(document, row, "optional", operand->optional);
        document_add_flag(document, row, "repeats", operand->repeats);
    }
    options = (cli_usage_list){document, document_add_list(document, root, "options")};
    command_each_option(command, add_option, &options);
}

void help_fill_usage(cli_document *document)
{
    struct json_object *list = document_add_list(document, document->root, "commands"), *row;

    for (const cli_command *const *command = command_table; *command; command++)
        help_add_usage(document, list, NULL, *command);
    list = document_add_list(document, document->root, "exit_statuses");
    for (const cli_exit_meaning *meaning = help_exit_meanings; meaning->meaning; meaning++) {
        row = document_add_object(document, list, NULL);
        document_add_integer(document, row, "status", meaning->status);
        document_add_text(document, row, "meaning", meaning->meaning);
    }
}
