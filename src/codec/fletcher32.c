/* fletcher32: numcodecs' Fletcher32, which is HDF5's filter of that name: two sums of big-endian
 * 16-bit words modulo 65535, an odd last byte being the upper half of a word. */
#include "codec/checksum.h"

/* So many words can be added before the larger sum leaves 32 bits. */
#define BLOCK_WORDS 360

static uint32_t fold(uint32_t sum)
{
    return (sum & 0xffff) + (sum >> 16);
}

static uint32_t compute(const tsri_checksum_codec *codec, const void *bytes, size_t size_bytes)
{
    const unsigned char *byte = bytes;
    uint32_t low = 0, high = 0;

    (void)codec;
    for (size_t words = size_bytes / 2, part; words > 0; words -= part) {
        part = TSRI_MIN(words, (size_t)BLOCK_WORDS);
        for (size_t i = 0; i < part; i++, byte += 2) {
            low += (uint32_t)byte[0] << 8 | byte[1];
            high += low;
        }
        low = fold(low);
        high = fold(high);
    }
    if (size_bytes % 2) {
        low += (uint32_t)*byte << 8;
        high += low;
        low = fold(low);
        high = fold(high);
    }
    return fold(high) << 16 | fold(low);
}

static int fletcher32_open(const tsr_codec_setup *setup, void **ret_codec,
                           tsr_codec_type *ret_output, tsr_error *err)
{
    static const tsri_checksum_kind kind = {"fletcher32", false, false, compute};
    tsr_auto(tsri_configuration) configuration = {0};
    tsri_checksum_codec *codec;

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_checksum_open(&kind, &configuration, &codec, err));
    *ret_codec = codec;
    return 0;
}

const tsr_codec_ops tsri_codec_fletcher32 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.fletcher32",
    .v2_id = "fletcher32",
    .open = fletcher32_open,
    .close = tsri_checksum_close,
    .describe = tsri_checksum_describe,
    TSRI_CHECKSUM_FUNCTIONS,
};
