/* The kernels of unshuffle.h for x86-64, whose baseline has SSE2. */
#include "codec/kernels/unshuffle.h"

#ifdef __x86_64__
#include <immintrin.h>

/* ---- bits ----
 *
 * Three rounds of interleaving bring together the eight bytes that the planes have at one position;
 * then these are transposed as a matrix of 8 x 8 bits. In wide registers each lane of 16 bytes is
 * handled for itself. */

#define WITH_AVX2 __attribute__((target("avx2")))
#define WITH_GFNI __attribute__((target("avx2,gfni")))

/* From `planes[8]` to `groups[8]`, of which group k has positions 2 k and 2 k + 1 of its lane. */
#define GATHER(type, prefix, groups, planes)                                             \
    do {                                                                                 \
        type pairs[8], fours[8];                                                         \
        for (int k = 0; k < 4; k++) {                                                    \
            pairs[k] = prefix##_unpacklo_epi8((planes)[2 * k], (planes)[2 * k + 1]);     \
            pairs[k + 4] = prefix##_unpackhi_epi8((planes)[2 * k], (planes)[2 * k + 1]); \
        }                                                                                \
        for (int k = 0; k < 8; k += 2) {                                                 \
            fours[k] = prefix##_unpacklo_epi16(pairs[k], pairs[k + 1]);                  \
            fours[k + 1] = prefix##_unpackhi_epi16(pairs[k], pairs[k + 1]);              \
        }                                                                                \
        for (int k = 0; k < 8; k += 4) {                                                 \
            (groups)[k] = prefix##_unpacklo_epi32(fours[k], fours[k + 2]);               \
            (groups)[k + 1] = prefix##_unpackhi_epi32(fours[k], fours[k + 2]);           \
            (groups)[k + 2] = prefix##_unpacklo_epi32(fours[k + 1], fours[k + 3]);       \
            (groups)[k + 3] = prefix##_unpackhi_epi32(fours[k + 1], fours[k + 3]);       \
        }                                                                                \
    } while (0)

/* Exchanges the bits off the diagonal of 2 x 2 blocks, `shift` apart (Hacker's Delight, 7-3). */
#define EXCHANGE(type, prefix, whole, rows, shift, mask)                                       \
    do {                                                                                       \
        type other =                                                                           \
            prefix##_and_##whole(prefix##_xor_##whole(rows, prefix##_srli_epi64(rows, shift)), \
                                 prefix##_set1_epi64x(mask));                                  \
        rows = prefix##_xor_##whole(                                                           \
            rows, prefix##_xor_##whole(other, prefix##_slli_epi64(other, shift)));             \
    } while (0)

#define TRANSPOSE(type, prefix, whole, rows)                         \
    do {                                                             \
        EXCHANGE(type, prefix, whole, rows, 7, 0x00aa00aa00aa00aa);  \
        EXCHANGE(type, prefix, whole, rows, 14, 0x0000cccc0000cccc); \
        EXCHANGE(type, prefix, whole, rows, 28, 0x00000000f0f0f0f0); \
    } while (0)

void tsri_unshuffle_bits_sse2(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        __m128i planes[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            planes[k] = _mm_loadu_si128((const __m128i *)(from + k * stride + done));
        GATHER(__m128i, _mm, groups, planes);
        for (size_t k = 0; k < 8; k++) {
            TRANSPOSE(__m128i, _mm, si128, groups[k]);
            _mm_storeu_si128((__m128i *)(to + 8 * done + 16 * k), groups[k]);
        }
    }
    tsri_unshuffle_bits_plain(to + 8 * done, from + done, stride, count - done);
}

