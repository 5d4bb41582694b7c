/* The container of c-blosc 1, walked block by block.
 *
 * The library decodes a block into memory of its own, moves it through another for bits, and so on
 * to the end. Here a block is decoded into a scratch that stays in the second-level cache and is
 * un-shuffled from there into its place, with the kernels of kernels/unshuffle.h; only the
 * compressors are libraries. Containers of which this does not pay, or that older encoders may have
 * split by other rules, are not walked: blosc.c gives them to libblosc as a whole.
 *
 * Source: README_CHUNK_FORMAT.rst of c-blosc. A header of 16 bytes, the position of every block,
 * then the blocks. A block is one stream, or one for each byte of an element; a stream is its
 * length in four bytes and what the compressor made, or the bytes themselves when these are no
 * more. */
#ifndef TESSERA_CODEC_BLOSC_BLOCKS_H
#define TESSERA_CODEC_BLOSC_BLOCKS_H

#include "codec/codec.h"

/* The header. */
typedef struct tsri_blosc_container {
    const unsigned char *bytes; /* borrowed: the whole container */
    unsigned version, flags, typesize;
    uint32_t decoded_bytes, block_bytes, encoded_bytes;
} tsri_blosc_container;

/* Reads the header from at least 16 bytes. Nothing is checked. */
tsri_blosc_container tsri_blosc_container_of(const unsigned char *bytes);

/* Whether tsri_blosc_walk knows a container, whose header blosc_cbuffer_validate has found good and
 * whose encoded_bytes are there. */
bool tsri_blosc_is_walkable(const tsri_blosc_container *container);

/* Decodes blocks until there are `wanted_bytes` (more than 0), or all. `output` has room for
 * decoded_bytes. Errors: DAMAGED (what a block's bytes say is impossible, or the compressor says
 * so), NO_MEMORY. */
int tsri_blosc_walk(const tsri_blosc_container *container, tsr_codec_scratch *scratch, void *output,
                    size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err);

/* Decodes the blocks that hold any of the bytes that are wanted, and hands over each as a piece.
 * Errors: as tsri_blosc_walk, and those of `pieces`. */
int tsri_blosc_walk_pieces(const tsri_blosc_container *container, tsr_codec_scratch *scratch,
                           const tsr_codec_pieces *pieces, tsr_error *err);

/* libblosc does not look at what its own malloc returns and writes to address 0 (1.21.3), so what
 * it is about to allocate, two blocks and a little, is tried before. Another thread may still be
 * faster. Errors: NO_MEMORY. */
int tsri_blosc_check_memory(size_t block_bytes, tsr_error *err);

#endif
