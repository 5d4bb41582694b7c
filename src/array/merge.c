#include "array/merge.h"

#include <inttypes.h>

#include "array/shard_order.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "base/profile.h"
#include "tensor/copy.h"

bool tsri_merge_covers(const tsri_target *target, const tsri_extent_inside *inside)
{
    if (target->group_count > 0) /* points are not counted for that */
        return false;
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *self = &target->axes[axis];
        if (self->start != 0 || (self->step != 1 && self->count > 1) ||
            self->count != inside->lengths[axis])
            return false;
    }
    return true;
}

void tsri_merge_inner_extent(const tsri_prepared *prepared, const int64_t *start,
                             const tsri_extent_inside *inside, tsri_extent_inside *ret_inner)
{
    for (int axis = 0; axis < prepared->encoded_rank; axis++) {
        int64_t left = inside->lengths[axis] - start[axis];
        ret_inner->lengths[axis] =
            TSRI_MAX(TSRI_MIN(left, prepared->chain->shard->chunk_shape[axis]), INT64_C(0));
    }
}

void tsri_merge_to_encoded(const tsri_prepared *prepared, tsri_target *target,
                           tsri_extent_inside *inside)
{
    tsri_extent_inside decoded = *inside;
    for (int axis = 0; axis < prepared->encoded_rank; axis++)
        inside->lengths[axis] = decoded.lengths[prepared->axis_of[axis]];
    tsri_target_permute(target, prepared->axis_of);
}

/* ---- leaf chunks ---- */

static int view_of_scratch_chunk(tsri_merge *self, const tsri_prepared *prepared,
                                 tsr_view *ret_chunk, tsr_error *err)
{
    static const char nothing = 0;
    TSRI_TRY(tsr_view_init(ret_chunk, self->array->dtype, prepared->chain->type.rank,
                           prepared->shape, (void *)&nothing, err));
    size_t size_bytes = (size_t)tsr_view_size(ret_chunk);
    int64_t limit = self->array->context->options.largest_chunk_bytes;
    if (prepared->decoded_bytes > limit) { /* a raw chunk, which can be read in parts alone */
        tsr_error_set(err, TSR_LIMIT,
                      "a part of a chunk of %" PRId64
                      " bytes is to be written; the limit is %" PRId64,
                      prepared->decoded_bytes, limit);
        tsr_error_set_next_step(err, "write whole chunks, or choose smaller ones");
        return TSR_LIMIT;
    }
    ret_chunk->data = tsri_scratch_buffer(self->scratch, TSRI_BUFFER_CHUNK, size_bytes);
    if (tsr_dtype_is_variable(ret_chunk->dtype))
        ret_chunk->heap = tsri_scratch_heap(self->scratch);
    bool complete =
        ret_chunk->data && (ret_chunk->heap || !tsr_dtype_is_variable(ret_chunk->dtype));
    return complete ? 0 : tsri_error_no_memory(err, size_bytes);
}

/* The chunk as it is now: decoded, or fill values. */
static int load_old(tsri_merge *self, const tsri_prepared *prepared, const void *old,
                    size_t old_bytes, const tsr_view *chunk, tsr_error *err)
{
    tsr_view decoded;
    bool swapped;

    if (!old) {
        tsr_view_fill(chunk, self->array->fill_value);
        return 0;
    }
    TSRI_TRY(tsri_chain_decode(prepared, self->scratch, old, old_bytes, NULL, NULL, &decoded,
                               &swapped, err));
    TSRI_PROFILE_ADD(self->array->context, decoded_chunks, 1);
    TSRI_PROFILE_ADD(self->array->context, decoded_bytes, prepared->decoded_bytes);
    if (swapped)
        tsri_view_copy_swapped(chunk, &decoded);
    else
        tsri_view_copy_same(chunk, &decoded);
    return 0;
}

/* The whole chunk as it is to be: the caller's own memory when it is all there, else put together
 * in scratch. */
static int assemble(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                    const tsri_extent_inside *inside, const void *old, size_t old_bytes,
                    tsr_view *ret_chunk, tsr_error *err)
{
    bool covered = tsri_merge_covers(target, inside), whole = covered;

    for (int axis = 0; axis < target->rank; axis++)
        whole &= inside->lengths[axis] == prepared->shape[axis];
    if (whole && tsri_target_peek(target, ret_chunk))
        return 0;
    TSRI_TRY(view_of_scratch_chunk(self, prepared, ret_chunk, err));
    if (!whole)
        TSRI_TRY(load_old(self, prepared, covered ? NULL : old, old_bytes, ret_chunk, err));
    return tsri_target_collect(target, ret_chunk, err);
}

