/* The elements of an .npy file that lie bare in a file, alone or inside an archive: an array that
 * the fetch loop reads in place, any region of it and nothing else. */
#ifndef TESSERA_SOURCE_NPY_EXTENT_H
#define TESSERA_SOURCE_NPY_EXTENT_H

#include <tessera/sys/array.h>

#include "source/input.h"
#include "source/npy_header.h"

typedef struct tsri_npy_extent tsri_npy_extent;

/* Reads the header at byte `offset` of an open file, whose elements may go up to byte `end`
 * (UINT64_MAX: the end of the file). Owner: the caller, by tsri_npy_extent_free. Errors: those of
 * tsri_npy_header_read, CONFLICT, DAMAGED (no room before `end`), NO_MEMORY. */
int tsri_npy_extent_new(const tsri_input *input, uint64_t offset, uint64_t end,
                        tsri_npy_extent **ret_extent, tsr_error *err);

/* NULL is left alone. */
void tsri_npy_extent_free(tsri_npy_extent *extent);

/* Makes an array of it. With `owned` the array frees it, when this succeeds; otherwise it must
 * outlive the array. Thread: IMMUTABLE. Errors: LIMIT, NO_MEMORY, those of tsr_array_new. */
int tsri_npy_extent_array(tsri_npy_extent *extent, bool owned, const char *driver,
                          const char *place, tsr_array **ret_array, tsr_error *err);

#endif
