/* What lies in the folder of a group and belongs to no node of the tree. */
#ifndef TESSERA_CLI_STRAYS_H
#define TESSERA_CLI_STRAYS_H

#include "describe.h"

/* Calls `each` for every key in the folder of a group that is no metadata, and for every folder
 * (its name ends in "/", its size is that of all that is in it) that is none of the children. Names
 * that begin with "__" are left out: Zarr reserves them. Errors: those of the store. */
int strays_find(cli_invocation *invocation, const tsr_group *group, const cli_child_list *children,
                void (*each)(void *user, const char *key, int64_t size_bytes), void *user);

#endif
