#include "tensor/byteswap.h"

/* Vectors of 16 bytes whose bytes are permuted by one instruction: always there on AArch64, from
 * SSSE3 on with x86-64, where the loop below it is taken on older machines. The source may be the
 * destination itself, hence no restrict. */
#if defined(__x86_64__)
#define VECTOR_TARGET __attribute__((target("ssse3")))
#define HAVE_VECTOR() __builtin_cpu_supports("ssse3")
#else
#define VECTOR_TARGET
#define HAVE_VECTOR() true
#endif

typedef uint8_t loose_vector __attribute__((vector_size(16), aligned(1), may_alias));

#define DEFINE_SWAP(bits, ...)                                                                     \
    static void swap_strided_##bits(char *to, int64_t to_stride, const char *from,                 \
                                    int64_t from_stride, size_t count)                             \
    {                                                                                              \
        for (size_t i = 0; i < count; i++, to += to_stride, from += from_stride) {                 \
            uint##bits##_t number;                                                                 \
            memcpy(&number, from, sizeof number);                                                  \
            number = __builtin_bswap##bits(number);                                                \
            memcpy(to, &number, sizeof number);                                                    \
        }                                                                                          \
    }                                                                                              \
    VECTOR_TARGET static size_t swap_vectors_##bits(char *to, const char *from, size_t count)      \
    {                                                                                              \
        size_t size_bytes = count * (bits / 8), done = 0;                                          \
        for (; done + sizeof(loose_vector) <= size_bytes; done += sizeof(loose_vector)) {          \
            loose_vector numbers = *(const loose_vector *)(from + done);                           \
            *(loose_vector *)(to + done) = __builtin_shufflevector(numbers, numbers, __VA_ARGS__); \
        }                                                                                          \
        return done / (bits / 8);                                                                  \
    }                                                                                              \
    static void swap_dense_##bits(char *to, const char *from, size_t count)                        \
    {                                                                                              \
        size_t done = HAVE_VECTOR() ? swap_vectors_##bits(to, from, count) : 0;                    \
        int64_t width = bits / 8;                                                                  \
        swap_strided_##bits(to + done * (bits / 8), width, from + done * (bits / 8), width,        \
                            count - done);                                                         \
    }
DEFINE_SWAP(16, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
DEFINE_SWAP(32, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
DEFINE_SWAP(64, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8)

void tsri_swap_bytes(void *destination, const void *source, size_t count, size_t width_bytes)
{
    switch (width_bytes) {
    case 2:
        swap_dense_16(destination, source, count);
        return;
    case 4:
        swap_dense_32(destination, source, count);
        return;
    case 8:
        swap_dense_64(destination, source, count);
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
        swap_strided_16(destination, destination_stride, source, source_stride, count);
        return;
    case 4:
        swap_strided_32(destination, destination_stride, source, source_stride, count);
        return;
    case 8:
        swap_strided_64(destination, destination_stride, source, source_stride, count);
        return;
    default:
        for (size_t i = 0; i < count; i++)
            ((char *)destination)[(int64_t)i * destination_stride] =
                ((const char *)source)[(int64_t)i * source_stride];
    }
}
