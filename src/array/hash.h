/* What the hashes of arrays and of groups share. */
#ifndef TESSERA_ARRAY_HASH_H
#define TESSERA_ARRAY_HASH_H

#include <tessera/hash.h>

#include "array/array.h"
#include "exec/pool.h"

/* One call of tsr_array_hash or tsr_group_hash. */
typedef struct tsri_hashing {
    const tsr_hash_options *options;
    tsr_hash_options defaults;
    tsr_call silent_call; /* the caller's, without progress: that of the parts is no progress of the
                             whole */
    tsri_task_group *group; /* watches over the call and counts */
    tsri_task_group own_group;
} tsri_hashing;

/* Starts; must stay where it is. Errors: UNSUPPORTED (a build without hashes), INVALID_ARGUMENT,
 * NO_MEMORY. */
int tsri_hashing_init(tsri_hashing *hashing, tsr_context *context, const tsr_hash_options *options,
                      const tsr_call *call, tsr_error *err);

/* Hashes an array that lies at `path`, as seen from the node that was asked for. Errors: as
 * tsr_array_hash. */
int tsri_hash_array(tsr_array *array, const char *path, const tsri_hashing *hashing,
                    tsr_hash *ret_hash, tsr_error *err);

#endif
