/* Proves that arrays made of arrays of strings have the strings of their sources, whichever way
 * they are read, that what was read needs no source any more, and that a cast to or from a fixed
 * length refuses what has no room, as a view does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

enum { ROWS = 7, COLUMNS = 9, COUNT = ROWS * COLUMNS };

static const array_row plain = {
    .name = "plain", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {3, 4}, .codec = "zstd:1"};
static const array_row sharded = {
    .name = "sharded", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {2, 3}, .shard = {4, 6}};

/* Element `number` of array `which`: 0 to 39 letters, so that some lie in their slot. */
static int text_of(int which, int number, char text[64])
{
    int length = number * 7 % 40;
    for (int i = 0; i < length; i++)
        text[i] = (char)('a' + (which * 5 + number + i) % 26);
    text[length] = '\0';
    return length;
}

static void expect_text(const void *element, int which, int number)
{
    char text[64];
    const tsr_slot *slot = element;
    int length = text_of(which, number, text);
    assert_int_equal(slot->size_bytes, length);
    assert_memory_equal(tsr_slot_bytes(slot), text, (size_t)length);
}

/* An array whose last row was never written. */
static tsr_array *filled(fixture *f, int which, const array_row *row)
{
    char texts[COUNT][64];
    tsr_slot slots[COUNT], fill;
    char path[8];
    snprintf(path, sizeof path, "s%d", which);
    good(tsr_slot_borrow(&fill, "what was never written", 22, &f->err), &f->err);
    tsr_array *array = array_new(f, f->store, path, row, TSR_STRING, &fill);
    for (int i = 0; i < COUNT; i++) {
        int length = text_of(which, i, texts[i]);
        good(tsr_slot_borrow(&slots[i], texts[i], (size_t)length, &f->err), &f->err);
    }
    static const int64_t start[2] = {0, 0}, shape[2] = {ROWS - 1, COLUMNS};
    good(tsr_array_write(array, start, shape, NULL, slots,
                         (size_t)(ROWS - 1) * COLUMNS * sizeof *slots, NULL, &f->err),
         &f->err);
    memset(texts, '!', sizeof texts);
    return array;
}

/* Reads a selection into a view with a heap of its own. */
static void read_text(fixture *f, tsr_array *array, const tsr_dtype *dtype, const char *selection,
                      tsr_view *ret_view)
{
    tsr_auto(tsr_index) index = {.layout = NULL};
    int64_t shape[TSR_RANK_MAX];
    good(tsr_index_parse(&index, selection, tsr_array_rank(array), tsr_array_shape(array), &f->err),
         &f->err);
    int rank = tsr_index_shape(&index, shape);
    good(tsr_view_new(ret_view, dtype, rank, shape, &f->err), &f->err);
    const tsr_read_request request = {array, &index, ret_view, TSR_CASTING_SAME_KIND};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
}

static void expect_fill(const void *element)
{
    const tsr_slot *slot = element;
    assert_int_equal(slot->size_bytes, 22);
    assert_memory_equal(tsr_slot_bytes(slot), "what was never written", 22);
}

static const tsr_slot *slot_at(const tsr_view *view, int64_t number)
{
    return (const tsr_slot *)(const void *)view->data + number;
}

/* Element (y, x) of the concatenation of both along the rows. */
static void expect_joined(const void *element, int y, int x)
{
    if (y % ROWS == ROWS - 1)
        expect_fill(element);
    else
        expect_text(element, y / ROWS, y % ROWS * COLUMNS + x);
}

static void make_both(fixture *f, tsr_array **ret_parts)
{
    ret_parts[0] = filled(f, 0, &plain);
    ret_parts[1] = filled(f, 1, &sharded);
}

/* The array, and its sources, are closed before what was read is looked at. */
static void a_concatenation_of_strings(void **state)
{
    fixture *f = *state;
    tsr_array *parts[2], *array = NULL;
    tsr_view all, back, listed;
    make_both(f, parts);
    good(tsr_array_concatenate(parts, 2, 0, &array, &f->err), &f->err);
    read_text(f, array, TSR_STRING, ":", &all);
    read_text(f, array, TSR_STRING, "::-3, 1:9:4", &back);
    read_text(f, array, TSR_STRING, "[13, 2, 8, 2], 5", &listed);
    tsr_array_close(array);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
    for (int y = 0; y < 2 * ROWS; y++)
        for (int x = 0; x < COLUMNS; x++)
            expect_joined(slot_at(&all, y * COLUMNS + x), y, x);
    assert_int_equal(back.shape[0], 5);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 2; x++)
            expect_joined(slot_at(&back, y * 2 + x), 2 * ROWS - 1 - 3 * y, 1 + 4 * x);
    static const int rows[4] = {13, 2, 8, 2};
    for (int i = 0; i < 4; i++)
        expect_joined(slot_at(&listed, i), rows[i], 5);
    tsr_view_clear(&all);
    tsr_view_clear(&back);
    tsr_view_clear(&listed);
}

