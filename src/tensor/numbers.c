/* The ways in and out of every numeric type: one DEFINE line each. See convert.h. */
#include <math.h>

#include "tensor/convert.h"
#include "tensor/float_format.h"
#include "tensor/half.h"

/* Elements may lie anywhere, e.g. in the payload of a file: hence the loose alignment. */
#define DEFINE_LOAD(name, type, wide_type, expression)                      \
    typedef type loose_##name __attribute__((aligned(1), may_alias));       \
    static void load_##name(const void *elements, void *wide, size_t count) \
    {                                                                       \
        const loose_##name *from = elements;                                \
        wide_type *to = wide;                                               \
        for (size_t i = 0; i < count; i++) {                                \
            type x = from[i];                                               \
            to[i] = (expression);                                           \
        }                                                                   \
    }

/* `value` is the element for a wide number x; `fits` says whether it stands for x. */
#define DEFINE_STORE(name, source, type, wide_type, value, fits)                          \
    static size_t store_##name##_##source(const void *wide, void *elements, size_t count, \
                                          bool checked)                                   \
    {                                                                                     \
        const wide_type *from = wide;                                                     \
        loose_##name *to = elements;                                                      \
        for (size_t i = 0; checked && i < count; i++) {                                   \
            wide_type x = from[i];                                                        \
            (void)x;                                                                      \
            if (!(fits))                                                                  \
                return i;                                                                 \
        }                                                                                 \
        for (size_t i = 0; i < count; i++) {                                              \
            wide_type x = from[i];                                                        \
            to[i] = (value);                                                              \
        }                                                                                 \
        return count;                                                                     \
    }

#define DEFINE_STORES(name, type, from_integer, from_float, signed_fits, unsigned_fits, \
                      float_fits)                                                       \
    DEFINE_STORE(name, signed, type, int64_t, from_integer, signed_fits)                \
    DEFINE_STORE(name, unsigned, type, uint64_t, from_integer, unsigned_fits)           \
    DEFINE_STORE(name, float, type, double, from_float, float_fits)

