/* Walking over chunks as they are stored: which there are, their sizes, and whether their bytes are
 * sound. */
#include <inttypes.h>

#include "array/claim.h"
#include "array/commit.h"
#include "array/node.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"
#include "exec/pool.h"

/* So many chunks are examined side by side before they are told to the caller. */
#define BATCH_CHUNKS 64
#define SLACK_BYTES (UINT64_C(1) << 20)

void tsr_chunk_walk_options_init(tsr_chunk_walk_options *options)
{
    *options = (tsr_chunk_walk_options){.struct_size = sizeof *options};
}

/* What is found out about one chunk or inner chunk. */
typedef struct finding {
    tsr_chunk_state state;
    uint64_t offset, size_bytes; /* within the value */
    tsr_error *error;            /* owned; when damaged */
} finding;

typedef struct walk {
    tsr_array *array;
    const tsri_grid *grid;
    const tsr_chunk_walk_options *options;
    const tsr_call *call;
    int (*each)(void *user, const tsr_chunk_info *info);
    void *user;
    int64_t fetched_bytes; /* atomic */
    int64_t started_ns;
    tsri_task_group watch; /* only for cancel and deadline */
    finding batch[BATCH_CHUNKS];
    int64_t chunks[BATCH_CHUNKS][TSR_RANK_MAX]; /* their grid coordinates */
    int64_t batch_count;
    int stopped; /* what `each` returned to end the walk */
} walk;

/* ---- fetching and decoding ---- */

/* Sleeps until the fetched bytes fit the rate. */
static void keep_rate(walk *self, uint64_t fetched)
{
    const tsr_system *system = self->array->context->system;
    int64_t total = __atomic_add_fetch(&self->fetched_bytes, (int64_t)fetched, __ATOMIC_RELAXED);

    if (self->options->rate_bytes <= 0)
        return;
    double due_ns = (double)total / (double)self->options->rate_bytes * 1e9;
    int64_t ahead_ns = (int64_t)due_ns - (system->monotonic_ns(system) - self->started_ns);
    const int64_t slice_ns = 50 * 1000 * 1000;
    while (ahead_ns > 0 && !tsri_group_stopped(&self->watch)) {
        system->sleep_ns(system, TSRI_MIN(ahead_ns, slice_ns));
        ahead_ns -= slice_ns;
    }
}

static int fetch(walk *self, const tsr_extent *extent, tsr_range range,
                 tsr_get_request *ret_request, tsr_error *err)
{
    if (tsri_group_stopped(&self->watch)) {
        if (err)
            *err = self->watch.error;
        return self->watch.status;
    }
    TSRI_TRY(tsri_get_and_wait(extent->store, extent->key, range, NULL, ret_request, err));
    keep_rate(self, ret_request->size_bytes);
    return 0;
}

/* Fetches a range and decodes it as a chunk of `prepared`. */
static int verify(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                  tsr_range range, tsr_error *err)
{
    tsr_get_request request;
    tsr_codec_scratch *scratch;

    TSRI_TRY(fetch(self, extent, range, &request, err));
    int status = tsri_scratch_acquire(self->array->context, &scratch, err);
    if (status == 0) {
        status = tsri_chain_verify(prepared, scratch, tsr_blob_data(request.blob),
                                   request.size_bytes, err);
        tsri_scratch_release(self->array->context, scratch);
        if (status ==
            TSR_LIMIT) /* bytes that ask for too much; limits of the system are no damage */
            err->status = status = TSR_DAMAGED;
    }
    tsr_blob_unref(request.blob);
    return status;
}