static int expect_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)err;
    for (int64_t z = 0; z < piece->shape[0]; z++)
        for (int64_t y = 0; y < piece->shape[1]; y++)
            for (int64_t x = 0; x < piece->shape[2]; x++) {
                int which = (int)(position[1] + y), row = (int)(position[0] + z);
                expect_joined(piece->data + z * piece->strides[0] + y * piece->strides[1] +
                                  x * piece->strides[2],
                              which * ROWS + row, (int)(position[2] + x));
            }
    __atomic_add_fetch((int64_t *)user, tsr_view_count(piece), __ATOMIC_RELAXED);
    return 0;
}

/* Stacked along a new axis in the middle: read, through a sink, and copied to an array. */
static void a_stack_of_strings(void **state)
{
    fixture *f = *state;
    static const array_row row = {.name = "copy",
                                  .rank = 3,
                                  .shape = {ROWS, 2, COLUMNS},
                                  .chunk = {2, 1, 5},
                                  .shard = {4, 2, 5}};
    tsr_array *parts[2], *array = NULL, *copy;
    tsr_index all;
    int64_t count = 0;
    tsr_view copied;
    make_both(f, parts);
    good(tsr_array_stack(parts, 2, 1, "which", &array, &f->err), &f->err);
    tsr_index_all(&all, 3, row.shape);
    good(tsr_array_read_sink(array, &all, expect_piece, &count, NULL, &f->err), &f->err);
    assert_int_equal(count, 2 * COUNT);
    copy = array_new(f, f->store, row.name, &row, TSR_STRING, NULL);
    good(tsr_array_copy(array, copy, NULL, NULL, &f->err), &f->err);
    read_text(f, copy, TSR_STRING, ":", &copied);
    static const int64_t origin[3] = {0, 0, 0};
    count = 0;
    assert_int_equal(expect_piece(&count, &copied, origin, &f->err), 0);
    assert_int_equal(count, 2 * COUNT);
    tsr_view_clear(&copied);
    tsr_array_close(copy);
    tsr_array_close(array);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
}

/* To 40 bytes and back to strings, one cast on another; the fill value goes along. */
static void casts_of_strings(void **state)
{
    fixture *f = *state;
    const tsr_dtype *narrow;
    tsr_array *source = filled(f, 0, &sharded), *fixed = NULL, *again = NULL, *bytes = NULL;
    tsr_view view, other;
    good(tsr_dtype_fixed_text(TSR_KIND_BYTES, 40, &narrow, &f->err), &f->err);
    assert_int_equal(tsr_array_cast(source, narrow, TSR_CASTING_SAFE, &fixed, &f->err),
                     TSR_TYPE_MISMATCH);
    good(tsr_array_cast(source, narrow, TSR_CASTING_SAME_KIND, &fixed, &f->err), &f->err);
    good(tsr_array_cast(fixed, TSR_STRING, TSR_CASTING_SAME_KIND, &again, &f->err), &f->err);
    good(tsr_array_cast(source, TSR_VARIABLE_BYTES, TSR_CASTING_SAFE, &bytes, &f->err), &f->err);
    expect_fill(tsr_array_fill_value(again));
    expect_fill(tsr_array_fill_value(bytes));
    read_text(f, again, TSR_STRING, "1:7, ::-1", &view);
    read_text(f, bytes, TSR_STRING, ":", &other);
    tsr_array_close(bytes);
    tsr_array_close(again);
    tsr_array_close(fixed);
    tsr_array_close(source);
    tsr_dtype_unref(narrow);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < COLUMNS; x++)
            expect_joined(slot_at(&view, y * COLUMNS + x), y + 1, COLUMNS - 1 - x);
    for (int i = 0; i < COUNT; i++)
        expect_joined(slot_at(&other, i), i / COLUMNS, i % COLUMNS);
    tsr_view_clear(&view);
    tsr_view_clear(&other);
}

/* Element 5 has 35 letters. */
static void a_cast_refuses_what_is_too_long(void **state)
{
    fixture *f = *state;
    const tsr_dtype *narrow;
    tsr_array *source = filled(f, 0, &plain), *fixed = NULL;
    char first[4 * 34], row[COLUMNS * 34];
    static const int64_t start[2] = {0, 0}, four[2] = {1, 4}, nine[2] = {1, COLUMNS};
    good(tsr_dtype_fixed_text(TSR_KIND_BYTES, 34, &narrow, &f->err), &f->err);
    good(tsr_array_cast(source, narrow, TSR_CASTING_SAME_KIND, &fixed, &f->err), &f->err);
    good(tsr_array_read(fixed, start, four, NULL, first, sizeof first, NULL, &f->err), &f->err);
    assert_memory_equal(first + 34, "bcdefgh\0", 8);
    assert_int_equal(tsr_array_read(fixed, start, nine, NULL, row, sizeof row, NULL, &f->err),
                     TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(f->err.message, "does not fit into S34"));
    tsr_error_clear(&f->err);
    tsr_array_close(fixed);
    tsr_array_close(source);
    tsr_dtype_unref(narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_concatenation_of_strings),
        FIXTURE_TEST(a_stack_of_strings),
        FIXTURE_TEST(casts_of_strings),
        FIXTURE_TEST(a_cast_refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
