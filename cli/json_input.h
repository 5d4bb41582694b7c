/* Elements of variable length from a file or standard input: nested lists of JSON, as `cat --format
 * json` prints them. */
#ifndef TESSERA_CLI_JSON_INPUT_H
#define TESSERA_CLI_JSON_INPUT_H

#include <stdio.h>

#include "location.h"
#include "progress.h"

/* Writes what comes from `stream`, which must be lists of the selection's shape and is held in
 * memory as a whole, to the elements of a selection. `name` is how errors call the stream. Errors:
 * INVALID_ARGUMENT (another shape, elements of another type), BAD_METADATA (no JSON), LIMIT, IO,
 * CANCELLED, those of writing. */
int json_input_write(cli_invocation *invocation, FILE *stream, const char *name,
                     const cli_selected_array *destination, cli_progress *progress);

#endif
