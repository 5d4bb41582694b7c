/* Proves that copies, plain and with swapped bytes, move every element to its place and touch no
 * other byte, whatever the ranks, orders, gaps, directions and element sizes: each copy is compared
 * with a loop that moves one element after the other, over the whole of the memory around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/copy.h"

enum { ROUNDS = 2000 };

static const tsr_dtype *raw_type(size_t size_bytes)
{
    const tsr_dtype *dtype = NULL;
    assert_int_equal(tsr_dtype_raw(size_bytes, &dtype, NULL), 0);
    return dtype;
}

/* Owner: the caller, by tsr_dtype_unref. */
static const tsr_dtype *random_type(tests_random *random)
{
    static const tsr_dtype *const types[] = {TSR_BOOL,    TSR_INT16,     TSR_FLOAT32,
                                             TSR_FLOAT64, TSR_COMPLEX64, TSR_COMPLEX128};
    int64_t choice = tests_random_below(random, 9);
    return choice < 6 ? types[choice] : raw_type((size_t)(1 + tests_random_below(random, 40)));
}

static void copy_naively(const tsr_view *to, const tsr_view *from, bool swapped)
{
    int64_t position[TSR_RANK_MAX] = {0};
    size_t size = to->dtype->size_bytes, unit = swapped ? to->dtype->component_bytes : 1;
    if (tsr_view_count(to) == 0)
        return;
    do {
        char *target = tests_view_at(to, position);
        const char *source = tests_view_at(from, position);
        for (size_t i = 0; i < size; i++)
            target[i] = source[swapped ? i / unit * unit + unit - 1 - i % unit : i];
    } while (tests_next_position(to->rank, to->shape, position));
}

typedef void copy_function(const tsr_view *to, const tsr_view *from);

static void compare_with_naive_copy(tests_random *random, const tsr_view *to,
                                    const tests_memory *memory, const tsr_view *from,
                                    copy_function *copy, bool swapped)
{
    char text[TSRI_SHAPE_TEXT_MAX];
    char *expected = malloc(memory->size_bytes);
    assert_non_null(expected);
    memcpy(expected, memory->bytes, memory->size_bytes);
    tsr_view other = *to;
    other.data = expected + (to->data - memory->bytes);
    copy_naively(&other, from, swapped);
    copy(to, from);
    if (memcmp(expected, memory->bytes, memory->size_bytes) != 0)
        tests_random_fail(random, "copying %s of %s went wrong", to->dtype->name,
                          tsri_shape_text(to->rank, to->shape, text));
    free(expected);
}

static void copy_random_views(tests_random *random, int rank_max, int64_t count_max,
                              copy_function *copy, bool swapped)
{
    int64_t shape[TSR_RANK_MAX];
    tests_memory target, source;
    const tsr_dtype *dtype = random_type(random);
    int rank = tests_random_shape(random, rank_max, count_max, true, shape);
    tsr_view to = tests_random_view(random, dtype, rank, shape, &target);
    tsr_view from = tests_random_view(random, dtype, rank, shape, &source);
    /* Now and then the source is repeated along an axis. */
    if (rank > 0 && tests_random_below(random, 8) == 0)
        from.strides[tests_random_below(random, rank)] = 0;
    compare_with_naive_copy(random, &to, &target, &from, copy, swapped);
    free(target.bytes);
    free(source.bytes);
    tsr_dtype_unref(dtype);
}

static void test_any_views(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < ROUNDS; round++)
        copy_random_views(&random, 6, 300, tsri_view_copy_same, false);
    for (int round = 0; round < ROUNDS / 20; round++)
        copy_random_views(&random, 4, 30000, tsri_view_copy_same, false);
    for (int round = 0; round < ROUNDS / 20; round++)
        copy_random_views(&random, TSR_RANK_MAX, 3000, tsri_view_copy_same, false);
}

static void test_any_views_swapped(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < ROUNDS; round++)
        copy_random_views(&random, 6, 300, tsri_view_copy_swapped, true);
    for (int round = 0; round < ROUNDS / 20; round++)
        copy_random_views(&random, 4, 30000, tsri_view_copy_swapped, true);
}

/* The paths past the cache, which the tests above are too small for. */
static void test_any_views_streamed(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < ROUNDS; round++)
        copy_random_views(&random, 5, 400, tsri_view_copy_streamed, false);
    for (int round = 0; round < ROUNDS / 10; round++)
        copy_random_views(&random, 3, 30000, tsri_view_copy_streamed, false);
}

static void test_any_views_cached(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < ROUNDS / 10; round++)
        copy_random_views(&random, 4, 3000, tsri_view_copy_cached, false);
}

