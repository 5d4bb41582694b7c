#include "derived/reduce.h"

#include <math.h>

#include "base/checked.h"
#include "derived/ranking.h"
#include "tensor/element.h"

/* A strip has about so many numbers. */
#define STRIP_NUMBERS 2048
/* From so many numbers on that lie together, rows are made of them instead. */
#define ROW_NUMBERS 64

typedef __int128 wide_sum;

/* A row of numbers: groups of `factor` steps of `inner` numbers, the last one maybe shorter. */
typedef struct row_form {
    int64_t factor, inner, steps;
} row_form;

static int64_t group_count(const row_form *row)
{
    return tsri_ceil_divide(row->steps, row->factor);
}

/* ---- rows ---- */

/* Joins a row to what was there, and the groups of a row in place: what is written lies before what
 * is still to be read. */
#define DEFINE_JOIN(name, type, joined)                                  \
    static void name##_rows(void *to, const void *more, int64_t count)   \
    {                                                                    \
        type *sums = to;                                                 \
        const type *numbers = more;                                      \
        for (int64_t i = 0; i < count; i++) {                            \
            const type a = sums[i], b = numbers[i];                      \
            sums[i] = (joined);                                          \
        }                                                                \
    }                                                                    \
    static void name##_groups(void *of, const row_form *row)             \
    {                                                                    \
        type *numbers = of, *to = numbers;                               \
        for (int64_t step = 0; step < row->steps; step += row->factor) { \
            int64_t end = TSRI_MIN(step + row->factor, row->steps);      \
            for (int64_t i = 0; i < row->inner; i++) {                   \
                type a = numbers[step * row->inner + i];                 \
                for (int64_t next = step + 1; next < end; next++) {      \
                    const type b = numbers[next * row->inner + i];       \
                    a = (joined);                                        \
                }                                                        \
                *to++ = a;                                               \
            }                                                            \
        }                                                                \
    }

/* NaN, once it is there, stays. */
DEFINE_JOIN(sum_signed, int64_t, a + b)
DEFINE_JOIN(sum_unsigned, uint64_t, a + b)
DEFINE_JOIN(sum_float, double, a + b)
DEFINE_JOIN(sum_long, wide_sum, a + b)
DEFINE_JOIN(min_signed, int64_t, b < a ? b : a)
DEFINE_JOIN(min_unsigned, uint64_t, b < a ? b : a)
DEFINE_JOIN(min_float, double, b < a || b != b ? b : a)
DEFINE_JOIN(max_signed, int64_t, b > a ? b : a)
DEFINE_JOIN(max_unsigned, uint64_t, b > a ? b : a)
DEFINE_JOIN(max_float, double, b > a || b != b ? b : a)

typedef struct joiner {
    void (*rows)(void *to, const void *more, int64_t count);
    void (*groups)(void *numbers, const row_form *row);
} joiner;

