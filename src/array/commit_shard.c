/* Writing a shard: only what is touched is encoded, all else keeps its encoded bytes. Writes that
 * queued up behind the claim of the shard are written in the same put. */
#include <inttypes.h>
#include <stdlib.h>

#include "array/commit_state.h"
#include "array/encoded_room.h"
#include "array/parity_put.h"
#include "array/shard_order.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "tensor/region.h"

/* So many writes are put together at most. */
#define TOGETHER_MAX 64
/* Smaller shards are written whole as quickly. */
#define APPEND_BYTES_MIN (UINT64_C(256) << 10)

/* One of those whose elements are written together. */
typedef struct part {
    tsri_target target; /* in encoded axes */
    tsri_task_group *group;
} part;

/* What becomes of an inner chunk. */
typedef struct update {
    int64_t number;
    const part *part;   /* whose elements it gets; each inner chunk is of one part */
    tsr_output encoded; /* owned, or in the room; empty: it holds nothing but fill values */
} update;

typedef struct shard_commit {
    tsri_commit_state *commit;
    const tsri_prepared *prepared;
    tsri_extent_inside inside; /* in encoded axes */
    part *parts; /* this commit's own, then those of the orders that are taken along */
    tsri_order *along;
    uint64_t *taken;             /* a bit for each inner chunk that a part touches */
    tsri_shard_entry *old, *now; /* entry_count each */
    uint64_t shard_bytes;        /* of the value that is there */
    update *updates;             /* by number */
    int64_t update_count, update_capacity;
    update *encoding_first; /* of those that are being encoded */
    tsri_encoded_room room;
} shard_commit;

static void shard_commit_clear(shard_commit *self)
{
    for (int64_t i = 0; self->updates && i < self->update_count; i++)
        tsri_encoded_room_drop(&self->room, &self->updates[i].encoded);
    tsri_free(self->updates);
    tsri_free(self->parts);
    tsri_free(self->taken);
    tsri_free(self->old);
    tsri_free(self->now);
}

/* Reads the index of the shard that is there; a missing shard has all entries missing. */
static int load_index(shard_commit *self, tsr_error *err)
{
    tsri_commit_state *owner = self->commit;
    const tsri_prepared *prepared = self->prepared;
    tsr_auto(tsr_blob) *index = NULL;
    uint64_t index_bytes = (uint64_t)prepared->index_bytes, offset;
    tsr_range range = {TSR_RANGE_SUFFIX, 0, index_bytes};
    tsr_get_request request;

    if (prepared->chain->shard->index_at_start)
        range.kind = TSR_RANGE_PART;
    int status =
        tsri_get_and_wait(owner->extent.store, owner->extent.key, range, NULL, &request, err);
    if (status == TSR_OUT_OF_BOUNDS)
        return tsri_shard_index_offset(prepared, request.value_bytes, &offset, err);
    TSRI_TRY(tsri_commit_note_answer(owner, status, err));
    if (!owner->exists)
        return 0;
    index = request.blob;
    owner->generation = request.generation;
    self->shard_bytes = request.value_bytes;
    TSRI_TRY(tsri_shard_index_offset(prepared, self->shard_bytes, &offset, err));
    TSRI_TRY(
        tsri_shard_index_decode(prepared, owner->scratch, tsr_blob_data(index), self->old, err));
    return tsri_shard_index_check(prepared, self->old, self->shard_bytes, err);
}

/* ---- what is written ---- */

static bool take_inner(shard_commit *self, int64_t number)
{
    uint64_t bit = UINT64_C(1) << number % 64, *word = &self->taken[number / 64];
    bool first = !(*word & bit);
    *word |= bit;
    return first;
}

static int grow_updates(shard_commit *self, int64_t more, tsr_error *err)
{
    int64_t capacity = self->update_count + more;
    void *grown;

    if (capacity <= self->update_capacity)
        return 0;
    grown = tsri_realloc_array(self->updates, (size_t)capacity, sizeof *self->updates);
    if (!grown)
        return tsri_error_no_memory(err, (size_t)capacity * sizeof *self->updates);
    self->updates = grown;
    self->update_capacity = capacity;
    return 0;
}

/* Lists the inner chunks that a part touches. *ret_apart: false when another part has one of them,
 * and nothing is listed then. */
