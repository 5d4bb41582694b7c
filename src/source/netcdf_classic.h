/* Where the elements of a classic netCDF file lie. libnetcdf reads them, but takes what lies beyond
 * the end of a file that was cut off for zeros, and a header that was cut off for an empty file. */
#ifndef TESSERA_SOURCE_NETCDF_CLASSIC_H
#define TESSERA_SOURCE_NETCDF_CLASSIC_H

#include "source/input.h"

typedef struct tsri_classic tsri_classic;

/* Reads the header of a classic, 64-bit offset or CDF-5 file. Owner: the caller, by
 * tsri_classic_free. Errors: DAMAGED (with the byte), LIMIT, IO, NO_MEMORY.
 * Source: "NetCDF Classic Format Specification", NetCDF User's Guide. */
int tsri_classic_read(const tsri_input *input, tsri_classic **ret_classic, tsr_error *err);

/* NULL is left alone. */
void tsri_classic_free(tsri_classic *classic);

/* Fails when the file is too short now for a box of a variable (in the order of the header, which
 * is libnetcdf's). `length` are the lengths of all its axes. Errors: DAMAGED (with the bytes), IO.
 */
int tsri_classic_check_box(const tsri_classic *classic, const tsri_input *input, int variable,
                           int rank, const int64_t *length, const int64_t *start,
                           const int64_t *shape, tsr_error *err);

#endif
