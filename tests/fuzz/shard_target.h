/* Arrays in one store in memory, whose only shard is whatever bytes a fuzzer makes. They are kept
 * to the end of the process, since a fuzzer makes millions of calls. */
#ifndef TESSERA_TESTS_SHARD_TARGET_H
#define TESSERA_TESTS_SHARD_TARGET_H

#include <stdio.h>
#include <string.h>

#include <tessera/array.h>
#include <tessera/store.h>

#include "must.h"

enum { SHARD_TARGET_ROWS = 8, SHARD_MAX = 64 << 10 };

#define BYTES(endian) "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"" endian "\"}}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"
#define CRC32C "{\"name\":\"crc32c\"}"
#define USUAL_INDEX BYTES("little") "," CRC32C
#define SHARD(chunk, codecs, index_codecs, location)                                   \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":" chunk         \
    ",\"codecs\":[" codecs "],\"index_codecs\":[" index_codecs "],\"index_location\":" \
    "\"" location "\"}}"

typedef struct shard_target {
    tsr_context *context;
    tsr_store *store;
    tsr_array *arrays[SHARD_TARGET_ROWS];
} shard_target;

static inline void shard_target_init(shard_target *self)
{
    tsr_context_options options;

    tsr_context_options_init(&options);
    options.threads = 1;
    must(tsr_context_new(&options, &self->context, NULL) == 0);
    must(tsr_store_open(self->context, "memory:", &self->store, NULL) == 0);
}

/* The array of a row: uint16 of two axes, with fill value 77. `more` are further fields of its
 * document, each with a comma in front. */
static inline void shard_target_open(shard_target *self, size_t row, const int shape[2],
                                     const int chunk_shape[2], const char *codecs, const char *more)
{
    tsr_array_open_options options;
    char text[2048], key[32], path[8];

    int size = snprintf(
        text, sizeof text,
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[%d,%d],\"data_type\":\"uint16\","
        "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[%d,%d]}},"
        "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":77,\"codecs\":[%s]%s}",
        shape[0], shape[1], chunk_shape[0], chunk_shape[1], codecs, more);
    must(size > 0 && (size_t)size < sizeof text);
    snprintf(path, sizeof path, "%zu", row);
    snprintf(key, sizeof key, "%zu/zarr.json", row);
    must(tsr_store_put(self->store, key, text, (size_t)size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
    tsr_array_open_options_init(&options);
    options.store = self->store;
    options.writable = true;
    must(tsr_array_open(self->context, path, &options, &self->arrays[row], NULL) == 0);
}

/* Puts the bytes in the place of a row's shard. */
static inline void shard_target_put(const shard_target *self, size_t row,
                                    const unsigned char *bytes, size_t size)
{
    char key[32];

    snprintf(key, sizeof key, "%zu/c/0/0", row);
    must(tsr_store_put(self->store, key, bytes, size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
}

#endif
