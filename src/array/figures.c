/* Statistics of elements in memory: counts, extremes, sum, spread. */
#include <tessera/statistics.h>

#include <math.h>

#include "array/figures.h"
#include "array/figures_kernel.h"
#include "base/base.h"
#include "tensor/element.h"
#include "tensor/kernels.h"

/* Elements are measured in blocks that stay in the first-level cache. */
enum { BLOCK = 1024 };
/* Integers of so many digits are turned into doubles by a kernel. */
enum { NEAR_DIGITS = 51 };

static bool is_time(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_DATETIME || dtype->kind == TSR_KIND_TIMEDELTA;
}

bool tsr_statistics_support(const tsr_dtype *dtype)
{
    return is_time(dtype) || (dtype->ops->number && dtype->size_bytes <= 8);
}

/* ---- sums of two doubles ---- */

/* Takes over a sum and what it leaves out, which infinities leave no number of. */
static void set_sum(tsr_statistics *self, double sum, double rest)
{
    self->sum = sum;
    self->sum_rest = 0;
    if (isfinite(sum) && isfinite(rest))
        self->sum = tsri_exact_sum(sum, rest, &self->sum_rest);
}

static void set_integer_sum(tsr_statistics *self, __int128 sum)
{
    double high = (double)sum;
    set_sum(self, high, (double)(sum - (__int128)high));
}

/* ---- how the elements of a type are measured ---- */

typedef struct measure {
    const tsr_dtype *dtype;
    const tsri_figures_kernel *kernel;
    tsri_wide wide;
    bool in_doubles; /* doubles hold every value */
    void (*load)(const void *elements, void *wide, size_t count);
    bool fill_is_nan;
    union {
        double as_double;
        int64_t as_integer; /* or the bits of an unsigned one */
    } fill;
    tsr_statistics *total;
    /* Elements that do not lie side by side are gathered. */
    int64_t gathered;
    char elements[BLOCK * 8] __attribute__((aligned(8)));
} measure;

static int measure_init(measure *self, const tsr_dtype *dtype, const void *fill_value,
                        tsr_statistics *total, tsr_error *err)
{
    if (!tsr_statistics_support(dtype))
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "statistics are kept of numbers and times, not "
                             "of %s",
                             dtype->name);
    const tsri_number *number = is_time(dtype) ? &tsri_number_int64 : dtype->ops->number;
    int64_t integer;

    self->dtype = dtype;
    self->kernel = tsri_figures_kernel_at(0);
    self->wide = number->wide;
    self->load = number->load;
    self->in_doubles = number->wide == TSRI_WIDE_FLOAT || number->digits <= NEAR_DIGITS;
    self->total = total;
    self->gathered = 0;
    if (number->wide == TSRI_WIDE_FLOAT) {
        number->load(fill_value, &self->fill.as_double, 1);
        self->fill_is_nan = isnan(self->fill.as_double);
        return 0;
    }
    number->load(fill_value, &integer, 1);
    self->fill_is_nan = is_time(dtype) && integer == INT64_MIN;
    if (!self->in_doubles)
        self->fill.as_integer = integer;
    else
        self->fill.as_double = (double)integer; /* of at most 51 bits, so no unsigned one is lost */
    return 0;
}

bool tsri_figures_fill_is_nan(const tsr_dtype *dtype, const void *fill_value)
{
    measure self;
    return measure_init(&self, dtype, fill_value, NULL, NULL) == 0 && self.fill_is_nan;
}

static tsr_extreme extreme_of_double(const measure *self, double value)
{
    if (self->wide == TSRI_WIDE_SIGNED)
        return (tsr_extreme){.as_signed = (int64_t)value};
    if (self->wide == TSRI_WIDE_UNSIGNED)
        return (tsr_extreme){.as_unsigned = (uint64_t)value};
    return (tsr_extreme){.as_double = value};
}

/* ---- a block of doubles ---- */

static inline bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Counts what is NaN or the fill value, and takes it out. Returns how many are left. */
static int64_t keep_valid(const measure *self, double *values, int64_t n, tsr_statistics *counts)
{
    double fill = self->fill.as_double;
    int64_t nan = 0, fills = 0, kept = 0;

    if (self->kernel->is_plain(values, n, fill))
        return n;
    for (int64_t i = 0; i < n; i++) {
        double value = values[i];
        bool is_fill = same_bits(value, fill), is_nan = value != value;
        fills += is_fill;
        nan += is_nan;
        values[kept] = value;
        kept += !(is_fill | is_nan); /* without a jump, which nobody could foresee */
    }
    counts->fill_count = fills;
    counts->nan_count = nan;
    return kept;
}

static void measure_doubles(const measure *self, double *values, int64_t n, tsr_statistics *ret)
{
    tsri_figures_sums sums;

    *ret = (tsr_statistics){.count = n};
    n = ret->valid_count = keep_valid(self, values, n, ret);
    if (n == 0)
        return;
    self->kernel->sum(values, n, &sums);
    ret->least = extreme_of_double(self, sums.least);
    ret->greatest = extreme_of_double(self, sums.greatest);
    set_sum(ret, sums.sum, sums.rest);
    ret->squares = self->kernel->squares(values, n, ret->sum / (double)n);
    ret->squares = ret->squares < 0 ? 0 : ret->squares;
}

