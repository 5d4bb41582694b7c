/* Walking over chunks as they are stored: which there are, their sizes, and whether their bytes are
 * sound. */
#include <inttypes.h>
#include <tessera/statistics.h>

#include "array/claim.h"
#include "array/commit.h"
#include "array/examine.h"
#include "array/shard_parity.h"
#include "base/checked.h"
#include "base/context.h"
#include "exec/pool.h"

/* So many chunks are examined side by side before they are told to the caller. */
#define BATCH_CHUNKS 64
/* So often a shard is looked at that somebody replaces meanwhile each time. */
#define LOOKS_MAX 100

void tsr_chunk_walk_options_init(tsr_chunk_walk_options *options)
{
    *options = (tsr_chunk_walk_options){.struct_size = sizeof *options};
}

typedef struct walk {
    tsr_array *array;
    const tsri_grid *grid;
    const tsr_chunk_walk_options *options;
    const tsr_call *call;
    int (*each)(void *user, const tsr_chunk_info *info);
    void *user;
    tsri_task_group watch; /* only for cancel and deadline */
    tsri_examiner examiner;
    tsri_finding batch[BATCH_CHUNKS];
    tsr_generation generations[BATCH_CHUNKS];   /* of the values that were found */
    int64_t chunks[BATCH_CHUNKS][TSR_RANK_MAX]; /* their grid coordinates */
    int64_t batch_count;
    int stopped; /* what `each` returned to end the walk */
} walk;

/* Looks at one chunk of the store: there or not, its size, and with options.data its bytes. */
static int examine(void *user, int64_t i, tsr_error *err)
{
    walk *self = user;
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsr_extent extent;

    TSRI_TRY(tsri_array_prepare(self->array, self->grid, self->chunks[i], &prepared, err));
    TSRI_TRY(tsri_array_locate(self->array, self->chunks[i], &extent, err));
    return tsri_examine_chunk(&self->examiner, prepared, &extent, &self->batch[i],
                              &self->generations[i], err);
}

/* ---- telling ---- */

/* What is found out about the bytes of a shard that no entry refers to. */
typedef struct unreferenced {
    uint64_t dead_bytes, parity_bytes;
    tsr_parity_state parity;
    int64_t bad_blocks, hopeless_blocks;
} unreferenced;

static int tell(walk *self, const tsr_extent *extent, int level, const tsri_cell_place *place,
                const tsri_finding *found, const unreferenced *rest)
{
    tsr_chunk_info info;

    tsri_finding_info(found, self->array, extent, level, place, &info);
    if (rest) {
        info.dead_bytes = rest->dead_bytes;
        info.parity = rest->parity;
        info.parity_bytes = rest->parity_bytes;
        info.bad_blocks = rest->bad_blocks;
        info.hopeless_blocks = rest->hopeless_blocks;
    }
    self->stopped = self->each(self->user, &info);
    return self->stopped;
}

/* ---- inner chunks ---- */

static int walk_shard(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                      tsri_finding *shard, tsr_generation *generation, int level,
                      const tsri_cell_place *place, tsr_error *err);

/* Tells of one inner chunk, and goes into it when it is a shard itself. */
static int tell_inner(walk *self, const tsri_shard_survey *shard, int64_t number,
                      tsr_generation *generation, int level, const tsri_cell_place *place,
                      tsr_error *err)
{
    const tsri_prepared *inner = shard->prepared->inner;
    tsri_finding *found = &shard->findings[number];
    tsri_cell_place cell;

    tsri_cell_place_inner(place, shard->prepared, number, &cell);
    for (int axis = 0; axis < shard->prepared->encoded_rank; axis++)
        if (cell.origin[axis] >= self->grid->shape[axis])
            return 0; /* beyond the edge of the array */
    if (found->state == TSR_CHUNK_STORED && tsri_is_open_shard(inner))
        return walk_shard(self, inner, shard->extent, found, generation, level, &cell, err);
    tell(self, shard->extent, level, &cell, found, NULL);
    return 0;
}

static tsr_parity_state judge_parity(const tsri_shard_parity *parity)
{
    if (!parity->directory)
        return TSR_PARITY_NONE;
    if (parity->is_stale)
        return TSR_PARITY_STALE;
    return tsri_shard_parity_is_damaged(parity) ? TSR_PARITY_DAMAGED : TSR_PARITY_SOUND;
}

/* Looks for parity where there should be some, and where bytes could be some. `layout` is NULL
 * where the index is damaged: then the whole shard is searched for it. */
