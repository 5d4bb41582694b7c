#include "array/commit.h"

#include <inttypes.h>

#include "array/claim.h"
#include "array/merge.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "tensor/region.h"

/* Another writer may win this often in a row before a commit gives up. */
#define ATTEMPTS_MAX 100
/* Encoded chunks up to this bound are written from scratch memory that is used again. */
#define ENCODE_BUFFER_MAX (80 << 20)
/* A lock that another process has for longer is waited for without standing in anybody's way. */
#define LOCK_WAIT_MS 10

typedef struct commit {
    tsr_array *array;
    const tsri_target *target;
    const tsr_write_options *options;
    tsr_codec_scratch *scratch;
    tsri_task_group *parent;
    tsri_prepared *prepared; /* held: for the shape of the chunk */
    tsr_extent extent;
    /* What a write of everything covers. The part of a chunk behind the end of the array counts:
     * another process may have made the array longer, and have written there. */
    tsri_extent_inside stored, in_array, inside;
    tsr_lock *lock;
    tsr_generation generation; /* of the value that is there; 0: there is none */
    bool exists;
} commit;

static int blame(const commit *self, tsr_error *err)
{
    if (err && err->status == TSR_DAMAGED)
        tsr_error_set_next_step(
            err,
            "`tessera check %s` shows what is left of the chunk; a write of the "
            "whole chunk replaces it",
            self->array->place);
    return tsr_error_prepend(err, "%s: chunk %s", self->array->place, self->extent.key);
}

/* ---- putting
 * ------------------------------------------------------------------------------------------------------
 */

/* Puts segments, under the condition that the value is still the one that was read, if any was. */
static int put_segments(commit *self, const tsr_segment *segments, size_t count, bool conditional,
                        tsr_error *err)
{
    tsr_put_request request = {
        .key = self->extent.key,
        .segments = segments,
        .segment_count = count,
        .if_match = conditional && self->exists ? &self->generation : NULL,
        .if_absent = conditional && !self->exists,
        .lock = self->lock,
        .durability = self->options->durability,
        .err = err,
    };
    int64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += (int64_t)segments[i].size_bytes;
    TSRI_TRY(tsr_store_put_many(self->extent.store, &request, 1, NULL));
    if (self->parent)
        tsri_group_progress(self->parent, 0, 0, size, 1);
    return 0;
}

/* Whether a chunk that holds nothing but fill values is stored nevertheless: when that was asked
 * for, when its absence would say nothing of its elements, or when an erase could take away what
 * somebody else has put there meanwhile. */
static bool stores_fill(const commit *self, bool conditional)
{
    if (self->options->store_fill_chunks || self->array->fill_undefined)
        return true;
    return conditional && self->exists && !self->lock &&
           !self->extent.store->hints.conditional_erase;
}

static int erase(commit *self, bool conditional, tsr_error *err)
{
    if (conditional && !self->exists)
        return 0;
    const tsr_generation *if_match =
        conditional && self->extent.store->hints.conditional_erase ? &self->generation : NULL;
    return tsr_store_erase_if(self->extent.store, self->extent.key, if_match, self->lock, NULL,
                              err);
}

/* ---- chunks that are encoded as a whole ---- */

/* Where an encoder writes: scratch that is used again when the size is bounded, else memory of its
 * own. */
static int output_for(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                      tsr_output *ret_output, bool *ret_borrowed, tsr_error *err)
{
    tsr_size_bound bound = prepared->bound;

    *ret_output = (tsr_output){.max_bytes = SIZE_MAX};
    *ret_borrowed = bound.size_class != TSR_SIZE_UNBOUNDED &&
                    bound.size_bytes <= ENCODE_BUFFER_MAX && !tsri_prepared_is_shard(prepared);
    if (!*ret_borrowed)
        return 0;
    ret_output->data = tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, (size_t)bound.size_bytes);
    ret_output->capacity_bytes = ret_output->max_bytes = (size_t)bound.size_bytes;
    return ret_output->data ? 0 : tsri_error_no_memory(err, (size_t)bound.size_bytes);
}

/* Keeps encoded bytes in memory of just their size. */
static int keep_encoded(tsr_output *encoded, bool borrowed, tsr_output *ret_kept, tsr_error *err)
{
    if (!borrowed) {
        *ret_kept = *encoded;
        return 0;
    }
    char *copy = tsri_alloc(encoded->size_bytes);
    if (!copy)
        return tsri_error_no_memory(err, encoded->size_bytes);
    memcpy(copy, encoded->data, encoded->size_bytes);
    *ret_kept = (tsr_output){copy, encoded->size_bytes, encoded->size_bytes, encoded->size_bytes};
    return 0;
}

