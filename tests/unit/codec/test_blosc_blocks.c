/* Proves the walk over Blosc's container against libblosc: the same bytes from containers of every
 * compressor, shuffle, type size and block size; prefixes; damage at every byte of a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <blosc.h>
#include <cmocka.h>

#include "codec/blosc_blocks.h"

/* Split blocks are at least 64 KiB large, whatever is asked for. */
enum { ROOM = 300000 };

static const char *const compressors[] = {"blosclz", "lz4", "lz4hc", "zstd", "zlib"};
static unsigned char data[ROOM], encoded[ROOM + 1000], expected[ROOM], found[ROOM];

/* Slowly growing numbers with a little noise, so that there is something to find. */
static void fill_data(size_t typesize)
{
    uint32_t random = 17;
    for (size_t i = 0; i < ROOM; i++) {
        random = random * 1664525 + 1013904223;
        size_t element = i / typesize;
        data[i] = i % typesize == 0 ? (unsigned char)(element + (random >> 30))
                                    : (unsigned char)(element >> (8 * TSRI_MIN(i % typesize, 7)));
    }
}

/* The container in memory of just its size, so that a sanitizer sees a byte beyond. */
static tsri_blosc_container container_of(size_t size_bytes)
{
    unsigned char *exact = malloc(size_bytes);
    memcpy(exact, encoded, size_bytes);
    return tsri_blosc_container_of(exact);
}

static bool check_case(tsr_codec_scratch *scratch, const char *compressor, int shuffle,
                       size_t typesize, size_t size_bytes, size_t block_bytes)
{
    tsr_error err = TSR_ERROR_INIT;
    int made = blosc_compress_ctx(1, shuffle, typesize, size_bytes, data, encoded, sizeof encoded,
                                  compressor, block_bytes, 1);
    assert_true(made > 0);
    tsri_blosc_container container = container_of((size_t)made);
    bool walkable = tsri_blosc_is_walkable(&container);
    if (walkable) {
        const size_t wanted[] = {1, size_bytes / 2 + 1, size_bytes};
        assert_int_equal(blosc_decompress_ctx(container.bytes, expected, size_bytes, 1),
                         size_bytes);
        for (int i = 0; i < 3; i++) {
            size_t decoded = 0;
            memset(found, 0xee, sizeof found);
            assert_int_equal(tsri_blosc_walk(&container, scratch, found, wanted[i], &decoded, &err),
                             0);
            assert_true(decoded >= wanted[i] && decoded <= size_bytes);
            assert_memory_equal(found, expected, decoded);
            assert_int_equal(found[decoded], 0xee); /* and nothing behind it */
        }
    }
    free((void *)container.bytes);
    return walkable;
}

static void the_walk_agrees_with_the_library(void **state)
{
    static const size_t typesizes[] = {1, 2, 3, 4, 8, 16, 17}, blocks[] = {0, 4096, 10000};
    static const size_t sizes[] = {1000, 33333, 299999};
    int walked[5][3] = {{0}};
    tsr_codec_scratch *scratch;
    (void)state;
    assert_int_equal(tsr_codec_scratch_new(&scratch, NULL), 0);
    for (size_t t = 0; t < TSRI_COUNT(typesizes); t++) {
        fill_data(typesizes[t]);
        for (int c = 0; c < 5; c++)
            for (int shuffle = 0; shuffle <= 2; shuffle++)
                for (size_t i = 0; i < TSRI_COUNT(sizes) * TSRI_COUNT(blocks); i++)
                    walked[c][shuffle] +=
                        check_case(scratch, compressors[c], shuffle, typesizes[t],
                                   sizes[i % TSRI_COUNT(sizes)], blocks[i / TSRI_COUNT(sizes)]);
    }
    /* lz4 and zstd always, the others where bits are shuffled. */
    for (int c = 0; c < 5; c++)
        for (int shuffle = 0; shuffle <= 2; shuffle++)
            assert_true((walked[c][shuffle] > 40) == ((c >= 1 && c <= 3) || shuffle == 2));
    tsr_codec_scratch_free(scratch);
}

/* Each byte of the header's rest and of the first streams changed: what the walk says is damage or
 * what the library makes of it, too. */
