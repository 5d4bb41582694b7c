#include "tensor/float_format.h"

#define ONES(bits) ((UINT64_C(1) << (bits)) - 1)

/* The largest exponent is for infinity and NaN. */
#define IEEE(mantissa, exponent)                                          \
    {                                                                     \
        mantissa, exponent, (1 << (exponent - 1)) - 1, true, true,        \
            (ONES(exponent) << mantissa) - 1, ONES(exponent) << mantissa, \
            ONES(exponent) << mantissa | UINT64_C(1) << (mantissa - 1)    \
    }
/* All patterns are numbers. */
#define FINITE(mantissa, exponent, bias)                                      \
    {                                                                         \
        mantissa, exponent, bias, true, true, ONES(mantissa + exponent), 0, 0 \
    }
/* All patterns are numbers, but that of negative zero, which is the only NaN. */
#define UNSIGNED_ZERO(mantissa, exponent, bias)                             \
    {                                                                       \
        mantissa, exponent, bias, true, true, ONES(mantissa + exponent), 0, \
            UINT64_C(1) << (mantissa + exponent)                            \
    }

const tsri_float_format tsri_format_float16 = IEEE(10, 5), tsri_format_float32 = IEEE(23, 8),
                        tsri_format_float64 = IEEE(52, 11), tsri_format_bfloat16 = IEEE(7, 8);
const tsri_float_format tsri_format_float8_e3m4 = IEEE(4, 3), tsri_format_float8_e4m3 = IEEE(3, 4),
                        tsri_format_float8_e5m2 = IEEE(2, 5);
const tsri_float_format tsri_format_float4_e2m1fn = FINITE(1, 2, 1),
                        tsri_format_float6_e2m3fn = FINITE(3, 2, 1),
                        tsri_format_float6_e3m2fn = FINITE(2, 3, 3);
const tsri_float_format tsri_format_float8_e4m3fn = {3, 4, 7, true, true, 0x7e, 0, 0x7f};
const tsri_float_format tsri_format_float8_e4m3b11fnuz = UNSIGNED_ZERO(3, 4, 11),
                        tsri_format_float8_e4m3fnuz = UNSIGNED_ZERO(3, 4, 8),
                        tsri_format_float8_e5m2fnuz = UNSIGNED_ZERO(2, 5, 16);
const tsri_float_format tsri_format_float8_e8m0fnu = {0, 8, 127, false, false, 0xfe, 0, 0xff};

#define DOUBLE_MANTISSA 52
#define DOUBLE_BIAS 1023
#define DOUBLE_INFINITY (UINT64_C(0x7ff) << DOUBLE_MANTISSA)
#define DOUBLE_QUIET (UINT64_C(1) << (DOUBLE_MANTISSA - 1))

bool tsri_float_is_nan(const tsri_float_format *format, uint64_t bits)
{
    uint64_t sign = tsri_float_sign(format), magnitude = bits & (sign - 1);
    if (format->nan == sign)
        return (bits & (2 * sign - 1)) == sign;
    return magnitude > format->largest && (format->infinity == 0 || magnitude != format->infinity);
}

bool tsri_float_negate(const tsri_float_format *format, uint64_t *bits)
{
    if (!format->has_sign)
        return false;
    if (*bits != 0 || tsri_float_has_negative_zero(format))
        *bits |= tsri_float_sign(format);
    return true;
}

/* What stands for a number beyond the largest one. */
static uint64_t beyond(const tsri_float_format *format)
{
    return format->infinity ? format->infinity : format->nan ? format->nan : format->largest;
}

uint64_t tsri_float_round(const tsri_float_format *format, uint64_t significand, int64_t exponent,
                          bool more, bool *ret_misfit)
{
    int64_t leading = exponent + 63, lowest = (format->has_zero ? 1 : 0) - format->bias;
    int64_t dropped = 63 - format->mantissa_bits;
    *ret_misfit = !format->has_zero && leading < lowest;
    if (*ret_misfit)
        return format->nan;
    if (leading < lowest)
        dropped += lowest - leading;
    if (dropped > 64)
        return 0;
    uint64_t kept = dropped == 64 ? 0 : significand >> dropped;
    uint64_t rest = dropped == 64 ? significand : significand & ONES(dropped);
    uint64_t half = UINT64_C(1) << (dropped - 1);
    kept += rest > half || (rest == half && (more || (kept & 1)));
    /* The hidden bit, and a carry out of the mantissa, add themselves to the exponent. */
    int64_t field = leading + format->bias - 1;
    *ret_misfit = field > (int64_t)ONES(format->exponent_bits);
    if (!*ret_misfit && leading >= lowest)
        kept += (uint64_t)field << format->mantissa_bits;
    *ret_misfit |= kept > format->largest;
    return *ret_misfit ? beyond(format) : kept;
}

