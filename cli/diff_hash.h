/* diff --hash: compares by hashes, of places or as they were saved. */
#ifndef TESSERA_CLI_DIFF_HASH_H
#define TESSERA_CLI_DIFF_HASH_H

#include "hash_list.h"

/* A difference: of a node, or with `start` of a chunk. `first` and `second` are NULL where there is
 * nothing on that side. */
typedef struct cli_hash_difference {
    const char *path;
    const char *what; /* "existence", "kind", "metadata", "elements" or "chunk" */
    const char *first, *second;
    int rank;
    const int64_t *start, *shape; /* NULL: of the node */
} cli_hash_difference;

/* Compares the two operands; `each` is told of each difference. *ret_arrays: how many arrays are in
 * both. Errors: those of hashing and of reading files. */
int diff_hashes(cli_invocation *invocation, cli_progress *progress,
                void (*each)(void *user, const cli_hash_difference *difference), void *user,
                int64_t *ret_arrays);

#endif