/* ---- a block of integers of 64 bits ---- */

static int64_t keep_valid_integers(const measure *self, int64_t *values, int64_t n,
                                   tsr_statistics *counts)
{
    bool has_nat = is_time(self->dtype);
    int64_t fill = self->fill.as_integer, nats = 0, fills = 0, kept = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t value = values[i];
        bool is_nat = has_nat & (value == INT64_MIN), is_fill = value == fill;
        nats += is_nat;
        fills += is_fill;
        values[kept] = value;
        kept += !(is_nat | is_fill);
    }
    counts->nan_count = nats;
    counts->fill_count = fills;
    return kept;
}

/* The squared distances from the mean, as distances from a whole number near it: doubles could not
 * tell large values apart. These are small enough for doubles; `values` are used up. */
static double near_squares(const measure *self, int64_t *values, int64_t n, int64_t middle)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = (int64_t)((uint64_t)values[i] - (uint64_t)middle);
    self->kernel->to_doubles(values, n);
    return self->kernel->squares((const double *)(const void *)values, n, 0);
}

/* The same for values of any distance. */
static double far_squares(const measure *self, const int64_t *values, int64_t n, int64_t middle)
{
    int64_t sign = self->wide == TSRI_WIDE_UNSIGNED ? INT64_MIN : 0;
    double distances = 0, squares = 0;

    for (int64_t i = 0; i < n; i++) {
        bool below = (values[i] ^ sign) < (middle ^ sign);
        double distance = below ? -(double)((uint64_t)middle - (uint64_t)values[i])
                                : (double)((uint64_t)values[i] - (uint64_t)middle);
        distances += distance;
        squares += distance * distance;
    }
    return squares - distances * distances / (double)n;
}

static void measure_integers(const measure *self, int64_t *values, int64_t n, tsr_statistics *ret)
{
    bool is_unsigned = self->wide == TSRI_WIDE_UNSIGNED;
    /* Natural numbers are compared and added as integers that are 2^63 less. */
    int64_t sign = is_unsigned ? INT64_MIN : 0;
    __int128 sum = 0;

    *ret = (tsr_statistics){.count = n};
    n = ret->valid_count = keep_valid_integers(self, values, n, ret);
    if (n == 0)
        return;
    int64_t least = values[0] ^ sign, greatest = least;
    for (int64_t i = 0; i < n; i++) {
        int64_t value = values[i] ^ sign;
        least = value < least ? value : least;
        greatest = greatest < value ? value : greatest;
        sum += value;
    }
    if (is_unsigned)
        sum += ((__int128)n) << 63;
    ret->least.as_signed = least ^ sign;
    ret->greatest.as_signed = greatest ^ sign;
    set_integer_sum(ret, sum);
    int64_t middle = (int64_t)(sum / n);
    bool is_near = ((uint64_t)greatest - (uint64_t)least) >> NEAR_DIGITS == 0;
    ret->squares =
        is_near ? near_squares(self, values, n, middle) : far_squares(self, values, n, middle);
    ret->squares = ret->squares < 0 ? 0 : ret->squares;
}

/* ---- views ---- */

/* Dense elements, at most BLOCK of them. */
static void measure_block(measure *self, const void *elements, int64_t n)
{
    union {
        double doubles[BLOCK];
        int64_t integers[BLOCK];
    } wide TSRI_UNINITIALIZED;
    tsr_statistics block;

    self->load(elements, &wide, (size_t)n);
    if (self->in_doubles && self->wide != TSRI_WIDE_FLOAT)
        self->kernel->to_doubles(&wide, n);
    if (self->in_doubles)
        measure_doubles(self, wide.doubles, n, &block);
    else
        measure_integers(self, wide.integers, n, &block);
    tsr_statistics_merge(self->total, &block, self->dtype);
}

static void flush_gathered(measure *self)
{
    if (self->gathered > 0)
        measure_block(self, self->elements, self->gathered);
    self->gathered = 0;
}

static void measure_row(measure *self, const char *at, int64_t stride, int64_t n)
{
    int64_t size = (int64_t)self->dtype->size_bytes;

    for (; stride == size && self->gathered == 0 && n >= BLOCK; n -= BLOCK, at += BLOCK * size)
        measure_block(self, at, BLOCK);
    while (n > 0) {
        int64_t part = TSRI_MIN(n, (int64_t)BLOCK - self->gathered);
        tsri_move_strided(self->elements + self->gathered * size, size, at, stride, (size_t)part,
                          (size_t)size);
        self->gathered += part;
        if (self->gathered == BLOCK)
            flush_gathered(self);
        at += part * stride;
        n -= part;
    }
}

/* Goes to the next row of all axes but the last; false behind the last one. */
static bool next_row(const tsr_view *view, int64_t *position, const char **row)
{
    for (int axis = view->rank - 2; axis >= 0; axis--) {
        *row += view->strides[axis];
        if (++position[axis] < view->shape[axis])
            return true;
        *row -= view->shape[axis] * view->strides[axis];
        position[axis] = 0;
    }
    return false;
}

