/* Elements as text. */
#ifndef TESSERA_CLI_SCALAR_H
#define TESSERA_CLI_SCALAR_H

#include <tessera.h>

/* How many bytes the text of one element of this type needs, with its final 0. */
size_t scalar_text_max(const tsr_dtype *dtype);

/* One element as fill-value JSON in a new string; the caller frees it. NULL when out of memory. */
char *scalar_text(const tsr_dtype *dtype, const void *element);

/* Reads what people type for an element: fill-value JSON, where the quotes around NaN, Infinity and
 * 0x... may be left out. Errors: INVALID_ARGUMENT. */
int scalar_parse(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err);

/* Elements to doubles, n of them that lie `stride` bytes apart. Complex elements give their
 * magnitude, raw ones NaN. */
void scalar_to_doubles(const tsr_dtype *dtype, const void *first, int64_t stride, int64_t n,
                       double *ret_values);

/* Whether elements are stored on this machine in the byte order of files: little-endian. */
bool scalar_is_little_endian(void);

/* Swaps the bytes of each component of n dense elements. */
void scalar_swap_bytes(const tsr_dtype *dtype, void *elements, int64_t n);

#endif
