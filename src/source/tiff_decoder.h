/* Blocks (strips and tiles) of a TIFF file, decoded by libtiff. Its handles are of one thread at a
 * time and know one directory at a time, so there are as many as threads read at once; all share
 * one descriptor, whose position they do not use.
 *
 * Thread: tsri_tiff_decoders LOCKED, tsri_tiff_decoder CONFINED. */
#ifndef TESSERA_SOURCE_TIFF_DECODER_H
#define TESSERA_SOURCE_TIFF_DECODER_H

#include "source/tiff_picture.h"

typedef struct tsri_tiff_decoder tsri_tiff_decoder;

/* Decoders that nobody uses at the moment. */
typedef struct tsri_tiff_decoders {
    const tsri_input *input; /* borrowed */
    pthread_mutex_t mutex;
    tsri_tiff_decoder *idle;
    tsri_fork_handler fork_handler;
} tsri_tiff_decoders;

/* How the blocks of one directory lie, which may differ from page to page of an array. */
typedef struct tsri_tiff_blocks {
    bool tiled;
    int64_t height, width; /* of a block; the last strip of a plane is shorter */
    int64_t down, across;  /* blocks in a plane */
    int64_t plane_blocks;  /* down * across */
    uint64_t row_bytes;    /* of a block in the file's own form, decoded */
    bool bare;             /* elements lie in the file as in memory, `swapped` aside */
    bool swapped;          /* bare numbers have the other order of bytes */
} tsri_tiff_blocks;

/* Never fails. */
void tsri_tiff_decoders_init(tsri_tiff_decoders *decoders, const tsri_input *input);
void tsri_tiff_decoders_clear(tsri_tiff_decoders *decoders);

/* Takes a decoder for as long as a read lasts. Owner: the caller, by tsri_tiff_decoders_give.
 * Errors: DAMAGED (libtiff makes nothing of the file), IO, NO_MEMORY. */
int tsri_tiff_decoders_take(tsri_tiff_decoders *decoders, tsri_tiff_decoder **ret_decoder,
                            tsr_error *err);
void tsri_tiff_decoders_give(tsri_tiff_decoders *decoders, tsri_tiff_decoder *decoder);

/* Goes to the directory at an offset of the file, which has to tell of such a picture. Errors:
 * DAMAGED, LIMIT (a block larger than the context lets a chunk be), IO, NO_MEMORY. */
int tsri_tiff_decoder_select(tsri_tiff_decoder *decoder, uint64_t directory,
                             const tsri_tiff_picture *picture, tsri_tiff_blocks *ret_blocks,
                             tsr_error *err);

/* Where a block of the selected directory lies in the file. 0 bytes: the file leaves it out.
 * Errors: DAMAGED, IO, NO_MEMORY. */
int tsri_tiff_decoder_extent(tsri_tiff_decoder *decoder, int64_t block, uint64_t *ret_offset,
                             uint64_t *ret_size_bytes, tsr_error *err);

/* Decodes a block of `rows` rows into elements in the byte order of this machine, without gaps.
 * They are lent until the decoder decodes another one or is given back. Errors: as above. */
int tsri_tiff_decoder_block(tsri_tiff_decoder *decoder, int64_t block, int64_t rows,
                            const unsigned char **ret_elements, tsr_error *err);

#endif
