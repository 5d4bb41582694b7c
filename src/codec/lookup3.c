/* jenkins_lookup3: numcodecs' JenkinsLookup3, the checksum of HDF5's metadata: hashlittle() of
 * Bob Jenkins' lookup3.c (2006, public domain), http://burtleburtle.net/bob/c/lookup3.c
 *
 * numcodecs takes a `prefix` of bytes that are hashed before the data, for which JSON has no form.
 * Here it is a list of numbers from 0 to 255. */
#include "codec/checksum.h"

/* The hash takes its input in blocks of three words. */
#define BLOCK_BYTES 12
#define PREFIX_MAX 4096

static uint32_t rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t load_word(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

/* Adds a block to the state; a short one is filled up with zeros. */
static void add_block(uint32_t state[3], const unsigned char block[BLOCK_BYTES])
{
    for (int i = 0; i < 3; i++)
        state[i] += load_word(block + 4 * i);
}

/* lookup3's mix(), on a block that is not the last one. */
static void mix(uint32_t state[3])
{
    uint32_t a = state[0], b = state[1], c = state[2];

    a = (a - c) ^ rotate(c, 4);
    c += b;
    b = (b - a) ^ rotate(a, 6);
    a += c;
    c = (c - b) ^ rotate(b, 8);
    b += a;
    a = (a - c) ^ rotate(c, 16);
    c += b;
    b = (b - a) ^ rotate(a, 19);
    a += c;
    c = (c - b) ^ rotate(b, 4);
    b += a;
    state[0] = a;
    state[1] = b;
    state[2] = c;
}

/* lookup3's final(): the hash after the last block. */
static uint32_t finish(const uint32_t state[3])
{
    uint32_t a = state[0], b = state[1], c = state[2];

    c = (c ^ b) - rotate(b, 14);
    a = (a ^ c) - rotate(c, 11);
    b = (b ^ a) - rotate(a, 25);
    c = (c ^ b) - rotate(b, 16);
    a = (a ^ c) - rotate(c, 4);
    b = (b ^ a) - rotate(a, 14);
    return (c ^ b) - rotate(b, 24);
}

/* The bytes [start, start + BLOCK_BYTES) of prefix and data, one behind the other; zeros behind the
 * end. Points into the data where they all lie there. */
static const unsigned char *block_at(const tsri_checksum_codec *codec, const unsigned char *data,
                                     size_t size_bytes, size_t start,
                                     unsigned char room[BLOCK_BYTES])
{
    size_t all_bytes = codec->prefix_bytes + size_bytes;

    if (start >= codec->prefix_bytes && all_bytes - start >= BLOCK_BYTES)
        return data + (start - codec->prefix_bytes);
    memset(room, 0, BLOCK_BYTES);
    for (size_t i = 0; i < BLOCK_BYTES && start + i < all_bytes; i++) {
        size_t position = start + i;
        room[i] = position < codec->prefix_bytes ? codec->prefix[position]
                                                 : data[position - codec->prefix_bytes];
    }
    return room;
}

static uint32_t compute(const tsri_checksum_codec *codec, const void *bytes, size_t size_bytes)
{
    size_t all_bytes = codec->prefix_bytes + size_bytes, start = 0;
    uint32_t first = UINT32_C(0xdeadbeef) + (uint32_t)all_bytes + codec->seed;
    uint32_t state[3] = {first, first, first};
    unsigned char room[BLOCK_BYTES];

    if (all_bytes == 0)
        return state[2];
    for (; all_bytes - start > BLOCK_BYTES; start += BLOCK_BYTES) {
        add_block(state, block_at(codec, bytes, size_bytes, start, room));
        mix(state);
    }
    add_block(state, block_at(codec, bytes, size_bytes, start, room));
    return finish(state);
}

/* ---- the codec ---- */

static int read_prefix(const tsri_configuration *configuration, tsri_checksum_codec *codec,
                       tsr_error *err)
{
    int64_t values[PREFIX_MAX];
    int count = 0;

    if (!tsri_configuration_has(configuration, "prefix"))
        return 0;
    TSRI_TRY_IN(err,
                tsri_json_int_list(configuration->json, "/configuration", "prefix", true, 0, 255,
                                   PREFIX_MAX, values, &count, err),
                "%s", configuration->codec);
    codec->prefix = tsri_alloc((size_t)count);
    if (!codec->prefix)
        return tsri_error_no_memory(err, (size_t)count);
    for (int i = 0; i < count; i++)
        codec->prefix[i] = (unsigned char)values[i];
    codec->prefix_bytes = (size_t)count;
    return 0;
}

static int lookup3_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                        tsr_error *err)
{
    static const tsri_checksum_kind kind = {"jenkins_lookup3", false, false, compute};
    tsr_auto(tsri_configuration) configuration = {0};
    tsri_checksum_codec *codec;
    int64_t seed = 0;

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_int(&configuration, "initval", 0, UINT32_MAX, &seed, err));
    TSRI_TRY(tsri_checksum_open(&kind, &configuration, &codec, err));
    codec->seed = (uint32_t)seed;
    int status = read_prefix(&configuration, codec, err);
    if (status < 0)
        tsri_checksum_close(codec);
    else
        *ret_codec = codec;
    return status;
}

static int lookup3_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const tsri_checksum_codec *lookup3 = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"initval\":%u", lookup3->seed));
    for (size_t i = 0; i < lookup3->prefix_bytes; i++)
        TSRI_TRY(
            tsr_output_print(output, err, "%s%d", i ? "," : ",\"prefix\":[", lookup3->prefix[i]));
    return tsr_output_print(output, err, lookup3->prefix_bytes ? "]}" : "}");
}

const tsr_codec_ops tsri_codec_jenkins_lookup3 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.jenkins_lookup3",
    .v2_id = "jenkins_lookup3",
    .open = lookup3_open,
    .close = tsri_checksum_close,
    .describe = lookup3_describe,
    TSRI_CHECKSUM_FUNCTIONS,
};
