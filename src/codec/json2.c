/* json2: the elements as JSON lists, as numpy.ndarray.tolist nests them, with NumPy's name of their
 * type and the list of the lengths of the axes at the end of the outermost. numcodecs, JSON,
 * version 0.6 and later.
 *
 * In Python the elements are objects of any kind. Here they are strings; null, which stands for a
 * missing one, is the empty string, as numcodecs' VLenUTF8 has it. */
#include <inttypes.h>

#include "codec/configuration.h"
#include "tensor/copy.h"

/* Behind the elements: type and lengths. */
#define TRAILER 2

typedef struct json2_codec {
    char *configuration; /* as it was given: the rest of it says how Python writes */
} json2_codec;

static void json2_close(void *codec)
{
    json2_codec *self = codec;
    tsri_free(self->configuration);
    tsri_free(self);
}

static int check_encoding(const tsri_configuration *configuration, tsr_error *err)
{
    const char *encoding = "utf-8";

    TSRI_TRY(tsri_configuration_string(configuration, "encoding", &encoding, err));
    if (strcmp(encoding, "utf-8") == 0 || strcmp(encoding, "ascii") == 0)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: /configuration/encoding: \"%.40s\"; read is utf-8",
                         configuration->codec, encoding);
}

static int json2_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(check_encoding(&configuration, err));
    if (setup->input.dtype->kind != TSR_KIND_STRING)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s stores elements of type string, not %s",
                             configuration.codec, setup->input.dtype->name);
    json2_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (codec)
        codec->configuration = tsri_format("%s", setup->configuration);
    if (!codec || !codec->configuration) {
        tsri_free(codec);
        return tsri_error_no_memory(err, sizeof *codec);
    }
    *ret_codec = codec;
    return 0;
}

static int json2_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const json2_codec *self = codec;

    (void)zarr_format;
    return tsr_output_append(output, self->configuration, strlen(self->configuration), err);
}

/* ---- encoding ---- */

static int put_element(const tsr_slot *slot, tsr_output *output, tsr_error *err)
{
    size_t capacity = tsr_dtype_element_text_max(TSR_STRING, slot);
    char *text;

    TSRI_TRY(tsri_codec_reserve(output, capacity, &text, err));
    int length = tsr_dtype_format_element(TSR_STRING, slot, text, capacity);
    if (length < 0)
        return tsr_error_set(err, TSR_LIMIT, "an element of %" PRIu32 " bytes as JSON",
                             slot->size_bytes);
    output->size_bytes += (size_t)length;
    return 0;
}

/* What lies along an axis, each with a comma in front but the first. */
static int put_axis(const tsr_view *view, int axis, const char *data, tsr_output *output,
                    tsr_error *err)
{
    for (int64_t i = 0; i < view->shape[axis]; i++, data += view->strides[axis]) {
        if (i > 0)
            TSRI_TRY(tsr_output_append(output, ",", 1, err));
        if (axis + 1 == view->rank) {
            TSRI_TRY(put_element((const void *)data, output, err));
            continue;
        }
        TSRI_TRY(tsr_output_append(output, "[", 1, err));
        TSRI_TRY(put_axis(view, axis + 1, data, output, err));
        TSRI_TRY(tsr_output_append(output, "]", 1, err));
    }
    return 0;
}

static int json2_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    if (decoded->rank == 0)
        TSRI_TRY(put_element((const void *)decoded->data, output, err));
    else
        TSRI_TRY(put_axis(decoded, 0, decoded->data, output, err));
    bool any = decoded->rank == 0 || decoded->shape[0] > 0;
    TSRI_TRY(tsr_output_print(output, err, "%s\"|O\",[", any ? "," : ""));
    for (int axis = 0; axis < decoded->rank; axis++)
        TSRI_TRY(
            tsr_output_print(output, err, "%s%" PRId64, axis ? "," : "", decoded->shape[axis]));
    return tsr_output_append(output, "]]", 2, err);
}

/* ---- decoding ---- */

