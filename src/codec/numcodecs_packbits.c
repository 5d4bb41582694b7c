/* packbits of numcodecs: booleans as bits, the most significant one first, behind one byte that
 * counts the bits of padding. (The registered codec of v3 that has the same name packs the other
 * way round and is another codec: packbits.c.) */
#include "base/checked.h"
#include "codec/configuration.h"
#include "codec/element_walk.h"

#include <inttypes.h>

static const uint8_t no_fill_value;

static int packbits_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                         tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    if (setup->input.dtype->kind != TSR_KIND_BOOL)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: elements of type %s; this codec packs bool alone", setup->name,
                             setup->input.dtype->name);
    ret_output->dtype = TSR_UINT8;
    ret_output->rank = 1;
    ret_output->fill_value = &no_fill_value;
    *ret_codec = (void *)&no_fill_value;
    return 0;
}

static int packbits_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)zarr_format;
    return tsr_output_print(output, err, "{}");
}

static int packbits_encoded_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                                  int64_t *ret_shape, tsr_error *err)
{
    int64_t count;

    (void)codec;
    if (!tsri_shape_count(rank, shape, &count) || count > INT64_MAX - 16)
        return tsr_error_set(err, TSR_LIMIT, "packbits: too many elements");
    *ret_rank = 1;
    ret_shape[0] = 1 + tsri_ceil_divide(count, 8);
    return 0;
}

/* The number of bits that fill up the last byte. */
static uint8_t padding_of(int64_t count)
{
    return (uint8_t)((8 - count % 8) % 8);
}

/* Takes one element of either walk's type. */
static unsigned take(tsri_element_walk *walk)
{
    unsigned value = *(const uint8_t *)walk->at;
    tsri_element_walk_advance(walk, 1);
    return value;
}

static void put(tsri_element_walk *walk, unsigned value)
{
    *(uint8_t *)walk->at = (uint8_t)value;
    tsri_element_walk_advance(walk, 1);
}

static int packbits_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                           const tsr_view *encoded, tsr_error *err)
{
    tsri_element_walk bits, bytes;

    (void)codec;
    (void)scratch;
    (void)err;
    tsri_element_walk_init(&bits, decoded);
    tsri_element_walk_init(&bytes, encoded);
    put(&bytes, padding_of(bits.left));
    while (bits.left > 0) {
        unsigned byte = 0;
        for (unsigned bit = 0x80; bit != 0 && bits.left > 0; bit >>= 1)
            byte |= take(&bits) ? bit : 0;
        put(&bytes, byte);
    }
    return 0;
}

static int packbits_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                           const tsr_view *decoded, tsr_error *err)
{
    tsri_element_walk bits, bytes;

    (void)codec;
    (void)scratch;
    tsri_element_walk_init(&bits, decoded);
    tsri_element_walk_init(&bytes, encoded);
    unsigned padding = take(&bytes);
    if (padding != padding_of(bits.left))
        return tsr_error_set(err, TSR_DAMAGED,
                             "packbits: the first byte claims %u bits of padding; %" PRId64
                             " elements have %u",
                             padding, bits.left, padding_of(bits.left));
    while (bits.left > 0) {
        unsigned byte = take(&bytes);
        for (unsigned bit = 0x80; bit != 0 && bits.left > 0; bit >>= 1)
            put(&bits, (byte & bit) != 0);
    }
    return 0;
}

const tsr_codec_ops tsri_codec_numcodecs_packbits = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.packbits",
    .v2_id = "packbits",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = packbits_open,
    .describe = packbits_describe,
    .encoded_shape = packbits_encoded_shape,
    .encode_view = packbits_encode,
    .decode_view = packbits_decode,
};
