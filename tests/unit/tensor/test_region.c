/* Proves that a walk visits exactly the chunks and elements that a selection names, once, in order,
 * and that cells come in the orders of zarr-python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/region.h"

static tsr_index random_index(tests_random *random, int rank, const int64_t *shape)
{
    tsr_index index = {.rank = rank};
    for (int axis = 0; axis < rank; axis++) {
        int64_t start = tests_random_below(random, shape[axis]);
        int64_t step =
            1 + tests_random_below(random, tests_random_below(random, 2) ? 3 : shape[axis]);
        bool backwards = tests_random_below(random, 2);
        int64_t most = (backwards ? start : shape[axis] - 1 - start) / step + 1;
        int64_t count = 1 + tests_random_below(random, most);
        index.axes[axis] =
            (tsr_index_axis){TSR_INDEX_RANGE, start, count, backwards ? -step : step};
        if (tests_random_below(random, 5) == 0)
            index.axes[axis] = (tsr_index_axis){TSR_INDEX_POSITION, start, 1, 1};
    }
    return index;
}

/* Visits every element of the selection through the walk and checks it against the definition. */
static int64_t check_walk(tests_random *random, const tsr_index *index, const int64_t *chunk_shape)
{
    tsri_grid_walk walk;
    int64_t chunks = 0, elements = 0;
    for (bool more = tsri_grid_walk_init(&walk, index, chunk_shape); more;
         more = tsri_grid_walk_next(&walk), chunks++) {
        int64_t here = 1;
        for (int axis = 0; axis < index->rank; axis++) {
            const tsri_axis_piece *piece = &walk.pieces[axis];
            const tsr_index_axis *a = &index->axes[axis];
            for (int64_t i = 0; i < piece->count; i++) {
                int64_t inside = piece->start + i * piece->step;
                if (inside < 0 || inside >= chunk_shape[axis] ||
                    piece->chunk * chunk_shape[axis] + inside !=
                        a->start + (piece->position + i) * a->step)
                    tests_random_fail(random, "element %lld of axis %d", (long long)i, axis);
            }
            /* The next element, if any, lies in another chunk. */
            int64_t next = piece->position + piece->count;
            if (next < a->count && (a->start + next * a->step) / chunk_shape[axis] == piece->chunk)
                tests_random_fail(random, "a piece of axis %d ends too early", axis);
            here *= piece->count;
        }
        elements += here;
    }
    if (elements != tsr_index_count(index))
        tests_random_fail(random, "%lld elements were visited", (long long)elements);
    return chunks;
}

static void test_random_walks(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 5000; round++) {
        int64_t shape[TSR_RANK_MAX], chunk_shape[TSR_RANK_MAX];
        int rank = tests_random_shape(&random, 4, 500, false, shape);
        for (int axis = 0; axis < rank; axis++)
            chunk_shape[axis] = 1 + tests_random_below(&random, shape[axis] + 3);
        tsr_index index = random_index(&random, rank, shape);
        int64_t chunks = check_walk(&random, &index, chunk_shape);
        if (chunks != tsri_grid_walk_count(&index, chunk_shape))
            tests_random_fail(&random, "%lld chunks were visited", (long long)chunks);
    }
}

static void test_order_of_a_walk(void **state)
{
    /* a[1:9:3, ::-2] of shape (10, 6), chunks (4, 4): rows 1 4 7, columns 5 3 1. */
    static const int64_t chunk_shape[] = {4, 4};
    static const int64_t expected[][2] = {{0, 1}, {0, 0}, {1, 1}, {1, 0}};
    static const tsr_index index = {
        .rank = 2, .axes = {{TSR_INDEX_RANGE, 1, 3, 3}, {TSR_INDEX_RANGE, 5, 3, -2}}};
    tsri_grid_walk walk;
    int count = 0;
    (void)state;
    for (bool more = tsri_grid_walk_init(&walk, &index, chunk_shape); more;
         more = tsri_grid_walk_next(&walk)) {
        assert_int_equal(walk.pieces[0].chunk, expected[count][0]);
        assert_int_equal(walk.pieces[1].chunk, expected[count][1]);
        count++;
    }
    assert_int_equal(count, 4);
}

