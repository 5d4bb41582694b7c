#include "invocation.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "document.h"
#include "memory.h"
#include "quantity.h"
#include "suggestion.h"

/* What getopt_long needs, made from the command's options. */
typedef struct cli_parser {
    struct option long_options[OPTION_COUNT + 1];
    cli_option_id ids[OPTION_COUNT];
    char short_options[2 * OPTION_COUNT + 3];
    int count;
    size_t letters;
} cli_parser;

enum {
    LONG_BASE =
        256 /* getopt returns LONG_BASE + row for a long option, its letter for a short one */
};

static void add_option(void *user, const cli_option *option)
{
    cli_parser *parser = user;
    bool takes_value = option->kind != OPTION_KIND_FLAG;

    parser->ids[parser->count] = option->id;
    parser->long_options[parser->count] =
        (struct option){option->name, takes_value ? required_argument : no_argument, NULL,
                        LONG_BASE + parser->count};
    parser->count++;
    if (option->letter) {
        parser->short_options[parser->letters++] = option->letter;
        if (takes_value)
            parser->short_options[parser->letters++] = ':';
    }
}

/* "-" in front gives operands in their place as if they were options, so that argv[optind] is
 * always the word that getopt_long looks at next; ":" keeps getopt quiet. */
static void parser_init(cli_parser *parser, const cli_command *command)
{
    memset(parser, 0, sizeof *parser);
    memcpy(parser->short_options, "-:", 2);
    parser->letters = 2;
    command_each_option(command, add_option, parser);
}

/* The option that getopt found by its letter or its name: it is one of the command's. */
static const cli_option *found_option(const cli_parser *parser, int result)
{
    int row = result >= LONG_BASE ? result - LONG_BASE : 0;

    while (result < LONG_BASE && row + 1 < parser->count &&
           option_row(parser->ids[row])->letter != result)
        row++;
    return option_row(parser->ids[row]);
}

int invocation_misuse(cli_invocation *invocation, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tsr_error_vset(&invocation->error, TSR_INVALID_ARGUMENT, format, arguments);
    va_end(arguments);
    tsr_error_set_next_step(&invocation->error, "`tessera help %s` shows how it is used",
                            invocation->command->name);
    return TSR_INVALID_ARGUMENT;
}

/* An option that the command does not have: the nearest of its own, or the commands that do have
 * it. */
static int unknown_option(cli_invocation *invocation, const cli_parser *parser, const char *word)
{
    cli_suggestion nearest;
    char name[64];
    size_t span = strcspn(word, "=");

    if (word[0] == '-' && word[1] != '-') {
        char letter[3] = {'-', (char)optopt, '\0'};
        return invocation_misuse(invocation, "%s: there is no option %s", invocation->command->name,
                                 letter);
    }
    snprintf(name, sizeof name, "%.*s", span > 2 ? (int)(span - 2) : 0, word + 2);
    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "%s: there is no option --%s",
                  invocation->command->name, name);
    suggestion_init(&nearest, name);
    for (int i = 0; i < parser->count; i++)
        suggestion_offer(&nearest, option_row(parser->ids[i])->name);
    if (nearest.nearest[0])
        tsr_error_set_next_step(&invocation->error, "did you mean --%s?", nearest.nearest);
    else
        tsr_error_set_next_step(&invocation->error, "`tessera help %s` lists its options",
                                invocation->command->name);
    return TSR_INVALID_ARGUMENT;
}

static void offer_choice(void *user, const char *word)
{
    suggestion_offer(user, word);
}

static int wrong_choice(cli_invocation *invocation, const cli_option *option, const char *value)
{
    cli_suggestion nearest;

    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "%s: --%s is one of %s, not '%s'",
                  invocation->command->name, option->name, option->choices, value);
    suggestion_init(&nearest, value);
    option_each_choice(option->choices, offer_choice, &nearest);
    if (nearest.nearest[0])
        tsr_error_set_next_step(&invocation->error, "did you mean --%s %s?", option->name,
                                nearest.nearest);
    return TSR_INVALID_ARGUMENT;
}

