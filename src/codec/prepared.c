/* Preparing: what a chain means for one chunk shape: layouts and sizes at every place. */
#include "base/checked.h"
#include "base/context.h"
#include "codec/chain.h"
#include "codec/shard.h"

static void prepared_free(tsri_prepared *prepared)
{
    tsri_prepared_unref(prepared->inner);
    tsri_prepared_unref(prepared->index);
    tsri_free(prepared->bounds);
    tsri_chain_unref(prepared->chain);
    tsri_free(prepared);
}

tsri_prepared *tsri_prepared_ref(tsri_prepared *prepared)
{
    __atomic_fetch_add(&prepared->references, 1, __ATOMIC_RELAXED);
    return prepared;
}

void tsri_prepared_unref(tsri_prepared *prepared)
{
    if (prepared && __atomic_sub_fetch(&prepared->references, 1, __ATOMIC_ACQ_REL) == 0)
        prepared_free(prepared);
}

/* Follows the shape through the array-to-array codecs. Codecs that move elements show their
 * permutation when they rearrange a view whose strides are the numbers of its axes. */
static int prepare_arrays(tsri_prepared *prepared, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    tsr_view probe = {.dtype = chain->type.dtype, .rank = chain->type.rank};

    prepared->encoded_rank = chain->type.rank;
    prepared->encoded_dtype = chain->type.dtype;
    prepared->moves_only = true;
    memcpy(prepared->encoded_shape, prepared->shape, sizeof prepared->shape);
    for (int axis = 0; axis < probe.rank; axis++) {
        probe.shape[axis] = prepared->shape[axis];
        probe.strides[axis] = axis;
    }
    for (int i = 0; i < chain->array_count; i++) {
        const tsri_stage *stage = &chain->stages[i];
        int64_t before[TSR_RANK_MAX];
        if (stage->moved)
            continue;
        memcpy(before, prepared->encoded_shape, sizeof before);
        TSRI_TRY(stage->ops->encoded_shape(stage->codec, prepared->encoded_rank, before,
                                           &prepared->encoded_rank, prepared->encoded_shape, err));
        prepared->encoded_dtype = stage->output.dtype;
        prepared->moves_only &= stage->ops->rearrange != NULL;
        if (prepared->moves_only)
            TSRI_TRY(stage->ops->rearrange(stage->codec, &probe, err));
    }
    for (int axis = 0; prepared->moves_only && axis < probe.rank; axis++)
        prepared->axis_of[axis] = (int)probe.strides[axis];
    return 0;
}

/* The layout of the elements when the serialized bytes are nothing but them. */
static void prepare_layout(tsri_prepared *prepared)
{
    const tsri_chain *chain = prepared->chain;
    if (chain->shard || !prepared->moves_only)
        return;
    const tsri_stage *serializer = &chain->stages[chain->array_count];
    prepared->in_place = serializer->ops->elements_in_place &&
                         serializer->ops->elements_in_place(serializer->codec, &prepared->swapped);
    prepared->swapped &= prepared->encoded_dtype->component_bytes > 1;
    int64_t stride = (int64_t)prepared->encoded_dtype->size_bytes;
    for (int axis = prepared->encoded_rank - 1; prepared->in_place && axis >= 0; axis--) {
        prepared->strides[prepared->axis_of[axis]] = stride;
        stride *= prepared->encoded_shape[axis];
    }
}

static int prepare_bounds(tsri_prepared *prepared, tsr_size_bound serialized, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    int count = chain->stage_count - chain->bytes_first;

    prepared->bounds = tsri_alloc_array((size_t)count + 1, sizeof *prepared->bounds);
    if (!prepared->bounds)
        return tsri_error_no_memory(err, ((size_t)count + 1) * sizeof *prepared->bounds);
    prepared->bounds[0] = serialized;
    for (int i = 0; i < count; i++) {
        const tsri_stage *stage = &chain->stages[chain->bytes_first + i];
        tsr_size_bound before = prepared->bounds[i];
        tsr_size_bound after = before;
        if (before.size_class != TSR_SIZE_UNBOUNDED)
            after = stage->ops->bytes_bound(stage->codec, before.size_bytes);
        if (after.size_class < before.size_class)
            after.size_class = before.size_class;
        prepared->bounds[i + 1] = after;
    }
    prepared->bound = prepared->bounds[count];
    return 0;
}

/* A shard is at most its index and every inner chunk at its largest. */
static tsr_size_bound shard_bound(const tsri_prepared *prepared)
{
    tsr_size_bound inner = prepared->inner->bound;
    uint64_t size;
    if (inner.size_class == TSR_SIZE_UNBOUNDED ||
        !tsri_multiply_u64(inner.size_bytes, (uint64_t)prepared->entry_count, &size) ||
        !tsri_add_u64(size, (uint64_t)prepared->index_bytes, &size))
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_BOUNDED, size};
}

static int check_limits(const tsri_prepared *prepared, tsr_error *err)
{
    int64_t limit = prepared->chain->context->options.largest_chunk_bytes;
    if (tsri_prepared_is_raw(prepared) || prepared->decoded_bytes <= limit)
        return 0;
    if (tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared))
        return 0;
    tsr_error_set(err, TSR_LIMIT, "a chunk decodes to %lld bytes; the limit is %lld",
                  (long long)prepared->decoded_bytes, (long long)limit);
    tsr_error_set_next_step(err,
                            "choose smaller chunks, or raise the context's largest_chunk_bytes");
    return TSR_LIMIT;
}

static int prepare(tsri_prepared *prepared, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    int64_t count;

    if (!tsri_shape_count(chain->type.rank, prepared->shape, &count) ||
        !tsri_multiply_i64(count, (int64_t)chain->type.dtype->size_bytes, &prepared->decoded_bytes))
        return tsr_error_set(err, TSR_LIMIT, "the size of a chunk exceeds 2^63-1 bytes");
    TSRI_TRY(prepare_arrays(prepared, err));
    prepare_layout(prepared);
    tsr_size_bound serialized;
    if (chain->shard) {
        TSRI_TRY(tsri_shard_prepare(prepared, err));
        serialized = shard_bound(prepared);
    } else {
        const tsri_stage *serializer = &chain->stages[chain->array_count];
        if (serializer->ops == &tsri_codec_whole_shard)
            TSRI_TRY(tsri_whole_shard_check(serializer->codec, prepared->encoded_shape, err));
        serialized = serializer->ops->array_bound(serializer->codec, prepared->encoded_dtype,
                                                  prepared->encoded_rank, prepared->encoded_shape);
    }
    TSRI_TRY(prepare_bounds(prepared, serialized, err));
    return check_limits(prepared, err);
}

int tsri_prepared_new(tsri_chain *chain, const int64_t *shape, tsri_prepared **ret_prepared,
                      tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = tsri_alloc_zero(sizeof *prepared);
    if (!prepared)
        return tsri_error_no_memory(err, sizeof *prepared);
    prepared->references = 1;
    prepared->chain = tsri_chain_ref(chain);
    memcpy(prepared->shape, shape, (size_t)chain->type.rank * sizeof *shape);
    TSRI_TRY(prepare(prepared, err));
    *ret_prepared = TSRI_TAKE(prepared);
    return 0;
}

int64_t tsri_prepared_encoded_bytes(const tsri_prepared *prepared)
{
    tsr_size_bound bound = prepared->bound;
    if (bound.size_class == TSR_SIZE_UNBOUNDED || bound.size_bytes > INT64_MAX / 4)
        return prepared->decoded_bytes;
    return (int64_t)bound.size_bytes;
}
