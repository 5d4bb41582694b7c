/* Reading decimals: see decimal.h. */
#include "tensor/decimal.h"

#include "tensor/bignum.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes digits from `text`; those after the point lower the exponent. Digits past the capacity
 * raise it, and one that is not 0 is remembered in the last one kept. (Only a kept 0 need change:
 * no midpoint has a digit at that place, so any other digit has decided already.) */
static const char *scan_digits(const char *text, bool fraction, tsri_decimal *decimal)
{
    for (; is_digit(*text); text++) {
        uint8_t digit = (uint8_t)(*text - '0');
        if (decimal->count == 0 && digit == 0) {
            decimal->exponent -= fraction;
        } else if (decimal->count < TSRI_DECIMAL_DIGITS) {
            decimal->digits[decimal->count++] = digit;
            decimal->exponent -= fraction;
        } else {
            decimal->digits[TSRI_DECIMAL_DIGITS - 1] |= digit != 0;
            decimal->exponent += !fraction;
        }
    }
    return text;
}

static const char *scan_exponent(const char *text, tsri_decimal *decimal)
{
    const char *digits = text + 1;
    bool negative = *digits == '-';
    int64_t exponent = 0;
    digits += *digits == '-' || *digits == '+';
    if (!is_digit(*digits))
        return NULL;
    for (; is_digit(*digits); digits++)
        if (exponent < INT64_MAX / 100)
            exponent = exponent * 10 + (*digits - '0');
    decimal->exponent += negative ? -exponent : exponent;
    return digits;
}

const char *tsri_decimal_scan(const char *text, tsri_decimal *ret_decimal)
{
    ret_decimal->negative = *text == '-';
    ret_decimal->count = 0;
    ret_decimal->exponent = 0;
    text += *text == '-';
    if (!is_digit(*text) || (*text == '0' && is_digit(text[1])))
        return NULL;
    text = scan_digits(text, false, ret_decimal);
    if (*text == '.') {
        if (!is_digit(text[1]))
            return NULL;
        text = scan_digits(text + 1, true, ret_decimal);
    }
    if (*text == 'e' || *text == 'E')
        text = scan_exponent(text, ret_decimal);
    return text;
}

tsri_whole tsri_decimal_to_whole(const tsri_decimal *decimal, uint64_t *ret_magnitude)
{
    int count = decimal->count;
    int64_t exponent = decimal->exponent;
    uint64_t magnitude = 0;
    while (count > 0 && decimal->digits[count - 1] == 0) {
        count--;
        exponent++;
    }
    if (count > 0 && exponent < 0)
        return TSRI_WHOLE_FRACTION;
    if (count > 0 && count + exponent > 20)
        return TSRI_WHOLE_TOO_LARGE;
    for (int i = 0; i < count + exponent && count > 0; i++)
        if (__builtin_mul_overflow(magnitude, 10, &magnitude) ||
            __builtin_add_overflow(magnitude, i < count ? decimal->digits[i] : 0, &magnitude))
            return TSRI_WHOLE_TOO_LARGE;
    *ret_magnitude = magnitude;
    return TSRI_WHOLE_FITS;
}

/* Divides until the quotient has at least 64 bits: its top 64 go to *ret_significand, so that
 * numerator / denominator = significand x 2^(the returned exponent), and *ret_more says that there
 * was a rest. Destroys both numbers. */
static int64_t big_ratio(tsri_big *numerator, tsri_big *denominator, uint64_t *ret_significand,
                         bool *ret_more)
{
    int64_t shift = tsri_big_bits(denominator) - tsri_big_bits(numerator);
    if (shift > 0)
        tsri_big_shift_left(numerator, shift);
    else
        tsri_big_shift_left(denominator, -shift);
    /* Equal lengths: the ratio lies between 1/2 and 2; make it at least 1. */
    if (tsri_big_compare(numerator, denominator) < 0) {
        tsri_big_multiply_add(numerator, 2, 0);
        shift++;
    }
    uint64_t significand = 0;
    for (int bit = 63; bit >= 0; bit--) {
        if (tsri_big_compare(numerator, denominator) >= 0) {
            tsri_big_subtract(numerator, denominator);
            significand |= UINT64_C(1) << bit;
        }
        tsri_big_multiply_add(numerator, 2, 0);
    }
    *ret_significand = significand;
    *ret_more = numerator->count > 0;
    return -shift - 63;
}

