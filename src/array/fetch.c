#include "array/fetch.h"

#include <inttypes.h>

#include "array/cursor.h"
#include "array/unit.h"
#include "base/checked.h"
#include "base/context.h"

/* Pieces of about this size are read into a buffer that stays in the second-level cache. */
#define PORTION_BYTES (512 << 10)
/* Scratch for encoded bytes is kept up to this size; larger answers are allocated by the store. */
#define FETCH_BUFFER_MAX (80 << 20)
#define ATTEMPTS_MAX 10
/* A value that changed so often while it was read in pieces is read at once, if it is not too
 * large. */
#define ATTEMPTS_IN_PIECES 3
#define RANGE_BYTES_MAX (INT64_MAX / 4)
/* Less decoded data than this is not worth waking another thread for. */
#define SMALL_BYTES (64 << 10)

typedef struct fetch fetch;

typedef struct runner {
    tsri_task task;
    fetch *fetch;
    bool active;
} runner;

/* A portion on its way: handed out, asked for, answered. */
typedef struct flight {
    tsri_task task;
    fetch *fetch;
    tsri_portion portion;
    tsr_get_request request;
    bool answered; /* by a store that answers at once, before get returned */
    int64_t budget_bytes;
    tsr_generation generation; /* that the answer must be of, when known */
    bool has_generation;
    tsr_error error;
} flight;

struct fetch {
    tsr_context *context;
    const tsr_call *call;
    tsri_task_group group;
    tsri_budget budget;
    int threads;
    bool is_small; /* not worth waking another thread for */

    pthread_mutex_t mutex; /* everything below; held for moments, never over I/O or decoding */
    tsri_cursors cursors;
    tsri_unit *ready; /* units that may have portions to hand out, latest first */
    int in_flight;    /* requests to stores that do not answer at once */
    flight *parked;   /* a flight that waits for budget */
    runner *runners;  /* `threads` of them */
};

static void run(tsri_task *task);

/* ---- units
 * ------------------------------------------------------------------------------------------------------
 */

/* The caller holds the mutex. */
static void push_ready(fetch *self, tsri_unit *unit)
{
    unit->next = self->ready;
    self->ready = unit;
}

/* Starts one more runner, if a thread is free. The caller holds the mutex. */
static void wake(fetch *self)
{
    for (int i = 0; i < self->threads; i++) {
        if (self->runners[i].active)
            continue;
        self->runners[i].active = true;
        tsri_group_spawn(&self->group, &self->runners[i].task, run);
        return;
    }
}

static void publish(fetch *self, tsri_unit *unit)
{
    pthread_mutex_lock(&self->mutex);
    push_ready(self, unit);
    wake(self);
    pthread_mutex_unlock(&self->mutex);
}

static void fail(fetch *self, tsr_error *error)
{
    tsri_group_fail(&self->group, error->status ? error->status : TSR_INTERNAL, error);
}

/* Drops one reference; the last one ends the unit, or starts it again when its value changed on the
 * way. A nested shard holds a reference of the shard around it. */
static void release_unit(fetch *self, tsri_unit *unit)
{
    while (unit && __atomic_sub_fetch(&unit->references, 1, __ATOMIC_ACQ_REL) == 0) {
        tsri_unit *parent = unit->parent;
        if (unit->conflict && !tsri_group_stopped(&self->group)) {
            tsri_unit_restart(unit);
            publish(self, unit);
            return;
        }
        tsri_unit_free(unit);
        unit = parent;
    }
}

static bool has_sink(const tsri_unit *unit)
{
    for (size_t i = 0; i < unit->target_count; i++)
        if (!unit->targets[i].data)
            return true;
    return false;
}

/* The value changed between two requests of the unit: everything is read again, except where
 * elements were given away. */
