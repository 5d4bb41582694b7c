/* Proves of parity sections: every byte is what docs/format/parity.md says, computed here by long
 * multiplication; whatever is lost of a column up to its parity comes back, for every choice of
 * rows that is tried; a damaged or hostile page is never taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "codec/parity.h"
#include "support/hand_made.h"

static tsr_error err;

/* ---- the field, by its definition ---- */

/* Multiplies two polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1. */
static unsigned char multiply(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b; b >>= 1) {
        product ^= b & 1 ? a : 0;
        a = a & 0x80 ? (a << 1 ^ 0x11d) & 0xff : a << 1;
    }
    return (unsigned char)product;
}

static unsigned char invert(unsigned a)
{
    for (unsigned b = 1; b < 256; b++)
        if (multiply(a, b) == 1)
            return (unsigned char)b;
    fail_msg("%u has no inverse", a);
    return 0;
}

static unsigned char random_byte(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (unsigned char)(*state >> 24);
}

static uint32_t crc_of(const unsigned char *bytes, size_t size_bytes)
{
    unsigned char *copy = malloc(size_bytes + 4);
    memcpy(copy, bytes, size_bytes);
    append_crc32c(copy, size_bytes);
    uint32_t crc = (uint32_t)copy[size_bytes] | (uint32_t)copy[size_bytes + 1] << 8 |
                   (uint32_t)copy[size_bytes + 2] << 16 | (uint32_t)copy[size_bytes + 3] << 24;
    free(copy);
    return crc;
}

/* CRC-64/XZ, bit by bit. */
static uint64_t crc64_of(const unsigned char *bytes, size_t size_bytes)
{
    uint64_t crc = UINT64_MAX;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT64_C(0xc96c5795d7870f42) : crc >> 1;
    }
    return ~crc;
}

