/* lz4 as numcodecs frames it: the raw size as a little-endian int32, then one LZ4 block. */
#include <lz4.h>

#include "codec/configuration.h"

#define HEADER_BYTES 4

typedef struct lz4_codec {
    int acceleration;
} lz4_codec;

static int lz4_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                    tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    int64_t acceleration = 1;

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_encoder_int(&configuration, "acceleration", INT32_MIN, INT32_MAX,
                                            &acceleration, err));
    lz4_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->acceleration = (int)acceleration;
    *ret_codec = codec;
    return 0;
}

static int lz4_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const lz4_codec *lz4 = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"acceleration\":%d}", lz4->acceleration);
}

static tsr_size_bound lz4_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    if (size_bytes > LZ4_MAX_INPUT_SIZE)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_BOUNDED,
                            HEADER_BYTES + (uint64_t)LZ4_compressBound((int)size_bytes)};
}

static int lz4_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const lz4_codec *lz4 = codec;
    char *data;

    (void)scratch;
    if (size_bytes > LZ4_MAX_INPUT_SIZE) {
        tsr_error_set(err, TSR_LIMIT, "lz4: %zu bytes in one chunk, the format holds at most %d",
                      size_bytes, LZ4_MAX_INPUT_SIZE);
        tsr_error_set_next_step(err, "choose smaller chunks");
        return TSR_LIMIT;
    }
    int room = LZ4_compressBound((int)size_bytes);
    TSRI_TRY(tsri_codec_reserve(output, HEADER_BYTES + (size_t)room, &data, err));
    /* LZ4 wants a valid pointer also for nothing. */
    int made = LZ4_compress_fast(size_bytes ? bytes : "", data + HEADER_BYTES, (int)size_bytes,
                                 room, lz4->acceleration);
    if (made <= 0)
        return tsr_error_set(err, TSR_INTERNAL, "lz4: %zu bytes did not fit into %d", size_bytes,
                             room);
    for (int i = 0; i < HEADER_BYTES; i++)
        data[i] = (char)(size_bytes >> (8 * i));
    output->size_bytes += HEADER_BYTES + (size_t)made;
    return 0;
}

/* Checks everything that the decoder relies on; *ret_raw_bytes fits the capacity. */
static int check_header(const unsigned char *bytes, size_t size_bytes, size_t capacity_bytes,
                        int *ret_raw_bytes, tsr_error *err)
{
    uint32_t raw_bytes = 0;

    if (size_bytes <= HEADER_BYTES)
        return tsri_codec_error_truncated(err, "lz4", size_bytes);
    if (size_bytes - HEADER_BYTES > INT32_MAX)
        return tsr_error_set(err, TSR_DAMAGED, "lz4: %zu bytes are more than one block can have",
                             size_bytes);
    for (int i = 0; i < HEADER_BYTES; i++)
        raw_bytes |= (uint32_t)bytes[i] << (8 * i);
    if (raw_bytes > INT32_MAX)
        return tsr_error_set(err, TSR_DAMAGED, "lz4: the header claims a size of %d bytes",
                             (int)raw_bytes);
    if (raw_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, "lz4", capacity_bytes);
    *ret_raw_bytes = (int)raw_bytes;
    return 0;
}

static int block_damaged(size_t size_bytes, int raw_bytes, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "lz4: the block of %zu bytes does not decode to the %d bytes that the "
                         "header claims",
                         size_bytes - HEADER_BYTES, raw_bytes);
}

static int lz4_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, void *output, size_t capacity_bytes,
                      size_t *ret_size_bytes, tsr_error *err)
{
    int raw_bytes;

    (void)codec;
    (void)scratch;
    TSRI_TRY(check_header(bytes, size_bytes, capacity_bytes, &raw_bytes, err));
    int made = LZ4_decompress_safe((const char *)bytes + HEADER_BYTES, output,
                                   (int)(size_bytes - HEADER_BYTES), raw_bytes);
    if (made != raw_bytes)
        return block_damaged(size_bytes, raw_bytes, err);
    *ret_size_bytes = (size_t)made;
    return 0;
}

static int lz4_decode_prefix(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                             size_t size_bytes, void *output, size_t capacity_bytes,
                             size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    int raw_bytes;

    TSRI_TRY(check_header(bytes, size_bytes, capacity_bytes, &raw_bytes, err));
    if (wanted_bytes == 0 || wanted_bytes >= (size_t)raw_bytes)
        return lz4_decode(codec, scratch, bytes, size_bytes, output, capacity_bytes, ret_size_bytes,
                          err);
    int made =
        LZ4_decompress_safe_partial((const char *)bytes + HEADER_BYTES, output,
                                    (int)(size_bytes - HEADER_BYTES), (int)wanted_bytes, raw_bytes);
    if (made < 0 || (size_t)made < wanted_bytes)
        return block_damaged(size_bytes, raw_bytes, err);
    *ret_size_bytes = (size_t)made;
    return 0;
}

const tsr_codec_ops tsri_codec_lz4 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.lz4",
    .v2_id = "lz4",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = lz4_open,
    .close = tsri_free,
    .describe = lz4_describe,
    .bytes_bound = lz4_bound,
    .encode_bytes = lz4_encode,
    .decode_bytes = lz4_decode,
    .decode_prefix = lz4_decode_prefix,
};
