/* The inside of the codec layer: the built-in codecs and what they share. */
#ifndef TESSERA_CODEC_CODEC_H
#define TESSERA_CODEC_CODEC_H

#include <tessera/sys/codec.h>

#include "base/base.h"

extern const tsr_codec_ops tsri_codec_bytes, tsri_codec_transpose, tsri_codec_zstd,
    tsri_codec_blosc, tsri_codec_gzip, tsri_codec_zlib, tsri_codec_lz4, tsri_codec_bz2,
    tsri_codec_crc32c, tsri_codec_crc32, tsri_codec_adler32, tsri_codec_fletcher32,
    tsri_codec_jenkins_lookup3, tsri_codec_shuffle, tsri_codec_lzma, tsri_codec_base64,
    tsri_codec_delta, tsri_codec_fixedscaleoffset, tsri_codec_quantize, tsri_codec_astype,
    tsri_codec_bitround, tsri_codec_numcodecs_bitround, tsri_codec_numcodecs_packbits,
    tsri_codec_reshape, tsri_codec_scale_offset, tsri_codec_cast_value, tsri_codec_packbits,
    tsri_codec_vlen_utf8, tsri_codec_vlen_bytes, tsri_codec_vlen_array, tsri_codec_json2,
    tsri_codec_categorize, tsri_codec_n5_default, tsri_codec_conditional,
    /* only where their libraries are */
    tsri_codec_zfp, tsri_codec_zfpy, tsri_codec_png, tsri_codec_jpeg, tsri_codec_webp,
    tsri_codec_jpeg2k;

/* The CRC-32C (Castagnoli polynomial, RFC 3720 section 12.1) of the bytes, going on from the `crc`
 * of those before them; 0 starts. Thread: IMMUTABLE. Never fails. */
uint32_t tsri_crc32c(uint32_t crc, const void *bytes, size_t size_bytes);

/* The same from a table, byte by byte: for processors without an instruction for it, and the
 * reference that the fast one is tested against. Thread: IMMUTABLE. Never fails. */
uint32_t tsri_crc32c_portable(uint32_t crc, const void *bytes, size_t size_bytes);

/* The encoded size of `size_bytes` plus `extra_bytes`; a sum that overflows is a promise that
 * nobody can hold, so it is UNBOUNDED. Thread: IMMUTABLE. Never fails. */
static inline tsr_size_bound tsri_size_bound(tsr_size_class size_class, uint64_t size_bytes,
                                             uint64_t extra_bytes)
{
    if (size_bytes > INT64_MAX || extra_bytes > INT64_MAX)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){size_class, size_bytes + extra_bytes};
}

/* tsr_output_reserve with the status as result. The caller adds what it wrote to
 * output->size_bytes. Errors: NO_MEMORY, LIMIT. */
int tsri_codec_reserve(tsr_output *output, size_t size_bytes, char **ret_data, tsr_error *err);

/* The bound of array-to-bytes codecs whose output may be of any size, for tsr_codec_ops. */
tsr_size_bound tsri_codec_unbounded(const void *codec, const tsr_dtype *dtype, int rank,
                                    const int64_t *shape);

/* The name that v3 metadata gets for an opened codec. Static. Never fails. */
static inline const char *tsri_codec_v3_name(const tsr_codec_ops *ops, const void *codec)
{
    return ops->v3_name ? ops->v3_name(codec) : ops->name;
}

/* Reports a codec that is known and not supported, with the reason; 0 for other names, known or
 * not. Thread: IMMUTABLE. Errors: UNSUPPORTED. */
int tsri_codec_refuse(const char *name, tsr_error *err);

/* The ZSTD_DCtx of a scratch, for codecs with zstd inside. NULL when out of memory. */
void *tsri_zstd_decompressor(tsr_codec_scratch *scratch);

/* Reports that a decoder made more than its caller gave room for. Returns DAMAGED. */
int tsri_codec_error_capacity(tsr_error *err, const char *codec, size_t capacity_bytes);

/* Reports that the encoded bytes end before the data does. Returns DAMAGED. */
int tsri_codec_error_truncated(tsr_error *err, const char *codec, size_t size_bytes);

#endif