/* Rows that lie so far apart that they are taken for a part of something large. */
static void test_far_apart(void **state)
{
    static const int64_t box[] = {20, 3, 700};
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 8; round++) {
        const tsr_dtype *dtype = round & 1 ? TSR_COMPLEX64 : TSR_UINT16;
        int64_t size = (int64_t)dtype->size_bytes,
                stride = (1 << 20) + 64 * tests_random_below(&random, 9);
        tests_memory source, target = {NULL, (size_t)(stride * 20)};
        tsr_view from = tests_random_view(&random, dtype, 3, box, &source), to;
        target.bytes = calloc(target.size_bytes, 1);
        assert_non_null(target.bytes);
        assert_int_equal(
            tsr_view_init(&to, dtype, 3, box, target.bytes + tests_random_below(&random, 90), NULL),
            0);
        to.strides[0] = stride;
        to.strides[1] = 700 * size + 8 * tests_random_below(&random, 100);
        compare_with_naive_copy(&random, &to, &target, &from,
                                round >= 4  ? tsri_view_copy_swapped
                                : round & 2 ? tsri_view_copy_cached
                                            : tsri_view_copy_same,
                                round >= 4);
        free(target.bytes);
        free(source.bytes);
    }
}

/* A chunk that is scattered into an array, for every short row length and odd alignment. */
static void test_rows_of_every_length(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int64_t length = 1; length <= 600; length += length < 140 ? 1 : 37) {
        tests_memory target, source;
        const int64_t array[] = {5, 7, length + tests_random_below(&random, 70)},
                      box[] = {4, 6, length};
        tsr_view to = tests_random_view(&random, TSR_UINT8, 3, array, &target);
        assert_int_equal(tsr_view_init(&to, TSR_UINT8, 3, array, target.bytes, NULL), 0);
        for (int axis = 0; axis < 3; axis++)
            assert_int_equal(tsr_view_slice(&to, axis, array[axis] - box[axis], box[axis], 1, NULL),
                             0);
        tsr_view from = tests_random_view(&random, TSR_UINT8, 3, box, &source);
        compare_with_naive_copy(&random, &to, &target, &from, tsri_view_copy_same, false);
        free(target.bytes);
        free(source.bytes);
    }
}

/* Every order of four axes against C order, with lengths around the edges of the tiles. */
static void test_every_permutation(void **state)
{
    static const int64_t lengths[] = {1, 3, 17, 70};
    static const tsr_dtype *const permuted[] = {TSR_INT8,    TSR_INT16,     TSR_INT32,
                                                TSR_FLOAT64, TSR_COMPLEX64, TSR_COMPLEX128};
    static copy_function *const permuting[] = {tsri_view_copy_same, tsri_view_copy_streamed,
                                               tsri_view_copy_swapped};
    tests_random random;
    int order[4];
    (void)state;
    tests_random_init(&random);
    for (int code = 0; code < 256; code++) {
        int64_t moved[4], shape[4];
        tests_memory target, source;
        for (int i = 0; i < 4; i++)
            order[i] = code >> 2 * i & 3;
        for (int i = 0; i < 4; i++)
            shape[i] = lengths[tests_random_below(&random, 4)];
        shape[code % 4] = lengths[code / 4 % 2];
        shape[(code + 1) % 4] = lengths[code / 8 % 2];
        for (int i = 0; i < 4; i++)
            moved[i] = shape[order[i]];
        const tsr_dtype *dtype =
            code % 7 < 6 ? permuted[code % 7] : raw_type(3 + (size_t)code % 40);
        tsr_view to = tests_random_view(&random, dtype, 4, moved, &target);
        tsr_view from = tests_random_view(&random, dtype, 4, shape, &source);
        if (tsr_view_transpose(&from, order, NULL) == 0)
            compare_with_naive_copy(&random, &to, &target, &from, permuting[code % 3],
                                    code % 3 == 2);
        free(target.bytes);
        free(source.bytes);
        tsr_dtype_unref(dtype);
    }
}

/* The pattern of NumPy's a.transpose(1, 2, 0), which is not its own inverse. */
static void test_three_cycle(void **state)
{
    static const int64_t shape[] = {2, 3, 4}, moved[] = {3, 4, 2};
    static const int order[] = {1, 2, 0};
    int16_t source[24], target[24];
    tsr_view from, to;
    (void)state;
    for (int16_t i = 0; i < 24; i++)
        source[i] = i;
    assert_int_equal(tsr_view_init(&from, TSR_INT16, 3, shape, source, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_INT16, 3, moved, target, NULL), 0);
    assert_int_equal(tsr_view_transpose(&from, order, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_NO, NULL), 0);
    static const int16_t expected[] = {0, 12, 1, 13, 2, 14, 3, 15, 4,  16, 5,  17,
                                       6, 18, 7, 19, 8, 20, 9, 21, 10, 22, 11, 23};
    assert_memory_equal(target, expected, sizeof expected);
}

