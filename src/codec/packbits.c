/* packbits: the bits of elements without gaps, the least significant one first. Zarr extension
 * "packbits". (numcodecs' filter of the same name packs the other way round: numcodecs_packbits.c.)
 *
 * Bits `first_bit` to `last_bit` of each component, in C order, filled up with zeros to whole
 * bytes; a byte before or behind them may say how many bits were filled up. */
#include <inttypes.h>

#include "base/checked.h"
#include "codec/configuration.h"
#include "codec/element_walk.h"

typedef enum padding { PADDING_NONE, PADDING_FIRST_BYTE, PADDING_LAST_BYTE } padding;

static const char *const padding_names[] = {"none", "first_byte", "last_byte", NULL};

typedef struct packbits_codec {
    padding where;
    bool has_first, has_last;
    int first_bit, last_bit;
    int component_bits; /* of the type, of which those are kept */
    int parts;          /* components of an element */
    size_t part_bytes;
    bool is_signed;
} packbits_codec;

/* ---- opening ---- */

/* How many bits a component has that mean something; 0 for types that cannot be packed. */
static int bits_of(const tsr_dtype *dtype)
{
    static const struct {
        const char *name;
        int bits;
    } narrow[] = {{"int2", 2},          {"uint2", 2},         {"int4", 4},         {"uint4", 4},
                  {"float4_e2m1fn", 4}, {"float6_e2m3fn", 6}, {"float6_e3m2fn", 6}};
    static const char complex_prefix[] = "complex_";
    const char *name = dtype->name;

    if (strncmp(name, complex_prefix, strlen(complex_prefix)) == 0)
        name += strlen(complex_prefix);
    for (size_t i = 0; i < TSRI_COUNT(narrow); i++)
        if (strcmp(name, narrow[i].name) == 0)
            return narrow[i].bits;
    switch (dtype->kind) {
    case TSR_KIND_BOOL:
        return 1;
    case TSR_KIND_SIGNED:
    case TSR_KIND_UNSIGNED:
    case TSR_KIND_FLOAT:
    case TSR_KIND_COMPLEX:
        return 8 * (int)dtype->component_bytes;
    default:
        return 0;
    }
}

/* null is as good as absent. */
static int read_bit(const tsri_configuration *configuration, const char *name, int maximum,
                    bool *ret_has, int *bit, tsr_error *err)
{
    int64_t read = *bit;
    tsri_json *value = NULL;

    *ret_has = json_object_object_get_ex(configuration->json, name, &value) && value;
    if (!*ret_has)
        return 0;
    TSRI_TRY(tsri_configuration_int(configuration, name, 0, maximum, &read, err));
    *bit = (int)read;
    return 0;
}

static int read_configuration(const tsri_configuration *configuration, const tsr_dtype *dtype,
                              packbits_codec *codec, tsr_error *err)
{
    static const char *const known_fields[] = {"padding_encoding", "first_bit", "last_bit", NULL};
    int where = PADDING_NONE;

    TSRI_TRY(tsri_configuration_only(configuration, known_fields, err));
    codec->component_bits = bits_of(dtype);
    if (codec->component_bits == 0)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s cannot be packed",
                             configuration->codec, dtype->name);
    codec->part_bytes = dtype->component_bytes;
    codec->parts = (int)(dtype->size_bytes / dtype->component_bytes);
    codec->is_signed = dtype->kind == TSR_KIND_SIGNED;
    codec->last_bit = codec->component_bits - 1;
    TSRI_TRY(
        tsri_configuration_choice(configuration, "padding_encoding", padding_names, &where, err));
    codec->where = (padding)where;
    TSRI_TRY(read_bit(configuration, "first_bit", codec->component_bits - 1, &codec->has_first,
                      &codec->first_bit, err));
    TSRI_TRY(read_bit(configuration, "last_bit", codec->component_bits - 1, &codec->has_last,
                      &codec->last_bit, err));
    if (codec->last_bit < codec->first_bit)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/last_bit: %d is less than first_bit, %d",
                             configuration->codec, codec->last_bit, codec->first_bit);
    return 0;
}

static int packbits_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                         tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    (void)ret_output; /* what follows is bytes */
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    packbits_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    int status = read_configuration(&configuration, setup->input.dtype, codec, err);
    if (status < 0)
        tsri_free(codec);
    else
        *ret_codec = codec;
    return status;
}

static int packbits_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const packbits_codec *packbits = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"padding_encoding\":\"%s\"",
                              padding_names[packbits->where]));
    if (packbits->has_first)
        TSRI_TRY(tsr_output_print(output, err, ",\"first_bit\":%d", packbits->first_bit));
    if (packbits->has_last)
        TSRI_TRY(tsr_output_print(output, err, ",\"last_bit\":%d", packbits->last_bit));
    return tsr_output_print(output, err, "}");
}

/* ---- sizes ---- */

static int kept_bits(const packbits_codec *codec)
{
    return codec->last_bit - codec->first_bit + 1;
}

/* The bytes that the bits fill; false when there are too many. */
static bool packed_bytes(const packbits_codec *codec, int rank, const int64_t *shape,
                         uint64_t *ret_bytes, unsigned *ret_padding)
{
    int64_t count;
    uint64_t bits;

    if (!tsri_shape_count(rank, shape, &count) ||
        !tsri_multiply_u64((uint64_t)count, (uint64_t)codec->parts * (uint64_t)kept_bits(codec),
                           &bits) ||
        bits > INT64_MAX)
        return false;
    *ret_bytes = bits / 8 + (bits % 8 != 0);
    *ret_padding = (unsigned)((8 - bits % 8) % 8);
    return true;
}