static int check_value(cli_invocation *invocation, const cli_option *option, const char *value)
{
    int64_t number;

    switch (option->kind) {
    case OPTION_KIND_CHOICE:
        if (!option_is_choice(option->choices, value))
            return wrong_choice(invocation, option, value);
        return 0;
    case OPTION_KIND_INTEGER:
        if (!quantity_parse_integer(value, &number) || number < 0)
            return invocation_misuse(invocation, "%s: --%s takes a number from 0 up, not '%s'",
                                     invocation->command->name, option->name, value);
        return 0;
    case OPTION_KIND_BYTES:
    case OPTION_KIND_RATE:
        if (!quantity_parse_bytes(value, option->kind == OPTION_KIND_RATE, &number) || number == 0)
            return invocation_misuse(invocation, "%s: --%s takes a size such as 512MiB, not '%s'",
                                     invocation->command->name, option->name, value);
        return 0;
    case OPTION_KIND_FLAG:
    case OPTION_KIND_TEXT:
    case OPTION_KIND_JSON:
    case OPTION_KIND_FILE:
        break;
    }
    return 0;
}

static int take_option(cli_invocation *invocation, const cli_option *option, const char *value)
{
    if (option->kind != OPTION_KIND_FLAG) {
        CLI_TRY(check_value(invocation, option, value));
        if (!option->repeats && invocation_has(invocation, option->id))
            return invocation_misuse(invocation, "%s: --%s is given twice",
                                     invocation->command->name, option->name);
    }
    invocation->given[invocation->given_count++] =
        (cli_given_option){option->id, value ? value : ""};
    return 0;
}

/* getopt_long takes unique beginnings of names; scripts that rely on them break when an option is
 * added. */
static bool is_abbreviated(const char *word, const char *name)
{
    return strcspn(word + 2, "=") != strlen(name);
}

static int take_result(cli_invocation *invocation, const cli_parser *parser, int result,
                       const char *word)
{
    const cli_option *option;

    if (result == 1) {
        invocation->operands[invocation->operand_count++] = optarg;
        return 0;
    }
    if (result == '?') {
        /* A flag that was given a value: getopt knows the option then. */
        if (word[1] == '-' && optopt >= LONG_BASE)
            return invocation_misuse(invocation, "%s: --%s takes no value",
                                     invocation->command->name, found_option(parser, optopt)->name);
        return unknown_option(invocation, parser, word);
    }
    if (result == ':') {
        option = found_option(parser, optopt);
        return invocation_misuse(invocation, "%s: --%s needs a value, %s",
                                 invocation->command->name, option->name, option->value);
    }
    option = found_option(parser, result);
    if (result >= LONG_BASE && is_abbreviated(word, option->name))
        return unknown_option(invocation, parser, word);
    return take_option(invocation, option, optarg);
}

static int operand_is_missing(cli_invocation *invocation, const cli_operand *operand)
{
    const cli_command *command = invocation->command;

    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "%s: %s is missing", command->name,
                  operand->name);
    tsr_error_set_next_step(&invocation->error,
                            "write it as in `tessera %s`; `tessera help %s` shows more",
                            command->examples[0].command, command->name);
    return TSR_INVALID_ARGUMENT;
}

static int count_operands(cli_invocation *invocation)
{
    const cli_command *command = invocation->command;
    int most = command->operand_count;
    const cli_operand *last = most > 0 ? &command->operands[most - 1] : NULL;
    bool takes_program = last && last->kind == OPERAND_PROGRAM;

    for (int i = invocation->operand_count; i < most; i++)
        if (!command->operands[i].optional)
            return operand_is_missing(invocation, &command->operands[i]);
    if (invocation->operand_count > most && !(last && last->repeats))
        return invocation_misuse(invocation, "%s: '%s' is one operand too many", command->name,
                                 invocation->operands[most]);
    for (int i = 0; i < invocation->operand_count; i++)
        if (invocation->operands[i][0] == '\0' && (i < most || !takes_program))
            return invocation_misuse(invocation, "%s: an operand is empty", command->name);
    return 0;
}

int invocation_parse(cli_invocation *invocation, const cli_command *command, int argc, char **argv)
{
    cli_parser parser;
    int result;

    memset(invocation, 0, sizeof *invocation);
    invocation->command = command;
    warnings_init(&invocation->warnings);
    invocation->operands = memory_zeroed((size_t)argc + 1, sizeof *invocation->operands);
    invocation->given = memory_zeroed((size_t)argc + 1, sizeof *invocation->given);
    if (!invocation->operands || !invocation->given)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    parser_init(&parser, command);
    optind = 1;
    opterr = 0;
    for (;;) {
        const char *word = optind < argc ? argv[optind] : "";
        result = getopt_long(argc, argv, parser.short_options, parser.long_options, NULL);
        if (result == -1)
            break;
        CLI_TRY(take_result(invocation, &parser, result, word));
    }
    while (optind < argc)
        invocation->operands[invocation->operand_count++] = argv[optind++];
    if (invocation_has(invocation, OPTION_HELP) || invocation_has(invocation, OPTION_JSON_USAGE))
        return 0;
    return count_operands(invocation);
}

