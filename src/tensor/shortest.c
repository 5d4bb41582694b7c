/* Writing the shortest decimal: see decimal.h. */
#include <stdlib.h>

#include "tensor/bignum.h"
#include "tensor/decimal.h"

/* A finite number above 0: whole x 2^exponent. */
typedef struct finite {
    uint64_t whole;
    int64_t exponent;
    int narrow;     /* 1 for a power of two: below it the neighbours are twice as dense */
    bool inclusive; /* the midpoints to its neighbours read back as it: `whole` is even */
} finite;

static finite take_apart(const tsri_float_format *format, uint64_t bits)
{
    uint64_t hidden = UINT64_C(1) << format->mantissa_bits, mantissa = bits & (hidden - 1);
    int64_t field = (int64_t)(bits >> format->mantissa_bits), lowest = format->has_zero;
    uint64_t whole = field >= lowest ? mantissa | hidden : mantissa;
    return (finite){whole, TSRI_MAX(field, lowest) - format->bias - format->mantissa_bits,
                    mantissa == 0 && field > lowest, (whole & 1) == 0};
}

/* The power of ten k for which the number lies in [10^(k-1), 10^k), or one less. */
static int64_t estimate_power(const finite *number)
{
    double logarithm =
        (double)(63 - __builtin_clzll(number->whole) + number->exponent) * 0.30102999566398120 -
        1e-10;
    int64_t power = (int64_t)logarithm;
    return power + (logarithm > (double)power);
}

/* Digits come from a fraction value / scale in [1/10, 1): times ten, its whole part is the next
 * digit. `below` and `above` are the distances to the midpoints between the number and its
 * neighbours, in the same scale: when the rest, or what is missing to the next digit, is within
 * them, the digits so far suffice; when both are, the nearer digit is the last one, the even one
 * when they are equally near. First for numbers whose fractions fit 128 bits, then for all. */

typedef unsigned __int128 wide;

/* Exponents for which all stays below 2^124. */
#define QUICK_EXPONENT_MIN (-117)
#define QUICK_EXPONENT_MAX 59

static wide power_of_ten(int64_t exponent)
{
    wide power = 1;
    for (; exponent > 0; exponent--)
        power *= 10;
    return power;
}

static int quick_digit(wide *value, wide scale)
{
    int digit = 0;
    if (((*value | scale) >> 64) == 0) {
        digit = (int)((uint64_t)*value / (uint64_t)scale);
        *value = (uint64_t)*value % (uint64_t)scale;
        return digit;
    }
    for (; *value >= scale; digit++)
        *value -= scale;
    return digit;
}

static int quick_digits(const finite *number, char *digits, int64_t *ret_power)
{
    int64_t up = TSRI_MAX(number->exponent, 0), down = TSRI_MAX(-number->exponent, 0);
    wide value = (wide)number->whole << (up + 1 + number->narrow);
    wide scale = (wide)1 << (down + 1 + number->narrow);
    wide below = (wide)1 << up, above = below << number->narrow;
    int64_t power = estimate_power(number);
    wide factor = power_of_ten(power < 0 ? -power : power);
    if (power >= 0) {
        scale *= factor;
    } else {
        value *= factor;
        below *= factor;
        above *= factor;
    }
    int ten = 1;
    if (value + above + number->inclusive > scale)
        power++;
    else
        ten = 10;
    *ret_power = power;
    for (int count = 0;; ten = 10) {
        value *= (unsigned)ten;
        below *= (unsigned)ten;
        above *= (unsigned)ten;
        int digit = quick_digit(&value, scale);
        bool low = value < below + number->inclusive;
        bool high = value + above + number->inclusive > scale;
        if (low && high)
            high = 2 * value > scale - (digit & 1);
        digits[count++] = (char)('0' + digit + high);
        if (low || high)
            return count;
    }
}

typedef struct dragon {
    tsri_big value, scale, below, above;
    bool inclusive;
} dragon;

static void dragon_init(dragon *d, const finite *number)
{
    int64_t up = TSRI_MAX(number->exponent, 0), down = TSRI_MAX(-number->exponent, 0);
    tsri_big_set(&d->value, number->whole);
    tsri_big_shift_left(&d->value, up + 1 + number->narrow);
    tsri_big_set(&d->scale, 1);
    tsri_big_shift_left(&d->scale, down + 1 + number->narrow);
    tsri_big_set(&d->below, 1);
    tsri_big_shift_left(&d->below, up);
    tsri_big_set(&d->above, 1);
    tsri_big_shift_left(&d->above, up + number->narrow);
    d->inclusive = number->inclusive;
}

