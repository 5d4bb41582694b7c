/* sharding_indexed as an array-to-bytes codec like any other: a whole shard encoded from a view and
 * decoded into one. For shards behind array-to-array codecs after which no part of an inner chunk
 * says where in the array it belongs (reshape, delta...). */
#include <inttypes.h>

#include "base/output.h"
#include "codec/codec.h"
#include "codec/shard.h"
#include "tensor/copy.h"

/* A chain of the shard alone. */
typedef struct whole_shard {
    tsri_chain *chain;
} whole_shard;

static void whole_close(void *opened)
{
    whole_shard *codec = opened;
    tsri_chain_unref(codec->chain);
    tsri_free(codec);
}

static int whole_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    const tsri_codec_spec spec = {"sharding_indexed", setup->configuration, 3};

    (void)ret_output; /* what follows is bytes */
    whole_shard *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    int status = tsri_chain_new(setup->context, &spec, 1, &setup->input, &codec->chain, err);
    if (status == 0)
        status = tsri_chain_pass_encoder(codec->chain, setup, err);
    if (status < 0)
        whole_close(codec);
    else
        *ret_codec = codec;
    return status;
}

static int whole_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)zarr_format;
    return tsri_shard_describe(((const whole_shard *)codec)->chain->shard, output, err);
}

int tsri_whole_shard_check(const void *codec, const int64_t *shape, tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = NULL;
    return tsri_prepared_new(((const whole_shard *)codec)->chain, shape, &prepared, err);
}

static tsr_size_bound whole_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                  const int64_t *shape)
{
    tsr_auto(tsri_prepared) *prepared = NULL;

    (void)dtype;
    (void)rank;
    if (tsri_prepared_new(((const whole_shard *)codec)->chain, shape, &prepared, NULL) < 0)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return prepared->bound;
}

/* The part of a shard's view, in encoded axes, that is inner chunk `number`. */
static int view_of_inner(const tsri_prepared *prepared, const tsr_view *shard, int64_t number,
                         tsr_view *ret_inner, tsr_error *err)
{
    const int64_t *lengths = prepared->chain->shard->chunk_shape;
    int64_t start[TSR_RANK_MAX];

    tsri_shard_inner_start(prepared, number, start);
    *ret_inner = *shard;
    for (int axis = 0; axis < shard->rank; axis++)
        TSRI_TRY(tsr_view_slice(ret_inner, axis, start[axis], lengths[axis], 1, err));
    return 0;
}

/* Moves the axes of a view as the codecs in front of a shard do. */
static int move_axes(const tsri_prepared *prepared, tsr_view *view, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    for (int i = 0; i < chain->array_count; i++)
        if (!chain->stages[i].moved)
            TSRI_TRY(chain->stages[i].ops->rearrange(chain->stages[i].codec, view, err));
    return 0;
}

/* ---- encoding ---- */

static int encode_any(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                      const tsr_view *view, tsr_output *output, tsr_error *err);

/* Appends the inner chunks that hold anything but the fill value, with offsets from `base` on. */
static int encode_entries(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                          const tsr_view *shard, size_t base, tsri_shard_entry *entries,
                          tsr_output *output, tsr_error *err)
{
    for (int64_t number = 0; number < prepared->entry_count; number++) {
        size_t start = output->size_bytes;
        tsr_view inner;
        entries[number] = (tsri_shard_entry){TSRI_SHARD_MISSING, TSRI_SHARD_MISSING};
        TSRI_TRY(view_of_inner(prepared, shard, number, &inner, err));
        if (tsr_view_is_filled_with(&inner, prepared->chain->shard->inner->type.fill_value))
            continue;
        TSRI_TRY_IN(err, encode_any(prepared->inner, scratch, &inner, output, err),
                    "inner chunk %" PRId64, number);
        entries[number] = (tsri_shard_entry){start - base, output->size_bytes - start};
    }
    return 0;
}

static int encode_shard_with(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const tsr_view *shard, tsri_shard_entry *entries, tsr_output *output,
                             tsr_error *err)
{
    tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool at_start = prepared->chain->shard->index_at_start;
    size_t base = output->size_bytes, index_bytes = (size_t)prepared->index_bytes;
    char *room;

    if (at_start) {
        TSRI_TRY(tsri_codec_reserve(output, index_bytes, &room, err));
        output->size_bytes += index_bytes;
    }
    TSRI_TRY(encode_entries(prepared, scratch, shard, base, entries, output, err));
    TSRI_TRY(tsri_shard_index_encode(prepared, scratch, entries, &index, err));
    if (!at_start)
        return tsr_output_append(output, index.data, index.size_bytes, err);
    memcpy(output->data + base, index.data, index.size_bytes);
    return 0;
}

static int encode_shard(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                        const tsr_view *view, tsr_output *output, tsr_error *err)
{
    size_t count = (size_t)prepared->entry_count;
    tsr_view shard = *view;

    TSRI_TRY(move_axes(prepared, &shard, err));
    tsri_shard_entry *entries = tsri_alloc_array(count, sizeof *entries);
    if (!entries)
        return tsri_error_no_memory(err, count * sizeof *entries);
    int status = encode_shard_with(prepared, scratch, &shard, entries, output, err);
    tsri_free(entries);
    return status;
}

