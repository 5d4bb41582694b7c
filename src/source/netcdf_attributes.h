/* Attributes of netCDF files as JSON. */
#ifndef TESSERA_SOURCE_NETCDF_ATTRIBUTES_H
#define TESSERA_SOURCE_NETCDF_ATTRIBUTES_H

#include <tessera/dtype.h>
#include <tessera/sys/output.h>

#include "base/context.h"

/* The element type of an atomic netCDF type, or NULL when there is none. Text is uint8. Static. */
const tsr_dtype *tsri_netcdf_dtype(int type);

/* Appends the attributes of a variable (NC_GLOBAL: of the group) as a JSON object, with a final 0
 * byte. Text becomes a string, one number a number, several a list; NaN and infinities the strings
 * "NaN", "Infinity", "-Infinity". Attributes of types that JSON has no form for are left out, and
 * the context's log says so. The caller holds the lock of libnetcdf. Errors: DAMAGED, NO_MEMORY. */
int tsri_netcdf_attributes(tsr_context *context, int group, int variable, tsr_output *output,
                           tsr_error *err);

#endif
