#include "array/unit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/profile.h"
#include "tensor/region.h"

static tsri_unit *take_memory(tsri_unit *spare)
{
    return spare ? spare : tsri_alloc(sizeof *spare);
}

int tsri_unit_new(tsr_array *array, tsri_prepared *prepared, tsri_target *targets, tsri_unit *spare,
                  tsri_unit **ret_unit, tsr_error *err)
{
    tsri_unit *unit = take_memory(spare);
    if (!unit)
        return tsri_error_no_memory(err, sizeof *unit);
    memset(unit, 0, offsetof(tsri_unit, origin));
    unit->extent.store = NULL;
    unit->extent.key[0] = 0;
    unit->extent.offset = unit->extent.size_bytes = 0;
    unit->targets = targets ? targets : &unit->first_target;
    unit->array = array;
    unit->prepared = prepared;
    unit->references = 1;
    *ret_unit = unit;
    return 0;
}

/* Which axis of a target runs along the last one of the array. */
static int last_axis(const tsri_target *target)
{
    int axis = target->rank - 1;
    while (target->axes[axis].array_axis != target->rank - 1)
        axis--;
    return axis;
}

bool tsri_unit_goes_on(const tsri_portion *portion, const tsri_target_walk *walk)
{
    const tsri_unit *unit = portion->unit;
    const tsri_target *target = unit->targets;
    if (unit->state != TSRI_UNIT_DONE || unit->target_count != 1 || target->rank == 0 ||
        target->group_count > 0)
        return false;
    int64_t length = unit->array->chunk_shape[target->rank - 1];
    const tsri_target_axis *here = &target->axes[last_axis(target)];
    const tsri_target_axis *all = &walk->target->axes[target->rank - 1];
    return here->start == 0 && here->step == 1 && here->count == length &&
           all->count - here->first - length >= length;
}

static void move_on(tsri_target *to, const tsri_target *from)
{
    tsri_target_copy(to, from);
    tsri_target_axis *axis = &to->axes[last_axis(to)];
    axis->first += axis->count;
    if (to->data)
        to->data += axis->count * axis->stride;
}

int tsri_unit_new_next(const tsri_portion *before, tsri_unit *spare, tsri_portion *ret_portion,
                       tsr_error *err)
{
    const tsri_unit *from = before->unit;
    int rank = from->array->rank;
    tsri_unit *unit = take_memory(spare);
    if (!unit)
        return tsri_error_no_memory(err, sizeof *unit);
    memcpy(unit, from, offsetof(tsri_unit, origin));
    memcpy(unit->origin, from->origin, (size_t)rank * sizeof *unit->origin);
    unit->origin[rank - 1] += from->array->chunk_shape[rank - 1];
    unit->targets = &unit->first_target;
    move_on(unit->targets, from->targets);
    ret_portion->unit = unit;
    ret_portion->kind = before->kind;
    ret_portion->range = before->range;
    if (before->kind == TSRI_PORTION_RAW)
        move_on(&ret_portion->target, &before->target);
    return 0;
}

void tsri_unit_clear(tsri_unit *unit)
{
    if (unit->holds_prepared)
        tsri_prepared_unref(unit->prepared);
    tsr_blob_unref(unit->blob);
    tsri_free(unit->entries);
    if (unit->targets != &unit->first_target)
        tsri_free(unit->targets);
}

void tsri_unit_free(tsri_unit *unit)
{
    tsri_free(unit);
}

void tsri_unit_restart(tsri_unit *unit)
{
    tsri_free(unit->entries);
    unit->entries = NULL;
    unit->entry_total = unit->next_entry = 0;
    unit->raw_target = 0;
    unit->has_generation = unit->has_first_version = unit->settled = false;
    unit->conflict = 0;
    unit->references = 1;
    unit->attempts++;
    unit->state = TSRI_UNIT_NEW;
}

/* ---- portions ---- */

static tsri_portion_kind first_kind(const tsri_unit *unit)
{
    const tsri_prepared *prepared = unit->prepared;
    if (!prepared)
        return TSRI_PORTION_BOX;
    if (tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared))
        return unit->at_once ? TSRI_PORTION_WHOLE : TSRI_PORTION_INDEX;
    return tsri_prepared_is_raw(prepared) ? TSRI_PORTION_RAW : TSRI_PORTION_WHOLE;
}

