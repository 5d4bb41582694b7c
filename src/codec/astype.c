/* astype: numcodecs' AsType: elements cast to another type and back. Values that do not fit wrap as
 * in NumPy (numeric.h): the codec promises its metadata's type, not the values. */
#include "codec/element_walk.h"
#include "codec/numeric.h"

typedef struct astype_codec {
    tsri_filter_types types;
    tsri_wide_number fill_value[2]; /* as an element of the encoded type */
} astype_codec;

static void astype_close(void *opened)
{
    astype_codec *codec = opened;
    tsri_filter_types_clear(&codec->types);
    tsri_free(codec);
}

static bool is_numeric(const tsr_dtype *dtype)
{
    return tsri_numeric_is_real(dtype) || dtype->kind == TSR_KIND_COMPLEX ||
           dtype->kind == TSR_KIND_BOOL;
}

/* One strip between real types; other numbers go through the casts of views. */
typedef struct cast_job {
    const tsr_dtype *to, *from;
} cast_job;

static int cast_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const cast_job *job = user;
    (void)err;
    tsri_numeric_cast(job->to, to, job->from, from, count);
    return 0;
}

static int cast_view(const tsr_view *to, const tsr_view *from, tsr_error *err)
{
    cast_job job = {to->dtype, from->dtype};
    if (!tsri_numeric_is_real(to->dtype) || !tsri_numeric_is_real(from->dtype))
        return tsr_view_copy(to, from, TSR_CASTING_UNSAFE, err);
    return tsri_elements_run(to, from, cast_strip, &job, err);
}

static int cast_fill_value(const tsr_codec_type *input, astype_codec *codec, tsr_error *err)
{
    tsr_view from, to;

    TSRI_TRY(
        tsr_view_init(&from, codec->types.decoded.dtype, 0, NULL, (void *)input->fill_value, err));
    TSRI_TRY(tsr_view_init(&to, codec->types.encoded.dtype, 0, NULL, codec->fill_value, err));
    return cast_view(&to, &from, err);
}

static int read_types(const tsri_configuration *configuration, const tsr_codec_type *input,
                      void *opened, tsr_error *err)
{
    astype_codec *codec = opened;

    if (!tsri_configuration_has(configuration, "encode_dtype"))
        return tsri_configuration_missing(configuration, "encode_dtype", "the type that is stored",
                                          err);
    TSRI_TRY(tsri_filter_types_read(configuration, input->dtype, "decode_dtype", "encode_dtype",
                                    &codec->types, err));
    if (!is_numeric(codec->types.decoded.dtype) || !is_numeric(codec->types.encoded.dtype))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: from %s to %s: the types must be numbers",
                             configuration->codec, codec->types.decoded.dtype->name,
                             codec->types.encoded.dtype->name);
    return cast_fill_value(input, codec, err);
}

static int astype_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                       tsr_error *err)
{
    TSRI_TRY(
        tsri_codec_open(setup, sizeof(astype_codec), read_types, astype_close, ret_codec, err));
    const astype_codec *codec = *ret_codec;
    ret_output->dtype = codec->types.encoded.dtype;
    ret_output->fill_value = codec->fill_value;
    return 0;
}

static int astype_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const astype_codec *astype = codec;

    TSRI_TRY(tsr_output_print(output, err, "{\"encode_dtype\":"));
    TSRI_TRY(tsri_filter_type_print(astype->types.encoded, zarr_format, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"decode_dtype\":"));
    TSRI_TRY(tsri_filter_type_print(astype->types.decoded, zarr_format, output, err));
    return tsr_output_print(output, err, "}");
}

/* The elements as the configuration sees them: times, for one, as integers. */
static tsr_view as_decoded(const astype_codec *codec, const tsr_view *view)
{
    tsr_view seen = *view;
    seen.dtype = codec->types.decoded.dtype;
    return seen;
}

static int astype_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                         const tsr_view *encoded, tsr_error *err)
{
    tsr_view seen = as_decoded(codec, decoded);
    (void)scratch;
    return cast_view(encoded, &seen, err);
}

static int astype_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                         const tsr_view *decoded, tsr_error *err)
{
    tsr_view seen = as_decoded(codec, decoded);
    (void)scratch;
    return cast_view(&seen, encoded, err);
}

const tsr_codec_ops tsri_codec_astype = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.astype",
    .v2_id = "astype",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = astype_open,
    .close = astype_close,
    .describe = astype_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = astype_encode,
    .decode_view = astype_decode,
    .element_wise = true,
};