static int list_updates(shard_commit *self, const part *from, bool *ret_apart, tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    const int64_t *lengths = prepared->chain->shard->chunk_shape;
    int64_t before = self->update_count;
    tsri_target_walk walk;

    TSRI_TRY(grow_updates(self, tsri_target_walk_count(&from->target, lengths), err));
    tsri_target_walk_init(&walk, &from->target, NULL, lengths);
    do {
        int64_t number = tsri_cell_number(prepared->encoded_rank, prepared->grid, walk.cell);
        *ret_apart = take_inner(self, number);
        if (*ret_apart)
            self->updates[self->update_count++] = (update){number, from, {.max_bytes = SIZE_MAX}};
    } while (*ret_apart && tsri_target_walk_next(&walk));
    while (!*ret_apart && self->update_count > before) {
        int64_t number = self->updates[--self->update_count].number;
        self->taken[number / 64] &= ~(UINT64_C(1) << number % 64);
    }
    return 0;
}

static int compare_updates(const void *left, const void *right)
{
    int64_t a = ((const update *)left)->number, b = ((const update *)right)->number;
    return a < b ? -1 : a > b;
}

/* The strictest that anybody asked for holds for all. */
static tsr_durability stricter(tsr_durability a, tsr_durability b)
{
    if (a == TSR_DURABILITY_CHUNK || b == TSR_DURABILITY_CHUNK)
        return TSR_DURABILITY_CHUNK;
    return a == TSR_DURABILITY_NONE ? b : a;
}

static void init_part(shard_commit *self, part *ret_part, const tsri_target *target,
                      tsri_task_group *group)
{
    self->inside = self->commit->inside;
    tsri_target_copy(&ret_part->target, target);
    tsri_merge_to_encoded(self->prepared, &ret_part->target, &self->inside);
    ret_part->group = group;
}

/* Lists what the commit's own target touches: one part, or one for each slab. */
static int list_own_parts(shard_commit *self, tsr_error *err)
{
    const tsri_commit_state *owner = self->commit;
    const tsri_slabs *slabs = owner->target->read->slabs;
    bool apart;

    for (int64_t i = 0; i < (slabs ? slabs->count : 1); i++) {
        part *own = &self->parts[i];
        init_part(self, own, owner->target, owner->parent);
        if (slabs) {
            tsri_target_axis *cut = &own->target.axes[0];
            cut->start += i * slabs->length;
            cut->first += i * slabs->length;
            cut->count = TSRI_MIN(cut->count - i * slabs->length, slabs->length);
        }
        TSRI_TRY(list_updates(self, own, &apart, err));
    }
    return 0;
}

/* Adds those of the waiting orders whose inner chunks nobody else of the list touches; the others
 * wait on, for the next in turn. */
static int take_along(shard_commit *self, tsri_order *waiting, tsr_error *err)
{
    tsri_commit_state *owner = self->commit;
    tsri_order *left = NULL, **left_end = &left, **along_end = &self->along;
    part *next = &self->parts[1];
    int status = 0;

    while (waiting) {
        tsri_order *order = waiting;
        bool apart = false;
        waiting = order->next;
        order->next = NULL;
        init_part(self, next, order->target, order->group);
        if (status == 0)
            status = list_updates(self, next, &apart, err);
        tsri_order ***end = apart ? &along_end : &left_end;
        **end = order;
        *end = &order->next;
        next += apart;
        if (apart) {
            owner->durability = stricter(owner->durability, order->options->durability);
            owner->until_flush &= order->target->read->until_flush;
        }
    }
    tsri_order_return(owner->order, left);
    return status;
}

/* Lists all that is to be written: this commit's own part, and what queued up behind it. */
static int list_parts(shard_commit *self, bool covered, tsr_error *err)
{
    tsri_commit_state *owner = self->commit;
    const tsri_slabs *slabs = owner->target->read->slabs;
    tsri_order *waiting = NULL;
    size_t count = slabs ? (size_t)slabs->count : 1;
    size_t words = (size_t)self->prepared->entry_count / 64 + 1;

    if (owner->order && !covered)
        waiting = tsri_order_collect(owner->order, TOGETHER_MAX - 1);
    for (const tsri_order *order = waiting; order; order = order->next)
        count++;
    self->parts = tsri_alloc_array(count, sizeof *self->parts);
    self->taken = tsri_alloc_array_zero(words, sizeof *self->taken);
    int status =
        self->parts && self->taken ? 0 : tsri_error_no_memory(err, count * sizeof *self->parts);
    if (status == 0)
        status = list_own_parts(self, err);
    if (status < 0) {
        tsri_order_return(owner->order, waiting);
        return status;
    }
    TSRI_TRY(take_along(self, waiting, err));
    if (count > 1)
        qsort(self->updates, (size_t)self->update_count, sizeof *self->updates, compare_updates);
    return 0;
}

/* ---- encoding ---- */

