/* The kernels of unshuffle.h for AArch64, whose baseline has Advanced SIMD ("NEON"). */
#include "codec/kernels/unshuffle.h"

#ifdef TSRI_HAVE_NEON
#include <arm_neon.h>

/* Brings together what eight rows of 16 bytes have at each position: group k has positions 2 k and
 * 2 k + 1. */
static inline void gather(const uint8x16_t *rows, uint8x16_t *groups)
{
    uint16x8_t pairs[8];
    uint32x4_t fours[8];

    for (int k = 0; k < 4; k++) {
        pairs[k] = vreinterpretq_u16_u8(vzip1q_u8(rows[2 * k], rows[2 * k + 1]));
        pairs[k + 4] = vreinterpretq_u16_u8(vzip2q_u8(rows[2 * k], rows[2 * k + 1]));
    }
    for (int k = 0; k < 8; k += 2) {
        fours[k] = vreinterpretq_u32_u16(vzip1q_u16(pairs[k], pairs[k + 1]));
        fours[k + 1] = vreinterpretq_u32_u16(vzip2q_u16(pairs[k], pairs[k + 1]));
    }
    for (int k = 0; k < 8; k += 4) {
        groups[k] = vreinterpretq_u8_u32(vzip1q_u32(fours[k], fours[k + 2]));
        groups[k + 1] = vreinterpretq_u8_u32(vzip2q_u32(fours[k], fours[k + 2]));
        groups[k + 2] = vreinterpretq_u8_u32(vzip1q_u32(fours[k + 1], fours[k + 3]));
        groups[k + 3] = vreinterpretq_u8_u32(vzip2q_u32(fours[k + 1], fours[k + 3]));
    }
}

/* ---- bits ---- */

/* Exchanges the bits off the diagonal of 2 x 2 blocks, `shift` apart (Hacker's Delight, 7-3). */
static inline uint64x2_t exchange(uint64x2_t rows, int shift, uint64_t mask)
{
    uint64x2_t other = (rows ^ (rows >> shift)) & vdupq_n_u64(mask);
    return rows ^ other ^ (other << shift);
}

static inline uint8x16_t transpose(uint8x16_t group)
{
    uint64x2_t rows = vreinterpretq_u64_u8(group);
    rows = exchange(rows, 7, 0x00aa00aa00aa00aa);
    rows = exchange(rows, 14, 0x0000cccc0000cccc);
    rows = exchange(rows, 28, 0x00000000f0f0f0f0);
    return vreinterpretq_u8_u64(rows);
}

void tsri_unshuffle_bits_neon(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        uint8x16_t planes[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            planes[k] = vld1q_u8(from + k * stride + done);
        gather(planes, groups);
        for (size_t k = 0; k < 8; k++)
            vst1q_u8(to + 8 * done + 16 * k, transpose(groups[k]));
    }
    tsri_unshuffle_bits_plain(to + 8 * done, from + done, stride, count - done);
}

/* ---- bytes ---- */

static size_t interleave_2(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16)
        vst2q_u8(to + 2 * done,
                 (uint8x16x2_t){{vld1q_u8(from + done), vld1q_u8(from + stride + done)}});
    return done;
}

static size_t interleave_4(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        uint8x16x4_t streams;
        for (size_t k = 0; k < 4; k++)
            streams.val[k] = vld1q_u8(from + k * stride + done);
        vst4q_u8(to + 4 * done, streams);
    }
    return done;
}

/* Eight streams are what eight planes of bits are: the same interleaving. */
static size_t interleave_8(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        uint8x16_t streams[8], groups[8];
        for (size_t k = 0; k < 8; k++)
            streams[k] = vld1q_u8(from + k * stride + done);
        gather(streams, groups);
        for (size_t k = 0; k < 8; k++)
            vst1q_u8(to + 8 * done + 16 * k, groups[k]);
    }
    return done;
}

/* Two halves of eight streams each, whose elements are stored in turns. */
static size_t interleave_16(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        uint8x16_t streams[16], halves[2][8];
        for (size_t k = 0; k < 16; k++)
            streams[k] = vld1q_u8(from + k * stride + done);
        gather(streams, halves[0]);
        gather(streams + 8, halves[1]);
        for (size_t k = 0; k < 8; k++)
            vst2q_u64((uint64_t *)(void *)(to + 16 * done + 32 * k),
                      (uint64x2x2_t){{vreinterpretq_u64_u8(halves[0][k]),
                                      vreinterpretq_u64_u8(halves[1][k])}});
    }
    return done;
}

void tsri_unshuffle_bytes_neon(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                               size_t count)
{
    size_t done = width == 2    ? interleave_2(to, from, stride, count)
                  : width == 4  ? interleave_4(to, from, stride, count)
                  : width == 8  ? interleave_8(to, from, stride, count)
                  : width == 16 ? interleave_16(to, from, stride, count)
                                : 0;
    tsri_unshuffle_bytes_plain(to + done * width, from + done, width, stride, count - done);
}
#endif
