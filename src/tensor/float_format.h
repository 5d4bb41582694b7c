/* Binary floating-point formats, described by a few numbers: IEEE 754's, and the small ones of
 * machine learning, which give up infinities, negative zero or zero itself for more numbers.
 *
 * Sources: IEEE 754-2019; Zarr extension registry, data types float4_*, float6_*, float8_*,
 * bfloat16; OCP Microscaling Formats 1.0. What no text decides (values that a format lacks) is as
 * the Python package ml_dtypes does it. Thread: IMMUTABLE values, pure functions; nothing here
 * fails. */
#ifndef TESSERA_TENSOR_FLOAT_FORMAT_H
#define TESSERA_TENSOR_FLOAT_FORMAT_H

#include "base/base.h"

/* From the top: a sign, the exponent, the stored mantissa bits. Bit patterns below are without the
 * sign, but for `nan`. */
typedef struct tsri_float_format {
    int mantissa_bits, exponent_bits, bias;
    bool has_sign;
    bool has_zero;     /* and subnormal numbers: the exponent 0 stands for them */
    uint64_t largest;  /* the largest finite number */
    uint64_t infinity; /* 0: there is none */
    uint64_t nan;      /* what is written "NaN"; 0: there is none */
} tsri_float_format;

extern const tsri_float_format tsri_format_float16, tsri_format_float32, tsri_format_float64,
    tsri_format_bfloat16, tsri_format_float4_e2m1fn, tsri_format_float6_e2m3fn,
    tsri_format_float6_e3m2fn, tsri_format_float8_e3m4, tsri_format_float8_e4m3,
    tsri_format_float8_e4m3fn, tsri_format_float8_e4m3b11fnuz, tsri_format_float8_e4m3fnuz,
    tsri_format_float8_e5m2, tsri_format_float8_e5m2fnuz, tsri_format_float8_e8m0fnu;

/* The sign bit, and all bits below it. */
static inline uint64_t tsri_float_sign(const tsri_float_format *format)
{
    return UINT64_C(1) << (format->mantissa_bits + format->exponent_bits);
}

/* Whether the pattern of negative zero means that; in formats without one it is their NaN. */
static inline bool tsri_float_has_negative_zero(const tsri_float_format *format)
{
    return format->has_sign && format->has_zero && format->nan != tsri_float_sign(format);
}

/* Whether these bits (of which those above the format's do not count) are a NaN. */
bool tsri_float_is_nan(const tsri_float_format *format, uint64_t bits);

/* Puts a sign on the bits of a number. False when the format has no such number, in which case
 * *bits is untouched; negative zero is zero where there is only one. */
bool tsri_float_negate(const tsri_float_format *format, uint64_t *bits);

/* Rounds significand x 2^exponent (the significand's top bit is set; `more`: the true value is
 * larger by less than one unit of the significand) to a format, ties to even. Returns the bits
 * without a sign. *ret_misfit says that the result is not the nearest number, since the format ends
 * before it: it is then infinity, else NaN, else the largest number; and NaN for what is too small
 * for a format without zero. */
uint64_t tsri_float_round(const tsri_float_format *format, uint64_t significand, int64_t exponent,
                          bool more, bool *ret_misfit);

/* A number of a format with at most 16 bits, exactly. A NaN keeps its sign and payload, quiet. */
double tsri_float_to_double(const tsri_float_format *format, uint64_t bits);

/* The nearest number of a format with at most 16 bits, ties to even, of a double or of an integer.
 * *ret_misfit as tsri_float_round says it; also set for infinities, NaN, zero and negative numbers
 * that the format lacks: infinity is then NaN, else the largest number; NaN is -0.0; zero and
 * negative numbers are NaN. */
uint64_t tsri_float_from_double(const tsri_float_format *format, double value, bool *ret_misfit);
uint64_t tsri_float_from_signed(const tsri_float_format *format, int64_t value, bool *ret_misfit);
uint64_t tsri_float_from_unsigned(const tsri_float_format *format, uint64_t value,
                                  bool *ret_misfit);

/* Whether every value of one format, infinities, NaN and negative zero included, is one of
 * another's. */
bool tsri_float_is_within(const tsri_float_format *from, const tsri_float_format *to);

#endif
