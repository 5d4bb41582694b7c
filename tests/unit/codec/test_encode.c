/* Proves of encoding and decoding leaf chunks against what a naive loop says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

static const int64_t shape[] = {3, 4, 5};

/* Fills a view of this shape with 1000 times its place. */
static void fill(int32_t *values)
{
    for (int32_t i = 0; i < 60; i++)
        values[i] = 1000 * i + 7;
}

static void encode(const tsri_prepared *prepared, const tsr_view *chunk, tsr_output *output)
{
    assert_int_equal(tsri_chain_encode(prepared, scratch, chunk, output, &err), 0);
}

/* Numpy's transpose(A, (1, 2, 0)): B[j][k][i] = A[i][j][k], in big-endian bytes. */
static void a_three_cycle_moves_as_numpy_does(void **state)
{
    (void)state;
    int32_t values[60];
    tsr_view chunk;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_prepared *prepared = prepare_or_fail("[" TURN("1,2,0") "," BIG "]", TSR_INT32, 3, shape);
    fill(values);
    assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 3, shape, values, &err), 0);
    encode(prepared, &chunk, &output);
    assert_int_equal(output.size_bytes, 240);
    const unsigned char *at = (const unsigned char *)output.data;
    for (int j = 0; j < 4; j++)
        for (int k = 0; k < 5; k++)
            for (int i = 0; i < 3; i++, at += 4)
                assert_int_equal(at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3],
                                 values[(i * 4 + j) * 5 + k]);
    tsri_prepared_unref(prepared);
}

/* A view that runs backwards and has gaps encodes as its dense copy does. */
static void strides_of_the_chunk_are_free(void **state)
{
    static const char *const lists[] = {
        "[" LITTLE "]", "[" LITTLE "," CRC "]", "[" LITTLE "," GZIP "]",
        "[" TURN("2,0,1") "," LITTLE "," ZSTD "]", "[" PLUS("3") "," LITTLE "," ZSTD "," CRC "]"};
    (void)state;
    int32_t values[60], wide[3 * 4 * 10];
    tsr_view dense, strided;
    fill(values);
    assert_int_equal(tsr_view_init(&dense, TSR_INT32, 3, shape, values, &err), 0);
    strided = dense;
    strided.data = (char *)&wide[9];
    strided.strides[0] = 160;
    strided.strides[1] = 40;
    strided.strides[2] = -8;
    assert_int_equal(tsr_view_copy(&strided, &dense, TSR_CASTING_NO, &err), 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) a = TSRI_OUTPUT_INIT(SIZE_MAX), b = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 3, shape);
        encode(prepared, &dense, &a);
        encode(prepared, &strided, &b);
        assert_int_equal(a.size_bytes, b.size_bytes);
        assert_memory_equal(a.data, b.data, a.size_bytes);
        assert_true(a.size_bytes <= prepared->bound.size_bytes);
        tsri_prepared_unref(prepared);
    }
}

/* Codecs that change values and such that move elements in any order: numbers are added up, and the
 * way back gives the chunk. */
static void array_codecs_mix(void **state)
{
    static const char *const lists[] = {
        "[" PLUS("1") "," LITTLE "]",
        "[" PLUS("1") "," PLUS("20") "," LITTLE "]",
        "[" PLUS("1") "," TURN("1,2,0") "," PLUS("20") "," LITTLE "]",
        "[" TURN("1,2,0") "," PLUS("1") "," TURN("1,2,0") "," PLUS("20") "," LITTLE "]",
        "[" PLUS("1") "," TURN("1,2,0") "," TURN("1,2,0") "," PLUS("20") "," TURN("1,2,0") "," PLUS(
            "300") "," LITTLE "," GZIP "]",
    };
    static const int sums[] = {1, 21, 21, 21, 321};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 3, shape);
        int32_t values[60], back[60];
        tsr_view chunk, decoded, copy;
        bool swapped;
        fill(values);
        assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 3, shape, values, &err), 0);
        encode(prepared, &chunk, &output);
        if (i < 4) { /* the first element stays the first one */
            int32_t first;
            memcpy(&first, output.data, 4);
            assert_int_equal(first, values[0] + sums[i]);
        }
        assert_int_equal(tsri_chain_decode(prepared, scratch, output.data, output.size_bytes, NULL,
                                           NULL, &decoded, &swapped, &err),
                         0);
        assert_false(swapped);
        assert_int_equal(tsr_view_init(&copy, TSR_INT32, 3, shape, back, &err), 0);
        assert_int_equal(tsr_view_copy(&copy, &decoded, TSR_CASTING_NO, &err), 0);
        assert_memory_equal(back, values, sizeof back);
        tsri_prepared_unref(prepared);
    }
}

/* Appending goes behind what is there, also when checksums alone follow. */
static void output_is_appended_to(void **state)
{
    static const char *const lists[] = {"[" LITTLE "]", "[" LITTLE "," CRC "," CRC "]",
                                        "[" LITTLE "," ZSTD "," CRC "]"};
    (void)state;
    int32_t values[60];
    tsr_view chunk;
    fill(values);
    assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 3, shape, values, &err), 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) alone = TSRI_OUTPUT_INIT(SIZE_MAX),
                              behind = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = prepare_or_fail(lists[i], TSR_INT32, 3, shape);
        encode(prepared, &chunk, &alone);
        assert_int_equal(tsr_output_append(&behind, "head", 4, &err), 0);
        encode(prepared, &chunk, &behind);
        assert_int_equal(behind.size_bytes, alone.size_bytes + 4);
        assert_memory_equal(behind.data, "head", 4);
        assert_memory_equal(behind.data + 4, alone.data, alone.size_bytes);
        tsri_prepared_unref(prepared);
    }
}

static void an_output_without_room_is_a_limit(void **state)
{
    (void)state;
    int32_t values[60];
    char room[100];
    tsr_view chunk;
    fill(values);
    assert_int_equal(tsr_view_init(&chunk, TSR_INT32, 3, shape, values, &err), 0);
    tsr_output output = {.data = room, .capacity_bytes = sizeof room, .max_bytes = sizeof room};
    tsri_prepared *prepared = prepare_or_fail("[" LITTLE "," CRC "]", TSR_INT32, 3, shape);
    assert_int_equal(tsri_chain_encode(prepared, scratch, &chunk, &output, &err), TSR_LIMIT);
    tsri_prepared_unref(prepared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_three_cycle_moves_as_numpy_does),
        cmocka_unit_test(strides_of_the_chunk_are_free),
        cmocka_unit_test(array_codecs_mix),
        cmocka_unit_test(output_is_appended_to),
        cmocka_unit_test(an_output_without_room_is_a_limit),
    };
    return CHAIN_TESTS_RUN(tests);
}
