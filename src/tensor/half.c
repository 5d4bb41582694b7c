/* IEEE 754 half precision in integer arithmetic: no hardware conversion is assumed, and a
 * flush-to-zero mode of the machine changes nothing. */
#include <tessera/dtype.h>

#include "tensor/decimal.h"

double tsr_half_to_double(uint16_t bits)
{
    uint64_t sign = (uint64_t)(bits & 0x8000) << 48, exponent = bits >> 10 & 0x1f,
             mantissa = bits & 0x3ff;
    uint64_t wide;
    double value;
    if (exponent == 0x1f) {
        wide = UINT64_C(0x7ff) << 52 | mantissa << 42;
    } else if (exponent != 0) {
        wide = (exponent + 1023 - 15) << 52 | mantissa << 42;
    } else if (mantissa != 0) {
        /* A subnormal half is a normal double: bring its leading bit to the place of the hidden
         * one. */
        int shift = __builtin_clzll(mantissa) - (63 - 10);
        wide = (uint64_t)(1023 - 14 - shift) << 52 | ((mantissa << shift & 0x3ff) << 42);
    } else {
        wide = 0;
    }
    wide |= sign;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t tsr_half_from_double(double value)
{
    uint64_t wide;
    memcpy(&wide, &value, sizeof wide);
    uint16_t sign = (uint16_t)(wide >> 48 & 0x8000);
    int exponent = (int)(wide >> 52 & 0x7ff);
    uint64_t mantissa = wide & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff) {
        /* The upper bits of a NaN's payload survive; it is made quiet, so that it stays a NaN. */
        uint16_t payload = (uint16_t)(mantissa >> 42);
        return (uint16_t)(sign | 0x7c00 | payload | (mantissa ? 0x200 : 0));
    }
    if (exponent < 1023 - 25)
        return sign;
    bool overflow;
    uint64_t significand = (mantissa | UINT64_C(1) << 52) << 11;
    return (uint16_t)(sign | tsri_float_round(&tsri_format_float16, significand,
                                              exponent - 1023 - 63, false, &overflow));
}
