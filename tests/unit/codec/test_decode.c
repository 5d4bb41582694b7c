/* Proves of decoding leaf chunks: where the result lies, prefixes, sizes that are wrong, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

enum { COUNT = 5000 };

static int32_t values[COUNT];
static const int64_t shape[] = {COUNT};

static void encode(const tsri_prepared *prepared, tsr_output *output)
{
    tsr_view chunk;
    for (int32_t i = 0; i < COUNT; i++)
        values[i] = i / 3 * 17;
    assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 1, shape, values, &err), 0);
    assert_int_equal(tsri_chain_encode(prepared, scratch, &chunk, output, &err), 0);
}

static int decode(const tsri_prepared *prepared, const void *bytes, size_t size_bytes,
                  size_t wanted_bytes, void *direct, tsr_view *ret_chunk)
{
    bool swapped;
    tsr_error_clear(&err);
    return tsri_chain_decode(prepared, scratch, bytes, size_bytes, &wanted_bytes, direct, ret_chunk,
                             &swapped, &err);
}

/* Bare elements stay where they are; a decompressor writes where it is told to. */
static void nothing_is_copied_in_vain(void **state)
{
    (void)state;
    static int32_t memory[COUNT];
    static const struct {
        const char *list;
        bool in_input;
    } rows[] = {{"[" LITTLE "]", true},
                {"[" LITTLE "," CRC "]", true},
                {"[" LITTLE "," ZSTD "]", false},
                {"[" LITTLE "," ZSTD "," CRC "]", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = prepare_or_fail(rows[i].list, TSR_INT32, 1, shape);
        tsr_view chunk;
        encode(prepared, &output);
        memset(memory, 0, sizeof memory);
        assert_int_equal(decode(prepared, output.data, output.size_bytes, SIZE_MAX, memory, &chunk),
                         0);
        assert_ptr_equal(chunk.data, rows[i].in_input ? output.data : (char *)memory);
        assert_memory_equal(chunk.data, values, sizeof values);
        assert_int_equal(decode(prepared, output.data, output.size_bytes, SIZE_MAX, NULL, &chunk),
                         0);
        assert_memory_equal(chunk.data, values, sizeof values);
        tsri_prepared_unref(prepared);
    }
}

static void a_prefix_has_what_was_wanted(void **state)
{
    static const char *const lists[] = {"[" LITTLE "," ZSTD "]", "[" LITTLE "," GZIP "," CRC "]",
                                        "[" LITTLE "," CRC "," GZIP "]"};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 1, shape);
        encode(prepared, &output);
        for (size_t wanted = 4; wanted <= sizeof values; wanted = wanted * 3 + 4) {
            tsr_view chunk;
            assert_int_equal(decode(prepared, output.data, output.size_bytes, wanted, NULL, &chunk),
                             0);
            assert_memory_equal(chunk.data, values, wanted);
        }
        tsri_prepared_unref(prepared);
    }
}

/* A chunk that is too short or too long is damaged, whatever part of it is wanted. */
static void wrong_sizes_are_damage(void **state)
{
    static const char *const lists[] = {"[" LITTLE "]", "[" LITTLE "," CRC "]",
                                        "[" LITTLE "," GZIP "]", "[" LITTLE "," GZIP "," CRC "]",
                                        "[" PLUS("1") "," LITTLE "]"};
    static const int64_t others[] = {1, COUNT / 2, COUNT - 1, COUNT + 1, 2 * COUNT};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
            tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
            static int32_t many[2 * COUNT];
            tsr_view chunk;
            tsri_prepared *other = prepare_or_fail(lists[i], TSR_INT32, 1, &others[j]);
            assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 1, &others[j], many, &err), 0);
            assert_int_equal(tsri_chain_encode(other, scratch, &chunk, &output, &err), 0);
            tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 1, shape);
            if (decode(prepared, output.data, output.size_bytes, SIZE_MAX, NULL, &chunk) !=
                    TSR_DAMAGED ||
                decode(prepared, output.data, output.size_bytes, 4, NULL, &chunk) != TSR_DAMAGED)
                fail_msg("%s: %lld elements are taken for %d", lists[i], (long long)others[j],
                         COUNT);
            tsri_prepared_unref(prepared);
            tsri_prepared_unref(other);
        }
}

/* A chunk of 8 bytes whose gzip holds 20,000, and one whose inner gzip does. */
static void a_bomb_does_not_go_off(void **state)
{
    static const char *const lists[] = {"[" LITTLE "," GZIP "]", "[" LITTLE "," GZIP "," GZIP "]",
                                        "[" LITTLE "," ZSTD "]"};
    (void)state;
    const int64_t two = 2;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsr_view chunk;
        tsri_prepared *bomb = prepare_or_fail(lists[i], TSR_INT32, 1, shape);
        encode(bomb, &output);
        tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 1, &two);
        assert_int_equal(decode(prepared, output.data, output.size_bytes, SIZE_MAX, NULL, &chunk),
                         TSR_DAMAGED);
        assert_non_null(strstr(err.message, "codec \""));
        tsri_prepared_unref(prepared);
        tsri_prepared_unref(bomb);
    }
}

static void cut_off_and_flipped_input_is_damage(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_view chunk;
    tsri_prepared *prepared = prepare_or_fail("[" LITTLE "," ZSTD "," CRC "]", TSR_INT32, 1, shape);
    encode(prepared, &output);
    for (size_t size = 0; size < output.size_bytes; size += 1 + output.size_bytes / 50)
        assert_int_equal(decode(prepared, output.data, size, SIZE_MAX, NULL, &chunk), TSR_DAMAGED);
    for (size_t i = 0; i < output.size_bytes; i += 1 + output.size_bytes / 50) {
        output.data[i] ^= 4;
        assert_int_equal(decode(prepared, output.data, output.size_bytes, 4, NULL, &chunk),
                         TSR_DAMAGED);
        output.data[i] ^= 4;
    }
    tsri_prepared_unref(prepared);
}

static void swapped_elements_are_said_to_be(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_view chunk;
    bool swapped = false;
    tsri_prepared *prepared = prepare_or_fail("[" BIG "," GZIP "]", TSR_INT32, 1, shape);
    encode(prepared, &output);
    assert_int_equal(tsri_chain_decode(prepared, scratch, output.data, output.size_bytes, NULL,
                                       NULL, &chunk, &swapped, &err),
                     0);
    assert_true(swapped);
    uint32_t raw;
    memcpy(&raw, chunk.data + 40, 4);
    assert_int_equal(__builtin_bswap32(raw), values[10]);
    tsri_prepared_unref(prepared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_copied_in_vain),
        cmocka_unit_test(a_prefix_has_what_was_wanted),
        cmocka_unit_test(wrong_sizes_are_damage),
        cmocka_unit_test(a_bomb_does_not_go_off),
        cmocka_unit_test(cut_off_and_flipped_input_is_damage),
        cmocka_unit_test(swapped_elements_are_said_to_be),
    };
    return CHAIN_TESTS_RUN(tests);
}