static void note_conflict(fetch *self, tsri_unit *unit, tsr_error *error)
{
    while (unit->parent)
        unit = unit->parent;
    if (unit->attempts < ATTEMPTS_MAX && !has_sink(unit)) {
        __atomic_store_n(&unit->conflict, 1, __ATOMIC_RELEASE);
        return;
    }
    tsr_error_set(error, TSR_CONFLICT, "%s: %s changed while it was read", unit->array->place,
                  unit->extent.key);
    tsr_error_set_next_step(error, "read again when its writer is done");
    fail(self, error);
}

/* Takes the next chunk from the cursors. The caller holds the mutex. */
static int admit(fetch *self, tsri_unit **ret_unit, tsr_error *err)
{
    tsr_array *array;
    const int64_t *at;
    int64_t chunk[TSR_RANK_MAX];
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsri_unit *unit;

    *ret_unit = NULL;
    if (!tsri_cursors_peek(&self->cursors, &array, &at))
        return 0;
    memcpy(chunk, at, (size_t)array->rank * sizeof *chunk);
    const tsri_grid *grid = tsri_cursors_grid(&self->cursors);
    TSRI_TRY(tsri_array_prepare(array, grid, chunk, &prepared, err));
    TSRI_TRY(tsri_unit_new(array, prepared, tsri_cursors_sharers(&self->cursors), &unit, err));
    while (unit->target_count < unit->target_capacity &&
           tsri_cursors_take(&self->cursors, array, chunk, &unit->targets[unit->target_count]))
        unit->target_count++;
    for (int axis = 0; axis < array->rank; axis++)
        unit->origin[axis] = tsri_grid_start(grid, axis, chunk[axis]);
    int status = prepared ? tsri_array_locate(array, chunk, &unit->extent, err) : 0;
    if (status < 0)
        tsri_unit_free(unit);
    else
        *ret_unit = unit;
    return status;
}

/* ---- portions
 * -----------------------------------------------------------------------------------------------------
 */

/* Whether the store of a unit answers before get returns. */
static bool answers_at_once(const tsri_unit *unit)
{
    return unit->blob || !unit->prepared || unit->extent.store->hints.answers_at_once;
}

/* Whether a value that keeps changing is small enough to be read by one request. */
static bool may_read_at_once(const tsri_unit *unit)
{
    tsr_size_bound bound = unit->prepared->bound;
    return unit->attempts >= ATTEMPTS_IN_PIECES && bound.size_class != TSR_SIZE_UNBOUNDED &&
           bound.size_bytes <= (uint64_t)unit->array->context->options.largest_chunk_bytes;
}

static bool next_of_unit(tsri_unit *unit, tsri_portion *portion)
{
    uint64_t portion_bytes = PORTION_BYTES, gap_bytes = 0;
    if (unit->prepared && !unit->blob) {
        const tsr_store_hints *hints = &unit->extent.store->hints;
        unit->at_once = may_read_at_once(unit);
        gap_bytes = unit->at_once ? RANGE_BYTES_MAX : hints->coalesce_gap_bytes;
        if (unit->at_once)
            portion_bytes = RANGE_BYTES_MAX;
        else if (!hints->answers_at_once && hints->largest_range_bytes > 0)
            portion_bytes = hints->largest_range_bytes;
    }
    return tsri_unit_next_portion(unit, TSRI_MIN(portion_bytes, (uint64_t)RANGE_BYTES_MAX),
                                  TSRI_MIN(gap_bytes, (uint64_t)RANGE_BYTES_MAX), portion);
}

/* Whether one more request to the unit's store may be on the wire. The caller holds the mutex. */
static bool may_fly(const fetch *self, const tsri_unit *unit)
{
    return answers_at_once(unit) ||
           self->in_flight < TSRI_MAX(unit->extent.store->hints.requests_in_flight, 1);
}

/* A unit that hands out something: the first ready one, or a new chunk. The caller holds the mutex.
 */
