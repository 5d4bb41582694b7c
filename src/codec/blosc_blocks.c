#include "codec/blosc_blocks.h"

#include <blosc.h>
#include <lz4.h>
#include <zstd.h>

#include "base/checked.h"
#include "codec/chain.h"
#include "codec/kernels/unshuffle.h"

#define HEADER_BYTES 16
#define START_BYTES 4
#define LENGTH_BYTES 4

/* The bits of the flags that blosc.h does not name. */
#define ONE_STREAM 0x10u
#define FORMAT_SHIFT 5
enum { FORMAT_LZ4 = 1, FORMAT_ZSTD = 4 };

/* All encoders agree on how blocks of such elements are split; see split_block of c-blosc. */
#define STREAMS_MAX 16u
#define STREAM_BYTES_MIN 128u

static uint32_t load_u32(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static void store_u32(unsigned char *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(number >> (8 * i));
}

tsri_blosc_container tsri_blosc_container_of(const unsigned char *bytes)
{
    return (tsri_blosc_container){.bytes = bytes,
                                  .version = bytes[0],
                                  .flags = bytes[2],
                                  .typesize = bytes[3],
                                  .decoded_bytes = load_u32(bytes + 4),
                                  .block_bytes = load_u32(bytes + 8),
                                  .encoded_bytes = load_u32(bytes + 12)};
}

int tsri_blosc_check_memory(size_t block_bytes, tsr_error *err)
{
    size_t size_bytes = 2 * block_bytes + 4 * (BLOSC_MAX_TYPESIZE + 1);
    void *memory = tsri_alloc(size_bytes);

    if (!memory)
        return tsri_error_no_memory(err, size_bytes);
    tsri_free(memory);
    return 0;
}

static bool shuffles_bytes(const tsri_blosc_container *self)
{
    return (self->flags & BLOSC_DOSHUFFLE) != 0 && self->typesize > 1;
}

static bool shuffles_bits(const tsri_blosc_container *self)
{
    return !shuffles_bytes(self) && (self->flags & BLOSC_DOBITSHUFFLE) != 0 &&
           self->block_bytes >= self->typesize;
}

static bool has_own_decoder(const tsri_blosc_container *self)
{
    unsigned format = self->flags >> FORMAT_SHIFT;
    return format == FORMAT_LZ4 || format == FORMAT_ZSTD;
}

bool tsri_blosc_is_walkable(const tsri_blosc_container *self)
{
    if (self->decoded_bytes == 0 || self->block_bytes == 0 || self->typesize == 0 ||
        (self->flags & BLOSC_MEMCPYED) != 0)
        return false;
    if ((self->flags & ONE_STREAM) == 0 &&
        (self->typesize > STREAMS_MAX || self->block_bytes % self->typesize != 0 ||
         self->block_bytes / self->typesize < STREAM_BYTES_MIN))
        return false;
    return has_own_decoder(self) || shuffles_bits(self);
}

/* ---- one block ---- */

typedef struct block {
    const tsri_blosc_container *container;
    tsr_codec_scratch *scratch;
    uint32_t number, size_bytes, stream_count;
    const unsigned char *from; /* its first stream */
    size_t left_bytes;         /* from there to the end of the container */
} block;

static int block_damaged(const block *self, const char *what, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED, "blosc: block %u of %u bytes %s", self->number,
                         self->size_bytes, what);
}

/* Finds block `number`. */
static int block_init(block *self, const tsri_blosc_container *container,
                      tsr_codec_scratch *scratch, uint32_t number, tsr_error *err)
{
    uint32_t before = number * container->block_bytes;
    uint32_t start = load_u32(container->bytes + HEADER_BYTES + (size_t)START_BYTES * number);

    *self =
        (block){.container = container,
                .scratch = scratch,
                .number = number,
                .size_bytes = TSRI_MIN(container->block_bytes, container->decoded_bytes - before),
                .stream_count = 1};
    if (self->size_bytes == container->block_bytes && (container->flags & ONE_STREAM) == 0)
        self->stream_count = container->typesize;
    if (start < HEADER_BYTES || start >= container->encoded_bytes)
        return block_damaged(self, "begins outside of the container", err);
    self->from = container->bytes + start;
    self->left_bytes = container->encoded_bytes - start;
    return 0;
}

