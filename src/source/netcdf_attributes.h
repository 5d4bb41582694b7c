/* Attributes of netCDF files as JSON. */
#ifndef TESSERA_SOURCE_NETCDF_ATTRIBUTES_H
#define TESSERA_SOURCE_NETCDF_ATTRIBUTES_H

#include <tessera/sys/output.h>

#include "base/context.h"

/* Appends the attributes of a variable (NC_GLOBAL: of the group) as a JSON object, with a final 0
 * byte. Text becomes a string, one number a number, several a list; NaN and infinities the strings
 * "NaN", "Infinity", "-Infinity". Attributes of types that JSON has no form for are left out, and
 * the context's log says so. Of a variable of an enum, whose elements are integers, "enum" has the
 * names. The caller holds the lock of libnetcdf. Errors: DAMAGED, NO_MEMORY. */
int tsri_netcdf_attributes(tsr_context *context, int group, int variable, tsr_output *output,
                           tsr_error *err);

#endif
