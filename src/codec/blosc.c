/* blosc: the container of c-blosc 1. Zarr 3.1, "Blosc codec", and numcodecs' Blosc, which has the
 * same bytes.
 *
 * Only the calls that take everything as arguments are used, since the others share state in the
 * process and survive neither threads nor fork. */
#include <blosc.h>

#include "codec/blosc_blocks.h"
#include "codec/chain.h"
#include "codec/configuration.h"

typedef struct blosc_codec {
    int compressor; /* position in compressor_names */
    int level;
    int shuffle;            /* BLOSC_NOSHUFFLE, BLOSC_SHUFFLE, BLOSC_BITSHUFFLE */
    bool automatic_shuffle; /* numcodecs' -1, by which `shuffle` was chosen */
    int64_t typesize;
    int64_t blocksize;     /* 0: automatic */
    int64_t element_bytes; /* of the type that was turned into bytes */
} blosc_codec;

static const char *const compressor_names[] = {"blosclz", "lz4",  "lz4hc", "zstd",
                                               "snappy",  "zlib", NULL};
enum { COMPRESSOR_LZ4 = 1, COMPRESSOR_ZSTD = 3 };

/* By the numbers that c-blosc and numcodecs give them. */
static const char *const shuffle_names[] = {"noshuffle", "shuffle", "bitshuffle", NULL};
#define SHUFFLE_AUTOMATIC (-1)

/* ---- opening ---- */

/* numcodecs writes numbers, zarr-python's v3 codec writes names. */
static int read_shuffle(const tsri_configuration *configuration, int *ret_shuffle, tsr_error *err)
{
    int64_t number = *ret_shuffle;
    tsri_json *value = json_object_object_get(configuration->json, "shuffle");
    const char *text = json_object_get_string(value);
    bool is_name = json_object_is_type(value, json_type_string) && *text >= 'a';

    if (!configuration->numcodecs || is_name)
        return tsri_configuration_choice(configuration, "shuffle", shuffle_names, ret_shuffle, err);
    TSRI_TRY(tsri_configuration_encoder_int(configuration, "shuffle", SHUFFLE_AUTOMATIC,
                                            BLOSC_BITSHUFFLE, &number, err));
    *ret_shuffle = (int)number;
    return 0;
}

/* What numcodecs and zarr-python do: bits for single bytes, bytes for everything else. */
static void choose_shuffle(blosc_codec *codec)
{
    codec->automatic_shuffle = codec->shuffle == SHUFFLE_AUTOMATIC;
    if (codec->automatic_shuffle)
        codec->shuffle = codec->typesize == 1 ? BLOSC_BITSHUFFLE : BLOSC_SHUFFLE;
}

/* An absent `typesize` is taken from the element type, as numcodecs and zarr-python do; the chunks
 * say themselves what they were written with. */
static int read_numbers(const tsri_configuration *configuration, blosc_codec *codec, tsr_error *err)
{
    int64_t level = codec->level;

    TSRI_TRY(tsri_configuration_encoder_int(configuration, "clevel", 0, 9, &level, err));
    codec->level = (int)level;
    TSRI_TRY(tsri_configuration_encoder_int(configuration, "typesize", 1, INT32_MAX,
                                            &codec->typesize, err));
    return tsri_configuration_encoder_int(configuration, "blocksize", 0, BLOSC_MAX_BLOCKSIZE,
                                          &codec->blocksize, err);
}

/* libblosc's own list is put together in a static buffer by whoever asks first. */
static const char *list_compressors(char text[64])
{
    text[0] = 0;
    for (const char *const *name = compressor_names; *name; name++) {
        if (blosc_compname_to_compcode(*name) >= 0)
            snprintf(text + strlen(text), 64 - strlen(text), "%s%s", *text ? ", " : "", *name);
    }
    return text;
}

static int check_compressor(const blosc_codec *codec, tsr_error *err)
{
    const char *name = compressor_names[codec->compressor];
    char built_in[64];

    if (blosc_compname_to_compcode(name) >= 0)
        return 0;
    tsr_error_set(err, TSR_UNSUPPORTED, "blosc: libblosc %s was built without \"%s\"",
                  blosc_get_version_string(), name);
    tsr_error_set_next_step(err, "it was built with: %s", list_compressors(built_in));
    return TSR_UNSUPPORTED;
}

