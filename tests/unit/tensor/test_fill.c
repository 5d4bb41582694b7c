/* Proves that filling sets every element of a view and no other byte, and that is_filled_with
 * compares bits: one wrong bit anywhere is seen, a wrong bit between the elements is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"

static const tsr_dtype *random_type(tests_random *random)
{
    static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 12, 16, 24, 32, 33, 100};
    const tsr_dtype *dtype = NULL;
    assert_int_equal(tsr_dtype_raw(sizes[tests_random_below(random, 12)], &dtype, NULL), 0);
    return dtype;
}

/* The same bytes as `memory` would have after filling one element after the other. */
static char *filled_naively(const tsr_view *view, const tests_memory *memory, const char *element)
{
    int64_t position[TSR_RANK_MAX] = {0};
    char *bytes = malloc(memory->size_bytes);
    assert_non_null(bytes);
    memcpy(bytes, memory->bytes, memory->size_bytes);
    tsr_view copy = *view;
    copy.data = bytes + (view->data - memory->bytes);
    do
        memcpy(tests_view_at(&copy, position), element, view->dtype->size_bytes);
    while (tests_next_position(view->rank, view->shape, position));
    return bytes;
}

static void flip_and_look(tests_random *random, const tsr_view *view, const tests_memory *memory,
                          const char *element)
{
    int64_t position[TSR_RANK_MAX];
    /* A byte outside of all elements does not count; one inside does. */
    for (int axis = 0; axis < view->rank; axis++)
        position[axis] = tests_random_below(random, view->shape[axis]);
    char *byte = tests_view_at(view, position) +
                 tests_random_below(random, (int64_t)view->dtype->size_bytes);
    char bit = (char)(1 << tests_random_below(random, 8));
    *byte ^= bit;
    if (tsr_view_is_filled_with(view, element))
        tests_random_fail(random, "a flipped bit was not seen");
    *byte ^= bit;
    char *outside = memory->bytes + tests_random_below(random, (int64_t)memory->size_bytes);
    *outside ^= 1;
    bool filled = tsr_view_is_filled_with(view, element);
    char *naive = filled_naively(view, memory, element);
    if (filled != (memcmp(naive, memory->bytes, memory->size_bytes) == 0))
        tests_random_fail(random, "is_filled_with is %d", filled);
    *outside ^= 1;
    free(naive);
}

static void test_any_view(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 2000; round++) {
        int64_t shape[TSR_RANK_MAX];
        char element[100];
        tests_memory memory;
        const tsr_dtype *dtype = random_type(&random);
        int rank = tests_random_shape(&random, 5, round % 20 ? 300 : 20000, false, shape);
        tsr_view view = tests_random_view(&random, dtype, rank, shape, &memory);
        tests_random_bytes(&random, element, sizeof element);
        if (tests_random_below(&random, 3) == 0)
            memset(element, element[0], sizeof element);
        char *expected = filled_naively(&view, &memory, element);
        tsr_view_fill(&view, element);
        if (memcmp(expected, memory.bytes, memory.size_bytes) != 0)
            tests_random_fail(&random, "filling with %s went wrong", dtype->name);
        assert_true(tsr_view_is_filled_with(&view, element));
        flip_and_look(&random, &view, &memory, element);
        free(expected);
        free(memory.bytes);
        tsr_dtype_unref(dtype);
    }
}

/* Rows that lie so far apart that they are taken for a part of something large, short and long
 * ones, of one byte again and again and of other patterns. */
