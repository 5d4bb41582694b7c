/* Merges the moments of pieces that arrive in any order, on any thread, always in the same order:
 * the result does not depend on the number of threads.
 *
 * Pieces belong to cells (the chunks or shards that a selection touches). When all elements of a
 * cell have arrived, its pieces are merged by position; cells are merged pairwise in a binary tree
 * over their numbers. What waits is the cells in flight and one node for each level of the tree.
 *
 * Thread: CONFINED; the caller locks. */
#ifndef TESSERA_CLI_MERGE_TREE_H
#define TESSERA_CLI_MERGE_TREE_H

#include "moments.h"

typedef struct cli_merge_node cli_merge_node;

typedef struct cli_merge_tree {
    const tsr_dtype *dtype;
    cli_merge_node **buckets; /* a hash table over (level, number) */
    size_t bucket_count, node_count;
} cli_merge_tree;

/* Starts an empty tree. */
void merge_tree_init(cli_merge_tree *tree, const tsr_dtype *dtype);

/* Adds a piece at `position` (its number in C order) of cell `cell`, which has `cell_elements`
 * elements in all. Errors: NO_MEMORY. */
int merge_tree_add(cli_merge_tree *tree, int64_t cell, int64_t cell_elements, uint64_t position,
                   const cli_moments *piece, tsr_error *err);

/* Merges what is there and releases everything. Errors: NO_MEMORY. */
int merge_tree_finish(cli_merge_tree *tree, cli_moments *ret_moments, tsr_error *err);

/* Releases everything. */
void merge_tree_clear(cli_merge_tree *tree);

#endif
