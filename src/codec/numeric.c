#include "codec/numeric.h"

#include <math.h>
#include <stdio.h>

#include "codec/zarr_dtype.h"

bool tsri_numeric_is_integer(const tsr_dtype *dtype)
{
    return (dtype->kind == TSR_KIND_SIGNED || dtype->kind == TSR_KIND_UNSIGNED) &&
           dtype->ops->number;
}

bool tsri_numeric_is_float(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_FLOAT && dtype->ops->number;
}

void tsri_numeric_round(const tsr_dtype *dtype, double *values, size_t count)
{
    double narrow[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsri_number *number = dtype->ops->number;

    if (number == &tsri_number_float64)
        return;
    number->store[TSRI_WIDE_FLOAT](values, narrow, count, false);
    number->load(narrow, values, count);
}

/* Types that NumPy casts floats to by way of a 32-bit integer; the others go by way of 64 bits. */
static bool goes_by_32_bits(const tsr_dtype *to)
{
    return to->kind == TSR_KIND_UNSIGNED ? to->size_bytes < 4 : to->size_bytes <= 4;
}

/* What the processor's conversion makes of a double. */
static int64_t truncate_to_32(double x)
{
    return x > -0x1p31 - 1 && x < 0x1p31 ? (int64_t)x : INT32_MIN;
}

static int64_t truncate_to_64(double x)
{
    return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

/* uint64 has its upper half too. */
static int64_t truncate_to_unsigned(double x)
{
    return x >= 0x1p63 && x < 0x1p64 ? (int64_t)(uint64_t)x : truncate_to_64(x);
}

void tsri_numeric_from_double(const tsr_dtype *to, void *to_elements, const double *values,
                              size_t count)
{
    int64_t whole[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsri_number *number = to->ops->number;

    if (to->kind == TSR_KIND_FLOAT) {
        number->store[TSRI_WIDE_FLOAT](values, to_elements, count, false);
        return;
    }
    if (goes_by_32_bits(to))
        for (size_t i = 0; i < count; i++)
            whole[i] = truncate_to_32(values[i]);
    else if (to->kind == TSR_KIND_UNSIGNED && to->size_bytes == 8)
        for (size_t i = 0; i < count; i++)
            whole[i] = truncate_to_unsigned(values[i]);
    else
        for (size_t i = 0; i < count; i++)
            whole[i] = truncate_to_64(values[i]);
    number->store[TSRI_WIDE_SIGNED](whole, to_elements, count, false);
}

void tsri_numeric_cast(const tsr_dtype *to, void *to_elements, const tsr_dtype *from,
                       const void *from_elements, size_t count)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsri_number *source = from->ops->number;

    source->load(from_elements, wide, count);
    if (source->wide == TSRI_WIDE_FLOAT)
        tsri_numeric_from_double(to, to_elements, &wide->float_value, count);
    else
        to->ops->number->store[source->wide](wide, to_elements, count, false);
}

/* ---- types in configurations ---- */

int tsri_filter_type_read(const tsri_configuration *configuration, const char *name,
                          tsri_filter_type otherwise, tsri_filter_type *ret_type, tsr_error *err)
{
    const char *text = NULL;
    tsri_filter_type type = {NULL, false};
    char path[80];

    TSRI_TRY(tsri_configuration_string(configuration, name, &text, err));
    if (!text) {
        *ret_type = (tsri_filter_type){tsr_dtype_ref(otherwise.dtype), otherwise.big_endian};
        return 0;
    }
    snprintf(path, sizeof path, "/configuration/%s", name);
    TSRI_TRY_IN(err, tsri_dtype_from_numpy(text, path, &type.dtype, &type.big_endian, err), "%s",
                configuration->codec);
    *ret_type = type;
    return 0;
}

int tsri_filter_type_print(tsri_filter_type type, int zarr_format, tsr_output *output,
                           tsr_error *err)
{
    return zarr_format == 3 ? tsri_dtype_to_v3(type.dtype, output, err)
                            : tsri_dtype_to_v2(type.dtype, type.big_endian, output, err);
}

/* Whether elements are one number each of a type that NumPy has. */
static bool is_single(const tsr_dtype *dtype)
{
    return dtype->v2_kind != 0 && strchr("iufmM", dtype->v2_kind) != NULL;
}

/* numcodecs looks at the bits of its input as at another type of that size: at those of times as at
 * int64, since there is no sum of two days. */
static bool is_seen_as(const tsr_dtype *dtype, const tsr_dtype *input)
{
    return tsr_dtype_equal(dtype, input) ||
           (dtype->size_bytes == input->size_bytes && is_single(dtype) && is_single(input));
}

int tsri_filter_types_read(const tsri_configuration *configuration, const tsr_dtype *input,
                           const char *decoded_name, const char *encoded_name,
                           tsri_filter_types *types, tsr_error *err)
{
    TSRI_TRY(tsri_filter_type_read(configuration, decoded_name, (tsri_filter_type){input, false},
                                   &types->decoded, err));
    TSRI_TRY(
        tsri_filter_type_read(configuration, encoded_name, types->decoded, &types->encoded, err));
    if (!is_seen_as(types->decoded.dtype, input))
        return tsr_error_set(
            err, TSR_UNSUPPORTED, "%s: /configuration/%s: %s, but the elements that arrive are %s",
            configuration->codec, decoded_name, types->decoded.dtype->name, input->name);
    return 0;
}

int tsri_filter_types_check_real(const tsri_configuration *configuration,
                                 const tsri_filter_types *types, tsr_error *err)
{
    const tsr_dtype *decoded = types->decoded.dtype, *encoded = types->encoded.dtype;

    if (tsri_numeric_is_real(decoded) && tsri_numeric_is_real(encoded))
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: from %s to %s: the types must be integers or floats",
                         configuration->codec, decoded->name, encoded->name);
}

int tsri_filter_types_print(const tsri_filter_types *types, int zarr_format, tsr_output *output,
                            tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "\"dtype\":"));
    TSRI_TRY(tsri_filter_type_print(types->decoded, zarr_format, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"astype\":"));
    return tsri_filter_type_print(types->encoded, zarr_format, output, err);
}

void tsri_filter_types_clear(tsri_filter_types *types)
{
    tsr_dtype_unref(types->decoded.dtype);
    tsr_dtype_unref(types->encoded.dtype);
}

int tsri_same_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                    int64_t *ret_shape, tsr_error *err)
{
    (void)codec;
    (void)err;
    *ret_rank = rank;
    for (int axis = 0; axis < rank; axis++)
        ret_shape[axis] = shape[axis];
    return 0;
}
