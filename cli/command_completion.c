/* tessera completion bash|zsh|fish: a completion script made from the tables. */
#include <string.h>

#include "invocation.h"
#include "show.h"

static void put_space_name(void *user, const cli_option *option)
{
    (void)user;
    printf(" --%s", option->name);
    if (option->letter)
        printf(" -%c", option->letter);
}

static void put_space_word(void *user, const char *word)
{
    (void)user;
    printf(" %s", word);
}

static void put_command_names(void)
{
    for (const cli_command *const *row = command_table; *row; row++)
        printf(" %s", (*row)->name);
}

/* ---- bash ---- */

/* One branch of "case COMMAND:OPTION": the words that an option takes. */
static void put_bash_choices(void *user, const cli_option *option)
{
    const cli_command *command = user;

    if (option->choices) {
        printf("        %s:--%s) words='", command->name, option->name);
        option_each_choice(option->choices, put_space_word, NULL);
        fputs("' ;;\n", stdout);
    } else if (option->kind != OPTION_KIND_FLAG && option->kind != OPTION_KIND_FILE) {
        printf("        %s:--%s) return ;;\n", command->name, option->name);
    }
}

static void put_bash(void)
{
    fputs("# Completion of tessera for bash. Load it with: source <(tessera completion bash)\n"
          "_tessera()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} words=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '",
          stdout);
    put_command_names();
    fputs("' -- \"$word\"))\n        return\n    fi\n    case $command:$before in\n", stdout);
    for (const cli_command *const *row = command_table; *row; row++)
        command_each_option(*row, put_bash_choices, (void *)*row);
    fputs(
        "    esac\n    if [ -z \"$words\" ] && [[ $word == -* ]]; then\n        case $command in\n",
        stdout);
    for (const cli_command *const *row = command_table; *row; row++) {
        printf("        %s) words='", (*row)->name);
        command_each_option(*row, put_space_name, NULL);
        fputs("' ;;\n", stdout);
    }
    fputs("        esac\n    fi\n    case $command:$COMP_CWORD in\n        help:2) words='",
          stdout);
    put_command_names();
    fputs("' ;;\n        completion:2) words='bash zsh fish' ;;\n    esac\n"
          "    if [ -n \"$words\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n        compopt -o filenames\n"
          "    fi\n}\ncomplete -F _tessera tessera\n",
          stdout);
}

/* ---- zsh ---- */

/* Text inside single quotes and an _arguments specification. */
static void put_zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void put_zsh_action(const cli_option *option)
{
    if (option->kind == OPTION_KIND_FLAG)
        return;
    fputs(":", stdout);
    put_zsh_text(option->choices ? option->name : option->value);
    fputs(":", stdout);
    if (option->choices) {
        fputs("(", stdout);
        option_each_choice(option->choices, put_space_word, NULL);
        fputs(")", stdout);
    } else if (option->kind == OPTION_KIND_FILE) {
        fputs("_files", stdout);
    }
}

static void put_zsh_option(void *user, const cli_option *option)
{
    (void)user;
    for (int form = option->letter ? 0 : 1; form < 2; form++) {
        fputs(" \\\n                '", stdout);
        if (option->repeats)
            putchar('*');
        if (form == 0)
            printf("-%c", option->letter);
        else
            printf("--%s", option->name);
        putchar('[');
        put_zsh_text(option->help);
        putchar(']');
        put_zsh_action(option);
        putchar('\'');
    }
}

static void put_zsh_operands(const cli_operand *first)
{
    switch (first->kind) {
    case OPERAND_COMMAND:
        fputs(" \\\n                '1:command:(", stdout);
        put_command_names();
        fputs(")'", stdout);
        break;
    case OPERAND_SHELL:
        fputs(" \\\n                '1:shell:(bash zsh fish)'", stdout);
        break;
    default:
        fputs(" \\\n                '*:place:_files'", stdout);
    }
}

static void put_zsh(void)
{
    fputs("#compdef tessera\n"
          "# Completion of tessera for zsh. Put it into a folder of $fpath as _tessera.\n"
          "_tessera()\n{\n    local -a commands\n    commands=(\n",
          stdout);
    for (const cli_command *const *row = command_table; *row; row++) {
        printf("        '%s:", (*row)->name);
        put_zsh_text((*row)->summary);
        fputs("'\n", stdout);
    }
    fputs(
        "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n"
        "    fi\n    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
        "    case $command in\n",
        stdout);
    for (const cli_command *const *row = command_table; *row; row++) {
        printf("        %s)\n            _arguments -s", (*row)->name);
        command_each_option(*row, put_zsh_option, NULL);
        if ((*row)->operand_count > 0)
            put_zsh_operands((*row)->operands);
        fputs("\n            ;;\n", stdout);
    }
    fputs("    esac\n}\n_tessera \"$@\"\n", stdout);
}

/* ---- fish ---- */

static void put_fish_text(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void put_fish_option(void *user, const cli_option *option)
{
    const cli_command *command = user;

    printf("complete -c tessera -n '__fish_seen_subcommand_from %s' -l %s", command->name,
           option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    if (option->kind != OPTION_KIND_FLAG)
        fputs(option->kind == OPTION_KIND_FILE ? " -r -F" : " -x", stdout);
    if (option->choices) {
        fputs(" -a '", stdout);
        option_each_choice(option->choices, put_space_word, NULL);
        fputs("'", stdout);
    }
    fputs(" -d ", stdout);
    put_fish_text(option->help);
    putchar('\n');
}

static void put_fish(void)
{
    fputs("# Completion of tessera for fish. Load it with: tessera completion fish | source\n",
          stdout);
    for (const cli_command *const *row = command_table; *row; row++) {
        printf("complete -c tessera -n __fish_use_subcommand -f -a %s -d ", (*row)->name);
        put_fish_text((*row)->summary);
        putchar('\n');
        command_each_option(*row, put_fish_option, (void *)*row);
    }
    fputs("complete -c tessera -n '__fish_seen_subcommand_from help' -f -a '", stdout);
    put_command_names();
    fputs(
        "'\ncomplete -c tessera -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n",
        stdout);
}

static int run(cli_invocation *invocation)
{
    const char *shell = invocation->operands[0];

    if (strcmp(shell, "bash") == 0)
        put_bash();
    else if (strcmp(shell, "zsh") == 0)
        put_zsh();
    else if (strcmp(shell, "fish") == 0)
        put_fish();
    else
        return invocation_misuse(invocation, "completion: the shell is bash, zsh or fish, not '%s'",
                                 shell);
    return show_check(&invocation->error);
}

extern const cli_command command_completion;
const cli_command command_completion = {
    .name = "completion",
    .summary = "print a completion script for bash, zsh or fish",
    COMMAND_OPERANDS({.kind = OPERAND_SHELL, .name = "SHELL"}),
    COMMAND_EXAMPLES(
        {"completion bash >> ~/.bashrc", "Complete commands, options and their values"},
        {"completion fish > ~/.config/fish/completions/tessera.fish", "Likewise in fish"}),
    .run = run,
};
