/* Elements as text. */
#ifndef TESSERA_CLI_SCALAR_H
#define TESSERA_CLI_SCALAR_H

#include <tessera.h>

/* One element as fill-value JSON in a new string; the caller frees it. NULL when out of memory. */
char *scalar_text(const tsr_dtype *dtype, const void *element);

/* The text of one element after another, in memory that grows with the longest. */
typedef struct cli_scalar_text {
    char *text;
    size_t capacity;
} cli_scalar_text;

/* Makes room for a first text; false when out of memory. */
bool scalar_text_init(cli_scalar_text *text);
void scalar_text_clear(cli_scalar_text *text);

/* Writes one element as fill-value JSON to text->text. Errors: NO_MEMORY. */
int scalar_print(cli_scalar_text *text, const tsr_dtype *dtype, const void *element,
                 tsr_error *err);

/* Reads what people type for an element: fill-value JSON, where the quotes around NaN, Infinity,
 * 0x..., times and texts may be left out; bytes without quotes are those bytes, not base64. Errors:
 * INVALID_ARGUMENT, NO_MEMORY. */
int scalar_parse(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err);

/* The same for types of variable length too, whose bytes the heap holds. */
int scalar_parse_into(const tsr_dtype *dtype, const char *text, tsr_heap *heap, void *element,
                      tsr_error *err);

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
