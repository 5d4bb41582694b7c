/* Elements as text. */
#ifndef TESSERA_CLI_SCALAR_H
#define TESSERA_CLI_SCALAR_H

#include <tessera.h>

/* One element as fill-value JSON in a new string; the caller frees it. NULL when out of memory. */
char *scalar_text(const tsr_dtype *dtype, const void *element);

/* Reads what people type for an element: fill-value JSON, where the quotes around NaN, Infinity,
 * 0x..., times and texts may be left out; bytes of fixed length without quotes are those bytes, not
 * base64. Errors: INVALID_ARGUMENT, NO_MEMORY. */
int scalar_parse(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err);

/* Elements to doubles, n of them that lie `stride` bytes apart. Complex elements give their
 * magnitude, raw ones NaN. */
void scalar_to_doubles(const tsr_dtype *dtype, const void *first, int64_t stride, int64_t n,
                       double *ret_values);

/* Whether elements are stored on this machine in the byte order of files: little-endian. */
bool scalar_is_little_endian(void);

/* Swaps the bytes of each component of n dense elements. */
void scalar_swap_bytes(const tsr_dtype *dtype, void *elements, int64_t n);

/* Whether two elements with different bits are the same value all the same: 0.0 and -0.0, any two
 * NaN. */
bool scalar_is_same_value(const tsr_dtype *dtype, const char *a, const char *b);

#endif
