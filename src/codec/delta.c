/* delta: numcodecs' Delta: the first element of a chunk in C order, then the differences, all cast
 * to another type. The differences are taken in the type of the elements, where integers wrap and
 * floats round; they are summed up in the type that is stored, or in 64 bits where that is an
 * integer, as numpy.cumsum does. */
#include "codec/element_walk.h"
#include "codec/numeric.h"

typedef struct delta_codec {
    tsri_filter_types types;
    tsri_wide_number fill_value; /* as an element of the encoded type */
} delta_codec;

static void delta_close(void *opened)
{
    delta_codec *codec = opened;
    tsri_filter_types_clear(&codec->types);
    tsri_free(codec);
}

static int read_types(const tsri_configuration *configuration, const tsr_codec_type *input,
                      void *opened, tsr_error *err)
{
    delta_codec *codec = opened;

    TSRI_TRY(
        tsri_filter_types_read(configuration, input->dtype, "dtype", "astype", &codec->types, err));
    TSRI_TRY(tsri_filter_types_check_real(configuration, &codec->types, err));
    tsri_numeric_cast(codec->types.encoded.dtype, &codec->fill_value, codec->types.decoded.dtype,
                      input->fill_value, 1);
    return 0;
}

static int delta_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    TSRI_TRY(tsri_codec_open(setup, sizeof(delta_codec), read_types, delta_close, ret_codec, err));
    const delta_codec *codec = *ret_codec;
    ret_output->dtype = codec->types.encoded.dtype;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

static int delta_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const delta_codec *delta = codec;

    TSRI_TRY(tsr_output_print(output, err, "{"));
    TSRI_TRY(tsri_filter_types_print(&delta->types, zarr_format, output, err));
    return tsr_output_print(output, err, "}");
}

/* One pass through a chunk. */
typedef struct delta_pass {
    const delta_codec *codec;
    tsri_wide_number before; /* the last element, or 0 in front of the first one */
} delta_pass;

/* Replaces each number by its difference from the one before. */
static void subtract_whole(uint64_t *values, size_t count, tsri_wide_number *before)
{
    uint64_t last = before->unsigned_value;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = values[i];
        values[i] = value - last;
        last = value;
    }
    before->unsigned_value = last;
}

static void subtract_floats(double *values, size_t count, tsri_wide_number *before)
{
    double last = before->float_value;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        values[i] = value - last;
        last = value;
    }
    before->float_value = last;
}

static int encode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    tsri_wide_number narrow[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    delta_pass *pass = user;
    const tsr_dtype *dtype = pass->codec->types.decoded.dtype;
    const tsri_number *number = dtype->ops->number;

    (void)err;
    number->load(from, wide, count);
    if (number->wide == TSRI_WIDE_FLOAT)
        subtract_floats(&wide->float_value, count, &pass->before);
    else
        subtract_whole(&wide->unsigned_value, count, &pass->before);
    /* Through the type of the elements, where the difference wraps or is rounded. */
    number->store[number->wide](wide, narrow, count, false);
    tsri_numeric_cast(pass->codec->types.encoded.dtype, to, dtype, narrow, count);
    return 0;
}

static void add_whole(uint64_t *values, size_t count, tsri_wide_number *before)
{
    for (size_t i = 0; i < count; i++)
        before->unsigned_value = values[i] += before->unsigned_value;
}

/* Each sum is rounded before the next one is made. */
static void add_floats(const tsr_dtype *dtype, double *values, size_t count,
                       tsri_wide_number *before)
{
    for (size_t i = 0; i < count; i++) {
        values[i] += before->float_value;
        tsri_numeric_round(dtype, &values[i], 1);
        before->float_value = values[i];
    }
}

/* The float type that holds a type by NumPy's rules of promotion. */
static const tsr_dtype *float_for(const tsr_dtype *dtype)
{
    if (dtype->kind == TSR_KIND_FLOAT)
        return dtype;
    return dtype->size_bytes == 1   ? TSR_FLOAT16
           : dtype->size_bytes == 2 ? TSR_FLOAT32
                                    : TSR_FLOAT64;
}

/* The float type that two types promote to. */
static const tsr_dtype *promoted(const tsr_dtype *a, const tsr_dtype *b)
{
    const tsr_dtype *one = float_for(a), *other = float_for(b);
    return one->ops->number->digits >= other->ops->number->digits ? one : other;
}

static int decode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    delta_pass *pass = user;
    const tsr_dtype *encoded = pass->codec->types.encoded.dtype,
                    *decoded = pass->codec->types.decoded.dtype;

    (void)err;
    if (tsri_numeric_is_float(encoded) || tsri_numeric_is_float(decoded)) {
        tsri_numeric_cast(TSR_FLOAT64, wide, encoded, from, count);
        add_floats(promoted(encoded, decoded), &wide->float_value, count, &pass->before);
        tsri_numeric_from_double(decoded, to, &wide->float_value, count);
    } else {
        encoded->ops->number->load(from, wide, count);
        add_whole(&wide->unsigned_value, count, &pass->before);
        decoded->ops->number->store[encoded->ops->number->wide](wide, to, count, false);
    }
    return 0;
}

static int delta_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        const tsr_view *encoded, tsr_error *err)
{
    delta_pass pass = {.codec = codec};

    (void)scratch;
    return tsri_elements_run(encoded, decoded, encode_strip, &pass, err);
}

static int delta_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                        const tsr_view *decoded, tsr_error *err)
{
    delta_pass pass = {.codec = codec};

    (void)scratch;
    return tsri_elements_run(decoded, encoded, decode_strip, &pass, err);
}

const tsr_codec_ops tsri_codec_delta = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.delta",
    .v2_id = "delta",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = delta_open,
    .close = delta_close,
    .describe = delta_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = delta_encode,
    .decode_view = delta_decode,
};
