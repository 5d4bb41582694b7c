/* tessera transaction PLACE -- COMMAND...: a command whose changes are published at once. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "invocation.h"
#include "memory.h"
#include "show.h"
#include "signals.h"

#define VARIABLE "TESSERA_TRANSACTION"

/* ---- the command line ---- */

/* A copy of a word in which each "{}" is the folder. NULL when out of memory. */
static char *fill_in(const char *word, const char *folder)
{
    size_t places = 0, folder_size = strlen(folder);

    for (const char *at = word; (at = strstr(at, "{}")); at += 2)
        places++;
    char *filled = memory_bytes(strlen(word) + places * folder_size + 1), *to = filled;
    if (!filled)
        return NULL;
    for (const char *next; (next = strstr(word, "{}")); word = next + 2) {
        memcpy(to, word, (size_t)(next - word));
        to += next - word;
        memcpy(to, folder, folder_size);
        to += folder_size;
    }
    strcpy(to, word);
    return filled;
}

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        memory_free(*word);
    memory_free(words);
}

/* The words of the command, ended by NULL. */
static char **command_words(const cli_invocation *invocation, const char *folder)
{
    int count = invocation->operand_count - 1;
    char **words = memory_zeroed((size_t)count + 1, sizeof *words);

    for (int i = 0; words && i < count; i++) {
        words[i] = fill_in(invocation->operands[i + 1], folder);
        if (!words[i]) {
            free_words(words);
            return NULL;
        }
    }
    return words;
}

/* ---- running it ---- */

/* The command gets signals as a shell gives them to it, and not those that this program ignores. */
static int spawn(char **words, pid_t *ret_child)
{
    posix_spawnattr_t attributes;
    sigset_t usual;
    int error_number = posix_spawnattr_init(&attributes);

    if (error_number)
        return error_number;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    error_number = posix_spawnp(ret_child, words[0], NULL, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    return error_number;
}

/* Waits for the command. What interrupts this program alone ends the command, too; Ctrl-C reaches
 * both, and a second signal would keep it from cleaning up. */
static int wait_for(pid_t child)
{
    int status;
    bool passed_on = false;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
        if (signals_interrupted() && signals_number() == SIGTERM && !passed_on)
            passed_on = kill(child, SIGTERM) == 0;
    }
    return status;
}

static int run_words(cli_invocation *invocation, char **words, const char *folder, int *ret_status)
{
    pid_t child;

    if (setenv(VARIABLE, folder, 1) < 0)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    fflush(stdout);
    int error_number = spawn(words, &child);
    unsetenv(VARIABLE);
    if (error_number) {
        tsr_error_set(&invocation->error,
                      error_number == ENOENT ? TSR_NOT_FOUND : TSR_INVALID_ARGUMENT,
                      "%s cannot be run: %s", words[0], strerror(error_number));
        return invocation->error.status;
    }
    *ret_status = wait_for(child);
    return 0;
}

/* What the shell makes of it: the exit status, or 128 and the signal. Nothing was published. */
static int tell_failure(const char *name, int ended)
{
    fputs("tessera: nothing was published, since ", stderr);
    show_safe_text(stderr, name);
    if (WIFSIGNALED(ended)) {
        fprintf(stderr, " was ended by signal %d\n", WTERMSIG(ended));
        return 128 + WTERMSIG(ended);
    }
    fprintf(stderr, " ended with exit status %d\n", WEXITSTATUS(ended));
    return WEXITSTATUS(ended);
}

/* Runs the command in a transaction, and publishes it. */
static int run_in(cli_invocation *invocation, tsr_transaction *transaction, const tsr_call *call)
{
    const char *folder = tsr_transaction_folder(transaction);
    char **words = command_words(invocation, folder);
    int ended = 0, status;

    if (!words)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    status = run_words(invocation, words, folder, &ended);
    if (status >= 0 && signals_interrupted())
        status =
            tsr_error_set(&invocation->error, TSR_CANCELLED, "interrupted; nothing was published");
    else if (status >= 0 && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0))
        status = tell_failure(words[0], ended);
    else if (status >= 0)
        status = tsr_transaction_commit(transaction, call, &invocation->error);
    free_words(words);
    return status;
}

static int run(cli_invocation *invocation)
{
    tsr_transaction *transaction;
    tsr_call call = TSR_CALL_INIT;
    tsr_context *context;
    int status;

    CLI_TRY(invocation_context(invocation, &context));
    call.cancel = signals_cancel_flag();
    CLI_TRY((invocation_has(invocation, OPTION_NEW_TREE) ? tsr_transaction_begin_new
                                                         : tsr_transaction_begin)(
        context, invocation->operands[0], &call, &transaction, &invocation->error));
    status = run_in(invocation, transaction, &call);
    tsr_transaction_close(transaction);
    return status;
}

extern const cli_command command_transaction;
const cli_command command_transaction = {
    .name = "transaction",
    .summary = "run a command on a new version of a tree, and publish all its changes at once",
    .description =
        "The command works on a new version of the tree, which lies beside it and is made of hard links, so "
        "that it takes little room and time. Its path takes the place of {} in the words of the command, and "
        "is the value of " VARIABLE
        " in its environment. When the command succeeds, the new version is "
        "brought to the disk and exchanged with the tree in one step: others see all of the changes or none, "
        "whatever happens meanwhile. When it fails or is interrupted, nothing is changed; its exit status is "
        "that of this command.\n\n"
        "Whoever has the tree open goes on with the version that he has opened. If somebody changes the tree "
        "while the command is at work, nothing is published, and what was changed is named. The old version "
        "stays until `tessera gc`. With --new there is no old version: the command makes the tree, and others see "
        "nothing of it before it is whole.\n\n"
        "The command must put files in the place of others, as tessera, zarr-python and tensorstore do, and "
        "must not write into them: the old version shares those that are not replaced. A file system with "
        "hard links that can exchange folders is needed: ext4, XFS, Btrfs, tmpfs.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"},
                     {.kind = OPERAND_PROGRAM, .name = "COMMAND", .repeats = true}),
    COMMAND_EXAMPLES(
        {"transaction out.zarr -- tessera put day.npy {}/t", "All chunks of an array at once"},
        {"transaction out.zarr -- sh -c 'tessera append a.npy {}/t && tessera attr {} day=9'",
         "An array and an attribute"},
        {"transaction out.zarr -- ./update.sh {}", "A program of one's own"},
        {"transaction --new out.zarr -- ./simulate --output {}",
         "A tree that is not there before it is whole"}),
    COMMAND_OPTIONS(OPTION_NEW_TREE, OPTION_THREADS),
    .run = run,
};