static uint64_t word(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

/* ---- a section ---- */

typedef struct subject {
    tsri_parity_shape shape;
    tsri_parity_encoder encoder;
    unsigned char *covered; /* filled up with zeros to whole blocks */
    unsigned char *index;
} subject;

/* Makes a section of random bytes, fed in pieces of odd sizes. */
static void subject_open(subject *self, int data_rows, int parity_rows, uint64_t end,
                         uint64_t index_bytes, bool at_start)
{
    const tsri_parity_strength strength = {data_rows, parity_rows};
    uint32_t random = (uint32_t)(end + index_bytes);

    assert_int_equal(
        tsri_parity_shape_init(&self->shape, strength, end, index_bytes, at_start, &err), 0);
    assert_int_equal(tsri_parity_encoder_init(&self->encoder, &self->shape, &err), 0);
    uint64_t block = self->shape.block_bytes;
    self->covered = calloc(self->shape.block_count, block);
    self->index = malloc(index_bytes);
    for (uint64_t i = 0; i < end; i++)
        self->covered[i] = random_byte(&random);
    for (uint64_t i = 0; i < index_bytes; i++) {
        self->index[i] = random_byte(&random);
        self->covered[at_start ? i : self->shape.before_bytes + i] = self->index[i];
    }
    uint64_t at = 0;
    for (uint64_t step = 1; at < self->shape.covered_bytes; step = step * 3 + 1) {
        uint64_t left = self->shape.covered_bytes - at, piece = step % 100003;
        piece = piece > left ? left : piece;
        tsri_parity_encoder_feed(&self->encoder, self->covered + at, piece);
        at += piece;
    }
    tsri_parity_encoder_finish(&self->encoder, self->index);
}

static void subject_close(subject *self)
{
    tsri_parity_encoder_clear(&self->encoder);
    free(self->covered);
    free(self->index);
}

static void every_byte_is_as_the_format_says(int data_rows, int parity_rows, uint64_t end,
                                             uint64_t index_bytes, bool at_start, uint64_t block)
{
    subject self;
    subject_open(&self, data_rows, parity_rows, end, index_bytes, at_start);
    uint64_t before = (end + block - 1) / block * block;
    uint64_t covered = before + (at_start ? 0 : index_bytes);
    uint64_t blocks = (covered + block - 1) / block;
    uint64_t columns = (blocks + (uint64_t)data_rows - 1) / (uint64_t)data_rows;
    uint64_t all = blocks + (uint64_t)parity_rows * columns;
    uint64_t pages = (index_bytes + 8 * all + block - 64 - 1) / (block - 64);
    uint64_t size = (2 * pages + (uint64_t)parity_rows * columns) * block;
    const unsigned char *section = self.encoder.section, *rows = section + pages * block;

    assert_int_equal(self.shape.section_bytes, size);
    assert_int_equal(self.shape.shard_bytes, covered + size);
    unsigned char *directory = calloc(pages, block - 64);
    for (uint64_t page = 0; page < pages; page++)
        memcpy(directory + page * (block - 64), section + page * block + 64, block - 64);
    for (uint64_t page = 0; page < pages; page++) {
        const unsigned char *at = section + page * block;
        assert_memory_equal(at, "TSRparit", 8);
        assert_int_equal(word(at + 8, 4), crc_of(at + 12, block - 12));
        assert_int_equal(word(at + 12, 2), 1);
        assert_int_equal(word(at + 14, 2), block);
        assert_int_equal(word(at + 16, 2), data_rows);
        assert_int_equal(word(at + 18, 2), parity_rows);
        assert_int_equal(word(at + 20, 4), page);
        assert_int_equal(word(at + 24, 4), pages);
        assert_int_equal(word(at + 28, 4), crc_of(directory, pages * (block - 64)));
        assert_int_equal(word(at + 32, 8), before);
        assert_int_equal(word(at + 40, 8), at_start ? 0 : index_bytes);
        assert_int_equal(word(at + 48, 8), index_bytes);
        assert_int_equal(word(at + 56, 8), 0);
    }
    assert_memory_equal(section + size - pages * block, section, pages * block);
    assert_memory_equal(directory, self.index, index_bytes);
    for (uint64_t n = 0; n < all; n++) {
        const unsigned char *at =
            n < blocks ? self.covered + n * block : rows + (n - blocks) * block;
        assert_true(word(directory + index_bytes + 8 * n, 8) == crc64_of(at, block));
        assert_true(tsri_parity_block_holds(&self.shape, directory, n, at, block));
    }
    for (int j = 0; j < parity_rows; j++) {
        unsigned char factors[256];
        for (int i = 0; i < data_rows; i++)
            factors[i] = invert((unsigned)(data_rows + j) ^ (unsigned)i);
        for (uint64_t at = 0; at < columns * block; at += 61) {
            unsigned char sum = 0;
            for (uint64_t i = 0; i < (uint64_t)data_rows; i++) {
                uint64_t from = i * columns * block + at;
                sum ^= from < blocks * block ? multiply(factors[i], self.covered[from]) : 0;
            }
            assert_int_equal(rows[(uint64_t)j * columns * block + at], sum);
        }
    }
    free(directory);
    subject_close(&self);
}

static void sections_are_as_the_format_says(void **state)
{
    (void)state;
    every_byte_is_as_the_format_says(40, 4, 100000, 1028, false, 512);
    every_byte_is_as_the_format_says(40, 4, 100000, 1028, true, 512);
    every_byte_is_as_the_format_says(3, 3, 1, 20, false, 512);
    every_byte_is_as_the_format_says(1, 1, 512, 20, true, 512);
    every_byte_is_as_the_format_says(200, 55, 30000, 20004, false, 512);
    every_byte_is_as_the_format_says(10, 1, 1 << 20, 16388, false, 4096);
    every_byte_is_as_the_format_says(128, 127, (1 << 20) + 1, 36, true, 4096);
}

static void the_checksum_is_that_of_xz(void **state)
{
    (void)state;
    assert_true(crc64_of((const unsigned char *)"123456789", 9) == UINT64_C(0x995dc9bbdf1939fa));
}

/* A shard that holds no inner chunk has an index to cover. */
static void an_index_alone_has_parity(void **state)
{
    (void)state;
    every_byte_is_as_the_format_says(4, 4, 0, 20, false, 512);
}

/* ---- losing blocks ---- */

/* Loses the rows of a pattern, all of them wiped, and expects the data rows back. */
static void lose(tsri_parity_strength strength, unsigned char *const *rows, const bool *lost,
                 size_t size, const unsigned char *expected)
{
    unsigned char *copies[TSRI_PARITY_ROWS_MAX] = {NULL};
    int count = strength.data_rows + strength.parity_rows, wiped = 0;

    for (int i = 0; i < count; i++) {
        copies[i] = malloc(size);
        memcpy(copies[i], rows[i], size);
        if (lost[i])
            memset(copies[i], 0xa5, size);
        wiped += lost[i];
    }
    int status = tsri_parity_rebuild(strength, copies, lost, size, &err);
    if (wiped <= strength.parity_rows) {
        assert_int_equal(status, 0);
        for (int i = 0; i < strength.data_rows; i++)
            assert_memory_equal(copies[i], expected + (size_t)i * size, size);
    }
    for (int i = 0; i < count; i++)
        free(copies[i]);
}

/* Rows of one column of a section, as rebuild takes them. */
static void columns_of(const subject *self, unsigned char **rows)
{
    uint64_t block = self->shape.block_bytes;
    assert_int_equal(self->shape.column_count, 1);
    for (int i = 0; i < self->shape.strength.data_rows; i++)
        rows[i] = self->covered + (uint64_t)i * block;
    for (int i = 0; i < self->shape.strength.parity_rows; i++)
        rows[self->shape.strength.data_rows + i] =
            self->encoder.section + tsri_parity_rows_offset(&self->shape) + (uint64_t)i * block;
}

static void every_pattern_of_a_small_code_is_rebuilt(void **state)
{
    static const tsri_parity_strength codes[] = {{1, 1}, {5, 1}, {5, 3}, {6, 6}, {9, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        subject self;
        unsigned char *rows[TSRI_PARITY_ROWS_MAX];
        int count = codes[i].data_rows + codes[i].parity_rows;
        subject_open(&self, codes[i].data_rows, codes[i].parity_rows,
                     (uint64_t)codes[i].data_rows * 512, 36, true);
        columns_of(&self, rows);
        for (unsigned pattern = 0; pattern < 1u << count; pattern++) {
            bool lost[TSRI_PARITY_ROWS_MAX];
            for (int row = 0; row < count; row++)
                lost[row] = pattern >> row & 1;
            lose(codes[i], rows, lost, 512, self.covered);
        }
        subject_close(&self);
    }
}

static void random_patterns_of_large_codes_are_rebuilt(void **state)
{
    static const tsri_parity_strength codes[] = {{40, 4}, {200, 55}, {128, 127}, {254, 1}};
    uint32_t random = 7;
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        subject self;
        unsigned char *rows[TSRI_PARITY_ROWS_MAX];
        int count = codes[i].data_rows + codes[i].parity_rows;
        subject_open(&self, codes[i].data_rows, codes[i].parity_rows,
                     (uint64_t)codes[i].data_rows * 512, 36, true);
        columns_of(&self, rows);
        for (int trial = 0; trial < 20; trial++) {
            bool lost[TSRI_PARITY_ROWS_MAX] = {false};
            for (int left = codes[i].parity_rows; left > 0;) {
                int row = (random_byte(&random) << 8 | random_byte(&random)) % count;
                left -= !lost[row];
                lost[row] = true;
            }
            lose(codes[i], rows, lost, 512, self.covered);
        }
        subject_close(&self);
    }
}

static void more_losses_than_parity_are_told(void **state)
{
    (void)state;
    subject self;
    unsigned char *rows[TSRI_PARITY_ROWS_MAX];
    bool lost[TSRI_PARITY_ROWS_MAX] = {true, true, false, false, true};
    subject_open(&self, 4, 2, 2048, 36, true);
    columns_of(&self, rows);
    assert_int_equal(tsri_parity_rebuild(self.shape.strength, rows, lost, 512, &err), TSR_DAMAGED);
    assert_non_null(strstr(err.message, "too few"));
    subject_close(&self);
}

/* ---- pages ---- */

static void a_damaged_page_is_none(void **state)
{
    (void)state;
    subject self;
    tsri_parity_shape shape;
    uint64_t number;
    uint32_t crc;
    const unsigned char *payload;
    subject_open(&self, 10, 2, 20000, 68, false);
    unsigned char page[512];
    memcpy(page, self.encoder.section, sizeof page);
    assert_true(tsri_parity_page_read(page, sizeof page, &shape, &number, &crc, &payload));
    assert_memory_equal(&shape, &self.shape, sizeof shape);
    assert_int_equal(number, 0);
    assert_ptr_equal(payload, page + 64);
    for (size_t bit = 0; bit < sizeof page * 8; bit++) {
        page[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(tsri_parity_page_read(page, sizeof page, &shape, &number, &crc, &payload));
        page[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t size = 0; size < sizeof page; size++)
        assert_false(tsri_parity_page_read(page, size, &shape, &number, &crc, &payload));
    subject_close(&self);
}

typedef struct hostile_row {
    const char *what;
    size_t offset;
    int bytes;
    uint64_t value;
} hostile_row;

static const hostile_row hostile_rows[] = {
    {"another version", 12, 2, 2},
    {"a block of no power of two", 14, 2, 513},
    {"a block that is too small", 14, 2, 256},
    {"a block of nothing", 14, 2, 0},
    {"a block larger than what is there", 14, 2, 1024},
    {"no data rows", 16, 2, 0},
    {"no parity rows", 18, 2, 0},
    {"more parity than data", 18, 2, 11},
    {"too many rows", 16, 2, 254},
    {"a page behind the last", 20, 4, 1000},
    {"a number of pages that does not follow", 24, 4, 3},
    {"a section at no block", 32, 8, 511},
    {"a section near the end of numbers", 32, 8, UINT64_MAX - 511},
    {"an index that is neither in front nor behind", 40, 8, 67},
    {"an index of more than there is", 48, 8, UINT64_MAX},
};

/* Pages with a checksum that holds, as somebody with bad intentions makes them. */
static void a_page_that_cannot_be_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile_rows / sizeof *hostile_rows; i++) {
        const hostile_row *row = &hostile_rows[i];
        subject self;
        tsri_parity_shape shape;
        uint64_t number;
        uint32_t crc;
        const unsigned char *payload;
        unsigned char page[512 + 4], rest[512 + 4];
        subject_open(&self, 10, 2, 20000, 68, false);
        memcpy(page, self.encoder.section, 512);
        for (int byte = 0; byte < row->bytes; byte++)
            page[row->offset + (size_t)byte] = (unsigned char)(row->value >> 8 * byte);
        memcpy(rest, page + 12, 500);
        append_crc32c(rest, 500);
        memcpy(page + 8, rest + 500, 4);
        if (tsri_parity_page_read(page, 512, &shape, &number, &crc, &payload))
            fail_msg("%s is taken", row->what);
        subject_close(&self);
    }
}

/* ---- strength ---- */

static void strengths_are_read(void **state)
{
    static const struct {
        const char *text;
        int data_rows, parity_rows;
    } rows[] = {{"10%", 40, 4},    {"100%", 4, 4},        {"1%", 200, 2},
                {"2%", 200, 4},    {"33%", 12, 4},        {"40+4", 40, 4},
                {"254+1", 254, 1}, {"128+127", 128, 127}, {"1+1", 1, 1}};
    static const char *const bad[] = {"",     "10",   "0%",    "101%",    "%",
                                      "10%%", "4+5",  "255+1", "128+128", "4+",
                                      "+4",   "-4+2", "4 + 2", "4+0",     "9999999999999999999+1",
                                      "ten",  " 10%"};
    tsri_parity_strength found = {7, 7};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tsri_parity_strength_parse(rows[i].text, &found, &err), 0);
        assert_int_equal(found.data_rows, rows[i].data_rows);
        assert_int_equal(found.parity_rows, rows[i].parity_rows);
    }
    for (int percent = 1; percent <= 100; percent++) {
        char text[16];
        snprintf(text, sizeof text, "%d%%", percent);
        assert_int_equal(tsri_parity_strength_parse(text, &found, &err), 0);
        assert_true(tsri_parity_strength_is_valid(found.data_rows, found.parity_rows));
        assert_true(found.parity_rows * 100 >= percent * found.data_rows);
    }
    found = (tsri_parity_strength){7, 7};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tsri_parity_strength_parse(bad[i], &found, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(found.data_rows, 7);
}