static void test_borders_of_walks(void **state)
{
    static const int64_t huge[] = {INT64_MAX, INT64_MAX, INT64_MAX}, one[] = {1, 1, 1},
                         empty[] = {3, 0, 2};
    tsri_grid_walk walk;
    tsr_index index;
    (void)state;
    tsr_index_all(&index, 0, NULL);
    assert_true(tsri_grid_walk_init(&walk, &index, NULL));
    assert_false(tsri_grid_walk_next(&walk));
    assert_int_equal(tsri_grid_walk_count(&index, NULL), 1);
    tsr_index_all(&index, 3, empty);
    assert_false(tsri_grid_walk_init(&walk, &index, one));
    assert_int_equal(tsri_grid_walk_count(&index, one), 0);
    tsr_index_all(&index, 3, huge);
    assert_true(tsri_grid_walk_count(&index, one) == INT64_MAX);
    assert_int_equal(tsri_grid_walk_count(&index, huge), 1);
    assert_true(tsri_grid_walk_init(&walk, &index, huge));
    assert_true(walk.pieces[2].count == INT64_MAX);
    assert_false(tsri_grid_walk_next(&walk));
    /* From the end of the longest axis. */
    index.axes[0] = (tsr_index_axis){TSR_INDEX_RANGE, INT64_MAX - 1, 2, -(INT64_MAX - 1)};
    tsri_axis_piece piece;
    tsri_axis_piece_at(&index.axes[0], 10, 1, &piece);
    assert_true(piece.chunk == 0 && piece.start == 0 && piece.count == 1);
    tsri_axis_piece_at(&index.axes[0], 10, 0, &piece);
    assert_true(piece.chunk == (INT64_MAX - 1) / 10 && piece.count == 1);
    assert_int_equal(tsri_axis_piece_count(&index.axes[0], 10), 2);
}

static void assert_cells(tsri_grid_order order, int rank, const int64_t *shape,
                         const char *expected)
{
    tsri_cell_walk walk;
    char text[1024] = "";
    for (bool more = tsri_cell_walk_init(&walk, order, rank, shape); more;
         more = tsri_cell_walk_next(&walk)) {
        for (int axis = 0; axis < rank; axis++)
            sprintf(text + strlen(text), "%lld", (long long)walk.cell[axis]);
        strcat(text, " ");
        if (strlen(text) > sizeof text - 100)
            break;
    }
    assert_memory_equal(text, expected, strlen(expected));
    if (strlen(expected) > 0 && expected[strlen(expected) - 1] == ' ')
        assert_string_equal(text, expected);
}

/* The first two as zarr-python 3.1.6 writes them; a final space means that this is all. */
static void test_morton_vectors(void **state)
{
    (void)state;
    assert_cells(TSRI_ORDER_MORTON, 2, (const int64_t[]){2, 2}, "00 10 01 11 ");
    assert_cells(TSRI_ORDER_MORTON, 3, (const int64_t[]){4, 2, 3},
                 "000 100 010 110 001 101 011 111 200 300 210 310 201");
    assert_cells(TSRI_ORDER_MORTON, 1, (const int64_t[]){5}, "0 1 2 3 4 ");
    assert_cells(TSRI_ORDER_MORTON, 2, (const int64_t[]){1, 3}, "00 01 02 ");
    assert_cells(TSRI_ORDER_MORTON, 2, (const int64_t[]){3, 3}, "00 10 01 11 20 21 02 12 22 ");
    assert_cells(TSRI_ORDER_LEXICOGRAPHIC, 2, (const int64_t[]){2, 3}, "00 01 02 10 11 12 ");
    assert_cells(TSRI_ORDER_COLEXICOGRAPHIC, 2, (const int64_t[]){2, 3}, "00 10 01 11 02 12 ");
    for (int order = 0; order < 3; order++) {
        tsri_cell_walk walk;
        assert_true(tsri_cell_walk_init(&walk, (tsri_grid_order)order, 0, NULL));
        assert_false(tsri_cell_walk_next(&walk));
        assert_false(
            tsri_cell_walk_init(&walk, (tsri_grid_order)order, 2, (const int64_t[]){2, 0}));
    }
}

