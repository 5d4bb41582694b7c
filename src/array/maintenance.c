/* Repairing and compacting one chunk of a store: under its lock, published as a whole. */
#include <tessera/maintenance.h>

#include <inttypes.h>

#include "array/claim.h"
#include "array/figures_kept.h"
#include "array/parity_put.h"
#include "array/patched_value.h"
#include "array/rebuild.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"

/* A chunk with more damaged versions beside it than this is not repaired once more. */
#define KEPT_MAX 1000

void tsr_repair_options_init(tsr_repair_options *options)
{
    *options = (tsr_repair_options){.struct_size = sizeof *options};
}

/* One chunk under way. */
typedef struct maintenance {
    tsr_array *array;
    const tsr_call *call;
    bool dry_run;
    tsri_task_group watch;
    tsri_examiner examiner;
    tsri_rebuild rebuild;
    tsri_prepared *prepared; /* held */
    tsr_extent extent;
    tsri_cell_place place;
    tsr_lock *lock;
    tsr_generation generation; /* of the value that was examined */
    uint64_t old_bytes, new_bytes;
    bool changed;
    tsri_figures_block *figures; /* NULL: no statistics are kept */

    /* Of shards. */
    tsri_shard_parity parity;
    tsri_patched_value patched;
    bool is_patched; /* what is planned with is `patched`, not the value in the store */
    bool is_whole;   /* and all of that is as it was */
    int64_t rebuilt_blocks;
    tsr_segment *segments; /* of the new value; owned */
    size_t segment_count;
    tsri_parity_encoder encoder; /* of its parity; what segments point to */
} maintenance;

/* ---- keeping the damaged value ---- */

/* The key under which a damaged value is kept for the n-th time: beside its own. */
static bool name_kept(const char *key, int n, char ret_key[TSR_KEY_MAX])
{
    const char *slash = strrchr(key, '/');
    int folder_bytes = slash ? (int)(slash + 1 - key) : 0;
    int size = snprintf(ret_key, TSR_KEY_MAX, "%.*s" TSR_DAMAGED_NAME_PREFIX "%d.%s", folder_bytes,
                        key, n, key + folder_bytes);
    return size > 0 && size < TSR_KEY_MAX;
}

/* Whether a key leads to the very value that is to be kept: a repair that was killed has linked it
 * already. */
static int leads_to_it(maintenance *self, const char *key, bool *ret_same, tsr_error *err)
{
    tsr_get_request answer;
    bool exists;

    TSRI_TRY(tsri_look_and_wait(self->extent.store, key, &exists, &answer, err));
    *ret_same = exists && tsr_generation_equal(&answer.generation, &self->generation);
    return 0;
}

static int keep_damaged(maintenance *self, char ret_key[TSR_KEY_MAX], tsr_error *err)
{
    for (int n = 1; n <= KEPT_MAX; n++) {
        bool same;
        if (!name_kept(self->extent.key, n, ret_key))
            break;
        int status = tsr_store_link(self->extent.store, self->extent.key, ret_key, self->call, err);
        if (status != TSR_EXISTS)
            return status;
        tsr_error_clear(err);
        TSRI_TRY(leads_to_it(self, ret_key, &same, err));
        if (same)
            return 0;
    }
    return tsr_error_set(err, TSR_LIMIT, "%s: no name is left to keep the damaged chunk %s under",
                         self->array->place, self->extent.key);
}

/* ---- publishing ---- */

/* Inner chunks that keep their bytes keep their statistics. After a loss nothing is carried over:
 * rows may tell of what was lost. */
static void note_put(maintenance *self, const tsr_put_request *request)
{
    tsri_figures_block *figures = self->figures;
    if (!figures || !request->is_unique || self->rebuild.lost_chunks > 0)
        return;
    figures->before_known = figures->before_exists = figures->exists = true;
    figures->before = self->generation;
    figures->now = request->generation;
    tsri_figures_add(self->array, TSRI_TAKE(self->figures));
}

static int put_rebuilt(maintenance *self, tsr_error *err)
{
    tsr_put_request request = {
        .key = self->extent.key,
        .segments = self->segments,
        .segment_count = self->segment_count,
        .if_match = &self->generation,
        .lock = self->lock,
        .durability = TSR_DURABILITY_CHUNK,
        .wants_unique = self->figures != NULL,
        .err = err,
    };
    TSRI_TRY(tsr_store_put_many(self->extent.store, &request, 1, self->call));
    note_put(self, &request);
    return 0;
}

