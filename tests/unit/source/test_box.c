/* Boxes are of about 4 MiB, of whole stored chunks, and lie together. */
#include "source_testing.h"

#include "source/box.h"

static void expect(int rank, const int64_t *shape, const int64_t *stored, size_t element_bytes,
                   const int64_t *wanted)
{
    int64_t box[4];
    tsri_box_choose(rank, shape, stored, element_bytes, box);
    for (int axis = 0; axis < rank; axis++)
        assert_int_equal(box[axis], wanted[axis]);
}

static void test_contiguous(void **state)
{
    (void)state;
    expect(1, (int64_t[]){10}, NULL, 8, (int64_t[]){10});
    expect(1, (int64_t[]){1 << 30}, NULL, 4, (int64_t[]){1 << 20});
    expect(2, (int64_t[]){5000, 1024}, NULL, 4, (int64_t[]){1024, 1024});
    /* A row that is too large by itself is cut, and rows are not joined. */
    expect(2, (int64_t[]){7, 3 << 20}, NULL, 8, (int64_t[]){1, 1 << 19});
    expect(2, (int64_t[]){0, 5}, NULL, 4, (int64_t[]){1, 5});
    expect(0, NULL, NULL, 4, NULL);
}

static void test_chunked(void **state)
{
    (void)state;
    /* Tiny chunks of a series are read many at once; the box is a whole number of them. */
    expect(1, (int64_t[]){10000000}, (int64_t[]){1}, 4, (int64_t[]){1 << 20});
    expect(1, (int64_t[]){10000000}, (int64_t[]){3000}, 4, (int64_t[]){349 * 3000});
    expect(2, (int64_t[]){100, 2000}, (int64_t[]){7, 700}, 4, (int64_t[]){100, 2000});
    /* Chunks of more than that are read as they are. */
    expect(2, (int64_t[]){9000, 9000}, (int64_t[]){3000, 3000}, 4, (int64_t[]){3000, 3000});
    /* A chunk may be larger than the array. */
    expect(1, (int64_t[]){10}, (int64_t[]){1 << 30}, 4, (int64_t[]){10});
    expect(1, (int64_t[]){INT64_MAX}, (int64_t[]){INT64_MAX}, 8, (int64_t[]){INT64_MAX});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_contiguous),
                                       cmocka_unit_test(test_chunked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
