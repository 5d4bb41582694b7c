/* Writing chunk by chunk on all threads: what the public calls and resizing share. */
#ifndef TESSERA_ARRAY_WRITE_H
#define TESSERA_ARRAY_WRITE_H

#include "array/target.h"

/* Whether an array can be written to. Errors: READ_ONLY. */
int tsri_check_writable(const tsr_array *array, tsr_error *err);

/* Whether elements of a type may be written to an array. Errors: TYPE_MISMATCH. */
int tsri_check_cast(const tsr_dtype *from, const tsr_array *array, tsr_casting casting,
                    tsr_error *err);

/* Writes what a selection names from its view or source, and flushes. options NULL: the defaults.
 * Errors: as tsr_array_write_index. */
int tsri_write(tsri_read *write, const tsr_write_options *options, const tsr_call *call,
               tsr_error *err);

/* Ends an operation that began at `begun` (tsr_store_flush_begin) and has come to `status`: what
 * was put is published in any case, and on disk where `options` want that when an operation
 * returns. Returns the status, or why publishing failed. */
int tsri_write_end(tsr_store *store, const tsr_write_options *options, uint64_t begun, int status,
                   const tsr_call *call, tsr_error *err);

#endif
