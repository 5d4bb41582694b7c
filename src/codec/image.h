/* What the codecs have in common that store chunks as pictures, as the imagecodecs package's codecs
 * for numcodecs do: an array of [height, width] or [height, width, samples] once the axes of length
 * 1 are left out. */
#ifndef TESSERA_CODEC_IMAGE_H
#define TESSERA_CODEC_IMAGE_H

#include "codec/configuration.h"

typedef struct tsri_image {
    int64_t height, width;
    int samples;         /* of a pixel */
    size_t sample_bytes; /* 1 or 2 */
} tsri_image;

/* An opened codec of pictures; `options` are the codec's own. */
typedef struct tsri_image_codec {
    int squeeze_count; /* -1: axes of length 1 are left out; else so many axes, which are those */
    bool squeezed[TSR_RANK_MAX]; /* that are set here */
    int64_t options[4];          /* INT64_MIN: not given */
    const char *const *names;    /* of the options, ended by NULL */
    const char *name;            /* of the codec, for messages */
    int smallest, most;          /* samples of a pixel */
    bool words;                  /* whether samples may have 16 bits */
} tsri_image_codec;

#define TSRI_IMAGE_OPTION_ABSENT INT64_MIN

/* Reads the configuration: the integers that `kind` names, and "squeeze". Other fields may be there
 * when they are null or false. Owner: the caller, by tsri_free. Errors: BAD_METADATA, UNSUPPORTED
 * (the element type, a field that is not known), NO_MEMORY. */
int tsri_image_open(const tsri_image_codec *kind, const tsr_codec_setup *setup, void **ret_codec,
                    tsr_error *err);
int tsri_image_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err);

/* The picture that an array of this shape is. Errors: UNSUPPORTED. */
int tsri_image_shape(const tsri_image_codec *codec, const tsr_dtype *dtype, int rank,
                     const int64_t *shape, tsri_image *ret_image, tsr_error *err);

/* Reports a picture of other lengths than the array's. Returns DAMAGED. */
int tsri_image_mismatch(const tsri_image_codec *codec, const tsri_image *expected, int64_t height,
                        int64_t width, int samples, tsr_error *err);

static inline size_t tsri_image_row_bytes(const tsri_image *image)
{
    return (size_t)image->width * (size_t)image->samples * image->sample_bytes;
}

/* A codec encodes from, and decodes into, dense rows. */
typedef int tsri_image_encode(const tsri_image_codec *codec, const tsri_image *image,
                              const unsigned char *pixels, tsr_output *output, tsr_error *err);
typedef int tsri_image_decode(const tsri_image_codec *codec, const tsri_image *image,
                              const void *bytes, size_t size_bytes, unsigned char *pixels,
                              tsr_error *err);

/* Goes from a view to dense rows and on, and back. Errors: those of the function, UNSUPPORTED,
 * NO_MEMORY. */
int tsri_image_encode_view(const tsri_image_codec *codec, const tsr_view *decoded,
                           tsri_image_encode *encode, tsr_output *output, tsr_error *err);
int tsri_image_decode_view(const tsri_image_codec *codec, const void *bytes, size_t size_bytes,
                           tsri_image_decode *decode, const tsr_view *decoded, tsr_error *err);

/* Nobody promises how large a picture becomes. */
tsr_size_bound tsri_image_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                const int64_t *shape);

#endif
