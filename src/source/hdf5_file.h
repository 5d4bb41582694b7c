/* Plain HDF5 files, through libhdf5. libnetcdf reads them too, but leaves out data sets of booleans
 * and complex numbers, takes none of a file for one attribute of two dimensions, and follows links
 * in circles: it gets the files that are netCDF-4 throughout (hdf5_kind.c), and these the rest. */
#ifndef TESSERA_SOURCE_HDF5_FILE_H
#define TESSERA_SOURCE_HDF5_FILE_H

#include <hdf5.h>
#include <tessera/sys/array.h>
#include <tessera/sys/output.h>

#include "base/context.h"

typedef struct tsri_hdf5_file {
    tsr_context *context; /* held */
    char *path;
    hid_t id;
} tsri_hdf5_file;

/* Whether the first bytes are those of HDF5, behind a user block or not. Never fails. */
bool tsri_hdf5_recognise(const void *head, size_t size_bytes);

/* Whether the file is HDF5 and nothing in it is lost on libnetcdf. The caller does not hold the
 * lock. Never fails. */
bool tsri_hdf5_is_netcdf(const void *head, size_t size_bytes, const char *path);

/* Fills in the error for HDF5's own that is on its stack now. The caller holds the lock. Returns
 * DAMAGED, or CONFLICT where a writer has the file. */
int tsri_hdf5_refuse(const char *path, const char *what, tsr_error *err);

/* The element type of an HDF5 type, with the HDF5 type that H5Dread is to be given for it. Owner:
 * the caller, by tsr_dtype_unref and H5Tclose. The caller holds the lock. Errors: UNSUPPORTED
 * (names the type), LIMIT, INVALID_ARGUMENT (names of fields), NO_MEMORY. */
int tsri_hdf5_type(hid_t type, const tsr_dtype **ret_dtype, hid_t *ret_memory_type, tsr_error *err);

/* Appends the attributes of an object as a JSON object, with a final 0 byte, as
 * tsri_netcdf_attributes does; more dimensions are lists of lists. Of a data set of an enum, whose
 * elements are integers, "enum" has the names. The caller holds the lock.
 * Errors: DAMAGED, NO_MEMORY. */
int tsri_hdf5_attributes(tsr_context *context, hid_t object, tsr_output *output, tsr_error *err);

/* Whether a data set is there to name a dimension of others. The caller holds the lock. */
bool tsri_hdf5_is_scale(hid_t object);

/* Makes an array of an open data set, which it owns on success. The caller does not hold the lock.
 * Errors: UNSUPPORTED (names the type or the filter), LIMIT, DAMAGED, IO, NO_MEMORY. */
int tsri_hdf5_open_dataset(tsri_hdf5_file *file, hid_t dataset, const char *inner_path,
                           tsr_array **ret_array, tsr_error *err);

#endif
