#include "array/commit.h"

#include <inttypes.h>

#include "array/commit_state.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"

/* Another writer may win this often in a row before a commit gives up. */
#define ATTEMPTS_MAX 100
/* Encoded chunks up to this bound are written from scratch memory that is used again. */
#define ENCODE_BUFFER_MAX (80 << 20)
/* A lock that another process has for longer is waited for without standing in anybody's way. */
#define LOCK_WAIT_MS 10

int tsri_commit_blame(const tsri_commit_state *self, tsr_error *err)
{
    if (err && err->status == TSR_DAMAGED)
        tsr_error_set_next_step(
            err,
            "`tessera check %s` shows what is left of the chunk; a write of the "
            "whole chunk replaces it",
            self->array->place);
    return tsr_error_prepend(err, "%s: chunk %s", self->array->place, self->extent.key);
}

/* ---- putting ---- */

/* The rows are of the value that was put; of none when another value could be taken for it. */
static void note_put(tsri_commit_state *self, const tsr_put_request *request)
{
    tsri_figures_block *figures = self->figures;
    if (!figures)
        return;
    figures->before_known = self->looked;
    figures->before_exists = self->exists;
    figures->before = self->generation;
    figures->exists = true;
    figures->now = request->generation;
    if (request->is_unique)
        tsri_figures_add(self->array, TSRI_TAKE(self->figures));
}

int tsri_commit_put(tsri_commit_state *self, const tsr_segment *segments, size_t count,
                    bool conditional, tsr_error *err)
{
    tsr_put_request request = {
        .key = self->extent.key,
        .segments = segments,
        .segment_count = count,
        .if_match = conditional && self->exists ? &self->generation : NULL,
        .if_absent = conditional && !self->exists,
        .lock = self->lock,
        .durability = self->durability,
        .until_flush = self->until_flush,
        .err = err,
        .wants_unique = self->figures != NULL,
    };
    int64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += (int64_t)segments[i].size_bytes;
    TSRI_TRY(tsr_store_put_many(self->extent.store, &request, 1, NULL));
    if (self->parent)
        tsri_group_progress(self->parent, 0, 0, size, 1);
    note_put(self, &request);
    return 0;
}

bool tsri_commit_stores_fill(const tsri_commit_state *self, bool conditional)
{
    if (self->options->store_fill_chunks || self->array->fill_undefined)
        return true;
    return conditional && self->exists && !self->lock &&
           !self->extent.store->hints.conditional_erase;
}

int tsri_commit_erase(tsri_commit_state *self, bool conditional, tsr_error *err)
{
    if (conditional && !self->exists)
        return 0;
    const tsr_generation *if_match =
        conditional && self->extent.store->hints.conditional_erase ? &self->generation : NULL;
    TSRI_TRY(
        tsr_store_erase_if(self->extent.store, self->extent.key, if_match, self->lock, NULL, err));
    /* Erasing knows of the flush only. */
    return self->durability == TSR_DURABILITY_CHUNK ? tsr_store_flush(self->extent.store, NULL, err)
                                                    : 0;
}

/* ---- chunks that are encoded as a whole ---- */

int tsri_commit_output(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
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

/* Encodes the chunk with what is there now (`old`, NULL: nothing) and puts or erases it. */
static int merge_and_put(tsri_commit_state *self, const void *old, size_t old_bytes,
                         bool conditional, tsr_error *err)
{
    tsri_merge merge = {self->array,   self->scratch,
                        self->options, tsri_commit_stores_fill(self, conditional),
                        self->figures, &self->place};
    tsr_output output;
    bool empty = false, borrowed;

    TSRI_TRY(tsri_commit_output(self->prepared, self->scratch, &output, &borrowed, err));
    int status = tsri_merge_chunk(&merge, self->prepared, self->target, &self->inside, old,
                                  old_bytes, &output, &empty, err);
    if (status < 0) {
        tsri_commit_blame(self, err);
    } else if (empty) {
        status = tsri_commit_erase(self, conditional, err);
    } else {
        tsr_segment segment = {output.data ? output.data : "", 0, output.size_bytes};
        status = tsri_commit_put(self, &segment, 1, conditional, err);
    }
    if (!borrowed)
        tsri_output_clear(&output);
    return status;
}

int tsri_commit_note_answer(tsri_commit_state *self, int status, tsr_error *err)
{
    self->exists = status == 0;
    self->looked = status == 0 || status == TSR_NOT_FOUND;
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        return 0;
    }
    return status;
}

static int read_and_merge(tsri_commit_state *self, tsr_error *err)
{
    tsr_auto(tsr_blob) *old = NULL;
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

    TSRI_TRY(tsri_commit_note_answer(self,
                                     tsr_store_get(self->extent.store, self->extent.key, whole,
                                                   NULL, &old, &self->generation, err),
                                     err));
    return merge_and_put(self, old ? tsr_blob_data(old) : NULL, old ? tsr_blob_size(old) : 0, true,
                         err);
}

/* ---- the whole ---- */

static int attempt(tsri_commit_state *self, bool covered, bool *ret_together, tsr_error *err)
{
    self->durability = self->options->durability;
    self->until_flush = self->target->read->until_flush;
    self->looked = self->exists = false;
    tsri_figures_block_reset(self->figures);
    if (tsri_prepared_is_shard(self->prepared) && !tsri_prepared_is_packed(self->prepared))
        return tsri_commit_shard(self, covered, ret_together, err);
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
static int attempt_locked(tsri_commit_state *self, bool covered, bool *ret_together, bool *ret_busy,
                          tsr_error *err)
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
    status = attempt(self, covered, ret_together, err);
    tsr_store_unlock(self->extent.store, self->lock);
    return status;
}

