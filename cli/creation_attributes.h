/* What a copy keeps of the attributes and the fill value of its source. */
#ifndef TESSERA_CLI_CREATION_ATTRIBUTES_H
#define TESSERA_CLI_CREATION_ATTRIBUTES_H

#include "creation.h"

/* Sets attributes and fill value of the plan, whose type, rank and names are set already. Elements
 * that stand for missing ones (`_FillValue`) are written as readers of the copy's format expect
 * them. `source_format` is 0 for files that are not Zarr. Errors: INVALID_ARGUMENT (a fill value
 * that the type of the copy cannot hold), NO_MEMORY. */
int creation_keep_attributes(cli_invocation *invocation, tsr_array *source, int source_format,
                             cli_array_plan *plan);

#endif
