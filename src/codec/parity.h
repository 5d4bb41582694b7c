/* Reed-Solomon parity of a shard, kept in bytes of the shard that no entry of its index refers to.
 *
 * Format: docs/format/parity.md. The bytes of a shard without its parity section are cut into
 * blocks, and the blocks laid out in k rows of equal length; below them come m rows of parity, so
 * that of each column of k + m blocks any m may be lost. Directories at both ends of the section
 * hold the geometry, a copy of the index and a CRC-64 of every block.
 *
 * Code: systematic, with a Cauchy matrix over GF(2^8) (Bloemer et al., "An XOR-Based
 * Erasure-Resilient Coding Scheme", 1995), of which every square part is invertible.
 *
 * Nothing here does input or output. Thread: CONFINED. */
#ifndef TESSERA_CODEC_PARITY_H
#define TESSERA_CODEC_PARITY_H

#include "base/base.h"

#define TSRI_PARITY_ROWS_MAX 255 /* of data and parity together */
#define TSRI_PARITY_BLOCK_MIN 512
#define TSRI_PARITY_BLOCK_MAX 4096

/* How much parity: m parity blocks for each k data blocks. All 0: none. */
typedef struct tsri_parity_strength {
    int data_rows, parity_rows; /* k >= 1, 1 <= m <= k, k + m <= TSRI_PARITY_ROWS_MAX */
} tsri_parity_strength;

bool tsri_parity_strength_is_valid(int64_t data_rows, int64_t parity_rows);

/* Reads "10%" (1 to 100) or "40+4". Errors: INVALID_ARGUMENT. */
int tsri_parity_strength_parse(const char *text, tsri_parity_strength *ret_strength,
                               tsr_error *err);

/* Where everything lies in a shard with parity. */
typedef struct tsri_parity_shape {
    tsri_parity_strength strength;
    uint64_t block_bytes;
    uint64_t before_bytes; /* of the shard in front of the section: a multiple of the block */
    uint64_t after_bytes;  /* of the shard behind it: the index, where it stands at the end */
    uint64_t index_bytes;
    /* What follows from these. */
    uint64_t covered_bytes; /* before and behind the section */
    uint64_t block_count;   /* that these are; the last one is filled up with zeros */
    uint64_t column_count;  /* block n lies in row n / column_count */
    uint64_t page_count;    /* of the directory, each of a block's size, twice */
    uint64_t section_bytes, shard_bytes;
} tsri_parity_shape;

/* Works out the shape of a shard whose inner chunks (and index, where it stands first) end at
 * `end_bytes`. Errors: LIMIT (overflow). */
int tsri_parity_shape_init(tsri_parity_shape *ret_shape, tsri_parity_strength strength,
                           uint64_t end_bytes, uint64_t index_bytes, bool index_at_start,
                           tsr_error *err);

/* Where the rows of parity begin within the section. */
static inline uint64_t tsri_parity_rows_offset(const tsri_parity_shape *shape)
{
    return shape->page_count * shape->block_bytes;
}

/* Blocks are numbered through: the data first, row by row, then the parity, row by row. */
static inline uint64_t tsri_parity_all_blocks(const tsri_parity_shape *shape)
{
    return shape->block_count + (uint64_t)shape->strength.parity_rows * shape->column_count;
}

/* Where a block lies in the shard, and how many bytes of it do. */
void tsri_parity_block_place(const tsri_parity_shape *shape, uint64_t number, uint64_t *ret_offset,
                             uint64_t *ret_size_bytes);

/* ---- making it ---- */

typedef struct tsri_parity_encoder {
    tsri_parity_shape shape;
    unsigned char *tables;    /* owned */
    unsigned char *section;   /* owned: shape.section_bytes; complete after _finish */
    unsigned char *directory; /* owned */
    uint64_t fed_bytes;
    uint64_t crc; /* of the block under way */
} tsri_parity_encoder;

/* What an encoder takes: the section, and its directory once more. */
uint64_t tsri_parity_encoder_bytes(const tsri_parity_shape *shape);

/* Takes memory for the whole section. Owner: the caller, by tsri_parity_encoder_clear. Errors:
 * NO_MEMORY, LIMIT. */
int tsri_parity_encoder_init(tsri_parity_encoder *ret_encoder, const tsri_parity_shape *shape,
                             tsr_error *err);
void tsri_parity_encoder_clear(tsri_parity_encoder *encoder);

/* Takes the next of the covered bytes, covered_bytes in all. Never fails. */
void tsri_parity_encoder_feed(tsri_parity_encoder *encoder, const void *bytes, size_t size_bytes);

/* Completes the section after the last byte. `index` are the encoded index's index_bytes. */
void tsri_parity_encoder_finish(tsri_parity_encoder *encoder, const void *index);

/* ---- reading it ---- */

/* Reads the page of a directory that begins at `bytes`: false when none does, or a damaged one.
 * *ret_payload lies in `bytes`. */
bool tsri_parity_page_read(const void *bytes, size_t size_bytes, tsri_parity_shape *ret_shape,
                           uint64_t *ret_number, uint32_t *ret_directory_crc,
                           const unsigned char **ret_payload);

/* How much of the directory a page holds. */
uint64_t tsri_parity_page_payload(const tsri_parity_shape *shape);

/* Whether a block is what it was; the last data block is given without its zeros. */
bool tsri_parity_block_holds(const tsri_parity_shape *shape, const unsigned char *directory,
                             uint64_t number, const void *bytes, size_t size_bytes);

/* Computes the lost data rows of some columns. `rows` are k + m runs of `size_bytes`, those of lost
 * rows to be filled in; lost parity rows are left as they are. Errors: DAMAGED (more data rows are
 * lost than parity rows are left), NO_MEMORY. */
int tsri_parity_rebuild(tsri_parity_strength strength, unsigned char *const *rows, const bool *lost,
                        size_t size_bytes, tsr_error *err);

#endif