static int find_unit(fetch *self, tsri_portion *portion, bool *ret_found, tsr_error *err)
{
    for (;;) {
        tsri_unit *unit = self->ready;
        if (!unit) {
            TSRI_TRY(admit(self, &unit, err));
            if (!unit)
                return 0;
            push_ready(self, unit);
        }
        if (!may_fly(self, unit))
            return 0;
        *ret_found = next_of_unit(unit, portion);
        if (*ret_found)
            __atomic_add_fetch(&unit->references, 1, __ATOMIC_RELAXED);
        bool waits = unit->state == TSRI_UNIT_WAITING;
        if (waits || unit->state == TSRI_UNIT_DONE) {
            self->ready = unit->next;
            if (!waits && __atomic_sub_fetch(&unit->references, 1, __ATOMIC_ACQ_REL) == 0)
                tsri_unit_free(unit);
        }
        if (*ret_found)
            return 0;
    }
}

/* Hands the next portion to a runner. The caller holds the mutex. */
static int take_portion(fetch *self, flight *next, bool *ret_found, tsr_error *err)
{
    TSRI_TRY(find_unit(self, &next->portion, ret_found, err));
    if (!*ret_found)
        return 0;
    next->request = (tsr_get_request){0};
    next->generation = next->portion.unit->generation;
    next->has_generation = next->portion.unit->has_generation;
    if (!answers_at_once(next->portion.unit))
        self->in_flight++;
    if (!self->is_small && (self->ready || self->cursors.count > 0))
        wake(self);
    return 0;
}

/* ---- requests
 * -----------------------------------------------------------------------------------------------------
 */

/* An unpacked chunk can be put into the caller's memory by the store itself. */
static void *direct_destination(const flight *self)
{
    const tsri_portion *portion = &self->portion;
    return portion->kind == TSRI_PORTION_RAW ? tsri_unit_raw_direct(portion) : NULL;
}

static uint64_t expected_bytes(const tsri_unit *unit, const tsr_range *range)
{
    if (range->kind != TSR_RANGE_WHOLE)
        return range->size_bytes;
    if (unit->extent.size_bytes != TSR_REST)
        return unit->extent.size_bytes;
    return unit->prepared->bound.size_class == TSR_SIZE_UNBOUNDED
               ? 0
               : unit->prepared->bound.size_bytes;
}

/* Turns a range within the extent into one within the value. */
static tsr_range range_in_value(const tsri_unit *unit, tsr_range range)
{
    if (range.kind == TSR_RANGE_WHOLE && unit->extent.size_bytes != TSR_REST)
        return (tsr_range){TSR_RANGE_PART, unit->extent.offset, unit->extent.size_bytes};
    if (range.kind == TSR_RANGE_PART)
        range.offset += unit->extent.offset;
    return range;
}

static void answered(tsr_get_request *request);

/* What a value of unknown size may take at most: foreign encoders may be less tight than ours. */
static uint64_t size_limit(const flight *self)
{
    const tsri_unit *unit = self->portion.unit;
    uint64_t expected = expected_bytes(unit, &self->portion.range);
    if (self->request.range.kind != TSR_RANGE_WHOLE)
        return 0;
    uint64_t largest = (uint64_t)unit->array->context->options.largest_chunk_bytes;
    return expected > 0 && expected < largest ? 2 * expected + (1 << 20) : 2 * largest;
}

static void fill_request(flight *self, void *buffer, size_t buffer_bytes)
{
    const tsri_unit *unit = self->portion.unit;
    void *direct = direct_destination(self);

    self->request = (tsr_get_request){
        .key = unit->extent.key,
        .range = range_in_value(unit, self->portion.range),
        .if_match = self->has_generation ? &self->generation : NULL,
        .destination = direct ? direct : buffer,
        .destination_bytes = direct ? (size_t)self->portion.range.size_bytes : buffer_bytes,
        .done = answered,
        .user = self,
        .err = &self->error,
    };
    self->request.limit_bytes = size_limit(self);
}

/* ---- answers
 * -------------------------------------------------------------------------------------------------------
 */

static int deliver_all_fill(tsri_unit *unit, tsr_error *err)
{
    for (size_t i = 0; i < unit->target_count; i++)
        TSRI_TRY(tsri_target_deliver_fill(&unit->targets[i], err));
    return 0;
}

