#include "warnings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "show.h"

void warnings_init(cli_warnings *warnings)
{
    memset(warnings, 0, sizeof *warnings);
    pthread_mutex_init(&warnings->mutex, NULL);
}

void warnings_clear(cli_warnings *warnings)
{
    pthread_mutex_destroy(&warnings->mutex);
}

/* FNV-1a. Two messages with one hash would be told as one, which loses a line in 2^64. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* Whether a message is told for the first time, and may still be told. */
static bool is_new(cli_warnings *warnings, uint64_t hash)
{
    for (int i = 0; i < warnings->count; i++)
        if (warnings->told[i] == hash)
            return false;
    if (warnings->count == WARNINGS_MAX)
        return false;
    warnings->told[warnings->count++] = hash;
    return true;
}

/* One line, over a bar of progress that may stand there. */
static void tell(const char *subsystem, const char *message)
{
    fputs(isatty(STDERR_FILENO) ? "\r\033[K" : "", stderr);
    fprintf(stderr, "tessera: warning: %s: ", subsystem);
    show_safe_text(stderr, message);
    fputc('\n', stderr);
}

void warnings_log(void *user, tsr_log_level level, const char *subsystem, const char *message)
{
    cli_warnings *warnings = user;

    if (level < TSR_LOG_WARNING)
        return;
    pthread_mutex_lock(&warnings->mutex);
    if (is_new(warnings, hash_text(hash_text(0xcbf29ce484222325u, subsystem), message))) {
        tell(subsystem, message);
        if (warnings->count == WARNINGS_MAX)
            tell(subsystem, "further warnings are not shown");
    }
    pthread_mutex_unlock(&warnings->mutex);
}
