/* scale_offset: (x - offset) * scale in the arithmetic of the element type, and back. Zarr
 * extension "scale_offset".
 *
 * A result that the type cannot hold is an error: an integer out of range, a finite float that
 * becomes infinite, on the way back also an integer that the scale does not divide. */
#include <inttypes.h>
#include <math.h>

#include "base/output.h"
#include "codec/element_walk.h"
#include "codec/numeric.h"

typedef struct scale_codec {
    const tsr_dtype *dtype; /* borrowed from the chain */
    bool has_offset, has_scale;
    tsri_wide_number offset, scale;           /* as elements are loaded */
    tsri_wide_number offset_bits, scale_bits; /* as elements, to be described */
    tsri_wide_number fill_value;
} scale_codec;

/* ---- arithmetic ---- */

static int misfit(const scale_codec *codec, const void *element, int status, tsr_error *err)
{
    char text[64];

    tsr_dtype_format_element(codec->dtype, element, text, sizeof text);
    return tsr_error_set(err, status, "scale_offset: %s has no place for what becomes of %s",
                         codec->dtype->name, text);
}

/* The range of a type of up to 64 bits, in more than those. */
static bool fits(const scale_codec *codec, __int128 value)
{
    int bits = codec->dtype->component_bits;
    if (codec->dtype->kind == TSR_KIND_UNSIGNED)
        return value >= 0 && value < (__int128)1 << bits;
    return value >= -((__int128)1 << (bits - 1)) && value < (__int128)1 << (bits - 1);
}

static __int128 whole_of(const scale_codec *codec, tsri_wide_number number)
{
    return codec->dtype->kind == TSR_KIND_UNSIGNED ? (__int128)number.unsigned_value
                                                   : (__int128)number.signed_value;
}

static bool encode_whole(const scale_codec *codec, __int128 *value)
{
    *value -= whole_of(codec, codec->offset);
    if (!fits(codec, *value))
        return false;
    *value *= whole_of(codec, codec->scale);
    return fits(codec, *value);
}

static bool decode_whole(const scale_codec *codec, __int128 *value)
{
    __int128 scale = whole_of(codec, codec->scale);
    if (*value % scale != 0)
        return false;
    *value = *value / scale + whole_of(codec, codec->offset);
    return fits(codec, *value);
}

static int run_whole(const scale_codec *codec, bool encode, const void *from, void *to,
                     size_t count, tsr_error *err)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsri_number *number = codec->dtype->ops->number;

    number->load(from, wide, count);
    for (size_t i = 0; i < count; i++) {
        __int128 value = whole_of(codec, wide[i]);
        if (!(encode ? encode_whole : decode_whole)(codec, &value))
            return misfit(codec, (const char *)from + i * codec->dtype->size_bytes,
                          encode ? TSR_OUT_OF_BOUNDS : TSR_DAMAGED, err);
        wide[i].unsigned_value = (uint64_t)value;
    }
    number->store[number->wide](wide, to, count, false);
    return 0;
}

static int run_floats(const scale_codec *codec, bool encode, const void *from, void *to,
                      size_t count, tsr_error *err)
{
    double values[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED, before[TSRI_NUMERIC_STRIP];
    double offset = codec->offset.float_value, scale = codec->scale.float_value;
    const tsri_number *number = codec->dtype->ops->number;

    number->load(from, before, count);
    for (size_t i = 0; i < count; i++)
        values[i] = encode ? before[i] - offset : before[i] / scale;
    tsri_numeric_round(codec->dtype, values, count);
    for (size_t i = 0; i < count && (encode || codec->has_offset); i++) /* -0 + 0 would be 0 */
        values[i] = encode ? values[i] * scale : values[i] + offset;
    tsri_numeric_round(codec->dtype, values, count);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]) && isfinite(before[i]))
            return misfit(codec, (const char *)from + i * codec->dtype->size_bytes,
                          encode ? TSR_OUT_OF_BOUNDS : TSR_DAMAGED, err);
    number->store[TSRI_WIDE_FLOAT](values, to, count, false);
    return 0;
}