/* Whether the pieces of a raw chunk are of one version of its value. An absent value is a version
 * too: generation 0. */
static bool is_same_version(fetch *self, const flight *from)
{
    tsri_unit *unit = from->portion.unit;
    tsr_generation generation =
        from->request.status < 0 ? (tsr_generation){{0}} : from->request.generation;

    pthread_mutex_lock(&self->mutex);
    bool first = !unit->has_first_version;
    if (first)
        unit->first_version = generation;
    unit->has_first_version = true;
    bool same = memcmp(&unit->first_version, &generation, sizeof generation) == 0;
    pthread_mutex_unlock(&self->mutex);
    return same;
}

/* A chunk that is not there is all fill value; a part of one that is too short is damage. */
static int judge_failure(fetch *self, flight *from, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    const tsri_portion *portion = &from->portion;

    switch (from->request.status) {
    case TSR_NOT_FOUND:
        if (from->has_generation) {
            note_conflict(self, unit, err);
            return 0;
        }
        if (unit->extent.size_bytes != TSR_REST || unit->extent.offset > 0)
            break;
        tsr_error_clear(err);
        if (portion->kind != TSRI_PORTION_RAW)
            return deliver_all_fill(unit, err);
        if (!is_same_version(self, from))
            note_conflict(self, unit, err);
        return tsri_target_deliver_fill(&portion->target, err);
    case TSR_CONFLICT:
        note_conflict(self, unit, err);
        return 0;
    case TSR_OUT_OF_BOUNDS:
        tsr_error_set(err, TSR_DAMAGED, "%" PRIu64 " bytes are stored where more are needed",
                      from->request.value_bytes);
        return tsri_unit_blame(unit, -1, portion->range.offset, portion->range.size_bytes, err);
    default:
        break;
    }
    if (err->status == 0)
        tsr_error_set(err, from->request.status, "%s", tsr_status_text(from->request.status));
    return tsri_unit_blame(unit, -1, portion->range.offset, portion->range.size_bytes, err);
}

static int take_index(fetch *self, flight *from, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, uint64_t shard_bytes, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    uint64_t offset;

    if (size_bytes < (size_t)unit->prepared->index_bytes) {
        unit->state = TSRI_UNIT_DONE;
        tsri_shard_index_offset(unit->prepared, size_bytes, &offset, err);
        return tsri_unit_blame(unit, -1, 0, shard_bytes, err);
    }
    return tsri_unit_take_index(unit, scratch, bytes, shard_bytes, self->threads, err);
}

/* A shard that further codecs have packed is unpacked into memory and goes on from there. */
static int take_packed_shard(fetch *self, flight *from, tsr_codec_scratch *scratch,
                             const void *bytes, size_t size_bytes, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    const void *unpacked;
    size_t unpacked_bytes;
    uint64_t offset;
    tsr_blob *blob;

    int status = tsri_chain_unpack(unit->prepared, scratch, bytes, size_bytes, SIZE_MAX, NULL,
                                   &unpacked, &unpacked_bytes, err);
    if (status == 0)
        status = tsri_shard_index_offset(unit->prepared, unpacked_bytes, &offset, err);
    if (status < 0)
        return tsri_unit_blame(unit, -1, 0, size_bytes, err);
    TSRI_TRY(tsr_blob_new(unpacked_bytes, &blob, err));
    memcpy(tsr_blob_data_writable(blob), unpacked, unpacked_bytes);
    tsr_blob_unref(unit->blob);
    unit->blob = blob;
    unit->extent.offset = 0;
    unit->extent.size_bytes = unpacked_bytes;
    return tsri_unit_take_index(unit, scratch, (const char *)tsr_blob_data(blob) + offset,
                                unpacked_bytes, self->threads, err);
}

static size_t entries_of_same_chunk(const tsri_entry *entries, size_t count)
{
    size_t same = 1;
    while (same < count && entries[same].number == entries[0].number)
        same++;
    return same;
}