static int examine_parity(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                          uint64_t shard_bytes, const tsri_shard_layout *layout,
                          unreferenced *ret_rest, tsr_error *err)
{
    bool wanted = self->array->parity.data_rows > 0;
    tsri_shard_parity parity = {0};

    *ret_rest = (unreferenced){.dead_bytes = layout ? layout->dead_bytes : 0};
    if (!wanted && ret_rest->dead_bytes == 0)
        return 0;
    int status = tsri_shard_parity_find(&parity, &self->examiner, prepared, extent, shard_bytes,
                                        wanted && (!layout || self->examiner.data), err);
    if (status == 0 && parity.directory && !parity.is_stale && self->examiner.data)
        status = tsri_shard_parity_verify(&parity, &self->examiner, err);
    bool unreadable = self->examiner.unreadable && tsri_is_unreadable(status);
    if (unreadable || status == TSR_OUT_OF_BOUNDS || status == TSR_NOT_FOUND) {
        /* It lies where the disk fails; or a writer has put another value meanwhile, of which
         * nothing is known yet. */
        ret_rest->parity = unreadable ? TSR_PARITY_DAMAGED : TSR_PARITY_NONE;
        tsr_error_clear(err);
        tsri_shard_parity_clear(&parity);
        return 0;
    }
    ret_rest->parity = judge_parity(&parity);
    ret_rest->bad_blocks = (int64_t)parity.lost_blocks;
    ret_rest->hopeless_blocks = (int64_t)parity.hopeless_blocks;
    if (layout) {
        uint64_t bytes = tsri_shard_parity_bytes(&parity, layout->end_bytes);
        ret_rest->parity_bytes = TSRI_MIN(bytes, layout->dead_bytes);
        ret_rest->dead_bytes -= ret_rest->parity_bytes;
    }
    tsri_shard_parity_clear(&parity);
    return status;
}

/* What is found out about a shard before anything is told of it. */
typedef struct shard_look {
    tsri_shard_survey survey; /* when its index could be read */
    bool has_index;
    unreferenced rest; /* at level 0 */
} shard_look;

static void shard_look_clear(shard_look *look)
{
    if (look->has_index)
        tsri_shard_survey_clear(&look->survey);
    *look = (shard_look){0};
}

/* Looks at a shard, which becomes damaged when its index is, and at its inner chunks. */
static int look_at_shard(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                         tsri_finding *shard, int level, shard_look *look, tsr_error *err)
{
    tsri_shard_survey *survey = &look->survey;
    int status = tsri_shard_survey_init(survey, &self->examiner, prepared, extent, shard->offset,
                                        shard->size_bytes, false, err);
    look->has_index = status == 0;
    if (status < 0) {
        TSRI_TRY(tsri_finding_judge(shard, &self->examiner, status, err));
        if (level > 0 || shard->state != TSR_CHUNK_DAMAGED)
            return 0;
        return examine_parity(self, prepared, extent, shard->size_bytes, NULL, &look->rest, err);
    }
    look->rest.dead_bytes = survey->layout.dead_bytes;
    if (level == 0)
        TSRI_TRY(examine_parity(self, prepared, extent, shard->size_bytes, &survey->layout,
                                &look->rest, err));
    return tsri_shard_survey_entries(survey, &self->examiner, err);
}

static bool looks_damaged(const tsri_finding *shard, const shard_look *look)
{
    bool damaged = shard->state == TSR_CHUNK_DAMAGED || look->rest.parity == TSR_PARITY_DAMAGED;

    for (int64_t i = 0; look->has_index && i < look->survey.prepared->entry_count; i++)
        damaged |= look->survey.findings[i].state == TSR_CHUNK_DAMAGED;
    return damaged;
}

/* Whether the value in which a shard lies was replaced since its generation was noted: what was put
 * together of two values says nothing of either. Then takes note of the new one. */
static int note_replaced(walk *self, const tsr_extent *extent, tsri_finding *shard,
                         tsr_generation *generation, bool *ret_replaced, tsr_error *err)
{
    const tsr_range nothing = {TSR_RANGE_PART, 0, 0};
    tsri_finding found = {.state = TSR_CHUNK_STORED};
    tsr_get_request request = {.status = 0};

    int status = tsri_examine_fetch(&self->examiner, extent, nothing, &request, err);
    if (status < 0)
        TSRI_TRY(tsri_finding_judge(&found, &self->examiner, status, err));
    tsr_blob_unref(request.blob);
    *ret_replaced = status < 0 || memcmp(&request.generation, generation, sizeof *generation) != 0;
    if (!*ret_replaced)
        return 0;
    found.size_bytes = request.value_bytes;
    tsri_finding_clear(shard);
    *shard = found;
    *generation = request.generation;
    return 0;
}

