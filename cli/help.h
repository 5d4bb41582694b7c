/* Help, made from the tables of commands and options. */
#ifndef TESSERA_CLI_HELP_H
#define TESSERA_CLI_HELP_H

#include <stdio.h>

#include "commands.h"
#include "document.h"

/* What `tessera help` shows: all commands with a sentence each. */
void help_print_overview(FILE *stream);

/* What `tessera help COMMAND` shows: examples first, then usage and options. */
void help_print_command(FILE *stream, const cli_command *command);

/* Operands and options of a command as JSON, for programs that drive this one. */
void help_add_usage(cli_document *document, struct json_object *parent, const char *key,
                    const cli_command *command);

/* The usage of all commands, with the options that every command takes. */
void help_fill_usage(cli_document *document);

/* Prints paragraphs separated by "\n\n" with lines wrapped to `width` columns behind `indent`
 * spaces. */
void help_print_wrapped(FILE *stream, const char *text, int indent, int width);

/* The exit statuses and what they mean, ended by a NULL text. */
typedef struct cli_exit_meaning {
    int status;
    const char *meaning;
} cli_exit_meaning;

extern const cli_exit_meaning help_exit_meanings[];

#endif
