/* Numbers of any real type, as codecs compute with them: through int64, uint64 or double, which
 * hold every value of the narrow types exactly (src/tensor/convert.h).
 *
 * All elements here are dense and aligned, at most TSRI_NUMERIC_STRIP at a time. */
#ifndef TESSERA_CODEC_NUMERIC_H
#define TESSERA_CODEC_NUMERIC_H

#include <tessera/sys/codec.h>

#include "codec/configuration.h"
#include "tensor/element.h"

#define TSRI_NUMERIC_STRIP 512

/* A number of any real type while it is computed with. */
typedef union tsri_wide_number {
    int64_t signed_value;
    uint64_t unsigned_value;
    double float_value;
} tsri_wide_number;

/* Whether the type is a signed or unsigned integer, or a float. Never fails. */
bool tsri_numeric_is_integer(const tsr_dtype *dtype);
bool tsri_numeric_is_float(const tsr_dtype *dtype);
static inline bool tsri_numeric_is_real(const tsr_dtype *dtype)
{
    return tsri_numeric_is_integer(dtype) || tsri_numeric_is_float(dtype);
}

/* Rounds doubles to the values that the float type has, as an operation of that type would have
 * rounded its result. Never fails. */
void tsri_numeric_round(const tsr_dtype *dtype, double *values, size_t count);

/* Converts elements to another real type as NumPy's astype does on x86-64: integers wrap; floats
 * lose their fraction, and one that is too large for a 64-bit integer (32-bit for types of up to 32
 * signed bits and 16 unsigned ones), or no number, becomes the smallest of those before it wraps;
 * floats too large for a narrower one become infinite. Never fails. */
void tsri_numeric_cast(const tsr_dtype *to, void *to_elements, const tsr_dtype *from,
                       const void *from_elements, size_t count);

/* The same from doubles. */
void tsri_numeric_from_double(const tsr_dtype *to, void *to_elements, const double *values,
                              size_t count);

/* A type as a numcodecs configuration names it. The byte order is that of storage, which counts in
 * v2 metadata alone. */
typedef struct tsri_filter_type {
    const tsr_dtype *dtype; /* held */
    bool big_endian;
} tsri_filter_type;

/* Reads a field in the words of NumPy ("<i4", "float32"); absent: `otherwise`. Owner: the caller
 * holds a reference to the type. Errors: BAD_METADATA, UNSUPPORTED, NO_MEMORY. */
int tsri_filter_type_read(const tsri_configuration *configuration, const char *name,
                          tsri_filter_type otherwise, tsri_filter_type *ret_type, tsr_error *err);

/* Appends the type in the words that the format has for it. Errors: NO_MEMORY, LIMIT. */
int tsri_filter_type_print(tsri_filter_type type, int zarr_format, tsr_output *output,
                           tsr_error *err);

/* The types before and after a filter. */
typedef struct tsri_filter_types {
    tsri_filter_type decoded, encoded;
} tsri_filter_types;

/* Reads both; the one that arrives must be the one before encoding, or a number or time of the same
 * size, whose bits are then seen as that. Owner: the caller clears them, also on failure. Errors:
 * as tsri_filter_type_read, and UNSUPPORTED (the data has another type). */
int tsri_filter_types_read(const tsri_configuration *configuration, const tsr_dtype *input,
                           const char *decoded_name, const char *encoded_name,
                           tsri_filter_types *types, tsr_error *err);

/* Refuses types that are not integers or floats. Errors: UNSUPPORTED. */
int tsri_filter_types_check_real(const tsri_configuration *configuration,
                                 const tsri_filter_types *types, tsr_error *err);

/* Appends them as most filters name them: "dtype":...,"astype":... Errors: NO_MEMORY, LIMIT. */
int tsri_filter_types_print(const tsri_filter_types *types, int zarr_format, tsr_output *output,
                            tsr_error *err);

/* Gives the references back; of zeros, there are none. */
void tsri_filter_types_clear(tsri_filter_types *types);

/* The shape after a codec that leaves it alone, for tsr_codec_ops. */
int tsri_same_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                    int64_t *ret_shape, tsr_error *err);

#endif
