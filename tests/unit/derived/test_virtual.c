/* Proves of arrays of functions: every selection has what the function gives; it is asked for what
 * is needed, for whole chunks where it wants to, on one thread where it wants to; its failures and
 * its end come through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <pthread.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

typedef struct function {
    int released, calls, active, most_active, ragged; /* the last four atomic */
    int64_t elements;                                 /* atomic */
    int fail_with;
    tsr_array *source; /* read on the way */
} function;

static const int64_t shape[] = {21, 34}, chunk[] = {4, 10};

static int fill(void *user, const int64_t *start, const tsr_view *box, const tsr_call *call,
                tsr_error *err)
{
    function *self = user;
    int active = __atomic_add_fetch(&self->active, 1, __ATOMIC_ACQ_REL), status = 0;
    if (active > __atomic_load_n(&self->most_active, __ATOMIC_RELAXED))
        __atomic_store_n(&self->most_active, active, __ATOMIC_RELAXED);
    __atomic_add_fetch(&self->calls, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&self->elements, tsr_view_count(box), __ATOMIC_RELAXED);
    if (!tsr_view_is_dense(box) || (call && (call->poll || call->progress)) ||
        start[0] / chunk[0] != (start[0] + box->shape[0] - 1) / chunk[0])
        __atomic_add_fetch(&self->ragged, 1, __ATOMIC_RELAXED);
    int32_t *values = (int32_t *)box->data;
    if (self->source)
        status = tsr_array_read(self->source, start, box->shape, NULL, values,
                                (size_t)tsr_view_size(box), call, err);
    else
        for (int64_t y = 0; y < box->shape[0]; y++)
            for (int64_t x = 0; x < box->shape[1]; x++)
                *values++ = (int32_t)(1000 * (start[0] + y) + start[1] + x);
    __atomic_sub_fetch(&self->active, 1, __ATOMIC_ACQ_REL);
    return self->fail_with ? self->fail_with : status;
}

static void release(void *user)
{
    ((function *)user)->released++;
}

static tsr_virtual_options options_of(function *self)
{
    static const char *const names[] = {"y", "x"};
    tsr_virtual_options options;
    tsr_virtual_options_init(&options);
    options.name = "ramp";
    options.dtype = TSR_INT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.dimension_names = names;
    options.attributes = "{\"made\":\"up\"}";
    options.fill = fill;
    options.release = release;
    options.user = self;
    return options;
}

static expected ramp(void)
{
    expected self = expected_new(2, shape);
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++)
            self.values[y * shape[1] + x] = (double)(1000 * y + x);
    return self;
}

static void every_selection_has_what_the_function_gives(void **state)
{
    fixture *f = *state;
    tests_random random;
    expected values = ramp();
    tests_random_init(&random);
    for (int manner = 0; manner < 4; manner++) {
        function own = {0};
        tsr_virtual_options options = options_of(&own);
        tsr_array *array = NULL;
        options.whole_chunks = manner & 1;
        options.serial = manner & 2;
        good(tsr_array_new_virtual(f->context, &options, &array, &f->err), &f->err);
        assert_string_equal(tsr_array_driver(array), "virtual");
        assert_string_equal(tsr_array_place(array), "ramp");
        assert_int_equal(tsr_array_axis(array, "x"), 1);
        check_array(f, array, &values, &random, 25);
        assert_int_equal(own.ragged, 0);
        if (options.serial)
            assert_int_equal(own.most_active, 1);
        tsr_array_close(array);
        assert_int_equal(own.released, 1);
    }
    free(values.values);
}

