/* quantize: numcodecs' Quantize: floats rounded to a multiple of a power of two that is at most the
 * wanted decimal place. Decoding only casts. */
#include <inttypes.h>
#include <math.h>

#include "codec/element_walk.h"
#include "codec/numeric.h"

typedef struct quantize_codec {
    tsri_filter_types types;
    int64_t digits;
    double scale;
    tsri_wide_number fill_value; /* as an element of the encoded type */
} quantize_codec;

static void quantize_close(void *opened)
{
    quantize_codec *codec = opened;
    tsri_filter_types_clear(&codec->types);
    tsri_free(codec);
}

/* The same steps as numcodecs takes, so that the same power comes out of the same functions. */
static double scale_of(int64_t digits)
{
    double exponent = log10(pow(10.0, -(double)digits));

    exponent = exponent < 0 ? floor(exponent) : ceil(exponent);
    return exp2(ceil(log2(pow(10.0, -exponent))));
}

static int encode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    double values[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const quantize_codec *codec = user;
    const tsr_dtype *dtype = codec->types.decoded.dtype;

    (void)err;
    dtype->ops->number->load(from, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] *= codec->scale;
    tsri_numeric_round(dtype, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] = rint(values[i]) / codec->scale;
    tsri_numeric_round(dtype, values, count);
    tsri_numeric_from_double(codec->types.encoded.dtype, to, values, count);
    return 0;
}

static int decode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const quantize_codec *codec = user;

    (void)err;
    tsri_numeric_cast(codec->types.decoded.dtype, to, codec->types.encoded.dtype, from, count);
    return 0;
}

/* A power that the type cannot hold would make a NaN of every number. */
static bool takes_scale(const quantize_codec *codec)
{
    double scale = codec->scale;

    tsri_numeric_round(codec->types.decoded.dtype, &scale, 1);
    return scale == codec->scale && scale > 0 && !isinf(scale);
}

static int choose_scale(const tsri_configuration *configuration, quantize_codec *codec,
                        tsr_error *err)
{
    codec->scale = scale_of(codec->digits);
    if (!takes_scale(codec))
        TSRI_TRY(tsri_configuration_refuse_encoding(
            configuration, err, "/configuration/digits: %s cannot hold %" PRId64 " digits",
            codec->types.decoded.dtype->name, codec->digits));
    while (!takes_scale(codec)) {
        codec->digits += codec->digits > 0 ? -1 : 1;
        codec->scale = scale_of(codec->digits);
    }
    return 0;
}

static int read_configuration(const tsri_configuration *configuration, const tsr_codec_type *input,
                              void *opened, tsr_error *err)
{
    quantize_codec *codec = opened;

    TSRI_TRY(
        tsri_filter_types_read(configuration, input->dtype, "dtype", "astype", &codec->types, err));
    if (!tsri_numeric_is_float(codec->types.decoded.dtype) ||
        !tsri_numeric_is_float(codec->types.encoded.dtype))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: from %s to %s: the types must be floats",
                             configuration->codec, codec->types.decoded.dtype->name,
                             codec->types.encoded.dtype->name);
    if (!tsri_configuration_has(configuration, "digits"))
        return tsri_configuration_missing(configuration, "digits", "an integer", err);
    TSRI_TRY(
        tsri_configuration_encoder_int(configuration, "digits", -300, 300, &codec->digits, err));
    TSRI_TRY(choose_scale(configuration, codec, err));
    return encode_strip(codec, input->fill_value, &codec->fill_value, 1, err);
}

static int quantize_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                         tsr_error *err)
{
    TSRI_TRY(tsri_codec_open(setup, sizeof(quantize_codec), read_configuration, quantize_close,
                             ret_codec, err));
    const quantize_codec *codec = *ret_codec;
    ret_output->dtype = codec->types.encoded.dtype;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

static int quantize_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const quantize_codec *quantize = codec;

    TSRI_TRY(tsr_output_print(output, err, "{\"digits\":%" PRId64 ",", quantize->digits));
    TSRI_TRY(tsri_filter_types_print(&quantize->types, zarr_format, output, err));
    return tsr_output_print(output, err, "}");
}

static int quantize_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                           const tsr_view *encoded, tsr_error *err)
{
    (void)scratch;
    return tsri_elements_run(encoded, decoded, encode_strip, (void *)codec, err);
}

static int quantize_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                           const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_elements_run(decoded, encoded, decode_strip, (void *)codec, err);
}

const tsr_codec_ops tsri_codec_quantize = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.quantize",
    .v2_id = "quantize",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = quantize_open,
    .close = quantize_close,
    .describe = quantize_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = quantize_encode,
    .decode_view = quantize_decode,
    .element_wise = true,
};