static int erase_chunk(maintenance *self, tsr_error *err)
{
    tsr_store *store = self->extent.store;
    const tsr_generation *if_match = store->hints.conditional_erase ? &self->generation : NULL;

    TSRI_TRY(tsr_store_erase_if(store, self->extent.key, if_match, self->lock, self->call, err));
    return tsr_store_flush(store, self->call, err);
}

/* ---- parity ---- */

/* Takes what the parity says of a shard for the shard, when both belong together and anything of
 * them is damaged. */
static int patch_shard(maintenance *self, tsr_error *err)
{
    bool contradicts;

    TSRI_TRY(tsri_shard_parity_verify(&self->parity, &self->examiner, err));
    if (!tsri_shard_parity_is_damaged(&self->parity))
        return 0;
    TSRI_TRY(tsri_patched_value_init(&self->patched, &self->parity, &self->examiner,
                                     &self->generation, err));
    int status = tsri_patched_value_contradicts(&self->patched, &self->examiner, &contradicts, err);
    self->is_patched = status == 0 && !contradicts;
    self->rebuilt_blocks = self->is_patched ? (int64_t)self->patched.patch_count : 0;
    if (!self->is_patched)
        tsri_patched_value_clear(&self->patched);
    return status;
}

static bool has_useful_parity(const maintenance *self)
{
    return self->parity.directory && !self->parity.is_stale;
}

/* Finds the parity of a shard, and decides what to do with it. */
static int take_parity(maintenance *self, uint64_t size_bytes, tsr_error *err)
{
    bool repairs = self->rebuild.purpose == TSRI_REBUILD_REPAIR;
    bool wanted = self->array->parity.data_rows > 0;

    TSRI_TRY(tsri_shard_parity_find(&self->parity, &self->examiner, self->prepared, &self->extent,
                                    size_bytes, repairs && wanted, err));
    if (repairs)
        return has_useful_parity(self) ? patch_shard(self, err) : 0;
    self->rebuild.renews = wanted && !has_useful_parity(self);
    return 0;
}

/* The segments of a shard that is as it was: all of it, around the index. */
static size_t list_whole(const maintenance *self, tsr_segment *segments)
{
    const tsri_parity_shape *shape = &self->parity.shape;
    tsr_segment index = {self->parity.directory, 0, shape->index_bytes};
    bool at_start = shape->after_bytes == 0;
    uint64_t start = at_start ? shape->index_bytes : 0;
    size_t count = 0;

    if (at_start)
        segments[count++] = index;
    if (shape->before_bytes > start)
        segments[count++] = (tsr_segment){NULL, start, shape->before_bytes - start};
    if (!at_start)
        segments[count++] = index;
    return count;
}

/* Adds as much parity as the array wants, or else as there was. */
static int add_parity(maintenance *self, tsr_error *err)
{
    const tsri_parity_shape *old = &self->parity.shape;
    tsri_parity_strength strength = self->array->parity;
    const tsr_extent *extent = self->is_patched ? &self->patched.extent : &self->extent;
    const tsri_parity_source source = {extent->store, extent->key,
                                       self->is_patched ? NULL : &self->generation};

    if (strength.data_rows == 0 && has_useful_parity(self))
        strength = old->strength;
    if (strength.data_rows == 0)
        return 0;
    bool is_same = self->is_whole && strength.data_rows == old->strength.data_rows &&
                   strength.parity_rows == old->strength.parity_rows;
    return tsri_parity_put(strength, is_same ? old : NULL, &source,
                           self->prepared->chain->shard->index_at_start, self->segments,
                           &self->segment_count, &self->encoder, err);
}

/* Turns ranges of the patched value into such of the one in the store. */
static int translate_segments(maintenance *self, tsr_error *err)
{
    tsr_segment *translated;

    TSRI_TRY(tsri_patched_value_translate(&self->patched, self->segments, self->segment_count,
                                          &translated, &self->segment_count, err));
    tsri_free(self->segments);
    self->segments = translated;
    return 0;
}

/* Makes the segments of the new value out of what is planned. */
static int list_segments(maintenance *self, tsr_error *err)
{
    size_t planned = self->rebuild.segment_count, most = TSRI_MAX(planned, (size_t)2);

    self->segments = tsri_alloc_array(most + TSRI_PARITY_SEGMENTS, sizeof *self->segments);
    if (!self->segments)
        return tsri_error_no_memory(err, most * sizeof *self->segments);
    self->segment_count = self->is_whole ? list_whole(self, self->segments) : planned;
    if (!self->is_whole)
        memcpy(self->segments, self->rebuild.segments, planned * sizeof *self->segments);
    TSRI_TRY(add_parity(self, err));
    if (self->is_patched)
        TSRI_TRY(translate_segments(self, err));
    self->new_bytes = 0;
    for (size_t i = 0; i < self->segment_count; i++)
        self->new_bytes += self->segments[i].size_bytes;
    return 0;
}

