/* zstd: RFC 8878. Zarr extension "zstd", and numcodecs' Zstd, which has the same bytes. */
#define ZSTD_STATIC_LINKING_ONLY /* for the calls that decode block by block without a buffer */
#define ZSTD_DISABLE_DEPRECATE_WARNINGS /* releases from 1.5.5 on call them deprecated */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/checked.h"
#include "codec/chain.h"
#include "codec/configuration.h"

#define LEVEL_MINIMUM (-131072)
#define LEVEL_MAXIMUM 22

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
    TSRI_TRY(tsri_configuration_encoder_int(&configuration, "level", LEVEL_MINIMUM, LEVEL_MAXIMUM,
                                            &level, err));
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

/* ---- encoding ---- */

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

/* ---- decoding ---- */

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

/* ---- decoding block by block ---- */

/* A frame whose blocks are decoded one after the other into a room, which is the window as well, so
 * that nothing is copied: what the buffer-less calls of zstd.h are for. They need no more
 * instructions than decoding the whole by one call. */
typedef struct frame_walk {
    ZSTD_DCtx *decompressor;
    ZSTD_frameHeader header;
    const char *bytes; /* the encoded ones that are still to be decoded */
    size_t size_bytes;
    char *room;
    size_t room_bytes;
    bool is_ring;      /* the room is smaller than the content, and used again from its beginning */
    size_t used_bytes; /* of the room: the next block goes there */
    size_t made_bytes;
} frame_walk;

/* Reads the header of what is one frame and nothing else, which has all its blocks and, as far as
 * the header tells, as many decoded bytes as are due: so that a chunk which was cut off is found
 * even when the part that is wanted lies before the cut. What else there is, and what is wrong with
 * it, the whole tells. */
static bool frame_walk_init(frame_walk *self, const void *bytes, size_t size_bytes,
                            size_t decoded_bytes)
{
    self->bytes = bytes;
    self->size_bytes = size_bytes;
    self->used_bytes = self->made_bytes = 0;
    return ZSTD_findFrameCompressedSize(bytes, size_bytes) == size_bytes &&
           ZSTD_getFrameHeader(&self->header, bytes, size_bytes) == 0 &&
           self->header.frameType == ZSTD_frame &&
           (self->header.frameContentSize == decoded_bytes ||
            self->header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN);
}

/* Errors: NO_MEMORY. */
static int frame_walk_start(frame_walk *self, tsr_codec_scratch *scratch, void *room,
                            size_t room_bytes, bool is_ring, tsr_error *err)
{
    self->room = room;
    self->room_bytes = room_bytes;
    self->is_ring = is_ring;
    self->decompressor = tsri_zstd_decompressor(scratch);
    if (!self->decompressor)
        return tsr_error_set(err, TSR_NO_MEMORY, "zstd: out of memory");
    ZSTD_decompressBegin(self->decompressor);
    return 0;
}

static bool frame_walk_is_done(const frame_walk *self)
{
    return ZSTD_nextSrcSizeToDecompress(self->decompressor) == 0;
}

/* Takes in the next block, or what stands around blocks. Returns how many bytes it made, which lie
 * in front of used_bytes, or zstd's code of an error. */
static size_t frame_walk_step(frame_walk *self, size_t capacity_bytes)
{
    size_t needed = TSRI_MIN(ZSTD_nextSrcSizeToDecompress(self->decompressor), self->size_bytes);
    if (self->is_ring && self->room_bytes - self->used_bytes < self->header.blockSizeMax)
        self->used_bytes = 0;
    size_t room_bytes =
        TSRI_MIN(self->room_bytes - self->used_bytes, capacity_bytes - self->made_bytes);
    size_t made = ZSTD_decompressContinue(self->decompressor, self->room + self->used_bytes,
                                          room_bytes, self->bytes, needed);
    if (ZSTD_isError(made))
        return made;
    self->bytes += needed;
    self->size_bytes -= needed;
    self->used_bytes += made;
    self->made_bytes += made;
    return made;
}

