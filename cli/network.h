/* What is not promised where a place lies on a network. */
#ifndef TESSERA_CLI_NETWORK_H
#define TESSERA_CLI_NETWORK_H

#include "invocation.h"

/* Behind the name of the network, for people. */
#define NETWORK_CAUTION                                                                            \
    "locks may not keep out writers on other machines, and what was synced may lie in the memory " \
    "of a server; let one machine write each chunk"

/* The name of the network on which an array or group of Zarr lies, a constant; NULL when it lies on
 * none, or in a file. Errors: those of tsr_store_network. */
int network_name(cli_invocation *invocation, const char *place, const char *driver,
                 const char **ret_name);

#endif
