#include "moments.h"

#include <math.h>
#include <string.h>

#include "scalar.h"

enum { BLOCK = 1024, LANES = 8 };

bool moments_supports(const tsr_dtype *dtype)
{
    return dtype->kind <= TSR_KIND_COMPLEX;
}

void moments_init(cli_moments *moments)
{
    memset(moments, 0, sizeof *moments);
    moments->low = INFINITY;
    moments->high = -INFINITY;
}

double moments_deviation(const cli_moments *moments)
{
    return moments->count > 0 ? sqrt(moments->squares / (double)moments->count) : NAN;
}

const tsr_dtype *moments_extreme_dtype(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_COMPLEX ? TSR_FLOAT64 : dtype;
}

/* ---- extremes ---- */

static int64_t saturated_sum(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static bool is_less(const cli_extreme *a, const cli_extreme *b, const tsr_dtype *dtype)
{
    switch (dtype->kind) {
    case TSR_KIND_SIGNED:
        return a->as_signed < b->as_signed;
    case TSR_KIND_UNSIGNED:
    case TSR_KIND_BOOL:
        return a->as_unsigned < b->as_unsigned;
    default:
        return a->as_double < b->as_double;
    }
}

static cli_extreme load_extreme(const tsr_dtype *dtype, const char *element)
{
    cli_extreme value = {.as_unsigned = 0};

    if (dtype->kind == TSR_KIND_SIGNED || dtype->kind == TSR_KIND_UNSIGNED) {
        memcpy(&value, element, dtype->size_bytes);
        if (!scalar_is_little_endian())
            value.as_unsigned >>= 8 * (8 - dtype->size_bytes);
        /* Carry the sign into the upper bytes. */
        if (dtype->kind == TSR_KIND_SIGNED && dtype->size_bytes < 8) {
            int shift = 8 * (8 - (int)dtype->size_bytes);
            value.as_signed = (int64_t)(value.as_unsigned << shift) >> shift;
        }
    } else if (dtype->kind == TSR_KIND_BOOL) {
        value.as_unsigned = *element != 0;
    } else {
        scalar_to_doubles(dtype, element, 0, 1, &value.as_double);
    }
    return value;
}

void moments_extreme_element(const cli_extreme *value, const tsr_dtype *dtype, void *ret_element)
{
    tsr_view from, to;
    double number = value->as_double;

    if (dtype->kind == TSR_KIND_SIGNED || dtype->kind == TSR_KIND_UNSIGNED ||
        dtype->kind == TSR_KIND_BOOL) {
        const char *bytes = (const char *)value;
        memcpy(ret_element, scalar_is_little_endian() ? bytes : bytes + 8 - dtype->size_bytes,
               dtype->size_bytes);
        return;
    }
    /* Neither can fail: a view of rank 0, and a cast between floats that permits anything. */
    dtype = moments_extreme_dtype(dtype);
    if (tsr_view_init(&from, TSR_FLOAT64, 0, NULL, &number, NULL) >= 0 &&
        tsr_view_init(&to, dtype, 0, NULL, ret_element, NULL) >= 0)
        tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL);
}

/* ---- rows ---- */

/* Adds 1 to the marks of the elements that have the same bits as `value`. */
#define DEFINE_MARKS(type)                                                                \
    static void mark_##type(const char *at, int64_t stride, int64_t n, const void *value, \
                            uint8_t *marks)                                               \
    {                                                                                     \
        type wanted, element;                                                             \
        memcpy(&wanted, value, sizeof wanted);                                            \
        for (int64_t i = 0; i < n; i++) {                                                 \
            memcpy(&element, at + i * stride, sizeof element);                            \
            marks[i] = (uint8_t)(marks[i] + (element == wanted));                         \
        }                                                                                 \
    }

DEFINE_MARKS(uint8_t)
DEFINE_MARKS(uint16_t)
DEFINE_MARKS(uint32_t)
DEFINE_MARKS(uint64_t)

static void mark_equal(const tsr_dtype *dtype, const char *at, int64_t stride, int64_t n,
                       const void *value, uint8_t *marks)
{
    switch (dtype->size_bytes) {
    case 1:
        mark_uint8_t(at, stride, n, value, marks);
        return;
    case 2:
        mark_uint16_t(at, stride, n, value, marks);
        return;
    case 4:
        mark_uint32_t(at, stride, n, value, marks);
        return;
    case 8:
        mark_uint64_t(at, stride, n, value, marks);
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            marks[i] =
                (uint8_t)(marks[i] + (memcmp(at + i * stride, value, dtype->size_bytes) == 0));
    }
}

/* Marks what is missing; n is at most BLOCK. */
static void mark_missing(const cli_moments_rules *rules, const char *at, int64_t stride, int64_t n,
                         uint8_t *marks)
{
    memset(marks, 0, (size_t)n);
    for (int i = 0; i < rules->missing_count; i++)
        mark_equal(rules->dtype, at, stride, n,
                   rules->missing + (size_t)i * rules->dtype->size_bytes, marks);
}