static int take_entries(fetch *self, flight *from, tsr_codec_scratch *scratch, const void *bytes,
                        tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    const tsri_entry *entries = unit->entries + from->portion.first_entry;
    size_t count = from->portion.entry_count;

    while (count > 0) {
        size_t same = entries_of_same_chunk(entries, count);
        const char *start = (const char *)bytes + (entries->offset - from->portion.range.offset);
        TSRI_TRY(tsri_unit_decode_entry(unit, scratch, entries, same, start, err));
        tsri_group_progress(&self->group, 1, 0, 0, 0);
        entries += same;
        count -= same;
        if (count > 0 && tsri_group_stopped(&self->group))
            return 0;
    }
    return 0;
}

/* Inner chunks that are shards themselves become units of their own; nothing was fetched for them.
 */
static int start_children(fetch *self, const tsri_portion *portion, tsr_error *err)
{
    const tsri_entry *entries = portion->unit->entries + portion->first_entry;
    size_t count = portion->entry_count;

    while (count > 0) {
        size_t same = entries_of_same_chunk(entries, count);
        tsri_unit *child;
        TSRI_TRY(tsri_unit_new_child(portion->unit, entries, same, &child, err));
        __atomic_add_fetch(&portion->unit->references, 1, __ATOMIC_RELAXED); /* the child's */
        publish(self, child);
        entries += same;
        count -= same;
    }
    return 0;
}

/* Everything that is stored of a raw chunk under a key of its own has exactly the chunk's size. */
static int check_raw_size(const flight *from, tsr_error *err)
{
    const tsri_unit *unit = from->portion.unit;
    uint64_t needed = unit->prepared->bound.size_bytes, stored = from->request.value_bytes;
    if (unit->blob || unit->extent.size_bytes != TSR_REST || unit->extent.offset > 0 ||
        stored == needed)
        return 0;
    tsr_error_set(err, TSR_DAMAGED, "%" PRIu64 " bytes are stored where the chunk has %" PRIu64,
                  stored, needed);
    return tsri_unit_blame(unit, -1, 0, stored, err);
}

/* Does with the bytes of a portion what its kind asks for. */
static int take_bytes(fetch *self, flight *from, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, uint64_t value_bytes, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    uint64_t shard_bytes =
        unit->extent.size_bytes == TSR_REST ? value_bytes : unit->extent.size_bytes;

    switch (from->portion.kind) {
    case TSRI_PORTION_INDEX:
        unit->generation = from->request.generation;
        unit->has_generation = !unit->blob;
        return take_index(self, from, scratch, bytes, size_bytes, shard_bytes, err);
    case TSRI_PORTION_ENTRIES:
        return take_entries(self, from, scratch, bytes, err);
    case TSRI_PORTION_RAW:
        TSRI_TRY(check_raw_size(from, err));
        if (!unit->blob && !is_same_version(self, from))
            note_conflict(self, unit, err);
        if (bytes == direct_destination(from)) {
            tsri_target_account(&from->portion.target);
            return 0;
        }
        return tsri_unit_deliver_raw(&from->portion, scratch, bytes, err);
    default:
        if (tsri_prepared_is_shard(unit->prepared))
            return take_packed_shard(self, from, scratch, bytes, size_bytes, err);
        TSRI_TRY(tsri_unit_decode_whole(unit, scratch, bytes, size_bytes, err));
        tsri_group_progress(&self->group, 1, 0, 0, 0);
        return 0;
    }
}

static void finish(fetch *self, flight *from, int status, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    bool was_index = unit->prepared && tsri_prepared_is_shard(unit->prepared) &&
                     from->portion.kind != TSRI_PORTION_ENTRIES;

    if (status < 0)
        fail(self, err);
    if (from->request.done) /* otherwise the bytes were in memory, or a driver's own */
        tsri_group_progress(&self->group, 0, 0, (int64_t)from->request.size_bytes, 1);
    if (was_index) {
        if (status == 0 && unit->state == TSRI_UNIT_CUT)
            publish(self, unit);
        else
            release_unit(self, unit); /* the reference of a unit that hands out portions */
    }
    release_unit(self, unit);
}

