/* Hashes of a tree in memory: made here, or read from what `tessera hash --json` printed. */
#ifndef TESSERA_CLI_HASH_LIST_H
#define TESSERA_CLI_HASH_LIST_H

#include "invocation.h"
#include "progress.h"

/* How hashes are made (docs/format/hash.md). */
#define HASHES_VERSION "tessera.hash1"

typedef struct cli_hashed_node {
    char *path; /* "" is the root */
    bool is_array;
    tsr_hash hash, metadata;
    /* Of arrays. */
    int rank;
    bool has_chunk_shape;
    int64_t chunk_shape[TSR_RANK_MAX]; /* of what is hashed as one piece */
    int64_t chunks;                    /* that have a hash, told of or not */
    size_t count, capacity;            /* of those told of */
    int64_t *boxes;                    /* start and shape of each: 2 x rank numbers */
    tsr_hash *hashes;
} cli_hashed_node;

typedef struct cli_hash_list {
    bool stored;
    cli_hashed_node *nodes; /* by path */
    size_t count, capacity;
    /* While it is made. */
    cli_invocation *invocation;
    const struct cli_hash_list *like;
    cli_hashed_node open; /* the array that is at work */
} cli_hash_list;

/* Whether an operand is a file with hashes: a local file that begins as JSON does. */
bool hash_list_is_file(const char *operand);

/* Reads such a file. Errors: NOT_FOUND, IO, BAD_METADATA (no hashes, or of another version),
 * NO_MEMORY. */
int hash_list_load(cli_invocation *invocation, const char *path, cli_hash_list *ret_list);

/* Hashes what lies at a place; arrays in the boxes that `like` (may be NULL) has for arrays of the
 * same paths. Errors: those of opening and hashing. */
int hash_list_make(cli_invocation *invocation, const char *place, bool stored,
                   const cli_hash_list *like, cli_progress *progress, cli_hash_list *ret_list);

/* The node at a path, or NULL. */
const cli_hashed_node *hash_list_find(const cli_hash_list *list, const char *path);

/* Releases everything. */
void hash_list_clear(cli_hash_list *list);

#endif