static void damage_is_told(void **state)
{
    tsr_codec_scratch *scratch;
    tsr_error err = TSR_ERROR_INIT;
    int told = 0;
    (void)state;
    assert_int_equal(tsr_codec_scratch_new(&scratch, NULL), 0);
    fill_data(2);
    for (int c = 0; c < 5; c++) {
        int made = blosc_compress_ctx(9, BLOSC_BITSHUFFLE, 2, 20000, data, encoded, sizeof encoded,
                                      compressors[c], 4096, 1);
        assert_true(made > 400);
        for (int at = 16; at < 400; at++)
            for (int bit = 0; bit < 8; bit += 7) {
                size_t decoded = 0;
                encoded[at] ^= (unsigned char)(1 << bit);
                tsri_blosc_container container = container_of((size_t)made);
                assert_true(tsri_blosc_is_walkable(&container));
                int status = tsri_blosc_walk(&container, scratch, found, 20000, &decoded, &err);
                if (status == 0 && blosc_decompress_ctx(container.bytes, expected, 20000, 1) > 0)
                    assert_memory_equal(found, expected, 20000);
                assert_true(status == 0 || status == TSR_DAMAGED);
                told += status != 0;
                free((void *)container.bytes);
                encoded[at] ^= (unsigned char)(1 << bit);
            }
    }
    assert_true(told > 300);
    tsr_codec_scratch_free(scratch);
}

static void expect_damaged(size_t size_bytes, size_t at, uint32_t number, const char *text)
{
    tsr_codec_scratch *scratch;
    tsr_error err = TSR_ERROR_INIT;
    unsigned char before[4];
    size_t decoded = 77;
    assert_int_equal(tsr_codec_scratch_new(&scratch, NULL), 0);
    memcpy(before, encoded + at, 4);
    memcpy(encoded + at, &number, 4);
    tsri_blosc_container container = container_of(size_bytes);
    assert_int_equal(tsri_blosc_walk(&container, scratch, found, 20000, &decoded, &err),
                     TSR_DAMAGED);
    if (!strstr(err.message, text))
        fail_msg("\"%s\" does not say \"%s\"", err.message, text);
    assert_int_equal(decoded, 77);
    free((void *)container.bytes);
    memcpy(encoded + at, before, 4);
    tsr_codec_scratch_free(scratch);
}

static void positions_and_lengths_are_checked(void **state)
{
    (void)state;
    fill_data(2);
    size_t made = (size_t)blosc_compress_ctx(9, BLOSC_SHUFFLE, 2, 20000, data, encoded,
                                             sizeof encoded, "zstd", 4096, 1);
    uint32_t first;
    memcpy(&first, encoded + 16, 4);
    expect_damaged(made, 16, 15, "block 0 of 4096 bytes begins outside of the container");
    expect_damaged(made, 20, (uint32_t)made, "block 1 of 4096 bytes begins outside");
    expect_damaged(made, 32, (uint32_t)made - 3, "block 4 of 3616 bytes has a stream that ends");
    expect_damaged(made, 16, UINT32_MAX, "begins outside");
    expect_damaged(made, first, 0, "has a stream that ends outside");
    expect_damaged(made, first, UINT32_MAX, "has a stream that ends outside");
    expect_damaged(made, first, (uint32_t)made, "has a stream that ends outside");
    expect_damaged(made, first, 1, "does not decode");
    expect_damaged(made, 8, 128 * 2, "does not decode"); /* smaller blocks than were made */
    expect_damaged(made, 12, 30, "have no room for 5 blocks");
}

/* What older encoders may have split by other rules, and where nothing is to be gained. */
static void other_containers_are_left_to_the_library(void **state)
{
    tsri_blosc_container good = {
        .flags = 0x21, .typesize = 2, .decoded_bytes = 8192, .block_bytes = 4096};
    tsri_blosc_container tried = good;
    (void)state;
    assert_true(tsri_blosc_is_walkable(&good));
    tried.flags |= BLOSC_MEMCPYED;
    assert_false(tsri_blosc_is_walkable(&tried));
    tried = good, tried.typesize = 17;
    assert_false(tsri_blosc_is_walkable(&tried));
    tried.flags |= 0x10;
    assert_true(tsri_blosc_is_walkable(&tried));
    tried = good, tried.block_bytes = 254;
    assert_false(tsri_blosc_is_walkable(&tried));
    tried = good, tried.block_bytes = 4097;
    assert_false(tsri_blosc_is_walkable(&tried));
    tried = good, tried.flags = 0x61; /* zlib, bytes */
    assert_false(tsri_blosc_is_walkable(&tried));
    tried.flags = 0x64; /* zlib, bits */
    assert_true(tsri_blosc_is_walkable(&tried));
    tried = good, tried.decoded_bytes = 0;
    assert_false(tsri_blosc_is_walkable(&tried));
    tried = good, tried.typesize = 0;
    assert_false(tsri_blosc_is_walkable(&tried));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_agrees_with_the_library),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(positions_and_lengths_are_checked),
        cmocka_unit_test(other_containers_are_left_to_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
