/* Portions on their way: what is asked of the store for one, and what is done with its answer. */
#include "array/flight.h"

#include <inttypes.h>

#include "array/unit.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/profile.h"

#define ATTEMPTS_MAX 10

/* ---- requests ---- */

/* An unpacked chunk can be put into the caller's memory by the store itself. */
static void *direct_destination(const tsri_flight *self)
{
    const tsri_portion *portion = &self->portion;
    return portion->kind == TSRI_PORTION_RAW ? tsri_unit_raw_direct(portion) : NULL;
}

uint64_t tsri_flight_expected_bytes(const tsri_unit *unit, const tsr_range *range)
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

/* What is asked of the store. A bare chunk that is read at once is asked for as a whole, so that
 * the store need not expect to be asked for its other parts. */
static tsr_range range_of_request(const tsri_portion *portion)
{
    const tsri_unit *unit = portion->unit;
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    bool is_whole = portion->kind == TSRI_PORTION_RAW && unit->raw_is_single &&
                    unit->extent.size_bytes == TSR_REST &&
                    portion->range.size_bytes == unit->prepared->bound.size_bytes;
    return is_whole ? whole : range_in_value(unit, portion->range);
}

/* What a value of unknown size may take at most: foreign encoders may be less tight than ours. */
static uint64_t size_limit(const tsri_flight *self)
{
    const tsri_unit *unit = self->portion.unit;
    uint64_t expected = tsri_flight_expected_bytes(unit, &self->portion.range);
    if (self->request.range.kind != TSR_RANGE_WHOLE)
        return 0;
    uint64_t largest = (uint64_t)unit->array->context->options.largest_chunk_bytes;
    return expected > 0 && expected < largest ? 2 * expected + (1 << 20) : 2 * largest;
}

/* Asks whether what was kept is of the present version, and for no bytes. */
static void fill_question(tsri_flight *self, void (*answered)(tsr_get_request *request))
{
    static const char nothing = 0;
    self->request = (tsr_get_request){
        .key = self->portion.unit->extent.key,
        .range = {TSR_RANGE_PART, 0, 0},
        .if_match = &self->kept_source.generation,
        .destination = (void *)&nothing,
        .done = answered,
        .user = self,
        .err = &self->error,
    };
}

void tsri_flight_fill_request(tsri_flight *self, void *buffer, size_t buffer_bytes,
                              void (*answered)(tsr_get_request *request))
{
    const tsri_unit *unit = self->portion.unit;
    if (self->kept) {
        fill_question(self, answered);
        return;
    }
    void *direct = self->direct = direct_destination(self);
    self->request = (tsr_get_request){
        .key = unit->extent.key,
        .range = range_of_request(&self->portion),
        .if_match = self->has_generation ? &self->generation : NULL,
        .destination = direct ? direct : buffer,
        .destination_bytes = direct ? (size_t)self->portion.range.size_bytes : buffer_bytes,
        .done = answered,
        .user = self,
        .err = &self->error,
    };
    self->request.limit_bytes = size_limit(self);
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
static void note_conflict(tsri_fetcher *self, tsri_unit *unit, tsr_error *error)
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
    tsri_fetcher_fail(self, error);
}

/* ---- answers ---- */

static int deliver_all_fill(tsri_flight *from, tsr_error *err)
{
    const tsri_unit *unit = from->portion.unit;
    for (size_t i = 0; i < unit->target_count; i++)
        TSRI_TRY(tsri_target_deliver_fill(&unit->targets[i], err));
    from->by->done.bytes_done += tsri_unit_bytes(unit);
    return 0;
}

/* Of a bare chunk. */
static int deliver_fill(tsri_flight *from, tsr_error *err)
{
    TSRI_TRY(tsri_target_deliver_fill(&from->portion.target, err));
    from->by->done.bytes_done += tsri_target_bytes(&from->portion.target);
    return 0;
}

/* Whether the pieces of a raw chunk are of one version of its value. An absent value is a version
 * too: generation 0. */
