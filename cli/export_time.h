/* Moments and spans of time in netCDF: integers of 64 bits that count steps of a unit, which the
 * attribute `units` names ("seconds since 1970-01-01", "seconds"), as xarray writes and reads them.
 * What is not a time is the smallest integer, and `_FillValue` says so. Source: CF conventions,
 * section 4.4; xarray's coding of times.
 *
 * Years and months have no length of their own: moments that count them become days, spans stay
 * without a type. The conventions have nothing smaller than a nanosecond that readers know. */
#ifndef TESSERA_CLI_EXPORT_TIME_H
#define TESSERA_CLI_EXPORT_TIME_H

#include <tessera.h>

/* The type of times that elements of this one are written as; NULL where it is no time, or none
 * that the conventions have. Owner: the caller holds one
 * reference. Errors: NO_MEMORY. */
int export_time_dtype(const tsr_dtype *dtype, const tsr_dtype **ret_dtype, tsr_error *err);

/* "seconds": the steps of such a type; NULL for all other types. Static. */
const char *export_time_units(const tsr_dtype *dtype);

/* Whether an attribute says what a variable of times says by its type. */
bool export_time_owns(const char *name);

/* Give a variable of times its fill value, and the attributes `units` and `calendar`. Return the
 * status of netCDF. */
int export_time_set_fill(int group, int variable);
int export_time_put(int group, int variable, const tsr_dtype *dtype, const char *units);

#endif
