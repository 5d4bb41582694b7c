/* Proves of verifying: what is sound passes at every level of nesting, and every flipped byte of
 * what a checksum covers is found, by decoding and by the outer checksums alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

#define MISSING UINT64_MAX

static int verify(const tsri_prepared *prepared, const void *bytes, size_t size_bytes)
{
    tsr_error_clear(&err);
    return tsri_chain_verify(prepared, scratch, bytes, size_bytes, &err);
}

/* A shard of two inner chunks of 4 bytes with checksums, and the index behind them; 8 + 8 + 36. */
static size_t hand_made_shard(unsigned char *bytes)
{
    const uint64_t words[] = {0, 8, 8, 8};
    for (unsigned char i = 0; i < 16; i++)
        bytes[i] = i;
    append_crc32c(bytes, 4);
    append_crc32c(bytes + 8, 4);
    for (int i = 0; i < 4; i++)
        store_u64(bytes + 16 + 8 * i, words[i]);
    append_crc32c(bytes + 16, 32);
    return 52;
}

static void every_flipped_byte_is_found(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[64];
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("1", LITTLE "," CRC, LITTLE "," CRC) "]", TSR_INT32, 1, shape);
    size_t size = hand_made_shard(bytes);
    assert_int_equal(verify(prepared, bytes, size), 0);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(verify(prepared, bytes, size), TSR_DAMAGED);
        if (i < 16)
            assert_non_null(strstr(err.message, i < 8 ? "inner chunk 0" : "inner chunk 1"));
        bytes[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(verify(prepared, bytes, cut), TSR_DAMAGED);
    tsri_prepared_unref(prepared);
}

/* Three levels, of which the innermost is damaged; and the same shard packed by gzip. */
static void nested_and_packed_shards_are_verified(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[256];
    size_t size = hand_made_shard(bytes);
    const uint64_t words[] = {0, size};
    store_u64(bytes + size, words[0]);
    store_u64(bytes + size + 8, words[1]);
    append_crc32c(bytes + size, 16);
    size += 20;
    const char *nested =
        "[" SHARD("2", SHARD("1", LITTLE "," CRC, LITTLE "," CRC), LITTLE "," CRC) "]";
    tsri_prepared *prepared = prepare_or_fail(nested, TSR_INT32, 1, shape);
    assert_int_equal(verify(prepared, bytes, size), 0);
    bytes[9] ^= 1;
    assert_int_equal(verify(prepared, bytes, size), TSR_DAMAGED);
    assert_non_null(strstr(err.message, "inner chunk 0: inner chunk 1"));
    bytes[9] ^= 1;
    tsri_prepared_unref(prepared);

    prepared = prepare_or_fail(
        "[" SHARD("2", SHARD("1", LITTLE "," CRC, LITTLE "," CRC), LITTLE "," CRC) "," GZIP "]",
        TSR_INT32, 1, shape);
    for (int damaged = 0; damaged < 2; damaged++) {
        tsr_auto(tsri_output) packed = TSRI_OUTPUT_INIT(SIZE_MAX);
        bytes[1] ^= (unsigned char)damaged;
        assert_int_equal(tsri_chain_pack(prepared, scratch, bytes, size, &packed, &err), 0);
        assert_int_equal(verify(prepared, packed.data, packed.size_bytes),
                         damaged ? TSR_DAMAGED : 0);
    }
    tsri_prepared_unref(prepared);
}

static void missing_inner_chunks_are_sound(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[36];
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("1", LITTLE "," CRC, LITTLE "," CRC) "]", TSR_INT32, 1, shape);
    memset(bytes, 0xff, 32);
    append_crc32c(bytes, 32);
    assert_int_equal(verify(prepared, bytes, sizeof bytes), 0);
    tsri_prepared_unref(prepared);
}

static void leaf_chunks_are_decoded(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[12] = {1, 2, 3, 4, 5, 6, 7, 8};
    append_crc32c(bytes, 8);
    tsri_prepared *prepared = prepare_or_fail("[" LITTLE "," CRC "]", TSR_INT32, 1, shape);
    assert_int_equal(verify(prepared, bytes, 12), 0);
    bytes[3] ^= 1;
    assert_int_equal(verify(prepared, bytes, 12), TSR_DAMAGED);
    assert_int_equal(verify(prepared, bytes, 3), TSR_DAMAGED);
    tsri_prepared_unref(prepared);
}

static int check_sums(const tsri_prepared *prepared, const void *bytes, size_t size_bytes)
{
    tsr_error_clear(&err);
    return tsri_chain_check_sums(prepared, scratch, bytes, size_bytes, &err);
}

/* Every byte of a shard is under the checksum of its inner chunk or of the index. */
static void checksums_alone_find_every_flipped_byte(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[64];
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("1", LITTLE "," CRC, LITTLE "," CRC) "]", TSR_INT32, 1, shape);
    size_t size = hand_made_shard(bytes);
    assert_int_equal(check_sums(prepared, bytes, size), 0);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(check_sums(prepared, bytes, size), TSR_DAMAGED);
        bytes[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(check_sums(prepared, bytes, cut), TSR_DAMAGED);
    tsri_prepared_unref(prepared);
}

/* What is behind a compressor is left to decoding: no bytes of gzip are even looked at. */
static void checksums_behind_other_codecs_are_left(void **state)
{
    (void)state;
    const int64_t shape[] = {2};
    unsigned char bytes[12] = {1, 2, 3, 4, 5, 6, 7, 8};
    tsri_prepared *outside = prepare_or_fail("[" LITTLE "," GZIP "," CRC "]", TSR_INT32, 1, shape);
    tsri_prepared *inside = prepare_or_fail("[" LITTLE "," CRC "," GZIP "]", TSR_INT32, 1, shape);
    append_crc32c(bytes, 8);
    assert_int_equal(check_sums(outside, bytes, 12), 0);
    assert_int_equal(verify(outside, bytes, 12), TSR_DAMAGED);
    bytes[0] ^= 1;
    assert_int_equal(check_sums(outside, bytes, 12), TSR_DAMAGED);
    assert_non_null(strstr(err.message, "crc32c"));
    assert_int_equal(check_sums(inside, bytes, 12), 0);
    tsri_prepared_unref(outside);
    tsri_prepared_unref(inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_byte_is_found),
        cmocka_unit_test(nested_and_packed_shards_are_verified),
        cmocka_unit_test(missing_inner_chunks_are_sound),
        cmocka_unit_test(leaf_chunks_are_decoded),
        cmocka_unit_test(checksums_alone_find_every_flipped_byte),
        cmocka_unit_test(checksums_behind_other_codecs_are_left),
    };
    return CHAIN_TESTS_RUN(tests);
}