/* The index lies at one end of the extent, whose length may be unknown. */
static tsr_range index_range(const tsri_unit *unit)
{
    uint64_t size = (uint64_t)unit->prepared->index_bytes;
    if (unit->prepared->chain->shard->index_at_start)
        return (tsr_range){TSR_RANGE_PART, 0, TSRI_MIN(size, unit->extent.size_bytes)};
    if (unit->extent.size_bytes == TSR_REST)
        return (tsr_range){TSR_RANGE_SUFFIX, 0, size};
    uint64_t offset = unit->extent.size_bytes >= size ? unit->extent.size_bytes - size : 0;
    return (tsr_range){TSR_RANGE_PART, offset, TSRI_MIN(size, unit->extent.size_bytes)};
}

/* Shard targets and raw targets are counted in encoded axes. */
static void move_targets(tsri_unit *unit)
{
    for (size_t i = 0; i < unit->target_count; i++)
        tsri_target_permute(&unit->targets[i], unit->prepared->axis_of);
}

static void cut_raw(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes)
{
    if (unit->targets[unit->raw_target].group_count > 0)
        tsri_unit_raw_points_cut(unit, portion_bytes, gap_bytes);
    else
        tsri_unit_raw_cut(unit, portion_bytes, gap_bytes);
}

static bool next_raw(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes,
                     tsri_portion *portion)
{
    if (unit->raw_next == unit->raw_cut.count) {
        if (++unit->raw_target == unit->target_count) {
            unit->state = TSRI_UNIT_DONE;
            return false;
        }
        cut_raw(unit, portion_bytes, gap_bytes);
    }
    if (unit->targets[unit->raw_target].group_count > 0) {
        tsri_unit_raw_points_portion(unit, portion);
    } else {
        tsri_unit_raw_portion(unit, portion);
        unit->raw_next++;
    }
    if (unit->raw_next == unit->raw_cut.count && unit->raw_target + 1 == unit->target_count)
        unit->state = TSRI_UNIT_DONE;
    return true;
}

/* Joins entries as long as the gap between them costs less than a request. */
static bool next_entries(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes,
                         tsri_portion *portion)
{
    size_t first = unit->next_entry, next = first;
    uint64_t start = unit->entries[first].offset, end = start;

    while (next < unit->entry_total) {
        const tsri_entry *entry = &unit->entries[next];
        uint64_t entry_end = entry->offset + entry->size_bytes;
        bool same = next > first && entry->number == unit->entries[next - 1].number;
        bool far = entry->offset > end && entry->offset - end > gap_bytes;
        bool full = next - first >= unit->entries_per_portion ||
                    TSRI_MAX(end, entry_end) - start > portion_bytes;
        if (next > first && !same && (far || full))
            break;
        end = TSRI_MAX(end, entry_end);
        next++;
    }
    portion->first_entry = first;
    portion->entry_count = next - first;
    portion->range = (tsr_range){TSR_RANGE_PART, start, end - start};
    unit->next_entry = next;
    if (next == unit->entry_total)
        unit->state = TSRI_UNIT_DONE;
    return true;
}

