/* explain --trace: which chunks and shards would have suited past reads. */
#ifndef TESSERA_CLI_ADVICE_H
#define TESSERA_CLI_ADVICE_H

#include "invocation.h"

/* Prints what the reads of a trace take now, what they would take of the best layout, and the
 * command that makes it: of one array, or (place NULL) of every array in the trace that is a Zarr
 * array and still there. Errors: those of the trace and of opening; NOT_FOUND when the trace has no
 * read of it. */
int advice_print(cli_invocation *invocation, const char *trace, const char *place);

#endif
