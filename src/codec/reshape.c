/* reshape: the same elements in the same C order under another shape. Zarr extension "reshape". */
#include <inttypes.h>

#include "base/checked.h"
#include "codec/configuration.h"
#include "codec/element_walk.h"

/* One axis of the encoded shape. */
typedef struct reshape_axis {
    int64_t length;   /* -1: whatever is left; 0: the product of input axes */
    int first, count; /* those, as a part of reshape_codec.inputs */
} reshape_axis;

typedef struct reshape_codec {
    int input_rank, rank, input_count;
    reshape_axis axes[TSR_RANK_MAX];
    int inputs[TSR_RANK_MAX]; /* rising */
} reshape_codec;

/* ---- opening ---- */

static int refuse(const tsri_configuration *configuration, size_t axis, const char *reason,
                  tsr_error *err)
{
    return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/shape/%zu: %s",
                         configuration->codec, axis, reason);
}

/* Reads a list of input axes. */
static int read_inputs(const tsri_configuration *configuration, const tsri_json *list, size_t axis,
                       reshape_codec *codec, tsr_error *err)
{
    reshape_axis *read = &codec->axes[axis];

    read->first = codec->input_count;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        int64_t input = -1;
        if (!tsri_json_get_int64(json_object_array_get_idx(list, i), false, &input) || input < 0 ||
            input >= codec->input_rank)
            return refuse(configuration, axis, "names an axis that the array does not have", err);
        if (codec->input_count > 0 && codec->inputs[codec->input_count - 1] >= input)
            return refuse(configuration, axis, "the input axes must be in rising order", err);
        codec->inputs[codec->input_count++] = (int)input;
        read->count++;
    }
    return 0;
}

static int read_axis(const tsri_configuration *configuration, const tsri_json *value, size_t axis,
                     bool *have_rest, reshape_codec *codec, tsr_error *err)
{
    int64_t length = 0;

    if (json_object_is_type(value, json_type_array))
        return read_inputs(configuration, value, axis, codec, err);
    if (!tsri_json_get_int64(value, false, &length) || length < -1 || length == 0)
        return refuse(configuration, axis,
                      "must be a length from 1 on, -1, or a list of input axes", err);
    if (length == -1 && *have_rest)
        return refuse(configuration, axis, "only one length may be -1", err);
    *have_rest |= length == -1;
    codec->axes[axis].length = length;
    return 0;
}

static int read_shape(const tsri_configuration *configuration, reshape_codec *codec, tsr_error *err)
{
    const tsri_json *list = json_object_object_get(configuration->json, "shape");
    bool have_rest = false;

    if (!json_object_is_type(list, json_type_array))
        return tsri_configuration_missing(configuration, "shape", "a list of lengths", err);
    if (json_object_array_length(list) > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: /configuration/shape: %zu axes; at most %d",
                             configuration->codec, json_object_array_length(list), TSR_RANK_MAX);
    codec->rank = (int)json_object_array_length(list);
    for (size_t axis = 0; axis < (size_t)codec->rank; axis++)
        TSRI_TRY(read_axis(configuration, json_object_array_get_idx(list, axis), axis, &have_rest,
                           codec, err));
    return 0;
}

static int reshape_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                        tsr_error *err)
{
    static const char *const known_fields[] = {"shape", NULL};
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known_fields, err));
    reshape_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->input_rank = setup->input.rank;
    int status = read_shape(&configuration, codec, err);
    if (status < 0) {
        tsri_free(codec);
        return status;
    }
    ret_output->rank = codec->rank;
    *ret_codec = codec;
    return 0;
}

static int reshape_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const reshape_codec *reshape = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"shape\":["));
    for (int i = 0; i < reshape->rank; i++) {
        const reshape_axis *axis = &reshape->axes[i];
        TSRI_TRY(tsr_output_print(output, err, "%s", i ? "," : ""));
        if (axis->length != 0) {
            TSRI_TRY(tsr_output_print(output, err, "%" PRId64, axis->length));
            continue;
        }
        for (int j = 0; j < axis->count; j++)
            TSRI_TRY(tsr_output_print(output, err, "%s%d", j ? "," : "[",
                                      reshape->inputs[axis->first + j]));
        TSRI_TRY(tsr_output_print(output, err, axis->count ? "]" : "[]"));
    }
    return tsr_output_print(output, err, "]}");
}

