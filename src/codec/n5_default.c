/* n5_default: chunks as the blocks of N5 in default mode: a header with the block's own shape, then
 * its elements, the first axis fastest, big-endian, through at most one compressor. Extension
 * registry, codec "n5_default"; N5 specification 4.0.0.
 *
 *   u16 mode, 0 | u16 rank | u32 length of each axis | the encoded elements        (big-endian)
 *
 * Blocks at the end of an array may be cut off there (Java) or padded (tensorstore, zarr-python 2):
 * both are read; what a block does not have is the fill value. We write whole chunks. */
#include "base/checked.h"
#include "base/context.h"
#include "codec/chain.h"
#include "codec/configuration.h"
#include "tensor/copy.h"

enum { MODE_BYTES = 2, RANK_BYTES = 2, LENGTH_BYTES = 4 };

typedef struct n5_codec {
    tsri_chain *chain; /* transpose, bytes, a compressor */
} n5_codec;

/* ---- opening ---- */

static void n5_close(void *opened)
{
    n5_codec *codec = opened;
    tsri_chain_unref(codec->chain);
    tsri_free(codec);
}

static int check_type(const tsr_codec_setup *setup, tsr_error *err)
{
    static const tsr_dtype *const known[] = {
        TSR_INT8,   TSR_INT16,  TSR_INT32,  TSR_INT64,   TSR_UINT8,
        TSR_UINT16, TSR_UINT32, TSR_UINT64, TSR_FLOAT32, TSR_FLOAT64,
    };
    for (size_t i = 0; i < TSRI_COUNT(known); i++)
        if (tsr_dtype_equal(setup->input.dtype, known[i]))
            return setup->input.rank > 0
                       ? 0
                       : tsr_error_set(err, TSR_UNSUPPORTED,
                                       "%s: N5 has no arrays without dimensions", setup->name);
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: elements of type %s; N5 has integers of 8 to 64 bits, float32 and "
                         "float64",
                         setup->name, setup->input.dtype->name);
}

/* A codec of the list by its place and name. Its configuration is NULL when it has none. */
static int expect_codec(const tsr_codec_setup *setup, const tsri_json *list, size_t place,
                        const char *name, const tsri_json **ret_configuration, tsr_error *err)
{
    char path[48];
    tsri_extension extension = {0};

    snprintf(path, sizeof path, "/configuration/codecs/%zu", place);
    if (place < json_object_array_length(list))
        TSRI_TRY_IN(
            err,
            tsri_extension_parse(json_object_array_get_idx(list, place), path, &extension, err),
            "%s", setup->name);
    if (!extension.name || strcmp(extension.name, name) != 0)
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: %s: must be \"%s\"", setup->name, path,
                             name);
    *ret_configuration = extension.configuration;
    return 0;
}

/* The order of all axes turned round. */
static int check_transpose(const tsr_codec_setup *setup, const tsri_json *list, tsr_error *err)
{
    int64_t order[TSR_RANK_MAX];
    const tsri_json *configuration;
    int rank = setup->input.rank, count = 0;

    TSRI_TRY(expect_codec(setup, list, 0, "transpose", &configuration, err));
    if (configuration)
        TSRI_TRY_IN(err,
                    tsri_json_int_list(configuration, "/configuration/codecs/0/configuration",
                                       "order", true, 0, rank - 1, TSR_RANK_MAX, order, &count,
                                       err),
                    "%s", setup->name);
    bool turned = count == rank;
    for (int axis = 0; turned && axis < rank; axis++)
        turned = order[axis] == rank - 1 - axis;
    if (turned)
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "%s: /configuration/codecs/0/configuration/order: must be all %d axes "
                         "from the last to the first",
                         setup->name, rank);
}

static int check_bytes(const tsr_codec_setup *setup, const tsri_json *list, tsr_error *err)
{
    const tsri_json *configuration;
    const char *endian = setup->input.dtype->size_bytes == 1 ? "big" : "";

    TSRI_TRY(expect_codec(setup, list, 1, "bytes", &configuration, err));
    if (configuration)
        TSRI_TRY_IN(err,
                    tsri_json_string(configuration, "/configuration/codecs/1/configuration",
                                     "endian", false, &endian, err),
                    "%s", setup->name);
    if (strcmp(endian, "big") == 0)
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "%s: /configuration/codecs/1/configuration/endian: must be \"big\"",
                         setup->name);
}

static int read_chain(const tsr_codec_setup *setup, n5_codec *codec, tsr_error *err)
{
    static const char *const known[] = {"codecs", NULL};
    tsr_auto(tsri_configuration) configuration = {0};
    tsri_json *list;

    TSRI_TRY(check_type(setup, err));
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known, err));
    if (!json_object_object_get_ex(configuration.json, "codecs", &list) ||
        !json_object_is_type(list, json_type_array))
        return tsri_configuration_missing(
            &configuration, "codecs", "a list of transpose, bytes and at most one compressor", err);
    TSRI_TRY(check_transpose(setup, list, err));
    TSRI_TRY(check_bytes(setup, list, err));
    if (json_object_array_length(list) > 3)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/codecs: N5 has one compressor at most",
                             setup->name);
    TSRI_TRY_IN(err,
                tsri_chain_parse(setup->context, list, "/configuration/codecs", &setup->input,
                                 (tsri_inherited){0}, &codec->chain, err),
                "%s", setup->name);
    return tsri_chain_pass_encoder(codec->chain, setup, err);
}

static int n5_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                   tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    n5_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    int status = read_chain(setup, codec, err);
    if (status < 0)
        n5_close(codec);
    else
        *ret_codec = codec;
    return status;
}

