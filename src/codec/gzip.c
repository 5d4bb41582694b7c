/* gzip (RFC 1952; Zarr 3.1, "Gzip codec") and zlib (RFC 1950; numcodecs only).
 *
 * libdeflate does whole buffers, two to three times as fast as zlib. It is not asked for names or
 * comments in the header. There is no stopping early, since the checksum is that of everything. */
#include <libdeflate.h>

#include "codec/configuration.h"

#define LEVEL_MAXIMUM 9
#define LEVEL_AUTOMATIC (-1)
#define LEVEL_USUAL 6 /* what zlib takes -1 for */

typedef struct gzip_codec {
    const char *name;
    bool is_gzip; /* else zlib */
    int level;
} gzip_codec;

static int open_format(const gzip_codec *format, const tsr_codec_setup *setup, void **ret_codec,
                       tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    /* An absent level is 1 in numcodecs and 5 in zarr-python. */
    int64_t level = configuration.numcodecs ? 1 : 5;
    TSRI_TRY(tsri_configuration_encoder_int(&configuration, "level",
                                            configuration.numcodecs ? LEVEL_AUTOMATIC : 0,
                                            LEVEL_MAXIMUM, &level, err));
    gzip_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    *codec = *format;
    codec->level = (int)level;
    *ret_codec = codec;
    return 0;
}

static int gzip_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output;
    return open_format(&(gzip_codec){.name = "gzip", .is_gzip = true}, setup, ret_codec, err);
}

static int zlib_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output;
    return open_format(&(gzip_codec){.name = "zlib"}, setup, ret_codec, err);
}

static int gzip_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const gzip_codec *gzip = codec;
    int level = gzip->level;

    /* Only numcodecs knows an automatic level. */
    if (level == LEVEL_AUTOMATIC && gzip->is_gzip && zarr_format == 3)
        level = LEVEL_USUAL;
    return tsr_output_print(output, err, "{\"level\":%d}", level);
}

/* ---- encoding ---- */

/* libdeflate makes a compressor for one level, which also decides how large it is. */
typedef struct compressor {
    struct libdeflate_compressor *handle;
    int level;
} compressor;

static void *compressor_create(void)
{
    return tsri_alloc_zero(sizeof(compressor));
}

static void compressor_destroy(void *state)
{
    compressor *kept = state;
    if (kept->handle)
        libdeflate_free_compressor(kept->handle);
    tsri_free(kept);
}

static const tsr_scratch_state compressor_kind = {"libdeflate compressor", compressor_create,
                                                  compressor_destroy};

static struct libdeflate_compressor *compressor_for(tsr_codec_scratch *scratch, int level)
{
    compressor *kept = tsr_codec_scratch_state(scratch, &compressor_kind);

    if (!kept || (kept->handle && kept->level == level))
        return kept ? kept->handle : NULL;
    if (kept->handle)
        libdeflate_free_compressor(kept->handle);
    kept->handle = libdeflate_alloc_compressor(level);
    kept->level = level;
    return kept->handle;
}

static tsr_size_bound gzip_bound(const void *codec, uint64_t size_bytes)
{
    const gzip_codec *gzip = codec;

    if (size_bytes > INT64_MAX)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    /* Without a compressor: the bound for any level. */
    return (tsr_size_bound){TSR_SIZE_BOUNDED,
                            gzip->is_gzip ? libdeflate_gzip_compress_bound(NULL, size_bytes)
                                          : libdeflate_zlib_compress_bound(NULL, size_bytes)};
}

static int gzip_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const gzip_codec *gzip = codec;
    int level = gzip->level == LEVEL_AUTOMATIC ? LEVEL_USUAL : gzip->level;
    size_t room = (size_t)gzip_bound(codec, size_bytes).size_bytes;
    char *data;

    struct libdeflate_compressor *handle = compressor_for(scratch, level);
    if (!handle)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", gzip->name);
    TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
    size_t encoded_bytes = gzip->is_gzip
                               ? libdeflate_gzip_compress(handle, bytes, size_bytes, data, room)
                               : libdeflate_zlib_compress(handle, bytes, size_bytes, data, room);
    if (encoded_bytes == 0)
        return tsr_error_set(err, TSR_INTERNAL, "%s: %zu bytes did not fit into %zu", gzip->name,
                             size_bytes, room);
    output->size_bytes += encoded_bytes;
    return 0;
}

/* ---- decoding ---- */

static void *decompressor_create(void)
{
    return libdeflate_alloc_decompressor();
}

static void decompressor_destroy(void *state)
{
    libdeflate_free_decompressor(state);
}

static const tsr_scratch_state decompressor_kind = {"libdeflate decompressor", decompressor_create,
                                                    decompressor_destroy};

static int damaged(const gzip_codec *gzip, size_t offset, size_t size_bytes, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "%s: the data is damaged or cut off (stream at byte %zu of %zu)",
                         gzip->name, offset, size_bytes);
}

/* Whether another gzip member follows. Zeros after the last one are padding, as for gzip(1). */
static bool is_padding(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Whether decoding ends before `offset`, because nothing or only what may stand there follows. */
static bool is_end(const gzip_codec *gzip, const char *bytes, size_t offset, size_t size_bytes)
{
    if (offset == size_bytes)
        return true;
    return gzip->is_gzip && bytes[offset] == 0 && is_padding(bytes + offset, size_bytes - offset);
}

static int gzip_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, void *output, size_t capacity_bytes,
                       size_t *ret_size_bytes, tsr_error *err)
{
    const gzip_codec *gzip = codec;
    size_t offset = 0, decoded_bytes = 0;

    struct libdeflate_decompressor *handle = tsr_codec_scratch_state(scratch, &decompressor_kind);
    if (!handle)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", gzip->name);
    do {
        size_t taken = 0, made = 0;
        const char *from = (const char *)bytes + offset;
        char *to = (char *)output + decoded_bytes;
        enum libdeflate_result result =
            gzip->is_gzip
                ? libdeflate_gzip_decompress_ex(handle, from, size_bytes - offset, to,
                                                capacity_bytes - decoded_bytes, &taken, &made)
                : libdeflate_zlib_decompress_ex(handle, from, size_bytes - offset, to,
                                                capacity_bytes - decoded_bytes, &taken, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
            return tsri_codec_error_capacity(err, gzip->name, capacity_bytes);
        if (result != LIBDEFLATE_SUCCESS)
            return damaged(gzip, offset, size_bytes, err);
        offset += taken;
        decoded_bytes += made;
        if (!gzip->is_gzip && offset != size_bytes)
            return damaged(gzip, offset, size_bytes, err);
    } while (!is_end(gzip, bytes, offset, size_bytes));
    *ret_size_bytes = decoded_bytes;
    return 0;
}

const tsr_codec_ops tsri_codec_gzip = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "gzip",
    .aliases = (const char *const[]){"numcodecs.gzip", NULL},
    .v2_id = "gzip",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = gzip_open,
    .close = tsri_free,
    .describe = gzip_describe,
    .bytes_bound = gzip_bound,
    .encode_bytes = gzip_encode,
    .decode_bytes = gzip_decode,
};

const tsr_codec_ops tsri_codec_zlib = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.zlib",
    .v2_id = "zlib",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = zlib_open,
    .close = tsri_free,
    .describe = gzip_describe,
    .bytes_bound = gzip_bound,
    .encode_bytes = gzip_encode,
    .decode_bytes = gzip_decode,
};
