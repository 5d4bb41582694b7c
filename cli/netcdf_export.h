/* Writing netCDF-4 files. */
#ifndef TESSERA_CLI_NETCDF_EXPORT_H
#define TESSERA_CLI_NETCDF_EXPORT_H

#include "location.h"
#include "progress.h"

/* What has been written, and what a netCDF file cannot hold. */
typedef struct cli_netcdf_result {
    int64_t arrays, bytes;
    int64_t skipped; /* arrays and attributes that were left out, each named on standard error */
} cli_netcdf_result;

/* Writes an array or a group with everything in it to a new file at `path`, which is truncated.
 * Dimensions without names are called dim_0, dim_1, ...; a name with several lengths in one group
 * gets its length added. Errors: UNSUPPORTED when built without netCDF, IO, those of reading. */
int netcdf_export(cli_invocation *invocation, const cli_location_node *node, const char *path,
                  cli_progress *progress, cli_netcdf_result *ret_result);

#endif
