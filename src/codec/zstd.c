/* zstd: RFC 8878. Zarr extension "zstd", and numcodecs' Zstd, which has the same bytes. */
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/configuration.h"

#define LEVEL_MINIMUM (-131072)
#define LEVEL_MAXIMUM 22

/* The unit in which a decoder makes output. */
#define BLOCK_BYTES ((size_t)128 << 10)

/* As many bytes as a frame header or the header of a skippable frame needs to be told from the
 * other. */
#define FRAME_START_BYTES 5

/* A window up to this size is allocated for a prefix even when the chunk is smaller: what encoders
 * of streams ask for at usual levels. */
#define USUAL_WINDOW_LOG 21

/* The level that 0 stands for. */
#define LEVEL_USUAL 3

/* From here on a chunk of short integers is searched by one hash table instead of two, see
 * searches_one_table. */
#define SHORT_INTEGERS_BYTES_MIN ((size_t)128 << 10)
#define SHORT_INTEGERS_HASH_LOG 17
#define SHORT_INTEGERS_MATCH_MIN 5

typedef struct zstd_codec {
    int level; /* 0: the library's default, which is 3 */
    bool checksum;
    bool short_integers; /* the elements are integers of two bytes */
} zstd_codec;

static int zstd_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    int64_t level = 0;
    bool checksum = false;

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(
        tsri_configuration_int(&configuration, "level", LEVEL_MINIMUM, LEVEL_MAXIMUM, &level, err));
    TSRI_TRY(tsri_configuration_bool(&configuration, "checksum", &checksum, err));

    zstd_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    const tsr_dtype *dtype = setup->input.dtype;
    *codec = (zstd_codec){(int)level, checksum,
                          dtype && dtype->size_bytes == 2 &&
                              (dtype->kind == TSR_KIND_SIGNED || dtype->kind == TSR_KIND_UNSIGNED)};
    *ret_codec = codec;
    return 0;
}

/* `checksum` is left out where it is false: some readers of both formats do not know it. */
static int zstd_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const zstd_codec *zstd = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"level\":%d%s}", zstd->level,
                            zstd->checksum ? ",\"checksum\":true" : "");
}

/* Encoding ------------------------------------------------------------------------------------- */

static void *compressor_create(void)
{
    return ZSTD_createCCtx();
}

static void compressor_destroy(void *state)
{
    ZSTD_freeCCtx(state);
}

static const tsr_scratch_state compressor_kind = {"zstd compressor", compressor_create,
                                                  compressor_destroy};

static tsr_size_bound zstd_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    if (size_bytes > INT64_MAX)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_BOUNDED, ZSTD_compressBound(size_bytes)};
}

static int encoder_failed(size_t code, tsr_error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    return tsr_error_set(err, TSR_INTERNAL, "zstd: encoding failed: %s", ZSTD_getErrorName(code));
}

/* At level 3 libzstd looks for matches of 8 bytes and more in one table and for short ones in
 * another. For integers of two bytes one table of short matches is as good and takes a third less
 * time. Measured with 1.5.4 on chunks of 128 KiB to 2 MiB: frames of real data (relief, ocean and
 * atmosphere as packed shorts) 0.9 % smaller to 0.4 % larger, of 45 made kinds 10 % smaller to 8 %
 * larger with the median at 0 (two versions of libzstd differ by more), at 0.8 to 1.9 times the
 * speed with the median at 1.3. Floats and wider integers lose too much where values repeat at a
 * distance. */
static bool searches_one_table(const zstd_codec *zstd, size_t size_bytes)
{
    return zstd->short_integers && (zstd->level == 0 || zstd->level == LEVEL_USUAL) &&
           size_bytes >= SHORT_INTEGERS_BYTES_MIN;
}

static int zstd_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const zstd_codec *zstd = codec;
    size_t bound_bytes = ZSTD_compressBound(size_bytes);
    char *data;

    ZSTD_CCtx *compressor = tsr_codec_scratch_state(scratch, &compressor_kind);
    if (!compressor)
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    TSRI_TRY(tsri_codec_reserve(output, bound_bytes, &data, err));
    /* The context is shared by all zstd codecs of this thread: each call says all it wants. */
    ZSTD_CCtx_reset(compressor, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, zstd->level);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, zstd->checksum);
    if (searches_one_table(zstd, size_bytes)) {
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_strategy, ZSTD_fast);
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_hashLog, SHORT_INTEGERS_HASH_LOG);
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_minMatch, SHORT_INTEGERS_MATCH_MIN);
    }
    size_t encoded_bytes = ZSTD_compress2(compressor, data, bound_bytes, bytes, size_bytes);
    if (ZSTD_isError(encoded_bytes))
        return encoder_failed(encoded_bytes, err);
    output->size_bytes += encoded_bytes;
    return 0;
}

/* Decoding ------------------------------------------------------------------------------------- */

static void *decompressor_create(void)
{
    return ZSTD_createDCtx();
}

static void decompressor_destroy(void *state)
{
    ZSTD_freeDCtx(state);
}

static const tsr_scratch_state decompressor_kind = {"zstd decompressor", decompressor_create,
                                                    decompressor_destroy};

void *tsri_zstd_decompressor(tsr_codec_scratch *scratch)
{
    return tsr_codec_scratch_state(scratch, &decompressor_kind);
}