static void clear_parity(maintenance *self)
{
    tsri_free(self->segments);
    tsri_parity_encoder_clear(&self->encoder);
    if (self->is_patched)
        tsri_patched_value_clear(&self->patched);
    tsri_shard_parity_clear(&self->parity);
}

/* ---- examining ---- */

/* How many of the bytes that no entry of a sound shard refers to are its parity. */
static int measure_parity(maintenance *self, uint64_t size_bytes, tsr_error *err)
{
    tsri_shard_survey survey;

    if (!has_useful_parity(self))
        return 0;
    TSRI_TRY(tsri_shard_survey_init(&survey, &self->examiner, self->prepared, &self->extent, 0,
                                    size_bytes, false, err));
    self->rebuild.parity_bytes = tsri_shard_parity_bytes(&self->parity, survey.layout.end_bytes);
    tsri_shard_survey_clear(&survey);
    return 0;
}

static int plan_shard(maintenance *self, uint64_t size_bytes, tsr_error *err)
{
    TSRI_TRY(take_parity(self, size_bytes, err));
    if (self->rebuild.purpose == TSRI_REBUILD_COMPACT)
        TSRI_TRY(measure_parity(self, size_bytes, err));
    if (self->is_patched) {
        self->rebuild.extent = &self->patched.extent;
        size_bytes = self->parity.shape.covered_bytes;
    }
    TSRI_TRY(tsri_rebuild_plan(&self->rebuild, self->prepared, size_bytes, &self->place,
                               &self->changed, &self->new_bytes, err));
    if (self->rebuild.stopped)
        return 0;
    self->is_whole = self->is_patched && !self->changed;
    self->rebuild.index_corrected |= self->is_patched && !self->parity.index_holds;
    self->changed |= self->is_patched;
    return self->changed && self->new_bytes > 0 ? list_segments(self, err) : 0;
}

static int plan(maintenance *self, tsr_error *err)
{
    tsri_finding found = {0};

    TSRI_TRY(tsri_examine_chunk(&self->examiner, self->prepared, &self->extent, &found,
                                &self->generation, err));
    self->old_bytes = self->new_bytes = found.size_bytes;
    int status = 0;
    if (found.state == TSR_CHUNK_STORED && tsri_is_open_shard(self->prepared)) {
        status = plan_shard(self, found.size_bytes, err);
    } else if (found.state == TSR_CHUNK_DAMAGED && self->rebuild.purpose == TSRI_REBUILD_REPAIR) {
        self->changed = true;
        self->new_bytes = 0;
        tsri_rebuild_tell_lost(&self->rebuild, 0, &self->place, &found);
    }
    tsri_finding_clear(&found);
    return status < 0 ? status : self->rebuild.stopped;
}

/* Plans, and publishes what is planned. `ret_kept` is NULL when nothing is to be kept. */
static int plan_and_publish(maintenance *self, char *ret_kept, tsr_error *err)
{
    TSRI_TRY(tsr_store_lock(self->extent.store, self->extent.key, self->call, &self->lock, err));
    int status = plan(self, err);
    if (status == 0 && self->changed && !self->dry_run) {
        if (ret_kept)
            status = keep_damaged(self, ret_kept, err);
        if (status == 0)
            status = self->new_bytes > 0 ? put_rebuilt(self, err) : erase_chunk(self, err);
    }
    tsr_store_unlock(self->extent.store, self->lock);
    return status;
}

/* Waits until no task of this process writes the chunk, and does it then. */
static int run_in_turn(maintenance *self, char *ret_kept, tsr_error *err)
{
    const tsr_system *system = self->array->context->system;
    tsri_claim claim;
    bool busy = true;

    while (busy && !tsri_group_stopped(&self->watch)) {
        TSRI_TRY(tsri_claim_take(&claim, self->extent.store, self->extent.key, &busy, err));
        if (busy)
            system->sleep_ns(system, TSRI_BUSY_PAUSE_NS);
    }
    if (busy)
        return tsri_group_wait(&self->watch, err);
    int status = plan_and_publish(self, ret_kept, err);
    tsri_claim_give(&claim);
    int ended = tsri_group_wait(&self->watch, status == 0 ? err : NULL);
    return status != 0 ? status : ended;
}

/* ---- the public calls ---- */

static int find_figures(maintenance *self, const tsri_grid *grid, const int64_t *index,
                        tsr_error *err)
{
    TSRI_TRY(tsri_figures_find_to_write(self->array, err));
    return tsri_figures_block_new(self->array, grid, index, &self->figures, err);
}