/* The next stream; the block goes on behind it. */
static int next_stream(block *self, const unsigned char **ret_stream, uint32_t *ret_size_bytes,
                       tsr_error *err)
{
    uint32_t size_bytes = self->left_bytes < LENGTH_BYTES ? 0 : load_u32(self->from);
    if (size_bytes == 0 || size_bytes > self->left_bytes - LENGTH_BYTES) {
        block_damaged(self, "has a stream that ends outside of the container", err);
        return TSR_DAMAGED;
    }
    *ret_stream = self->from + LENGTH_BYTES;
    *ret_size_bytes = size_bytes;
    self->from += LENGTH_BYTES + size_bytes;
    self->left_bytes -= LENGTH_BYTES + size_bytes;
    return 0;
}

static bool decode_stream(const block *self, const unsigned char *stream, uint32_t size_bytes,
                          unsigned char *to, uint32_t decoded_bytes, void *decompressor)
{
    if (size_bytes == decoded_bytes) {
        memcpy(to, stream, size_bytes);
        return true;
    }
    if (self->container->flags >> FORMAT_SHIFT == FORMAT_ZSTD)
        return ZSTD_decompressDCtx(decompressor, to, decoded_bytes, stream, size_bytes) ==
               decoded_bytes;
    return size_bytes <= INT32_MAX &&
           LZ4_decompress_safe((const char *)stream, (char *)to, (int)size_bytes,
                               (int)decoded_bytes) == (int)decoded_bytes;
}

/* What the compressor was given, by the compressors that are known here. */
static int decode_streams(block *self, unsigned char *to, tsr_error *err)
{
    uint32_t decoded_bytes = self->size_bytes / self->stream_count;
    bool is_zstd = self->container->flags >> FORMAT_SHIFT == FORMAT_ZSTD;
    void *decompressor = is_zstd ? tsri_zstd_decompressor(self->scratch) : NULL;
    if (is_zstd && !decompressor)
        return tsr_error_set(err, TSR_NO_MEMORY, "blosc: out of memory for a zstd decoder");
    for (uint32_t i = 0; i < self->stream_count; i++, to += decoded_bytes) {
        const unsigned char *stream;
        uint32_t size_bytes;
        TSRI_TRY(next_stream(self, &stream, &size_bytes, err));
        if (!decode_stream(self, stream, size_bytes, to, decoded_bytes, decompressor))
            return block_damaged(self, "does not decode to them", err);
    }
    return 0;
}

/* The same by libblosc, which gets the block in a container of its own that is not shuffled. */
static int decode_by_library(block *self, unsigned char *to, tsr_error *err)
{
    const unsigned char *first = self->from, *stream;
    const size_t prefix_bytes = HEADER_BYTES + START_BYTES;
    uint32_t size_bytes;
    for (uint32_t i = 0; i < self->stream_count; i++)
        TSRI_TRY(next_stream(self, &stream, &size_bytes, err));
    size_t streams_bytes = (size_t)(self->from - first);
    unsigned char *alone =
        tsri_scratch_buffer(self->scratch, TSRI_BUFFER_BLOCK_B, prefix_bytes + streams_bytes);
    if (!alone)
        return tsri_error_no_memory(err, prefix_bytes + streams_bytes);
    memcpy(alone, self->container->bytes, HEADER_BYTES);
    alone[2] &= (unsigned char)~(BLOSC_DOSHUFFLE | BLOSC_DOBITSHUFFLE | ONE_STREAM);
    alone[2] |= self->stream_count == 1 ? ONE_STREAM : 0;
    store_u32(alone + 4, self->size_bytes);
    store_u32(alone + 8, self->size_bytes);
    store_u32(alone + 12, (uint32_t)(prefix_bytes + streams_bytes));
    store_u32(alone + HEADER_BYTES, (uint32_t)prefix_bytes);
    memcpy(alone + prefix_bytes, first, streams_bytes);
    TSRI_TRY(tsri_blosc_check_memory(self->size_bytes, err));
    if (blosc_decompress_ctx(alone, to, self->size_bytes, 1) != (int)self->size_bytes)
        return block_damaged(self, "does not decode to them", err);
    return 0;
}

