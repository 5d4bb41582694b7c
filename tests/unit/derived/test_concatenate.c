/* Proves of concatenations and stacks: every selection has the elements that lie there, whatever
 * the chunks of the parts; reads are those of the parts, and each chunk is read once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

enum { PARTS = 4 };

/* Puts part values into those of the whole: `new_axis` of the whole is not one of the part. */
static void place_part(expected *whole, const expected *part, int axis, int64_t at, bool new_axis)
{
    int64_t position[TSR_RANK_MAX] = {0}, to[TSR_RANK_MAX];
    if (expected_count(part) == 0)
        return;
    do {
        int from = 0;
        for (int i = 0; i < whole->rank; i++)
            to[i] = new_axis && i == axis ? at : position[from++] + (i == axis ? at : 0);
        *expected_at(whole, to) = *expected_at(part, position);
    } while (tests_next_position(part->rank, part->shape, position));
}

static const array_row kinds[] = {
    {.name = "raw", .rank = 3, .chunk = {3, 4, 2}, .codec = "none"},
    {.name = "zstd", .rank = 3, .chunk = {2, 3, 5}},
    {.name = "shards", .rank = 3, .chunk = {2, 2, 2}, .shard = {4, 4, 4}},
};

static tsr_array *random_part(fixture *f, const int64_t *shape, tests_random *random,
                              expected *ret_values)
{
    static int number;
    char path[24];
    array_row row = kinds[tests_random_below(random, 3)];
    memcpy(row.shape, shape, 3 * sizeof *shape);
    snprintf(path, sizeof path, "part%d", number++);
    return random_array(f, path, &row, TSR_INT16, random, ret_values);
}

static void check_concatenation(fixture *f, tests_random *random, int axis)
{
    static const int64_t base[] = {5, 6, 4};
    tsr_array *parts[PARTS], *array = NULL;
    expected values[PARTS];
    int64_t shape[3] = {5, 6, 4}, at = 0;
    shape[axis] = 0;
    for (int i = 0; i < PARTS; i++) {
        int64_t part[3];
        memcpy(part, base, sizeof part);
        part[axis] = i == 2 ? 0 : 1 + tests_random_below(random, 7);
        shape[axis] += part[axis];
        parts[i] = random_part(f, part, random, &values[i]);
    }
    expected whole = expected_new(3, shape);
    for (int i = 0; i < PARTS; i++) {
        place_part(&whole, &values[i], axis, at, false);
        at += values[i].shape[axis];
        free(values[i].values);
    }
    good(tsr_array_concatenate(parts, PARTS, axis, &array, &f->err), &f->err);
    for (int i = 0; i < PARTS; i++)
        tsr_array_close(parts[i]);
    check_array(f, array, &whole, random, 20);
    tsr_array_close(array);
    free(whole.values);
}

static void a_concatenation_has_what_its_parts_have(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (int round = 0; round < 4; round++)
        for (int axis = 0; axis < 3; axis++)
            check_concatenation(f, &random, axis);
}

static void a_stack_has_what_its_parts_have(void **state)
{
    fixture *f = *state;
    static const int64_t base[] = {5, 6, 4};
    tests_random random;
    tests_random_init(&random);
    for (int axis = 0; axis <= 3; axis++) {
        tsr_array *parts[PARTS], *array = NULL;
        int64_t shape[4];
        int next = 0;
        for (int i = 0; i < 4; i++)
            shape[i] = i == axis ? PARTS : base[next++];
        expected whole = expected_new(4, shape), values;
        for (int i = 0; i < PARTS; i++) {
            parts[i] = random_part(f, base, &random, &values);
            place_part(&whole, &values, axis, i, true);
            free(values.values);
        }
        good(tsr_array_stack(parts, PARTS, axis, "member", &array, &f->err), &f->err);
        assert_string_equal(tsr_array_dimension_name(array, axis), "member");
        assert_string_equal(tsr_array_driver(array), "stack");
        for (int i = 0; i < PARTS; i++)
            tsr_array_close(parts[i]);
        check_array(f, array, &whole, &random, 30);
        tsr_array_close(array);
        free(whole.values);
    }
}

/* Casts of concatenations of stacks: all is told down to what is stored. */
static void derived_arrays_are_made_of_derived_arrays(void **state)
{
    fixture *f = *state;
    static const int64_t base[] = {5, 6, 4};
    tests_random random;
    tsr_array *parts[PARTS], *pairs[2] = {NULL}, *both = NULL, *array = NULL;
    expected whole = expected_new(4, (const int64_t[]){5, 4, 6, 4}), values;
    tests_random_init(&random);
    for (int i = 0; i < PARTS; i++) {
        parts[i] = random_part(f, base, &random, &values);
        place_part(&whole, &values, 1, i, true);
        free(values.values);
    }
    for (int i = 0; i < 2; i++)
        good(tsr_array_stack(parts + 2 * i, 2, 1, NULL, &pairs[i], &f->err), &f->err);
    good(tsr_array_concatenate(pairs, 2, 1, &both, &f->err), &f->err);
    good(tsr_array_cast(both, TSR_FLOAT32, TSR_CASTING_SAFE, &array, &f->err), &f->err);
    check_array(f, array, &whole, &random, 60);
    for (int i = 0; i < PARTS; i++)
        tsr_array_close(parts[i]);
    tsr_array_close(pairs[0]);
    tsr_array_close(pairs[1]);
    tsr_array_close(both);
    tsr_array_close(array);
    free(whole.values);
}

