/* The loops over blocks of elements that statistics consist of.
 *
 * Each is written once, over lanes (figures_lanes.h), and compiled for several processors. Lane k
 * takes every eighth element from the k-th on, and the lanes are joined in one order, so all
 * kernels give the same bits; nothing is contracted to fused operations. */
#ifndef TESSERA_ARRAY_FIGURES_KERNEL_H
#define TESSERA_ARRAY_FIGURES_KERNEL_H

#include "base/base.h"

typedef struct tsri_figures_sums {
    double least, greatest;
    double sum, rest; /* the rounded sum and what it leaves out (Knuth, TAOCP 2, 4.2.2); NaN where
                         there are infinities */
} tsri_figures_sums;

/* One row for each instruction set. CONFINED. Never fail. */
typedef struct tsri_figures_kernel {
    const char *name;
    bool (*is_supported)(void);
    /* Turns `count` integers into doubles, where they are; none is 2^51 or more from 0. */
    void (*to_doubles)(void *numbers, int64_t count);
    /* Whether no value is NaN or equal to `fill`; zeros of both signs are equal. */
    bool (*is_plain)(const double *values, int64_t count, double fill);
    /* Of at least one value, none of them NaN. */
    void (*sum)(const double *values, int64_t count, tsri_figures_sums *ret_sums);
    /* The sum of the squared distances from the mean, to which `mean` is near. */
    double (*squares)(const double *values, int64_t count, double mean);
} tsri_figures_kernel;

/* The n-th kernel that this processor can run, the fastest first; NULL behind the last. */
const tsri_figures_kernel *tsri_figures_kernel_at(size_t n);

/* The rounded sum of two doubles, and in *ret_rest what it leaves out. */
static inline double tsri_exact_sum(double a, double b, double *ret_rest)
{
    double sum = a + b, b_part = sum - a;
    *ret_rest = (a - (sum - b_part)) + (b - b_part);
    return sum;
}

#endif
