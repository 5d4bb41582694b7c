/* categorize: the number of a label, from 1 on, in place of the label; 0 for what is none of them,
 * which is read back as the empty string. numcodecs, Categorize. */
#include "codec/element_walk.h"
#include "codec/numeric.h"

typedef struct categorize_codec {
    const tsr_dtype *decoded;    /* held */
    tsri_filter_type encoded;    /* held */
    tsr_view labels;             /* elements of the decoded type, the empty string first */
    tsri_wide_number fill_value; /* as an element of the encoded type */
    char *configuration;         /* the labels as JSON */
} categorize_codec;

static void categorize_close(void *codec)
{
    categorize_codec *self = codec;

    tsr_dtype_unref(self->decoded);
    tsr_dtype_unref(self->encoded.dtype);
    tsr_view_clear(&self->labels);
    tsri_free(self->configuration);
    tsri_free(self);
}

/* ---- opening ---- */

/* Labels that are longer than texts of a fixed length match none of them, and are cut when they are
 * read, as NumPy does. */
static int take_label(const tsri_json *value, const tsr_view *to, tsr_error *err)
{
    tsr_slot slot;
    tsr_view from = {.dtype = TSR_STRING, .data = (char *)&slot};

    TSRI_TRY(tsr_slot_borrow(&slot, json_object_get_string((tsri_json *)value),
                             (size_t)json_object_get_string_len(value), err));
    return tsr_view_copy(to, &from, TSR_CASTING_UNSAFE, err);
}

static int read_labels(const tsri_configuration *configuration, categorize_codec *codec,
                       tsr_error *err)
{
    tsri_json *list = json_object_object_get(configuration->json, "labels");
    if (!json_object_is_type(list, json_type_array))
        return tsri_configuration_missing(configuration, "labels", "a list of texts", err);
    int64_t count = (int64_t)json_object_array_length(list) + 1;

    TSRI_TRY(tsr_view_new(&codec->labels, codec->decoded, 1, &count, err));
    if (!tsr_dtype_is_variable(codec->decoded))
        memset(codec->labels.data, 0, codec->decoded->size_bytes);
    for (int64_t i = 1; i < count; i++) {
        const tsri_json *value = json_object_array_get_idx(list, (size_t)i - 1);
        tsr_view label = codec->labels;
        if (!json_object_is_type(value, json_type_string))
            return tsr_error_set(err, TSR_BAD_METADATA,
                                 "%s: /configuration/labels/%d: must be a string, not %s",
                                 configuration->codec, (int)i - 1, tsri_json_kind(value));
        TSRI_TRY(tsr_view_select(&label, 0, i, err));
        TSRI_TRY(take_label(value, &label, err));
    }
    return tsr_json_text(list, 0, &codec->configuration, err);
}

/* "|O", or a text of the fixed length that arrives. */
static int check_decoded(const tsri_configuration *configuration, const tsr_dtype *input,
                         tsr_error *err)
{
    const char *text = NULL;

    TSRI_TRY(tsri_configuration_string(configuration, "dtype", &text, err));
    bool is_object = text && (strcmp(text, "|O") == 0 || strcmp(text, "O") == 0 ||
                              strcmp(text, "object") == 0 || strcmp(text, "string") == 0);
    if (is_object ? input->kind == TSR_KIND_STRING : input->kind == TSR_KIND_TEXT)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: /configuration/dtype: %.40s, but the elements that arrive are %s",
                         configuration->codec, text ? text : "nothing", input->name);
}

static uint64_t encode_element(const categorize_codec *codec, const void *element)
{
    for (int64_t i = codec->labels.shape[0] - 1; i > 0; i--)
        if (tsr_dtype_element_equal(codec->decoded,
                                    codec->labels.data + i * codec->labels.strides[0], element))
            return (uint64_t)i;
    return 0;
}

