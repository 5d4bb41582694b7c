/* One run of the program: which command, with which operands and options, and what the command
 * needs while it runs: context, error, output. */
#ifndef TESSERA_CLI_INVOCATION_H
#define TESSERA_CLI_INVOCATION_H

#include <tessera.h>

#include "commands.h"
#include "try.h"
#include "warnings.h"

typedef struct cli_given_option {
    cli_option_id id;
    const char *value; /* "" for a flag */
} cli_given_option;

typedef struct cli_invocation {
    const cli_command *command;
    char **operands;
    int operand_count;
    cli_given_option *given; /* in the order of the command line */
    int given_count;
    tsr_context *context; /* made by the first invocation_context */
    int64_t links;        /* groups that were entered through a symbolic link */
    cli_warnings warnings;
    tsr_error error;
} cli_invocation;

/* Reads a command line; argv[0] is the name of the command. On failure the error says what is wrong
 * and what was probably meant. Errors: INVALID_ARGUMENT, NO_MEMORY. */
int invocation_parse(cli_invocation *invocation, const cli_command *command, int argc, char **argv);

/* Releases everything. */
void invocation_clear(cli_invocation *invocation);

/* The value given last for an option, or NULL when it was not given. */
const char *invocation_text(const cli_invocation *invocation, cli_option_id id);

/* Whether an option was given. */
bool invocation_has(const cli_invocation *invocation, cli_option_id id);

/* The value of an INTEGER, BYTES or RATE option, which parsing has checked already. */
int64_t invocation_number(const cli_invocation *invocation, cli_option_id id, int64_t otherwise);

/* The value of a JSON option: the text itself, or the content of FILE for @FILE. The caller frees
 * it; NULL when the option was not given. Errors: NOT_FOUND, IO, INVALID_ARGUMENT (not JSON),
 * NO_MEMORY. */
int invocation_json(cli_invocation *invocation, cli_option_id id, char **ret_text);

/* The context, made on first use from --threads and --memory. Errors: NO_MEMORY, INVALID_ARGUMENT.
 */
int invocation_context(cli_invocation *invocation, tsr_context **ret_context);

/* Two operands, or one option and another, that do not go together, and other misuse: fills in the
 * error and points at the help of the command. Returns TSR_INVALID_ARGUMENT. */
int invocation_misuse(cli_invocation *invocation, const char *format, ...) TSR_PRINTF(2, 3);

#endif
