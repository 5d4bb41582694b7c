/* Decimals as the library reads them, and numbers as their bits. */
#ifndef TESSERA_TESTS_FLOAT_BITS_H
#define TESSERA_TESTS_FLOAT_BITS_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/decimal.h"

/* The bits of a whole text in a format, with the sign. */
static inline uint64_t read_as(const tsri_float_format *format, const char *text, bool *overflow)
{
    tsri_decimal decimal;
    bool ignored;
    const char *end = tsri_decimal_scan(text, &decimal);
    assert_non_null(end);
    assert_int_equal(*end, 0);
    return tsri_decimal_to_float(&decimal, format, overflow ? overflow : &ignored) |
           (uint64_t)decimal.negative << (format->mantissa_bits + format->exponent_bits);
}

static inline uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