/* Damage is a finding; everything else (no permission, no memory) ends the walk. */
static int judge(finding *found, int status, tsr_error *err)
{
    if (status == TSR_NOT_FOUND) {
        found->state = TSR_CHUNK_MISSING;
        tsr_error_clear(err);
        return 0;
    }
    if (status != TSR_DAMAGED && status != TSR_OUT_OF_BOUNDS)
        return status;
    found->state = TSR_CHUNK_DAMAGED;
    found->error = tsri_alloc(sizeof *found->error);
    if (!found->error)
        return tsri_error_no_memory(err, sizeof *found->error);
    *found->error = *err;
    found->error->status = TSR_DAMAGED;
    tsr_error_clear(err);
    return 0;
}

static bool is_open_shard(const tsri_prepared *prepared)
{
    return tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared);
}

/* What a chunk of the store takes at most; foreign encoders may be less tight than ours. A shard is
 * read in parts and may have gaps of any size. */
static uint64_t largest_size(const tsri_prepared *prepared)
{
    uint64_t largest = (uint64_t)prepared->chain->context->options.largest_chunk_bytes;
    if (is_open_shard(prepared) || tsri_prepared_is_raw(prepared))
        return UINT64_MAX;
    if (prepared->bound.size_class != TSR_SIZE_UNBOUNDED)
        largest = TSRI_MIN(largest, prepared->bound.size_bytes);
    return 2 * largest + SLACK_BYTES;
}

/* A chunk of a fixed size has one size only; of others too much is never fetched. */
static int check_size(const tsri_prepared *prepared, uint64_t size, tsr_error *err)
{
    bool fixed = !tsri_prepared_is_shard(prepared) && prepared->bound.size_class == TSR_SIZE_FIXED;
    uint64_t most = fixed ? prepared->bound.size_bytes : largest_size(prepared);

    if (fixed ? size == most : size <= most)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED,
                         "%" PRIu64 " bytes are stored where the chunk has %s%" PRIu64, size,
                         fixed ? "" : "at most ", most);
}

/* Looks at one chunk of the store: there or not, its size, and with options.data its bytes. */
static int examine(void *user, int64_t i, tsr_error *err)
{
    walk *self = user;
    finding *found = &self->batch[i];
    const tsr_range nothing = {TSR_RANGE_PART, 0, 0}, whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsr_extent extent;
    tsr_get_request request;

    TSRI_TRY(tsri_array_prepare(self->array, self->grid, self->chunks[i], &prepared, err));
    TSRI_TRY(tsri_array_locate(self->array, self->chunks[i], &extent, err));
    int status = fetch(self, &extent, nothing, &request, err);
    if (status < 0)
        return judge(found, status, err);
    tsr_blob_unref(request.blob);
    found->state = TSR_CHUNK_STORED;
    found->size_bytes = request.value_bytes;
    status = check_size(prepared, found->size_bytes, err);
    if (status == 0 && self->options->data && !is_open_shard(prepared))
        status = verify(self, prepared, &extent, whole, err);
    return status < 0 ? judge(found, status, err) : 0;
}

/* ---- telling
 * -----------------------------------------------------------------------------------------------------
 */

static int tell(walk *self, const tsr_extent *extent, int level, const int64_t *index,
                const finding *found)
{
    tsr_chunk_info info = {.level = level,
                           .state = found->state,
                           .offset = found->offset,
                           .size_bytes = found->size_bytes};
    size_t path_bytes = self->array->path ? strlen(self->array->path) : 0;
    const char *key = extent->key + (path_bytes > 0 ? path_bytes + 1 : 0);

    memcpy(info.index, index, (size_t)self->array->rank * sizeof *index);
    snprintf(info.key, sizeof info.key, "%s", key);
    if (found->error) {
        info.error = *found->error;
        tsr_error_set_where(&info.error, "bytes %" PRIu64 "..%" PRIu64 " of %s/%s", found->offset,
                            found->offset + found->size_bytes, self->array->place, key);
    }
    self->stopped = self->each(self->user, &info);
    return self->stopped;
}

/* ---- inner chunks
 * -------------------------------------------------------------------------------------------------
 */

