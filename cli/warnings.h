/* What the library says while it works: warnings, on standard error, each once. */
#ifndef TESSERA_CLI_WARNINGS_H
#define TESSERA_CLI_WARNINGS_H

#include <pthread.h>

#include <tessera.h>

enum { WARNINGS_MAX = 100 }; /* a file with more than that says nothing new */

typedef struct cli_warnings {
    pthread_mutex_t mutex; /* the library warns on any thread */
    uint64_t told[WARNINGS_MAX];
    int count;
} cli_warnings;

void warnings_init(cli_warnings *warnings);
void warnings_clear(cli_warnings *warnings);

/* The log hook of a context; `user` is a cli_warnings that outlives it. */
void warnings_log(void *user, tsr_log_level level, const char *subsystem, const char *message);

#endif