/* Fetches the present bytes of an inner chunk that is only partly written; NULL when it is missing.
 */
static int load_inner(const shard_commit *self, int64_t number, tsr_blob **ret_old, tsr_error *err)
{
    const tsri_commit_state *owner = self->commit;
    tsri_shard_entry entry = self->old[number];
    tsr_get_request request;

    *ret_old = NULL;
    if (tsri_shard_entry_is_missing(entry))
        return 0;
    tsr_range range = {TSR_RANGE_PART, entry.offset, entry.size_bytes};
    TSRI_TRY(tsri_get_and_wait(owner->extent.store, owner->extent.key, range, &owner->generation,
                               &request, err));
    *ret_old = request.blob;
    return 0;
}

/* Encoded bytes that lie in scratch move to where they stay until the shard is put. */
static int keep_encoded(shard_commit *self, tsr_output *encoded, bool borrowed,
                        tsr_output *ret_kept, tsr_error *err)
{
    if (borrowed)
        return tsri_encoded_room_keep(&self->room, encoded->data, encoded->size_bytes, ret_kept,
                                      err);
    *ret_kept = *encoded;
    return 0;
}

static int encode_update(shard_commit *self, update *at, tsr_codec_scratch *scratch, tsr_error *err)
{
    const tsri_commit_state *owner = self->commit;
    tsri_cell_place place;
    tsri_merge merge = {owner->array,   scratch, owner->options, owner->options->store_fill_chunks,
                        owner->figures, &place};
    tsr_auto(tsr_blob) *old = NULL;
    int64_t start[TSR_RANK_MAX];
    tsri_target inner;
    tsri_extent_inside inside;
    tsr_output encoded;
    bool empty = false, borrowed;

    if (owner->figures)
        tsri_cell_place_inner(&owner->place, self->prepared, at->number, &place);
    tsri_shard_inner_start(self->prepared, at->number, start);
    tsri_target_restrict(&at->part->target, start, self->prepared->chain->shard->chunk_shape,
                         &inner);
    tsri_merge_inner_extent(self->prepared, start, &self->inside, &inside);
    if (!tsri_merge_covers(&inner, &inside))
        TSRI_TRY(load_inner(self, at->number, &old, err));
    TSRI_TRY(tsri_commit_output(self->prepared->inner, scratch, &encoded, &borrowed, err));
    int status = tsri_merge_chunk(&merge, self->prepared->inner, &inner, &inside,
                                  old ? tsr_blob_data(old) : NULL, old ? tsr_blob_size(old) : 0,
                                  &encoded, &empty, err);
    if (status == 0 && !empty)
        status = keep_encoded(self, &encoded, borrowed, &at->encoded, err);
    else if (!borrowed)
        tsri_output_clear(&encoded);
    TSRI_TRY(status);
    tsri_group_progress(at->part->group, 1,
                        tsri_target_count(&inner) * (int64_t)owner->array->dtype->size_bytes, 0, 0);
    return 0;
}

static int encode_update_task(void *user, int64_t i, tsr_error *err)
{
    shard_commit *self = user;
    tsr_codec_scratch *scratch;

    TSRI_TRY(tsri_scratch_acquire(self->commit->array->context, &scratch, err));
    update *at = &self->encoding_first[i];
    int status = encode_update(self, at, scratch, err);
    tsri_scratch_release(self->commit->array->context, scratch);
    if (status < 0)
        tsr_error_prepend(err, "inner chunk %" PRId64, at->number);
    return status;
}

/* ---- putting ---- */

/* Adds a segment, joining ranges of the present value that lie side by side. */
static void add_segment(tsr_segment *segments, size_t *count, const void *bytes, uint64_t offset,
                        uint64_t size)
{
    tsr_segment *last = *count ? &segments[*count - 1] : NULL;
    if (last && !bytes && !last->bytes && last->offset + last->size_bytes == offset)
        last->size_bytes += size;
    else
        segments[(*count)++] = (tsr_segment){bytes, offset, size};
}

/* What becomes of an inner chunk; NULL: it stays. Updates are in the order of their numbers. */
static const update *find_update(const shard_commit *self, int64_t number)
{
    const update wanted = {.number = number};
    return self->update_count == 0 ? NULL
                                   : bsearch(&wanted, self->updates, (size_t)self->update_count,
                                             sizeof *self->updates, compare_updates);
}

/* How far the old shard is kept when updates are laid out behind it: to its index, or, where it may
 * have parity, to the end of its last inner chunk. Parity that is not of this version must not stay
 * anywhere. */
