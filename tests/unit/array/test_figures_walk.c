/* Proves of what statistics are good for: those of a box are those of its elements, whatever part
 * of them is known; rows that contradict the store, or
 * themselves, or are of another array, are not believed; what is updated is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tessera/statistics.h>

#include "unit/array/array_testing.h"

enum { ROWS = 30, COLUMNS = 26 };

static const array_row shards = {
    .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {4, 3}, .shard = {12, 9}};
static const int16_t fill = 5;

static tsr_array *make(fixture *f, const char *path, bool statistics)
{
    tsr_array_create_options options;
    tsr_array *array;
    row_options(&shards, TSR_INT16, &fill, &options);
    options.store = f->store;
    options.statistics = statistics;
    good(tsr_array_create(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

static void write_all(fixture *f, tsr_array *array, int16_t *elements)
{
    for (int i = 0; i < ROWS * COLUMNS; i++)
        elements[i] = i % COLUMNS < 9 ? fill : (int16_t)(i * 37 % 1000);
    good(tsr_array_write(array, NULL, NULL, NULL, elements, ROWS * COLUMNS * sizeof *elements, NULL,
                         &f->err),
         &f->err);
}

static void expect_box(fixture *f, tsr_array *array, const int16_t *elements, const int64_t *start,
                       const int64_t *shape, int64_t read)
{
    tsr_statistics found;
    int64_t sum = 0, fills = 0, least = INT16_MAX, greatest = INT16_MIN, was_read;

    for (int64_t i = start[0]; i < start[0] + shape[0]; i++)
        for (int64_t j = start[1]; j < start[1] + shape[1]; j++) {
            int64_t element = elements[i * COLUMNS + j];
            if (element == fill) {
                fills++;
                continue;
            }
            sum += element;
            least = element < least ? element : least;
            greatest = element > greatest ? element : greatest;
        }
    good(tsr_array_statistics(array, start, shape, NULL, &found, &was_read, &f->err), &f->err);
    assert_int_equal(found.count, shape[0] * shape[1]);
    assert_int_equal(found.fill_count, fills);
    assert_int_equal(found.valid_count, shape[0] * shape[1] - fills);
    assert_true(found.sum == (double)sum && found.sum_rest == 0);
    if (found.valid_count > 0) {
        assert_int_equal(found.least.as_signed, least);
        assert_int_equal(found.greatest.as_signed, greatest);
    }
    if (read >= 0)
        assert_int_equal(was_read, read);
}

/* Boxes at and across the edges of inner chunks, of an array that keeps rows and of one that does
 * not. */
static void boxes(void **state)
{
    static const int64_t all[] = {ROWS, COLUMNS}, zero[] = {0, 0};
    fixture *f = *state;
    int16_t elements[ROWS * COLUMNS];

    for (int keeps = 0; keeps < 2; keeps++) {
        tsr_array *array = make(f, keeps ? "a" : "b", keeps);
        write_all(f, array, elements);
        expect_box(f, array, elements, zero, all, keeps ? 0 : ROWS * COLUMNS);
        for (int64_t i = 0; i < 8; i++)
            for (int64_t j = 0; j < 8; j++) {
                const int64_t start[] = {i, j}, shape[] = {17 - i, j + 9};
                expect_box(f, array, elements, start, shape, -1);
            }
        /* Two whole inner chunks, and one of which the box has a row. */
        const int64_t start[] = {4, 9}, shape[] = {9, 3};
        expect_box(f, array, elements, start, shape, keeps ? 3 : 27);
        const int64_t empty[] = {0, 4};
        tsr_statistics found;
        good(tsr_array_statistics(array, start, empty, NULL, &found, NULL, &f->err), &f->err);
        assert_int_equal(found.count, 0);
        const int64_t outside[] = {30, 4};
        assert_int_equal(tsr_array_statistics(array, start, outside, NULL, &found, NULL, &f->err),
                         TSR_OUT_OF_BOUNDS);
        tsr_error_clear(&f->err);
        tsr_array_close(array);
    }
}

typedef struct seen {
    int64_t chunks, known;
} seen;

static int count_known(void *user, const tsr_chunk_statistics *chunk)
{
    seen *self = user;
    self->chunks++;
    self->known += chunk->known;
    return 0;
}

static seen look(fixture *f, tsr_array *array)
{
    seen found = {0};
    good(tsr_array_walk_statistics(array, NULL, NULL, count_known, &found, NULL, &f->err), &f->err);
    return found;
}

/* A chunk that is replaced by other bytes of the same length is unknown, and so are no others. */
static void replaced_values_are_unknown(void **state)
{
    fixture *f = *state;
    int16_t elements[ROWS * COLUMNS];
    tsr_array *array = make(f, "a", true);
    size_t size = 0;

    write_all(f, array, elements);
    unsigned char *bytes = get_bytes(f, f->store, "a/c/1/1", &size);
    put_bytes(f, f->store, "a/c/1/1", bytes, size);
    seen found = look(f, array);
    assert_int_equal(found.chunks, 8 * 9);
    assert_int_equal(found.chunks - found.known, 3 * 3);
    good(tsr_store_erase(f->store, "a/c/1/1", NULL, &f->err), &f->err);
    found = look(f, array);
    assert_int_equal(found.known, found.chunks);
    free(bytes);
    tsr_array_close(array);
}

