/* shuffle: numcodecs' Shuffle, which is HDF5's filter: the first byte of every element, then the
 * second of every element, and so on. That is a matrix of bytes, transposed. */
#include <inttypes.h>

#include "codec/configuration.h"
#include "tensor/copy.h"

typedef struct shuffle_codec {
    int64_t element_bytes;
} shuffle_codec;

/* An absent size is that of the elements in v3, as zarr-python has it, and numcodecs' 4 in v2. */
static int shuffle_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                        tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    int64_t element_bytes = setup->zarr_format == 2 ? 4 : (int64_t)setup->input.dtype->size_bytes;

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(
        tsri_configuration_int(&configuration, "elementsize", 0, INT32_MAX, &element_bytes, err));
    shuffle_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->element_bytes = element_bytes;
    *ret_codec = codec;
    return 0;
}

static int shuffle_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const shuffle_codec *shuffle = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"elementsize\":%d}", (int)shuffle->element_bytes);
}

static tsr_size_bound shuffle_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return tsri_size_bound(TSR_SIZE_FIXED, size_bytes, 0);
}

/* Transposes `rows` rows of `columns` bytes; the caller knows that they fill both memories. */
static int transpose_bytes(const void *from, void *to, int64_t rows, int64_t columns,
                           tsr_error *err)
{
    const int64_t from_shape[2] = {rows, columns}, to_shape[2] = {columns, rows};
    static const int swap[2] = {1, 0};
    tsr_view source, destination;

    /* The view is only read through; it has no const form. */
    TSRI_TRY(tsr_view_init(&source, TSR_UINT8, 2, from_shape, (void *)from, err));
    TSRI_TRY(tsr_view_init(&destination, TSR_UINT8, 2, to_shape, to, err));
    TSRI_TRY(tsr_view_transpose(&source, swap, err));
    tsri_view_copy_same(&destination, &source);
    return 0;
}

static int shuffle_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                          size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const shuffle_codec *shuffle = codec;
    int64_t element_bytes = TSRI_MAX(shuffle->element_bytes, INT64_C(1));
    int64_t count = (int64_t)size_bytes / element_bytes;
    char *data;

    (void)scratch;
    if (count * element_bytes != (int64_t)size_bytes)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "shuffle: %zu bytes are not a multiple of the elements' %" PRId64
                             ": numcodecs refuses that too",
                             size_bytes, element_bytes);
    TSRI_TRY(tsri_codec_reserve(output, size_bytes, &data, err));
    if (size_bytes)
        TSRI_TRY(transpose_bytes(bytes, data, count, element_bytes, err));
    output->size_bytes += size_bytes;
    return 0;
}

static int shuffle_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                          size_t size_bytes, void *output, size_t capacity_bytes,
                          size_t *ret_size_bytes, tsr_error *err)
{
    const shuffle_codec *shuffle = codec;
    int64_t element_bytes = TSRI_MAX(shuffle->element_bytes, INT64_C(1));
    int64_t count = (int64_t)size_bytes / element_bytes;

    (void)scratch;
    if (size_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, "shuffle", capacity_bytes);
    if (count * element_bytes != (int64_t)size_bytes)
        return tsr_error_set(err, TSR_DAMAGED,
                             "shuffle: %zu bytes are not a multiple of the elements' %" PRId64,
                             size_bytes, element_bytes);
    if (size_bytes)
        TSRI_TRY(transpose_bytes(bytes, output, element_bytes, count, err));
    *ret_size_bytes = size_bytes;
    return 0;
}

const tsr_codec_ops tsri_codec_shuffle = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.shuffle",
    .v2_id = "shuffle",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = shuffle_open,
    .close = tsri_free,
    .describe = shuffle_describe,
    .bytes_bound = shuffle_bound,
    .encode_bytes = shuffle_encode,
    .decode_bytes = shuffle_decode,
};