typedef struct inner_walk {
    walk *walk;
    const tsri_prepared *prepared; /* of the shard */
    const tsr_extent *extent;
    uint64_t base, shard_bytes; /* of the shard within the value */
    tsri_shard_entry *entries;
    finding *findings;
} inner_walk;

static int examine_inner(void *user, int64_t i, tsr_error *err)
{
    inner_walk *self = user;
    finding *found = &self->findings[i];
    tsri_shard_entry entry = self->entries[i];
    const tsri_prepared *inner = self->prepared->inner;

    if (tsri_shard_entry_is_missing(entry))
        return 0;
    *found = (finding){.state = TSR_CHUNK_STORED,
                       .offset = self->base + entry.offset,
                       .size_bytes = entry.size_bytes};
    int status = tsri_shard_entry_check(self->prepared, i, entry, self->shard_bytes, err);
    if (status == 0 && self->walk->options->data && !is_open_shard(inner)) {
        tsr_range range = {TSR_RANGE_PART, found->offset, found->size_bytes};
        status = verify(self->walk, inner, self->extent, range, err);
    }
    return status < 0 ? judge(found, status, err) : 0;
}

static int load_index(inner_walk *self, tsr_error *err)
{
    walk *outer = self->walk;
    tsr_codec_scratch *scratch;
    tsr_get_request request;
    uint64_t offset;

    TSRI_TRY(tsri_shard_index_offset(self->prepared, self->shard_bytes, &offset, err));
    tsr_range range = {TSR_RANGE_PART, self->base + offset, (uint64_t)self->prepared->index_bytes};
    TSRI_TRY(fetch(outer, self->extent, range, &request, err));
    int status = tsri_scratch_acquire(outer->array->context, &scratch, err);
    if (status == 0) {
        status = tsri_shard_index_decode(self->prepared, scratch, tsr_blob_data(request.blob),
                                         self->entries, err);
        tsri_scratch_release(outer->array->context, scratch);
    }
    tsr_blob_unref(request.blob);
    return status;
}

static int walk_shard(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                      finding *shard, int level, const int64_t *index, const int64_t *origin,
                      const int *axes, tsr_error *err);

/* Tells of one inner chunk, and goes into it when it is a shard itself. */
static int tell_inner(inner_walk *self, int64_t number, int level, const int64_t *origin,
                      const int *axes, tsr_error *err)
{
    walk *outer = self->walk;
    const tsri_prepared *prepared = self->prepared;
    const int64_t *lengths = prepared->chain->shard->chunk_shape;
    int64_t start[TSR_RANK_MAX], index[TSR_RANK_MAX], rest = number;
    int inner_axes[TSR_RANK_MAX];

    for (int axis = prepared->encoded_rank - 1; axis >= 0; axis--) {
        int along = axes[prepared->axis_of[axis]];
        inner_axes[axis] = along;
        start[along] = origin[along] + rest % prepared->grid[axis] * lengths[axis];
        index[along] = start[along] / lengths[axis];
        rest /= prepared->grid[axis];
    }
    for (int axis = 0; axis < prepared->encoded_rank; axis++)
        if (start[axis] >= outer->grid->shape[axis])
            return 0; /* beyond the edge of the array */
    finding *found = &self->findings[number];
    if (found->state == TSR_CHUNK_STORED && is_open_shard(prepared->inner))
        return walk_shard(outer, prepared->inner, self->extent, found, level, index, start,
                          inner_axes, err);
    tell(outer, self->extent, level, index, found);
    return 0;
}

static int walk_entries(inner_walk *self, int level, const int64_t *origin, const int *axes,
                        tsr_error *err)
{
    tsri_task_group *watch = &self->walk->watch;
    int64_t count = self->prepared->entry_count, grain = self->walk->options->data ? 1 : count;

    TSRI_TRY(tsri_parallel_for(self->walk->array->context, NULL, watch, count, grain, examine_inner,
                               self, err));
    for (int64_t i = 0; i < count && !self->walk->stopped; i++)
        TSRI_TRY(tell_inner(self, i, level, origin, axes, err));
    return 0;
}

