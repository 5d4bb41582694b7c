/* What the first bytes of a PNG, JPEG or WebP file say: the picture's size and samples as its
 * decoder will deliver them. */
#ifndef TESSERA_SOURCE_PICTURE_HEADER_H
#define TESSERA_SOURCE_PICTURE_HEADER_H

#include <tessera/dtype.h>

#include "source/input.h"

typedef enum tsri_picture_format {
    TSRI_PICTURE_PNG,
    TSRI_PICTURE_JPEG,
    TSRI_PICTURE_WEBP
} tsri_picture_format;

typedef struct tsri_picture_header {
    int64_t height, width;
    int samples;
    const tsr_dtype *dtype;
} tsri_picture_header;

/* Whether a file begins like one of the format. Never fails. */
bool tsri_picture_recognise(tsri_picture_format format, const void *head, size_t size_bytes);

/* Reads the header. Samples of a PNG with fewer than 8 bits are widened to 8, palettes are looked
 * up, and a transparent colour becomes a sample of its own. Errors: DAMAGED, UNSUPPORTED (12 bits,
 * lossless JPEG, animations), IO.
 * Source: PNG (third edition), 5 and 11; ITU-T T.81, B.2; WebP by libwebp. */
int tsri_picture_header_read(tsri_picture_format format, const tsri_input *input,
                             tsri_picture_header *ret_header, tsr_error *err);

#endif