bool tsri_unit_next_portion(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes,
                            tsri_portion *portion)
{
    portion->unit = unit;
    portion->kind = unit->state == TSRI_UNIT_NEW || unit->prepared == NULL ? first_kind(unit)
                    : tsri_prepared_is_shard(unit->prepared)               ? TSRI_PORTION_ENTRIES
                                                                           : TSRI_PORTION_RAW;
    if (unit->state == TSRI_UNIT_CUT)
        return portion->kind == TSRI_PORTION_RAW
                   ? next_raw(unit, portion_bytes, gap_bytes, portion)
                   : next_entries(unit, portion_bytes, gap_bytes, portion);
    if (unit->state != TSRI_UNIT_NEW)
        return false;
    bool moved = unit->attempts >
                 0; /* the targets of a unit that starts again are in encoded axes already */
    switch (portion->kind) {
    case TSRI_PORTION_RAW:
        if (!moved)
            move_targets(unit);
        unit->state = TSRI_UNIT_CUT;
        cut_raw(unit, portion_bytes, gap_bytes);
        next_raw(unit, portion_bytes, gap_bytes, portion);
        unit->raw_is_single = unit->state == TSRI_UNIT_DONE;
        return true;
    case TSRI_PORTION_INDEX:
        if (!moved)
            move_targets(unit);
        portion->range = index_range(unit);
        unit->state = TSRI_UNIT_WAITING;
        return true;
    default:
        portion->range = (tsr_range){TSR_RANGE_WHOLE, 0, 0};
        if (portion->kind == TSRI_PORTION_WHOLE && tsri_prepared_is_shard(unit->prepared)) {
            if (!moved)
                move_targets(unit);
            unit->state = TSRI_UNIT_WAITING;
        } else {
            unit->state = TSRI_UNIT_DONE;
        }
        return true;
    }
}

/* ---- shards ---- */

/* Restricts a target of the unit to one inner chunk. */
static bool restrict_to_inner(const tsri_unit *unit, size_t target, int64_t number,
                              tsri_target *ret_target)
{
    int64_t start[TSR_RANK_MAX] TSRI_UNINITIALIZED;
    tsri_shard_inner_start(unit->prepared, number, start);
    return tsri_target_restrict(&unit->targets[target], start,
                                unit->prepared->chain->shard->chunk_shape, ret_target);
}

/* ---- decoding ---- */

/* How many serialized bytes it takes to hold the last element that a target wants. */
static size_t wanted_bytes(const tsri_prepared *prepared, const tsri_target *target)
{
    if (!prepared->in_place)
        return SIZE_MAX;
    size_t last = prepared->encoded_dtype->size_bytes;
    for (int axis = 0; axis < target->rank; axis++) {
        int64_t first, end;
        tsri_target_bounds(target, axis, &first, &end);
        last += (size_t)(end * prepared->strides[axis]);
    }
    return last;
}

static void *direct_memory(const tsri_prepared *prepared, const tsri_target *target)
{
    bool direct = prepared->in_place && !prepared->swapped &&
                  tsri_target_is_direct(target, prepared->shape, prepared->strides);
    return direct ? target->data : NULL;
}

static inline int deliver_all(const tsr_context *context, const tsri_target *const *targets,
                              size_t count, const tsr_view *chunk, bool swapped,
                              tsr_codec_scratch *scratch, tsr_error *err)
{
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_COPY);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = tsri_target_deliver(targets[i], chunk, swapped, scratch, err);
    tsri_phase_end(context, before);
    return status;
}

/* ---- chunks that are kept ---- */

tsri_cache_source tsri_unit_cache_source(const tsri_unit *unit)
{
    return (tsri_cache_source){unit->extent.key, unit->extent.offset, unit->level,
                               unit->generation};
}

/* Elements are kept in the layout of the encoded chunk where it has one, else as they are handed
 * out, dense. */
static void view_of_kept(const tsri_prepared *prepared, const void *elements, tsr_view *ret_view,
                         bool *ret_swapped)
{
    const tsr_dtype *dtype = prepared->chain->type.dtype;
    int64_t stride = (int64_t)dtype->size_bytes;
    *ret_view =
        (tsr_view){.dtype = dtype, .rank = prepared->chain->type.rank, .data = (char *)elements};
    *ret_swapped = prepared->in_place && prepared->swapped;
    for (int axis = ret_view->rank - 1; axis >= 0; axis--) {
        ret_view->shape[axis] = prepared->shape[axis];
        ret_view->strides[axis] = prepared->in_place ? prepared->strides[axis] : stride;
        stride *= prepared->shape[axis];
    }
}

static inline void count_decoded(const tsri_unit *unit, size_t decoded_bytes)
{
    const tsr_context *context = unit->array->context;
    if (context->profile) {
        TSRI_PROFILE_ADD(context, decoded_chunks, 1);
        TSRI_PROFILE_ADD(context, decoded_bytes, (int64_t)decoded_bytes);
    }
}

