/* Elements from a file or standard input: bare, little-endian, in C order. */
#ifndef TESSERA_CLI_RAW_INPUT_H
#define TESSERA_CLI_RAW_INPUT_H

#include <stdio.h>

#include "location.h"
#include "progress.h"

/* Writes what comes from `stream` to the elements of a selection. There must be exactly as many
 * bytes as it takes; elements of variable length come as JSON instead. `name` is how errors call
 * the stream. Errors: INVALID_ARGUMENT (too few or too many bytes), IO, CANCELLED, those of
 * writing. */
int raw_input_write(cli_invocation *invocation, FILE *stream, const char *name,
                    const cli_selected_array *destination, cli_progress *progress);

#endif
