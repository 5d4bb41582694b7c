/* The dimensions of a netCDF file that is written, and which of them are unlimited. */
#ifndef TESSERA_CLI_EXPORT_DIMENSIONS_H
#define TESSERA_CLI_EXPORT_DIMENSIONS_H

#include "location.h"

/* netCDF says of an unlimited dimension how much has been written, not how long it is to be. */
typedef struct cli_export_dimension {
    int group, id;
    int64_t length;
} cli_export_dimension;

typedef struct cli_export_dimensions {
    const cli_invocation *invocation;
    bool of_one_array; /* --unlimited may then say the number of an axis */
    cli_export_dimension *made;
    size_t count, capacity;
} cli_export_dimensions;

/* Looks, before anything is written, whether --unlimited names axes that there are: by name, or, of
 * a single array, by number. Errors: INVALID_ARGUMENT, those of reading the tree. */
int export_dimensions_check(cli_invocation *invocation, const cli_location_node *node);

/* The dimensions of the axes of an array, made where they are missing. Axes without names are
 * called dim_0, dim_1, ...; a name that another length has gets its length added. `characters`
 * > 0: a further one for text of that length. Returns a code of netCDF. */
int export_dimensions_find(cli_export_dimensions *self, int group, const tsr_array *array,
                           int64_t characters, int *ret_dimensions);

/* Whether --unlimited names an axis. */
bool export_dimension_is_unlimited(const cli_export_dimensions *self, const tsr_array *array,
                                   int axis);

void export_dimensions_clear(cli_export_dimensions *self);

#endif
