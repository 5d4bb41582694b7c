#include "codec/parity.h"

#include <endian.h>
#include <isa-l/crc64.h>
#include <isa-l/erasure_code.h>
#include <stdlib.h>

#include "base/checked.h"
#include "codec/codec.h"

/* Smaller shards get smaller blocks, so that their directories are small too. */
#define SMALL_SHARD_BYTES (UINT64_C(1) << 20)
/* So much goes through the checksum and the code at once: it stays in the cache meanwhile. */
#define STEP_BYTES (UINT64_C(32) << 10)
#define TABLE_BYTES 32 /* of each coefficient, for the vector instructions */

#define MAGIC "TSRparit"
#define VERSION 1
#define HEADER_BYTES 64

/* ---- strength ---- */

bool tsri_parity_strength_is_valid(int64_t data_rows, int64_t parity_rows)
{
    return data_rows >= 1 && parity_rows >= 1 && parity_rows <= data_rows &&
           data_rows <= TSRI_PARITY_ROWS_MAX - parity_rows;
}

/* Four rows of parity where that fits: a column then bears four lost blocks, at little cost. */
static tsri_parity_strength strength_of_percent(int percent)
{
    int parity = 4;
    while (parity > 1 && parity * 100 / percent + parity > TSRI_PARITY_ROWS_MAX)
        parity--;
    return (tsri_parity_strength){parity * 100 / percent, parity};
}

static bool read_number(const char **text, long *ret_number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    *ret_number = strtol(*text, &end, 10);
    *text = end;
    return *ret_number >= 1 && *ret_number <= TSRI_PARITY_ROWS_MAX;
}

int tsri_parity_strength_parse(const char *text, tsri_parity_strength *ret_strength, tsr_error *err)
{
    const char *at = text;
    long first, second;

    if (read_number(&at, &first)) {
        if (strcmp(at, "%") == 0 && first <= 100) {
            *ret_strength = strength_of_percent((int)first);
            return 0;
        }
        if (*at++ == '+' && read_number(&at, &second) && *at == '\0' &&
            tsri_parity_strength_is_valid(first, second)) {
            *ret_strength = (tsri_parity_strength){(int)first, (int)second};
            return 0;
        }
    }
    tsr_error_set(err, TSR_INVALID_ARGUMENT, "parity \"%.40s\" is not understood", text);
    tsr_error_set_next_step(err, "write 1%% to 100%%, or the blocks of data and of parity that "
                                 "belong together, such as 40+4: at most as many of parity as of "
                                 "data, and 255 in all");
    return TSR_INVALID_ARGUMENT;
}

/* ---- shapes ---- */

