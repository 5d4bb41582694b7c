/* What the tests of arrays that are not stored share: every way to read, against values that the
 * test has worked out itself. Included after cmocka.h. */
#ifndef TESTS_UNIT_DERIVED_DERIVED_TESTING_H
#define TESTS_UNIT_DERIVED_DERIVED_TESTING_H

#include <tessera/derived.h>

#include "support/random_index.h"
#include "unit/array/array_testing.h"

/* What an array is to contain: numbers in C order. */
typedef struct expected {
    int rank;
    int64_t shape[TSR_RANK_MAX];
    double *values;
} expected;

static inline int64_t expected_count(const expected *self)
{
    int64_t count = 1;
    for (int axis = 0; axis < self->rank; axis++)
        count *= self->shape[axis];
    return count;
}

static inline expected expected_new(int rank, const int64_t *shape)
{
    expected self = {.rank = rank};
    if (rank > 0)
        memcpy(self.shape, shape, (size_t)rank * sizeof *shape);
    self.values = calloc((size_t)expected_count(&self) + 1, sizeof(double));
    return self;
}

static inline double *expected_at(const expected *self, const int64_t *element)
{
    int64_t number = 0;
    for (int axis = 0; axis < self->rank; axis++)
        number = number * self->shape[axis] + element[axis];
    return &self->values[number];
}

static inline double element_at(const tsr_view *view, const int64_t *position)
{
    const char *at = view->data;
    for (int axis = 0; axis < view->rank; axis++)
        at += position[axis] * view->strides[axis];
    return tsr_dtype_to_double(view->dtype, at);
}

/* Compares the elements of a view that lies at `from` of the result of an index. Returns how many
 * are wrong; thread safe. */
static inline int count_wrong(const expected *self, const tsr_index *index, const tsr_view *view,
                              const int64_t *from)
{
    int64_t position[TSR_RANK_MAX] = {0}, moved[TSR_RANK_MAX], element[TSR_RANK_MAX];
    int wrong = 0;
    do {
        for (int axis = 0; axis < view->rank; axis++)
            moved[axis] = position[axis] + (from ? from[axis] : 0);
        tsr_index_locate(index, moved, element);
        double is = element_at(view, position), be = *expected_at(self, element);
        wrong += !(is == be || (is != is && be != be));
    } while (tests_next_position(view->rank, view->shape, position));
    return wrong;
}

typedef struct sink_check {
    const expected *expected;
    const tsr_index *index;
    const tsr_dtype *dtype;
    int64_t count; /* these two atomic */
    int wrong;
} sink_check;

static inline int check_piece(void *user, const tsr_view *piece, const int64_t *position,
                              tsr_error *err)
{
    sink_check *self = user;
    (void)err;
    int wrong = !tsr_dtype_equal(piece->dtype, self->dtype) ||
                count_wrong(self->expected, self->index, piece, position);
    __atomic_add_fetch(&self->wrong, wrong, __ATOMIC_RELAXED);
    __atomic_add_fetch(&self->count, tsr_view_count(piece), __ATOMIC_RELAXED);
    return 0;
}

/* Reads an index in three ways: into memory of the array's type in any strides, into memory of
 * another type, and through a sink. */
static inline void check_index(fixture *f, tsr_array *array, const expected *self,
                               const tsr_index *index, tests_random *random)
{
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, shape);
    sink_check sink = {self, index, tsr_array_dtype(array), 0, 0};

    for (int wide = 0; wide < 2; wide++) {
        tests_memory memory;
        tsr_view view = tests_random_view(random, wide ? TSR_FLOAT64 : tsr_array_dtype(array), rank,
                                          shape, &memory);
        const tsr_read_request request = {array, index, &view,
                                          wide ? TSR_CASTING_UNSAFE : TSR_CASTING_NO};
        good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
        if (tsr_index_count(index) > 0 && count_wrong(self, index, &view, NULL) > 0)
            tests_random_fail(random, "%s: a wrong element (%s)", tsr_array_place(array),
                              wide ? "float64" : "its own type");
        free(memory.bytes);
    }
    good(tsr_array_read_sink(array, index, check_piece, &sink, NULL, &f->err), &f->err);
    if (sink.wrong > 0 || sink.count != tsr_index_count(index))
        tests_random_fail(random, "%s: the sink got %lld of %lld elements, %d wrong",
                          tsr_array_place(array), (long long)sink.count,
                          (long long)tsr_index_count(index), sink.wrong);
}

/* Everything, and random selections of all kinds. */
static inline void check_array(fixture *f, tsr_array *array, const expected *self,
                               tests_random *random, int rounds)
{
    tsr_index all;
    assert_int_equal(tsr_array_rank(array), self->rank);
    for (int axis = 0; axis < self->rank; axis++)
        assert_int_equal(tsr_array_shape(array)[axis], self->shape[axis]);
    tsr_index_all(&all, self->rank, self->shape);
    check_index(f, array, self, &all, random);
    for (int i = 0; i < rounds; i++) {
        tsr_auto(tsr_index) index = {.layout = NULL};
        tests_random_index(random, self->rank, self->shape, 6, 9, &index);
        check_index(f, array, self, &index, random);
    }
}

/* An array in a store with random small numbers, some of its chunks missing, and what it contains.
 */
static inline tsr_array *random_array(fixture *f, const char *path, const array_row *row,
                                      const tsr_dtype *dtype, tests_random *random,
                                      expected *ret_expected)
{
    tsr_array *array = array_new(f, f->store, path, row, dtype, NULL);
    expected self = expected_new(row->rank, row->shape);
    int64_t count = expected_count(&self), limit = tests_random_below(random, 5) == 0 ? 1 : 100;
    tsr_index all;
    tsr_view view;
    for (int64_t i = 0; i < count; i++)
        self.values[i] = (double)tests_random_below(random, limit);
    tsr_index_all(&all, row->rank, row->shape);
    good(tsr_view_init(&view, TSR_FLOAT64, row->rank, row->shape, self.values, &f->err), &f->err);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_UNSAFE, NULL, NULL, &f->err),
         &f->err);
    *ret_expected = self;
    return array;
}

#endif
