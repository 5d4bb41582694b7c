/* Decimal text and binary floating point, exactly, both ways and for any IEEE-like format.
 *
 * The C library could do this for float and double only, in the process's locale and rounding mode,
 * and a half by way of a double would be rounded twice. Here all formats share one path: decimal to
 * a 64-bit significand plus "there was more", then one rounding. The C library serves the tests as
 * the judge.
 *
 * Source of the algorithms: exact big-integer division for reading; Steele and White's free-format
 * digit generation (dragon4) for writing. CONFINED; nothing here fails or allocates. */
#ifndef TESSERA_TENSOR_DECIMAL_H
#define TESSERA_TENSOR_DECIMAL_H

#include "tensor/float_format.h"

/* Digits enough to decide the rounding of every double: the longest midpoint between two doubles
 * has 767 significant ones. Further digits only count as "more than this". */
#define TSRI_DECIMAL_DIGITS 780

/* 0.DIGITS times 10^exponent would be one way; this is DIGITS (an integer) times 10^exponent. */
typedef struct tsri_decimal {
    bool negative;
    int count;                           /* of digits; 0 means zero; the first one is not 0 */
    int64_t exponent;                    /* saturated far outside of every format */
    uint8_t digits[TSRI_DECIMAL_DIGITS]; /* 0..9, most significant first */
} tsri_decimal;

/* Reads a JSON number at `text`; returns the first character after it, or NULL when there is none.
 */
const char *tsri_decimal_scan(const char *text, tsri_decimal *ret_decimal);

typedef enum tsri_whole { TSRI_WHOLE_FITS, TSRI_WHOLE_FRACTION, TSRI_WHOLE_TOO_LARGE } tsri_whole;

/* The absolute value as an integer of 64 bits. */
tsri_whole tsri_decimal_to_whole(const tsri_decimal *decimal, uint64_t *ret_magnitude);

/* The nearest number of a format, ties to even, without its sign bit. *ret_misfit as
 * tsri_float_round says it, and for zero where the format has none. */
uint64_t tsri_decimal_to_float(const tsri_decimal *decimal, const tsri_float_format *format,
                               bool *ret_misfit);

/* Writes the shortest decimal that reads back as the finite number `bits`, in the style of Python's
 * repr
 * ("-0.0", "1e-05", "1234.5"). `text` has room for 32 bytes. Returns the length. */
int tsri_float_format_text(const tsri_float_format *format, uint64_t bits, char *text);

#endif
