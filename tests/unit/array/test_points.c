/* Proves that points are sorted by chunk, inner chunk and place, that those of one cell keep their
 * order, and that this holds also where the numbers of cells need more than one word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/points.h"
#include "support/random_view.h"
#include "unit/array/array_testing.h"

#define ENDIAN "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"

/* Shards of 12 x 8 with inner chunks of 4 x 4 that are turned around: their walk goes along the
 * first axis of the array fastest. */
static const array_row turned = {
    .name = "turned",
    .rank = 2,
    .shape = {60, 40},
    .chunk = {12, 8},
    .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
              "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4],\"codecs\":"
              "[" ENDIAN "],\"index_codecs\":[" ENDIAN "]}}]"};
static const array_row packed = {
    .name = "packed", .rank = 2, .shape = {60, 40}, .chunk = {12, 7}, .codec = "zstd"};
static const array_row bare = {
    .name = "bare", .rank = 2, .shape = {60, 40}, .chunk = {12, 7}, .codec = "none"};

/* The numbers by which points of an array are to be ordered, the most significant first. */
static void key_of(const array_row *row, int64_t y, int64_t x, int64_t *ret_key)
{
    const int64_t *chunk = row->chunk;
    memset(ret_key, 0, 4 * sizeof *ret_key);
    ret_key[0] = y / chunk[0];
    ret_key[1] = x / chunk[1];
    if (row == &turned) {
        ret_key[2] = x % 8 / 4;
        ret_key[3] = y % 12 / 4;
    } else if (row == &bare) {
        ret_key[2] = y % chunk[0];
        ret_key[3] = x % chunk[1];
    }
}

static void check_order(const array_row *row, const tsri_points *points)
{
    int64_t before[4] = {-1, -1, -1, -1}, key[4];
    for (int64_t i = 0; i < points->count; i++) {
        key_of(row, points->coordinates[0][i], points->coordinates[1][i], key);
        int way = 0;
        for (int part = 0; part < 4 && way == 0; part++)
            way = (key[part] > before[part]) - (key[part] < before[part]);
        assert_true(way >= 0);
        if (way == 0) /* of one cell */
            assert_true(points->to[i] > points->to[i - 1]);
        memcpy(before, key, sizeof key);
    }
}

static void points_are_in_the_order_of_the_walk(void **state)
{
    static const int64_t counts[] = {2, 31, 33, 500, 5000};
    const array_row *const rows[] = {&turned, &packed, &bare};
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < 3 * sizeof counts / sizeof *counts; i++) {
        const array_row *row = rows[i % 3];
        int64_t count = counts[i / 3], (*table)[2] = malloc((size_t)count * sizeof *table);
        char name[32];
        tsr_view view;
        tsr_index index;
        tsri_points_set *set;
        for (int64_t j = 0; j < count; j++)
            for (int axis = 0; axis < 2; axis++)
                table[j][axis] = tests_random_below(&random, row->shape[axis]);
        snprintf(name, sizeof name, "a%zu", i);
        tsr_array *array = array_new(f, f->store, name, row, TSR_UINT8, NULL);
        good(tsr_view_init(&view, TSR_INT64, 2, (const int64_t[]){count, 2}, table, &f->err),
             &f->err);
        good(tsr_index_points(&index, 2, row->shape, &view, &f->err), &f->err);
        good(tsri_points_new(array, array->grid, &index, NULL, &set, &f->err), &f->err);
        assert_int_equal(set->count, 1);
        check_order(row, &set->points[0]);
        for (int64_t j = 0; j < count; j++) /* each is still itself */
            for (int axis = 0; axis < 2; axis++)
                assert_int_equal(set->points[0].coordinates[axis][j],
                                 table[set->points[0].to[j]][axis]);
        tsri_points_free(set);
        tsr_index_clear(&index);
        tsr_array_close(array);
        free(table);
    }
}

/* Numbers of chunks of 2^61 along three axes: 183 bits of them. */
static void keys_of_several_words_are_sorted(void **state)
{
    const int64_t length = INT64_C(1) << 62;
    const array_row row = {.name = "a",
                           .rank = 3,
                           .shape = {length, length, length},
                           .chunk = {2, 2, 2},
                           .codec = "none"};
    fixture *f = *state;
    int64_t table[60][3];
    tests_random random;
    tsr_view view;
    tsr_index index;
    tsri_points_set *set;
    tests_random_init(&random);
    for (int i = 0; i < 60; i++)
        for (int axis = 0; axis < 3; axis++)
            table[i][axis] =
                i % 3 == axis ? tests_random_below(&random, length) : table[i / 2][axis];
    table[59][0] = length - 1;
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    good(tsr_view_init(&view, TSR_INT64, 2, (const int64_t[]){60, 3}, table, &f->err), &f->err);
    good(tsr_index_points(&index, 3, row.shape, &view, &f->err), &f->err);
    good(tsri_points_new(array, array->grid, &index, NULL, &set, &f->err), &f->err);
    for (int i = 1; i < 60; i++) {
        int way = 0;
        for (int axis = 0; axis < 3 && way == 0; axis++) {
            int64_t *at = set->points[0].coordinates[axis];
            way = (at[i] / 2 > at[i - 1] / 2) - (at[i] / 2 < at[i - 1] / 2);
        }
        assert_true(way > 0 || (way == 0 && set->points[0].to[i] > set->points[0].to[i - 1]));
    }
    tsri_points_free(set);
    tsr_index_clear(&index);
    tsr_array_close(array);
}

/* What is in order already is not copied; where points go follows the strides of the view. */
static void ordered_lists_are_borrowed(void **state)
{
    fixture *f = *state;
    int16_t memory[64];
    tsr_view view;
    tsr_index index;
    tsri_points_set *set;
    tsr_array *array = array_new(f, f->store, "a", &packed, TSR_INT16, NULL);
    good(tsr_index_parse(&index, "3, [0, 1, 8, 30]", 2, packed.shape, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_INT16, 1, (const int64_t[]){4}, memory, &f->err), &f->err);
    view.strides[0] = -10;
    good(tsri_points_new(array, array->grid, &index, &view, &set, &f->err), &f->err);
    assert_true(set->points[0].borrowed);
    assert_ptr_equal(set->points[0].coordinates[0], set->points[0].group->coordinates[0]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(set->points[0].to[i], -10 * i);
    tsri_points_free(set);
    tsr_index_clear(&index);
    tsr_index_all(&index, 2, packed.shape);
    good(tsri_points_new(array, array->grid, &index, &view, &set, &f->err), &f->err);
    assert_null(set);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(points_are_in_the_order_of_the_walk),
        FIXTURE_TEST(keys_of_several_words_are_sorted),
        FIXTURE_TEST(ordered_lists_are_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