/* Encodes the chunk with what is there now (`old`, NULL: nothing) and puts or erases it. */
static int merge_and_put(commit *self, const void *old, size_t old_bytes, bool conditional,
                         tsr_error *err)
{
    tsri_merge merge = {self->array, self->scratch, stores_fill(self, conditional)};
    tsr_output output;
    bool empty = false, borrowed;

    TSRI_TRY(output_for(self->prepared, self->scratch, &output, &borrowed, err));
    int status = tsri_merge_chunk(&merge, self->prepared, self->target, &self->inside, old,
                                  old_bytes, &output, &empty, err);
    if (status < 0) {
        blame(self, err);
    } else if (empty) {
        status = erase(self, conditional, err);
    } else {
        tsr_segment segment = {output.data ? output.data : "", 0, output.size_bytes};
        status = put_segments(self, &segment, 1, conditional, err);
    }
    if (!borrowed)
        tsri_output_clear(&output);
    return status;
}

/* Notes which version of the value is there, or that there is none. */
static int note_answer(commit *self, int status, tsr_error *err)
{
    self->exists = status == 0;
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        return 0;
    }
    return status;
}

static int read_and_merge(commit *self, tsr_error *err)
{
    tsr_auto(tsr_blob) *old = NULL;
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

    TSRI_TRY(note_answer(self,
                         tsr_store_get(self->extent.store, self->extent.key, whole, NULL, &old,
                                       &self->generation, err),
                         err));
    return merge_and_put(self, old ? tsr_blob_data(old) : NULL, old ? tsr_blob_size(old) : 0, true,
                         err);
}

/* ---- shards
 * ------------------------------------------------------------------------------------------------------------
 */

/* What becomes of an inner chunk. */
typedef struct update {
    int64_t number;
    tsr_output encoded; /* owned; empty: it holds nothing but fill values */
} update;

typedef struct shard_commit {
    commit *commit;
    const tsri_prepared *prepared;
    tsri_target target; /* in encoded axes */
    tsri_extent_inside inside;
    tsri_shard_entry *old, *now; /* entry_count each */
    uint64_t shard_bytes;        /* of the value that is there */
    update *updates;
    int64_t update_count;
} shard_commit;

static void shard_commit_clear(shard_commit *self)
{
    for (int64_t i = 0; self->updates && i < self->update_count; i++)
        tsri_output_clear(&self->updates[i].encoded);
    tsri_free(self->updates);
    tsri_free(self->old);
    tsri_free(self->now);
}