static void take_answer(fetch *self, flight *from, tsr_codec_scratch *scratch)
{
    tsr_get_request *request = &from->request;
    const void *bytes = request->blob ? tsr_blob_data(request->blob) : request->destination;
    int status = request->status < 0 ? judge_failure(self, from, &from->error)
                                     : take_bytes(self, from, scratch, bytes, request->size_bytes,
                                                  request->value_bytes, &from->error);
    tsr_blob_unref(request->blob);
    request->blob = NULL;
    finish(self, from, status, &from->error);
}

/* ---- drivers that fill boxes ---- */

static int call_read_box(fetch *self, tsr_array *array, const int64_t *start, const tsr_view *view,
                         tsr_error *err)
{
    if (array->ops->serial)
        pthread_mutex_lock(&array->serial);
    int status = array->ops->read_box(array->driver, start, view, self->call, err);
    if (array->ops->serial)
        pthread_mutex_unlock(&array->serial);
    if (status < 0)
        tsr_error_prepend(err, "%s", array->place);
    return status;
}

/* The box from the first to the last element that a target wants, read into scratch and picked from
 * there. */
static int read_box(fetch *self, tsri_unit *unit, const tsri_target *target,
                    tsr_codec_scratch *scratch, tsr_error *err)
{
    static const char nothing = 0;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsri_target inside = *target;
    tsr_view box;

    for (int axis = 0; axis < target->rank; axis++) {
        int64_t first, last;
        tsri_target_bounds(target, axis, &first, &last);
        start[axis] = unit->origin[axis] + first;
        shape[axis] = last - first + 1;
        inside.axes[axis].start = 0;
        inside.axes[axis].origin += first;
    }
    TSRI_TRY(tsr_view_init(&box, unit->array->dtype, target->rank, shape, (void *)&nothing, err));
    if (tsri_target_is_direct(&inside, box.shape, box.strides)) {
        box.data = target->data;
        return call_read_box(self, unit->array, start, &box, err);
    }
    box.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&box));
    if (!box.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&box));
    TSRI_TRY(call_read_box(self, unit->array, start, &box, err));
    return tsri_target_deliver(&inside, &box, false, scratch, err);
}

static void read_boxes(fetch *self, flight *from, tsr_codec_scratch *scratch)
{
    tsri_unit *unit = from->portion.unit;
    int status = 0;
    for (size_t i = 0; i < unit->target_count && status == 0; i++)
        status = read_box(self, unit, &unit->targets[i], scratch, &from->error);
    tsri_group_progress(&self->group, 1, 0, 0, 0);
    finish(self, from, status, &from->error);
}

/* ---- runners
 * --------------------------------------------------------------------------------------------------------
 */

/* A store's answer, on any thread. */
static void answered_later(tsri_task *task)
{
    flight *from = (flight *)task;
    fetch *self = from->fetch;
    tsr_codec_scratch *scratch = NULL;

    int status = tsri_scratch_acquire(self->context, &scratch, &from->error);
    if (status < 0) {
        tsr_blob_unref(from->request.blob);
        finish(self, from, status, &from->error);
    } else {
        take_answer(self, from, scratch);
        tsri_scratch_release(self->context, scratch);
    }
    int64_t budget_bytes = from->budget_bytes;
    tsri_free(from);
    pthread_mutex_lock(&self->mutex);
    tsri_budget_give(&self->budget, budget_bytes);
    self->in_flight--;
    wake(self);
    pthread_mutex_unlock(&self->mutex);
}

static void answered(tsr_get_request *request)
{
    flight *from = request->user;
    if (answers_at_once(from->portion.unit)) {
        from->answered = true;
        return;
    }
    fetch *self = from->fetch;
    tsri_group_spawn(&self->group, &from->task, answered_later);
    tsri_group_release(&self->group);
}