static void test_far_apart(void **state)
{
    static const int64_t lengths[] = {5, 16, 64, 700, 3000};
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 10; round++) {
        const int64_t shape[] = {18, lengths[round / 2]};
        uint64_t element = round & 1 ? 0 : tests_random_next(&random);
        tests_memory memory = {NULL, 19 << 20};
        tsr_view view;
        memory.bytes = calloc(memory.size_bytes, 1);
        assert_non_null(memory.bytes);
        memset(memory.bytes, 0x33, 4096);
        assert_int_equal(
            tsr_view_init(&view, TSR_UINT64, 2, shape, memory.bytes + 8 * (round % 9), NULL), 0);
        view.strides[0] = 1 << 20;
        char *expected = filled_naively(&view, &memory, (const char *)&element);
        tsr_view_fill(&view, &element);
        assert_memory_equal(memory.bytes, expected, memory.size_bytes);
        assert_true(tsr_view_is_filled_with(&view, &element));
        free(expected);
        free(memory.bytes);
    }
}

static void test_large_elements(void **state)
{
    static const int64_t shape[] = {3, 2};
    static char element[5000], memory[8 * 5000];
    tests_random random;
    tsr_view view;
    const tsr_dtype *dtype;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, element, sizeof element);
    assert_int_equal(tsr_dtype_raw(sizeof element, &dtype, NULL), 0);
    assert_int_equal(tsr_view_init(&view, dtype, 2, shape, memory, NULL), 0);
    tsr_view_fill(&view, element);
    for (int i = 0; i < 6; i++)
        assert_memory_equal(memory + i * 5000, element, sizeof element);
    assert_int_equal(memory[6 * 5000], 0);
    assert_true(tsr_view_is_filled_with(&view, element));
    memory[5 * 5000 + 4999] ^= 1;
    assert_false(tsr_view_is_filled_with(&view, element));
    tsr_dtype_unref(dtype);
}

static void test_every_place_of_a_difference(void **state)
{
    static uint16_t memory[1200];
    static const int64_t lengths[] = {1, 2, 7, 31, 32, 33, 64, 127, 128, 129, 255, 256, 300, 1200};
    const uint16_t fill = 0xabcd;
    tsr_view view;
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(tsr_view_init(&view, TSR_UINT16, 1, &lengths[i], memory, NULL), 0);
        tsr_view_fill(&view, &fill);
        for (int64_t k = 0; k < lengths[i]; k++) {
            memory[k] ^= 0x100;
            assert_false(tsr_view_is_filled_with(&view, &fill));
            memory[k] ^= 0x100;
        }
        assert_true(tsr_view_is_filled_with(&view, &fill));
    }
}

/* The comparison is of bits, not of values: chunks with -0.0 or other NaNs are not "all fill". */
static void test_bits_count(void **state)
{
    static const int64_t shape[] = {4};
    double zeros[4] = {0.0, 0.0, -0.0, 0.0}, zero = 0.0;
    const uint32_t nans[4] = {0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000}, other = 0x7fc00001;
    tsr_view view;
    (void)state;
    assert_int_equal(tsr_view_init(&view, TSR_FLOAT64, 1, shape, zeros, NULL), 0);
    assert_false(tsr_view_is_filled_with(&view, &zero));
    zeros[2] = 0.0;
    assert_true(tsr_view_is_filled_with(&view, &zero));
    assert_int_equal(tsr_view_init(&view, TSR_FLOAT32, 1, shape, (void *)nans, NULL), 0);
    assert_true(tsr_view_is_filled_with(&view, &nans[0]));
    assert_false(tsr_view_is_filled_with(&view, &other));
}

static void test_no_elements(void **state)
{
    static const int64_t shape[] = {0, 5};
    const int32_t fill = 7;
    tsr_view view;
    (void)state;
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 2, shape, NULL, NULL), 0);
    tsr_view_fill(&view, &fill);
    assert_true(tsr_view_is_filled_with(&view, &fill));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_view),       cmocka_unit_test(test_far_apart),
        cmocka_unit_test(test_large_elements), cmocka_unit_test(test_every_place_of_a_difference),
        cmocka_unit_test(test_bits_count),     cmocka_unit_test(test_no_elements),
    };
    return cmocka_run_group_tests_name("tensor.fill", tests, NULL, NULL);
}
