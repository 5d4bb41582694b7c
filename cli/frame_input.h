/* Frames from standard input, as they come: bare, little-endian, in C order. */
#ifndef TESSERA_CLI_FRAME_INPUT_H
#define TESSERA_CLI_FRAME_INPUT_H

#include <stdio.h>

#include "progress.h"

/* Appends what comes from `stream` until it ends, one position of `axis` after the other, with
 * memory for one row of chunks. Whole frames are in the array also when the stream breaks off or
 * the user interrupts. `name` is how errors call the stream. Errors: INVALID_ARGUMENT (it ends
 * within a frame), IO, CANCELLED, those of appending. */
int frame_input_append(cli_invocation *invocation, FILE *stream, const char *name,
                       tsr_array *destination, int axis, cli_progress *progress);

#endif