static int n5_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"codecs\":"));
    TSRI_TRY(tsri_chain_describe(((const n5_codec *)codec)->chain, output, err));
    return tsr_output_append(output, "}", 1, err);
}

static size_t header_bytes(int rank)
{
    return MODE_BYTES + RANK_BYTES + LENGTH_BYTES * (size_t)rank;
}

/* ---- encoding ---- */

static char *put_number(char *to, uint64_t number, int size_bytes)
{
    for (int i = size_bytes - 1; i >= 0; i--)
        *to++ = (char)(number >> 8 * i);
    return to;
}

static int n5_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                     tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsr_codec_scratch *inner;
    char *at;

    for (int axis = 0; axis < decoded->rank; axis++)
        if (decoded->shape[axis] > UINT32_MAX)
            return tsr_error_set(err, TSR_UNSUPPORTED,
                                 "n5_default: a block has at most 2^32-1 elements along an axis");
    TSRI_TRY(tsri_scratch_inner(scratch, &inner, err));
    TSRI_TRY(tsri_prepared_new(((const n5_codec *)codec)->chain, decoded->shape, &prepared, err));
    TSRI_TRY(tsri_codec_reserve(output, header_bytes(decoded->rank), &at, err));
    at = put_number(at, 0, MODE_BYTES);
    at = put_number(at, (uint64_t)decoded->rank, RANK_BYTES);
    for (int axis = 0; axis < decoded->rank; axis++)
        at = put_number(at, (uint64_t)decoded->shape[axis], LENGTH_BYTES);
    output->size_bytes += header_bytes(decoded->rank);
    return tsri_chain_encode(prepared, inner, decoded, output, err);
}

/* ---- decoding ---- */

static uint64_t take_number(const unsigned char *from, int size_bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < size_bytes; i++)
        number = number << 8 | from[i];
    return number;
}

/* The block's own shape. One that no memory is taken for is refused here. */
static int read_header(const n5_codec *codec, const unsigned char *bytes, size_t size_bytes,
                       const tsr_view *decoded, int64_t *ret_shape, tsr_error *err)
{
    int64_t count, block_bytes;

    if (size_bytes < header_bytes(decoded->rank))
        return tsri_codec_error_truncated(err, "n5_default", size_bytes);
    uint64_t mode = take_number(bytes, MODE_BYTES);
    uint64_t rank = take_number(bytes + MODE_BYTES, RANK_BYTES);
    if (mode != 0 || rank != (uint64_t)decoded->rank)
        return tsr_error_set(err, TSR_DAMAGED,
                             "n5_default: a block of mode %d with %d axes, where 0 and %d are "
                             "expected",
                             (int)mode, (int)rank, decoded->rank);
    for (int axis = 0; axis < decoded->rank; axis++) {
        ret_shape[axis] = (int64_t)take_number(
            bytes + MODE_BYTES + RANK_BYTES + LENGTH_BYTES * (size_t)axis, LENGTH_BYTES);
        if (ret_shape[axis] == 0 && decoded->shape[axis] > 0)
            return tsr_error_set(err, TSR_DAMAGED, "n5_default: a block of length 0 along axis %d",
                                 axis);
    }
    bool fits = tsri_shape_count(decoded->rank, ret_shape, &count) &&
                tsri_multiply_i64(count, (int64_t)decoded->dtype->size_bytes, &block_bytes);
    if (!fits || (block_bytes > tsr_view_size(decoded) &&
                  block_bytes > codec->chain->context->options.largest_chunk_bytes))
        return tsr_error_set(err, TSR_DAMAGED,
                             "n5_default: a block that is larger than a chunk may be");
    return 0;
}

/* Copies what the chunk and the block have in common. */
static int copy_common(const tsr_view *decoded, const tsr_view *block, bool swapped, tsr_error *err)
{
    tsr_view to = *decoded, from = *block;

    for (int axis = 0; axis < to.rank; axis++) {
        int64_t length = TSRI_MIN(decoded->shape[axis], block->shape[axis]);
        TSRI_TRY(tsr_view_slice(&to, axis, 0, length, 1, err));
        TSRI_TRY(tsr_view_slice(&from, axis, 0, length, 1, err));
    }
    if (swapped)
        tsri_view_copy_swapped(&to, &from);
    else
        tsri_view_copy_same(&to, &from);
    return 0;
}

static int n5_decode(const void *opened, tsr_codec_scratch *scratch, const void *bytes,
                     size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    const n5_codec *codec = opened;
    tsr_auto(tsri_prepared) *prepared = NULL;
    size_t header = header_bytes(decoded->rank);
    int64_t shape[TSR_RANK_MAX];
    tsr_codec_scratch *inner;
    tsr_view block;
    bool swapped;

    TSRI_TRY(read_header(codec, bytes, size_bytes, decoded, shape, err));
    TSRI_TRY(tsri_scratch_inner(scratch, &inner, err));
    TSRI_TRY(tsri_prepared_new(codec->chain, shape, &prepared, err));
    TSRI_TRY(tsri_chain_decode(prepared, inner, (const char *)bytes + header, size_bytes - header,
                               NULL, NULL, &block, &swapped, err));
    if (memcmp(shape, decoded->shape, (size_t)decoded->rank * sizeof *shape) != 0)
        tsr_view_fill(decoded, codec->chain->type.fill_value);
    return copy_common(decoded, &block, swapped, err);
}

const tsr_codec_ops tsri_codec_n5_default = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "n5_default",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = n5_open,
    .close = n5_close,
    .describe = n5_describe,
    /* A block says its own size, and may be one that somebody else has cut off or padded. */
    .array_bound = tsri_codec_unbounded,
    .encode_array = n5_encode,
    .decode_array = n5_decode,
};
