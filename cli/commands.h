/* The table of commands. A command is one file, command_NAME.c, with one const row. */
#ifndef TESSERA_CLI_COMMANDS_H
#define TESSERA_CLI_COMMANDS_H

#include "options.h"

struct cli_invocation;

typedef enum cli_operand_kind {
    OPERAND_PLACE,     /* an array or a group: a path or URL */
    OPERAND_SELECTED,  /* likewise, with an optional selection glued on */
    OPERAND_FILE,      /* a file to read or write */
    OPERAND_DIRECTORY, /* a directory to write to */
    OPERAND_COMMAND,   /* the name of a command */
    OPERAND_SHELL,     /* bash, zsh or fish */
    OPERAND_PROGRAM,   /* a program and its arguments, behind -- */
    OPERAND_TEXT       /* anything else */
} cli_operand_kind;

typedef struct cli_operand {
    cli_operand_kind kind;
    const char *name; /* as help shows it, such as PLACE */
    bool optional;
    bool repeats; /* the last one only */
} cli_operand;

typedef struct cli_example {
    const char *command; /* without "tessera" */
    const char *comment;
} cli_example;

typedef struct cli_command {
    const char *name;
    const char *summary;     /* one sentence without a full stop */
    const char *description; /* paragraphs separated by "\n\n"; lines are wrapped when shown */
    int operand_count, example_count, option_count;
    const cli_operand *operands;
    const cli_example *examples;  /* of every command at least one */
    const cli_option_id *options; /* its own; the universal ones are added to all */
    /* Returns the exit status (0, or 1 where that has a meaning), or a negative tsr_status with the
     * invocation's error filled in. */
    int (*run)(struct cli_invocation *invocation);
} cli_command;

/* The lists of a row, each with its count, so that none can be too long or want an end. */
#define COMMAND_OPERANDS(...) COMMAND_LIST(operand, cli_operand, __VA_ARGS__)
#define COMMAND_EXAMPLES(...) COMMAND_LIST(example, cli_example, __VA_ARGS__)
#define COMMAND_OPTIONS(...) COMMAND_LIST(option, cli_option_id, __VA_ARGS__)
#define COMMAND_LIST(noun, type, ...)       \
    .noun##s = (const type[]){__VA_ARGS__}, \
    .noun##_count = (int)(sizeof((type[]){__VA_ARGS__}) / sizeof(type))

/* All commands, in the order in which help lists them; NULL at the end. */
extern const cli_command *const command_table[];

/* The command of a name, or NULL. */
const cli_command *command_find(const char *name);

/* Calls `each` for the options of a command, its own first, then the universal ones. `command`
 * NULL: the universal ones alone. */
void command_each_option(const cli_command *command,
                         void (*each)(void *user, const cli_option *option), void *user);

/* Whether the command takes this option. */
bool command_takes(const cli_command *command, cli_option_id id);

/* Writes "tessera cat PLACE [--select SELECTION]..." in short form: the operands, then [OPTIONS].
 */
void command_synopsis(const cli_command *command, char *text, size_t capacity);

#endif
