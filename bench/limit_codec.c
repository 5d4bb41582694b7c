/* Single codecs: the library called in a bare loop, with contexts that are kept. */
#include <blosc.h>
#include <bzlib.h>
#include <isa-l/crc.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>

#include "bench_codec.h"
#include "limit.h"

struct bare {
    limit_scratch *scratch;
    bench_codec_name name;
    size_t typesize;
    struct libdeflate_compressor *deflate;
    struct libdeflate_decompressor *inflate;
};

static int64_t made(size_t size)
{
    return size > 0 ? (int64_t)size : -1;
}

static int64_t blosc_encode(struct bare *bare, const void *bytes, size_t size, void *to,
                            size_t room)
{
    return blosc_compress_ctx(bare->name.level, bare->name.shuffle, bare->typesize, size, bytes, to,
                              room, bare->name.compressor, 0, 1);
}

static int64_t blosc_decode(struct bare *bare, const void *bytes, size_t size, void *to,
                            size_t room)
{
    (void)bare;
    (void)size;
    return blosc_decompress_ctx(bytes, to, room, 1);
}

static int64_t zstd_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    return made(limit_compress(bare->scratch->encoder, to, room, bytes, size,
                               bare->typesize == sizeof(uint16_t)));
}

static int64_t zstd_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    return made(ZSTD_decompressDCtx(bare->scratch->decoder, to, room, bytes, size));
}

/* numcodecs puts the raw size in front. */
static int64_t lz4_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    const int32_t raw = (int32_t)size;

    memcpy(to, &raw, sizeof raw);
    int coded = LZ4_compress_fast(bytes, (char *)to + sizeof raw, raw, (int)(room - sizeof raw),
                                  bare->name.level);
    return coded > 0 ? coded + (int64_t)sizeof raw : -1;
}

static int64_t lz4_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    const size_t header = sizeof(int32_t);

    (void)bare;
    return LZ4_decompress_safe((const char *)bytes + header, to, (int)(size - header), (int)room);
}

static int64_t gzip_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    return made(libdeflate_gzip_compress(bare->deflate, bytes, size, to, room));
}

static int64_t gzip_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    size_t got;

    return libdeflate_gzip_decompress(bare->inflate, bytes, size, to, room, &got) == 0
               ? (int64_t)got
               : -1;
}

static int64_t zlib_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    return made(libdeflate_zlib_compress(bare->deflate, bytes, size, to, room));
}

static int64_t zlib_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    size_t got;

    return libdeflate_zlib_decompress(bare->inflate, bytes, size, to, room, &got) == 0
               ? (int64_t)got
               : -1;
}

static int64_t bz2_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    unsigned int got = (unsigned int)room;
    int code = BZ2_bzBuffToBuffCompress(to, &got, (char *)bytes, (unsigned int)size,
                                        bare->name.level, 0, 0);

    return code == BZ_OK ? (int64_t)got : -1;
}

static int64_t bz2_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    unsigned int got = (unsigned int)room;

    (void)bare;
    return BZ2_bzBuffToBuffDecompress(to, &got, (char *)bytes, (unsigned int)size, 0, 0) == BZ_OK
               ? (int64_t)got
               : -1;
}

/* As Python's lzma: a stream of xz with CRC-64. */
static int64_t lzma_encode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    size_t got = 0;
    lzma_ret code = lzma_easy_buffer_encode((uint32_t)bare->name.level, LZMA_CHECK_CRC64, NULL,
                                            bytes, size, to, &got, room);

    return code == LZMA_OK ? (int64_t)got : -1;
}

static int64_t lzma_decode(struct bare *bare, const void *bytes, size_t size, void *to, size_t room)
{
    uint64_t memory = UINT64_MAX;
    size_t taken = 0, got = 0;

    (void)bare;
    return lzma_stream_buffer_decode(&memory, 0, NULL, bytes, &taken, size, to, &got, room) ==
                   LZMA_OK
               ? (int64_t)got
               : -1;
}