static tsr_size_bound packbits_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                     const int64_t *shape)
{
    const packbits_codec *packbits = codec;
    uint64_t size_bytes;
    unsigned unused;

    (void)dtype;
    if (!packed_bytes(packbits, rank, shape, &size_bytes, &unused))
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_FIXED, size_bytes + (packbits->where != PADDING_NONE)};
}

/* ---- packing ---- */

/* Components are little-endian numbers, whatever the processor. */
static uint64_t load_part(const char *from, size_t size_bytes)
{
    uint64_t value = 0;
    memcpy(&value, from, size_bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value >>= 8 * (sizeof value - size_bytes);
#endif
    return value;
}

static void store_part(char *to, size_t size_bytes, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value <<= 8 * (sizeof value - size_bytes);
#endif
    memcpy(to, &value, size_bytes);
}

static uint64_t low_bits(int count)
{
    return UINT64_MAX >> (64 - count);
}

/* Bits on their way: what does not fill a byte yet. */
typedef struct bit_stream {
    unsigned __int128 held;
    int count;
    unsigned char *at;
} bit_stream;

static void push(bit_stream *stream, uint64_t bits, int count)
{
    stream->held |= (unsigned __int128)bits << stream->count;
    for (stream->count += count; stream->count >= 8; stream->count -= 8) {
        *stream->at++ = (unsigned char)stream->held;
        stream->held >>= 8;
    }
}

static uint64_t pull(bit_stream *stream, int count)
{
    for (; stream->count < count; stream->count += 8)
        stream->held |= (unsigned __int128)*stream->at++ << stream->count;
    uint64_t bits = (uint64_t)stream->held & low_bits(count);
    stream->held >>= count;
    stream->count -= count;
    return bits;
}

static int packbits_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                           tsr_output *output, tsr_error *err)
{
    const packbits_codec *packbits = codec;
    int kept = kept_bits(packbits);
    uint64_t size_bytes;
    unsigned filled;
    char *data;

    (void)scratch;
    if (!packed_bytes(packbits, decoded->rank, decoded->shape, &size_bytes, &filled))
        return tsr_error_set(err, TSR_LIMIT, "packbits: too many elements");
    size_t all_bytes = (size_t)size_bytes + (packbits->where != PADDING_NONE);
    TSRI_TRY(tsri_codec_reserve(output, all_bytes, &data, err));
    bit_stream stream = {.at = (unsigned char *)data};
    if (packbits->where == PADDING_FIRST_BYTE)
        *stream.at++ = (unsigned char)filled;
    tsri_element_walk walk;
    for (tsri_element_walk_init(&walk, decoded); walk.left > 0; tsri_element_walk_advance(&walk, 1))
        for (int part = 0; part < packbits->parts; part++) {
            uint64_t value =
                load_part(walk.at + (size_t)part * packbits->part_bytes, packbits->part_bytes);
            push(&stream, value >> packbits->first_bit & low_bits(kept), kept);
        }
    if (stream.count > 0)
        push(&stream, 0, 8 - stream.count);
    if (packbits->where == PADDING_LAST_BYTE)
        *stream.at++ = (unsigned char)filled;
    output->size_bytes += all_bytes;
    return 0;
}

/* A component from its kept bits; signed ones go on with their highest one. */
static uint64_t expand(const packbits_codec *codec, uint64_t bits, int kept)
{
    if (codec->is_signed && bits >> (kept - 1) & 1)
        bits |= UINT64_MAX << (kept - 1);
    return bits << codec->first_bit;
}

static int check_padding(const packbits_codec *codec, const unsigned char *bytes, size_t size_bytes,
                         unsigned filled, tsr_error *err)
{
    if (codec->where == PADDING_NONE)
        return 0;
    unsigned found = bytes[codec->where == PADDING_FIRST_BYTE ? 0 : size_bytes - 1];
    if (found == filled)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED,
                         "packbits: %u bits of padding are claimed; the elements leave %u", found,
                         filled);
}

static int packbits_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                           size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    const packbits_codec *packbits = codec;
    int kept = kept_bits(packbits);
    uint64_t packed;
    unsigned filled;

    (void)scratch;
    if (!packed_bytes(packbits, decoded->rank, decoded->shape, &packed, &filled) ||
        size_bytes != packed + (packbits->where != PADDING_NONE))
        return tsr_error_set(err, TSR_DAMAGED,
                             "packbits: %zu bytes found; %" PRId64 " elements of %s need another "
                             "number",
                             size_bytes, tsr_view_count(decoded), decoded->dtype->name);
    TSRI_TRY(check_padding(packbits, bytes, size_bytes, filled, err));
    bit_stream stream = {.at = (unsigned char *)bytes + (packbits->where == PADDING_FIRST_BYTE)};
    tsri_element_walk walk;
    for (tsri_element_walk_init(&walk, decoded); walk.left > 0; tsri_element_walk_advance(&walk, 1))
        for (int part = 0; part < packbits->parts; part++)
            store_part(walk.at + (size_t)part * packbits->part_bytes, packbits->part_bytes,
                       expand(packbits, pull(&stream, kept), kept));
    return 0;
}

const tsr_codec_ops tsri_codec_packbits = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "packbits",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = packbits_open,
    .close = tsri_free,
    .describe = packbits_describe,
    .array_bound = packbits_bound,
    .encode_array = packbits_encode,
    .decode_array = packbits_decode,
};
