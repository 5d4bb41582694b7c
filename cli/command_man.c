/* tessera man DIR: a manual page for the program and one for each command. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "help.h"
#include "invocation.h"
#include "memory.h"

/* Text for roff: a backslash and a leading point or quote mean something there, and "-" would
 * become a hyphen. */
static void put_text(FILE *page, const char *text)
{
    bool at_start = true;

    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP\n", page);
            text++;
            at_start = true;
            continue;
        }
        if (at_start && (*text == '.' || *text == '\''))
            fputs("\\&", page);
        at_start = false;
        if (*text == '\\')
            fputs("\\e", page);
        else if (*text == '-')
            fputs("\\-", page);
        else
            fputc(*text == '\n' ? ' ' : *text, page);
    }
}

static void put_heading(FILE *page, const char *title, const char *summary)
{
    fprintf(page, ".TH \"");
    put_text(page, title);
    fprintf(page, "\" 1 \"\" \"tessera %s\" \"Tessera\"\n.SH NAME\n", tsr_version());
    put_text(page, title);
    fputs(" \\- ", page);
    put_text(page, summary);
    fputc('\n', page);
}

static void put_option(void *user, const cli_option *option)
{
    FILE *page = user;

    fputs(".TP\n\\fB", page);
    if (option->letter)
        fprintf(page, "\\-%c\\fR, \\fB", option->letter);
    fputs("\\-\\-", page);
    put_text(page, option->name);
    fputs("\\fR", page);
    if (option->value) {
        fputs(" \\fI", page);
        put_text(page, option->value);
        fputs("\\fR", page);
    }
    fputc('\n', page);
    put_text(page, option->help);
    fputs(".\n", page);
}

static void put_exit_statuses(FILE *page)
{
    fputs(".SH EXIT STATUS\n", page);
    for (const cli_exit_meaning *meaning = help_exit_meanings; meaning->meaning; meaning++) {
        fprintf(page, ".TP\n%d\n", meaning->status);
        put_text(page, meaning->meaning);
        fputc('\n', page);
    }
}

static void put_command(FILE *page, const cli_command *command)
{
    char title[64], synopsis[256];

    snprintf(title, sizeof title, "tessera-%s", command->name);
    put_heading(page, title, command->summary);
    command_synopsis(command, synopsis, sizeof synopsis);
    fputs(".SH SYNOPSIS\n", page);
    put_text(page, synopsis);
    fputs("\n.SH EXAMPLES\n", page);
    for (int i = 0; i < command->example_count; i++) {
        fputs(".TP\n\\fBtessera ", page);
        put_text(page, command->examples[i].command);
        fputs("\\fR\n", page);
        put_text(page, command->examples[i].comment);
        fputs(".\n", page);
    }
    if (command->description) {
        fputs(".SH DESCRIPTION\n", page);
        put_text(page, command->description);
        fputc('\n', page);
    }
    fputs(".SH OPTIONS\n", page);
    command_each_option(command, put_option, page);
    put_exit_statuses(page);
    fputs(".SH SEE ALSO\n.BR tessera (1)\n", page);
}

static void put_overview(FILE *page)
{
    put_heading(page, "tessera", "tensors in chunks and shards");
    fputs(".SH SYNOPSIS\ntessera COMMAND [OPERANDS] [OPTIONS]\n.SH COMMANDS\n", page);
    for (const cli_command *const *row = command_table; *row; row++) {
        fprintf(page, ".TP\n.BR tessera\\-%s (1)\n", (*row)->name);
        put_text(page, (*row)->summary);
        fputc('\n', page);
    }
    fputs(".SH OPTIONS\nEvery command takes these:\n", page);
    command_each_option(NULL, put_option, page);
    put_exit_statuses(page);
    fputs(".SH ENVIRONMENT\n.TP\nNO_COLOR\nWhen it is set to anything, no colour is used.\n", page);
}

/* Writes one page; `command` NULL: the overview. */
static int write_page(cli_invocation *invocation, const char *directory, const cli_command *command)
{
    char *path;
    FILE *page;
    bool failed;

    if (asprintf(&path, "%s/tessera%s%s.1", directory, command ? "-" : "",
                 command ? command->name : "") < 0)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    page = fopen(path, "we");
    failed = page == NULL;
    if (page) {
        if (command)
            put_command(page, command);
        else
            put_overview(page);
        failed = ferror(page) != 0;
        failed |= fclose(page) != 0;
    }
    if (failed)
        tsr_error_set(&invocation->error, errno == EACCES ? TSR_PERMISSION : TSR_IO,
                      "cannot write %s: %s", path, strerror(errno));
    memory_free(path);
    return failed ? invocation->error.status : 0;
}

static int run(cli_invocation *invocation)
{
    const char *directory = invocation->operands[0];

    if (mkdir(directory, 0777) < 0 && errno != EEXIST)
        return tsr_error_set(&invocation->error, errno == EACCES ? TSR_PERMISSION : TSR_IO,
                             "cannot make the directory %s: %s", directory, strerror(errno));
    CLI_TRY(write_page(invocation, directory, NULL));
    for (const cli_command *const *row = command_table; *row; row++)
        CLI_TRY(write_page(invocation, directory, *row));
    return 0;
}

extern const cli_command command_man;
const cli_command command_man = {
    .name = "man",
    .summary = "write the manual pages",
    .description =
        "Writes tessera.1 and a page for each command into DIR, which is made when it is "
        "missing. Pages that are there already are replaced.",
    COMMAND_OPERANDS({.kind = OPERAND_DIRECTORY, .name = "DIR"}),
    COMMAND_EXAMPLES({"man ~/.local/share/man/man1", "Then `man tessera-cp` works"}),
    .run = run,
};