static uint64_t kept_bytes(const shard_commit *self)
{
    uint64_t end = 0;

    if (self->commit->array->parity.data_rows == 0)
        return self->shard_bytes - (uint64_t)self->prepared->index_bytes;
    for (int64_t i = 0; i < self->prepared->entry_count; i++)
        if (!tsri_shard_entry_is_missing(self->old[i]))
            end = TSRI_MAX(end, self->old[i].offset + self->old[i].size_bytes);
    return end;
}

/* Whether the new shard is the old one as far as its index, with the updates and a new index
 * behind. Only where the old bytes are shared is that less than writing all of it. What is replaced
 * stays as dead bytes, up to half of what is alive; then the shard is written whole again, so that
 * a byte is moved three times at most. */
static bool is_appended(const shard_commit *self)
{
    const tsri_commit_state *owner = self->commit;
    uint64_t alive = 0, fresh = 0;

    if (!owner->exists || self->prepared->chain->shard->index_at_start ||
        owner->options->order_inner_chunks || self->shard_bytes < APPEND_BYTES_MIN ||
        !__atomic_load_n(&owner->extent.store->hints.shares_beginnings, __ATOMIC_RELAXED))
        return false;
    for (int64_t i = 0; i < self->update_count; i++)
        fresh += self->updates[i].encoded.size_bytes;
    for (int64_t i = 0; i < self->prepared->entry_count; i++)
        if (!tsri_shard_entry_is_missing(self->old[i]) && !find_update(self, i))
            alive += self->old[i].size_bytes;
    uint64_t kept = kept_bytes(self);
    return alive > 0 && fresh <= alive && kept - TSRI_MIN(kept, alive) <= (alive + fresh) / 2;
}

/* Lays out the updates behind what is there. Sets `now`. */
static void lay_out_behind(shard_commit *self, tsr_segment *segments, size_t *count)
{
    uint64_t at = kept_bytes(self);

    memcpy(self->now, self->old, (size_t)self->prepared->entry_count * sizeof *self->now);
    add_segment(segments, count, NULL, 0, at);
    for (int64_t i = 0; i < self->update_count; i++) {
        const update *updated = &self->updates[i];
        uint64_t size = updated->encoded.size_bytes;
        self->now[updated->number] = (tsri_shard_entry){TSRI_SHARD_MISSING, TSRI_SHARD_MISSING};
        if (size == 0)
            continue;
        add_segment(segments, count, updated->encoded.data, 0, size);
        self->now[updated->number] = (tsri_shard_entry){at, size};
        at += size;
    }
}

/* Lays out the new shard: updates and kept inner chunks in the order that the writer wants (`order`
 * NULL: that of the grid). Sets `now`; returns whether nothing is left. */
static bool lay_out(shard_commit *self, const int64_t *order, tsr_segment *segments, size_t *count)
{
    uint64_t at =
        self->prepared->chain->shard->index_at_start ? (uint64_t)self->prepared->index_bytes : 0;
    bool empty = true;

    for (int64_t i = 0; i < self->prepared->entry_count; i++) {
        int64_t number = order ? order[i] : i;
        const update *updated = find_update(self, number);
        tsri_shard_entry old = self->old[number];
        uint64_t size = updated                            ? updated->encoded.size_bytes
                        : tsri_shard_entry_is_missing(old) ? 0
                                                           : old.size_bytes;
        self->now[number] = (tsri_shard_entry){TSRI_SHARD_MISSING, TSRI_SHARD_MISSING};
        if (size == 0)
            continue;
        add_segment(segments, count, updated ? updated->encoded.data : NULL, old.offset, size);
        self->now[number] = (tsri_shard_entry){at, size};
        at += size;
        empty = false;
    }
    return empty;
}

/* Chooses between the two and lays out; as lay_out. *ret_empty: whether nothing is left. */
static int choose_layout(shard_commit *self, tsr_segment *segments, size_t *count, bool *ret_empty,
                         tsr_error *err)
{
    int64_t *order;

    *ret_empty = false;
    if (is_appended(self)) {
        lay_out_behind(self, segments, count);
        return 0;
    }
    TSRI_TRY(tsri_shard_order_new(self->commit->options, self->prepared, &order, err));
    *ret_empty = lay_out(self, order, segments, count);
    tsri_free(order);
    return 0;
}

