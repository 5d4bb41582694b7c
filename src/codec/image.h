/* What the codecs have in common that store chunks as pictures, as the imagecodecs package's codecs
 * for numcodecs do: an array of [height, width] or [height, width, samples] once the axes of length
 * 1 are left out. */
#ifndef TESSERA_CODEC_IMAGE_H
#define TESSERA_CODEC_IMAGE_H

#include "codec/configuration.h"

typedef struct tsri_image {
    int64_t height, width;
    int samples;         /* of a pixel */
    size_t sample_bytes; /* 1, 2 or 4 */
    bool is_signed;
} tsri_image;

/* A field of a configuration. */
typedef enum tsri_image_option_kind {
    TSRI_IMAGE_NUMBER,  /* or a boolean, which is 0 or 1 as in Python */
    TSRI_IMAGE_CHOICE,  /* one of some spellings, each of which stands for a number */
    TSRI_IMAGE_BYTES,   /* base64 */
    TSRI_IMAGE_IGNORED, /* nothing that is stored depends on it */
    TSRI_IMAGE_REFUSED  /* known, and not to be had: null and false alone are taken */
} tsri_image_option_kind;

typedef struct tsri_image_spelling {
    const char *text; /* JSON without blanks, in capitals; NULL ends the list */
    int value;
} tsri_image_spelling;

typedef struct tsri_image_option {
    const char *name; /* NULL ends the list */
    tsri_image_option_kind kind;
    const tsri_image_spelling *spellings; /* of a choice */
} tsri_image_option;

#define TSRI_IMAGE_OPTIONS_MAX 12

typedef struct tsri_image_bytes {
    unsigned char *data; /* NULL: not given */
    size_t size_bytes;
} tsri_image_bytes;

/* An opened codec of pictures. `options` and `bytes` go by the place of an option among `known`. */
typedef struct tsri_image_codec {
    const char *name;               /* of the codec, for messages */
    const tsri_image_option *known; /* its fields, but for "squeeze" */
    const char *types;              /* of the elements, for messages */
    int smallest, most;             /* samples of a pixel */
    size_t sample_bytes_max;
    bool takes_signed;
    double options[TSRI_IMAGE_OPTIONS_MAX]; /* NaN: not given, so that no comparison holds */
    tsri_image_bytes bytes[TSRI_IMAGE_OPTIONS_MAX];
    tsri_json *given;  /* the configuration */
    int squeeze_count; /* -1: axes of length 1 are left out; else so many axes, which are those */
    bool squeezed[TSR_RANK_MAX]; /* that are set here */
} tsri_image_codec;

/* Reads the configuration: the fields that `kind` knows, and "squeeze". Other fields may be there
 * when they are null or false. Owner: the caller, by tsri_image_close. Errors: BAD_METADATA,
 * UNSUPPORTED (the element type, a field that is not known), NO_MEMORY. */
int tsri_image_open(const tsri_image_codec *kind, const tsr_codec_setup *setup, void **ret_codec,
                    tsr_error *err);
void tsri_image_close(void *codec);

/* Writes those fields that are known and not null as they were given. */
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

#endif