/* The lower lanes of all groups come first, then the upper ones. */
WITH_AVX2 static inline void store_lanes(uint8_t *to, const __m256i *groups)
{
    for (size_t k = 0; k < 4; k++) {
        __m256i lower = _mm256_permute2x128_si256(groups[2 * k], groups[2 * k + 1], 0x20);
        __m256i upper = _mm256_permute2x128_si256(groups[2 * k], groups[2 * k + 1], 0x31);
        _mm256_storeu_si256((__m256i *)(to + 32 * k), lower);
        _mm256_storeu_si256((__m256i *)(to + 128 + 32 * k), upper);
    }
}

WITH_AVX2 void tsri_unshuffle_bits_avx2(uint8_t *to, const uint8_t *from, size_t stride,
                                        size_t count)
{
    size_t done = 0;
    for (; done + 32 <= count; done += 32) {
        __m256i planes[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            planes[k] = _mm256_loadu_si256((const __m256i *)(from + k * stride + done));
        GATHER(__m256i, _mm256, groups, planes);
        for (size_t k = 0; k < 8; k++)
            TRANSPOSE(__m256i, _mm256, si256, groups[k]);
        store_lanes(to + 8 * done, groups);
    }
    tsri_unshuffle_bits_sse2(to + 8 * done, from + done, stride, count - done);
}

/* The affine transformation multiplies a matrix of bits with each byte of a vector, bit i of the
 * result by row 7 - i: with unit vectors, and the planes the other way round, this is the
 * transpose. */
WITH_GFNI void tsri_unshuffle_bits_gfni(uint8_t *to, const uint8_t *from, size_t stride,
                                        size_t count)
{
    const __m256i units = _mm256_set1_epi64x((long long)0x8040201008040201);
    size_t done = 0;
    for (; done + 32 <= count; done += 32) {
        __m256i planes[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            planes[k] = _mm256_loadu_si256((const __m256i *)(from + (7 - k) * stride + done));
        GATHER(__m256i, _mm256, groups, planes);
        for (size_t k = 0; k < 8; k++)
            groups[k] = _mm256_gf2p8affine_epi64_epi8(units, groups[k], 0);
        store_lanes(to + 8 * done, groups);
    }
    tsri_unshuffle_bits_sse2(to + 8 * done, from + done, stride, count - done);
}

/* ---- bytes ---- */

static size_t interleave_2(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(from + done));
        __m128i b = _mm_loadu_si128((const __m128i *)(from + stride + done));
        __m128i *out = (__m128i *)(to + 2 * done);
        _mm_storeu_si128(out, _mm_unpacklo_epi8(a, b));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi8(a, b));
    }
    return done;
}

static size_t interleave_4(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        __m128i in[4];
        for (size_t k = 0; k < 4; k++)
            in[k] = _mm_loadu_si128((const __m128i *)(from + k * stride + done));
        __m128i *out = (__m128i *)(to + 4 * done);
        __m128i a = _mm_unpacklo_epi8(in[0], in[1]), b = _mm_unpacklo_epi8(in[2], in[3]);
        _mm_storeu_si128(out, _mm_unpacklo_epi16(a, b));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(a, b));
        a = _mm_unpackhi_epi8(in[0], in[1]);
        b = _mm_unpackhi_epi8(in[2], in[3]);
        _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(a, b));
        _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(a, b));
    }
    return done;
}

/* Eight streams are what eight planes of bits are: the same interleaving. */
static size_t interleave_8(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        __m128i streams[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            streams[k] = _mm_loadu_si128((const __m128i *)(from + k * stride + done));
        GATHER(__m128i, _mm, groups, streams);
        for (size_t k = 0; k < 8; k++)
            _mm_storeu_si128((__m128i *)(to + 8 * done + 16 * k), groups[k]);
    }
    return done;
}