/* Reads the index of a shard, which becomes damaged when that is. The shard is told of, then what
 * it holds. */
static int walk_index(inner_walk *self, finding *shard, int level, const int64_t *index,
                      const int64_t *origin, const int *axes, tsr_error *err)
{
    int status = load_index(self, err);
    if (status < 0)
        TSRI_TRY(judge(shard, status, err));
    if (tell(self->walk, self->extent, level, index, shard) || shard->state != TSR_CHUNK_STORED)
        return 0;
    return walk_entries(self, level + 1, origin, axes, err);
}

/* Visits a shard and its inner chunks. `level` is its own; `axes` names the array axis of each of
 * its decoded axes. */
static int walk_shard(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                      finding *shard, int level, const int64_t *index, const int64_t *origin,
                      const int *axes, tsr_error *err)
{
    inner_walk inner = {self, prepared, extent, shard->offset, shard->size_bytes, NULL, NULL};
    int status = 0;
    size_t count = (size_t)prepared->entry_count;

    if (shard->size_bytes >= (uint64_t)prepared->index_bytes) {
        inner.entries = tsri_alloc_array(count, sizeof *inner.entries);
        inner.findings = tsri_alloc_array_zero(count, sizeof *inner.findings);
        if (!inner.entries || !inner.findings)
            status = tsri_error_no_memory(err, count * sizeof *inner.findings);
    } /* otherwise there is no index to load */
    if (status == 0)
        status = walk_index(&inner, shard, level, index, origin, axes, err);
    for (size_t i = 0; inner.findings && i < count; i++)
        tsri_free(inner.findings[i].error);
    tsri_free(inner.findings);
    tsri_free(inner.entries);
    return status;
}

/* ---- chunks of the store ---- */

