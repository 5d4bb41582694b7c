/* IEEE 754 half precision in integer arithmetic: no hardware conversion is assumed, and a
 * flush-to-zero mode of the machine changes nothing. */
#include <tessera/dtype.h>

#include "tensor/half.h"

#include "tensor/float_format.h"

double tsr_half_to_double(uint16_t bits)
{
    return tsri_half_to_double(bits);
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