/* Another writer that wins is no failure: everything is done again with what it wrote. A failure
 * together with others may be theirs: this chunk's own part is tried by itself. */
static int attempt_until_done(tsri_commit_state *self, bool *ret_busy, tsr_error *err)
{
    bool covered = tsri_merge_covers(self->target, &self->stored);
    for (int attempts = 1;; attempts++) {
        bool together = false;
        self->inside = self->stored;
        int status = attempt_locked(self, covered, &together, ret_busy, err);
        if (status == TSR_DAMAGED && tsri_merge_covers(self->target, &self->in_array)) {
            /* Nothing of the damaged chunk is needed. */
            tsr_error_clear(err);
            self->inside = self->in_array;
            covered = true;
            together = false;
            status = attempt_locked(self, covered, &together, ret_busy, err);
        }
        if (status == 0 || tsri_group_stopped(self->parent))
            return status;
        if (together)
            self->order->single = true;
        else if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX)
            return status;
        tsr_error_clear(err);
    }
}

static int commit_init(tsri_commit_state *self, tsr_array *array, const int64_t *chunk_index,
                       const tsr_write_options *options, tsr_error *err)
{
    *self =
        (tsri_commit_state){.array = array, .options = options, .durability = options->durability};
    return tsri_array_locate(array, chunk_index, &self->extent, err);
}

/* Commits a chunk that nobody else in this process is writing. */
static int commit_claimed(tsri_commit_state *self, const int64_t *chunk_index, bool *ret_busy,
                          tsr_error *err)
{
    const tsri_grid *grid = self->target->read->grid;
    int64_t start[TSR_RANK_MAX];

    tsri_grid_inside(grid, chunk_index, self->in_array.lengths);
    tsri_grid_box(grid, chunk_index, start, self->stored.lengths);
    TSRI_TRY(tsri_figures_block_new(self->array, grid, chunk_index, &self->figures, err));
    if (self->figures)
        tsri_cell_place_init(&self->place, grid, self->array->rank, chunk_index);
    int status = tsri_array_prepare(self->array, grid, chunk_index, &self->prepared, err);
    if (status == 0)
        status = attempt_until_done(self, ret_busy, err);
    tsri_prepared_unref(self->prepared);
    tsri_figures_block_free(self->figures);
    return status;
}

/* Commits without an order: what is busy is told. */
static int commit_or_busy(tsri_commit_state *self, const int64_t *chunk_index, tsri_turn *ret_turn,
                          tsr_error *err)
{
    tsri_claim claim;
    bool busy;

    TSRI_TRY(tsri_claim_take(&claim, self->extent.store, self->extent.key, &busy, err));
    *ret_turn = TSRI_TURN_BUSY;
    if (busy)
        return 0;
    int status = commit_claimed(self, chunk_index, &busy, err);
    *ret_turn = busy ? TSRI_TURN_BUSY : TSRI_TURN_DONE;
    tsri_claim_give(&claim);
    return status;
}

/* Commits when it is the order's turn; before, it waits. */
static int commit_or_queue(tsri_commit_state *self, const int64_t *chunk_index, tsri_turn *ret_turn,
                           tsr_error *err)
{
    tsri_order *order = self->order;
    bool queued, busy = false;

    if (!order->has_claim) { /* otherwise all of this is known, and others read it */
        order->group = self->parent;
        order->array = self->array;
        order->target = self->target;
        order->options = self->options;
        strcpy(order->key, self->extent.key);
    }
    *ret_turn = TSRI_TURN_QUEUED;
    TSRI_TRY(tsri_order_take(order, self->extent.store, &queued, err));
    if (queued)
        return 0;
    int status = commit_claimed(self, chunk_index, &busy, err);
    *ret_turn = busy ? TSRI_TURN_BUSY : TSRI_TURN_DONE;
    order->single = false;
    tsri_claim_give(&order->claim);
    return status;
}

int tsri_commit(tsr_array *array, const int64_t *chunk_index, const tsri_target *target,
                const tsr_write_options *options, tsr_codec_scratch *scratch,
                tsri_task_group *parent, tsri_order *order, tsri_turn *ret_turn, tsr_error *err)
{
    tsri_commit_state self TSRI_UNINITIALIZED;

    TSRI_TRY(commit_init(&self, array, chunk_index, options, err));
    self.target = target;
    self.scratch = scratch;
    self.parent = parent;
    self.order = order;
    return order ? commit_or_queue(&self, chunk_index, ret_turn, err)
                 : commit_or_busy(&self, chunk_index, ret_turn, err);
}

static int put_encoded(tsri_commit_state *self, const int64_t *chunk_index,
                       const tsr_segment *segment, bool *ret_busy, tsr_error *err)
{
    tsri_claim claim;

    TSRI_TRY(tsri_array_locate(self->array, chunk_index, &self->extent, err));
    TSRI_TRY(tsri_claim_take(&claim, self->extent.store, self->extent.key, ret_busy, err));
    if (*ret_busy)
        return 0;
    int status = tsri_commit_put(self, segment, 1, false, err);
    tsri_claim_give(&claim);
    return status;
}

int tsri_commit_encoded(tsr_array *array, const int64_t *chunk_index, const void *bytes,
                        size_t size_bytes, const tsr_write_options *options, bool until_flush,
                        tsri_figures_block *figures, bool *ret_busy, tsr_error *err)
{
    const tsr_segment segment = {bytes, 0, size_bytes};
    tsri_commit_state self = {.array = array,
                              .options = options,
                              .durability = options->durability,
                              .until_flush = until_flush,
                              .figures = figures};

    int status = put_encoded(&self, chunk_index, &segment, ret_busy, err);
    tsri_figures_block_free(self.figures);
    return status;
}
