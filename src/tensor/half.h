/* Half precision to double, inline for loops over many. */
#ifndef TESSERA_TENSOR_HALF_H
#define TESSERA_TENSOR_HALF_H

#include "base/base.h"

/* Without branches, so that compilers make vector code of a loop. No operand is a subnormal float,
 * so a flush-to-zero mode of the machine changes nothing. A signalling NaN may come out quiet. */
static inline double tsri_half_to_double(uint16_t bits)
{
    uint32_t magnitude = bits & 0x7fff;
    union {
        uint32_t bits;
        float value;
    } subnormal = {.value = (float)(int32_t)magnitude * 0x1p-24F}, result;
    uint32_t normal = (magnitude << 13) + ((127 - 15) << 23);
    uint32_t special = magnitude << 13 | 0x7f800000;
    result.bits = magnitude < 0x400 ? subnormal.bits : magnitude >= 0x7c00 ? special : normal;
    result.bits |= (uint32_t)(bits & 0x8000) << 16;
    return (double)result.value;
}

#endif
