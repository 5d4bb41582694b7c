/* Codecs that add a checksum of 32 bits to unchanged data: all of such a codec but the checksum.
 *
 * Four bytes, little-endian, behind the data or in front of it, as numcodecs writes them and as the
 * crc32c codec of Zarr v3 does. */
#ifndef TESSERA_CODEC_CHECKSUM_H
#define TESSERA_CODEC_CHECKSUM_H

#include "codec/configuration.h"

typedef struct tsri_checksum_codec tsri_checksum_codec;

/* One algorithm. */
typedef struct tsri_checksum_kind {
    const char *name; /* for messages */
    bool starts;      /* where the checksum stands when the configuration does not say */
    bool may_choose;  /* whether the configuration may say so ("location") */
    uint32_t (*compute)(const tsri_checksum_codec *codec, const void *bytes, size_t size_bytes);
} tsri_checksum_kind;

/* An opened codec. */
struct tsri_checksum_codec {
    const tsri_checksum_kind *kind;
    bool at_start;
    uint32_t seed; /* of algorithms that have one, with the bytes that count as standing first */
    size_t prefix_bytes;
    unsigned char *prefix; /* owned */
};

/* Reads "location" where the kind lets one choose. Owner: the caller, by tsri_checksum_close.
 * Errors: BAD_METADATA, NO_MEMORY. */
int tsri_checksum_open(const tsri_checksum_kind *kind, const tsri_configuration *configuration,
                       tsri_checksum_codec **ret_codec, tsr_error *err);
void tsri_checksum_close(void *codec);

/* The functions of the codec's tsr_codec_ops; `describe` writes "location" where it is not the
 * usual one. */
int tsri_checksum_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err);
tsr_size_bound tsri_checksum_bound(const void *codec, uint64_t size_bytes);
int tsri_checksum_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, tsr_output *output, tsr_error *err);
int tsri_checksum_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, void *output, size_t capacity_bytes,
                         size_t *ret_size_bytes, tsr_error *err);
int tsri_checksum_unwrap(const void *codec, const void *bytes, size_t size_bytes,
                         size_t *ret_offset, size_t *ret_size_bytes, tsr_error *err);
int tsri_checksum_append(const void *codec, tsr_output *output, size_t start, tsr_error *err);

/* The fields of tsr_codec_ops that all these codecs share. */
#define TSRI_CHECKSUM_FUNCTIONS                                                 \
    .kind = TSR_CODEC_BYTES_TO_BYTES, .bytes_bound = tsri_checksum_bound,       \
    .encode_bytes = tsri_checksum_encode, .decode_bytes = tsri_checksum_decode, \
    .unwrap = tsri_checksum_unwrap, .append = tsri_checksum_append

#endif
