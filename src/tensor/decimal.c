#include "tensor/decimal.h"

#include <stdio.h>
#include <stdlib.h>

const tsri_float_format tsri_format_float16 = {10, 5}, tsri_format_float32 = {23, 8},
                        tsri_format_float64 = {52, 11};

/* A natural number, 64 bits a word, least significant first. The largest one that occurs is a
 * decimal of TSRI_DECIMAL_DIGITS digits below the smallest double: 10^1120 times 2^66. */
#define BIG_WORDS 64
typedef struct big {
    int count; /* words in use; 0 means zero, the highest one is not 0 */
    uint64_t words[BIG_WORDS];
} big;

static void big_set(big *number, uint64_t value)
{
    number->words[0] = value;
    number->count = value != 0;
}

static void big_multiply_add(big *number, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < number->count; i++) {
        unsigned __int128 product = (unsigned __int128)number->words[i] * factor + carry;
        number->words[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    if (carry)
        number->words[number->count++] = carry;
}

static void big_multiply_power_of_ten(big *number, int64_t exponent)
{
    for (; exponent >= 19; exponent -= 19)
        big_multiply_add(number, UINT64_C(10000000000000000000), 0);
    uint64_t factor = 1;
    for (; exponent > 0; exponent--)
        factor *= 10;
    big_multiply_add(number, factor, 0);
}

static void big_shift_left(big *number, int64_t bits)
{
    int words = (int)(bits / 64), rest = (int)(bits % 64);
    if (number->count == 0 || bits == 0)
        return;
    uint64_t carry = rest ? number->words[number->count - 1] >> (64 - rest) : 0;
    for (int i = number->count - 1; i >= 0; i--) {
        uint64_t low = rest && i > 0 ? number->words[i - 1] >> (64 - rest) : 0;
        number->words[i + words] = number->words[i] << rest | low;
    }
    memset(number->words, 0, (size_t)words * sizeof number->words[0]);
    number->count += words;
    if (carry)
        number->words[number->count++] = carry;
}

static int64_t big_bits(const big *number)
{
    if (number->count == 0)
        return 0;
    return (int64_t)number->count * 64 - __builtin_clzll(number->words[number->count - 1]);
}

static int big_compare(const big *a, const big *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

/* a -= b, for a >= b. */
static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->count; i++) {
        uint64_t subtrahend = i < b->count ? b->words[i] : 0;
        unsigned __int128 difference = (unsigned __int128)a->words[i] - subtrahend - borrow;
        a->words[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    while (a->count > 0 && a->words[a->count - 1] == 0)
        a->count--;
}

static void big_add(big *a, const big *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < b->count || carry; i++) {
        if (i == a->count)
            a->words[a->count++] = 0;
        unsigned __int128 sum =
            (unsigned __int128)a->words[i] + (i < b->count ? b->words[i] : 0) + carry;
        a->words[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

/* The quotient of a / b, known to be below 10; a becomes the remainder. */
static int big_divide_digit(big *a, const big *b)
{
    int digit = 0;
    for (; big_compare(a, b) >= 0; digit++)
        big_subtract(a, b);
    return digit;
}

/* --- reading ------------------------------------------------------------------------------------
 */

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

uint64_t tsri_float_round(const tsri_float_format *format, uint64_t significand, int64_t exponent,
                          bool more, bool *ret_overflow)
{
    int64_t bias = (INT64_C(1) << (format->exponent_bits - 1)) - 1;
    int64_t leading = exponent + 63, lowest = 1 - bias;
    int64_t dropped = 63 - format->mantissa_bits;
    *ret_overflow = false;
    if (leading < lowest)
        dropped += lowest - leading;
    if (dropped > 64)
        return 0;
    uint64_t kept = dropped == 64 ? 0 : significand >> dropped;
    uint64_t rest = dropped == 64 ? significand : significand & ((UINT64_C(1) << dropped) - 1);
    uint64_t half = UINT64_C(1) << (dropped - 1);
    kept += rest > half || (rest == half && (more || (kept & 1)));
    /* The hidden bit, and a carry out of the mantissa, add themselves to the exponent. */
    if (leading > bias)
        kept = tsri_float_infinity(format);
    else if (leading >= lowest)
        kept += (uint64_t)(leading + bias - 1) << format->mantissa_bits;
    *ret_overflow = kept >= tsri_float_infinity(format);
    return kept;
}

/* Divides until the quotient has at least 64 bits: its top 64 go to *ret_significand, so that
 * numerator / denominator = significand x 2^(the returned exponent), and *ret_more says that there
 * was a rest. Destroys both numbers. */
static int64_t big_ratio(big *numerator, big *denominator, uint64_t *ret_significand,
                         bool *ret_more)
{
    int64_t shift = big_bits(denominator) - big_bits(numerator);
    if (shift > 0)
        big_shift_left(numerator, shift);
    else
        big_shift_left(denominator, -shift);
    /* Equal lengths: the ratio lies between 1/2 and 2; make it at least 1. */
    if (big_compare(numerator, denominator) < 0) {
        big_multiply_add(numerator, 2, 0);
        shift++;
    }
    uint64_t significand = 0;
    for (int bit = 63; bit >= 0; bit--) {
        if (big_compare(numerator, denominator) >= 0) {
            big_subtract(numerator, denominator);
            significand |= UINT64_C(1) << bit;
        }
        big_multiply_add(numerator, 2, 0);
    }
    *ret_significand = significand;
    *ret_more = numerator->count > 0;
    return -shift - 63;
}

uint64_t tsri_decimal_to_float(const tsri_decimal *decimal, const tsri_float_format *format,
                               bool *ret_overflow)
{
    /* Where the leading digit lies decides the extremes: no format reaches beyond a double. */
    int64_t magnitude = decimal->count + decimal->exponent;
    *ret_overflow = decimal->count > 0 && magnitude > 310;
    if (*ret_overflow)
        return tsri_float_infinity(format);
    if (decimal->count == 0 || magnitude < -330)
        return 0;
    big numerator, denominator;
    uint64_t significand;
    bool more;
    big_set(&numerator, 0);
    for (int i = 0; i < decimal->count; i++)
        big_multiply_add(&numerator, 10, decimal->digits[i]);
    big_set(&denominator, 1);
    big_multiply_power_of_ten(decimal->exponent < 0 ? &denominator : &numerator,
                              decimal->exponent < 0 ? -decimal->exponent : decimal->exponent);
    int64_t exponent = big_ratio(&numerator, &denominator, &significand, &more);
    return tsri_float_round(format, significand, exponent, more, ret_overflow);
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* A finite number above 0 as a fraction value / scale, and the distances to the midpoints between
 * it and its neighbours, in the same scale. */
typedef struct dragon {
    big value, scale, below, above;
    bool inclusive; /* the midpoints themselves read back as this number: its mantissa is even */
} dragon;

/* Sets up the fraction; returns the power of ten k for which it lies in [10^(k-1), 10^k), or one
 * less. */
static int64_t dragon_init(dragon *d, const tsri_float_format *format, uint64_t bits)
{
    uint64_t hidden = UINT64_C(1) << format->mantissa_bits, mantissa = bits & (hidden - 1);
    int64_t bias = (INT64_C(1) << (format->exponent_bits - 1)) - 1;
    int64_t field = (int64_t)(bits >> format->mantissa_bits);
    int64_t exponent = (field ? field : 1) - bias - format->mantissa_bits;
    uint64_t whole = field ? mantissa | hidden : mantissa;
    /* Below a power of two the neighbours are twice as dense. */
    int narrow = mantissa == 0 && field > 1;
    int64_t up = exponent > 0 ? exponent : 0, down = exponent < 0 ? -exponent : 0;
    big_set(&d->value, whole);
    big_shift_left(&d->value, up + 1 + narrow);
    big_set(&d->scale, 1);
    big_shift_left(&d->scale, down + 1 + narrow);
    big_set(&d->below, 1);
    big_shift_left(&d->below, up);
    big_set(&d->above, 1);
    big_shift_left(&d->above, up + narrow);
    d->inclusive = (whole & 1) == 0;
    double logarithm =
        (double)(63 - __builtin_clzll(whole) + exponent) * 0.30102999566398120 - 1e-10;
    int64_t power = (int64_t)logarithm;
    return power + (logarithm > (double)power);
}

static void dragon_times_ten(dragon *d)
{
    big_multiply_add(&d->value, 10, 0);
    big_multiply_add(&d->below, 10, 0);
    big_multiply_add(&d->above, 10, 0);
}

/* Whether the upper midpoint reaches or passes the scale. */
static bool dragon_reaches_scale(const dragon *d)
{
    big sum;
    sum.count = d->value.count;
    memcpy(sum.words, d->value.words, (size_t)sum.count * sizeof sum.words[0]);
    big_add(&sum, &d->above);
    return big_compare(&sum, &d->scale) > -(int)d->inclusive;
}

/* Brings the fraction into [1/10, 1) where its first digit is 10 x value / scale; returns the exact
 * k. */
static int64_t dragon_scale(dragon *d, int64_t power)
{
    if (power >= 0) {
        big_multiply_power_of_ten(&d->scale, power);
    } else {
        big_multiply_power_of_ten(&d->value, -power);
        big_multiply_power_of_ten(&d->below, -power);
        big_multiply_power_of_ten(&d->above, -power);
    }
    if (dragon_reaches_scale(d))
        return power + 1;
    dragon_times_ten(d);
    return power;
}

/* The shortest digits, at most 17, of a finite number above 0; sets *ret_power so that the number
 * is 0.DIGITS x 10^power. Returns how many digits. */
static int shortest_digits(const tsri_float_format *format, uint64_t bits, char *digits,
                           int64_t *ret_power)
{
    dragon d;
    int count = 0;
    *ret_power = dragon_scale(&d, dragon_init(&d, format, bits));
    for (;;) {
        int digit = big_divide_digit(&d.value, &d.scale);
        bool low = big_compare(&d.value, &d.below) < (int)d.inclusive;
        bool high = dragon_reaches_scale(&d);
        if (low && high) {
            big_multiply_add(&d.value, 2, 0);
            high = big_compare(&d.value, &d.scale) >= 0;
        }
        digits[count++] = (char)('0' + digit + high);
        if (low || high)
            return count;
        dragon_times_ten(&d);
    }
}

/* Lays out 0.DIGITS x 10^power as Python's repr does: without an exponent from 1e-04 up to below
 * 1e+16. */
static int lay_out(char *text, const char *digits, int count, int power)
{
    static const char zeros[] = "0000000000000000";
    int before = TSRI_MIN(TSRI_MAX(power, 0), count);
    if (power < -3 || power > 16)
        return sprintf(text, "%.1s%s%.*se%c%02d", digits, count > 1 ? "." : "", count - 1,
                       digits + 1, power > 0 ? '+' : '-', abs(power - 1));
    if (power <= 0)
        return sprintf(text, "0.%.*s%.*s", -power, zeros, count, digits);
    if (count <= power)
        return sprintf(text, "%.*s%.*s.0", count, digits, power - count, zeros);
    return sprintf(text, "%.*s.%.*s", before, digits, count - before, digits + before);
}

int tsri_float_format_text(const tsri_float_format *format, uint64_t bits, char *text)
{
    char digits[24];
    int64_t power;
    int sign = (int)(bits >> (format->mantissa_bits + format->exponent_bits) & 1);
    uint64_t magnitude =
        bits & ((UINT64_C(1) << (format->mantissa_bits + format->exponent_bits)) - 1);
    text[0] = '-';
    if (magnitude == 0)
        return sign + sprintf(text + sign, "0.0");
    int count = shortest_digits(format, magnitude, digits, &power);
    return sign + lay_out(text + sign, digits, count, (int)power);
}