static void test_swapped_values(void **state)
{
    static const int64_t shape[] = {2};
    const uint32_t words[] = {0x01020304, 0xa1b2c3d4};
    const uint64_t pairs[] = {0x0102030405060708, 0x1112131415161718, 0x2122232425262728,
                              0x3132333435363738};
    uint32_t swapped[2], halves[4];
    uint64_t swapped_pairs[4];
    tsr_view from, to;
    (void)state;
    assert_int_equal(tsr_view_init(&from, TSR_UINT32, 1, shape, (void *)words, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_UINT32, 1, shape, swapped, NULL), 0);
    tsri_view_copy_swapped(&to, &from);
    assert_int_equal(swapped[0], 0x04030201);
    assert_int_equal(swapped[1], 0xd4c3b2a1);
    /* Complex numbers: each component by itself, which keeps its place. */
    assert_int_equal(tsr_view_init(&from, TSR_COMPLEX128, 1, shape, (void *)pairs, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_COMPLEX128, 1, shape, swapped_pairs, NULL), 0);
    tsri_view_copy_swapped(&to, &from);
    assert_true(swapped_pairs[0] == 0x0807060504030201 && swapped_pairs[3] == 0x3837363534333231);
    from.dtype = to.dtype = TSR_COMPLEX64;
    from.strides[0] = to.strides[0] = 8;
    to.data = (char *)halves;
    tsri_view_copy_swapped(&to, &from);
    assert_true(halves[0] == 0x08070605 && halves[1] == 0x04030201);
}

static void test_swapped_in_place(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 300; round++) {
        int64_t shape[TSR_RANK_MAX];
        tests_memory memory;
        const tsr_dtype *dtype = random_type(&random);
        int rank = tests_random_shape(&random, 4, 400, true, shape);
        tsr_view view = tests_random_view(&random, dtype, rank, shape, &memory);
        char *before = malloc(memory.size_bytes);
        assert_non_null(before);
        memcpy(before, memory.bytes, memory.size_bytes);
        tsr_view source = view;
        source.data = before + (view.data - memory.bytes);
        tsri_view_copy_swapped(&view, &view);
        char *swapped = malloc(memory.size_bytes);
        assert_non_null(swapped);
        memcpy(swapped, memory.bytes, memory.size_bytes);
        copy_naively(&view, &source, true);
        if (memcmp(swapped, memory.bytes, memory.size_bytes) != 0)
            tests_random_fail(&random, "swapping %s in place went wrong", dtype->name);
        free(swapped);
        free(before);
        free(memory.bytes);
        tsr_dtype_unref(dtype);
    }
}

static void test_shapes_must_agree(void **state)
{
    static const int64_t three[] = {3}, four[] = {4}, matrix[] = {1, 3};
    int32_t memory[4] = {7, 7, 7, 7}, source[4] = {1, 2, 3, 4};
    tsr_error err = TSR_ERROR_INIT;
    tsr_view a, b;
    (void)state;
    assert_int_equal(tsr_view_init(&a, TSR_INT32, 1, three, memory, NULL), 0);
    assert_int_equal(tsr_view_init(&b, TSR_INT32, 1, four, source, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_NO, &err), TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "shape [4] cannot be copied to shape [3]");
    assert_int_equal(tsr_view_init(&b, TSR_INT32, 2, matrix, source, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_NO, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(memory[0], 7);
}

static void test_no_axes_and_no_elements(void **state)
{
    static const int64_t none[] = {3, 0, INT64_MAX};
    double one = 1.5, two = 0;
    tsr_view a, b;
    (void)state;
    assert_int_equal(tsr_view_init(&a, TSR_FLOAT64, 0, NULL, &one, NULL), 0);
    assert_int_equal(tsr_view_init(&b, TSR_FLOAT64, 0, NULL, &two, NULL), 0);
    assert_int_equal(tsr_view_copy(&b, &a, TSR_CASTING_NO, NULL), 0);
    assert_true(two == 1.5);
    assert_int_equal(tsr_view_init(&a, TSR_FLOAT64, 3, none, NULL, NULL), 0);
    assert_int_equal(tsr_view_init(&b, TSR_FLOAT64, 3, none, NULL, NULL), 0);
    assert_int_equal(tsr_view_copy(&b, &a, TSR_CASTING_NO, NULL), 0);
    tsri_view_copy_swapped(&b, &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_views),          cmocka_unit_test(test_any_views_swapped),
        cmocka_unit_test(test_any_views_streamed), cmocka_unit_test(test_any_views_cached),
        cmocka_unit_test(test_far_apart),          cmocka_unit_test(test_rows_of_every_length),
        cmocka_unit_test(test_every_permutation),  cmocka_unit_test(test_three_cycle),
        cmocka_unit_test(test_swapped_values),     cmocka_unit_test(test_swapped_in_place),
        cmocka_unit_test(test_shapes_must_agree),  cmocka_unit_test(test_no_axes_and_no_elements),
    };
    return cmocka_run_group_tests_name("tensor.copy", tests, NULL, NULL);
}
