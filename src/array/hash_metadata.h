/* What a node says of itself, as one text that is the same wherever the same is said: JSON without
 * spaces, the members of every object in byte order of their names, numbers as they were written.
 * Format: docs/format/hash.md. */
#ifndef TESSERA_ARRAY_HASH_METADATA_H
#define TESSERA_ARRAY_HASH_METADATA_H

#include <tessera/group.h>
#include <tessera/sys/output.h>

#include "base/base.h"

/* Appends the text of an array; `stored`: with how it is stored. Errors: NO_MEMORY, LIMIT. */
int tsri_hash_metadata_array(tsr_array *array, bool stored, tsr_output *output, tsr_error *err);

/* Appends the text of a group. Errors: as above. */
int tsri_hash_metadata_group(tsr_group *group, bool stored, tsr_output *output, tsr_error *err);

#endif
