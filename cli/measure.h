/* --stats: what a command took and where its time went, on standard error when it has ended. */
#ifndef TESSERA_CLI_MEASURE_H
#define TESSERA_CLI_MEASURE_H

#include "invocation.h"

typedef struct cli_measure {
    int64_t start_ns, start_user_ns, start_system_ns;
} cli_measure;

/* Looks at the clocks. */
void measure_begin(cli_measure *measure);

/* Prints, if --stats asks for it, for people or (with --json or --progress json) as one line of
 * JSON. `status` is what the command returned; how printing fares changes nothing. */
void measure_print(const cli_measure *measure, cli_invocation *invocation, int status);

#endif