static void measure_view(measure *self, const tsr_view *view)
{
    int64_t position[TSR_RANK_MAX] = {0};
    const char *row = view->data;

    if (tsr_view_is_dense(view)) {
        measure_row(self, row, (int64_t)self->dtype->size_bytes, tsr_view_count(view));
    } else {
        do
            measure_row(self, row, view->strides[view->rank - 1], view->shape[view->rank - 1]);
        while (next_row(view, position, &row));
    }
    flush_gathered(self);
}

int tsr_statistics_of_view(const tsr_view *view, const void *fill_value,
                           tsr_statistics *ret_statistics, tsr_error *err)
{
    tsr_statistics total = {0};
    measure self TSRI_UNINITIALIZED;

    TSRI_TRY(measure_init(&self, view->dtype, fill_value, &total, err));
    if (tsr_view_count(view) > 0)
        measure_view(&self, view);
    *ret_statistics = total;
    return 0;
}

void tsri_figures_of_fill(const tsr_dtype *dtype, const void *fill_value, int64_t count,
                          tsr_statistics *ret_statistics)
{
    *ret_statistics = (tsr_statistics){.count = count, .fill_count = count};
    if (tsri_figures_fill_is_nan(dtype, fill_value))
        ret_statistics->nan_count = count;
}

/* ---- merging ---- */

static int64_t saturated_sum(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static bool extreme_is_less(const tsr_dtype *dtype, tsr_extreme a, tsr_extreme b)
{
    switch (dtype->kind) {
    case TSR_KIND_FLOAT:
        return a.as_double < b.as_double;
    case TSR_KIND_UNSIGNED:
    case TSR_KIND_BOOL:
        return a.as_unsigned < b.as_unsigned;
    default:
        return a.as_signed < b.as_signed;
    }
}

/* What the rounded quotient of sum and count leaves out of the mean. */
static double mean_rest(const tsr_statistics *self, double mean)
{
    double rest = (fma(-mean, (double)self->valid_count, self->sum) + self->sum_rest) /
                  (double)self->valid_count;
    return isfinite(rest) ? rest : 0;
}

/* The distance between the means: of large values one double each has too few digits for it. */
static double mean_distance(const tsr_statistics *a, const tsr_statistics *b)
{
    double mean_a = a->sum / (double)a->valid_count, mean_b = b->sum / (double)b->valid_count;
    return (mean_b - mean_a) + (mean_rest(b, mean_b) - mean_rest(a, mean_a));
}

static void merge_figures(tsr_statistics *a, const tsr_statistics *b, const tsr_dtype *dtype)
{
    double na = (double)a->valid_count, nb = (double)b->valid_count;
    double distance = mean_distance(a, b), rest;
    double sum = tsri_exact_sum(a->sum, b->sum, &rest);

    if (extreme_is_less(dtype, b->least, a->least))
        a->least = b->least;
    if (extreme_is_less(dtype, a->greatest, b->greatest))
        a->greatest = b->greatest;
    a->squares += b->squares + distance * distance * (na * (nb / (na + nb)));
    set_sum(a, sum, rest + (a->sum_rest + b->sum_rest));
}

void tsr_statistics_merge(tsr_statistics *total, const tsr_statistics *other,
                          const tsr_dtype *dtype)
{
    total->count = saturated_sum(total->count, other->count);
    total->fill_count = saturated_sum(total->fill_count, other->fill_count);
    total->nan_count = saturated_sum(total->nan_count, other->nan_count);
    if (other->valid_count == 0)
        return;
    if (total->valid_count > 0) {
        merge_figures(total, other, dtype);
    } else {
        total->least = other->least;
        total->greatest = other->greatest;
        total->sum = other->sum;
        total->sum_rest = other->sum_rest;
        total->squares = other->squares;
    }
    total->valid_count = saturated_sum(total->valid_count, other->valid_count);
}

void tsr_statistics_include_fill(tsr_statistics *statistics, const tsr_dtype *dtype,
                                 const void *fill_value)
{
    tsr_statistics fill = {.valid_count = statistics->fill_count};
    measure self;

    if (statistics->fill_count == 0 || measure_init(&self, dtype, fill_value, NULL, NULL) < 0 ||
        self.fill_is_nan)
        return;
    if (self.wide == TSRI_WIDE_FLOAT) {
        double value = self.fill.as_double, count = (double)fill.valid_count, sum = count * value;
        fill.least.as_double = value;
        set_sum(&fill, sum, isfinite(sum) ? fma(count, value, -sum) : 0);
    } else {
        int64_t value = self.in_doubles ? (int64_t)self.fill.as_double : self.fill.as_integer;
        __int128 wide =
            self.wide == TSRI_WIDE_UNSIGNED ? (__int128)(uint64_t)value : (__int128)value;
        fill.least.as_signed = value;
        set_integer_sum(&fill, wide * fill.valid_count);
    }
    fill.greatest = fill.least;
    tsr_statistics_merge(statistics, &fill, dtype);
}
