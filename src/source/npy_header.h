/* The header of NumPy's .npy format, which is also that of the members of .npz. */
#ifndef TESSERA_SOURCE_NPY_HEADER_H
#define TESSERA_SOURCE_NPY_HEADER_H

#include <tessera/view.h>

#include "base/base.h"

/* What every such file begins with. */
#define TSRI_NPY_MAGIC "\x93NUMPY"
#define TSRI_NPY_MAGIC_BYTES 6

typedef struct tsri_npy_header {
    const tsr_dtype *dtype; /* held */
    bool big_endian, fortran_order;
    char *orders; /* of a struct with numbers in both orders: one letter for each leaf
                     (tensor/dtype_struct.h), owned; else NULL */
    int rank;
    int64_t shape[TSR_RANK_MAX];
    uint64_t data_offset, data_bytes;
} tsri_npy_header;

/* Gives the next bytes of the file, up to `size_bytes`; fewer at its end. */
typedef int (*tsri_npy_read)(void *user, void *bytes, size_t size_bytes, size_t *ret_got,
                             tsr_error *err);

/* Reads the header from the beginning of a file; `next` stands at the first element afterwards.
 * Cleared by tsri_npy_header_clear. Errors: DAMAGED (cut off), BAD_METADATA (with the byte),
 * UNSUPPORTED (names the type), LIMIT, NO_MEMORY, those of `next`.
 * Source: NEP 1 and numpy.lib.format, versions 1.0 to 3.0. */
int tsri_npy_header_read(tsri_npy_read next, void *user, tsri_npy_header *ret_header,
                         tsr_error *err);

/* Drops what it holds. */
void tsri_npy_header_clear(tsri_npy_header *header);

#endif