static int decoder_failed(size_t code, size_t size_bytes, size_t capacity_bytes, tsr_error *err)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    case ZSTD_error_dstSize_tooSmall:
        return tsri_codec_error_capacity(err, "zstd", capacity_bytes);
    case ZSTD_error_srcSize_wrong:
        return tsri_codec_error_truncated(err, "zstd", size_bytes);
    default:
        return tsr_error_set(err, TSR_DAMAGED, "zstd: %s (in %zu encoded bytes)",
                             ZSTD_getErrorName(code), size_bytes);
    }
}

/* One call decodes all frames, with or without content size, and skips skippable ones. It writes
 * straight into the output, so it needs no window whatever size a frame asks for. */
static int zstd_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, void *output, size_t capacity_bytes,
                       size_t *ret_size_bytes, tsr_error *err)
{
    (void)codec;
    if (size_bytes == 0)
        return tsri_codec_error_truncated(err, "zstd", 0);
    ZSTD_DCtx *decompressor = tsri_zstd_decompressor(scratch);
    if (!decompressor)
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    size_t decoded_bytes =
        ZSTD_decompressDCtx(decompressor, output, capacity_bytes, bytes, size_bytes);
    if (ZSTD_isError(decoded_bytes))
        return decoder_failed(decoded_bytes, size_bytes, capacity_bytes, err);
    *ret_size_bytes = decoded_bytes;
    return 0;
}

/* Most window that a prefix of a chunk of this size is worth. A frame that asks for more is decoded
 * as a whole. */
static int window_log(size_t capacity_bytes)
{
    int log = USUAL_WINDOW_LOG;
    while (log < 27 && (capacity_bytes >> log) > 1)
        log++;
    return log;
}

/* Feeds the stream exactly the bytes that it says it needs next, so that no block is decoded that
 * does not contribute. Stops at the end of `out` or of `in`. Returns zstd's code, which is not 0
 * within a frame. */
static size_t stream(ZSTD_DCtx *decompressor, ZSTD_outBuffer *out, const void *bytes,
                     size_t size_bytes)
{
    ZSTD_inBuffer in = {bytes, 0, 0};
    size_t needed = 0;

    while (out->pos < out->size && in.pos < size_bytes) {
        if (needed == 0)
            needed = FRAME_START_BYTES;
        in.size = in.pos + TSRI_MIN(needed, size_bytes - in.pos);
        needed = ZSTD_decompressStream(decompressor, out, &in);
        if (ZSTD_isError(needed))
            break;
    }
    return needed;
}

/* Whether the bytes are whole frames that hold `decoded_bytes`, by their headers alone: so that a
 * chunk which was cut off is found even when the part that is wanted lies before the cut. */
static bool frames_are_whole(const char *bytes, size_t size_bytes, uint64_t decoded_bytes)
{
    while (size_bytes > 0) {
        size_t frame_bytes = ZSTD_findFrameCompressedSize(bytes, size_bytes);
        if (ZSTD_isError(frame_bytes))
            return false;
        unsigned long long content_bytes = ZSTD_getFrameContentSize(bytes, size_bytes);
        if (content_bytes == ZSTD_CONTENTSIZE_UNKNOWN)
            content_bytes = decoded_bytes; /* an encoder of streams makes one such frame */
        if (content_bytes > decoded_bytes)
            return false;
        decoded_bytes -= content_bytes;
        bytes += frame_bytes;
        size_bytes -= frame_bytes;
    }
    return decoded_bytes == 0;
}

static int zstd_decode_prefix(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, void *output, size_t capacity_bytes,
                              size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    /* Where the last block is needed too, streaming is only slower. */
    size_t before_last_block =
        capacity_bytes ? (capacity_bytes - 1) / BLOCK_BYTES * BLOCK_BYTES : 0;
    if (wanted_bytes > before_last_block || !frames_are_whole(bytes, size_bytes, capacity_bytes))
        return zstd_decode(codec, scratch, bytes, size_bytes, output, capacity_bytes,
                           ret_size_bytes, err);
    ZSTD_DCtx *decompressor = tsri_zstd_decompressor(scratch);
    if (!decompressor)
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    ZSTD_DCtx_reset(decompressor, ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(decompressor, ZSTD_d_windowLogMax, window_log(capacity_bytes));
    ZSTD_outBuffer out = {output, wanted_bytes, 0};
    size_t code = stream(decompressor, &out, bytes, size_bytes);
    /* A window that is too large, or damage: what can be decoded and what is wrong, the whole
     * tells. */
    if (ZSTD_isError(code))
        return zstd_decode(codec, scratch, bytes, size_bytes, output, capacity_bytes,
                           ret_size_bytes, err);
    if (out.pos < wanted_bytes && (code != 0 || size_bytes == 0))
        return tsri_codec_error_truncated(err, "zstd", size_bytes);
    *ret_size_bytes = out.pos;
    return 0;
}

const tsr_codec_ops tsri_codec_zstd = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "zstd",
    .aliases = (const char *const[]){"numcodecs.zstd", NULL},
    .v2_id = "zstd",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = zstd_open,
    .close = tsri_free,
    .describe = zstd_describe,
    .bytes_bound = zstd_bound,
    .encode_bytes = zstd_encode,
    .decode_bytes = zstd_decode,
    .decode_prefix = zstd_decode_prefix,
};