static int encode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const scale_codec *codec = user;
    return (tsri_numeric_is_float(codec->dtype) ? run_floats : run_whole)(codec, true, from, to,
                                                                          count, err);
}

static int decode_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const scale_codec *codec = user;
    return (tsri_numeric_is_float(codec->dtype) ? run_floats : run_whole)(codec, false, from, to,
                                                                          count, err);
}

/* ---- opening ---- */

static int read_parameter(const tsri_configuration *configuration, const char *name,
                          const tsr_dtype *dtype, bool *ret_has, tsri_wide_number *ret_bits,
                          tsri_wide_number *ret_value, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_json *value;

    *ret_has = json_object_object_get_ex(configuration->json, name, &value);
    if (!*ret_has)
        return 0;
    TSRI_TRY(tsr_json_write(value, 0, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    int status = tsr_dtype_parse_element(dtype, text.data, ret_bits, err);
    if (status == TSR_NO_MEMORY)
        return status;
    if (status < 0)
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/%s: %.40s is no %s",
                             configuration->codec, name, text.data, dtype->name);
    dtype->ops->number->load(ret_bits, ret_value, 1);
    return 0;
}

static bool is_zero(const scale_codec *codec)
{
    return tsri_numeric_is_float(codec->dtype) ? codec->scale.float_value == 0
                                               : codec->scale.unsigned_value == 0;
}

/* A fill value that has no place would make every missing chunk unreadable. */
static int transform_fill_value(const tsri_configuration *configuration,
                                const tsr_codec_type *input, scale_codec *codec, tsr_error *err)
{
    int status = encode_strip(codec, input->fill_value, &codec->fill_value, 1, err);
    if (status < 0)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: the fill value cannot be scaled: %s has no place for it",
                             configuration->codec, codec->dtype->name);
    return 0;
}

static int read_configuration(const tsri_configuration *configuration, const tsr_codec_type *input,
                              void *opened, tsr_error *err)
{
    scale_codec *codec = opened;
    static const char *const known_fields[] = {"offset", "scale", NULL};
    const tsr_dtype *dtype = input->dtype;

    TSRI_TRY(tsri_configuration_only(configuration, known_fields, err));
    if (!tsri_numeric_is_real(dtype))
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: elements of type %s; integers and floats can be scaled",
                             configuration->codec, dtype->name);
    codec->dtype = dtype;
    if (tsri_numeric_is_float(dtype))
        codec->scale.float_value = 1;
    else
        codec->scale.unsigned_value = 1;
    TSRI_TRY(read_parameter(configuration, "offset", dtype, &codec->has_offset, &codec->offset_bits,
                            &codec->offset, err));
    TSRI_TRY(read_parameter(configuration, "scale", dtype, &codec->has_scale, &codec->scale_bits,
                            &codec->scale, err));
    if (is_zero(codec))
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/scale: must not be 0",
                             configuration->codec);
    return transform_fill_value(configuration, input, codec, err);
}

static int scale_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    TSRI_TRY(
        tsri_codec_open(setup, sizeof(scale_codec), read_configuration, tsri_free, ret_codec, err));
    const scale_codec *codec = *ret_codec;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

static int scale_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const scale_codec *scale = codec;
    char text[64];

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{"));
    if (scale->has_offset) {
        tsr_dtype_format_element(scale->dtype, &scale->offset_bits, text, sizeof text);
        TSRI_TRY(
            tsr_output_print(output, err, "\"offset\":%s%s", text, scale->has_scale ? "," : ""));
    }
    if (scale->has_scale) {
        tsr_dtype_format_element(scale->dtype, &scale->scale_bits, text, sizeof text);
        TSRI_TRY(tsr_output_print(output, err, "\"scale\":%s", text));
    }
    return tsr_output_print(output, err, "}");
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

const tsr_codec_ops tsri_codec_scale_offset = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "scale_offset",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = scale_open,
    .close = tsri_free,
    .describe = scale_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = scale_encode,
    .decode_view = scale_decode,
    .element_wise = true,
};
