#include "tensor/bignum.h"

void tsri_big_set(tsri_big *number, uint64_t value)
{
    number->words[0] = value;
    number->count = value != 0;
}

void tsri_big_multiply_add(tsri_big *number, uint64_t factor, uint64_t addend)
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

void tsri_big_multiply_power_of_ten(tsri_big *number, int64_t exponent)
{
    for (; exponent >= 19; exponent -= 19)
        tsri_big_multiply_add(number, UINT64_C(10000000000000000000), 0);
    uint64_t factor = 1;
    for (; exponent > 0; exponent--)
        factor *= 10;
    tsri_big_multiply_add(number, factor, 0);
}

void tsri_big_shift_left(tsri_big *number, int64_t bits)
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

int64_t tsri_big_bits(const tsri_big *number)
{
    if (number->count == 0)
        return 0;
    return (int64_t)number->count * 64 - __builtin_clzll(number->words[number->count - 1]);
}

int tsri_big_compare(const tsri_big *a, const tsri_big *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

void tsri_big_subtract(tsri_big *a, const tsri_big *b)
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

void tsri_big_add(tsri_big *a, const tsri_big *b)
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

/* The 64 bits of a number from bit `low` on. */
static uint64_t bits_from(const tsri_big *number, int64_t low)
{
    int word = (int)(low / 64), shift = (int)(low % 64);
    uint64_t bits = word < number->count ? number->words[word] >> shift : 0;
    if (shift && word + 1 < number->count)
        bits |= number->words[word + 1] << (64 - shift);
    return bits;
}

/* a -= b x factor, for results that are not negative. */
static void subtract_multiple(tsri_big *a, const tsri_big *b, uint64_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < a->count; i++) {
        unsigned __int128 product =
            (unsigned __int128)(i < b->count ? b->words[i] : 0) * factor + carry;
        uint64_t low = (uint64_t)product;
        carry = (uint64_t)(product >> 64) + (a->words[i] < low);
        a->words[i] -= low;
    }
    while (a->count > 0 && a->words[a->count - 1] == 0)
        a->count--;
}

int tsri_big_divide_digit(tsri_big *a, const tsri_big *b)
{
    /* The upper 60 bits of b, rounded up, give a digit that is right or one too small. */
    int64_t low = TSRI_MAX(tsri_big_bits(b) - 60, 0);
    uint64_t digit = bits_from(a, low) / (bits_from(b, low) + 1);
    if (digit > 0)
        subtract_multiple(a, b, digit);
    for (; tsri_big_compare(a, b) >= 0; digit++)
        tsri_big_subtract(a, b);
    return (int)digit;
}