/* Decodes a leaf chunk into memory that the array keeps, and delivers it from there. */
static int decode_and_keep(tsri_unit *unit, const tsri_prepared *prepared,
                           tsr_codec_scratch *scratch, const void *bytes, size_t size_bytes,
                           const tsri_cache_source *source, const tsri_target *const *targets,
                           size_t count, tsr_error *err)
{
    tsr_auto(tsr_blob) *elements = NULL;
    tsr_view chunk, kept;
    bool swapped;

    TSRI_TRY(tsr_blob_new((size_t)prepared->decoded_bytes, &elements, err));
    void *data = tsr_blob_data_writable(elements);
    TSRI_TRY(
        tsri_chain_decode(prepared, scratch, bytes, size_bytes, NULL, data, &chunk, &swapped, err));
    count_decoded(unit, (size_t)prepared->decoded_bytes);
    view_of_kept(prepared, data, &kept, &swapped);
    if (prepared->in_place && chunk.data != data)
        memcpy(data, chunk.data, (size_t)prepared->decoded_bytes);
    else if (!prepared->in_place)
        TSRI_TRY(tsr_view_copy(&kept, &chunk, TSR_CASTING_NO, err));
    tsri_cache_put(&unit->array->chunks, source, elements);
    return deliver_all(unit->array->context, targets, count, &kept, swapped, scratch, err);
}

/* Whether chunks of this shape are kept. Bare elements are read as fast as they are found here;
 * elements of variable length point to bytes that are gone when the chunk is. */
static bool keeps_chunks(const tsri_unit *unit, const tsri_prepared *prepared)
{
    return unit->array->chunks.limit_bytes > 0 && !unit->blob &&
           unit->extent.store == unit->array->store && !tsri_prepared_is_raw(prepared) &&
           !tsr_dtype_is_variable(prepared->chain->type.dtype);
}

static bool is_kept_for(const tsri_prepared *prepared, const tsr_blob *elements)
{
    return tsr_blob_size(elements) == (size_t)prepared->decoded_bytes;
}

static bool keeps_inner_chunks(const tsri_unit *unit)
{
    const tsri_prepared *inner = unit->prepared->inner;
    return keeps_chunks(unit, inner) && !tsri_prepared_is_shard(inner);
}

/* Delivers an inner chunk that the array has kept of this version of the shard. */
static int deliver_kept_inner(tsri_unit *unit, tsr_codec_scratch *scratch, uint64_t offset,
                              const tsri_target *target, bool *ret_delivered, tsr_error *err)
{
    const tsri_prepared *inner = unit->prepared->inner;
    tsr_view chunk;
    bool swapped;

    tsri_cache_source source = {unit->extent.key, unit->extent.offset + offset, unit->level + 1,
                                unit->generation};
    tsr_auto(tsr_blob) *elements = tsri_cache_get(&unit->array->chunks, &source);
    if (!elements || !tsr_generation_equal(&source.generation, &unit->generation) ||
        !is_kept_for(inner, elements))
        return 0;
    *ret_delivered = true;
    TSRI_PROFILE_ADD(unit->array->context, kept_chunks, 1);
    view_of_kept(inner, tsr_blob_data(elements), &chunk, &swapped);
    return deliver_all(unit->array->context, &target, 1, &chunk, swapped, scratch, err);
}

int tsri_unit_deliver_kept(tsri_unit *unit, tsr_codec_scratch *scratch, const tsr_blob *elements,
                           tsr_error *err)
{
    tsr_view chunk;
    bool swapped;
    TSRI_PROFILE_ADD(unit->array->context, kept_chunks, 1);
    view_of_kept(unit->prepared, tsr_blob_data(elements), &chunk, &swapped);
    for (size_t i = 0; i < unit->target_count; i++) {
        const tsri_target *target = &unit->targets[i];
        TSRI_TRY(deliver_all(unit->array->context, &target, 1, &chunk, swapped, scratch, err));
    }
    return 0;
}