/* Rows that are damaged, or gone, are unknown; an update brings them back. */
static void damaged_rows_are_unknown(void **state)
{
    fixture *f = *state;
    int16_t elements[ROWS * COLUMNS];
    int64_t updated;

    for (int turn = 0; turn < 2; turn++) {
        tsr_array *array = make(f, turn ? "b" : "a", true);
        const char *key = turn ? "b/__statistics/c/0/0" : "a/__statistics/c/0/0";
        write_all(f, array, elements);
        tsr_array_close(array);
        if (turn)
            good(tsr_store_erase(f->store, key, NULL, &f->err), &f->err);
        else
            put_bytes(f, f->store, key, "nonsense", 8);
        array = array_open(f, f->store, turn ? "b" : "a", true);
        seen found = look(f, array);
        assert_int_equal(found.known, 8 * 3); /* the shards that hold nothing but fill values */
        const int64_t all[] = {ROWS, COLUMNS}, zero[] = {0, 0};
        expect_box(f, array, elements, zero, all, ROWS * (COLUMNS - 9));
        good(tsr_array_update_statistics(array, NULL, &updated, &f->err), &f->err);
        assert_int_equal(updated, 8 * 6);
        found = look(f, array);
        assert_int_equal(found.known, found.chunks);
        expect_box(f, array, elements, zero, all, 0);
        tsr_array_close(array);
    }
}

/* Rows of an array that stood in the same place before: of other codecs, or of another fill value.
 */
static void rows_of_another_array(void **state)
{
    fixture *f = *state;
    int16_t elements[ROWS * COLUMNS];
    tsr_array *array = make(f, "a", true);
    size_t size = 0;
    bool keeps;

    write_all(f, array, elements);
    good(tsr_array_keeps_statistics(array, &keeps, &f->err), &f->err);
    assert_true(keeps);
    tsr_array_close(array);
    char *document = (char *)get_bytes(f, f->store, "a/zarr.json", &size);
    document[size] = '\0';
    char *at = strstr(document, "\"fill_value\": 5");
    assert_non_null(at);
    at[strlen("\"fill_value\": ")] = '6';
    put_bytes(f, f->store, "a/zarr.json", document, size);
    free(document);
    array = array_open(f, f->store, "a", true);
    good(tsr_array_keeps_statistics(array, &keeps, &f->err), &f->err);
    assert_false(keeps);
    assert_int_equal(
        tsr_array_walk_statistics(array, NULL, NULL, count_known, &keeps, NULL, &f->err),
        TSR_NOT_FOUND);
    tsr_error_clear(&f->err);
    /* Asked for again, they are made anew. */
    good(tsr_array_keep_statistics(array, NULL, &f->err), &f->err);
    seen found = look(f, array);
    assert_int_equal(found.known, 8 * 3);
    tsr_array_close(array);
}

/* The hidden array is none of the orphans, and no member of a group. */
static int no_orphan(void *user, const char *key, int64_t size_bytes)
{
    (void)user;
    (void)size_bytes;
    fail_msg("%s is an orphan", key);
    return 1;
}

static int only_the_array(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)error;
    assert_string_equal(name, "a");
    assert_int_equal(kind, TSR_NODE_ARRAY);
    ++*(int *)user;
    return 0;
}

static void hidden(void **state)
{
    fixture *f = *state;
    int16_t elements[ROWS * COLUMNS];
    tsr_array *array = make(f, "g/a", true);
    tsr_array_open_options options;
    tsr_group *group;
    int members = 0;

    write_all(f, array, elements);
    good(tsr_array_orphan_keys(array, no_orphan, NULL, NULL, &f->err), &f->err);
    tsr_array_close(array);
    tsr_array_open_options_init(&options);
    options.store = f->store;
    good(tsr_group_open(f->context, "g", &options, &group, &f->err), &f->err);
    good(tsr_group_walk(group, NULL, only_the_array, &members, &f->err), &f->err);
    assert_int_equal(members, 1);
    tsr_group_close(group);
}

static void refusals(void **state)
{
    fixture *f = *state;
    tsr_array_create_options options;
    const int64_t shape[] = {1 << 20}, one[] = {1};
    tsr_array *array;

    tsr_array_create_options_init(&options);
    options.store = f->store;
    options.dtype = TSR_COMPLEX64;
    options.rank = 1;
    options.shape = shape;
    options.statistics = true;
    assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err), TSR_UNSUPPORTED);
    tsr_error_clear(&f->err);
    options.dtype = TSR_INT8;
    options.chunk_shape = one;
    options.shard_shape = shape;
    assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err), TSR_LIMIT);
    assert_non_null(strstr(f->err.message, "131072"));
    tsr_error_clear(&f->err);
    array = make(f, "b", false);
    tsr_array_close(array);
    array = array_open(f, f->store, "b", false);
    assert_int_equal(tsr_array_keep_statistics(array, NULL, &f->err), TSR_READ_ONLY);
    tsr_error_clear(&f->err);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(boxes),
        FIXTURE_TEST(replaced_values_are_unknown),
        FIXTURE_TEST(damaged_rows_are_unknown),
        FIXTURE_TEST(rows_of_another_array),
        FIXTURE_TEST(hidden),
        FIXTURE_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