static int read_types(const tsri_configuration *configuration, const tsr_codec_type *input,
                      void *opened, tsr_error *err)
{
    categorize_codec *codec = opened;
    tsri_filter_type otherwise = {TSR_UINT8, false};

    TSRI_TRY(check_decoded(configuration, input->dtype, err));
    codec->decoded = tsr_dtype_ref(input->dtype);
    TSRI_TRY(tsri_filter_type_read(configuration, "astype", otherwise, &codec->encoded, err));
    TSRI_TRY(read_labels(configuration, codec, err));
    uint64_t most = (uint64_t)codec->labels.shape[0] - 1, back = 0;
    const tsri_number *number = codec->encoded.dtype->ops->number;
    bool fits = tsri_numeric_is_integer(codec->encoded.dtype) &&
                number->store[TSRI_WIDE_UNSIGNED](&most, &back, 1, true) == 1;
    if (!fits)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: /configuration/astype: %s does not count %d labels",
                             configuration->codec, codec->encoded.dtype->name, (int)most);
    uint64_t fill = encode_element(codec, input->fill_value);
    number->store[TSRI_WIDE_UNSIGNED](&fill, &codec->fill_value, 1, false);
    return 0;
}

static int categorize_open(const tsr_codec_setup *setup, void **ret_codec,
                           tsr_codec_type *ret_output, tsr_error *err)
{
    TSRI_TRY(tsri_codec_open(setup, sizeof(categorize_codec), read_types, categorize_close,
                             ret_codec, err));
    const categorize_codec *codec = *ret_codec;
    ret_output->dtype = codec->encoded.dtype;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

static int categorize_describe(const void *codec, int zarr_format, tsr_output *output,
                               tsr_error *err)
{
    const categorize_codec *self = codec;

    TSRI_TRY(tsr_output_print(output, err, "{\"labels\":%s,\"dtype\":", self->configuration));
    if (self->decoded->kind == TSR_KIND_STRING)
        TSRI_TRY(tsr_output_print(output, err, "\"|O\""));
    else
        TSRI_TRY(tsr_output_print(output, err, "\"<%s\"", self->decoded->name));
    TSRI_TRY(tsr_output_print(output, err, ",\"astype\":"));
    TSRI_TRY(tsri_filter_type_print(self->encoded, zarr_format, output, err));
    return tsr_output_print(output, err, "}");
}

/* ---- elements ---- */

static int categorize_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                             const tsr_view *encoded, tsr_error *err)
{
    const categorize_codec *self = codec;
    const tsri_number *number = self->encoded.dtype->ops->number;
    tsri_element_walk from, to;

    (void)scratch;
    (void)err;
    tsri_element_walk_init(&from, decoded);
    for (tsri_element_walk_init(&to, encoded); to.left > 0; tsri_element_walk_advance(&to, 1)) {
        uint64_t label = encode_element(self, from.at);
        number->store[TSRI_WIDE_UNSIGNED](&label, to.at, 1, false);
        tsri_element_walk_advance(&from, 1);
    }
    return 0;
}

/* Slots point to the labels of the codec. */
static int categorize_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                             const tsr_view *decoded, tsr_error *err)
{
    const categorize_codec *self = codec;
    const tsri_number *number = self->encoded.dtype->ops->number;
    size_t size_bytes = self->decoded->size_bytes;
    tsri_element_walk from, to;

    (void)scratch;
    (void)err;
    tsri_element_walk_init(&from, encoded);
    for (tsri_element_walk_init(&to, decoded); to.left > 0; tsri_element_walk_advance(&to, 1)) {
        int64_t label; /* a number beyond 63 bits is none either */
        number->load(from.at, &label, 1);
        if (label < 0 || label >= self->labels.shape[0])
            label = 0;
        memcpy(to.at, self->labels.data + (size_t)label * size_bytes, size_bytes);
        tsri_element_walk_advance(&from, 1);
    }
    return 0;
}

const tsr_codec_ops tsri_codec_categorize = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.categorize",
    .v2_id = "categorize",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = categorize_open,
    .close = categorize_close,
    .describe = categorize_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = categorize_encode,
    .decode_view = categorize_decode,
    .element_wise = true,
    .variable_length = true,
};