/* Decodes a leaf chunk for one or more targets in its own coordinates. */
static int decode_and_deliver(tsri_unit *unit, const tsri_prepared *prepared, uint64_t offset,
                              tsr_codec_scratch *scratch, const void *bytes, size_t size_bytes,
                              const tsri_target *const *targets, size_t count, tsr_error *err)
{
    tsr_view chunk TSRI_UNINITIALIZED;
    bool swapped;
    size_t wanted = 0;

    if (unit->settled && keeps_chunks(unit, prepared)) {
        const tsri_cache_source source = {unit->extent.key, unit->extent.offset + offset,
                                          unit->level + (prepared != unit->prepared),
                                          unit->generation};
        return decode_and_keep(unit, prepared, scratch, bytes, size_bytes, &source, targets, count,
                               err);
    }
    void *direct = count == 1 ? direct_memory(prepared, targets[0]) : NULL;
    if (!direct && tsri_unit_takes_pieces(prepared, targets, count)) {
        TSRI_TRY(tsri_unit_decode_pieces(prepared, scratch, bytes, size_bytes, targets, count,
                                         &wanted, err));
        count_decoded(unit, wanted);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        wanted = TSRI_MAX(wanted, wanted_bytes(prepared, targets[i]));
    TSRI_TRY(tsri_chain_decode(prepared, scratch, bytes, size_bytes, &wanted, direct, &chunk,
                               &swapped, err));
    count_decoded(unit, wanted);
    if (direct && chunk.data == direct)
        return 0;
    return deliver_all(unit->array->context, targets, count, &chunk, swapped, scratch, err);
}

int tsri_unit_decode_whole(tsri_unit *unit, tsr_codec_scratch *scratch, const void *bytes,
                           size_t size_bytes, tsr_error *err)
{
    const tsri_target *single = unit->targets;
    const tsri_target **targets = &single;
    if (unit->target_count > 1)
        targets = tsri_alloc_array(unit->target_count, sizeof(const tsri_target *));
    if (!targets)
        return tsri_error_no_memory(err, unit->target_count * sizeof *targets);
    for (size_t i = 0; i < unit->target_count; i++)
        targets[i] = &unit->targets[i];
    int status = decode_and_deliver(unit, unit->prepared, 0, scratch, bytes, size_bytes, targets,
                                    unit->target_count, err);
    if (targets != &single)
        tsri_free(targets);
    return status < 0 ? tsri_unit_blame(unit, -1, 0, size_bytes, err) : 0;
}

/* For several targets of one inner chunk. */
static int decode_shared_entry(tsri_unit *unit, tsr_codec_scratch *scratch,
                               const tsri_entry *entries, size_t count, const void *bytes,
                               int64_t *delivered_bytes, tsr_error *err)
{
    tsri_target *restricted = tsri_alloc_array(count, sizeof *restricted);
    const tsri_target **targets = tsri_alloc_array(count, sizeof(const tsri_target *));
    int status = restricted && targets ? 0 : tsri_error_no_memory(err, count * sizeof *restricted);

    for (size_t i = 0; i < count && status == 0; i++) {
        restrict_to_inner(unit, entries[i].target, entries[i].number, &restricted[i]);
        targets[i] = &restricted[i];
    }
    if (status == 0)
        status = decode_and_deliver(unit, unit->prepared->inner, entries->offset, scratch, bytes,
                                    entries->size_bytes, targets, count, err);
    for (size_t i = 0; i < count && status == 0; i++)
        *delivered_bytes += tsri_target_bytes(targets[i]);
    tsri_free(restricted);
    tsri_free(targets);
    return status;
}

int tsri_unit_decode_entry(tsri_unit *unit, tsr_codec_scratch *scratch, const tsri_entry *entries,
                           size_t count, const void *bytes, int64_t *delivered_bytes,
                           tsr_error *err)
{
    int status;
    if (count > 1) {
        status = decode_shared_entry(unit, scratch, entries, count, bytes, delivered_bytes, err);
    } else {
        tsri_target inner TSRI_UNINITIALIZED;
        const tsri_target *target = &inner;
        restrict_to_inner(unit, entries->target, entries->number, &inner);
        status = decode_and_deliver(unit, unit->prepared->inner, entries->offset, scratch, bytes,
                                    entries->size_bytes, &target, 1, err);
        if (status == 0)
            *delivered_bytes += tsri_target_bytes(target);
    }
    return status < 0
               ? tsri_unit_blame(unit, entries->number, entries->offset, entries->size_bytes, err)
               : 0;
}

/* ---- indexes ---- */

static int add_entries(tsri_unit *unit, tsr_codec_scratch *scratch, size_t target,
                       const tsri_shard_entry *index, int64_t *delivered_bytes, tsr_error *err)
{
    const tsri_prepared *prepared = unit->prepared;
    const int64_t *lengths = prepared->chain->shard->chunk_shape;
    size_t capacity =
        unit->entry_total + (size_t)tsri_target_walk_count(&unit->targets[target], lengths);
    tsri_entry *grown = tsri_realloc_array(unit->entries, capacity, sizeof *grown);
    tsri_target_walk walk;
    tsri_target inner;

    if (!grown)
        return tsri_error_no_memory(err, capacity * sizeof *grown);
    unit->entries = grown;
    tsri_target_walk_init(&walk, &unit->targets[target], NULL, lengths);
    do {
        int64_t number = tsri_cell_number(prepared->encoded_rank, prepared->grid, walk.cell);
        if (tsri_shard_entry_is_missing(index[number])) {
            tsri_target_walk_take(&walk, &inner);
            TSRI_TRY(tsri_target_deliver_fill(&inner, err));
            *delivered_bytes += tsri_target_bytes(&inner);
            continue;
        }
        if (keeps_inner_chunks(unit)) {
            bool delivered = false;
            tsri_target_walk_take(&walk, &inner);
            TSRI_TRY(
                deliver_kept_inner(unit, scratch, index[number].offset, &inner, &delivered, err));
            if (delivered) {
                *delivered_bytes += tsri_target_bytes(&inner);
                continue;
            }
        }
        unit->entries[unit->entry_total++] =
            (tsri_entry){index[number].offset, index[number].size_bytes, number, target};
    } while (tsri_target_walk_next(&walk));
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    const tsri_entry *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->target < b->target ? -1 : a->target > b->target;
}

/* Enough portions for every thread to have several, so that none waits for the last one. */
#define PORTIONS_PER_THREAD 4

static int make_entries(tsri_unit *unit, tsr_codec_scratch *scratch, const tsri_shard_entry *index,
                        int threads, int64_t *delivered_bytes, tsr_error *err)
{
    for (size_t target = 0; target < unit->target_count; target++)
        TSRI_TRY(add_entries(unit, scratch, target, index, delivered_bytes, err));
    qsort(unit->entries, unit->entry_total, sizeof *unit->entries, compare_entries);
    unit->entries_per_portion = unit->entry_total / (size_t)(threads * PORTIONS_PER_THREAD) + 1;
    return 0;
}

int tsri_unit_decode_index(tsri_unit *unit, tsr_codec_scratch *scratch, const void *bytes,
                           uint64_t shard_bytes, tsr_blob **ret_index, tsr_error *err)
{
    const tsri_prepared *prepared = unit->prepared;
    tsr_auto(tsr_blob) *index = NULL;
    TSRI_TRY(tsr_blob_new((size_t)prepared->entry_count * sizeof(tsri_shard_entry), &index, err));
    tsri_shard_entry *entries = tsr_blob_data_writable(index);
    int status = tsri_shard_index_decode(prepared, scratch, bytes, entries, err);
    if (status == 0)
        status = tsri_shard_index_check(prepared, entries, shard_bytes, err);
    if (status < 0)
        return tsri_unit_blame(unit, -1, 0, shard_bytes, err);
    *ret_index = TSRI_TAKE(index);
    return 0;
}

int tsri_unit_take_index(tsri_unit *unit, tsr_codec_scratch *scratch, const tsr_blob *index,
                         int threads, int64_t *delivered_bytes, tsr_error *err)
{
    int status = make_entries(unit, scratch, tsr_blob_data(index), threads, delivered_bytes, err);
    unit->state = status == 0 && unit->entry_total > 0 ? TSRI_UNIT_CUT : TSRI_UNIT_DONE;
    return status;
}

int64_t tsri_unit_bytes(const tsri_unit *unit)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < unit->target_count; i++)
        bytes += tsri_target_bytes(&unit->targets[i]);
    return bytes;
}