static bool is_same_version(tsri_fetcher *self, const tsri_flight *from)
{
    tsri_unit *unit = from->portion.unit;
    tsr_generation generation =
        from->request.status < 0 ? (tsr_generation){{0}} : from->request.generation;

    if (unit->raw_is_single)
        return true;
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
static int judge_failure(tsri_fetcher *self, tsri_flight *from, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    const tsri_portion *portion = &from->portion;

    switch (from->request.status) {
    case TSR_NOT_FOUND:
        if (from->has_generation) {
            note_conflict(self, unit, err);
            return 0;
        }
        if (unit->extent.size_bytes != TSR_REST)
            break;
        tsr_error_clear(err);
        if (portion->kind != TSRI_PORTION_RAW)
            return deliver_all_fill(from, err);
        if (!is_same_version(self, from))
            note_conflict(self, unit, err);
        return deliver_fill(from, err);
    case TSR_CONFLICT:
        note_conflict(self, unit, err);
        return 0;
    case TSR_LIMIT:
        if (from->request.value_bytes <= from->request.limit_bytes)
            break; /* a limit of the store */
        /* No such chunk takes so many, as a check says, too (examine.c). */
        tsr_error_set(err, TSR_DAMAGED,
                      "%" PRIu64 " bytes are stored where the chunk has at most %" PRIu64,
                      from->request.value_bytes, from->request.limit_bytes);
        return tsri_unit_blame(unit, -1, 0, from->request.value_bytes, err);
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

/* Decodes an index, and keeps it for later reads. */
static int take_index_bytes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                            const void *bytes, uint64_t shard_bytes, tsr_error *err)
{
    tsr_auto(tsr_blob) *index = NULL;
    tsri_unit *unit = from->portion.unit;
    unit->state = TSRI_UNIT_DONE;
    TSRI_TRY(tsri_unit_decode_index(unit, scratch, bytes, shard_bytes, &index, err));
    if (unit->settled && unit->extent.store == unit->array->store) {
        const tsri_cache_source source = tsri_unit_cache_source(unit);
        tsri_cache_put(&unit->array->indexes, &source, index);
    }
    return tsri_unit_take_index(unit, scratch, index, self->threads, &from->by->done.bytes_done,
                                err);
}

static int take_index(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                      const void *bytes, size_t size_bytes, uint64_t shard_bytes, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    uint64_t offset;

    if (size_bytes < (size_t)unit->prepared->index_bytes) {
        unit->state = TSRI_UNIT_DONE;
        tsri_shard_index_offset(unit->prepared, size_bytes, &offset, err);
        return tsri_unit_blame(unit, -1, 0, shard_bytes, err);
    }
    if (!unit->blob) {
        unit->generation = from->request.generation;
        unit->has_generation = true;
        unit->settled = from->request.settled;
    }
    return take_index_bytes(self, from, scratch, bytes, shard_bytes, err);
}

/* A shard that further codecs have packed is unpacked into memory and goes on from there. */
static int take_packed_shard(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
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
    unit->settled = false;
    unit->extent.offset = 0;
    unit->extent.size_bytes = unpacked_bytes;
    return take_index_bytes(self, from, scratch, (const char *)tsr_blob_data(blob) + offset,
                            unpacked_bytes, err);
}

static size_t entries_of_same_chunk(const tsri_entry *entries, size_t count)
{
    size_t same = 1;
    while (same < count && entries[same].number == entries[0].number)
        same++;
    return same;
}

static int take_entries(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                        const void *bytes, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    const tsri_entry *entries = unit->entries + from->portion.first_entry;
    size_t count = from->portion.entry_count;
    tsr_progress *done = &from->by->done;

    while (count > 0) {
        size_t same = entries_of_same_chunk(entries, count);
        const char *start = (const char *)bytes + (entries->offset - from->portion.range.offset);
        TSRI_TRY(
            tsri_unit_decode_entry(unit, scratch, entries, same, start, &done->bytes_done, err));
        done->chunks_done++;
        entries += same;
        count -= same;
        if (count > 0 && tsri_group_stopped(&self->group))
            return 0;
    }
    return 0;
}

/* Inner chunks that are shards themselves become units of their own; nothing was fetched for them.
 */
int tsri_flight_start_children(tsri_fetcher *self, const tsri_portion *portion, tsr_error *err)
{
    const tsri_entry *entries = portion->unit->entries + portion->first_entry;
    size_t count = portion->entry_count;

    while (count > 0) {
        size_t same = entries_of_same_chunk(entries, count);
        tsri_unit *child;
        TSRI_TRY(tsri_unit_new_child(portion->unit, entries, same, &child, err));
        __atomic_add_fetch(&portion->unit->references, 1, __ATOMIC_RELAXED); /* the child's */
        tsri_fetcher_publish(self, child);
        entries += same;
        count -= same;
    }
    return 0;
}

/* Everything that is stored of a raw chunk under a key of its own has exactly the chunk's size. */
static int check_raw_size(const tsri_flight *from, tsr_error *err)
{
    const tsri_unit *unit = from->portion.unit;
    uint64_t needed = unit->prepared->bound.size_bytes, stored = from->request.value_bytes;
    if (unit->blob || unit->extent.size_bytes != TSR_REST || stored == needed)
        return 0;
    tsr_error_set(err, TSR_DAMAGED, "%" PRIu64 " bytes are stored where the chunk has %" PRIu64,
                  stored, needed);
    return tsri_unit_blame(unit, -1, 0, stored, err);
}

/* Does with the bytes of a portion what its kind asks for. */
int tsri_flight_take_bytes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                           const void *bytes, size_t size_bytes, uint64_t value_bytes,
                           tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    uint64_t shard_bytes =
        unit->extent.size_bytes == TSR_REST ? value_bytes : unit->extent.size_bytes;

    switch (from->portion.kind) {
    case TSRI_PORTION_INDEX:
        return take_index(self, from, scratch, bytes, size_bytes, shard_bytes, err);
    case TSRI_PORTION_ENTRIES:
        return take_entries(self, from, scratch, bytes, err);
    case TSRI_PORTION_RAW:
        TSRI_TRY(check_raw_size(from, err));
        if (!unit->blob && !is_same_version(self, from))
            note_conflict(self, unit, err);
        if (!from->direct || bytes != from->direct)
            TSRI_TRY(tsri_unit_deliver_raw(&from->portion, scratch, bytes, err));
        from->by->done.bytes_done += tsri_target_bytes(&from->portion.target);
        return 0;
    default:
        if (tsri_prepared_is_shard(unit->prepared))
            return take_packed_shard(self, from, scratch, bytes, size_bytes, err);
        if (!unit->blob && unit->level == 0) {
            unit->generation = from->request.generation;
            unit->settled = from->request.settled;
        }
        TSRI_TRY(tsri_unit_decode_whole(unit, scratch, bytes, size_bytes, err));
        from->by->done.bytes_done += tsri_unit_bytes(unit);
        from->by->done.chunks_done++;
        return 0;
    }
}

static void note_fetched(const tsri_fetcher *self, const tsri_flight *from)
{
    from->by->done.stored_bytes += (int64_t)from->request.size_bytes;
    from->by->done.requests++;
    TSRI_PROFILE_ADD(self->context, fetched_bytes, from->request.size_bytes);
}

void tsri_flight_finish(tsri_fetcher *self, tsri_flight *from, int status, tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    bool was_index = unit->prepared && tsri_prepared_is_shard(unit->prepared) &&
                     from->portion.kind != TSRI_PORTION_ENTRIES;

    if (status < 0)
        tsri_fetcher_fail(self, err);
    if (from->request.done) /* otherwise the bytes were in memory, or a driver's own */
        note_fetched(self, from);
    if (was_index) {
        if (status == 0 && unit->state == TSRI_UNIT_CUT)
            tsri_fetcher_publish(self, unit);
        else
            tsri_fetcher_release(from->by, unit); /* the reference for handing out portions */
    }
    tsri_fetcher_release(from->by, unit);
}

/* ---- what the array has kept ---- */

bool tsri_flight_find_kept(tsri_flight *self)
{
    const tsri_unit *unit = self->portion.unit;
    tsri_cache *cache = NULL;
    uint64_t kept_bytes = 0;

    if (self->portion.kind == TSRI_PORTION_INDEX) {
        cache = &unit->array->indexes;
        kept_bytes = (uint64_t)unit->prepared->entry_count * sizeof(tsri_shard_entry);
    } else if (self->portion.kind == TSRI_PORTION_WHOLE &&
               !tsri_prepared_is_shard(unit->prepared)) {
        cache = &unit->array->chunks;
        kept_bytes = (uint64_t)unit->prepared->decoded_bytes;
    }
    if (!cache || cache->limit_bytes == 0 || unit->blob || unit->extent.store != unit->array->store)
        return false;
    self->kept_source = tsri_unit_cache_source(unit);
    self->kept = tsri_cache_get(cache, &self->kept_source);
    bool known = self->kept && unit->has_generation &&
                 tsr_generation_equal(&unit->generation, &self->kept_source.generation);
    if (self->kept &&
        ((unit->has_generation && !known) || tsr_blob_size(self->kept) != kept_bytes)) {
        tsr_blob_unref(self->kept);
        self->kept = NULL;
        known = false;
    }
    return known;
}

/* What was kept is of an older version: the unit starts again, without it. Nothing of it has
 * reached anybody. */
static void forget_kept(tsri_flight *from)
{
    tsri_unit *unit = from->portion.unit;
    bool is_index = from->portion.kind == TSRI_PORTION_INDEX;
    tsri_cache_drop(is_index ? &unit->array->indexes : &unit->array->chunks, &from->kept_source);
    __atomic_store_n(&unit->conflict, 1, __ATOMIC_RELEASE);
    tsr_error_clear(&from->error);
}

static int deliver_kept(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                        tsr_error *err)
{
    tsri_unit *unit = from->portion.unit;
    unit->generation = from->kept_source.generation;
    unit->settled = true;
    if (from->portion.kind == TSRI_PORTION_INDEX) {
        unit->has_generation = true;
        return tsri_unit_take_index(unit, scratch, from->kept, self->threads,
                                    &from->by->done.bytes_done, err);
    }
    TSRI_TRY(tsri_unit_deliver_kept(unit, scratch, from->kept, err));
    from->by->done.bytes_done += tsri_unit_bytes(unit);
    from->by->done.chunks_done++;
    return 0;
}

void tsri_flight_take_kept(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch)
{
    int status = deliver_kept(self, from, scratch, &from->error);
    tsr_blob_unref(from->kept);
    tsri_flight_finish(self, from, status, &from->error);
}

/* Does what the answer of the store says. */
static int follow_answer(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                         tsr_error *err)
{
    tsr_get_request *request = &from->request;
    const void *bytes = request->blob ? tsr_blob_data(request->blob) : request->destination;
    if (self->cost)
        tsri_explain_index(self, from);
    if (from->kept && (request->status == TSR_CONFLICT || request->status == TSR_NOT_FOUND)) {
        forget_kept(from);
        return 0;
    }
    if (request->status < 0)
        return judge_failure(self, from, err);
    if (from->kept)
        return deliver_kept(self, from, scratch, err);
    return tsri_flight_take_bytes(self, from, scratch, bytes, request->size_bytes,
                                  request->value_bytes, err);
}

void tsri_flight_take_answer(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch)
{
    int status = follow_answer(self, from, scratch, &from->error);
    tsr_blob_unref(from->request.blob);
    tsr_blob_unref(from->kept);
    from->request.blob = NULL;
    tsri_flight_finish(self, from, status, &from->error);
}