static int locate(maintenance *self, const int64_t *index, tsr_error *err)
{
    tsr_array *array = self->array;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);

    if (!array->store)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a %s array has no chunks in a store",
                             array->place, array->driver_name);
    if (!array->writable && !self->dry_run)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", array->place);
    for (int axis = 0; axis < array->rank; axis++)
        if (index[axis] < 0 || index[axis] >= grid->axes[axis].count)
            return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                                 "%s: no chunk %" PRId64 " along axis %d, which has %" PRId64,
                                 array->place, index[axis], axis, grid->axes[axis].count);
    TSRI_TRY(tsri_array_locate(array, index, &self->extent, err));
    tsri_cell_place_init(&self->place, grid, array->rank, index);
    if (!self->dry_run)
        TSRI_TRY(find_figures(self, grid, index, err));
    return tsri_array_prepare(array, grid, index, &self->prepared, err);
}

static int examine_and_change(maintenance *self, char *ret_kept, tsr_error *err)
{
    TSRI_TRY(tsri_group_init(&self->watch, self->array->context, self->call, NULL, err));
    /* The key is held meanwhile: whoever waits does nothing for others. */
    self->watch.alone = true;
    tsri_examiner_init(&self->examiner, self->array, &self->watch);
    self->examiner.data = self->rebuild.purpose == TSRI_REBUILD_REPAIR;
    self->examiner.trusts_checksums = self->examiner.data;
    self->rebuild.examiner = &self->examiner;
    self->rebuild.extent = &self->extent;
    int status = run_in_turn(self, ret_kept, err);
    if (status < 0)
        tsr_error_prepend(err, "%s: chunk %s", self->array->place, self->extent.key);
    else
        tsri_figures_flush(self->array, TSR_DURABILITY_CHUNK, false);
    clear_parity(self);
    tsri_rebuild_clear(&self->rebuild);
    return status;
}

static int run(maintenance *self, const int64_t *index, char *ret_kept, tsr_error *err)
{
    int status = locate(self, index, err);
    if (status == 0)
        status = examine_and_change(self, ret_kept, err);
    tsri_prepared_unref(self->prepared);
    tsri_figures_block_free(self->figures);
    return status;
}

/* What is told of a key: relative to the array. */
static const char *relative_key(const tsr_array *array, const char *key)
{
    size_t path_bytes = strlen(array->path);
    return key + (path_bytes > 0 && key[0] ? path_bytes + 1 : 0);
}

int tsr_array_repair_chunk(tsr_array *array, const int64_t *index,
                           const tsr_repair_options *options,
                           int (*lost)(void *user, const tsr_chunk_info *info), void *user,
                           tsr_repair_result *ret_result, const tsr_call *call, tsr_error *err)
{
    char kept[TSR_KEY_MAX] = "";
    tsr_error own = TSR_ERROR_INIT;

    if (!err)
        err = &own; /* findings take their texts from it */
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_repair_options_init has not set up");
    maintenance self = {
        .array = array,
        .call = call,
        .dry_run = options && options->dry_run,
        .rebuild = {.purpose = TSRI_REBUILD_REPAIR, .lost = lost, .user = user},
    };
    int status = run(&self, index, kept, err);
    if (status != 0)
        return status;
    *ret_result = (tsr_repair_result){.kept_chunks = self.rebuild.kept_chunks,
                                      .lost_chunks = self.rebuild.lost_chunks};
    if (self.changed)
        ret_result->outcome = self.new_bytes > 0 ? TSR_REPAIR_REBUILT : TSR_REPAIR_REMOVED;
    ret_result->index_corrected =
        ret_result->outcome == TSR_REPAIR_REBUILT && self.rebuild.index_corrected;
    ret_result->rebuilt_blocks = self.rebuilt_blocks;
    snprintf(ret_result->kept_as, sizeof ret_result->kept_as, "%s", relative_key(array, kept));
    return 0;
}

int tsr_array_compact_chunk(tsr_array *array, const int64_t *index, bool dry_run,
                            int64_t *ret_won_bytes, const tsr_call *call, tsr_error *err)
{
    tsr_error own = TSR_ERROR_INIT;
    maintenance self = {
        .array = array,
        .call = call,
        .dry_run = dry_run,
        .rebuild = {.purpose = TSRI_REBUILD_COMPACT},
    };

    int status = run(&self, index, NULL, err ? err : &own);
    if (status < 0)
        return status;
    *ret_won_bytes = self.changed ? (int64_t)self.old_bytes - (int64_t)self.new_bytes : 0;
    return 0;
}
