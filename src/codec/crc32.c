/* crc32 and adler32: numcodecs' CRC32 and Adler32, which have the checksum in front of the data
 * unless told otherwise. The checksums are those of gzip (RFC 1952) and zlib (RFC 1950). */
#include <libdeflate.h>

#include "codec/checksum.h"

static uint32_t compute_crc32(const tsri_checksum_codec *codec, const void *bytes,
                              size_t size_bytes)
{
    (void)codec;
    return libdeflate_crc32(0, size_bytes ? bytes : "", size_bytes);
}

static uint32_t compute_adler32(const tsri_checksum_codec *codec, const void *bytes,
                                size_t size_bytes)
{
    (void)codec;
    return libdeflate_adler32(1, size_bytes ? bytes : "", size_bytes);
}

static int open_kind(const tsri_checksum_kind *kind, const tsr_codec_setup *setup, void **ret_codec,
                     tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    tsri_checksum_codec *codec;

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_checksum_open(kind, &configuration, &codec, err));
    *ret_codec = codec;
    return 0;
}

static int crc32_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    static const tsri_checksum_kind kind = {"crc32", true, true, compute_crc32};
    (void)ret_output;
    return open_kind(&kind, setup, ret_codec, err);
}

static int adler32_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                        tsr_error *err)
{
    static const tsri_checksum_kind kind = {"adler32", true, true, compute_adler32};
    (void)ret_output;
    return open_kind(&kind, setup, ret_codec, err);
}

const tsr_codec_ops tsri_codec_crc32 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.crc32",
    .v2_id = "crc32",
    .open = crc32_open,
    .close = tsri_checksum_close,
    .describe = tsri_checksum_describe,
    TSRI_CHECKSUM_FUNCTIONS,
};

const tsr_codec_ops tsri_codec_adler32 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.adler32",
    .v2_id = "adler32",
    .open = adler32_open,
    .close = tsri_checksum_close,
    .describe = tsri_checksum_describe,
    TSRI_CHECKSUM_FUNCTIONS,
};