/* The array axis behind each encoded axis of the unit. */
static void array_axes(const tsri_unit *unit, int *ret_axes)
{
    for (int axis = 0; axis < unit->targets[0].rank; axis++)
        ret_axes[axis] = unit->targets[0].axes[axis].array_axis;
}

int tsri_unit_new_child(tsri_unit *unit, const tsri_entry *entries, size_t count,
                        tsri_unit **ret_child, tsr_error *err)
{
    tsri_unit *child;
    int64_t start[TSR_RANK_MAX];
    int axes[TSR_RANK_MAX];

    tsri_target *targets = count > 1 ? tsri_alloc_array(count, sizeof *targets) : NULL;
    int status = count > 1 && !targets ? tsri_error_no_memory(err, count * sizeof *targets)
                                       : tsri_unit_new(unit->array, unit->prepared->inner, targets,
                                                       NULL, &child, err);
    if (status < 0) {
        tsri_free(targets);
        return status;
    }
    child->parent = unit; /* which has what is prepared for as long as there are children */
    child->level = unit->level + 1;
    child->extent = unit->extent;
    child->extent.offset += entries->offset;
    child->extent.size_bytes = entries->size_bytes;
    child->blob = unit->blob ? tsr_blob_ref(unit->blob) : NULL;
    child->generation = unit->generation;
    child->has_generation = unit->has_generation;
    child->settled = unit->settled;
    memcpy(child->origin, unit->origin, sizeof child->origin);
    tsri_shard_inner_start(unit->prepared, entries->number, start);
    array_axes(unit, axes);
    for (int axis = 0; axis < unit->prepared->encoded_rank; axis++)
        child->origin[axes[axis]] += start[axis];
    for (size_t i = 0; i < count; i++)
        restrict_to_inner(unit, entries[i].target, entries[i].number,
                          &child->targets[child->target_count++]);
    *ret_child = child;
    return 0;
}

