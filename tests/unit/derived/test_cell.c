/* Proves of the size of cells: they grow from the last axis on, no further than the array and the
 * aim, and keep what they had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "derived/cell.h"

static void cells_grow_from_the_last_axis_on(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[3], weight, aim, cell[3], grown[3];
    } rows[] = {
        {{100, 100, 100}, 4, 4000, {1, 1, 1}, {1, 10, 100}},
        {{100, 100, 100}, 4, 40, {1, 1, 1}, {1, 1, 10}},
        {{3, 5, 7}, 1, 1000000, {1, 1, 1}, {3, 5, 7}},
        {{3, 5, 7}, 1, 1000000, {2, 2, 2}, {4, 6, 8}},
        {{100, 100, 100}, 8, 7, {2, 3, 4}, {2, 3, 4}},
        {{0, 5, 7}, 1, 100, {1, 1, 1}, {1, 5, 7}},
        {{INT64_MAX, INT64_MAX, INT64_MAX}, INT64_MAX, 100, {1, 1, 1}, {1, 1, 1}},
        {{INT64_MAX, INT64_MAX, INT64_MAX}, 2, 100, {1, 1, INT64_MAX}, {1, 1, INT64_MAX}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t cell[3];
        memcpy(cell, rows[i].cell, sizeof cell);
        tsri_cell_grow(3, rows[i].shape, rows[i].weight, rows[i].aim, cell);
        assert_memory_equal(cell, rows[i].grown, sizeof cell);
    }
    tsri_cell_grow(0, NULL, 8, 100, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_grow_from_the_last_axis_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