static void a_shard_without_end_has_no_parity(void **state)
{
    const tsri_parity_strength strength = {1, 1};
    tsri_parity_shape shape;
    (void)state;
    assert_int_equal(tsri_parity_shape_init(&shape, strength, UINT64_MAX - 5, 20, false, &err),
                     TSR_LIMIT);
    assert_int_equal(tsri_parity_shape_init(&shape, strength, UINT64_MAX / 2 + 1, 20, false, &err),
                     TSR_LIMIT);
}

/* Blocks in front of the section, behind it, and in it. */
static void blocks_are_found(void **state)
{
    const tsri_parity_strength strength = {2, 1};
    tsri_parity_shape shape;
    uint64_t offset, size;
    (void)state;
    /* Three blocks in front, then pages, two columns of parity, pages, and an index of 68 bytes. */
    assert_int_equal(tsri_parity_shape_init(&shape, strength, 1500, 68, false, &err), 0);
    assert_int_equal(shape.before_bytes, 1536);
    assert_int_equal(shape.block_count, 4);
    assert_int_equal(shape.column_count, 2);
    assert_int_equal(shape.page_count, 1);
    assert_int_equal(shape.section_bytes, 4 * 512);
    tsri_parity_block_place(&shape, 2, &offset, &size);
    assert_int_equal(offset, 1024);
    assert_int_equal(size, 512);
    tsri_parity_block_place(&shape, 3, &offset, &size);
    assert_int_equal(offset, 1536 + 4 * 512);
    assert_int_equal(size, 68);
    tsri_parity_block_place(&shape, 5, &offset, &size);
    assert_int_equal(offset, 1536 + 2 * 512);
    assert_int_equal(size, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_as_the_format_says),
        cmocka_unit_test(the_checksum_is_that_of_xz),
        cmocka_unit_test(an_index_alone_has_parity),
        cmocka_unit_test(every_pattern_of_a_small_code_is_rebuilt),
        cmocka_unit_test(random_patterns_of_large_codes_are_rebuilt),
        cmocka_unit_test(more_losses_than_parity_are_told),
        cmocka_unit_test(a_damaged_page_is_none),
        cmocka_unit_test(a_page_that_cannot_be_is_refused),
        cmocka_unit_test(strengths_are_read),
        cmocka_unit_test(a_shard_without_end_has_no_parity),
        cmocka_unit_test(blocks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
