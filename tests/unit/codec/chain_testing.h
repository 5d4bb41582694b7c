/* What the tests of codec chains share: a context, chains from JSON, a codec that changes values.
 * Included after cmocka.h. */
#ifndef TESTS_UNIT_CODEC_CHAIN_TESTING_H
#define TESTS_UNIT_CODEC_CHAIN_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "codec/chain.h"
#include "codec/shard.h"
#include "meta/json.h"
#include "support/hand_made.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define BIG "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"
#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define TURN(order) "{\"name\":\"transpose\",\"configuration\":{\"order\":[" order "]}}"
#define SHARD(shape, codecs, index)                                             \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" index "]}}"
#define SHARD_AT_START(shape, codecs, index)                                    \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" index "],\"index_location\":\"start\"}}"

/* Set up for the whole group of tests. */
static tsr_context *context;
static tsr_codec_scratch *scratch;
static tsr_error err;

/* "test.plus": adds a number to every int32, so that it cannot be had by moving elements. */
static int plus_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *error)
{
    (void)ret_output;
    (void)error;
    const char *at = strstr(setup->configuration, ":");
    *ret_codec = (void *)(intptr_t)(at ? atoi(at + 1) : 0);
    return 0;
}

static int plus_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *error)
{
    (void)zarr_format;
    return tsr_output_print(output, error, "{\"add\":%d}", (int)(intptr_t)codec);
}

static int plus_shape(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                      int64_t *ret_shape, tsr_error *error)
{
    (void)codec;
    (void)error;
    *ret_rank = rank;
    memcpy(ret_shape, shape, (size_t)rank * sizeof *shape);
    return 0;
}

static void plus_walk(const tsr_view *from, const tsr_view *to, int axis, const char *source,
                      char *destination, int32_t add)
{
    if (axis == from->rank) {
        int32_t value;
        memcpy(&value, source, sizeof value);
        value += add;
        memcpy(destination, &value, sizeof value);
        return;
    }
    for (int64_t i = 0; i < from->shape[axis]; i++)
        plus_walk(from, to, axis + 1, source + i * from->strides[axis],
                  destination + i * to->strides[axis], add);
}

static int plus_encode(const void *codec, tsr_codec_scratch *lent, const tsr_view *decoded,
                       const tsr_view *encoded, tsr_error *error)
{
    (void)lent;
    (void)error;
    plus_walk(decoded, encoded, 0, decoded->data, encoded->data, (int32_t)(intptr_t)codec);
    return 0;
}

static int plus_decode(const void *codec, tsr_codec_scratch *lent, const tsr_view *encoded,
                       const tsr_view *decoded, tsr_error *error)
{
    (void)lent;
    (void)error;
    plus_walk(encoded, decoded, 0, encoded->data, decoded->data, -(int32_t)(intptr_t)codec);
    return 0;
}

static const tsr_codec_ops plus_codec = {
    .struct_size = sizeof plus_codec,
    .name = "test.plus",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = plus_open,
    .describe = plus_describe,
    .encoded_shape = plus_shape,
    .encode_view = plus_encode,
    .decode_view = plus_decode,
};
#define PLUS(number) "{\"name\":\"test.plus\",\"configuration\":{\"add\":" number "}}"

static inline int set_up(void **state)
{
    (void)state;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.largest_chunk_bytes = 1 << 20;
    if (tsr_context_new(&options, &context, &err) < 0 ||
        tsr_codec_register(context, &plus_codec, &err) < 0)
        return -1;
    return tsr_codec_scratch_new(&scratch, &err);
}

static inline int tear_down(void **state)
{
    (void)state;
    tsr_codec_scratch_free(scratch);
    tsr_context_free(context);
    return 0;
}

/* Binds a chain for elements whose fill value is 0. */
static inline int try_chain(const char *list, const tsr_dtype *dtype, int rank,
                            tsri_chain **ret_chain)
{
    static const uint64_t zero[2];
    const tsr_codec_type type = {dtype, rank, zero};
    tsri_json *document;
    tsr_error_clear(&err);
    int status = tsr_json_parse(list, strlen(list), TSR_JSON_STRICT, 0, &document, &err);
    if (status < 0)
        return status;
    status =
        tsri_chain_parse(context, document, "/codecs", &type, (tsri_inherited){0}, ret_chain, &err);
    json_object_put(document);
    return status;
}

static inline int try_prepare(const char *list, const tsr_dtype *dtype, int rank,
                              const int64_t *shape, tsri_prepared **ret_prepared)
{
    tsri_chain *chain;
    int status = try_chain(list, dtype, rank, &chain);
    if (status < 0)
        return status;
    status = tsri_prepared_new(chain, shape, ret_prepared, &err);
    tsri_chain_unref(chain);
    return status;
}

static inline tsri_prepared *prepare_or_fail(const char *list, const tsr_dtype *dtype, int rank,
                                             const int64_t *shape)
{
    tsri_prepared *prepared = NULL;
    if (try_prepare(list, dtype, rank, shape, &prepared) < 0)
        fail_msg("%s: %s", list, err.message);
    return prepared;
}

#define CHAIN_TESTS_RUN(tests) cmocka_run_group_tests(tests, set_up, tear_down)

#endif
