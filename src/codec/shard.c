#include "codec/shard.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/context.h"
#include "meta/json.h"

/* A shard whose entries refer to more than this many times its own bytes is hostile: entries may
 * share bytes (writers de-duplicate), but not without end. */
#define SHARING_MAX 64
/* An encoded inner chunk may be so much larger than our own encoders make it at most: foreign ones
 * are less tight. */
#define SLACK_BYTES (UINT64_C(1) << 20)

void tsri_shard_free(tsri_shard *shard)
{
    if (!shard)
        return;
    tsri_chain_unref(shard->inner);
    tsri_chain_unref(shard->index);
    tsri_free(shard);
}
TSR_DEFINE_CLEANUP(tsri_shard, tsri_shard_free)

static int read_location(tsri_shard *shard, const tsri_json *configuration, tsr_error *err)
{
    const char *location = "end";
    TSRI_TRY(
        tsri_json_string(configuration, "/configuration", "index_location", false, &location, err));
    shard->index_at_start = strcmp(location, "start") == 0;
    if (!shard->index_at_start && strcmp(location, "end") != 0)
        return tsr_error_set(
            err, TSR_BAD_METADATA,
            "/configuration/index_location: \"%s\" is neither \"start\" nor \"end\"", location);
    return 0;
}

/* Binds the list of codecs in one member. */
static int read_chain(tsr_context *context, const tsri_json *configuration, const char *name,
                      const tsr_codec_type *type, tsri_inherited inherited, tsri_chain **ret_chain,
                      tsr_error *err)
{
    tsri_json *list;
    char path[64];
    snprintf(path, sizeof path, "/configuration/%s", name);
    TSRI_TRY(tsri_json_member(configuration, "/configuration", name, true, &list, err));
    return tsri_chain_parse(context, list, path, type, inherited, ret_chain, err);
}

static int read_configuration(tsri_shard *shard, tsr_context *context,
                              const tsri_json *configuration, const tsr_codec_type *type,
                              tsri_inherited inherited, tsr_error *err)
{
    static const char *const known[] = {"chunk_shape", "codecs", "index_codecs", "index_location",
                                        NULL};
    static const uint64_t missing = TSRI_SHARD_MISSING;
    tsr_codec_type index_type = {TSR_UINT64, type->rank + 1, &missing};

    TSRI_TRY(tsri_json_only(configuration, "/configuration", known, err));
    TSRI_TRY(tsri_json_int_list(configuration, "/configuration", "chunk_shape", true, 1, INT64_MAX,
                                TSR_RANK_MAX, shard->chunk_shape, &shard->rank, err));
    if (shard->rank != type->rank)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "/configuration/chunk_shape: %d lengths for %d axes", shard->rank,
                             type->rank);
    if (type->rank + 1 > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_UNSUPPORTED, "sharding of arrays with %d axes; at most %d",
                             type->rank, TSR_RANK_MAX - 1);
    TSRI_TRY(read_location(shard, configuration, err));
    TSRI_TRY(read_chain(context, configuration, "codecs", type, inherited, &shard->inner, err));
    return read_chain(context, configuration, "index_codecs", &index_type, (tsri_inherited){0},
                      &shard->index, err);
}

int tsri_shard_new(tsr_context *context, const char *configuration, const tsr_codec_type *type,
                   tsri_inherited inherited, tsri_shard **ret_shard, tsr_error *err)
{
    tsr_auto(tsri_json) *document = NULL;
    tsr_auto(tsri_shard) *shard = tsri_alloc_zero(sizeof *shard);
    if (!shard)
        return tsri_error_no_memory(err, sizeof *shard);
    TSRI_TRY(
        tsr_json_parse(configuration, strlen(configuration), TSR_JSON_STRICT, 0, &document, err));
    TSRI_TRY(read_configuration(shard, context, document, type, inherited, err));
    *ret_shard = TSRI_TAKE(shard);
    return 0;
}

