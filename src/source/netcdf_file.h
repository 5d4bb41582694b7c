/* An open netCDF file, as its tree (netcdf.c) and its variables (netcdf_variable.c) see it. */
#ifndef TESSERA_SOURCE_NETCDF_FILE_H
#define TESSERA_SOURCE_NETCDF_FILE_H

#include <tessera/sys/array.h>

#include "source/input.h"
#include "source/netcdf_classic.h"

typedef struct tsri_netcdf_file {
    tsri_input input;
    int id;                /* libnetcdf's; of the root group too */
    unsigned forks;        /* when it was opened */
    tsri_classic *classic; /* NULL in files of HDF5 */
} tsri_netcdf_file;

/* Fills in the error for one of libnetcdf's, or of the system's where it is positive. `place` is
 * what the message begins with; empty where a caller puts it there. */
int tsri_netcdf_refuse(const char *place, int code, const char *what, tsr_error *err);

/* Makes an array of a variable. The caller does not hold the lock. Errors: UNSUPPORTED (names the
 * type), LIMIT, DAMAGED, IO, NO_MEMORY. */
int tsri_netcdf_open_variable(tsri_netcdf_file *file, int group, int variable,
                              const char *inner_path, tsr_array **ret_array, tsr_error *err);

#endif