static void it_is_asked_for_what_is_needed(void **state)
{
    fixture *f = *state;
    static const int64_t start[] = {3, 9}, count[] = {2, 2}, last[] = {20, 33}, one[] = {1, 1};
    for (int whole = 0; whole < 2; whole++) {
        function own = {0};
        tsr_virtual_options options = options_of(&own);
        tsr_array *array = NULL;
        int32_t values[4];
        options.whole_chunks = whole;
        good(tsr_array_new_virtual(f->context, &options, &array, &f->err), &f->err);
        good(tsr_array_read(array, start, count, NULL, values, sizeof values, NULL, &f->err),
             &f->err);
        assert_int_equal(values[3], 4010);
        assert_int_equal(own.calls, 4);
        assert_int_equal(own.elements, whole ? 4 * 40 : 4);
        own.elements = 0;
        good(tsr_array_read(array, last, one, NULL, values, 4, NULL, &f->err), &f->err);
        assert_int_equal(values[0], 20033);
        assert_int_equal(own.elements, whole ? 1 * 4 : 1);
        tsr_array_close(array);
    }
}

/* Chunks are chosen; functions read other arrays; copies are made of it. */
static void a_function_may_read_arrays(void **state)
{
    fixture *f = *state;
    tests_random random;
    expected values;
    const array_row row = {.name = "source", .rank = 2, .shape = {21, 34}, .chunk = {5, 5}};
    tests_random_init(&random);
    function own = {.source = random_array(f, "source", &row, TSR_INT32, &random, &values)};
    tsr_virtual_options options = options_of(&own);
    tsr_array *array = NULL, *copy = array_new(f, f->store, "copy", &row, TSR_INT32, NULL);
    options.whole_chunks = true;
    good(tsr_array_new_virtual(f->context, &options, &array, &f->err), &f->err);
    check_array(f, array, &values, &random, 10);
    good(tsr_array_copy(array, copy, NULL, NULL, &f->err), &f->err);
    check_array(f, copy, &values, &random, 1);
    tsr_array_close(array);
    options.chunk_shape = NULL;
    good(tsr_array_new_virtual(f->context, &options, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_chunk_shape(array)[0], 21);
    assert_int_equal(tsr_array_chunk_shape(array)[1], 34);
    tsr_array_close(array);
    tsr_array_close(copy);
    tsr_array_close(own.source);
    free(values.values);
}

static void failures_come_through(void **state)
{
    fixture *f = *state;
    int32_t values[21 * 34];
    static const int statuses[] = {TSR_DAMAGED, 7};
    for (int i = 0; i < 2; i++) {
        function own = {.fail_with = statuses[i]};
        tsr_virtual_options options = options_of(&own);
        tsr_array *array = NULL;
        good(tsr_array_new_virtual(f->context, &options, &array, &f->err), &f->err);
        int status = tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err);
        assert_int_equal(status, i ? TSR_CANCELLED : TSR_DAMAGED);
        assert_non_null(strstr(f->err.message, "ramp: "));
        assert_int_equal(
            tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
            TSR_READ_ONLY);
        tsr_array_close(array);
    }
}

static void what_is_not_an_array_is_refused(void **state)
{
    fixture *f = *state;
    static const int64_t negative[] = {3, -1}, large[] = {1 << 20, 1 << 20}, zero[] = {0, 4};
    function own = {0};
    const tsr_virtual_options good_options = options_of(&own);
    tsr_virtual_options options = good_options;
    tsr_array *array = NULL;
    options.fill = NULL;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    options = good_options;
    options.struct_size = 8;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    options = good_options;
    options.shape = negative;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    options = good_options;
    options.chunk_shape = zero;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    options = good_options;
    options.rank = 33;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err), TSR_LIMIT);
    options = good_options;
    options.shape = options.chunk_shape = large;
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err), TSR_LIMIT);
    options = good_options;
    options.attributes = "[1]";
    assert_int_equal(tsr_array_new_virtual(f->context, &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    options.attributes = "{";
    assert_true(tsr_array_new_virtual(f->context, &options, &array, &f->err) < 0);
    assert_null(array);
    assert_int_equal(own.released, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_selection_has_what_the_function_gives),
        FIXTURE_TEST(it_is_asked_for_what_is_needed),
        FIXTURE_TEST(a_function_may_read_arrays),
        FIXTURE_TEST(failures_come_through),
        FIXTURE_TEST(what_is_not_an_array_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