static int blosc_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    /* The defaults of numcodecs for what its configurations leave out, else those of zarr-python.
     */
    blosc_codec codec = {.compressor = configuration.numcodecs ? COMPRESSOR_LZ4 : COMPRESSOR_ZSTD,
                         .level = 5,
                         .shuffle = configuration.numcodecs ? BLOSC_SHUFFLE : SHUFFLE_AUTOMATIC,
                         .typesize = (int64_t)setup->input.dtype->size_bytes,
                         .element_bytes = (int64_t)setup->input.dtype->size_bytes};
    TSRI_TRY(tsri_configuration_choice(&configuration, "cname", compressor_names, &codec.compressor,
                                       err));
    TSRI_TRY(check_compressor(&codec, err));
    TSRI_TRY(read_shuffle(&configuration, &codec.shuffle, err));
    TSRI_TRY(read_numbers(&configuration, &codec, err));
    choose_shuffle(&codec);

    blosc_codec *opened = tsri_alloc(sizeof *opened);
    if (!opened)
        return tsri_error_no_memory(err, sizeof *opened);
    *opened = codec;
    *ret_codec = opened;
    return 0;
}

static int blosc_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const blosc_codec *blosc = codec;

    TSRI_TRY(tsr_output_print(output, err, "{\"cname\":\"%s\",\"clevel\":%d,\"shuffle\":",
                              compressor_names[blosc->compressor], blosc->level));
    if (zarr_format == 2)
        TSRI_TRY(tsr_output_print(output, err, "%d",
                                  blosc->automatic_shuffle ? SHUFFLE_AUTOMATIC : blosc->shuffle));
    else
        TSRI_TRY(tsr_output_print(output, err, "\"%s\"", shuffle_names[blosc->shuffle]));
    /* v3 wants the type size wherever bytes are moved. v2 takes it from the data, and only
     * numcodecs since 0.16 understands another one. */
    if (zarr_format == 3 ? blosc->shuffle != BLOSC_NOSHUFFLE
                         : blosc->typesize != blosc->element_bytes)
        TSRI_TRY(tsr_output_print(output, err, ",\"typesize\":%d", (int)blosc->typesize));
    return tsr_output_print(output, err, ",\"blocksize\":%d}", (int)blosc->blocksize);
}

/* ---- encoding ---- */

/* The largest block that libblosc chooses by itself. */
#define AUTOMATIC_BLOCK_BYTES ((size_t)4 << 20)

static tsr_size_bound blosc_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return tsri_size_bound(TSR_SIZE_BOUNDED, size_bytes, BLOSC_MAX_OVERHEAD);
}

static int blosc_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const blosc_codec *blosc = codec;
    char *data;

    (void)scratch;
    if (size_bytes > BLOSC_MAX_BUFFERSIZE) {
        tsr_error_set(err, TSR_LIMIT, "blosc: %zu bytes in one chunk, the format holds at most %d",
                      size_bytes, BLOSC_MAX_BUFFERSIZE);
        tsr_error_set_next_step(err, "choose smaller chunks");
        return TSR_LIMIT;
    }
    size_t room = size_bytes + BLOSC_MAX_OVERHEAD;
    size_t block_bytes = blosc->blocksize ? (size_t)blosc->blocksize : AUTOMATIC_BLOCK_BYTES;
    TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
    TSRI_TRY(tsri_blosc_check_memory(TSRI_MIN(block_bytes, size_bytes), err));
    int made = blosc_compress_ctx(
        blosc->level, blosc->shuffle,
        blosc->typesize <= BLOSC_MAX_TYPESIZE ? (size_t)blosc->typesize : 1, size_bytes, bytes,
        data, room, compressor_names[blosc->compressor], (size_t)blosc->blocksize, 1);
    if (made <= 0)
        return tsr_error_set(err, TSR_INTERNAL, "blosc: encoding %zu bytes failed (code %d)",
                             size_bytes, made);
    output->size_bytes += (size_t)made;
    return 0;
}

/* ---- decoding ---- */

/* Checks all that can be known before decoding. */
static int read_container(const unsigned char *bytes, size_t size_bytes, size_t capacity_bytes,
                          tsri_blosc_container *ret_container, tsr_error *err)
{
    size_t decoded_bytes;

    if (size_bytes < BLOSC_MIN_HEADER_LENGTH)
        return tsri_codec_error_truncated(err, "blosc", size_bytes);
    tsri_blosc_container found = tsri_blosc_container_of(bytes);
    if (found.version != BLOSC_VERSION_FORMAT)
        return tsr_error_set(err, TSR_DAMAGED,
                             "blosc: the container has version %u, only %d is known", found.version,
                             BLOSC_VERSION_FORMAT);
    if (found.encoded_bytes != size_bytes)
        return tsr_error_set(err, TSR_DAMAGED,
                             "blosc: the header claims %u encoded bytes, there are %zu",
                             found.encoded_bytes, size_bytes);
    if (found.decoded_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, "blosc", capacity_bytes);
    if (blosc_cbuffer_validate(bytes, size_bytes, &decoded_bytes) != 0 ||
        decoded_bytes != found.decoded_bytes)
        return tsr_error_set(err, TSR_DAMAGED, "blosc: the header is damaged");
    *ret_container = found;
    return 0;
}