static const array_row half = {
    .name = "half", .rank = 2, .shape = {8, 10}, .chunk = {2, 5}, .shard = {4, 10}};

static void make_halves(fixture *f, tsr_array **ret_parts, tsr_array **ret_array)
{
    int32_t values[80];
    for (int i = 0; i < 2; i++) {
        const char *path = i ? "b" : "a";
        ret_parts[i] = array_new(f, f->store, path, &half, TSR_INT32, NULL);
        for (int k = 0; k < 80; k++)
            values[k] = 1000 * i + k + 1;
        good(tsr_array_write(ret_parts[i], NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
             &f->err);
    }
    good(tsr_array_concatenate(ret_parts, 2, 0, ret_array, &f->err), &f->err);
}

/* A read of the whole takes what reads of the parts take, and not more; chunks of the grid are
 * those of what is decoded at once. */
static void a_read_costs_what_the_parts_cost(void **state)
{
    fixture *f = *state;
    tsr_array *parts[2], *array = NULL;
    tsr_read_cost cost, of_parts[2];
    tsr_index index;
    make_halves(f, parts, &array);
    assert_int_equal(tsr_array_shape(array)[0], 16);
    assert_int_equal(tsr_array_chunk_shape(array)[0], 2);
    assert_int_equal(tsr_array_chunk_shape(array)[1], 5);
    good(tsr_array_explain(array, NULL, NULL, &cost, &f->err), &f->err);
    for (int i = 0; i < 2; i++)
        good(tsr_array_explain(parts[i], NULL, NULL, &of_parts[i], &f->err), &f->err);
    assert_int_equal(cost.objects, 4);
    assert_int_equal(cost.chunks, 16);
    assert_int_equal(cost.used_bytes, of_parts[0].used_bytes + of_parts[1].used_bytes);
    assert_int_equal(cost.decoded_bytes, of_parts[0].decoded_bytes + of_parts[1].decoded_bytes);
    assert_int_equal(cost.wanted_bytes, 16 * 10 * 4);
    /* Two indexes, and the inner chunks of each shard at once. */
    assert_int_equal(cost.fetched_bytes, cost.index_bytes + cost.used_bytes);
    good(tsr_index_parse(&index, "7:9, 3", 2, tsr_array_shape(array), &f->err), &f->err);
    good(tsr_array_explain(array, &index, NULL, &cost, &f->err), &f->err);
    assert_int_equal(cost.chunks, 2);
    tsr_array_close(array);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
}

static void note_progress(void *user, const tsr_progress *progress)
{
    *(tsr_progress *)user = *progress;
}

static void progress_counts_every_element_once(void **state)
{
    fixture *f = *state;
    tsr_array *parts[2], *array = NULL;
    int32_t values[160];
    tsr_progress progress = {0};
    tsr_call call = TSR_CALL_INIT;
    call.progress = note_progress;
    call.user = &progress;
    make_halves(f, parts, &array);
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, &call, &f->err), &f->err);
    assert_int_equal(progress.bytes_done, sizeof values);
    assert_int_equal(progress.bytes_total, sizeof values);
    assert_int_equal(values[79], 80);
    assert_int_equal(values[80], 1001);
    tsr_array_close(array);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
}

static void it_can_be_copied(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "copy", .rank = 2, .shape = {16, 10}, .chunk = {3, 4}, .shard = {9, 8}};
    tsr_array *parts[2], *array = NULL,
                         *copy = array_new(f, f->store, row.name, &row, TSR_INT32, NULL);
    tsr_copy_options options;
    int32_t values[160];
    make_halves(f, parts, &array);
    tsr_copy_options_init(&options);
    options.memory_bytes = 1;
    assert_int_equal(tsr_array_copy(array, copy, &options, NULL, &f->err), TSR_LIMIT);
    good(tsr_array_copy(array, copy, NULL, NULL, &f->err), &f->err);
    good(tsr_array_read(copy, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int i = 0; i < 160; i++)
        assert_int_equal(values[i], i < 80 ? i + 1 : 1000 + i - 79);
    tsr_array_close(array);
    tsr_array_close(copy);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
}