static int tell_chunk(walk *self, const int64_t *chunk, finding *found, tsr_error *err)
{
    tsr_array *array = self->array;
    int64_t origin[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsr_auto(tsri_prepared) *prepared = NULL;
    int axes[TSR_RANK_MAX];
    tsr_extent extent;

    TSRI_TRY(tsri_array_locate(array, chunk, &extent, err));
    if (!self->options->inner || found->state != TSR_CHUNK_STORED ||
        !is_open_shard(array->prepared)) {
        tell(self, &extent, 0, chunk, found);
        return 0;
    }
    tsri_grid_box(self->grid, chunk, origin, shape);
    for (int axis = 0; axis < array->rank; axis++)
        axes[axis] = axis;
    TSRI_TRY(tsri_array_prepare(array, self->grid, chunk, &prepared, err));
    return walk_shard(self, prepared, &extent, found, 0, chunk, origin, axes, err);
}

/* Examines the batch on all threads and tells of it in order. */
static int flush_batch(walk *self, tsr_error *err)
{
    int64_t count = self->batch_count, grain = self->options->data ? 1 : 16;

    self->batch_count = 0;
    int status = tsri_parallel_for(self->array->context, self->call, &self->watch, count, grain,
                                   examine, self, err);
    for (int64_t i = 0; i < count && status == 0 && !self->stopped; i++)
        status = tell_chunk(self, self->chunks[i], &self->batch[i], err);
    for (int64_t i = 0; i < count; i++)
        tsri_free(self->batch[i].error);
    return status;
}

static int add_chunk(walk *self, const int64_t *chunk, tsr_error *err)
{
    self->batch[self->batch_count] = (finding){.state = TSR_CHUNK_MISSING};
    memcpy(self->chunks[self->batch_count++], chunk, (size_t)self->array->rank * sizeof *chunk);
    return self->batch_count == BATCH_CHUNKS ? flush_batch(self, err) : 0;
}

static int walk_grid(walk *self, tsr_error *err)
{
    int64_t chunk[TSR_RANK_MAX] = {0};
    bool more = tsri_grid_has(self->grid, chunk);

    for (; more && !self->stopped; more = tsri_grid_next(self->grid, chunk)) {
        TSRI_TRY(add_chunk(self, chunk, err));
        if (tsri_group_stopped(&self->watch))
            return 0;
    }
    return self->stopped ? 0 : flush_batch(self, err);
}

/* ---- by listing
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct key_walk {
    walk *walk;
    tsr_error *err;
    int status;
} key_walk;

static bool is_chunk_of_grid(const tsr_array *array, const tsri_grid *grid, const char *name,
                             int64_t *ret_chunk)
{
    return tsri_chunk_key_parse(array->key.style, array->rank, name, strlen(name), ret_chunk) &&
           tsri_grid_has(grid, ret_chunk);
}

static int visit_key(void *user, const tsr_store_entry *entry)
{
    key_walk *self = user;
    int64_t chunk[TSR_RANK_MAX];

    if (is_chunk_of_grid(self->walk->array, self->walk->grid, entry->name, chunk))
        self->status = add_chunk(self->walk, chunk, self->err);
    return self->status < 0 || self->walk->stopped || tsri_group_stopped(&self->walk->watch);
}

static int list_array(const tsr_array *array, int (*each)(void *user, const tsr_store_entry *entry),
                      void *user, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_format("%s%s", array->path, *array->path ? "/" : "");
    if (!prefix)
        return tsri_error_no_memory(err, 0);
    return tsr_store_list(array->store, prefix, false, each, user, call, err);
}

static int walk_keys(walk *self, tsr_error *err)
{
    key_walk keys = {.walk = self, .err = err};
    int status = list_array(self->array, visit_key, &keys, self->call, err);
    if (keys.status < 0)
        return keys.status;
    if (status < 0)
        return status;
    return self->stopped ? 0 : flush_batch(self, err);
}

/* ---- the public calls
 * ----------------------------------------------------------------------------------------------------
 */

static int check_walkable(const tsr_array *array, tsr_error *err)
{
    if (array->store)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a %s array has no chunks in a store",
                         array->place, array->driver_name);
}

int tsr_array_walk_chunks(tsr_array *array, const tsr_chunk_walk_options *options,
                          int (*each)(void *user, const tsr_chunk_info *info), void *user,
                          const tsr_call *call, tsr_error *err)
{
    tsr_chunk_walk_options defaults;
    tsr_error own = TSR_ERROR_INIT;

    if (!err)
        err = &own; /* findings take their texts from it */
    TSRI_TRY(check_walkable(array, err));
    tsr_chunk_walk_options_init(&defaults);
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_chunk_walk_options_init has not set up");
    walk *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    *self = (walk){.array = array,
                   .grid = grid,
                   .options = options ? options : &defaults,
                   .call = call,
                   .each = each,
                   .user = user};
    self->started_ns = array->context->system->monotonic_ns(array->context->system);
    int status = tsri_group_init(&self->watch, array->context, call, NULL, err);
    if (status == 0) {
        status = self->options->stored_only ? walk_keys(self, err) : walk_grid(self, err);
        int ended = tsri_group_wait(&self->watch, status == 0 ? err : NULL);
        status = status == 0 ? ended : status;
        if (status == 0)
            status = self->stopped;
    }
    tsri_free(self);
    return status;
}

static bool is_metadata(const tsr_array *array, const char *name)
{
    static const char *const v2[] = {".zarray", ".zattrs", ".zmetadata"};
    if (array->meta->zarr_format == 3)
        return strcmp(name, "zarr.json") == 0;
    for (size_t i = 0; i < TSRI_COUNT(v2); i++)
        if (strcmp(name, v2[i]) == 0)
            return true;
    return false;
}