/* Behind the bytes, which have to be copied. */
static int64_t crc32c_encode(struct bare *bare, const void *bytes, size_t size, void *to,
                             size_t room)
{
    uint32_t sum;

    (void)bare;
    if (size + sizeof sum > room) {
        return -1;
    }
    memcpy(to, bytes, size);
    sum = ~crc32_iscsi(to, (int)size, UINT32_MAX);
    memcpy((char *)to + size, &sum, sizeof sum);
    return (int64_t)(size + sizeof sum);
}

static int64_t crc32c_decode(struct bare *bare, const void *bytes, size_t size, void *to,
                             size_t room)
{
    const size_t length = size - sizeof(uint32_t);
    uint32_t sum = ~crc32_iscsi((unsigned char *)bytes, (int)length, UINT32_MAX);

    (void)bare;
    if (length > room || memcmp((const char *)bytes + length, &sum, sizeof sum) != 0) {
        return -1;
    }
    memcpy(to, bytes, length);
    return (int64_t)length;
}

size_t limit_decompress(limit_scratch *scratch, char kind, void *to, size_t room, const void *bytes,
                        size_t size)
{
    size_t got = 0;
    int made;

    switch (kind) {
    case 'G':
        return libdeflate_gzip_decompress(scratch->inflate, bytes, size, to, room, &got) == 0 ? got
                                                                                              : 0;
    case 'L':
    case 'K':
        made = blosc_decompress_ctx(bytes, to, room, 1);
        return made > 0 ? (size_t)made : 0;
    default:
        got = ZSTD_decompressDCtx(scratch->decoder, to, room, bytes, size);
        return ZSTD_isError(got) ? 0 : got;
    }
}

typedef int64_t code_bytes(struct bare *bare, const void *bytes, size_t size, void *to,
                           size_t room);

static const struct library {
    const char *name;
    code_bytes *encode, *decode;
} libraries[] = {
    {"blosc", blosc_encode, blosc_decode}, {"zstd", zstd_encode, zstd_decode},
    {"lz4", lz4_encode, lz4_decode},       {"gzip", gzip_encode, gzip_decode},
    {"zlib", zlib_encode, zlib_decode},    {"bz2", bz2_encode, bz2_decode},
    {"lzma", lzma_encode, lzma_decode},    {"crc32c", crc32c_encode, crc32c_decode},
};

struct chosen {
    struct bare bare;
    const struct library *library;
};

static int64_t encode(void *self, const void *bytes, size_t size_bytes, void *to, size_t room)
{
    struct chosen *chosen = self;

    return chosen->library->encode(&chosen->bare, bytes, size_bytes, to, room);
}

static int64_t decode(void *self, const void *bytes, size_t size_bytes, void *to, size_t room)
{
    struct chosen *chosen = self;

    return chosen->library->decode(&chosen->bare, bytes, size_bytes, to, room);
}

int limit_codec(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    struct chosen chosen = {
        .bare = {.scratch = &state->scratch[0], .typesize = (size_t)job->settings.typesize}};
    const bench_coder coder = {.self = &chosen, .encode = encode, .decode = decode};
    int status = -1;

    bench_codec_parse(job->store, &chosen.bare.name);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (strcmp(libraries[i].name, chosen.bare.name.name) == 0) {
            chosen.library = &libraries[i];
        }
    }
    if (!chosen.library) {
        return bench_fail(outcome, "no bare loop for %s", job->store);
    }
    chosen.bare.deflate = libdeflate_alloc_compressor(chosen.bare.name.level);
    chosen.bare.inflate = libdeflate_alloc_decompressor();
    status = chosen.bare.deflate && chosen.bare.inflate ? bench_codec_run(&coder, job, outcome)
                                                        : bench_fail(outcome, "no memory");
    libdeflate_free_compressor(chosen.bare.deflate);
    libdeflate_free_decompressor(chosen.bare.inflate);
    return status;
}
