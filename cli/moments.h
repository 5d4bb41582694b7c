/* Count, extremes, mean and variance of elements, in a form that can be merged (Chan, Golub,
 * LeVeque 1979). */
#ifndef TESSERA_CLI_MOMENTS_H
#define TESSERA_CLI_MOMENTS_H

#include <tessera.h>

/* The smallest and largest element, exact for every type: 64-bit integers do not fit a double. */
typedef union cli_extreme {
    int64_t as_signed;
    uint64_t as_unsigned;
    double as_double;
} cli_extreme;

typedef struct cli_moments {
    int64_t total; /* elements looked at; saturates at INT64_MAX, as counts of huge arrays do */
    int64_t fill, nan, missing; /* of these */
    int64_t count;          /* that are neither NaN nor missing: the figures below are of these */
    double mean, mean_rest; /* the mean is their sum: one double has too few digits for squares */
    double squares;         /* sum of the squared distances from the mean */
    double low, high;       /* extremes of the finite ones; low > high when there are none */
    cli_extreme least, greatest; /* of all of them, infinities included */
} cli_moments;

/* What is counted as what. */
typedef struct cli_moments_rules {
    const tsr_dtype *dtype;
    const void *fill_value;
    const char *missing; /* elements that are left out, one after another */
    int missing_count;
} cli_moments_rules;

/* Whether a type has an order and an arithmetic. Complex elements are measured by their magnitude;
 * raw ones are not. */
bool moments_supports(const tsr_dtype *dtype);

/* Starts with nothing. */
void moments_init(cli_moments *moments);

/* The moments of all elements of a view, any strides. The order of the additions depends on its
 * shape alone. */
void moments_of_view(cli_moments *ret_moments, const cli_moments_rules *rules,
                     const tsr_view *view);

/* Whether a view has one value everywhere, as that of a chunk which is not stored: nobody should
 * loop over what may be 2^62 elements. */
bool moments_is_uniform(const tsr_view *view);

/* How many elements a view has; saturates at INT64_MAX. */
int64_t moments_view_count(const tsr_view *view);

/* Adds b to a; a's elements come first. */
void moments_merge(cli_moments *a, const cli_moments *b, const tsr_dtype *dtype);

/* The extremes as elements of the type (of float64 where the type is complex). */
void moments_extreme_element(const cli_extreme *value, const tsr_dtype *dtype, void *ret_element);

/* The type in which the extremes are told. */
const tsr_dtype *moments_extreme_dtype(const tsr_dtype *dtype);

/* The population standard deviation; NaN without elements. */
double moments_deviation(const cli_moments *moments);

/* Values of one row as doubles, without those that are NaN or missing. Returns how many;
 * `ret_values` has room for n. */
int64_t moments_keep_values(const cli_moments_rules *rules, const char *at, int64_t stride,
                            int64_t n, double *ret_values);

/* Values of one row as doubles, with NaN for what is missing. */
void moments_masked_values(const cli_moments_rules *rules, const char *at, int64_t stride,
                           int64_t n, double *ret_values);

/* Calls `each` for every row of a view: the elements along its last axis. */
void moments_each_row(const tsr_view *view,
                      void (*each)(void *user, const char *at, int64_t stride, int64_t n),
                      void *user);

#endif