/* Encodes the index into its place among the segments, and adds parity where the array has it. */
static int complete_shard(shard_commit *self, tsr_segment *segments, size_t *count,
                          tsr_output *index, tsri_parity_encoder *parity, tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    const tsri_commit_state *owner = self->commit;
    bool at_start = prepared->chain->shard->index_at_start;

    TSRI_TRY(tsri_shard_index_encode(prepared, owner->scratch, self->now, index, err));
    segments[at_start ? 0 : (*count)++] = (tsr_segment){index->data, 0, index->size_bytes};
    if (owner->array->parity.data_rows == 0)
        return 0;
    const tsri_parity_source source = {owner->extent.store, owner->extent.key, &owner->generation};
    return tsri_parity_put(owner->array->parity, NULL, &source, at_start, segments, count, parity,
                           err);
}

static int put_shard(shard_commit *self, bool conditional, tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_parity_encoder parity = {0};
    size_t capacity = (size_t)prepared->entry_count + 1 + TSRI_PARITY_SEGMENTS;
    tsr_segment *segments = tsri_alloc_array(capacity, sizeof *segments);
    size_t count = prepared->chain->shard->index_at_start;
    bool empty;

    if (!segments)
        return tsri_error_no_memory(err, capacity * sizeof *segments);
    segments[0] = (tsr_segment){"", 0, 0}; /* where the index goes that stands first */
    int status = choose_layout(self, segments, &count, &empty, err);
    if (status == 0 && empty && !tsri_commit_stores_fill(self->commit, conditional)) {
        status = tsri_commit_erase(self->commit, conditional, err);
    } else if (status == 0) {
        status = complete_shard(self, segments, &count, &index, &parity, err);
        if (status == 0)
            status = tsri_commit_put(self->commit, segments, count, conditional, err);
    }
    tsri_parity_encoder_clear(&parity);
    tsri_free(segments);
    return status;
}

static int encode_range(shard_commit *self, tsri_task_group *group, int64_t first, int64_t end,
                        tsr_error *err)
{
    self->encoding_first = &self->updates[first];
    return tsri_parallel_for(self->commit->array->context, NULL, group, end - first, 1,
                             encode_update_task, self, err);
}

/* Encodes what lies in each slab while it is there. */
static int encode_slabs(shard_commit *self, const tsri_slabs *slabs, tsri_task_group *group,
                        tsr_error *err)
{
    int64_t first = 0, end;

    for (int64_t slab = 0; slab < slabs->count; slab++, first = end) {
        for (end = first; end < self->update_count; end++)
            if (self->updates[end].part != &self->parts[slab])
                break;
        TSRI_TRY(slabs->load(slabs->user, slab, group, err));
        TSRI_TRY(encode_range(self, group, first, end, err));
    }
    return 0;
}

/* The thread holds the key meanwhile, so it does nothing for others. */
static int encode_updates(shard_commit *self, tsr_error *err)
{
    const tsri_slabs *slabs = self->commit->target->read->slabs;
    tsri_task_group alone;

    tsri_encoded_room_init(&self->room, self->commit->scratch, self->update_count,
                           self->prepared->inner->bound.size_bytes);
    TSRI_TRY(
        tsri_group_init(&alone, self->commit->array->context, NULL, self->commit->parent, err));
    alone.alone = true;
    return slabs ? encode_slabs(self, slabs, &alone, err)
                 : encode_range(self, &alone, 0, self->update_count, err);
}

static int write_shard(shard_commit *self, bool covered, tsr_error *err)
{
    size_t count = (size_t)self->prepared->entry_count;

    self->old = tsri_alloc_array(count, sizeof *self->old);
    self->now = tsri_alloc_array(count, sizeof *self->now);
    if (!self->old || !self->now)
        return tsri_error_no_memory(err, count * sizeof *self->old);
    memset(self->old, 0xff, count * sizeof *self->old);
    if (!covered)
        TSRI_TRY(load_index(self, err));
    TSRI_TRY(list_parts(self, covered, err));
    TSRI_TRY(encode_updates(self, err));
    return put_shard(self, !covered, err);
}

/* Tells the tasks of the orders that were taken along what became of them. */
static void finish_along(shard_commit *self, int status, bool *ret_together)
{
    if (status == TSR_CONFLICT) {
        tsri_order_return(self->commit->order, self->along);
        return;
    }
    *ret_together = self->along && status < 0;
    while (self->along) {
        tsri_order *order = self->along;
        self->along = order->next;
        tsri_order_finish(order, status == 0);
    }
}

int tsri_commit_shard(tsri_commit_state *self, bool covered, bool *ret_together, tsr_error *err)
{
    shard_commit shard = {.commit = self, .prepared = self->prepared};

    int status = write_shard(&shard, covered, err);
    finish_along(&shard, status, ret_together);
    shard_commit_clear(&shard);
    return status < 0 ? tsri_commit_blame(self, err) : 0;
}
