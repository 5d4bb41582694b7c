/* The header of .npy files. Format: numpy.lib.format, version 1.0 where it suffices: 2.0 for
 * headers of more than 64 KiB, 3.0 for names of fields beyond ASCII. */
#ifndef TESSERA_CLI_NPY_H
#define TESSERA_CLI_NPY_H

#include <stdio.h>

#include <tessera.h>

/* Writes the header of a C-order, little-endian array; its elements follow. Errors: UNSUPPORTED
 * (NumPy itself has no such type); IO through the stream's error flag alone. */
int npy_write_header(FILE *stream, const tsr_dtype *dtype, int rank, const int64_t *shape,
                     tsr_error *err);

#endif
