/* The census of all arrays of a tree: how many chunks and inner chunks are stored. */
#ifndef TESSERA_CLI_CENSUS_TREE_H
#define TESSERA_CLI_CENSUS_TREE_H

#include "census.h"
#include "document.h"

/* Adds the list "levels" of one array to a JSON object. */
void census_add_levels(cli_document *document, struct json_object *object, const cli_census *census,
                       const tsr_array *array);

/* Counts all arrays at the first operand and prints a table, or JSON. Memory does not grow with the
 * number of chunks. Errors: those of each_array and of census_take. */
int census_tree(cli_invocation *invocation);

#endif