/* Parts whose lengths are no multiples of their chunks: the grid follows them. */
static void chunks_follow_those_of_the_parts(void **state)
{
    fixture *f = *state;
    static const array_row uneven[] = {{.rank = 1, .shape = {7}, .chunk = {3}},
                                       {.rank = 1, .shape = {4}, .chunk = {3}},
                                       {.rank = 1, .shape = {6}, .chunk = {2}}};
    static const array_row even[] = {{.rank = 1, .shape = {6}, .chunk = {3}},
                                     {.rank = 1, .shape = {9}, .chunk = {3}},
                                     {.rank = 1, .shape = {2}, .chunk = {3}}};
    tsr_array *parts[3], *array = NULL;
    char *edges = NULL;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            char path[] = {(char)('p' + round), (char)('0' + i), 0};
            parts[i] = array_new(f, f->store, path, round ? &even[i] : &uneven[i], TSR_INT8, NULL);
        }
        good(tsr_array_concatenate(parts, 3, 0, &array, &f->err), &f->err);
        assert_int_equal(tsr_array_is_regular(array), round);
        good(tsr_array_chunk_edges(array, &edges, &f->err), &f->err);
        assert_string_equal(edges, round ? "[3]" : "[[[3,2],1,3,1,[2,3]]]");
        tsr_free(edges);
        tsr_array_close(array);
        for (int i = 0; i < 3; i++)
            tsr_array_close(parts[i]);
    }
}

static void what_does_not_go_together_is_refused(void **state)
{
    fixture *f = *state;
    static const array_row other = {.rank = 2, .shape = {8, 11}, .chunk = {2, 5}},
                           line = {.rank = 1, .shape = {8}, .chunk = {2}};
    tsr_array *array = NULL, *a = array_new(f, f->store, "a", &half, TSR_INT32, NULL),
              *longer = array_new(f, f->store, "longer", &other, TSR_INT32, NULL),
              *flat = array_new(f, f->store, "flat", &line, TSR_INT32, NULL),
              *wide = array_new(f, f->store, "wide", &half, TSR_INT64, NULL);
    tsr_array *pair[] = {a, longer};
    assert_int_equal(tsr_array_concatenate(pair, 0, 0, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_concatenate(pair, 2, 0, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "10 long"));
    assert_non_null(strstr(f->err.message, "11"));
    assert_int_equal(tsr_array_stack(pair, 2, 0, NULL, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_concatenate(pair, 2, 2, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_concatenate(pair, 2, -1, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_stack(pair, 1, 3, NULL, &array, &f->err), TSR_INVALID_ARGUMENT);
    pair[1] = flat;
    assert_int_equal(tsr_array_concatenate(pair, 2, 0, &array, &f->err), TSR_INVALID_ARGUMENT);
    pair[1] = wide;
    assert_int_equal(tsr_array_concatenate(pair, 2, 0, &array, &f->err), TSR_TYPE_MISMATCH);
    assert_non_null(strstr(f->err.message, "int64"));
    assert_null(array);
    fixture elsewhere;
    fixture_open(&elsewhere, "memory:");
    pair[1] = array_new(&elsewhere, elsewhere.store, "a", &half, TSR_INT32, NULL);
    assert_int_equal(tsr_array_concatenate(pair, 2, 0, &array, &f->err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "contexts"));
    tsr_array_close(pair[1]);
    fixture_close(&elsewhere);
    tsr_array_close(a);
    tsr_array_close(longer);
    tsr_array_close(flat);
    tsr_array_close(wide);
}

/* A source that changes its shape: what is there is read as before, what is gone is refused. */
static void a_source_that_shrinks_is_noticed(void **state)
{
    fixture *f = *state;
    static const int64_t shorter[] = {3, 10}, start[] = {8, 0}, count[] = {3, 10};
    tsr_array *parts[2], *array = NULL;
    int32_t values[160];
    make_halves(f, parts, &array);
    good(tsr_array_resize(parts[1], shorter, NULL, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(array)[0], 16);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
                     TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(f->err.message, "b: axis 0"));
    good(tsr_array_read(array, start, count, NULL, values, 120, NULL, &f->err), &f->err);
    assert_int_equal(values[29], 1030);
    tsr_array_close(array);
    tsr_array_close(parts[0]);
    tsr_array_close(parts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_concatenation_has_what_its_parts_have),
        FIXTURE_TEST(a_stack_has_what_its_parts_have),
        FIXTURE_TEST(derived_arrays_are_made_of_derived_arrays),
        FIXTURE_TEST(a_read_costs_what_the_parts_cost),
        FIXTURE_TEST(progress_counts_every_element_once),
        FIXTURE_TEST(it_can_be_copied),
        FIXTURE_TEST(chunks_follow_those_of_the_parts),
        FIXTURE_TEST(what_does_not_go_together_is_refused),
        FIXTURE_TEST(a_source_that_shrinks_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