/* Bytes in memory need no request. */
static void run_in_memory(fetch *self, flight *now, tsr_codec_scratch *scratch)
{
    const tsri_unit *unit = now->portion.unit;
    const char *bytes = (const char *)tsr_blob_data(unit->blob) + unit->extent.offset;
    uint64_t offset = now->portion.range.kind == TSR_RANGE_PART ? now->portion.range.offset : 0;
    uint64_t size = now->portion.range.kind == TSR_RANGE_PART ? now->portion.range.size_bytes
                                                              : unit->extent.size_bytes;

    now->request = (tsr_get_request){0};
    int status = take_bytes(self, now, scratch, bytes + offset, (size_t)size,
                            unit->extent.size_bytes, &now->error);
    finish(self, now, status, &now->error);
}

/* Reads and decodes on the spot. */
static void run_at_once(fetch *self, flight *now, tsr_codec_scratch *scratch)
{
    const tsri_unit *unit = now->portion.unit;
    uint64_t expected = expected_bytes(unit, &now->portion.range);
    void *buffer = NULL;

    if (expected > 0 && expected <= FETCH_BUFFER_MAX)
        buffer = tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, (size_t)expected);
    fill_request(now, buffer, buffer ? (size_t)expected : 0);
    tsr_store_get_many(unit->extent.store, &now->request, 1, self->call);
    take_answer(self, now, scratch);
}

/* Puts a request on the wire; its answer becomes a task. */
static void launch(fetch *self, flight *now)
{
    fill_request(now, NULL, 0);
    tsri_group_hold(&self->group);
    tsr_store_get_many(now->portion.unit->extent.store, &now->request, 1, self->call);
}

/* Undoes the handing out of a portion that nobody asks for. */
static void drop_portion(fetch *self, const tsri_portion *portion)
{
    tsri_unit *unit = portion->unit;
    if (unit->state == TSRI_UNIT_WAITING)
        release_unit(self, unit); /* its index will not come */
    release_unit(self, unit);
}

/* Sends a portion to a store that answers later, or parks it until the budget has room. */
static int send_later(fetch *self, const flight *now, tsr_error *err)
{
    flight *sent = tsri_alloc(sizeof *sent);
    if (!sent) {
        drop_portion(self, &now->portion);
        return tsri_error_no_memory(err, sizeof *sent);
    }
    *sent = *now;
    sent->budget_bytes = (int64_t)expected_bytes(now->portion.unit, &now->portion.range);
    pthread_mutex_lock(&self->mutex);
    bool room = tsri_budget_take(&self->budget, sent->budget_bytes);
    if (!room) {
        sent->task.next = (tsri_task *)self->parked;
        self->parked = sent;
    }
    pthread_mutex_unlock(&self->mutex);
    if (room)
        launch(self, sent);
    return 0;
}

/* A flight that was parked and for which there is room now, or NULL. The caller holds the mutex. */
static flight *take_parked(fetch *self)
{
    flight *parked = self->parked;
    if (!parked || !tsri_budget_take(&self->budget, parked->budget_bytes))
        return NULL;
    self->parked = (flight *)parked->task.next;
    return parked;
}

static bool is_nested(const tsri_portion *portion)
{
    return portion->kind == TSRI_PORTION_ENTRIES &&
           tsri_prepared_is_shard(portion->unit->prepared->inner);
}

static int run_portion(fetch *self, flight *now, tsr_codec_scratch *scratch, tsr_error *err)
{
    const tsri_unit *unit = now->portion.unit;
    int status = 0;

    if (now->portion.kind == TSRI_PORTION_BOX) {
        read_boxes(self, now, scratch);
    } else if (is_nested(&now->portion)) {
        bool slow = !answers_at_once(unit);
        status = start_children(self, &now->portion, err);
        if (slow) {
            pthread_mutex_lock(&self->mutex);
            self->in_flight--;
            pthread_mutex_unlock(&self->mutex);
        }
        release_unit(self, now->portion.unit);
    } else if (unit->blob) {
        run_in_memory(self, now, scratch);
    } else if (answers_at_once(unit)) {
        run_at_once(self, now, scratch);
    } else {
        status = send_later(self, now, err);
    }
    return status;
}

