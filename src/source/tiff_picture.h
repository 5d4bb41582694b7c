/* What one directory of a TIFF file says about its pixels: lengths, element type, blocks (strips or
 * tiles), and whether they can be read at all. */
#ifndef TESSERA_SOURCE_TIFF_PICTURE_H
#define TESSERA_SOURCE_TIFF_PICTURE_H

#include <tessera/dtype.h>

#include "source/tiff_directory.h"

typedef struct tsri_tiff_picture {
    int64_t height, width;
    int samples;   /* of a pixel */
    int bits;      /* of a sample */
    int format;    /* SampleFormat: 1 unsigned, 2 signed, 3 float, 6 complex... */
    bool separate; /* one plane after the other, each for one sample */
    int photometric, compression;
    bool reversed;      /* the bits of each byte: FillOrder */
    bool reduced, mask; /* NewSubfileType */
    bool tiled;
    int64_t block_height, block_width; /* of a tile or strip; a strip ends with the picture */
    const tsr_dtype *dtype;            /* NULL: refused */
    char refusal[96];                  /* why it cannot be read; empty: it can */
} tsri_tiff_picture;

/* Reads what a directory says. Pixels that cannot be read are no error here: see `refusal`. Errors:
 * DAMAGED (no width or height, lengths that no file has), IO. */
int tsri_tiff_picture_read(const tsri_tiff_layout *layout, const tsri_tiff_directory *directory,
                           tsri_tiff_picture *ret_picture, tsr_error *err);

/* Whether two pictures can be pages of one array. Never fails. */
bool tsri_tiff_picture_matches(const tsri_tiff_picture *a, const tsri_tiff_picture *b);

/* Whether elements lie in the file as in memory, but for the order of their bytes. Never fails. */
bool tsri_tiff_picture_is_bare(const tsri_tiff_picture *picture);

/* Whether samples have another number of bits than elements: they are unpacked. Never fails. */
bool tsri_tiff_picture_is_packed(const tsri_tiff_picture *picture);

#endif