static uint64_t ceil_divide(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* Fills in what follows from the rest; false when the sizes overflow. */
static bool complete_shape(tsri_parity_shape *shape)
{
    uint64_t block = shape->block_bytes, checksums, listed, blocks;

    if (!tsri_add_u64(shape->before_bytes, shape->after_bytes, &shape->covered_bytes) ||
        shape->covered_bytes == 0 || shape->covered_bytes > UINT64_MAX / 8)
        return false;
    shape->block_count = ceil_divide(shape->covered_bytes, block);
    shape->column_count = ceil_divide(shape->block_count, (uint64_t)shape->strength.data_rows);
    checksums = sizeof(uint64_t) * tsri_parity_all_blocks(shape);
    if (!tsri_add_u64(shape->index_bytes, checksums, &listed))
        return false;
    shape->page_count = ceil_divide(listed, block - HEADER_BYTES);
    blocks = 2 * shape->page_count + (uint64_t)shape->strength.parity_rows * shape->column_count;
    return shape->page_count <= UINT32_MAX &&
           tsri_multiply_u64(blocks, block, &shape->section_bytes) &&
           tsri_add_u64(shape->covered_bytes, shape->section_bytes, &shape->shard_bytes);
}

int tsri_parity_shape_init(tsri_parity_shape *ret_shape, tsri_parity_strength strength,
                           uint64_t end_bytes, uint64_t index_bytes, bool index_at_start,
                           tsr_error *err)
{
    bool small = end_bytes < SMALL_SHARD_BYTES;
    tsri_parity_shape shape = {
        .strength = strength,
        .block_bytes = small ? TSRI_PARITY_BLOCK_MIN : TSRI_PARITY_BLOCK_MAX,
        .after_bytes = index_at_start ? 0 : index_bytes,
        .index_bytes = index_bytes,
    };

    if (!tsri_multiply_u64(ceil_divide(end_bytes, shape.block_bytes), shape.block_bytes,
                           &shape.before_bytes) ||
        !complete_shape(&shape))
        return tsr_error_set(err, TSR_LIMIT, "a shard that is too large for parity");
    *ret_shape = shape;
    return 0;
}

void tsri_parity_block_place(const tsri_parity_shape *shape, uint64_t number, uint64_t *ret_offset,
                             uint64_t *ret_size_bytes)
{
    uint64_t block = shape->block_bytes, at = number * block;

    *ret_size_bytes = block;
    if (number >= shape->block_count) {
        *ret_offset = shape->before_bytes + tsri_parity_rows_offset(shape) +
                      (number - shape->block_count) * block;
        return;
    }
    *ret_size_bytes = TSRI_MIN(block, shape->covered_bytes - at);
    *ret_offset = at < shape->before_bytes ? at : at + shape->section_bytes;
}

/* ---- the code ---- */

/* The coefficient of a data row in a row of parity: 1 / ((k + parity row) xor data row). */
static unsigned char coefficient(tsri_parity_strength strength, int parity_row, int data_row)
{
    return gf_inv((unsigned char)((strength.data_rows + parity_row) ^ data_row));
}

/* The tables for some rows of parity; `chosen` NULL: all. Owner: the caller. */
static unsigned char *new_tables(tsri_parity_strength strength, const int *chosen, int count)
{
    size_t width = (size_t)strength.data_rows, entries = width * (size_t)count;
    unsigned char *tables = tsri_alloc_array(entries, TABLE_BYTES);
    unsigned char *matrix = tsri_alloc(entries);

    if (tables && matrix) {
        for (int i = 0; i < count; i++)
            for (int row = 0; row < strength.data_rows; row++)
                matrix[(size_t)i * width + (size_t)row] =
                    coefficient(strength, chosen ? chosen[i] : i, row);
        ec_init_tables(strength.data_rows, count, matrix, tables);
    } else {
        tsri_free(tables);
        tables = NULL;
    }
    tsri_free(matrix);
    return tables;
}

/* ---- making it ---- */

static void store_u16(unsigned char *to, uint16_t value)
{
    value = htole16(value);
    memcpy(to, &value, sizeof value);
}

static void store_u32(unsigned char *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
}

static void store_u64(unsigned char *to, uint64_t value)
{
    value = htole64(value);
    memcpy(to, &value, sizeof value);
}

static uint64_t directory_bytes(const tsri_parity_shape *shape)
{
    return shape->page_count * tsri_parity_page_payload(shape);
}

uint64_t tsri_parity_page_payload(const tsri_parity_shape *shape)
{
    return shape->block_bytes - HEADER_BYTES;
}

uint64_t tsri_parity_encoder_bytes(const tsri_parity_shape *shape)
{
    return shape->section_bytes + directory_bytes(shape);
}

int tsri_parity_encoder_init(tsri_parity_encoder *ret_encoder, const tsri_parity_shape *shape,
                             tsr_error *err)
{
    tsri_parity_encoder encoder = {.shape = *shape};

    if (shape->section_bytes > SIZE_MAX)
        return tsr_error_set(err, TSR_LIMIT, "a shard that is too large for parity");
    encoder.tables = new_tables(shape->strength, NULL, shape->strength.parity_rows);
    encoder.section = tsri_alloc_zero((size_t)shape->section_bytes);
    encoder.directory = tsri_alloc_zero((size_t)directory_bytes(shape));
    if (!encoder.tables || !encoder.section || !encoder.directory) {
        tsri_parity_encoder_clear(&encoder);
        return tsri_error_no_memory(err, (size_t)shape->section_bytes);
    }
    *ret_encoder = encoder;
    return 0;
}

void tsri_parity_encoder_clear(tsri_parity_encoder *encoder)
{
    tsri_free(encoder->tables);
    tsri_free(encoder->section);
    tsri_free(encoder->directory);
    *encoder = (tsri_parity_encoder){0};
}

/* CRC-64/XZ. Not CRC-32C: bytes that end in their own CRC-32C can be replaced by others that do
 * without any change to the CRC-32C of what is around them, and so are most inner chunks. */
static uint64_t add_to_crc(uint64_t crc, const void *bytes, size_t size_bytes)
{
    return crc64_ecma_refl(crc, bytes, size_bytes);
}

static void note_crc(tsri_parity_encoder *self, uint64_t number, uint64_t crc)
{
    store_u64(self->directory + self->shape.index_bytes + sizeof crc * number, crc);
}

/* Adds bytes of one row to the rows of parity. */
static void add_to_parity(tsri_parity_encoder *self, const void *bytes, size_t size_bytes)
{
    const tsri_parity_shape *shape = &self->shape;
    uint64_t row_bytes = shape->column_count * shape->block_bytes;
    unsigned char *rows[TSRI_PARITY_ROWS_MAX];
    unsigned char *first = self->section + tsri_parity_rows_offset(shape);

    for (int i = 0; i < shape->strength.parity_rows; i++)
        rows[i] = first + (uint64_t)i * row_bytes + self->fed_bytes % row_bytes;
    /* The library takes a pointer to bytes that it only reads as not const. */
    ec_encode_data_update((int)size_bytes, shape->strength.data_rows, shape->strength.parity_rows,
                          (int)(self->fed_bytes / row_bytes), self->tables,
                          (unsigned char *)(uintptr_t)bytes, rows);
}

/* Adds bytes to the checksums of their blocks. */
static void add_to_crcs(tsri_parity_encoder *self, const unsigned char *bytes, size_t size_bytes)
{
    uint64_t block = self->shape.block_bytes, at = self->fed_bytes;

    while (size_bytes > 0) {
        size_t step = (size_t)TSRI_MIN(block - at % block, (uint64_t)size_bytes);
        self->crc = add_to_crc(self->crc, bytes, step);
        at += step;
        bytes += step;
        size_bytes -= step;
        if (at % block == 0) {
            note_crc(self, at / block - 1, self->crc);
            self->crc = 0;
        }
    }
}

void tsri_parity_encoder_feed(tsri_parity_encoder *encoder, const void *bytes, size_t size_bytes)
{
    const unsigned char *from = bytes;
    uint64_t row_bytes = encoder->shape.column_count * encoder->shape.block_bytes;

    while (size_bytes > 0) {
        uint64_t left_in_row = row_bytes - encoder->fed_bytes % row_bytes;
        size_t step = (size_t)TSRI_MIN(TSRI_MIN(left_in_row, STEP_BYTES), (uint64_t)size_bytes);
        add_to_crcs(encoder, from, step);
        add_to_parity(encoder, from, step);
        encoder->fed_bytes += step;
        from += step;
        size_bytes -= step;
    }
}

/* The crc of the first page bytes that follow the checksum of the page. */
static uint32_t page_crc(const unsigned char *page, uint64_t block_bytes)
{
    return tsri_crc32c(0, page + 12, (size_t)block_bytes - 12);
}

static void write_page(const tsri_parity_encoder *self, uint64_t number, uint32_t directory_crc)
{
    const tsri_parity_shape *shape = &self->shape;
    size_t payload = (size_t)tsri_parity_page_payload(shape);
    unsigned char *page = self->section + number * shape->block_bytes;

    memcpy(page, MAGIC, 8);
    store_u16(page + 12, VERSION);
    store_u16(page + 14, (uint16_t)shape->block_bytes);
    store_u16(page + 16, (uint16_t)shape->strength.data_rows);
    store_u16(page + 18, (uint16_t)shape->strength.parity_rows);
    store_u32(page + 20, (uint32_t)number);
    store_u32(page + 24, (uint32_t)shape->page_count);
    store_u32(page + 28, directory_crc);
    store_u64(page + 32, shape->before_bytes);
    store_u64(page + 40, shape->after_bytes);
    store_u64(page + 48, shape->index_bytes);
    memcpy(page + HEADER_BYTES, self->directory + number * payload, payload);
    store_u32(page + 8, page_crc(page, shape->block_bytes));
}

void tsri_parity_encoder_finish(tsri_parity_encoder *encoder, const void *index)
{
    const tsri_parity_shape *shape = &encoder->shape;
    static const unsigned char zeros[TSRI_PARITY_BLOCK_MAX];
    size_t block = (size_t)shape->block_bytes, over = (size_t)(encoder->fed_bytes % block);
    const unsigned char *rows = encoder->section + tsri_parity_rows_offset(shape);
    uint64_t all = tsri_parity_all_blocks(shape);

    if (over > 0)
        add_to_crcs(encoder, zeros, block - over);
    for (uint64_t number = shape->block_count; number < all; number++, rows += block)
        note_crc(encoder, number, add_to_crc(0, rows, block));
    memcpy(encoder->directory, index, (size_t)shape->index_bytes);
    uint32_t crc = tsri_crc32c(0, encoder->directory, (size_t)directory_bytes(shape));
    for (uint64_t number = 0; number < shape->page_count; number++)
        write_page(encoder, number, crc);
    size_t copy_bytes = (size_t)shape->page_count * block;
    memcpy(encoder->section + shape->section_bytes - copy_bytes, encoder->section, copy_bytes);
}

/* ---- reading it ---- */

static uint16_t load_u16(const unsigned char *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return le16toh(value);
}

static uint32_t load_u32(const unsigned char *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return le32toh(value);
}

static uint64_t load_u64(const unsigned char *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

static bool is_block_size(uint64_t bytes)
{
    return bytes >= TSRI_PARITY_BLOCK_MIN && bytes <= TSRI_PARITY_BLOCK_MAX &&
           (bytes & (bytes - 1)) == 0;
}

/* Whether the index stands in front of everything, or right behind the section. */
static bool is_index_placed(const tsri_parity_shape *shape)
{
    return shape->after_bytes == shape->index_bytes ||
           (shape->after_bytes == 0 && shape->index_bytes <= shape->before_bytes);
}

bool tsri_parity_page_read(const void *bytes, size_t size_bytes, tsri_parity_shape *ret_shape,
                           uint64_t *ret_number, uint32_t *ret_directory_crc,
                           const unsigned char **ret_payload)
{
    const unsigned char *page = bytes;

    if (size_bytes < TSRI_PARITY_BLOCK_MIN || memcmp(page, MAGIC, 8) != 0 ||
        load_u16(page + 12) != VERSION)
        return false;
    tsri_parity_shape shape = {
        .strength = {load_u16(page + 16), load_u16(page + 18)},
        .block_bytes = load_u16(page + 14),
        .before_bytes = load_u64(page + 32),
        .after_bytes = load_u64(page + 40),
        .index_bytes = load_u64(page + 48),
    };
    if (!is_block_size(shape.block_bytes) || size_bytes < shape.block_bytes ||
        load_u32(page + 8) != page_crc(page, shape.block_bytes) ||
        !tsri_parity_strength_is_valid(shape.strength.data_rows, shape.strength.parity_rows) ||
        shape.before_bytes % shape.block_bytes != 0 || !is_index_placed(&shape) ||
        !complete_shape(&shape) || load_u32(page + 24) != shape.page_count ||
        load_u32(page + 20) >= shape.page_count)
        return false;
    *ret_shape = shape;
    *ret_number = load_u32(page + 20);
    *ret_directory_crc = load_u32(page + 28);
    *ret_payload = page + HEADER_BYTES;
    return true;
}

bool tsri_parity_block_holds(const tsri_parity_shape *shape, const unsigned char *directory,
                             uint64_t number, const void *bytes, size_t size_bytes)
{
    static const unsigned char zeros[TSRI_PARITY_BLOCK_MAX];
    const unsigned char *listed = directory + shape->index_bytes + sizeof(uint64_t) * number;
    uint64_t crc = add_to_crc(0, bytes, size_bytes);

    if (size_bytes < shape->block_bytes)
        crc = add_to_crc(crc, zeros, (size_t)shape->block_bytes - size_bytes);
    return crc == load_u64(listed);
}

/* ---- rebuilding ---- */

/* The lost data rows, and as many rows of parity that are left. */
typedef struct losses {
    int count;
    int rows[TSRI_PARITY_ROWS_MAX], helpers[TSRI_PARITY_ROWS_MAX];
} losses;

static bool count_losses(tsri_parity_strength strength, const bool *lost, losses *ret_losses)
{
    int helpers = 0;

    ret_losses->count = 0;
    for (int row = 0; row < strength.data_rows; row++)
        if (lost[row])
            ret_losses->rows[ret_losses->count++] = row;
    for (int row = 0; row < strength.parity_rows && helpers < ret_losses->count; row++)
        if (!lost[strength.data_rows + row])
            ret_losses->helpers[helpers++] = row;
    return helpers == ret_losses->count;
}

/* The tables of the matrix that turns what the lost rows contribute to the helpers into the lost
 * rows. Owner: the caller. NULL when there is no memory. */
static unsigned char *new_inverse_tables(tsri_parity_strength strength, const losses *lost)
{
    size_t count = (size_t)lost->count, entries = count * count;
    unsigned char *tables = NULL, *matrix = tsri_alloc(entries), *inverse = tsri_alloc(entries);

    for (size_t i = 0; matrix && i < count; i++)
        for (size_t j = 0; j < count; j++)
            matrix[i * count + j] = coefficient(strength, lost->helpers[i], lost->rows[j]);
    /* Every square part of a Cauchy matrix can be inverted. */
    if (matrix && inverse && gf_invert_matrix(matrix, inverse, lost->count) == 0)
        tables = tsri_alloc_array(entries, TABLE_BYTES);
    if (tables)
        ec_init_tables(lost->count, lost->count, inverse, tables);
    tsri_free(matrix);
    tsri_free(inverse);
    return tables;
}

/* What the lost rows contribute to the helpers: these, and all other rows taken off them. */
static void take_off_known(tsri_parity_strength strength, unsigned char *const *rows,
                           const losses *lost, unsigned char *tables, unsigned char **rests,
                           size_t size_bytes)
{
    unsigned char *data[TSRI_PARITY_ROWS_MAX];

    for (int row = 0; row < strength.data_rows; row++)
        data[row] = rows[row];
    for (int i = 0; i < lost->count; i++)
        memset(rows[lost->rows[i]], 0, size_bytes);
    ec_encode_data((int)size_bytes, strength.data_rows, lost->count, tables, data, rests);
    for (int i = 0; i < lost->count; i++) {
        const unsigned char *helper = rows[strength.data_rows + lost->helpers[i]];
        for (size_t at = 0; at < size_bytes; at++)
            rests[i][at] ^= helper[at];
    }
}

int tsri_parity_rebuild(tsri_parity_strength strength, unsigned char *const *rows, const bool *lost,
                        size_t size_bytes, tsr_error *err)
{
    losses gone;
    unsigned char *rests[TSRI_PARITY_ROWS_MAX], *wanted[TSRI_PARITY_ROWS_MAX];

    if (!count_losses(strength, lost, &gone))
        return tsr_error_set(err, TSR_DAMAGED,
                             "%d of %d blocks are lost, and too few of the %d blocks of parity are "
                             "left",
                             gone.count, strength.data_rows, strength.parity_rows);
    if (gone.count == 0)
        return 0;
    unsigned char *known = new_tables(strength, gone.helpers, gone.count);
    unsigned char *inverse = new_inverse_tables(strength, &gone);
    unsigned char *memory = tsri_alloc_array((size_t)gone.count, size_bytes);
    int status = 0;
    if (known && inverse && memory) {
        for (int i = 0; i < gone.count; i++) {
            rests[i] = memory + (size_t)i * size_bytes;
            wanted[i] = rows[gone.rows[i]];
        }
        take_off_known(strength, rows, &gone, known, rests, size_bytes);
        ec_encode_data((int)size_bytes, gone.count, gone.count, inverse, rests, wanted);
    } else {
        status = tsri_error_no_memory(err, (size_t)gone.count * size_bytes);
    }
    tsri_free(memory);
    tsri_free(inverse);
    tsri_free(known);
    return status;
}