static void dragon_times_ten(dragon *d)
{
    tsri_big_multiply_add(&d->value, 10, 0);
    tsri_big_multiply_add(&d->below, 10, 0);
    tsri_big_multiply_add(&d->above, 10, 0);
}

/* Whether the upper midpoint reaches or passes the scale. */
static bool dragon_reaches_scale(const dragon *d)
{
    tsri_big sum;
    sum.count = d->value.count;
    memcpy(sum.words, d->value.words, (size_t)sum.count * sizeof sum.words[0]);
    tsri_big_add(&sum, &d->above);
    return tsri_big_compare(&sum, &d->scale) > -(int)d->inclusive;
}

/* Brings the fraction into [1/10, 1) where its first digit is 10 x value / scale; returns the exact
 * k. */
static int64_t dragon_scale(dragon *d, int64_t power)
{
    if (power >= 0) {
        tsri_big_multiply_power_of_ten(&d->scale, power);
    } else {
        tsri_big_multiply_power_of_ten(&d->value, -power);
        tsri_big_multiply_power_of_ten(&d->below, -power);
        tsri_big_multiply_power_of_ten(&d->above, -power);
    }
    if (dragon_reaches_scale(d))
        return power + 1;
    dragon_times_ten(d);
    return power;
}

static int exact_digits(const finite *number, char *digits, int64_t *ret_power)
{
    dragon d TSRI_UNINITIALIZED;
    dragon_init(&d, number);
    *ret_power = dragon_scale(&d, estimate_power(number));
    for (int count = 0;;) {
        int digit = tsri_big_divide_digit(&d.value, &d.scale);
        bool low = tsri_big_compare(&d.value, &d.below) < (int)d.inclusive;
        bool high = dragon_reaches_scale(&d);
        if (low && high) {
            tsri_big_multiply_add(&d.value, 2, 0);
            high = tsri_big_compare(&d.value, &d.scale) > -(digit & 1);
        }
        digits[count++] = (char)('0' + digit + high);
        if (low || high)
            return count;
        dragon_times_ten(&d);
    }
}

/* The shortest digits, at most 17; sets *ret_power so that the number is 0.DIGITS x 10^power. */
static int shortest_digits(const finite *number, char *digits, int64_t *ret_power)
{
    if (number->exponent >= QUICK_EXPONENT_MIN && number->exponent <= QUICK_EXPONENT_MAX)
        return quick_digits(number, digits, ret_power);
    return exact_digits(number, digits, ret_power);
}

static char *put(char *to, const char *from, int64_t count)
{
    memcpy(to, from, (size_t)count);
    return to + count;
}

static char *put_zeros(char *to, int64_t count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

/* d.ddde+XX, with two digits of exponent at least. */
static char *put_scientific(char *to, const char *digits, int count, int exponent)
{
    int magnitude = abs(exponent);
    to = put(to, digits, 1);
    if (count > 1) {
        *to++ = '.';
        to = put(to, digits + 1, count - 1);
    }
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    if (magnitude >= 100)
        *to++ = (char)('0' + magnitude / 100);
    *to++ = (char)('0' + magnitude / 10 % 10);
    *to++ = (char)('0' + magnitude % 10);
    return to;
}

/* Lays out 0.DIGITS x 10^power as Python's repr does: without an exponent from 1e-04 up to below
 * 1e+16. */
static char *put_number(char *to, const char *digits, int count, int power)
{
    if (power < -3 || power > 16)
        return put_scientific(to, digits, count, power - 1);
    if (power <= 0)
        return put(put_zeros(put(to, "0.", 2), -power), digits, count);
    if (count <= power)
        return put(put_zeros(put(to, digits, count), power - count), ".0", 2);
    return put(put(put(to, digits, power), ".", 1), digits + power, count - power);
}

int tsri_float_format_text(const tsri_float_format *format, uint64_t bits, char *text)
{
    uint64_t sign = tsri_float_sign(format);
    char digits[24], *end = text;
    int64_t power = 1;
    if (format->has_sign && bits & sign)
        *end++ = '-';
    if (format->has_zero && (bits & (sign - 1)) == 0) {
        end = put(end, "0.0", 3);
    } else {
        finite number = take_apart(format, bits & (sign - 1));
        int count = shortest_digits(&number, digits, &power);
        end = put_number(end, digits, count, (int)power);
    }
    *end = '\0';
    return (int)(end - text);
}