int tsri_shard_describe(const tsri_shard *shard, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "{\"chunk_shape\":["));
    for (int axis = 0; axis < shard->rank; axis++)
        TSRI_TRY(
            tsr_output_print(output, err, "%s%" PRId64, axis ? "," : "", shard->chunk_shape[axis]));
    TSRI_TRY(tsr_output_print(output, err, "],\"codecs\":"));
    TSRI_TRY(tsri_chain_describe(shard->inner, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"index_codecs\":"));
    TSRI_TRY(tsri_chain_describe(shard->index, output, err));
    return tsr_output_print(output, err, ",\"index_location\":\"%s\"}",
                            shard->index_at_start ? "start" : "end");
}

static int prepare_grid(tsri_prepared *prepared, const tsri_shard *shard, tsr_error *err)
{
    prepared->entry_count = 1;
    for (int axis = 0; axis < shard->rank; axis++) {
        if (prepared->encoded_shape[axis] % shard->chunk_shape[axis] != 0)
            return tsr_error_set(err, TSR_BAD_METADATA,
                                 "inner chunks of %" PRId64 " do not divide the shard's %" PRId64
                                 " along axis %d",
                                 shard->chunk_shape[axis], prepared->encoded_shape[axis], axis);
        prepared->grid[axis] = prepared->encoded_shape[axis] / shard->chunk_shape[axis];
        if (!tsri_multiply_i64(prepared->entry_count, prepared->grid[axis],
                               &prepared->entry_count) ||
            prepared->entry_count > TSRI_SHARD_ENTRIES_MAX)
            return tsr_error_set(err, TSR_LIMIT, "a shard of more than 2^30 inner chunks");
    }
    return 0;
}

int tsri_shard_prepare(tsri_prepared *prepared, tsr_error *err)
{
    const tsri_shard *shard = prepared->chain->shard;
    int64_t index_shape[TSR_RANK_MAX];

    TSRI_TRY(prepare_grid(prepared, shard, err));
    TSRI_TRY_IN(err, tsri_prepared_new(shard->inner, shard->chunk_shape, &prepared->inner, err),
                "inner chunks");
    memcpy(index_shape, prepared->grid, (size_t)shard->rank * sizeof *index_shape);
    index_shape[shard->rank] = 2;
    TSRI_TRY_IN(err, tsri_prepared_new(shard->index, index_shape, &prepared->index, err),
                "shard index");
    if (prepared->index->bound.size_class != TSR_SIZE_FIXED || prepared->index->chain->shard)
        return tsr_error_set(
            err, TSR_BAD_METADATA,
            "/configuration/index_codecs: only codecs of a fixed size may encode a shard's index");
    int64_t limit = prepared->chain->context->options.largest_chunk_bytes;
    if (prepared->index->decoded_bytes > limit)
        return tsr_error_set(err, TSR_LIMIT,
                             "the index of a shard decodes to %" PRId64
                             " bytes; the limit is %" PRId64,
                             prepared->index->decoded_bytes, limit);
    prepared->index_bytes = (int64_t)prepared->index->bound.size_bytes;
    return 0;
}

int tsri_shard_index_offset(const tsri_prepared *prepared, uint64_t shard_bytes,
                            uint64_t *ret_offset, tsr_error *err)
{
    uint64_t index_bytes = (uint64_t)prepared->index_bytes;
    if (shard_bytes < index_bytes)
        return tsr_error_set(err, TSR_DAMAGED,
                             "shard of %" PRIu64 " bytes is shorter than its index of %" PRIu64,
                             shard_bytes, index_bytes);
    *ret_offset = prepared->chain->shard->index_at_start ? 0 : shard_bytes - index_bytes;
    return 0;
}

int tsri_shard_index_decode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const void *bytes, tsri_shard_entry *entries, tsr_error *err)
{
    tsr_view index, copy;
    bool swapped;
    int64_t shape[TSR_RANK_MAX];

    TSRI_TRY_IN(err,
                tsri_chain_decode(prepared->index, scratch, bytes, (size_t)prepared->index_bytes,
                                  NULL, NULL, &index, &swapped, err),
                "shard index");
    memcpy(shape, index.shape, (size_t)index.rank * sizeof *shape);
    TSRI_TRY(tsr_view_init(&copy, TSR_UINT64, index.rank, shape, entries, err));
    TSRI_TRY(tsr_view_copy(&copy, &index, TSR_CASTING_NO, err));
    for (int64_t i = 0; swapped && i < prepared->entry_count; i++)
        entries[i] = (tsri_shard_entry){__builtin_bswap64(entries[i].offset),
                                        __builtin_bswap64(entries[i].size_bytes)};
    return 0;
}

