/* transpose: permutes the axes. Zarr 3.1, "Transpose codec", version 1.0.
 *
 * Nothing is copied: the codec rearranges the view, and whoever turns it into bytes walks the
 * strides. */
#include "codec/configuration.h"

typedef struct transpose_codec {
    int rank;
    int order[TSR_RANK_MAX]; /* encoded axis i is decoded axis order[i] */
} transpose_codec;

static const char *const known_fields[] = {"order", NULL};

static int refuse_text(const tsri_configuration *configuration, tsr_error *err)
{
    const char *text = NULL;

    TSRI_TRY(tsri_configuration_string(configuration, "order", &text, err));
    tsr_error_set(err, TSR_BAD_METADATA,
                  "%s: /configuration/order: \"%.40s\" is not a permutation of the axes",
                  configuration->codec, text);
    tsr_error_set_next_step(err, "final Zarr v3 has no \"C\" and \"F\": write the list of axes, "
                                 "such as [2, 1, 0] for \"F\" with three axes");
    return TSR_BAD_METADATA;
}

/* Whether each axis occurs once; otherwise `*ret_twice` is one that occurs twice. */
static bool is_permutation(int rank, const int64_t *order, int64_t *ret_twice)
{
    uint32_t seen = 0;
    for (int axis = 0; axis < rank; axis++) {
        uint32_t bit = UINT32_C(1) << order[axis];
        if (seen & bit) {
            *ret_twice = order[axis];
            return false;
        }
        seen |= bit;
    }
    return true;
}

static int read_order(const tsri_configuration *configuration, transpose_codec *codec,
                      tsr_error *err)
{
    int64_t order[TSR_RANK_MAX] = {0}, twice;
    int count = 0, rank = codec->rank;

    if (!tsri_configuration_has(configuration, "order"))
        return tsri_configuration_missing(configuration, "order", "a permutation of the axes", err);
    if (json_object_is_type(json_object_object_get(configuration->json, "order"), json_type_string))
        return refuse_text(configuration, err);
    TSRI_TRY_IN(err,
                tsri_json_int_list(configuration->json, "/configuration", "order", true, 0,
                                   TSRI_MAX(rank - 1, 0), TSR_RANK_MAX, order, &count, err),
                "%s", configuration->codec);
    if (count != rank)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/order has %d axes, the array has %d",
                             configuration->codec, count, rank);
    if (!is_permutation(rank, order, &twice))
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/order names axis %d twice",
                             configuration->codec, (int)twice);
    for (int axis = 0; axis < rank; axis++)
        codec->order[axis] = (int)order[axis];
    return 0;
}

static int transpose_open(const tsr_codec_setup *setup, void **ret_codec,
                          tsr_codec_type *ret_output, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    transpose_codec codec = {.rank = setup->input.rank};

    (void)ret_output; /* type, rank and fill value stay what they are */
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known_fields, err));
    TSRI_TRY(read_order(&configuration, &codec, err));

    transpose_codec *opened = tsri_alloc(sizeof *opened);
    if (!opened)
        return tsri_error_no_memory(err, sizeof *opened);
    *opened = codec;
    *ret_codec = opened;
    return 0;
}

static int transpose_describe(const void *codec, int zarr_format, tsr_output *output,
                              tsr_error *err)
{
    const transpose_codec *transpose = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"order\":["));
    for (int axis = 0; axis < transpose->rank; axis++)
        TSRI_TRY(tsr_output_print(output, err, "%s%d", axis ? "," : "", transpose->order[axis]));
    return tsr_output_print(output, err, "]}");
}

static int check_rank(const transpose_codec *transpose, int rank, tsr_error *err)
{
    if (rank == transpose->rank)
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "transpose was opened for %d axes, not for %d",
                         transpose->rank, rank);
}

static int transpose_encoded_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                                   int64_t *ret_shape, tsr_error *err)
{
    const transpose_codec *transpose = codec;

    TSRI_TRY(check_rank(transpose, rank, err));
    *ret_rank = rank;
    for (int axis = 0; axis < rank; axis++)
        ret_shape[axis] = shape[transpose->order[axis]];
    return 0;
}

static int transpose_rearrange(const void *codec, tsr_view *view, tsr_error *err)
{
    const transpose_codec *transpose = codec;

    TSRI_TRY(check_rank(transpose, view->rank, err));
    return tsr_view_transpose(view, transpose->order, err);
}

const tsr_codec_ops tsri_codec_transpose = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "transpose",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = transpose_open,
    .close = tsri_free,
    .describe = transpose_describe,
    .encoded_shape = transpose_encoded_shape,
    .rearrange = transpose_rearrange,
};
