/* Creating: from options to metadata. */
#ifndef TESSERA_ARRAY_CREATE_H
#define TESSERA_ARRAY_CREATE_H

#include "array/array.h"
#include "array/place.h"

/* Checks options and fills in defaults for NULL. Errors: INVALID_ARGUMENT. */
int tsri_open_options(const tsr_array_open_options *options, tsr_array_open_options *ret_options,
                      tsr_error *err);

/* The metadata that options ask for: chunk and shard shapes chosen, the codec chain complete.
 * Owner: the caller. Errors: INVALID_ARGUMENT (names the option), UNSUPPORTED, LIMIT, NO_MEMORY. */
int tsri_create_meta(tsr_context *context, const tsr_array_create_options *options,
                     tsri_zarr_meta **ret_meta, tsr_error *err);

/* Opens or creates the array at a node of a store. Errors: as tsr_array_open, tsr_array_create. */
int tsri_array_open_node(tsr_store *store, const char *path, const char *place,
                         const tsr_array_open_options *options, tsr_array **ret_array,
                         tsr_error *err);
int tsri_array_create_node(const tsri_place *where, const tsr_array_create_options *options,
                           tsr_array **ret_array, tsr_error *err);

/* Opens an array inside a file, which it keeps open. */
int tsri_array_open_in_file(tsri_file *file, const char *inner_path, tsr_array **ret_array,
                            tsr_error *err);

#endif
