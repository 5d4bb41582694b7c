/* Jobs of single codecs: a file is encoded or decoded in pieces of 64^3 elements, again and again,
 * on one thread. Each side brings the two functions. */
#ifndef BENCH_CODEC_H
#define BENCH_CODEC_H

#include "bench_worker.h"

/* The configuration that a job's "store" names, such as "crc32c", "zstd:3" or "blosc:lz4:5:1"
 * (name, compressor, level, shuffle: 0 none, 1 bytes, 2 bits). */
typedef struct bench_codec_name {
    char name[16];
    char compressor[16];
    int level;
    int shuffle;
} bench_codec_name;

/* Returns 0, or -1 for a text that is no such name. */
int bench_codec_parse(const char *text, bench_codec_name *ret_name);

typedef struct bench_coder {
    void *self;
    /* Both return the bytes made, or -1. */
    int64_t (*encode)(void *self, const void *bytes, size_t size_bytes, void *to, size_t room);
    int64_t (*decode)(void *self, const void *bytes, size_t size_bytes, void *to, size_t room);
} bench_coder;

/* The sum of a checked job is that of what was decoded again, taken as planes of the array. */
int bench_codec_run(const bench_coder *coder, const bench_job *job, bench_outcome *outcome);

#endif
