#include "codec/kernels/unshuffle.h"

/* ---- plain C ---- */

/* Transposes 8 x 8 bits, row k of which is byte k (H. S. Warren, Hacker's Delight, section 7-3). */
static uint64_t transpose_bits(uint64_t rows)
{
    uint64_t swapped = (rows ^ (rows >> 7)) & UINT64_C(0x00aa00aa00aa00aa);
    rows ^= swapped ^ (swapped << 7);
    swapped = (rows ^ (rows >> 14)) & UINT64_C(0x0000cccc0000cccc);
    rows ^= swapped ^ (swapped << 14);
    swapped = (rows ^ (rows >> 28)) & UINT64_C(0x00000000f0f0f0f0);
    return rows ^ swapped ^ (swapped << 28);
}

void tsri_unshuffle_bits_plain(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t rows = 0;
        for (int plane = 0; plane < 8; plane++)
            rows |= (uint64_t)from[(size_t)plane * stride + i] << (8 * plane);
        rows = transpose_bits(rows);
        for (int byte = 0; byte < 8; byte++)
            to[8 * i + (size_t)byte] = (uint8_t)(rows >> (8 * byte));
    }
}

void tsri_unshuffle_bytes_plain(uint8_t *to, const uint8_t *from, size_t width, size_t stride,
                                size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t byte = 0; byte < width; byte++)
            to[i * width + byte] = from[byte * stride + i];
}

/* ---- the table ---- */

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

static bool has_gfni(void)
{
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("gfni") != 0;
}
#endif

static const tsri_unshuffle kernels[] = {
#ifdef __x86_64__
    {"gfni", has_gfni, tsri_unshuffle_bits_gfni, tsri_unshuffle_bytes_avx2},
    {"avx2", has_avx2, tsri_unshuffle_bits_avx2, tsri_unshuffle_bytes_avx2},
    {"sse2", always, tsri_unshuffle_bits_sse2, tsri_unshuffle_bytes_sse2},
#endif
#ifdef TSRI_HAVE_NEON
    {"neon", always, tsri_unshuffle_bits_neon, tsri_unshuffle_bytes_neon},
#endif
    {"plain", always, tsri_unshuffle_bits_plain, tsri_unshuffle_bytes_plain},
};

const tsri_unshuffle *tsri_unshuffle_kernel(size_t n)
{
    for (size_t i = 0; i < TSRI_COUNT(kernels); i++)
        if (kernels[i].is_supported() && n-- == 0)
            return &kernels[i];
    return NULL;
}

/* ---- blocks ---- */

void tsri_unshuffle_bytes(const tsri_unshuffle *kernel, void *to, const void *from, size_t width,
                          size_t size_bytes)
{
    size_t count = size_bytes / width, done = count * width;
    kernel->bytes(to, from, width, count, count);
    memcpy((char *)to + done, (const char *)from + done, size_bytes - done);
}

/* Bits become bytes, and these elements, a tile at a time that stays in the first-level cache. */
#define TILE_BYTES 8192

void tsri_unshuffle_bits(const tsri_unshuffle *kernel, void *to, const void *from, size_t width,
                         size_t size_bytes)
{
    uint8_t tile[TILE_BYTES] TSRI_UNINITIALIZED __attribute__((aligned(64)));
    size_t count = size_bytes / width, done = count * width, plane_bytes = count / 8;
    size_t step = TILE_BYTES / width / 64 * 8; /* planes' bytes in a tile */

    if (count % 8 != 0 || width == 1) {
        if (count % 8 == 0)
            kernel->bits(to, from, plane_bytes, plane_bytes);
        else
            memcpy(to, from, done);
        memcpy((char *)to + done, (const char *)from + done, size_bytes - done);
        return;
    }
    step = TSRI_MAX(step, (size_t)1);
    for (size_t first = 0; first < plane_bytes; first += step) {
        size_t planes = TSRI_MIN(step, plane_bytes - first);
        for (size_t byte = 0; byte < width; byte++)
            kernel->bits(tile + byte * 8 * planes,
                         (const uint8_t *)from + byte * 8 * plane_bytes + first, plane_bytes,
                         planes);
        kernel->bytes((uint8_t *)to + first * 8 * width, tile, width, 8 * planes, 8 * planes);
    }
    memcpy((char *)to + done, (const char *)from + done, size_bytes - done);
}
