/* fixedscaleoffset: numcodecs' FixedScaleOffset: round((x - offset) * scale), cast to another type.
 *
 * The arithmetic is NumPy's, since that decides about the last bit: integers with integers wrap in
 * their own type, integers with a number that has a fraction are computed as float64, floats in
 * their own type. A division is always one of floats. Values that do not fit wrap (numeric.h). */
#include <math.h>

#include "codec/element_walk.h"
#include "codec/numeric.h"

/* A number of the configuration: whether it was written as an integer counts. */
typedef struct parameter {
    bool is_whole;
    int64_t whole;
    double value;
    double rounded; /* to the elements' type, where that is a float */
    double rounded_encoded;
} parameter;

typedef struct scale_codec {
    tsri_filter_types types;
    parameter offset, scale;
    tsri_wide_number fill_value; /* as an element of the encoded type */
} scale_codec;

static void scale_close(void *opened)
{
    scale_codec *codec = opened;
    tsri_filter_types_clear(&codec->types);
    tsri_free(codec);
}

/* ---- opening ---- */

static int read_parameter(const tsri_configuration *configuration, const char *name,
                          const scale_codec *codec, parameter *ret_parameter, tsr_error *err)
{
    parameter read = {0};
    tsri_json *value = json_object_object_get(configuration->json, name);

    if (!tsri_configuration_has(configuration, name))
        return tsri_configuration_missing(configuration, name, "a number", err);
    read.is_whole = json_object_is_type(value, json_type_int);
    if (read.is_whole && !tsri_json_get_int64(value, false, &read.whole))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: /configuration/%s: beyond 64 bits",
                             configuration->codec, name);
    TSRI_TRY_IN(
        err, tsri_json_double(configuration->json, "/configuration", name, true, &read.value, err),
        "%s", configuration->codec);
    read.rounded = read.rounded_encoded = read.value;
    if (tsri_numeric_is_float(codec->types.decoded.dtype))
        tsri_numeric_round(codec->types.decoded.dtype, &read.rounded, 1);
    if (tsri_numeric_is_float(codec->types.encoded.dtype))
        tsri_numeric_round(codec->types.encoded.dtype, &read.rounded_encoded, 1);
    *ret_parameter = read;
    return 0;
}

/* Integers are computed with in their own type, so it must have the parameter, as NumPy demands. */
static int check_parameter(const tsri_configuration *configuration, const char *name,
                           const scale_codec *codec, const parameter *checked, tsr_error *err)
{
    tsri_wide_number element;
    const tsr_dtype *dtype = codec->types.decoded.dtype;

    if (!checked->is_whole || !tsri_numeric_is_integer(dtype) ||
        dtype->ops->number->store[TSRI_WIDE_SIGNED](&checked->whole, &element, 1, true) == 1)
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "%s: /configuration/%s: %lld is no %s; NumPy refuses that too",
                         configuration->codec, name, (long long)checked->whole, dtype->name);
}

static int encode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err);

static int read_configuration(const tsri_configuration *configuration, const tsr_codec_type *input,
                              void *opened, tsr_error *err)
{
    scale_codec *codec = opened;

    TSRI_TRY(
        tsri_filter_types_read(configuration, input->dtype, "dtype", "astype", &codec->types, err));
    TSRI_TRY(tsri_filter_types_check_real(configuration, &codec->types, err));
    TSRI_TRY(read_parameter(configuration, "offset", codec, &codec->offset, err));
    TSRI_TRY(read_parameter(configuration, "scale", codec, &codec->scale, err));
    TSRI_TRY(check_parameter(configuration, "offset", codec, &codec->offset, err));
    TSRI_TRY(check_parameter(configuration, "scale", codec, &codec->scale, err));
    if (codec->scale.value == 0)
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/scale: must not be 0",
                             configuration->codec);
    return encode_strip(codec, input->fill_value, &codec->fill_value, 1, err);
}

static int scale_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    TSRI_TRY(tsri_codec_open(setup, sizeof(scale_codec), read_configuration, scale_close, ret_codec,
                             err));
    const scale_codec *codec = *ret_codec;
    ret_output->dtype = codec->types.encoded.dtype;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

/* A text that gives the same double, and that stays what it was: an integer or not. */
static int print_parameter(const parameter *printed, tsr_output *output, tsr_error *err)
{
    char text[40];

    if (printed->is_whole)
        return tsr_output_print(output, err, "%lld", (long long)printed->whole);
    int length = tsr_dtype_format_element(TSR_FLOAT64, &printed->value, text, sizeof text);
    if (length < 0)
        return tsr_error_set(err, TSR_INTERNAL, "fixedscaleoffset: a number of 40 letters");
    return tsr_output_print(output, err, "%s%s", text, strpbrk(text, ".eE") ? "" : ".0");
}

