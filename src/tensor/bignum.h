/* Natural numbers of a few thousand bits, for exact conversions between binary and decimal. Nothing
 * is checked: decimal.c and shortest.c show that their numbers stay below BIG_WORDS words. */
#ifndef TESSERA_TENSOR_BIGNUM_H
#define TESSERA_TENSOR_BIGNUM_H

#include "base/base.h"

/* The largest number that occurs is the denominator of a decimal of TSRI_DECIMAL_DIGITS digits
 * below the smallest double, 10^1110, times 2^66. */
#define TSRI_BIG_WORDS 64

typedef struct tsri_big {
    int count;                      /* words in use; 0 means zero, the highest one is not 0 */
    uint64_t words[TSRI_BIG_WORDS]; /* least significant first */
} tsri_big;

void tsri_big_set(tsri_big *number, uint64_t value);

/* number = number x factor + addend */
void tsri_big_multiply_add(tsri_big *number, uint64_t factor, uint64_t addend);
void tsri_big_multiply_power_of_ten(tsri_big *number, int64_t exponent);
void tsri_big_shift_left(tsri_big *number, int64_t bits);
void tsri_big_add(tsri_big *a, const tsri_big *b);

/* a -= b, for a >= b. */
void tsri_big_subtract(tsri_big *a, const tsri_big *b);

/* The number of bits without leading zeros. */
int64_t tsri_big_bits(const tsri_big *number);

/* -1, 0 or 1 */
int tsri_big_compare(const tsri_big *a, const tsri_big *b);

/* The quotient of a / b, known to be below 10; a becomes the rest. */
int tsri_big_divide_digit(tsri_big *a, const tsri_big *b);

#endif