typedef struct orphan_walk {
    const tsr_array *array;
    const tsri_grid *grid;
    int (*each)(void *user, const char *key, int64_t size_bytes);
    void *user;
} orphan_walk;

static int visit_orphan(void *user, const tsr_store_entry *entry)
{
    orphan_walk *self = user;
    int64_t chunk[TSR_RANK_MAX];

    if (is_metadata(self->array, entry->name) ||
        is_chunk_of_grid(self->array, self->grid, entry->name, chunk))
        return 0;
    return self->each(self->user, entry->name, entry->size_bytes);
}

int tsr_array_orphan_keys(tsr_array *array,
                          int (*each)(void *user, const char *key, int64_t size_bytes), void *user,
                          const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    orphan_walk keys = {array, grid, each, user};
    TSRI_TRY(check_walkable(array, err));
    return list_array(array, visit_orphan, &keys, call, err);
}

/* ---- single encoded chunks
 * -------------------------------------------------------------------------------------------------
 */

static int check_chunk_index(const tsr_array *array, const tsri_grid *grid, const int64_t *index,
                             tsr_error *err)
{
    for (int axis = 0; axis < array->rank; axis++)
        if (index[axis] < 0 || index[axis] >= grid->axes[axis].count)
            return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                                 "%s: no chunk %" PRId64 " along axis %d, which has %" PRId64,
                                 array->place, index[axis], axis, grid->axes[axis].count);
    return 0;
}

int tsr_array_get_encoded_chunk(tsr_array *array, const int64_t *index, const tsr_call *call,
                                tsr_blob **ret_blob, tsr_error *err)
{
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_extent extent;

    TSRI_TRY(check_walkable(array, err));
    TSRI_TRY(check_chunk_index(array, grid, index, err));
    TSRI_TRY(tsri_array_locate(array, index, &extent, err));
    return tsr_store_get(extent.store, extent.key, whole, call, ret_blob, NULL, err);
}

/* Tries until nobody else is writing the chunk. */
static int put_in_turn(tsr_array *array, const int64_t *index, const void *bytes, size_t size_bytes,
                       const tsr_write_options *options, const tsr_call *call, tsr_error *err)
{
    const tsr_system *system = array->context->system;
    tsri_task_group watch;
    bool busy = true;

    TSRI_TRY(tsri_group_init(&watch, array->context, call, NULL, err));
    while (busy && !tsri_group_stopped(&watch)) {
        TSRI_TRY(tsri_commit_encoded(array, index, bytes, size_bytes, options, &busy, err));
        if (busy)
            system->sleep_ns(system, TSRI_BUSY_PAUSE_NS);
    }
    return tsri_group_wait(&watch, err);
}

int tsr_array_put_encoded_chunk(tsr_array *array, const int64_t *index, const void *bytes,
                                size_t size_bytes, const tsr_write_options *options,
                                const tsr_call *call, tsr_error *err)
{
    tsr_write_options defaults;
    tsr_codec_scratch *scratch;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_auto(tsri_prepared) *prepared = NULL;

    TSRI_TRY(check_walkable(array, err));
    if (!array->writable)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", array->place);
    TSRI_TRY(check_chunk_index(array, grid, index, err));
    TSRI_TRY(tsri_array_prepare(array, grid, index, &prepared, err));
    tsr_write_options_init(&defaults);
    if (!options)
        options = &defaults;
    TSRI_TRY(tsri_scratch_acquire(array->context, &scratch, err));
    int status = tsri_chain_verify(prepared, scratch, bytes, size_bytes, err);
    tsri_scratch_release(array->context, scratch);
    if (status < 0) {
        tsr_error_prepend(err, "%s: the bytes of the chunk", array->place);
        return status;
    }
    TSRI_TRY(put_in_turn(array, index, bytes, size_bytes, options, call, err));
    return options->durability == TSR_DURABILITY_FLUSH ? tsr_store_flush(array->store, call, err)
                                                       : 0;
}