static int zstd_decode_prefix(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, void *output, size_t capacity_bytes,
                              size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    frame_walk walk;

    /* The checksum of the content is that of all of it. */
    if (wanted_bytes >= capacity_bytes ||
        !frame_walk_init(&walk, bytes, size_bytes, capacity_bytes) || walk.header.checksumFlag)
        return zstd_decode(codec, scratch, bytes, size_bytes, output, capacity_bytes,
                           ret_size_bytes, err);
    TSRI_TRY(frame_walk_start(&walk, scratch, output, capacity_bytes, false, err));
    while (walk.made_bytes < wanted_bytes && !frame_walk_is_done(&walk))
        /* What is wrong, the whole tells, or that it can be decoded all the same. */
        if (ZSTD_isError(frame_walk_step(&walk, capacity_bytes)))
            return zstd_decode(codec, scratch, bytes, size_bytes, output, capacity_bytes,
                               ret_size_bytes, err);
    *ret_size_bytes = walk.made_bytes;
    return 0;
}

/* What is no single frame comes in one piece; so does what follows the first `taken_bytes` where
 * decoding by blocks failed. That is stricter: it wants no block to be larger than the window. */
static int whole_as_piece(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                          size_t size_bytes, size_t capacity_bytes, size_t taken_bytes,
                          const tsr_codec_pieces *pieces, size_t *ret_size_bytes, tsr_error *err)
{
    size_t made = 0;
    char *room = tsri_scratch_buffer(scratch, TSRI_BUFFER_PIECE, capacity_bytes);
    if (!room)
        return tsri_error_no_memory(err, capacity_bytes);
    TSRI_TRY(zstd_decode(codec, scratch, bytes, size_bytes, room, capacity_bytes, &made, err));
    if (made > taken_bytes)
        TSRI_TRY(
            pieces->take(pieces->user, taken_bytes, room + taken_bytes, made - taken_bytes, err));
    *ret_size_bytes = made;
    return 0;
}

/* A ring that holds the window of the frame and the next block is enough, since nothing refers
 * further back (RFC 8878, 3.1.1.1.2), and stays in cache where the content as a whole would not.
 * No room is made for a window that is larger than the content, as hostile frames claim it. */
static int start_in_ring(frame_walk *walk, tsr_codec_scratch *scratch, size_t capacity_bytes,
                         tsr_error *err)
{
    size_t room_bytes = capacity_bytes;
    bool is_ring = false;

    if (walk->header.windowSize < capacity_bytes) {
        room_bytes = ZSTD_decodingBufferSize_min(walk->header.windowSize, ZSTD_CONTENTSIZE_UNKNOWN);
        is_ring = room_bytes < capacity_bytes;
        room_bytes = TSRI_MIN(room_bytes, capacity_bytes);
    }
    void *room = tsri_scratch_buffer(scratch, TSRI_BUFFER_PIECE, room_bytes);
    if (!room)
        return tsri_error_no_memory(err, room_bytes);
    return frame_walk_start(walk, scratch, room, room_bytes, is_ring, err);
}

static int zstd_decode_pieces(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, size_t capacity_bytes,
                              const tsr_codec_pieces *pieces, size_t *ret_size_bytes,
                              tsr_error *err)
{
    frame_walk walk;

    if (!frame_walk_init(&walk, bytes, size_bytes, capacity_bytes))
        return whole_as_piece(codec, scratch, bytes, size_bytes, capacity_bytes, 0, pieces,
                              ret_size_bytes, err);
    bool to_the_end = walk.header.checksumFlag || pieces->end_bytes >= capacity_bytes;
    TSRI_TRY(start_in_ring(&walk, scratch, capacity_bytes, err));
    while ((to_the_end || walk.made_bytes < pieces->end_bytes) && !frame_walk_is_done(&walk)) {
        size_t made = frame_walk_step(&walk, capacity_bytes);
        if (ZSTD_isError(made))
            return whole_as_piece(codec, scratch, bytes, size_bytes, capacity_bytes,
                                  walk.made_bytes, pieces, ret_size_bytes, err);
        if (made > 0)
            TSRI_TRY(pieces->take(pieces->user, walk.made_bytes - made,
                                  walk.room + walk.used_bytes - made, made, err));
    }
    *ret_size_bytes = frame_walk_is_done(&walk) ? walk.made_bytes : capacity_bytes;
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
    .decode_pieces = zstd_decode_pieces,
};