/* The powers of five of which 64 bits hold the value: 10^k is 5^k x 2^k. */
#define FIVES_MAX 27

static uint64_t power_of_five(int64_t exponent)
{
    uint64_t power = 1;
    for (; exponent > 0; exponent--)
        power *= 5;
    return power;
}

/* The same as big_ratio (`more` may stand for up to two units: no format rounds that low) for
 * `digits` x 5^fives (which may be negative), in 128 bits. */
static int64_t quick_ratio(uint64_t digits, int64_t fives, uint64_t *ret_significand,
                           bool *ret_more)
{
    uint64_t power = power_of_five(fives < 0 ? -fives : fives);
    int digits_shift = __builtin_clzll(digits), power_shift = __builtin_clzll(power);
    unsigned __int128 ratio, rest = 0;
    int64_t exponent = -digits_shift;
    if (fives >= 0) {
        ratio = (unsigned __int128)(digits << digits_shift) * power;
    } else {
        /* Both have 64 bits, so the quotient has 63 or 64. */
        unsigned __int128 numerator = (unsigned __int128)(digits << digits_shift) << 63;
        power <<= power_shift;
        ratio = numerator / power;
        rest = numerator - ratio * power;
        exponent += power_shift - 63;
    }
    uint64_t high = (uint64_t)(ratio >> 64);
    int shift = high ? 64 - __builtin_clzll(high) : -__builtin_clzll((uint64_t)ratio);
    *ret_significand = shift >= 0 ? (uint64_t)(ratio >> shift) : (uint64_t)ratio << -shift;
    *ret_more = rest != 0 || (shift > 0 && (uint64_t)ratio << (64 - shift) != 0);
    return exponent + shift;
}

static int64_t exact_ratio(const tsri_decimal *decimal, uint64_t *ret_significand, bool *ret_more)
{
    tsri_big numerator TSRI_UNINITIALIZED, denominator TSRI_UNINITIALIZED;
    tsri_big_set(&numerator, 0);
    for (int i = 0; i < decimal->count; i++)
        tsri_big_multiply_add(&numerator, 10, decimal->digits[i]);
    tsri_big_set(&denominator, 1);
    tsri_big_multiply_power_of_ten(decimal->exponent < 0 ? &denominator : &numerator,
                                   decimal->exponent < 0 ? -decimal->exponent : decimal->exponent);
    return big_ratio(&numerator, &denominator, ret_significand, ret_more);
}

uint64_t tsri_decimal_to_float(const tsri_decimal *decimal, const tsri_float_format *format,
                               bool *ret_misfit)
{
    /* Where the leading digit lies decides the extremes: no format reaches beyond a double. */
    int64_t magnitude = decimal->count + decimal->exponent, exponent = decimal->exponent;
    uint64_t significand = UINT64_C(1) << 63;
    bool more = false;
    if (decimal->count == 0)
        return tsri_float_from_unsigned(format, 0, ret_misfit);
    if (magnitude > 310 || magnitude < -330) {
        exponent = magnitude > 0 ? 4096 : -4096;
    } else if (decimal->count <= 19 && exponent >= -FIVES_MAX && exponent <= FIVES_MAX) {
        uint64_t digits = 0;
        for (int i = 0; i < decimal->count; i++)
            digits = digits * 10 + decimal->digits[i];
        exponent += quick_ratio(digits, exponent, &significand, &more);
    } else {
        exponent = exact_ratio(decimal, &significand, &more);
    }
    return tsri_float_round(format, significand, exponent, more, ret_misfit);
}
