/* The shards of store C and their inner chunks. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limit.h"

int limit_shards_open(limit_shards *self, const char *store, bench_outcome *outcome)
{
    for (self->opened = 0; self->opened < LIMIT_SHARD_COUNT;) {
        int descriptor = limit_open_chunk(store, self->opened, O_RDONLY, outcome);
        limit_entry *entries = self->shards[self->opened].entries;
        struct stat info;

        if (descriptor < 0) {
            return -1;
        }
        self->shards[self->opened++].descriptor = descriptor;
        if (fstat(descriptor, &info) != 0 ||
            limit_pread(descriptor, entries, LIMIT_INNER_COUNT * sizeof *entries,
                        info.st_size - LIMIT_INDEX_BYTES) != 0) {
            return bench_fail(outcome, "shard %d has no index", self->opened - 1);
        }
    }
    return 0;
}

void limit_shards_close(limit_shards *self)
{
    while (self->opened > 0) {
        close(self->shards[--self->opened].descriptor);
    }
}

bench_block limit_inner_position(int32_t inner)
{
    enum { COUNT = LIMIT_INNER_PER_AXIS };

    return bench_cube((int64_t)inner / (COUNT * COUNT) * BENCH_INNER,
                      (int64_t)inner / COUNT % COUNT * BENCH_INNER,
                      (int64_t)inner % COUNT * BENCH_INNER, BENCH_INNER);
}

/* A frame as far as it is wanted. */
static int decode_prefix(limit_scratch *scratch, size_t size_bytes, size_t wanted)
{
    ZSTD_inBuffer in = {scratch->encoded, size_bytes, 0};
    ZSTD_outBuffer out = {scratch->decoded, wanted, 0};

    ZSTD_DCtx_reset(scratch->decoder, ZSTD_reset_session_only);
    while (out.pos < wanted && in.pos < in.size) {
        if (ZSTD_isError(ZSTD_decompressStream(scratch->decoder, &out, &in))) {
            return -1;
        }
    }
    return out.pos == wanted ? 0 : -1;
}

static int decode(limit_scratch *scratch, size_t size_bytes, size_t wanted)
{
    if (wanted < BENCH_INNER_BYTES) {
        return decode_prefix(scratch, size_bytes, wanted);
    }
    return ZSTD_decompressDCtx(scratch->decoder, scratch->decoded, BENCH_INNER_BYTES,
                               scratch->encoded, size_bytes) == BENCH_INNER_BYTES
               ? 0
               : -1;
}

int limit_load_inner(const limit_shards *self, limit_scratch *scratch, int32_t inner, size_t wanted,
                     bench_outcome *outcome)
{
    enum { SHARDS = BENCH_SIDE / BENCH_CHUNK, RATIO = BENCH_CHUNK / BENCH_INNER };
    int z = inner / (LIMIT_INNER_PER_AXIS * LIMIT_INNER_PER_AXIS);
    int y = inner / LIMIT_INNER_PER_AXIS % LIMIT_INNER_PER_AXIS;
    int x = inner % LIMIT_INNER_PER_AXIS;
    int shard = (z / RATIO * SHARDS + y / RATIO) * SHARDS + x / RATIO;
    const limit_entry *entry =
        &self->shards[shard].entries[(z % RATIO * RATIO + y % RATIO) * RATIO + x % RATIO];

    if (limit_pread(self->shards[shard].descriptor, scratch->encoded, entry->size_bytes,
                    (int64_t)entry->offset) != 0 ||
        decode(scratch, entry->size_bytes, wanted) != 0) {
        return bench_fail(outcome, "inner chunk %d does not decode", (int)inner);
    }
    return 0;
}