void invocation_clear(cli_invocation *invocation)
{
    memory_free(invocation->operands);
    memory_free(invocation->given);
    if (invocation->context)
        tsr_context_free(invocation->context);
    warnings_clear(&invocation->warnings);
    invocation->operands = NULL;
    invocation->given = NULL;
    invocation->context = NULL;
}

const char *invocation_text(const cli_invocation *invocation, cli_option_id id)
{
    for (int i = invocation->given_count; i-- > 0;)
        if (invocation->given[i].id == id)
            return invocation->given[i].value;
    return NULL;
}

bool invocation_has(const cli_invocation *invocation, cli_option_id id)
{
    return invocation_text(invocation, id) != NULL;
}

int64_t invocation_number(const cli_invocation *invocation, cli_option_id id, int64_t otherwise)
{
    const char *text = invocation_text(invocation, id);
    int64_t value = otherwise;

    if (text && option_row(id)->kind == OPTION_KIND_INTEGER)
        quantity_parse_integer(text, &value);
    else if (text)
        quantity_parse_bytes(text, option_row(id)->kind == OPTION_KIND_RATE, &value);
    return value;
}

static int read_file(cli_invocation *invocation, const char *path, char **ret_text)
{
    enum { JSON_FILE_MAX = 16 << 20 };
    FILE *file = fopen(path, "re");
    size_t size = 0;
    char *text;

    if (!file)
        return tsr_error_set(&invocation->error, errno == ENOENT ? TSR_NOT_FOUND : TSR_IO,
                             "cannot open %s: %s", path, strerror(errno));
    text = memory_bytes(JSON_FILE_MAX + 1);
    if (text)
        size = fread(text, 1, JSON_FILE_MAX + 1, file);
    bool failed = !text || ferror(file) || size > JSON_FILE_MAX;
    fclose(file);
    if (failed) {
        memory_free(text);
        return tsr_error_set(&invocation->error, TSR_IO, "cannot read %s, or it exceeds 16 MiB",
                             path);
    }
    text[size] = '\0';
    *ret_text = text;
    return 0;
}

int invocation_json(cli_invocation *invocation, cli_option_id id, char **ret_text)
{
    const char *given = invocation_text(invocation, id);
    struct json_object *value = NULL;
    char *text = NULL;
    int status;

    *ret_text = NULL;
    if (!given)
        return 0;
    if (given[0] == '@')
        CLI_TRY(read_file(invocation, given + 1, &text));
    else
        text = memory_text(given);
    if (!text)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    status = document_parse(text, &value, &invocation->error);
    json_object_put(value);
    if (status < 0) {
        memory_free(text);
        tsr_error_prepend(&invocation->error, "%s: --%s", invocation->command->name,
                          option_row(id)->name);
        /* What was typed is at fault, not what is stored. */
        if (status == TSR_BAD_METADATA)
            status = invocation->error.status = TSR_INVALID_ARGUMENT;
        return status;
    }
    *ret_text = text;
    return 0;
}

int invocation_context(cli_invocation *invocation, tsr_context **ret_context)
{
    tsr_context_options options;
    int64_t threads = invocation_number(invocation, OPTION_THREADS, 0);

    if (!invocation->context) {
        if (threads > 4096)
            return invocation_misuse(invocation, "%s: --threads %lld is more than 4096",
                                     invocation->command->name, (long long)threads);
        tsr_context_options_init(&options);
        options.threads = (int)threads;
        options.bytes_in_flight =
            invocation_number(invocation, OPTION_MEMORY, options.bytes_in_flight);
        options.profile = invocation_has(invocation, OPTION_STATS);
        options.trace = invocation_text(invocation, OPTION_TRACE);
        options.log = warnings_log;
        options.log_user = &invocation->warnings;
        CLI_TRY(tsr_context_new(&options, &invocation->context, &invocation->error));
    }
    *ret_context = invocation->context;
    return 0;
}