double tsri_float_to_double(const tsri_float_format *format, uint64_t bits)
{
    uint64_t sign = tsri_float_sign(format), magnitude = bits & (sign - 1);
    uint64_t field = magnitude >> format->mantissa_bits, wide;
    uint64_t mantissa = magnitude & ONES(format->mantissa_bits);
    uint64_t fraction = mantissa << (DOUBLE_MANTISSA - format->mantissa_bits);
    double value;
    if (tsri_float_is_nan(format, bits))
        wide = DOUBLE_INFINITY | DOUBLE_QUIET | (format->infinity ? fraction : 0);
    else if (format->infinity && magnitude == format->infinity)
        wide = DOUBLE_INFINITY;
    else if (field == 0 && format->has_zero && mantissa == 0)
        wide = 0;
    else if (field == 0 && format->has_zero) {
        /* A subnormal number: its leading digit becomes the hidden one. */
        int shift = format->mantissa_bits - (63 - __builtin_clzll(mantissa));
        fraction = fraction << shift & ONES(DOUBLE_MANTISSA);
        wide = (uint64_t)(1 - shift - format->bias + DOUBLE_BIAS) << DOUBLE_MANTISSA | fraction;
    } else
        wide = (field + (uint64_t)(DOUBLE_BIAS - format->bias)) << DOUBLE_MANTISSA | fraction;
    bool negative = format->has_sign && bits & sign && format->nan != (bits & (2 * sign - 1));
    wide |= (uint64_t)negative << 63;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static uint64_t with_sign(const tsri_float_format *format, uint64_t bits, bool negative,
                          bool *ret_misfit)
{
    if (negative && bits != tsri_float_sign(format) && !tsri_float_negate(format, &bits)) {
        *ret_misfit = true;
        return format->nan;
    }
    return bits;
}

static uint64_t convert_special(const tsri_float_format *format, uint64_t wide, bool *ret_misfit)
{
    uint64_t fraction = wide & ONES(DOUBLE_MANTISSA);
    bool negative = wide >> 63;
    if (fraction == 0) {
        *ret_misfit = format->infinity == 0;
        return with_sign(format, beyond(format), negative, ret_misfit);
    }
    *ret_misfit = format->nan == 0;
    if (*ret_misfit)
        return tsri_float_sign(format);
    uint64_t payload = format->infinity ? fraction >> (DOUBLE_MANTISSA - format->mantissa_bits) : 0;
    bool unsigned_nan = !format->has_sign || format->nan == tsri_float_sign(format);
    return with_sign(format, format->nan | payload, negative && !unsigned_nan, ret_misfit);
}

uint64_t tsri_float_from_double(const tsri_float_format *format, double value, bool *ret_misfit)
{
    uint64_t wide, bits;
    memcpy(&wide, &value, sizeof wide);
    int64_t field = (int64_t)(wide >> DOUBLE_MANTISSA & 0x7ff);
    uint64_t mantissa = wide & ONES(DOUBLE_MANTISSA);
    if (field == 0x7ff)
        return convert_special(format, wide, ret_misfit);
    if (field == 0 && !format->has_zero) {
        *ret_misfit = true; /* zero, or a subnormal double, which no format reaches */
        return format->nan;
    }
    if (field == 0) {
        *ret_misfit = false;
        bits = 0;
    } else {
        uint64_t significand = (mantissa | UINT64_C(1) << DOUBLE_MANTISSA) << 11;
        bits = tsri_float_round(format, significand, field - DOUBLE_BIAS - 63, false, ret_misfit);
    }
    return with_sign(format, bits, wide >> 63, ret_misfit);
}

uint64_t tsri_float_from_unsigned(const tsri_float_format *format, uint64_t value, bool *ret_misfit)
{
    if (value == 0) {
        *ret_misfit = !format->has_zero;
        return format->has_zero ? 0 : format->nan;
    }
    int shift = __builtin_clzll(value);
    return tsri_float_round(format, value << shift, -shift, false, ret_misfit);
}

uint64_t tsri_float_from_signed(const tsri_float_format *format, int64_t value, bool *ret_misfit)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t bits = tsri_float_from_unsigned(format, magnitude, ret_misfit);
    return with_sign(format, bits, value < 0, ret_misfit);
}

bool tsri_float_is_within(const tsri_float_format *from, const tsri_float_format *to)
{
    int from_top = (int)(from->largest >> from->mantissa_bits) - from->bias;
    int to_top = (int)(to->largest >> to->mantissa_bits) - to->bias;
    uint64_t from_end = from->largest & ONES(from->mantissa_bits);
    uint64_t to_end = to->largest & ONES(to->mantissa_bits);
    int from_bottom = (from->has_zero ? 1 : 0) - from->bias - from->mantissa_bits;
    int to_bottom = (to->has_zero ? 1 : 0) - to->bias - to->mantissa_bits;
    if (from->mantissa_bits > to->mantissa_bits || from_top > to_top || from_bottom < to_bottom)
        return false;
    if (from_top == to_top && from_end << (to->mantissa_bits - from->mantissa_bits) > to_end)
        return false;
    return (!from->infinity || to->infinity) && (!from->nan || to->nan) &&
           (!from->has_zero || to->has_zero) && (!from->has_sign || to->has_sign) &&
           (!tsri_float_has_negative_zero(from) || tsri_float_has_negative_zero(to));
}
