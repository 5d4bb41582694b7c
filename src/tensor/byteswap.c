#include "tensor/byteswap.h"

/* Loops that the compiler turns into vector code where the machine has byte shuffles. The source
 * may be the destination itself, hence no restrict. */
#define DEFINE_SWAP(bits)                                                                 \
    static inline __attribute__((always_inline)) void swap_##bits(                        \
        char *to, int64_t to_stride, const char *from, int64_t from_stride, size_t count) \
    {                                                                                     \
        for (size_t i = 0; i < count; i++, to += to_stride, from += from_stride) {        \
            uint##bits##_t number;                                                        \
            memcpy(&number, from, sizeof number);                                         \
            number = __builtin_bswap##bits(number);                                       \
            memcpy(to, &number, sizeof number);                                           \
        }                                                                                 \
    }
DEFINE_SWAP(16)
DEFINE_SWAP(32)
DEFINE_SWAP(64)
#undef DEFINE_SWAP

void tsri_swap_bytes(void *destination, const void *source, size_t count, size_t width_bytes)
{
    switch (width_bytes) {
    case 2:
        swap_16(destination, 2, source, 2, count);
        return;
    case 4:
        swap_32(destination, 4, source, 4, count);
        return;
    case 8:
        swap_64(destination, 8, source, 8, count);
        return;
    default:
        if (destination != source && count > 0)
            memcpy(destination, source, count * width_bytes);
    }
}

void tsri_swap_bytes_strided(void *destination, int64_t destination_stride, const void *source,
                             int64_t source_stride, size_t count, size_t width_bytes)
{
    int64_t width = (int64_t)width_bytes;
    if (destination_stride == width && source_stride == width) {
        tsri_swap_bytes(destination, source, count, width_bytes);
        return;
    }
    switch (width_bytes) {
    case 2:
        swap_16(destination, destination_stride, source, source_stride, count);
        return;
    case 4:
        swap_32(destination, destination_stride, source, source_stride, count);
        return;
    case 8:
        swap_64(destination, destination_stride, source, source_stride, count);
        return;
    default:
        for (size_t i = 0; i < count; i++)
            ((char *)destination)[(int64_t)i * destination_stride] =
                ((const char *)source)[(int64_t)i * source_stride];
    }
}