/* The cell of a code as zarr-python decodes it, or false when it is outside. */
static bool decode_morton(uint64_t code, int rank, const int64_t *shape, int64_t *cell)
{
    int next = 0;
    bool inside = true;
    for (int axis = 0; axis < rank; axis++)
        cell[axis] = 0;
    for (int bit = 0; bit < 63; bit++)
        for (int axis = 0; axis < rank; axis++)
            if ((shape[axis] - 1) >> bit) /* ceil(log2(length)) > bit */
                cell[axis] |= (int64_t)(code >> next++ & 1) << bit;
    for (int axis = 0; axis < rank; axis++)
        inside = inside && cell[axis] < shape[axis];
    return inside;
}

static void test_morton_is_decoded_codes_in_order(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 300; round++) {
        int64_t shape[TSR_RANK_MAX], cell[TSR_RANK_MAX], total = 1, count = 0;
        tsri_cell_walk walk;
        uint64_t code = 0;
        int rank = tests_random_shape(&random, 5, 300, false, shape);
        for (int axis = 0; axis < rank; axis++)
            total *= shape[axis];
        for (bool more = tsri_cell_walk_init(&walk, TSRI_ORDER_MORTON, rank, shape); more;
             more = tsri_cell_walk_next(&walk), count++) {
            while (!decode_morton(code++, rank, shape, cell))
                ;
            if (memcmp(cell, walk.cell, sizeof cell[0] * (size_t)rank) != 0)
                tests_random_fail(&random, "cell %lld differs", (long long)count);
        }
        assert_int_equal(count, total);
    }
}

/* Codes outside are passed over at once: this grid has 9 cells among 2^34 codes. */
static void test_morton_skips_quickly(void **state)
{
    static const int64_t shape[] = {3, 3, 1, 1},
                         steep[] = {(INT64_C(1) << 20) + 1, (INT64_C(1) << 20) + 1};
    tsri_cell_walk walk;
    int64_t count = 0;
    (void)state;
    for (bool more = tsri_cell_walk_init(&walk, TSRI_ORDER_MORTON, 4, shape); more;
         more = tsri_cell_walk_next(&walk))
        count++;
    assert_int_equal(count, 9);
    assert_true(tsri_cell_walk_init(&walk, TSRI_ORDER_MORTON, 2, steep));
    /* The last code of the lower level: what follows is the one cell of the upper row, far away. */
    walk.cell[0] = walk.cell[1] = (INT64_C(1) << 20) - 1;
    assert_true(tsri_cell_walk_next(&walk));
    assert_true(walk.cell[0] == INT64_C(1) << 20 && walk.cell[1] == 0);
    assert_true(tsri_cell_walk_next(&walk));
    assert_true(walk.cell[0] == INT64_C(1) << 20 && walk.cell[1] == 1);
    walk.cell[0] = walk.cell[1] = INT64_C(1) << 20;
    assert_false(tsri_cell_walk_next(&walk));
}

static void test_cell_number(void **state)
{
    static const int64_t shape[] = {4, 2, 3};
    int64_t number = 0;
    tsri_cell_walk walk;
    (void)state;
    for (bool more = tsri_cell_walk_init(&walk, TSRI_ORDER_LEXICOGRAPHIC, 3, shape); more;
         more = tsri_cell_walk_next(&walk))
        assert_int_equal(tsri_cell_number(3, shape, walk.cell), number++);
    assert_int_equal(number, 24);
    assert_int_equal(tsri_cell_number(0, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_walks),
        cmocka_unit_test(test_order_of_a_walk),
        cmocka_unit_test(test_borders_of_walks),
        cmocka_unit_test(test_morton_vectors),
        cmocka_unit_test(test_morton_is_decoded_codes_in_order),
        cmocka_unit_test(test_morton_skips_quickly),
        cmocka_unit_test(test_cell_number),
    };
    return cmocka_run_group_tests_name("tensor.region", tests, NULL, NULL);
}