/* Notes the elements as they will be read, which a codec may have changed. */
static int note_encoded(tsri_merge *self, const tsri_prepared *prepared, const void *encoded,
                        size_t size_bytes, tsr_error *err)
{
    tsr_view chunk;

    TSRI_TRY(view_of_scratch_chunk(self, prepared, &chunk, err));
    TSRI_TRY(load_old(self, prepared, encoded, size_bytes, &chunk, err));
    tsri_figures_note(self->figures, self->array, self->place, &chunk);
    return 0;
}

static int merge_leaf(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                      const tsri_extent_inside *inside, const void *old, size_t old_bytes,
                      tsr_output *output, bool *ret_empty, tsr_error *err)
{
    tsr_view chunk;
    size_t start = output->size_bytes;

    TSRI_TRY(assemble(self, prepared, target, inside, old, old_bytes, &chunk, err));
    *ret_empty =
        !self->store_fill_chunks && tsr_view_is_filled_with(&chunk, self->array->fill_value);
    /* Serializers that put the elements one after another, and what may follow them, lose nothing.
     */
    if (self->figures && (*ret_empty || prepared->in_place))
        tsri_figures_note(self->figures, self->array, self->place, &chunk);
    if (*ret_empty)
        return 0;
    TSRI_PROFILE_ADD(self->array->context, encoded_chunks, 1);
    TSRI_PROFILE_ADD(self->array->context, encoded_bytes, prepared->decoded_bytes);
    TSRI_TRY(tsri_chain_encode(prepared, self->scratch, &chunk, output, err));
    return self->figures && !prepared->in_place
               ? note_encoded(self, prepared, output->data + start, output->size_bytes - start, err)
               : 0;
}

/* ---- shards in memory ---- */

/* The old index, or all missing. */
static int load_index(tsri_merge *self, const tsri_prepared *prepared, const void *old,
                      size_t old_bytes, tsri_shard_entry *entries, tsr_error *err)
{
    uint64_t offset;

    if (!old) {
        memset(entries, 0xff, (size_t)prepared->entry_count * sizeof *entries);
        return 0;
    }
    TSRI_TRY(tsri_shard_index_offset(prepared, old_bytes, &offset, err));
    TSRI_TRY(
        tsri_shard_index_decode(prepared, self->scratch, (const char *)old + offset, entries, err));
    return tsri_shard_index_check(prepared, entries, old_bytes, err);
}

/* Appends inner chunk `number`: merged, kept or left out; sets its entry, relative to `base` in the
 * output. */
static int merge_inner(tsri_merge *self, const tsri_prepared *prepared, int64_t number,
                       const tsri_target *target, const tsri_extent_inside *inside, const void *old,
                       size_t base, tsri_shard_entry *entry, tsr_output *output, tsr_error *err)
{
    int64_t start[TSR_RANK_MAX];
    tsri_target inner;
    tsri_extent_inside inner_inside;
    tsri_merge below = *self;
    tsri_cell_place place;
    bool missing = tsri_shard_entry_is_missing(*entry), empty = missing;
    const char *bytes = missing ? NULL : (const char *)old + entry->offset;
    size_t from = output->size_bytes;

    tsri_shard_inner_start(prepared, number, start);
    if (tsri_target_restrict(target, start, prepared->chain->shard->chunk_shape, &inner)) {
        tsri_merge_inner_extent(prepared, start, inside, &inner_inside);
        if (self->figures) {
            tsri_cell_place_inner(self->place, prepared, number, &place);
            below.place = &place;
        }
        TSRI_TRY_IN(err,
                    tsri_merge_chunk(&below, prepared->inner, &inner, &inner_inside, bytes,
                                     missing ? 0 : (size_t)entry->size_bytes, output, &empty, err),
                    "inner chunk %" PRId64, number);
    } else if (!missing) {
        TSRI_TRY(tsr_output_append(output, bytes, (size_t)entry->size_bytes, err));
    }
    if (empty)
        *entry = (tsri_shard_entry){TSRI_SHARD_MISSING, TSRI_SHARD_MISSING};
    else
        *entry = (tsri_shard_entry){from - base, output->size_bytes - from};
    return 0;
}