static int decode_block(block *self, const tsri_unshuffle *kernel, unsigned char *to,
                        tsr_error *err)
{
    const tsri_blosc_container *container = self->container;
    bool bytes = shuffles_bytes(container), bits = shuffles_bits(container);
    unsigned char *shuffled = to;
    if (bytes || bits)
        shuffled = tsri_scratch_buffer(self->scratch, TSRI_BUFFER_BLOCK, self->size_bytes);
    if (!shuffled)
        return tsri_error_no_memory(err, self->size_bytes);
    if (has_own_decoder(container))
        TSRI_TRY(decode_streams(self, shuffled, err));
    else
        TSRI_TRY(decode_by_library(self, shuffled, err));
    if (bytes)
        tsri_unshuffle_bytes(kernel, to, shuffled, container->typesize, self->size_bytes);
    else if (bits)
        tsri_unshuffle_bits(kernel, to, shuffled, container->typesize, self->size_bytes);
    return 0;
}

/* Sets *ret_count to the number of blocks, whose starts are all there. */
static int count_blocks(const tsri_blosc_container *container, uint64_t *ret_count, tsr_error *err)
{
    *ret_count =
        ((uint64_t)container->decoded_bytes + container->block_bytes - 1) / container->block_bytes;
    if (HEADER_BYTES + START_BYTES * *ret_count > container->encoded_bytes)
        return tsr_error_set(err, TSR_DAMAGED, "blosc: %u bytes have no room for %llu blocks",
                             container->encoded_bytes, (unsigned long long)*ret_count);
    return 0;
}

int tsri_blosc_walk(const tsri_blosc_container *container, tsr_codec_scratch *scratch, void *output,
                    size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    const tsri_unshuffle *kernel = tsri_unshuffle_kernel(0);
    uint64_t block_count;
    size_t made = 0;
    block now;

    TSRI_TRY(count_blocks(container, &block_count, err));
    for (uint32_t number = 0; number < block_count && made < wanted_bytes; number++) {
        TSRI_TRY(block_init(&now, container, scratch, number, err));
        TSRI_TRY(decode_block(&now, kernel, (unsigned char *)output + made, err));
        made += now.size_bytes;
    }
    *ret_size_bytes = made;
    return 0;
}

int tsri_blosc_walk_pieces(const tsri_blosc_container *container, tsr_codec_scratch *scratch,
                           const tsr_codec_pieces *pieces, tsr_error *err)
{
    const tsri_unshuffle *kernel = tsri_unshuffle_kernel(0);
    const size_t end = TSRI_MIN(pieces->end_bytes, (size_t)container->decoded_bytes);
    uint64_t block_count;
    block now;

    TSRI_TRY(count_blocks(container, &block_count, err));
    unsigned char *piece = tsri_scratch_buffer(scratch, TSRI_BUFFER_PIECE, container->block_bytes);
    if (!piece)
        return tsri_error_no_memory(err, container->block_bytes);
    for (uint64_t number = pieces->first_bytes / container->block_bytes;
         number < block_count && number * container->block_bytes < end; number++) {
        TSRI_TRY(block_init(&now, container, scratch, (uint32_t)number, err));
        TSRI_TRY(decode_block(&now, kernel, piece, err));
        TSRI_TRY(pieces->take(pieces->user, (size_t)number * container->block_bytes, piece,
                              now.size_bytes, err));
    }
    return 0;
}
