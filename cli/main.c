/* The program: finds the command, runs it, and turns its status into an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "array_path.h"
#include "help.h"
#include "invocation.h"
#include "measure.h"
#include "show.h"
#include "signals.h"

/* A descriptor that the caller closed would be given to the first file that is opened, which then
 * gets what is printed. For standard output a descriptor that cannot be written to takes the place,
 * so that printing still fails. */
static void occupy_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

/* An interrupted command was told to stop, which is no failure to explain at length. */
static int report(const cli_invocation *invocation, int status)
{
    tsr_error error = invocation->error;

    if (status != error.status)
        tsr_error_set(&error, status, "%s", tsr_status_text(status));
    /* Which bytes were being read means nothing to whoever stopped it. */
    if (status == TSR_CANCELLED && error.where[0]) {
        snprintf(error.message, sizeof error.message, "interrupted");
        error.where[0] = '\0';
    }
    fflush(stdout);
    /* The reader of a pipe went away: it knows. */
    if (ferror(stdout) && errno == EPIPE)
        return tsr_status_exit(status);
    return tsr_error_report(&error, stderr);
}

static int print_usage(cli_invocation *invocation)
{
    cli_document document;
    int status;

    document_init(&document);
    help_add_usage(&document, document.root, "command", invocation->command);
    status = document_print(&document, stdout, &invocation->error);
    document_clear(&document);
    return status;
}

static int print_all_usage(tsr_error *err)
{
    cli_document document;
    int status;

    document_init(&document);
    help_fill_usage(&document);
    status = document_print(&document, stdout, err);
    document_clear(&document);
    return status;
}

static int run(cli_invocation *invocation)
{
    int status;

    if (invocation_has(invocation, OPTION_HELP)) {
        help_print_command(stdout, invocation->command);
        return show_check(&invocation->error);
    }
    if (invocation_has(invocation, OPTION_JSON_USAGE))
        return print_usage(invocation);
    status = invocation->command->run(invocation);
    /* What was printed counts as done only when it has arrived. */
    if (status >= 0 && show_check(&invocation->error) < 0)
        return invocation->error.status;
    return status;
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    cli_invocation invocation;
    cli_measure measure;
    measure_begin(&measure);
    int status = invocation_parse(&invocation, command, argc, argv);

    bool parsed = status >= 0;
    if (parsed)
        status = run(&invocation);
    int ended = status;
    if (status < 0)
        status = report(&invocation, status);
    if (parsed)
        measure_print(&measure, &invocation, ended);
    invocation_clear(&invocation);
    return status;
}

/* `tessera` with an option in front of any command. */
static int run_without_command(int argc, char **argv)
{
    static char help[] = "help", version[] = "version";
    char *help_arguments[] = {help, NULL}, *version_arguments[] = {version, NULL};
    cli_invocation nothing = {.command = command_find("help")};

    if (argc < 2) {
        help_print_overview(stderr);
        return tsr_status_exit(TSR_INVALID_ARGUMENT);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return run_command(command_find(help), 1, help_arguments);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return run_command(command_find(version), 1, version_arguments);
    if (strcmp(argv[1], "--json-usage") == 0)
        return print_all_usage(&nothing.error) < 0 ? report(&nothing, nothing.error.status) : 0;
    if (strncmp(argv[1], "--array_path", 12) == 0)
        return array_path_main(argc, argv);
    tsr_error_set(&nothing.error, TSR_INVALID_ARGUMENT,
                  "there is no option %s in front of a command", argv[1]);
    tsr_error_set_next_step(&nothing.error, "`tessera help` shows how it is used");
    return report(&nothing, TSR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    static char help[] = "help";
    const cli_command *command;

    occupy_standard_descriptors();
    /* Characters are as the user's terminal has them; numbers stay those of the C locale. */
    setlocale(LC_CTYPE, "");
    signals_install();
    if (argc < 2 || argv[1][0] == '-')
        return run_without_command(argc, argv);
    command = command_find(argv[1]);
    if (!command) {
        /* `tessera help NAME` knows how to say that there is no such command. */
        char *arguments[] = {help, argv[1], NULL};
        return run_command(command_find(help), 2, arguments);
    }
    return run_command(command, argc - 1, argv + 1);
}