/* ---- blame ---- */

static void print_index(char *text, size_t capacity, int rank, const int64_t *index)
{
    size_t used = (size_t)snprintf(text, capacity, "[");
    for (int axis = 0; axis < rank && used < capacity; axis++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%" PRId64, axis ? ", " : "",
                                 index[axis]);
    if (used < capacity)
        snprintf(text + used, capacity - used, "]");
}

/* The grid coordinates, over the whole array, of inner chunk `number`. */
static void inner_index(const tsri_unit *unit, int64_t number, int64_t *ret_index)
{
    int64_t start[TSR_RANK_MAX];
    int axes[TSR_RANK_MAX];
    tsri_shard_inner_start(unit->prepared, number, start);
    array_axes(unit, axes);
    for (int axis = 0; axis < unit->array->rank; axis++)
        ret_index[axes[axis]] = (unit->origin[axes[axis]] + start[axis]) /
                                unit->prepared->chain->shard->chunk_shape[axis];
}

int tsri_unit_blame(const tsri_unit *unit, int64_t number, uint64_t offset, uint64_t size_bytes,
                    tsr_error *err)
{
    char text[256];
    int64_t index[TSR_RANK_MAX] = {0};
    const char *place = unit->array->place, *key = unit->extent.key;

    if (!err)
        return TSR_INTERNAL;
    tsr_error_set_where(err, "bytes %" PRIu64 "..%" PRIu64 " of %s/%s",
                        unit->extent.offset + offset, unit->extent.offset + offset + size_bytes,
                        tsr_store_url(unit->extent.store), key);
    size_t path_bytes = unit->array->path ? strlen(unit->array->path) : 0;
    if (path_bytes > 0 && strncmp(key, unit->array->path, path_bytes) == 0)
        key += path_bytes + 1;
    if (err->status == TSR_DAMAGED)
        tsr_error_set_next_step(err, "`tessera check %s --data` lists all damaged chunks", place);
    if (number >= 0) {
        inner_index(unit, number, index);
        print_index(text, sizeof text, unit->array->rank, index);
        return tsr_error_prepend(err, "%s: inner chunk %s in shard %s", place, text, key);
    }
    return tsr_error_prepend(err, "%s: chunk %s", place, key);
}