/* Reads the index of the shard that is there; a missing shard has all entries missing. */
static int load_index(shard_commit *self, tsr_error *err)
{
    commit *owner = self->commit;
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
    TSRI_TRY(note_answer(owner, status, err));
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

/* Lists the inner chunks that the target touches. */
static int list_updates(shard_commit *self, tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    const int64_t *lengths = prepared->chain->shard->chunk_shape;
    size_t count = (size_t)tsri_target_walk_count(&self->target, lengths);
    tsri_target_walk walk;

    self->updates = tsri_alloc_array_zero(count, sizeof *self->updates);
    if (!self->updates)
        return tsri_error_no_memory(err, count * sizeof *self->updates);
    tsri_target_walk_init(&walk, &self->target, NULL, lengths);
    do {
        int64_t number = tsri_cell_number(prepared->encoded_rank, prepared->grid, walk.cell);
        self->updates[self->update_count++] = (update){number, {.max_bytes = SIZE_MAX}};
    } while (tsri_target_walk_next(&walk));
    return 0;
}

/* Fetches the present bytes of an inner chunk that is only partly written; NULL when it is missing.
 */
static int load_inner(const shard_commit *self, int64_t number, tsr_blob **ret_old, tsr_error *err)
{
    const commit *owner = self->commit;
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

static int encode_update(const shard_commit *self, update *at, tsr_codec_scratch *scratch,
                         tsr_error *err)
{
    const commit *owner = self->commit;
    tsri_merge merge = {owner->array, scratch, owner->options->store_fill_chunks};
    tsr_auto(tsr_blob) *old = NULL;
    int64_t start[TSR_RANK_MAX];
    tsri_target inner;
    tsri_extent_inside inside;
    tsr_output encoded;
    bool empty = false, borrowed;

    tsri_shard_inner_start(self->prepared, at->number, start);
    tsri_target_restrict(&self->target, start, self->prepared->chain->shard->chunk_shape, &inner);
    tsri_merge_inner_extent(self->prepared, start, &self->inside, &inside);
    if (!tsri_merge_covers(&inner, &inside))
        TSRI_TRY(load_inner(self, at->number, &old, err));
    TSRI_TRY(output_for(self->prepared->inner, scratch, &encoded, &borrowed, err));
    int status = tsri_merge_chunk(&merge, self->prepared->inner, &inner, &inside,
                                  old ? tsr_blob_data(old) : NULL, old ? tsr_blob_size(old) : 0,
                                  &encoded, &empty, err);
    if (status == 0 && !empty)
        status = keep_encoded(&encoded, borrowed, &at->encoded, err);
    else if (!borrowed)
        tsri_output_clear(&encoded);
    TSRI_TRY(status);
    tsri_group_progress(owner->parent, 1,
                        tsri_target_count(&inner) * (int64_t)owner->array->dtype->size_bytes, 0, 0);
    return 0;
}

static int encode_update_task(void *user, int64_t i, tsr_error *err)
{
    const shard_commit *self = user;
    tsr_codec_scratch *scratch;

    TSRI_TRY(tsri_scratch_acquire(self->commit->array->context, &scratch, err));
    int status = encode_update(self, &self->updates[i], scratch, err);
    tsri_scratch_release(self->commit->array->context, scratch);
    if (status < 0)
        tsr_error_prepend(err, "inner chunk %" PRId64, self->updates[i].number);
    return status;
}

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

/* Lays out the new shard: updates and kept inner chunks in the order of the grid. Sets `now`;
 * returns whether nothing is left. */
static bool lay_out(shard_commit *self, tsr_segment *segments, size_t *count)
{
    uint64_t at =
        self->prepared->chain->shard->index_at_start ? (uint64_t)self->prepared->index_bytes : 0;
    int64_t next = 0;
    bool empty = true;

    for (int64_t number = 0; number < self->prepared->entry_count; number++) {
        const update *updated = next < self->update_count && self->updates[next].number == number
                                    ? &self->updates[next]
                                    : NULL;
        tsri_shard_entry old = self->old[number];
        uint64_t size = updated                            ? updated->encoded.size_bytes
                        : tsri_shard_entry_is_missing(old) ? 0
                                                           : old.size_bytes;
        next += updated != NULL;
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

static int put_shard(shard_commit *self, bool conditional, tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool at_start = prepared->chain->shard->index_at_start;
    tsr_segment *segments = tsri_alloc_array((size_t)prepared->entry_count + 1, sizeof *segments);
    size_t count = at_start;
    int status = 0;

    if (!segments)
        return tsri_error_no_memory(err, ((size_t)prepared->entry_count + 1) * sizeof *segments);
    if (lay_out(self, segments, &count) && !stores_fill(self->commit, conditional)) {
        status = erase(self->commit, conditional, err);
    } else {
        status = tsri_shard_index_encode(prepared, self->commit->scratch, self->now, &index, err);
        if (status == 0) {
            segments[at_start ? 0 : count] = (tsr_segment){index.data, 0, index.size_bytes};
            status = put_segments(self->commit, segments, count + !at_start, conditional, err);
        }
    }
    tsri_free(segments);
    return status;
}

/* The thread holds the key meanwhile, so it does nothing for others. */
static int encode_updates(shard_commit *self, tsr_error *err)
{
    tsr_context *context = self->commit->array->context;
    tsri_task_group alone;

    TSRI_TRY(tsri_group_init(&alone, context, NULL, self->commit->parent, err));
    alone.alone = true;
    return tsri_parallel_for(context, NULL, &alone, self->update_count, 1, encode_update_task, self,
                             err);
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
    TSRI_TRY(list_updates(self, err));
    TSRI_TRY(encode_updates(self, err));
    return put_shard(self, !covered, err);
}

static int commit_shard(commit *self, bool covered, tsr_error *err)
{
    shard_commit shard = {.commit = self,
                          .prepared = self->prepared,
                          .target = *self->target,
                          .inside = self->inside};

    tsri_merge_to_encoded(shard.prepared, &shard.target, &shard.inside);
    int status = write_shard(&shard, covered, err);
    shard_commit_clear(&shard);
    return status < 0 ? blame(self, err) : 0;
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------------------
 */

static int attempt(commit *self, bool covered, tsr_error *err)
{
    if (tsri_prepared_is_shard(self->prepared) && !tsri_prepared_is_packed(self->prepared))
        return commit_shard(self, covered, err);
    int status = covered ? merge_and_put(self, NULL, 0, false, err) : read_and_merge(self, err);
    if (status == 0)
        tsri_group_progress(
            self->parent, 1,
            tsri_target_count(self->target) * (int64_t)self->array->dtype->size_bytes, 0, 0);
    return status;
}

/* A wait for a lock ends with the operation. The caller's own call is not for the threads of the
 * pool, since its functions run on the caller's thread alone; the group sees to that. */
static int is_stopped(void *group)
{
    return tsri_group_stopped(group);
}

/* Merging holds the key's lock from reading to writing, on stores that have one. */
static int attempt_locked(commit *self, bool covered, bool *ret_busy, tsr_error *err)
{
    const tsr_call patience = {
        .deadline_ms = LOCK_WAIT_MS, .poll = is_stopped, .user = self->parent};
    int status = 0;

    self->lock = NULL;
    if (!covered)
        status = tsr_store_lock(self->extent.store, self->extent.key, &patience, &self->lock, err);
    *ret_busy = status == TSR_DEADLINE && !tsri_group_stopped(self->parent);
    if (*ret_busy)
        tsr_error_clear(err);
    if (status < 0)
        return *ret_busy ? 0 : status;
    status = attempt(self, covered, err);
    tsr_store_unlock(self->extent.store, self->lock);
    return status;
}

/* Another writer that wins is no failure: everything is done again with what it wrote. */
static int attempt_until_done(commit *self, bool *ret_busy, tsr_error *err)
{
    bool covered = tsri_merge_covers(self->target, &self->stored);
    for (int attempts = 1;; attempts++) {
        self->inside = self->stored;
        int status = attempt_locked(self, covered, ret_busy, err);
        if (status == TSR_DAMAGED && tsri_merge_covers(self->target, &self->in_array)) {
            /* Nothing of the damaged chunk is needed. */
            tsr_error_clear(err);
            self->inside = self->in_array;
            covered = true;
            status = attempt_locked(self, covered, ret_busy, err);
        }
        if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX || tsri_group_stopped(self->parent))
            return status;
        tsr_error_clear(err);
    }
}

static int commit_init(commit *self, tsr_array *array, const int64_t *chunk_index,
                       const tsr_write_options *options, tsr_error *err)
{
    *self = (commit){.array = array, .options = options};
    return tsri_array_locate(array, chunk_index, &self->extent, err);
}

/* Commits a chunk that nobody else in this process is writing. */
static int commit_claimed(commit *self, const int64_t *chunk_index, bool *ret_busy, tsr_error *err)
{
    const tsri_grid *grid = self->target->read->grid;
    int64_t start[TSR_RANK_MAX];

    tsri_grid_inside(grid, chunk_index, self->in_array.lengths);
    tsri_grid_box(grid, chunk_index, start, self->stored.lengths);
    TSRI_TRY(tsri_array_prepare(self->array, grid, chunk_index, &self->prepared, err));
    int status = attempt_until_done(self, ret_busy, err);
    tsri_prepared_unref(self->prepared);
    return status;
}

int tsri_commit(tsr_array *array, const int64_t *chunk_index, const tsri_target *target,
                const tsr_write_options *options, tsr_codec_scratch *scratch,
                tsri_task_group *parent, bool *ret_busy, tsr_error *err)
{
    commit self;
    tsri_claim claim;

    TSRI_TRY(commit_init(&self, array, chunk_index, options, err));
    self.target = target;
    self.scratch = scratch;
    self.parent = parent;
    TSRI_TRY(tsri_claim_take(&claim, self.extent.store, self.extent.key, ret_busy, err));
    if (*ret_busy)
        return 0;
    int status = commit_claimed(&self, chunk_index, ret_busy, err);
    tsri_claim_give(&claim);
    return status;
}

int tsri_commit_encoded(tsr_array *array, const int64_t *chunk_index, const void *bytes,
                        size_t size_bytes, const tsr_write_options *options, bool *ret_busy,
                        tsr_error *err)
{
    commit self;
    tsri_claim claim;
    tsr_segment segment = {bytes, 0, size_bytes};

    TSRI_TRY(commit_init(&self, array, chunk_index, options, err));
    TSRI_TRY(tsri_claim_take(&claim, self.extent.store, self.extent.key, ret_busy, err));
    if (*ret_busy)
        return 0;
    int status = put_segments(&self, &segment, 1, false, err);
    tsri_claim_give(&claim);
    return status;
}