#define DEFINE_NUMBER(name, wide_kind, digit_count) \
    const tsri_number tsri_number_##name = {        \
        wide_kind,                                  \
        digit_count,                                \
        load_##name,                                \
        {store_##name##_signed, store_##name##_unsigned, store_##name##_float}};

/* From a float: towards zero; what lies outside saturates, NaN is 0. The upper limit as a double is
 * the first one that is too large, 2^digits. */
#define SATURATED(type, minimum, maximum, limit) \
    (x != x ? (type)0 : x <= (double)(minimum) ? (minimum) : x >= (limit) ? (maximum) : (type)x)

#define DEFINE_SIGNED(name, type, minimum, maximum, digit_count, limit)          \
    DEFINE_LOAD(name, type, int64_t, x)                                          \
    DEFINE_STORES(name, type, (type)x, SATURATED(type, minimum, maximum, limit), \
                  x >= (minimum) && x <= (maximum), x <= (uint64_t)(maximum),    \
                  (x > -(limit)-1.0 || x == -(limit)) && x < (limit))            \
    DEFINE_NUMBER(name, TSRI_WIDE_SIGNED, digit_count)

#define DEFINE_UNSIGNED(name, type, maximum, digit_count, limit)                               \
    DEFINE_LOAD(name, type, uint64_t, x)                                                       \
    DEFINE_STORES(name, type, (type)x, SATURATED(type, 0, maximum, limit),                     \
                  x >= 0 && (uint64_t)x <= (maximum), x <= (maximum), x > -1.0 && x < (limit)) \
    DEFINE_NUMBER(name, TSRI_WIDE_UNSIGNED, digit_count)

/* Whether a finite number stayed finite. */
#define STAYS_FINITE(converted) (!isinf(converted) || isinf(x))

DEFINE_LOAD(boolean, uint8_t, uint64_t, x != 0)
DEFINE_STORES(boolean, uint8_t, x != 0, x != 0, true, true, true)
DEFINE_NUMBER(boolean, TSRI_WIDE_UNSIGNED, 1)

DEFINE_SIGNED(int8, int8_t, INT8_MIN, INT8_MAX, 7, 0x1p7)
DEFINE_SIGNED(int16, int16_t, INT16_MIN, INT16_MAX, 15, 0x1p15)
DEFINE_SIGNED(int32, int32_t, INT32_MIN, INT32_MAX, 31, 0x1p31)
DEFINE_SIGNED(int64, int64_t, INT64_MIN, INT64_MAX, 63, 0x1p63)
DEFINE_UNSIGNED(uint8, uint8_t, UINT8_MAX, 8, 0x1p8)
DEFINE_UNSIGNED(uint16, uint16_t, UINT16_MAX, 16, 0x1p16)
DEFINE_UNSIGNED(uint32, uint32_t, UINT32_MAX, 32, 0x1p32)
DEFINE_UNSIGNED(uint64, uint64_t, UINT64_MAX, 64, 0x1p64)

/* An integer of 64 bits is a double exactly where the rounding to a half is decided: below 65520.
 */
DEFINE_LOAD(float16, uint16_t, double, tsri_half_to_double(x))
DEFINE_STORES(float16, uint16_t, tsr_half_from_double((double)x), tsr_half_from_double(x),
              x > -65520 && x < 65520, x < 65520, isinf(x) || isnan(x) || fabs(x) < 65520.0)
DEFINE_NUMBER(float16, TSRI_WIDE_FLOAT, 11)

DEFINE_LOAD(float32, float, double, x)
DEFINE_STORES(float32, float, (float)x, (float)x, true, true, STAYS_FINITE((float)x))
DEFINE_NUMBER(float32, TSRI_WIDE_FLOAT, 24)

DEFINE_LOAD(float64, double, double, x)
DEFINE_STORES(float64, double, (double)x, x, true, true, true)
DEFINE_NUMBER(float64, TSRI_WIDE_FLOAT, 53)

/* ---- of fewer than 8 bits, in a byte ---- */

/* The lower bits of a byte, with their sign carried up or without one. */
#define SIGNED_PART(x, bits) ((int8_t)((uint8_t)(x) << (8 - (bits))) >> (8 - (bits)))
#define UNSIGNED_PART(x, bits) ((uint8_t)(x) & ((1 << (bits)) - 1))

#define DEFINE_NARROW_SIGNED(name, bits, minimum, maximum, limit)             \
    DEFINE_LOAD(name, uint8_t, int64_t, SIGNED_PART(x, bits))                 \
    DEFINE_STORES(name, uint8_t, (uint8_t)SIGNED_PART(x, bits),               \
                  (uint8_t)SATURATED(int8_t, minimum, maximum, limit),        \
                  x >= (minimum) && x <= (maximum), x <= (uint64_t)(maximum), \
                  x > -(limit)-1.0 && x < (limit))                            \
    DEFINE_NUMBER(name, TSRI_WIDE_SIGNED, bits - 1)

#define DEFINE_NARROW_UNSIGNED(name, bits, maximum, limit)                                   \
    DEFINE_LOAD(name, uint8_t, uint64_t, UNSIGNED_PART(x, bits))                             \
    DEFINE_STORES(name, uint8_t, (uint8_t)UNSIGNED_PART(x, bits),                            \
                  SATURATED(uint8_t, 0, maximum, limit), x >= 0 && (uint64_t)x <= (maximum), \
                  x <= (maximum), x > -1.0 && x < (limit))                                   \
    DEFINE_NUMBER(name, TSRI_WIDE_UNSIGNED, bits)

DEFINE_NARROW_SIGNED(int2, 2, -2, 1, 2.0)
DEFINE_NARROW_SIGNED(int4, 4, -8, 7, 8.0)
DEFINE_NARROW_UNSIGNED(uint2, 2, 3, 4.0)
DEFINE_NARROW_UNSIGNED(uint4, 4, 15, 16.0)

/* ---- small floats ---- */

#define FROM(name, source) tsri_float_from_##source(&tsri_format_##name, x, &misfit)
#define DEFINE_SMALL_STORE(name, type, source, wide_type, kind) \
    static inline type name##_from_##source(wide_type x)        \
    {                                                           \
        bool misfit;                                            \
        return (type)FROM(name, source);                        \
    }                                                           \
    static inline bool name##_fits_##source(wide_type x)        \
    {                                                           \
        bool misfit;                                            \
        (void)FROM(name, source);                               \
        return !misfit;                                         \
    }                                                           \
    DEFINE_STORE(name, kind, type, wide_type, name##_from_##source(x), name##_fits_##source(x))

#define DEFINE_SMALL_FLOAT(name, type, digit_count, value)       \
    DEFINE_LOAD(name, type, double, value)                       \
    DEFINE_SMALL_STORE(name, type, signed, int64_t, signed)      \
    DEFINE_SMALL_STORE(name, type, unsigned, uint64_t, unsigned) \
    DEFINE_SMALL_STORE(name, type, double, double, float)        \
    DEFINE_NUMBER(name, TSRI_WIDE_FLOAT, digit_count)

/* A float without its lower half. A signalling NaN may come out quiet. */
static inline double from_bfloat16(uint16_t bits)
{
    union {
        uint32_t bits;
        float value;
    } word = {.bits = (uint32_t)bits << 16};
    return (double)word.value;
}

DEFINE_SMALL_FLOAT(bfloat16, uint16_t, 8, from_bfloat16(x))

#define DEFINE_BYTE_FLOAT(name, digit_count) \
    DEFINE_SMALL_FLOAT(name, uint8_t, digit_count, tsri_float_to_double(&tsri_format_##name, x))

DEFINE_BYTE_FLOAT(float4_e2m1fn, 2)
DEFINE_BYTE_FLOAT(float6_e2m3fn, 4)
DEFINE_BYTE_FLOAT(float6_e3m2fn, 3)
DEFINE_BYTE_FLOAT(float8_e3m4, 5)
DEFINE_BYTE_FLOAT(float8_e4m3, 4)
DEFINE_BYTE_FLOAT(float8_e4m3fn, 4)
DEFINE_BYTE_FLOAT(float8_e4m3b11fnuz, 4)
DEFINE_BYTE_FLOAT(float8_e4m3fnuz, 4)
DEFINE_BYTE_FLOAT(float8_e5m2, 3)
DEFINE_BYTE_FLOAT(float8_e5m2fnuz, 3)
DEFINE_BYTE_FLOAT(float8_e8m0fnu, 1)