/* Does one thing; false when there is nothing to do. The runner becomes inactive in the same moment
 * in which it finds nothing, so that whoever brings something knows that it has to be woken. */
static bool run_once(runner *me, tsr_codec_scratch *scratch, flight *now)
{
    fetch *self = me->fetch;
    bool stopped = tsri_group_stopped(&self->group), found = false;
    flight *parked = NULL;
    int status = 0;

    now->fetch = self;
    now->error = (tsr_error)TSR_ERROR_INIT;
    pthread_mutex_lock(&self->mutex);
    if (!stopped)
        parked = take_parked(self);
    if (!stopped && !self->parked && !parked)
        status = take_portion(self, now, &found, &now->error);
    bool busy = me->active = parked || found;
    pthread_mutex_unlock(&self->mutex);
    if (parked)
        launch(self, parked);
    else if (found)
        status = run_portion(self, now, scratch, &now->error);
    if (status < 0)
        fail(self, &now->error);
    return busy;
}

static void run(tsri_task *task)
{
    runner *me = (runner *)task;
    fetch *self = me->fetch;
    tsr_codec_scratch *scratch = NULL;
    flight now;

    now.error = (tsr_error)TSR_ERROR_INIT;
    if (tsri_scratch_acquire(self->context, &scratch, &now.error) < 0) {
        fail(self, &now.error); /* the runner stays active: nobody is to wake it any more */
        return;
    }
    while (run_once(me, scratch, &now))
        ;
    tsri_scratch_release(self->context, scratch);
}

/* ---- the whole
 * -------------------------------------------------------------------------------------------------------
 */

/* What a read that was stopped left behind. */
static void clear(fetch *self)
{
    while (self->parked) {
        flight *parked = self->parked;
        self->parked = (flight *)parked->task.next;
        drop_portion(self, &parked->portion);
        tsri_free(parked);
    }
    while (self->ready) {
        tsri_unit *unit = self->ready;
        self->ready = unit->next;
        release_unit(self, unit);
    }
    tsri_cursors_clear(&self->cursors);
    tsri_free(self->runners);
    pthread_mutex_destroy(&self->mutex);
}

static void set_totals(fetch *self, const tsri_read *reads, size_t n)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t more;
        if (!tsri_multiply_i64(tsr_index_count(&reads[i].index),
                               (int64_t)reads[i].array->dtype->size_bytes, &more) ||
            !tsri_add_i64(bytes, more, &bytes))
            return;
    }
    self->group.progress.bytes_total = bytes;
    self->is_small = bytes < SMALL_BYTES;
}

int tsri_fetch(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
               tsri_task_group *parent, tsr_error *err)
{
    fetch self = {.context = context, .call = call};

    TSRI_TRY(tsri_cursors_init(&self.cursors, reads, n, err));
    int status = tsri_group_init(&self.group, context, call, parent, err);
    if (status < 0) {
        tsri_cursors_clear(&self.cursors);
        return status;
    }
    self.threads = tsri_pool_threads(self.group.pool);
    self.budget.limit_bytes =
        call && call->byte_budget > 0 ? call->byte_budget : context->options.bytes_in_flight;
    pthread_mutex_init(&self.mutex, NULL);
    self.runners = tsri_alloc_array_zero((size_t)self.threads, sizeof *self.runners);
    if (!self.runners)
        tsri_group_fail(&self.group, tsri_error_no_memory(&self.group.error, sizeof *self.runners),
                        &self.group.error);
    for (int i = 0; self.runners && i < self.threads; i++)
        self.runners[i].fetch = &self;
    set_totals(&self, reads, n);
    for (size_t i = 0; i < n; i++)
        reads[i].group = &self.group;
    pthread_mutex_lock(&self.mutex);
    if (self.runners && self.cursors.count > 0)
        wake(&self);
    pthread_mutex_unlock(&self.mutex);
    status = tsri_group_wait(&self.group, err);
    clear(&self);
    for (size_t i = 0; i < n && status == 0; i++)
        tsri_target_repeat(&reads[i]);
    return status;
}