static int64_t count_fill(const cli_moments_rules *rules, const char *at, int64_t stride, int64_t n)
{
    uint8_t marks[BLOCK] = {0};
    int64_t equal = 0;

    mark_equal(rules->dtype, at, stride, n, rules->fill_value, marks);
    for (int64_t i = 0; i < n; i++)
        equal += marks[i];
    return equal;
}

void moments_masked_values(const cli_moments_rules *rules, const char *at, int64_t stride,
                           int64_t n, double *ret_values)
{
    uint8_t marks[BLOCK];

    while (n > 0) {
        int64_t block = n < BLOCK ? n : BLOCK;
        scalar_to_doubles(rules->dtype, at, stride, block, ret_values);
        if (rules->missing_count > 0) {
            mark_missing(rules, at, stride, block, marks);
            for (int64_t i = 0; i < block; i++)
                if (marks[i])
                    ret_values[i] = NAN;
        }
        ret_values += block;
        at += block * stride;
        n -= block;
    }
}

int64_t moments_keep_values(const cli_moments_rules *rules, const char *at, int64_t stride,
                            int64_t n, double *ret_values)
{
    int64_t kept = 0;

    moments_masked_values(rules, at, stride, n, ret_values);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(ret_values[i]))
            ret_values[kept++] = ret_values[i];
    return kept;
}

/* Sums in eight lanes: the same result with and without vector units. */
static double sum_of(const double *values, int64_t n)
{
    double lanes[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] += values[i + lane];
    for (int lane = 0; i < n; i++, lane++)
        lanes[lane] += values[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/* Adds two doubles without loss: *ret_rest is what their rounded sum leaves out (Knuth, TAOCP
 * 2, 4.2.2). */
static double exact_sum(double a, double b, double *ret_rest)
{
    double sum = a + b, b_part = sum - a;

    *ret_rest = isfinite(sum) ? (a - (sum - b_part)) + (b - b_part) : 0;
    return sum;
}

/* The mean by way of distances from the first value: exact for equal values, and sharp where all
 * values are large and near each other. Distances that overflow are taken of halves. */
static void find_mean(cli_moments *moments, const double *values, int64_t n)
{
    double distances[BLOCK] = {0}, scale = 1;

    for (int64_t i = 0; i < n; i++)
        distances[i] = values[i] - values[0];
    if (!isfinite(sum_of(distances, n))) {
        scale = 2 * BLOCK;
        for (int64_t i = 0; i < n; i++)
            distances[i] = values[i] / scale - values[0] / scale;
    }
    moments->mean =
        exact_sum(values[0], sum_of(distances, n) / (double)n * scale, &moments->mean_rest);
}

static void find_finite_range(cli_moments *moments, const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(values[i])) {
            moments->low = values[i] < moments->low ? values[i] : moments->low;
            moments->high = values[i] > moments->high ? values[i] : moments->high;
        }
    }
}

static void measure_values(cli_moments *moments, double *values, int64_t n)
{
    moments->count = n;
    find_finite_range(moments, values, n);
    find_mean(moments, values, n);
    for (int64_t i = 0; i < n; i++) {
        double distance = (values[i] - moments->mean) - moments->mean_rest;
        values[i] = distance * distance;
    }
    moments->squares = sum_of(values, n);
}

/* Extremes come from the elements themselves: doubles cannot tell 2^64-1 from 2^64-2. */
static void find_extremes(cli_moments *moments, const cli_moments_rules *rules, const char *at,
                          int64_t stride, int64_t n)
{
    uint8_t marks[BLOCK];
    bool first = true;

    mark_missing(rules, at, stride, n, marks);
    for (int64_t i = 0; i < n; i++) {
        cli_extreme value = load_extreme(rules->dtype, at + i * stride);
        if (marks[i])
            continue;
        if (first || is_less(&value, &moments->least, rules->dtype))
            moments->least = value;
        if (first || is_less(&moments->greatest, &value, rules->dtype))
            moments->greatest = value;
        first = false;
    }
}

static void find_double_extremes(cli_moments *moments, const double *values, int64_t n)
{
    double least = values[0], greatest = values[0];

    for (int64_t i = 1; i < n; i++) {
        least = values[i] < least ? values[i] : least;
        greatest = values[i] > greatest ? values[i] : greatest;
    }
    moments->least.as_double = least;
    moments->greatest.as_double = greatest;
}

static bool has_double_extremes(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
}

