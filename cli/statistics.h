/* Figures of a selection: counts, extremes, mean, deviation, histogram; by sinks, so that memory is
 * bounded. */
#ifndef TESSERA_CLI_STATISTICS_H
#define TESSERA_CLI_STATISTICS_H

#include "location.h"
#include "moments.h"
#include "progress.h"

/* What counts as missing. */
typedef enum cli_missing_rule {
    MISSING_AUTO, /* what the attributes _FillValue and missing_value name */
    MISSING_KEEP, /* nothing but NaN */
    MISSING_SKIP  /* as AUTO, and the fill value */
} cli_missing_rule;

/* The elements of an array that count as missing. */
typedef struct cli_missing_values {
    char *elements; /* one after another */
    int count;
} cli_missing_values;

/* Finds them. Errors: NO_MEMORY, and those of tsr_array_attributes. */
int missing_values_find(tsr_array *array, cli_missing_rule rule, cli_missing_values *ret_values,
                        tsr_error *err);

/* Releases them. */
void missing_values_clear(cli_missing_values *values);

/* --missing. */
cli_missing_rule missing_rule_of(const cli_invocation *invocation);

/* The moments of a selection, as far as the array keeps statistics without reading it; *ret_kept:
 * nothing was read. Errors: those of reading, UNSUPPORTED for types without an order. */
int statistics_moments(const cli_selected_array *selected, const cli_moments_rules *rules,
                       cli_progress *progress, cli_moments *ret_moments, bool *ret_kept,
                       tsr_error *err);

/* Counts finite values in `bins` bins of equal width from low to high, as numpy.histogram does.
 * `ret_counts` has room for `bins`. Errors: those of reading, NO_MEMORY. */
int statistics_histogram(const cli_selected_array *selected, const cli_moments_rules *rules,
                         double low, double high, int bins, int64_t *ret_counts,
                         cli_progress *progress, tsr_error *err);

/* The lower edge of a bin; bin `bins` is the upper edge of the last one. */
double statistics_edge(double low, double high, int bins, int bin);

#endif
