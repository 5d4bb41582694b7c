/* Undoing the shuffles of Blosc: bytes, or bits, of many elements that were put together by their
 * place within the element. The kernels stand in one table, best first, and are chosen by what the
 * processor can do when they are called. */
#ifndef TESSERA_CODEC_KERNELS_UNSHUFFLE_H
#define TESSERA_CODEC_KERNELS_UNSHUFFLE_H

#include "base/base.h"

/* With the other byte order the lanes of a register are counted the other way round. */
#if defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TSRI_HAVE_NEON 1
#endif

typedef struct tsri_unshuffle {
    const char *name;
    bool (*is_supported)(void);
    /* Eight planes of `count` bytes, `stride` apart, of which plane k holds bit k of each byte, bit
     * i of its byte j that of byte 8 j + i. Makes the 8 * count bytes. */
    void (*bits)(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
    /* `width` streams of `count` bytes, `stride` apart, of which stream k holds byte k of each
     * element. Makes the elements. */
    void (*bytes)(uint8_t *to, const uint8_t *from, size_t width, size_t stride, size_t count);
} tsri_unshuffle;

/* The n-th kernel that this processor can run, the fastest first; NULL behind the last one, which
 * is in plain C. */
const tsri_unshuffle *tsri_unshuffle_kernel(size_t n);

/* The byte shuffle of one block: `size_bytes` from `from`, elements of `width` bytes (1 to 255);
 * what is left behind the last element is copied. */
void tsri_unshuffle_bytes(const tsri_unshuffle *kernel, void *to, const void *from, size_t width,
                          size_t size_bytes);

/* The bit shuffle of one block, as bitshuffle (K. Masui et al., A compression scheme for radio
 * data, 2015) and Blosc have it: nothing is moved in a block whose number of elements is no
 * multiple of 8. */
void tsri_unshuffle_bits(const tsri_unshuffle *kernel, void *to, const void *from, size_t width,
                         size_t size_bytes);

/* ---- the kernels ---- */

void tsri_unshuffle_bits_plain(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
void tsri_unshuffle_bytes_plain(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                                size_t count);
#ifdef __x86_64__
void tsri_unshuffle_bits_sse2(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
void tsri_unshuffle_bits_avx2(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
void tsri_unshuffle_bits_gfni(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
void tsri_unshuffle_bytes_sse2(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count);
void tsri_unshuffle_bytes_avx2(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count);
#endif
#ifdef TSRI_HAVE_NEON
void tsri_unshuffle_bits_neon(uint8_t *to, const uint8_t *from, size_t stride, size_t count);
void tsri_unshuffle_bytes_neon(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count);
#endif

#endif