/* Writes the index into its place at the start of the shard, or appends it. */
static int write_index(tsri_merge *self, const tsri_prepared *prepared,
                       const tsri_shard_entry *entries, size_t base, tsr_output *output,
                       tsr_error *err)
{
    tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);

    if (!prepared->chain->shard->index_at_start)
        return tsri_shard_index_encode(prepared, self->scratch, entries, output, err);
    TSRI_TRY(tsri_shard_index_encode(prepared, self->scratch, entries, &index, err));
    memcpy(output->data + base, index.data, index.size_bytes);
    return 0;
}

static int merge_entries(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                         const tsri_extent_inside *inside, const void *old,
                         tsri_shard_entry *entries, const int64_t *order, tsr_output *output,
                         bool *ret_empty, tsr_error *err)
{
    size_t base = output->size_bytes;

    *ret_empty = true;
    if (prepared->chain->shard->index_at_start) {
        if (!tsr_output_reserve(output, (size_t)prepared->index_bytes, err))
            return TSR_NO_MEMORY;
        output->size_bytes += (size_t)prepared->index_bytes;
    }
    for (int64_t i = 0; i < prepared->entry_count; i++) {
        int64_t number = order ? order[i] : i;
        TSRI_TRY(merge_inner(self, prepared, number, target, inside, old, base, &entries[number],
                             output, err));
        *ret_empty &= tsri_shard_entry_is_missing(entries[number]);
    }
    if (!*ret_empty || self->store_fill_chunks) {
        *ret_empty = false;
        return write_index(self, prepared, entries, base, output, err);
    }
    output->size_bytes = base;
    return 0;
}

static int merge_shard(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                       const tsri_extent_inside *inside, const void *old, size_t old_bytes,
                       tsr_output *output, bool *ret_empty, tsr_error *err)
{
    tsri_target encoded = *target;
    tsri_extent_inside encoded_inside = *inside;
    tsri_shard_entry *entries = tsri_alloc_array((size_t)prepared->entry_count, sizeof *entries);

    if (!entries)
        return tsri_error_no_memory(err, (size_t)prepared->entry_count * sizeof *entries);
    tsri_merge_to_encoded(prepared, &encoded, &encoded_inside);
    int64_t *order = NULL;
    int status = load_index(self, prepared, old, old_bytes, entries, err);
    if (status == 0)
        status = tsri_shard_order_new(self->options, prepared, &order, err);
    if (status == 0)
        status = merge_entries(self, prepared, &encoded, &encoded_inside, old, entries, order,
                               output, ret_empty, err);
    tsri_free(order);
    tsri_free(entries);
    return status;
}

/* A shard behind further bytes-to-bytes codecs is unpacked, merged in memory of its own, and packed
 * again. */
static int merge_packed_shard(tsri_merge *self, const tsri_prepared *prepared,
                              const tsri_target *target, const tsri_extent_inside *inside,
                              const void *old, size_t old_bytes, tsr_output *output,
                              bool *ret_empty, tsr_error *err)
{
    tsr_auto(tsri_output) shard = TSRI_OUTPUT_INIT(SIZE_MAX), unpacked = TSRI_OUTPUT_INIT(SIZE_MAX);

    if (old) {
        const void *bytes;
        size_t size_bytes;
        TSRI_TRY(tsri_chain_unpack(prepared, self->scratch, old, old_bytes, SIZE_MAX, NULL, &bytes,
                                   &size_bytes, err));
        TSRI_TRY(tsr_output_append(&unpacked, bytes, size_bytes,
                                   err)); /* the scratch is used again below */
    }
    TSRI_TRY(merge_shard(self, prepared, target, inside,
                         old ? (unpacked.data ? unpacked.data : "") : NULL, unpacked.size_bytes,
                         &shard, ret_empty, err));
    return *ret_empty ? 0
                      : tsri_chain_pack(prepared, self->scratch, shard.data, shard.size_bytes,
                                        output, err);
}

int tsri_merge_chunk(tsri_merge *self, const tsri_prepared *prepared, const tsri_target *target,
                     const tsri_extent_inside *inside, const void *old, size_t old_bytes,
                     tsr_output *output, bool *ret_empty, tsr_error *err)
{
    if (!tsri_prepared_is_shard(prepared))
        return merge_leaf(self, prepared, target, inside, old, old_bytes, output, ret_empty, err);
    if (tsri_merge_covers(target, inside))
        old = NULL;
    if (tsri_prepared_is_packed(prepared))
        return merge_packed_shard(self, prepared, target, inside, old, old_bytes, output, ret_empty,
                                  err);
    return merge_shard(self, prepared, target, inside, old, old_bytes, output, ret_empty, err);
}