static void block_moments(cli_moments *ret_moments, const cli_moments_rules *rules, const char *at,
                          int64_t stride, int64_t n)
{
    double values[BLOCK];
    int64_t kept = moments_keep_values(rules, at, stride, n, values), nan = 0;

    moments_init(ret_moments);
    ret_moments->total = n;
    ret_moments->fill = count_fill(rules, at, stride, n);
    if (kept < n && has_double_extremes(rules->dtype)) {
        double all[BLOCK];
        scalar_to_doubles(rules->dtype, at, stride, n, all);
        for (int64_t i = 0; i < n; i++)
            nan += isnan(all[i]);
    }
    ret_moments->nan = nan;
    ret_moments->missing = n - kept - nan;
    if (kept == 0)
        return;
    if (has_double_extremes(rules->dtype))
        find_double_extremes(ret_moments, values, kept);
    else
        find_extremes(ret_moments, rules, at, stride, n);
    measure_values(ret_moments, values, kept);
}

/* ---- views ---- */

typedef struct cli_row_state {
    cli_moments *moments;
    const cli_moments_rules *rules;
} cli_row_state;

static void add_row(void *user, const char *at, int64_t stride, int64_t n)
{
    cli_row_state *state = user;

    while (n > 0) {
        int64_t block = n < BLOCK ? n : BLOCK;
        cli_moments part;
        block_moments(&part, state->rules, at, stride, block);
        moments_merge(state->moments, &part, state->rules->dtype);
        at += block * stride;
        n -= block;
    }
}

void moments_each_row(const tsr_view *view,
                      void (*each)(void *user, const char *at, int64_t stride, int64_t n),
                      void *user)
{
    int64_t position[TSR_RANK_MAX] = {0};
    int last = view->rank - 1;
    const char *row = view->data;

    if (moments_view_count(view) == 0)
        return;
    if (view->rank == 0) {
        each(user, row, 0, 1);
        return;
    }
    for (int axis = last; axis >= 0;) {
        each(user, row, view->strides[last], view->shape[last]);
        for (axis = last - 1; axis >= 0; axis--) {
            row += view->strides[axis];
            if (++position[axis] < view->shape[axis])
                break;
            row -= view->shape[axis] * view->strides[axis];
            position[axis] = 0;
        }
    }
}

bool moments_is_uniform(const tsr_view *view)
{
    for (int axis = 0; axis < view->rank; axis++)
        if (view->strides[axis] != 0 && view->shape[axis] > 1)
            return false;
    return true;
}

int64_t moments_view_count(const tsr_view *view)
{
    int64_t count = 1;

    for (int axis = 0; axis < view->rank; axis++) {
        if (view->shape[axis] == 0)
            return 0;
        if (count == INT64_MAX || __builtin_mul_overflow(count, view->shape[axis], &count))
            count = INT64_MAX;
    }
    return count;
}

static void uniform_moments(cli_moments *ret_moments, const cli_moments_rules *rules,
                            const tsr_view *view)
{
    int64_t total = moments_view_count(view);

    block_moments(ret_moments, rules, view->data, 0, 1);
    ret_moments->total = total;
    ret_moments->fill = ret_moments->fill ? total : 0;
    ret_moments->nan = ret_moments->nan ? total : 0;
    ret_moments->missing = ret_moments->missing ? total : 0;
    ret_moments->count = ret_moments->count ? total : 0;
}

void moments_of_view(cli_moments *ret_moments, const cli_moments_rules *rules, const tsr_view *view)
{
    cli_row_state state = {ret_moments, rules};

    moments_init(ret_moments);
    if (moments_view_count(view) == 0)
        return;
    if (moments_is_uniform(view))
        uniform_moments(ret_moments, rules, view);
    else
        moments_each_row(view, add_row, &state);
}

static void merge_means(cli_moments *a, const cli_moments *b)
{
    double na = (double)a->count, nb = (double)b->count, share = nb / (na + nb), rest;
    double distance = (b->mean - a->mean) + (b->mean_rest - a->mean_rest);

    if (isfinite(distance)) {
        a->mean = exact_sum(a->mean, distance * share, &rest);
        a->mean_rest += rest;
        a->squares += b->squares + distance * distance * (na * share);
    } else {
        /* Infinities, or finite means more than the largest double apart. */
        a->mean = a->mean * (1 - share) + b->mean * share;
        a->mean_rest = 0;
        a->squares = isfinite(a->mean) ? INFINITY : NAN;
    }
}

void moments_merge(cli_moments *a, const cli_moments *b, const tsr_dtype *dtype)
{
    a->total = saturated_sum(a->total, b->total);
    a->fill = saturated_sum(a->fill, b->fill);
    a->nan = saturated_sum(a->nan, b->nan);
    a->missing = saturated_sum(a->missing, b->missing);
    if (b->count == 0)
        return;
    if (a->count == 0) {
        a->mean = b->mean;
        a->mean_rest = b->mean_rest;
        a->squares = b->squares;
        a->least = b->least;
        a->greatest = b->greatest;
    } else {
        merge_means(a, b);
        if (is_less(&b->least, &a->least, dtype))
            a->least = b->least;
        if (is_less(&a->greatest, &b->greatest, dtype))
            a->greatest = b->greatest;
    }
    a->low = b->low < a->low ? b->low : a->low;
    a->high = b->high > a->high ? b->high : a->high;
    a->count = saturated_sum(a->count, b->count);
}