/* ---- shapes ---- */

static bool product(const int64_t *lengths, int count, int64_t *ret_product)
{
    return tsri_shape_count(count, lengths, ret_product);
}

static int does_not_fit(const reshape_codec *codec, int rank, const int64_t *shape, tsr_error *err)
{
    int64_t count = 0;
    product(shape, rank, &count);
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "reshape: a chunk of %" PRId64
                         " elements does not fit /configuration/shape of %d axes",
                         count, codec->rank);
}

/* Sets the length that is -1 to what makes the products equal. */
static bool fill_rest(const reshape_codec *codec, int64_t count, int64_t *shape)
{
    int rest = -1;
    int64_t others;

    for (int i = 0; i < codec->rank; i++)
        if (codec->axes[i].length == -1)
            rest = i;
    if (rest >= 0)
        shape[rest] = 1;
    if (!product(shape, codec->rank, &others))
        return false;
    if (rest < 0 || others == 0)
        return others == count;
    shape[rest] = count / others;
    return shape[rest] * others == count;
}

/* Axes that are named must be in the same place: as many elements before and behind them. */
static bool lines_up(const reshape_codec *codec, int axis, const int64_t *input,
                     const int64_t *shape)
{
    const reshape_axis *self = &codec->axes[axis];
    int64_t before, behind, input_before, input_behind;

    if (self->length != 0 || self->count == 0)
        return true;
    int first = codec->inputs[self->first];
    int next = codec->inputs[self->first + self->count - 1] + 1;
    return product(shape, axis, &before) && product(input, first, &input_before) &&
           before == input_before && product(shape + axis + 1, codec->rank - axis - 1, &behind) &&
           product(input + next, codec->input_rank - next, &input_behind) && behind == input_behind;
}

static int reshape_encoded_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                                 int64_t *ret_shape, tsr_error *err)
{
    const reshape_codec *reshape = codec;
    int64_t count, encoded[TSR_RANK_MAX];

    if (rank != reshape->input_rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "reshape was opened for %d axes, not for %d", reshape->input_rank,
                             rank);
    if (!product(shape, rank, &count))
        return tsr_error_set(err, TSR_LIMIT, "reshape: too many elements");
    for (int i = 0; i < reshape->rank; i++) {
        const reshape_axis *axis = &reshape->axes[i];
        encoded[i] = axis->length == 0 ? 1 : axis->length;
        for (int j = 0; j < axis->count; j++)
            if (!tsri_multiply_i64(encoded[i], shape[reshape->inputs[axis->first + j]],
                                   &encoded[i]))
                return does_not_fit(reshape, rank, shape, err);
    }
    if (!fill_rest(reshape, count, encoded))
        return does_not_fit(reshape, rank, shape, err);
    for (int i = 0; i < reshape->rank; i++)
        if (!lines_up(reshape, i, shape, encoded))
            return tsr_error_set(err, TSR_BAD_METADATA,
                                 "reshape: /configuration/shape/%d: the input axes that it names "
                                 "lie elsewhere in the array",
                                 i);
    *ret_rank = reshape->rank;
    memcpy(ret_shape, encoded, (size_t)reshape->rank * sizeof *encoded);
    return 0;
}

static int reshape_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                          const tsr_view *encoded, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    (void)err;
    tsri_elements_copy(encoded, decoded);
    return 0;
}

static int reshape_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                          const tsr_view *decoded, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    (void)err;
    tsri_elements_copy(decoded, encoded);
    return 0;
}

const tsr_codec_ops tsri_codec_reshape = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "reshape",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = reshape_open,
    .close = tsri_free,
    .describe = reshape_describe,
    .encoded_shape = reshape_encoded_shape,
    .encode_view = reshape_encode,
    .variable_length = true,
    .decode_view = reshape_decode,
};