static int entry_error(tsr_error *err, int64_t number, tsri_shard_entry entry, const char *what)
{
    tsr_error_set(err, TSR_DAMAGED,
                  "index entry %" PRId64 " (offset %" PRIu64 ", %" PRIu64 " bytes) %s", number,
                  entry.offset, entry.size_bytes, what);
    tsr_error_set_next_step(err, "`tessera check` lists every damaged chunk of the array");
    return TSR_DAMAGED;
}

/* What an inner chunk takes at most. A shard is read in parts and may have gaps of any size. */
static uint64_t largest_inner(const tsri_prepared *prepared)
{
    const tsri_prepared *inner = prepared->inner;
    uint64_t largest = (uint64_t)inner->chain->context->options.largest_chunk_bytes;
    if (tsri_prepared_is_shard(inner) && !tsri_prepared_is_packed(inner))
        return UINT64_MAX;
    if (inner->bound.size_class != TSR_SIZE_UNBOUNDED)
        largest = TSRI_MIN(inner->bound.size_bytes, largest);
    return 2 * largest + SLACK_BYTES;
}

int tsri_shard_entry_check(const tsri_prepared *prepared, int64_t number, tsri_shard_entry entry,
                           uint64_t shard_bytes, tsr_error *err)
{
    uint64_t end, index_start = 0;

    if (tsri_shard_entry_is_missing(entry))
        return 0;
    if (entry.offset == TSRI_SHARD_MISSING || entry.size_bytes == TSRI_SHARD_MISSING)
        return entry_error(err, number, entry, "is half missing");
    if (entry.size_bytes == 0)
        return entry_error(err, number, entry, "is empty");
    if (!tsri_add_u64(entry.offset, entry.size_bytes, &end) || end > shard_bytes)
        return entry_error(err, number, entry, "reaches past the end of the shard");
    TSRI_TRY(tsri_shard_index_offset(prepared, shard_bytes, &index_start, err));
    if (entry.offset < index_start + (uint64_t)prepared->index_bytes && end > index_start)
        return entry_error(err, number, entry, "reaches into the index");
    tsr_size_bound bound = prepared->inner->bound;
    if (bound.size_class == TSR_SIZE_FIXED && entry.size_bytes != bound.size_bytes)
        return entry_error(err, number, entry, "does not have the size of its chunk");
    if (entry.size_bytes > largest_inner(prepared))
        return entry_error(err, number, entry, "is larger than its chunk can be");
    return 0;
}

int tsri_shard_index_check(const tsri_prepared *prepared, const tsri_shard_entry *entries,
                           uint64_t shard_bytes, tsr_error *err)
{
    uint64_t total = 0;

    for (int64_t i = 0; i < prepared->entry_count; i++) {
        TSRI_TRY(tsri_shard_entry_check(prepared, i, entries[i], shard_bytes, err));
        if (!tsri_shard_entry_is_missing(entries[i]) &&
            !tsri_add_u64(total, entries[i].size_bytes, &total))
            total = UINT64_MAX;
    }
    if (total / SHARING_MAX > shard_bytes)
        return tsr_error_set(err, TSR_DAMAGED,
                             "index entries refer to %" PRIu64 " bytes of a shard of %" PRIu64,
                             total, shard_bytes);
    return 0;
}

int tsri_shard_index_encode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const tsri_shard_entry *entries, tsr_output *output, tsr_error *err)
{
    tsr_view index;
    TSRI_TRY(tsr_view_init(&index, TSR_UINT64, prepared->chain->shard->rank + 1,
                           prepared->index->shape, (void *)entries, err));
    return tsri_chain_encode(prepared->index, scratch, &index, output, err);
}

void tsri_shard_inner_start(const tsri_prepared *prepared, int64_t number, int64_t *ret_start)
{
    for (int axis = prepared->encoded_rank - 1; axis >= 0; axis--) {
        ret_start[axis] = number % prepared->grid[axis] * prepared->chain->shard->chunk_shape[axis];
        number /= prepared->grid[axis];
    }
}