static void *heap_create(void)
{
    tsr_heap *heap = NULL;
    return tsr_heap_new(&heap, NULL) < 0 ? NULL : heap;
}

static void heap_destroy(void *state)
{
    tsr_heap_unref(state);
}

/* Where the elements of the last chunk lie that this thread has decoded. */
static tsr_heap *heap_of(tsr_codec_scratch *scratch)
{
    static const tsr_scratch_state kind = {"json2", heap_create, heap_destroy};
    tsr_heap *heap = tsr_codec_scratch_state(scratch, &kind);
    tsr_heap_clear(heap);
    return heap;
}

static int take_element(const tsri_json *value, tsr_heap *heap, tsr_slot *ret_slot, tsr_error *err)
{
    if (!value)
        return tsr_heap_add(heap, "", 0, ret_slot, err);
    if (json_object_is_type(value, json_type_string))
        return tsr_heap_add(heap, json_object_get_string((tsri_json *)value),
                            (size_t)json_object_get_string_len(value), ret_slot, err);
    tsr_error_set(err, TSR_UNSUPPORTED, "json2: an element is %s; read are strings alone",
                  tsri_json_kind(value));
    tsr_error_set_next_step(
        err, "rewrite the array with zarr-python as strings (vlen-utf8) or as numbers");
    return TSR_UNSUPPORTED;
}

static int another_form(const tsr_view *decoded, tsr_error *err)
{
    char text[TSRI_SHAPE_TEXT_MAX];
    return tsr_error_set(err, TSR_DAMAGED,
                         "json2: no lists of the shape %s of the chunk, with type and lengths",
                         tsri_shape_text(decoded->rank, decoded->shape, text));
}

/* The values of a list, along an axis. */
static int take_axis(const tsri_json *list, const tsr_view *decoded, int axis, char *data,
                     tsr_heap *heap, tsr_error *err)
{
    for (int64_t i = 0; i < decoded->shape[axis]; i++, data += decoded->strides[axis]) {
        const tsri_json *value = json_object_array_get_idx(list, (size_t)i);
        if (axis + 1 == decoded->rank) {
            TSRI_TRY(take_element(value, heap, (void *)data, err));
            continue;
        }
        if (!json_object_is_type(value, json_type_array) ||
            (int64_t)json_object_array_length(value) != decoded->shape[axis + 1])
            return another_form(decoded, err);
        TSRI_TRY(take_axis(value, decoded, axis + 1, data, heap, err));
    }
    return 0;
}

static int take_all(const tsri_json *list, const tsr_view *decoded, tsr_heap *heap, tsr_error *err)
{
    int64_t count = decoded->rank > 0 ? decoded->shape[0] : 1;

    if (!json_object_is_type(list, json_type_array) ||
        (int64_t)json_object_array_length(list) != count + TRAILER)
        return another_form(decoded, err);
    if (decoded->rank == 0)
        return take_element(json_object_array_get_idx(list, 0), heap, (void *)decoded->data, err);
    return take_axis(list, decoded, 0, decoded->data, heap, err);
}

static int json2_decode(const void *codec, tsr_codec_scratch *scratch, const void *data,
                        size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    tsr_auto(tsri_json) *list = NULL;
    tsr_heap *heap = heap_of(scratch);

    (void)codec;
    if (!heap)
        return tsri_error_no_memory(err, 0);
    int status = tsr_json_parse(data, size_bytes, TSR_JSON_NAN_AS_TEXT, size_bytes + 1, &list, err);
    if (status == TSR_BAD_METADATA && err)
        err->status = TSR_DAMAGED;
    if (status < 0)
        return status == TSR_BAD_METADATA ? TSR_DAMAGED : status;
    return take_all(list, decoded, heap, err);
}

const tsr_codec_ops tsri_codec_json2 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.json2",
    .v2_id = "json2",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = json2_open,
    .close = json2_close,
    .describe = json2_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = json2_encode,
    .decode_array = json2_decode,
    .variable_length = true,
};