#define JOINERS(name)                                                          \
    {                                                                          \
        [TSRI_WIDE_SIGNED] = {name##_signed_rows, name##_signed_groups},       \
        [TSRI_WIDE_UNSIGNED] = {name##_unsigned_rows, name##_unsigned_groups}, \
        [TSRI_WIDE_FLOAT] = {name##_float_rows, name##_float_groups},          \
    }
static const joiner sums[] = JOINERS(sum), least[] = JOINERS(min), most[] = JOINERS(max),
                    long_sum = {sum_long_rows, sum_long_groups};

static const joiner *joiner_of(const tsri_reducer *self)
{
    if (self->is_long)
        return &long_sum;
    return self->method == TSR_DOWNSAMPLE_MEAN  ? &sums[self->number->wide]
           : self->method == TSR_DOWNSAMPLE_MIN ? &least[self->number->wide]
                                                : &most[self->number->wide];
}

/* ---- means ---- */

/* The quotient that is nearest, of two the even one: rounded down first. */
#define DEFINE_DIVIDE(name, type)                                                 \
    static type name(type sum, type count)                                        \
    {                                                                             \
        type quotient = sum / count, rest = sum % count;                          \
        if (rest < 0) {                                                           \
            quotient--;                                                           \
            rest += count;                                                        \
        }                                                                         \
        type above = count - rest;                                                \
        return quotient + (rest > above || (rest == above && quotient % 2 != 0)); \
    }
DEFINE_DIVIDE(divide_signed, int64_t)
DEFINE_DIVIDE(divide_long, wide_sum)

static uint64_t divide_unsigned(uint64_t sum, uint64_t count)
{
    uint64_t quotient = sum / count, rest = sum % count, above = count - rest;
    return quotient + (rest > above || (rest == above && quotient % 2 != 0));
}

/* By shifting, which vectors can. The shift of a negative number goes down (gcc, clang). */
static void divide_by_power(int64_t *numbers, int64_t count, int shift)
{
    int64_t mask = (INT64_C(1) << shift) - 1, half = shift > 0 ? INT64_C(1) << (shift - 1) : 0;
    for (int64_t i = 0; i < count && shift > 0; i++) {
        int64_t quotient = numbers[i] >> shift, rest = numbers[i] & mask;
        numbers[i] = quotient + (rest > half || (rest == half && (quotient & 1) != 0));
    }
}

/* Sums of `block` numbers each into means of the wide type, in place. */
static void divide(const tsri_reducer *self, void *sums_of, int64_t count, int64_t block)
{
    if (self->number->wide == TSRI_WIDE_FLOAT) {
        double *numbers = sums_of;
        for (int64_t i = 0; i < count; i++)
            numbers[i] /= (double)block;
    } else if ((block & (block - 1)) == 0) {
        /* Sums stay far below 2^63, so unsigned ones are signed ones too. */
        divide_by_power(sums_of, count, __builtin_ctzll((unsigned long long)block));
    } else if (self->number->wide == TSRI_WIDE_SIGNED) {
        int64_t *numbers = sums_of;
        for (int64_t i = 0; i < count; i++)
            numbers[i] = divide_signed(numbers[i], block);
    } else {
        uint64_t *numbers = sums_of;
        for (int64_t i = 0; i < count; i++)
            numbers[i] = divide_unsigned(numbers[i], (uint64_t)block);
    }
}

static void divide_long_sums(const wide_sum *from, int64_t count, int64_t block, uint64_t *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (uint64_t)divide_long(from[i], block);
}

/* ---- walking over blocks ---- */

/* The outer axes, along which a block is several rows, and the form of a row. */
typedef struct work {
    const tsri_reducer *reducer;
    int outer;
    const int64_t *shape, *factors; /* of the outer axes */
    row_form row;
    const char *from;
    char *to;
    size_t number_bytes;
    int64_t row_numbers, strip_groups, strip_numbers;
    void *wide, *sums; /* a strip each; `wide` of a strip of all rows of a block, where it is ranked
                        */
    uint64_t *keys;    /* of one block; for sums of 128 bits, a strip of what is summed */
} work;

/* The rows of one block: numbers of the first ones along each outer axis, and how many. */
typedef struct block_rows {
    int64_t first[TSR_RANK_MAX], count[TSR_RANK_MAX], at[TSR_RANK_MAX], total;
} block_rows;

static void begin_block(const work *self, const int64_t *block, block_rows *rows)
{
    rows->total = 1;
    for (int axis = 0; axis < self->outer; axis++) {
        rows->first[axis] = block[axis] * self->factors[axis];
        rows->count[axis] = TSRI_MIN(self->factors[axis], self->shape[axis] - rows->first[axis]);
        rows->at[axis] = 0;
        rows->total *= rows->count[axis];
    }
}

/* The elements of the present row; goes to the next. */
static const char *next_row(const work *self, block_rows *rows)
{
    int64_t number = 0;
    for (int axis = 0; axis < self->outer; axis++)
        number = number * self->shape[axis] + rows->first[axis] + rows->at[axis];
    for (int axis = self->outer - 1; axis >= 0; axis--) {
        if (++rows->at[axis] < rows->count[axis])
            break;
        rows->at[axis] = 0;
    }
    return self->from + (size_t)(number * self->row_numbers) * self->number_bytes;
}

/* A strip of a row: whole groups, except at the end. */
typedef struct strip {
    row_form row;
    int64_t first, count; /* numbers */
    int64_t results;      /* numbers */
} strip;

static strip strip_at(const work *self, int64_t group)
{
    int64_t step = group * self->row.factor;
    strip now = {.row = self->row, .first = step * self->row.inner};
    now.row.steps = TSRI_MIN(self->strip_groups * self->row.factor, self->row.steps - step);
    now.count = now.row.steps * self->row.inner;
    now.results = group_count(&now.row) * self->row.inner;
    return now;
}

/* ---- sums and extremes ---- */

static void load_row(const work *self, const char *elements, int64_t count, void *to)
{
    const tsri_number *number = self->reducer->number;
    if (!self->reducer->is_long) {
        number->load(elements, to, (size_t)count);
        return;
    }
    wide_sum *sums_to = to;
    number->load(elements, self->keys, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        sums_to[i] = number->wide == TSRI_WIDE_SIGNED ? (wide_sum)(int64_t)self->keys[i]
                                                      : (wide_sum)self->keys[i];
}

/* Sums to means; at the end of a row a group may be shorter. Returns where they are. */
static const void *divide_strip(const work *self, const strip *now, int64_t rows)
{
    int64_t rest = now->row.steps % now->row.factor, shorter = rest > 0 ? now->row.inner : 0;
    int64_t whole = now->results - shorter, block = rows * now->row.factor;

    if (self->reducer->is_long) {
        const wide_sum *sums_of = self->sums;
        divide_long_sums(sums_of, whole, block, self->keys);
        if (shorter > 0)
            divide_long_sums(sums_of + whole, shorter, rows * rest, self->keys + whole);
        return self->keys;
    }
    divide(self->reducer, self->sums, whole, block);
    if (shorter > 0)
        divide(self->reducer, (char *)self->sums + (size_t)whole * sizeof(int64_t), shorter,
               rows * rest);
    return self->sums;
}

static void join_strip(const work *self, const int64_t *block, const strip *now, char *to)
{
    const tsri_reducer *reducer = self->reducer;
    const joiner *join = joiner_of(reducer);
    size_t skip = (size_t)now->first * self->number_bytes;
    block_rows rows;

    begin_block(self, block, &rows);
    load_row(self, next_row(self, &rows) + skip, now->count, self->sums);
    for (int64_t i = 1; i < rows.total; i++) {
        load_row(self, next_row(self, &rows) + skip, now->count, self->wide);
        join->rows(self->sums, self->wide, now->count);
    }
    if (now->row.factor > 1)
        join->groups(self->sums, &now->row);
    const void *results =
        reducer->method == TSR_DOWNSAMPLE_MEAN ? divide_strip(self, now, rows.total) : self->sums;
    reducer->number->store[reducer->number->wide](results, to, (size_t)now->results, false);
}

/* ---- medians and modes ---- */

/* Where the elements of a group lie among the strips of all rows of its block. */
static int64_t gather_keys(const work *self, const strip *now, int64_t row_count, int64_t result)
{
    int64_t step = result / now->row.inner * now->row.factor, inner = result % now->row.inner;
    int64_t end = TSRI_MIN(step + now->row.factor, now->row.steps), count = 0;
    for (int64_t i = 0; i < row_count; i++)
        for (int64_t at = step; at < end; at++)
            self->keys[count++] =
                ((const uint64_t *)self->wide)[i * now->count + at * now->row.inner + inner];
    return count;
}

static void rank_strip(const work *self, const int64_t *block, const strip *now, char *to)
{
    const tsri_reducer *reducer = self->reducer;
    size_t skip = (size_t)now->first * self->number_bytes;
    uint64_t *results = self->sums;
    block_rows rows;

    begin_block(self, block, &rows);
    for (int64_t i = 0; i < rows.total; i++) {
        uint64_t *numbers = (uint64_t *)self->wide + i * now->count;
        reducer->number->load(next_row(self, &rows) + skip, numbers, (size_t)now->count);
        tsri_ranking_keys(reducer->number->wide, numbers, now->count);
    }
    for (int64_t i = 0; i < now->results; i++) {
        int64_t count = gather_keys(self, now, rows.total, i);
        tsri_ranking_sort(self->keys, count);
        results[i] = reducer->method == TSR_DOWNSAMPLE_MEDIAN
                         ? tsri_ranking_median(reducer->number->wide, self->keys, count)
                         : tsri_ranking_mode(self->keys, count);
    }
    tsri_ranking_numbers(reducer->number->wide, results, now->results);
    reducer->number->store[reducer->number->wide](results, to, (size_t)now->results, false);
}

/* The mode of elements that are no real numbers; `wide` holds where they lie. */
static void rank_elements(const work *self, const int64_t *block, const strip *now, char *to)
{
    const char **elements = self->wide;
    size_t bytes = self->number_bytes;

    for (int64_t i = 0; i < now->results; i++) {
        int64_t step = i / now->row.inner * now->row.factor, count = 0;
        int64_t end = TSRI_MIN(step + now->row.factor, now->row.steps);
        block_rows rows;
        begin_block(self, block, &rows);
        for (int64_t row = 0; row < rows.total; row++) {
            const char *numbers = next_row(self, &rows);
            for (int64_t at = step; at < end; at++)
                elements[count++] =
                    numbers +
                    (size_t)(now->first + at * now->row.inner + i % now->row.inner) * bytes;
        }
        memcpy(to + (size_t)i * bytes,
               tsri_ranking_mode_of_elements(self->reducer->dtype, elements, count), bytes);
    }
}

/* ---- the whole ---- */

static bool joins(const tsri_reducer *self)
{
    return self->method != TSR_DOWNSAMPLE_MEDIAN && self->method != TSR_DOWNSAMPLE_MODE;
}

static void reduce_blocks(const work *self)
{
    int64_t block[TSR_RANK_MAX] = {0}, groups = group_count(&self->row);
    char *to = self->to;
    int axis;

    do {
        for (int64_t group = 0; group < groups; group += self->strip_groups) {
            const strip now = strip_at(self, group);
            if (joins(self->reducer))
                join_strip(self, block, &now, to);
            else if (self->reducer->number)
                rank_strip(self, block, &now, to);
            else
                rank_elements(self, block, &now, to);
            to += (size_t)now.results * self->number_bytes;
        }
        for (axis = self->outer - 1; axis >= 0; axis--) {
            if (++block[axis] < tsri_ceil_divide(self->shape[axis], self->factors[axis]))
                break;
            block[axis] = 0;
        }
    } while (axis >= 0);
}

/* Lays rows along the last axis that becomes shorter, or, where much lies together behind it, along
 * what does. */
static void choose_rows(work *self, int rank, const int64_t *shape, const int64_t *factors)
{
    int64_t inner = self->reducer->components;
    int axis = rank - 1;

    for (; axis >= 0 && factors[axis] == 1; axis--)
        inner *= shape[axis];
    if (axis < 0 || inner >= ROW_NUMBERS) {
        self->outer = axis + 1;
        self->row = (row_form){.factor = 1, .inner = 1, .steps = inner};
    } else {
        /* A factor that reaches behind the end means the same as one that ends there. */
        self->outer = axis;
        self->row = (row_form){
            .factor = TSRI_MIN(factors[axis], shape[axis]), .inner = inner, .steps = shape[axis]};
    }
    self->row_numbers = self->row.inner * self->row.steps;
}

static int64_t rows_of_block(const work *self)
{
    int64_t rows = 1;
    for (int axis = 0; axis < self->outer; axis++)
        rows *= TSRI_MIN(self->factors[axis], self->shape[axis]);
    return rows;
}

/* Memory for a strip: of sums and numbers, or of all rows of a block with the keys of one. */
static int alloc_strips(work *self, tsr_error *err)
{
    int64_t group = self->row.factor * self->row.inner,
            rows = joins(self->reducer) ? 1 : rows_of_block(self);
    self->strip_groups = TSRI_MAX(STRIP_NUMBERS / TSRI_MAX(group * rows, INT64_C(1)), INT64_C(1));
    self->strip_groups = TSRI_MIN(self->strip_groups, group_count(&self->row));
    self->strip_numbers = TSRI_MIN(self->strip_groups * group, self->row_numbers);
    size_t count = (size_t)(self->strip_numbers * rows);
    size_t bytes = self->reducer->is_long ? sizeof(wide_sum) : sizeof(uint64_t);
    self->wide = tsri_alloc_array(count, bytes);
    self->sums = tsri_alloc_array((size_t)self->strip_numbers, bytes);
    self->keys = tsri_alloc_array(
        (size_t)(joins(self->reducer) ? self->strip_numbers : self->row.factor * rows),
        sizeof *self->keys);
    if (!self->wide || !self->sums || !self->keys)
        return tsri_error_no_memory(err, count * bytes);
    return 0;
}

int64_t tsri_reducer_bytes(const tsri_reducer *self, int64_t count)
{
    int64_t most_numbers = TSRI_MAX((int64_t)STRIP_NUMBERS, count) * self->components, bytes;
    return tsri_multiply_i64(most_numbers, 3 * (int64_t)sizeof(wide_sum), &bytes) ? bytes
                                                                                  : INT64_MAX;
}

int tsri_reduce(const tsri_reducer *reducer, int rank, const int64_t *shape, const int64_t *factors,
                const void *from, void *to, tsr_error *err)
{
    work self = {.reducer = reducer,
                 .shape = shape,
                 .factors = factors,
                 .from = from,
                 .to = to,
                 .number_bytes = reducer->dtype->size_bytes / (size_t)reducer->components};

    choose_rows(&self, rank, shape, factors);
    int status = alloc_strips(&self, err);
    if (status == 0)
        reduce_blocks(&self);
    tsri_free(self.wide);
    tsri_free(self.sums);
    tsri_free(self.keys);
    return status;
}

int tsri_reducer_init(tsri_reducer *reducer, tsr_downsample_method method, const tsr_dtype *dtype,
                      tsr_error *err)
{
    const tsr_dtype *component = tsr_dtype_component(dtype);
    bool is_mean = method == TSR_DOWNSAMPLE_MEAN, is_complex = dtype->kind == TSR_KIND_COMPLEX;
    const tsri_number *number = is_complex ? component->ops->number : dtype->ops->number;

    *reducer = (tsri_reducer){.method = method, .dtype = dtype, .number = number, .components = 1};
    if (is_complex && is_mean)
        reducer->components = 2;
    else if (is_complex)
        reducer->number = NULL;
    if (!reducer->number && (method != TSR_DOWNSAMPLE_MODE || tsr_dtype_is_variable(dtype))) {
        tsr_error_set(err, TSR_TYPE_MISMATCH, "no such downsampling of %s", dtype->name);
        tsr_error_set_next_step(err, "stride takes all types, mode those of fixed length; or cast "
                                     "it first");
        return TSR_TYPE_MISMATCH;
    }
    reducer->is_long = is_mean && number && number->wide != TSRI_WIDE_FLOAT && number->digits > 32;
    return 0;
}