/* Looks until what is found is that of one value. Of a shard within another one something was told
 * already, which cannot be taken back. */
static int look_at_one_value(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                             tsri_finding *shard, tsr_generation *generation, int level,
                             shard_look *look, tsr_error *err)
{
    for (int tries = 0; level == 0 ? tries < LOOKS_MAX : tries < 1; tries++) {
        bool replaced = false;
        TSRI_TRY(look_at_shard(self, prepared, extent, shard, level, look, err));
        if (looks_damaged(shard, look))
            TSRI_TRY(note_replaced(self, extent, shard, generation, &replaced, err));
        if (!replaced)
            return 0;
        shard_look_clear(look);
        if (shard->state != TSR_CHUNK_STORED)
            return 0;
    }
    tsr_error_set(err, TSR_CONFLICT, "%s: %s: it was replaced while it was looked at",
                  self->array->place, extent->key);
    tsr_error_set_next_step(err, "try again when less is written there");
    return TSR_CONFLICT;
}

/* Visits a shard, then what it holds. `level` is its own; `generation` is that of the value in
 * which it lies. */
static int walk_shard(walk *self, const tsri_prepared *prepared, const tsr_extent *extent,
                      tsri_finding *shard, tsr_generation *generation, int level,
                      const tsri_cell_place *place, tsr_error *err)
{
    shard_look look = {0};
    int status = look_at_one_value(self, prepared, extent, shard, generation, level, &look, err);

    if (status == 0)
        tell(self, extent, level, place, shard, &look.rest);
    for (int64_t i = 0; look.has_index && i < prepared->entry_count; i++)
        if (status == 0 && !self->stopped)
            status = tell_inner(self, &look.survey, i, generation, level + 1, place, err);
    shard_look_clear(&look);
    return status;
}

/* ---- chunks of the store ---- */

static int tell_chunk(walk *self, const int64_t *chunk, tsri_finding *found,
                      tsr_generation *generation, tsr_error *err)
{
    tsr_array *array = self->array;
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsri_cell_place place;
    tsr_extent extent;

    TSRI_TRY(tsri_array_locate(array, chunk, &extent, err));
    tsri_cell_place_init(&place, self->grid, array->rank, chunk);
    if (!self->options->inner || found->state != TSR_CHUNK_STORED ||
        !tsri_is_open_shard(array->prepared)) {
        tell(self, &extent, 0, &place, found, NULL);
        return 0;
    }
    TSRI_TRY(tsri_array_prepare(array, self->grid, chunk, &prepared, err));
    return walk_shard(self, prepared, &extent, found, generation, 0, &place, err);
}

/* Examines the batch on all threads and tells of it in order. */
static int flush_batch(walk *self, tsr_error *err)
{
    int64_t count = self->batch_count, grain = self->options->data ? 1 : 16;

    self->batch_count = 0;
    int status = tsri_parallel_for(self->array->context, self->call, &self->watch, count, grain,
                                   examine, self, err);
    for (int64_t i = 0; i < count && status == 0 && !self->stopped; i++)
        status = tell_chunk(self, self->chunks[i], &self->batch[i], &self->generations[i], err);
    for (int64_t i = 0; i < count; i++)
        tsri_finding_clear(&self->batch[i]);
    return status;
}

static int add_chunk(walk *self, const int64_t *chunk, tsr_error *err)
{
    self->batch[self->batch_count] = (tsri_finding){.state = TSR_CHUNK_MISSING};
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

/* ---- by listing ---- */

typedef struct key_walk {
    walk *walk;
    tsr_error *err;
    int status;
} key_walk;

static bool is_chunk_of_grid(const tsr_array *array, const tsri_grid *grid, const char *name,
                             int64_t *ret_chunk)
{
    return tsri_chunk_key_parse(array->key.encoding, array->rank, name, strlen(name), ret_chunk) &&
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

/* ---- the public calls ---- */

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
    tsri_examiner_init(&self->examiner, array, &self->watch);
    self->examiner.data = self->options->data;
    self->examiner.unreadable = self->options->unreadable;
    self->examiner.rate_bytes = self->options->rate_bytes;
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
        strncmp(entry->name, TSR_STATISTICS_NAME "/", sizeof TSR_STATISTICS_NAME) == 0 ||
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

/* ---- single encoded chunks ---- */

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
        TSRI_TRY(
            tsri_commit_encoded(array, index, bytes, size_bytes, options, false, NULL, &busy, err));
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