static int encode_any(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                      const tsr_view *view, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_output) shard = TSRI_OUTPUT_INIT(SIZE_MAX);

    if (!tsri_prepared_is_shard(prepared))
        return tsri_chain_encode(prepared, scratch, view, output, err);
    if (!tsri_prepared_is_packed(prepared))
        return encode_shard(prepared, scratch, view, output, err);
    TSRI_TRY(encode_shard(prepared, scratch, view, &shard, err));
    return tsri_chain_pack(prepared, scratch, shard.data, shard.size_bytes, output, err);
}

static int whole_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsr_codec_scratch *inner;

    TSRI_TRY(tsri_scratch_inner(scratch, &inner, err));
    TSRI_TRY(
        tsri_prepared_new(((const whole_shard *)codec)->chain, decoded->shape, &prepared, err));
    return encode_shard(prepared, inner, decoded, output, err);
}

/* ---- decoding ---- */

static int decode_any(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const char *bytes,
                      size_t size_bytes, const tsr_view *view, tsr_error *err);

static int decode_entries(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                          const char *bytes, const tsr_view *shard, const tsri_shard_entry *entries,
                          tsr_error *err)
{
    for (int64_t number = 0; number < prepared->entry_count; number++) {
        tsri_shard_entry entry = entries[number];
        tsr_view inner;
        TSRI_TRY(view_of_inner(prepared, shard, number, &inner, err));
        if (tsri_shard_entry_is_missing(entry))
            tsr_view_fill(&inner, prepared->chain->shard->inner->type.fill_value);
        else
            TSRI_TRY_IN(err,
                        decode_any(prepared->inner, scratch, bytes + entry.offset,
                                   (size_t)entry.size_bytes, &inner, err),
                        "inner chunk %" PRId64, number);
    }
    return 0;
}

static int decode_shard(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                        const char *bytes, size_t size_bytes, const tsr_view *view, tsr_error *err)
{
    size_t count = (size_t)prepared->entry_count;
    tsr_view shard = *view;
    uint64_t offset;

    TSRI_TRY(move_axes(prepared, &shard, err));
    /* First of all, so that a short value is refused before memory is taken for its index. */
    TSRI_TRY(tsri_shard_index_offset(prepared, size_bytes, &offset, err));
    tsri_shard_entry *entries = tsri_alloc_array(count, sizeof *entries);
    if (!entries)
        return tsri_error_no_memory(err, count * sizeof *entries);
    int status = tsri_shard_index_decode(prepared, scratch, bytes + offset, entries, err);
    if (status == 0)
        status = tsri_shard_index_check(prepared, entries, size_bytes, err);
    if (status == 0)
        status = decode_entries(prepared, scratch, bytes, &shard, entries, err);
    tsri_free(entries);
    return status;
}

static int decode_leaf(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const char *bytes,
                       size_t size_bytes, const tsr_view *view, tsr_error *err)
{
    tsr_view chunk;
    bool swapped;

    TSRI_TRY(
        tsri_chain_decode(prepared, scratch, bytes, size_bytes, NULL, NULL, &chunk, &swapped, err));
    if (swapped)
        tsri_view_copy_swapped(view, &chunk);
    else
        tsri_view_copy_same(view, &chunk);
    return 0;
}

static int decode_any(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const char *bytes,
                      size_t size_bytes, const tsr_view *view, tsr_error *err)
{
    tsr_auto(tsri_output) kept = TSRI_OUTPUT_INIT(SIZE_MAX);
    const void *unpacked;

    if (!tsri_prepared_is_shard(prepared))
        return decode_leaf(prepared, scratch, bytes, size_bytes, view, err);
    if (!tsri_prepared_is_packed(prepared))
        return decode_shard(prepared, scratch, bytes, size_bytes, view, err);
    TSRI_TRY(tsri_chain_unpack(prepared, scratch, bytes, size_bytes, SIZE_MAX, NULL, &unpacked,
                               &size_bytes, err));
    /* The inner chunks need the scratch. */
    TSRI_TRY(tsr_output_append(&kept, unpacked, size_bytes, err));
    return decode_shard(prepared, scratch, kept.data, kept.size_bytes, view, err);
}

static int whole_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsr_codec_scratch *inner;

    TSRI_TRY(tsri_scratch_inner(scratch, &inner, err));
    TSRI_TRY(
        tsri_prepared_new(((const whole_shard *)codec)->chain, decoded->shape, &prepared, err));
    return decode_shard(prepared, inner, bytes, size_bytes, decoded, err);
}

const tsr_codec_ops tsri_codec_whole_shard = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "sharding_indexed",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = whole_open,
    .close = whole_close,
    .describe = whole_describe,
    .array_bound = whole_bound,
    .encode_array = whole_encode,
    .decode_array = whole_decode,
};