/* Two halves of eight streams each. */
static size_t interleave_16(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        __m128i streams[16], halves[2][8];
        for (size_t k = 0; k < 16; k++)
            streams[k] = _mm_loadu_si128((const __m128i *)(from + k * stride + done));
        GATHER(__m128i, _mm, halves[0], streams);
        GATHER(__m128i, _mm, halves[1], streams + 8);
        for (size_t k = 0; k < 8; k++) {
            __m128i *out = (__m128i *)(to + 16 * done + 32 * k);
            _mm_storeu_si128(out, _mm_unpacklo_epi64(halves[0][k], halves[1][k]));
            _mm_storeu_si128(out + 1, _mm_unpackhi_epi64(halves[0][k], halves[1][k]));
        }
    }
    return done;
}

void tsri_unshuffle_bytes_sse2(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count)
{
    size_t done = width == 2    ? interleave_2(to, from, stride, count)
                  : width == 4  ? interleave_4(to, from, stride, count)
                  : width == 8  ? interleave_8(to, from, stride, count)
                  : width == 16 ? interleave_16(to, from, stride, count)
                                : 0;
    tsri_unshuffle_bytes_plain(to + done * width, from + done, width, stride, count - done);
}

/* In front of the lanes, quarters change places, so that each half of the result is in order. */
WITH_AVX2 static size_t interleave_2_avx2(uint8_t *to, const uint8_t *from, size_t stride,
                                          size_t count)
{
    size_t done = 0;
    for (; done + 32 <= count; done += 32) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(from + done));
        __m256i b = _mm256_loadu_si256((const __m256i *)(from + stride + done));
        __m256i *out = (__m256i *)(to + 2 * done);
        a = _mm256_permute4x64_epi64(a, 0xd8);
        b = _mm256_permute4x64_epi64(b, 0xd8);
        _mm256_storeu_si256(out, _mm256_unpacklo_epi8(a, b));
        _mm256_storeu_si256(out + 1, _mm256_unpackhi_epi8(a, b));
    }
    return done;
}

WITH_AVX2 static size_t interleave_4_avx2(uint8_t *to, const uint8_t *from, size_t stride,
                                          size_t count)
{
    size_t done = 0;
    for (; done + 32 <= count; done += 32) {
        __m256i in[4], quads[4];
        for (size_t k = 0; k < 4; k++)
            in[k] = _mm256_loadu_si256((const __m256i *)(from + k * stride + done));
        __m256i a = _mm256_unpacklo_epi8(in[0], in[1]), b = _mm256_unpacklo_epi8(in[2], in[3]);
        quads[0] = _mm256_unpacklo_epi16(a, b);
        quads[1] = _mm256_unpackhi_epi16(a, b);
        a = _mm256_unpackhi_epi8(in[0], in[1]);
        b = _mm256_unpackhi_epi8(in[2], in[3]);
        quads[2] = _mm256_unpacklo_epi16(a, b);
        quads[3] = _mm256_unpackhi_epi16(a, b);
        __m256i *out = (__m256i *)(to + 4 * done);
        _mm256_storeu_si256(out, _mm256_permute2x128_si256(quads[0], quads[1], 0x20));
        _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(quads[2], quads[3], 0x20));
        _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(quads[0], quads[1], 0x31));
        _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(quads[2], quads[3], 0x31));
    }
    return done;
}

WITH_AVX2 static size_t interleave_8_avx2(uint8_t *to, const uint8_t *from, size_t stride,
                                          size_t count)
{
    size_t done = 0;
    for (; done + 32 <= count; done += 32) {
        __m256i streams[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            streams[k] = _mm256_loadu_si256((const __m256i *)(from + k * stride + done));
        GATHER(__m256i, _mm256, groups, streams);
        store_lanes(to + 8 * done, groups);
    }
    return done;
}

void tsri_unshuffle_bytes_avx2(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count)
{
    size_t done = width == 2   ? interleave_2_avx2(to, from, stride, count)
                  : width == 4 ? interleave_4_avx2(to, from, stride, count)
                  : width == 8 ? interleave_8_avx2(to, from, stride, count)
                               : 0;
    tsri_unshuffle_bytes_sse2(to + done * width, from + done, width, stride, count - done);
}
#endif