static int decoding_failed(int code, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED, "blosc: a block is damaged (code %d)", code);
}

/* By the library, as a whole. */
static int decode_by_library(const tsri_blosc_container *found, void *output, tsr_error *err)
{
    TSRI_TRY(tsri_blosc_check_memory(TSRI_MIN(found->block_bytes, found->decoded_bytes), err));
    int made = blosc_decompress_ctx(found->bytes, output, found->decoded_bytes, 1);
    return made < 0 || (uint32_t)made != found->decoded_bytes ? decoding_failed(made, err) : 0;
}

static int decode_container(const tsri_blosc_container *found, tsr_codec_scratch *scratch,
                            void *output, size_t *ret_size_bytes, tsr_error *err)
{
    if (tsri_blosc_is_walkable(found))
        TSRI_TRY(
            tsri_blosc_walk(found, scratch, output, found->decoded_bytes, ret_size_bytes, err));
    else if (found->decoded_bytes > 0)
        TSRI_TRY(decode_by_library(found, output, err));
    *ret_size_bytes = found->decoded_bytes;
    return 0;
}

static int blosc_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, void *output, size_t capacity_bytes,
                        size_t *ret_size_bytes, tsr_error *err)
{
    tsri_blosc_container found = {0};

    (void)codec;
    TSRI_TRY(read_container(bytes, size_bytes, capacity_bytes, &found, err));
    return decode_container(&found, scratch, output, ret_size_bytes, err);
}

/* How many items blosc_getitem must decode, or 0 when the whole is as good: it pays as soon as the
 * last block is not needed, and it decodes whole items only. */
static int items_in_prefix(const tsri_blosc_container *found, size_t wanted_bytes)
{
    if (found->block_bytes == 0 || found->typesize == 0 || wanted_bytes == 0 ||
        wanted_bytes >= found->decoded_bytes)
        return 0;
    uint32_t last_block = (found->decoded_bytes - 1) / found->block_bytes * found->block_bytes;
    size_t items = (wanted_bytes + found->typesize - 1) / found->typesize;
    return items * found->typesize <= last_block ? (int)items : 0;
}

static int blosc_decode_prefix(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                               size_t size_bytes, void *output, size_t capacity_bytes,
                               size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    tsri_blosc_container found = {0};

    (void)codec;
    TSRI_TRY(read_container(bytes, size_bytes, capacity_bytes, &found, err));
    if (wanted_bytes > 0 && tsri_blosc_is_walkable(&found))
        return tsri_blosc_walk(&found, scratch, output, wanted_bytes, ret_size_bytes, err);
    int items = items_in_prefix(&found, wanted_bytes);
    if (items == 0)
        return decode_container(&found, scratch, output, ret_size_bytes, err);
    TSRI_TRY(tsri_blosc_check_memory(found.block_bytes, err));
    int made = blosc_getitem(bytes, 0, items, output);
    if (made < 0 || (size_t)made != (size_t)items * found.typesize)
        return decoding_failed(made, err);
    *ret_size_bytes = (size_t)made;
    return 0;
}

/* A container that cannot be walked comes in one piece. */
static int whole_as_piece(const tsri_blosc_container *found, tsr_codec_scratch *scratch,
                          const tsr_codec_pieces *pieces, tsr_error *err)
{
    void *room = tsri_scratch_buffer(scratch, TSRI_BUFFER_PIECE, found->decoded_bytes);
    if (!room)
        return tsri_error_no_memory(err, found->decoded_bytes);
    TSRI_TRY(decode_by_library(found, room, err));
    return pieces->take(pieces->user, 0, room, found->decoded_bytes, err);
}

static int blosc_decode_pieces(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                               size_t size_bytes, size_t capacity_bytes,
                               const tsr_codec_pieces *pieces, size_t *ret_size_bytes,
                               tsr_error *err)
{
    tsri_blosc_container found = {0};

    (void)codec;
    TSRI_TRY(read_container(bytes, size_bytes, capacity_bytes, &found, err));
    if (tsri_blosc_is_walkable(&found))
        TSRI_TRY(tsri_blosc_walk_pieces(&found, scratch, pieces, err));
    else if (found.decoded_bytes > 0)
        TSRI_TRY(whole_as_piece(&found, scratch, pieces, err));
    *ret_size_bytes = found.decoded_bytes;
    return 0;
}

const tsr_codec_ops tsri_codec_blosc = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "blosc",
    .aliases = (const char *const[]){"numcodecs.blosc", NULL},
    .v2_id = "blosc",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = blosc_open,
    .close = tsri_free,
    .describe = blosc_describe,
    .bytes_bound = blosc_bound,
    .encode_bytes = blosc_encode,
    .decode_bytes = blosc_decode,
    .decode_prefix = blosc_decode_prefix,
    .decode_pieces = blosc_decode_pieces,
};