static int scale_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const scale_codec *scale = codec;

    TSRI_TRY(tsr_output_print(output, err, "{\"scale\":"));
    TSRI_TRY(print_parameter(&scale->scale, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"offset\":"));
    TSRI_TRY(print_parameter(&scale->offset, output, err));
    TSRI_TRY(tsr_output_print(output, err, ","));
    TSRI_TRY(tsri_filter_types_print(&scale->types, zarr_format, output, err));
    return tsr_output_print(output, err, "}");
}

/* ---- encoding ---- */

/* Loads integers as doubles. */
static void load_doubles(const tsr_dtype *dtype, const void *from, double *values, size_t count)
{
    tsri_wide_number *wide = (tsri_wide_number *)values;

    dtype->ops->number->load(from, wide, count);
    if (dtype->ops->number->wide == TSRI_WIDE_SIGNED)
        for (size_t i = 0; i < count; i++)
            wide[i].float_value = (double)wide[i].signed_value;
    else if (dtype->ops->number->wide == TSRI_WIDE_UNSIGNED)
        for (size_t i = 0; i < count; i++)
            wide[i].float_value = (double)wide[i].unsigned_value;
}

/* Integers of 64 bits in memory of their own type: wraps the results of an operation. */
static void wrap(const tsr_dtype *dtype, uint64_t *values, size_t count)
{
    tsri_wide_number narrow[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsri_number *number = dtype->ops->number;

    number->store[number->wide](values, narrow, count, false);
    number->load(narrow, values, count);
}

/* (x - offset) * scale of integers: whole as long as the parameters are. */
static void scale_integers(const scale_codec *codec, const void *from, double *values, size_t count)
{
    uint64_t whole[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsr_dtype *dtype = codec->types.decoded.dtype;

    if (!codec->offset.is_whole) {
        load_doubles(dtype, from, values, count);
        for (size_t i = 0; i < count; i++)
            values[i] = (values[i] - codec->offset.value) * codec->scale.value;
        return;
    }
    dtype->ops->number->load(from, whole, count);
    for (size_t i = 0; i < count; i++)
        whole[i] -= (uint64_t)codec->offset.whole;
    wrap(dtype, whole, count);
    for (size_t i = 0; i < count; i++)
        values[i] =
            (dtype->kind == TSR_KIND_SIGNED ? (double)(int64_t)whole[i] : (double)whole[i]) *
            codec->scale.value;
}

static void scale_floats(const scale_codec *codec, const void *from, double *values, size_t count)
{
    const tsr_dtype *dtype = codec->types.decoded.dtype;

    dtype->ops->number->load(from, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] -= codec->offset.rounded;
    tsri_numeric_round(dtype, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] *= codec->scale.rounded;
    tsri_numeric_round(dtype, values, count);
}

/* Both parameters whole: never leaves the integers. */
static void encode_whole(const scale_codec *codec, const void *from, void *to, size_t count)
{
    uint64_t whole[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsr_dtype *dtype = codec->types.decoded.dtype;

    dtype->ops->number->load(from, whole, count);
    for (size_t i = 0; i < count; i++)
        whole[i] = (whole[i] - (uint64_t)codec->offset.whole) * (uint64_t)codec->scale.whole;
    wrap(dtype, whole, count);
    codec->types.encoded.dtype->ops->number->store[dtype->ops->number->wide](whole, to, count,
                                                                             false);
}

static int encode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    double values[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const scale_codec *codec = user;

    (void)err;
    if (tsri_numeric_is_integer(codec->types.decoded.dtype)) {
        if (codec->offset.is_whole && codec->scale.is_whole) {
            encode_whole(codec, from, to, count);
            return 0;
        }
        scale_integers(codec, from, values, count);
    } else {
        scale_floats(codec, from, values, count);
    }
    for (size_t i = 0; i < count; i++)
        values[i] = rint(values[i]);
    tsri_numeric_from_double(codec->types.encoded.dtype, to, values, count);
    return 0;
}

/* ---- decoding ---- */

static int decode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    double values[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const scale_codec *codec = user;
    const tsr_dtype *dtype = codec->types.encoded.dtype;
    bool own = tsri_numeric_is_float(dtype); /* the arithmetic is that of the encoded type */
    double scale = own ? codec->scale.rounded_encoded : codec->scale.value;
    double offset = own ? codec->offset.rounded_encoded : codec->offset.value;

    (void)err;
    load_doubles(dtype, from, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] /= scale;
    if (own)
        tsri_numeric_round(dtype, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] += offset;
    if (own)
        tsri_numeric_round(dtype, values, count);
    tsri_numeric_from_double(codec->types.decoded.dtype, to, values, count);
    return 0;
}

static int scale_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        const tsr_view *encoded, tsr_error *err)
{
    (void)scratch;
    return tsri_elements_run(encoded, decoded, encode_strip, (void *)codec, err);
}

static int scale_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                        const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_elements_run(decoded, encoded, decode_strip, (void *)codec, err);
}

const tsr_codec_ops tsri_codec_fixedscaleoffset = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.fixedscaleoffset",
    .v2_id = "fixedscaleoffset",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = scale_open,
    .close = scale_close,
    .describe = scale_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = scale_encode,
    .decode_view = scale_decode,
    .element_wise = true,
};
