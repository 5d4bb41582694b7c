/* Options with a number for each axis: "2", "1,2,2", "y=2,x=4". */
#ifndef TESSERA_CLI_PER_AXIS_H
#define TESSERA_CLI_PER_AXIS_H

#include "invocation.h"

/* Reads an option into `values`, `rank` numbers, which keep what they are where the option says
 * nothing. One number alone is for the axes that `applies` marks; a list has one for every axis.
 * Errors: INVALID_ARGUMENT (no number, a name that there is not, too many), NO_MEMORY. */
int per_axis_read(cli_invocation *invocation, cli_option_id id, int rank, const char *const *names,
                  const bool *applies, double *values);

#endif
