/* bz2: one or several bzip2 streams. numcodecs only; there is no specification but the program. */
#include <bzlib.h>

#include "base/checked.h"
#include "codec/configuration.h"

/* What is fed to bzip2 at once, since it counts in 32 bits. */
#define STREAM_BYTES ((size_t)1 << 30)

typedef struct bz2_codec {
    int level; /* the size of a block in units of 100,000 bytes */
} bz2_codec;

static int bz2_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                    tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    int64_t level = 1; /* the default of numcodecs */

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_encoder_int(&configuration, "level", 1, 9, &level, err));
    bz2_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->level = (int)level;
    *ret_codec = codec;
    return 0;
}

static int bz2_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const bz2_codec *bz2 = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"level\":%d}", bz2->level);
}

/* The worst case as the manual of bzip2 gives it: 1 % more and 600 bytes. */
static tsr_size_bound bz2_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return tsri_size_bound(TSR_SIZE_BOUNDED, size_bytes, size_bytes / 100 + 600);
}

static void *bz2_alloc(void *unused, int count, int size)
{
    (void)unused;
    return tsri_alloc_array((size_t)count, (size_t)size);
}

static void bz2_free(void *unused, void *memory)
{
    (void)unused;
    tsri_free(memory);
}

/* A stream between two pieces of memory of any size. */
typedef struct bz2_job {
    bz_stream stream;
    const char *bytes;
    size_t size_bytes, offset;
    char *output;
    size_t room_bytes, made_bytes;
} bz2_job;

#define BZ2_STREAM_INIT                          \
    {                                            \
        .bzalloc = bz2_alloc, .bzfree = bz2_free \
    }

/* Gives the stream as much as its counters can hold, and counts what it took and made. */
static int bz2_step(bz2_job *job, int (*step)(bz_stream *stream, bool all))
{
    size_t in = TSRI_MIN(job->size_bytes - job->offset, STREAM_BYTES);
    size_t out = TSRI_MIN(job->room_bytes - job->made_bytes, STREAM_BYTES);

    job->stream.next_in = (char *)job->bytes + job->offset;
    job->stream.avail_in = (unsigned)in;
    job->stream.next_out = job->output + job->made_bytes;
    job->stream.avail_out = (unsigned)out;
    int result = step(&job->stream, in == job->size_bytes - job->offset);
    job->offset += in - job->stream.avail_in;
    job->made_bytes += out - job->stream.avail_out;
    return result;
}

/* ---- encoding ---- */

static int compress_step(bz_stream *stream, bool all)
{
    return BZ2_bzCompress(stream, all ? BZ_FINISH : BZ_RUN);
}

static int compress_all(bz2_job *job, int level, tsr_error *err)
{
    int result = BZ2_bzCompressInit(&job->stream, level, 0, 0);
    if (result != BZ_OK)
        return tsr_error_set(err, TSR_NO_MEMORY, "bz2: out of memory");
    do
        result = bz2_step(job, compress_step);
    while ((result == BZ_RUN_OK || result == BZ_FINISH_OK) && job->made_bytes < job->room_bytes);
    BZ2_bzCompressEnd(&job->stream);
    if (result != BZ_STREAM_END)
        return tsr_error_set(err, TSR_INTERNAL, "bz2: %zu bytes did not fit into %zu (code %d)",
                             job->size_bytes, job->room_bytes, result);
    return 0;
}

static int bz2_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const bz2_codec *bz2 = codec;
    size_t room = (size_t)bz2_bound(codec, size_bytes).size_bytes;
    char *data;

    (void)scratch;
    TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
    bz2_job job = {.stream = BZ2_STREAM_INIT,
                   .bytes = bytes,
                   .size_bytes = size_bytes,
                   .output = data,
                   .room_bytes = room};
    TSRI_TRY(compress_all(&job, bz2->level, err));
    output->size_bytes += job.made_bytes;
    return 0;
}

/* ---- decoding ---- */

static int decompress_step(bz_stream *stream, bool all)
{
    (void)all;
    return BZ2_bzDecompress(stream);
}

static int bz2_damaged(const bz2_job *job, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED, "bz2: the data is damaged or cut off (byte %zu of %zu)",
                         job->offset, job->size_bytes);
}

/* Decodes one stream, to its end or until the room is full. */
static int decompress_stream(bz2_job *job, bool *ret_ended, tsr_error *err)
{
    if (BZ2_bzDecompressInit(&job->stream, 0, 0) != BZ_OK)
        return tsr_error_set(err, TSR_NO_MEMORY, "bz2: out of memory");
    int result;
    size_t before;
    do {
        before = job->offset + job->made_bytes;
        result = bz2_step(job, decompress_step);
    } while (result == BZ_OK && job->offset + job->made_bytes > before);
    BZ2_bzDecompressEnd(&job->stream);
    if (result == BZ_MEM_ERROR)
        return tsr_error_set(err, TSR_NO_MEMORY, "bz2: out of memory");
    /* Without progress either the input is used up or the output is full. */
    if (result != BZ_STREAM_END && (result != BZ_OK || job->made_bytes < job->room_bytes))
        return bz2_damaged(job, err);
    *ret_ended = result == BZ_STREAM_END;
    return 0;
}

/* Decodes stream after stream until the end of the input. Never less: each stream ends with the
 * checksum of all of it. */
static int bz2_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, void *output, size_t capacity_bytes,
                      size_t *ret_size_bytes, tsr_error *err)
{
    bz2_job job = {.stream = BZ2_STREAM_INIT,
                   .bytes = bytes,
                   .size_bytes = size_bytes,
                   .output = output,
                   .room_bytes = capacity_bytes};
    bool ended = true;

    (void)codec;
    (void)scratch;
    do
        TSRI_TRY(decompress_stream(&job, &ended, err));
    while (ended && job.offset < job.size_bytes);
    if (!ended)
        return tsr_error_set(err, TSR_DAMAGED,
                             "bz2: the data is cut off, or decodes to more than the %zu bytes that "
                             "it should",
                             job.room_bytes);
    *ret_size_bytes = job.made_bytes;
    return 0;
}

const tsr_codec_ops tsri_codec_bz2 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.bz2",
    .v2_id = "bz2",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = bz2_open,
    .close = tsri_free,
    .describe = bz2_describe,
    .bytes_bound = bz2_bound,
    .encode_bytes = bz2_encode,
    .decode_bytes = bz2_decode,
};
