/* Stores that go past the cache.
 *
 * A plain store to memory that is not in the cache first reads the line that it overwrites. Where
 * more is written than the caches hold, that doubles the traffic and pushes out what is still
 * needed. Measured on an AMD EPYC (32 MiB of third-level cache), scattering rows of 128 bytes from
 * a chunk in cache: into 8 MiB 44 GB/s with plain stores and 28 past the cache; into 64 MiB 5.9
 * against 27; into 256 MiB 3.3 against 11. */
#ifndef TESSERA_TENSOR_STREAM_H
#define TESSERA_TENSOR_STREAM_H

#include "base/base.h"

/* A destination that spans at least this many bytes is taken to be larger than what the cache has
 * left for it. */
#define TSRI_STREAM_SPAN_BYTES (INT64_C(16) << 20)

/* The same where the destination is read again at once, as what is gathered to be encoded is.
 * Measured on the same processor, processor seconds for 1 GiB that is gathered in rows of 512 bytes
 * and encoded by two threads, plain and past the cache: 32 MiB at a time 0.67 and 0.75 (zstd), 0.45
 * and 0.52 (blosc lz4); from 64 MiB on there is no difference. */
#define TSRI_STREAM_GATHER_BYTES (INT64_C(64) << 20)

/* The unit in which memory is written past the cache. */
#define TSRI_LINE_BYTES 64

#if defined(__SSE2__)

#include <emmintrin.h>

#define TSRI_CAN_STREAM 1

/* Writes whole lines; `to` is aligned to one. */
static inline void tsri_stream_lines(char *to, const char *from, size_t lines)
{
    for (; lines > 0; lines--, to += TSRI_LINE_BYTES, from += TSRI_LINE_BYTES) {
        __m128i a = _mm_loadu_si128((const __m128i *)from);
        __m128i b = _mm_loadu_si128((const __m128i *)(from + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(from + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(from + 48));
        _mm_stream_si128((__m128i *)to, a);
        _mm_stream_si128((__m128i *)(to + 16), b);
        _mm_stream_si128((__m128i *)(to + 32), c);
        _mm_stream_si128((__m128i *)(to + 48), d);
    }
}

/* Makes the streamed stores of this thread visible to others like all its other stores. */
static inline void tsri_stream_end(void)
{
    _mm_sfence();
}

#else

#define TSRI_CAN_STREAM 0

static inline void tsri_stream_lines(char *to, const char *from, size_t lines)
{
    memcpy(to, from, lines * TSRI_LINE_BYTES);
}

static inline void tsri_stream_end(void)
{
}

#endif

/* Copies a run of any length and alignment; the partial lines at its ends are written plainly. */
static inline void tsri_stream_run(char *to, const char *from, size_t run_bytes)
{
    size_t head = (size_t)(-(uintptr_t)to % TSRI_LINE_BYTES);
    if (head >= run_bytes) {
        memcpy(to, from, run_bytes);
        return;
    }
    memcpy(to, from, head);
    size_t lines = (run_bytes - head) / TSRI_LINE_BYTES, done = head + lines * TSRI_LINE_BYTES;
    tsri_stream_lines(to + head, from + head, lines);
    memcpy(to + done, from + done, run_bytes - done);
}

#endif
