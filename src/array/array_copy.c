/* Copying between arrays, from destination chunk to destination chunk. */
#include <inttypes.h>
#include <limits.h>

#include "array/chunk_loop.h"
#include "array/commit.h"
#include "array/copy_journal.h"
#include "array/fetch.h"
#include "array/figures_kept.h"
#include "array/trace.h"
#include "array/wait.h"
#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "exec/pool.h"

/* Chunks up to this bound are decoded into memory that is used again. */
#define KEPT_BYTES_MAX ((int64_t)80 << 20)

void tsr_copy_options_init(tsr_copy_options *options)
{
    *options = (tsr_copy_options){.struct_size = sizeof *options, .checkpoint_ms = 1000};
    tsr_write_options_init(&options->write);
}

typedef struct copier {
    tsr_array *source, *destination;
    const tsri_grid *source_grid, *grid; /* of the source and the destination */
    const tsr_copy_options *options;
    bool encoded;     /* chunks are moved as they are stored */
    bool until_flush; /* chunks are published together */
    tsri_copy_journal *journal;
    int slab_axis;       /* of the arrays */
    int64_t slab_length; /* along it; 0: chunks are copied whole */
} copier;

static int check(const copier *self, tsr_error *err)
{
    const tsr_array *source = self->source, *destination = self->destination;
    const tsr_copy_options *options = self->options;
    bool same = source->rank == destination->rank;
    for (int axis = 0; same && axis < source->rank; axis++)
        same = self->source_grid->shape[axis] == self->grid->shape[axis];
    if (!same)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s and %s do not have the same shape",
                             source->place, destination->place);
    if (!destination->writable || !destination->store)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", destination->place);
    if (!tsr_dtype_can_cast(source->dtype, destination->dtype, options->casting)) {
        tsr_error_set(err, TSR_TYPE_MISMATCH, "%s is not turned into %s", source->dtype->name,
                      destination->dtype->name);
        tsr_error_set_next_step(err, "allow it by a wider casting rule");
        return TSR_TYPE_MISMATCH;
    }
    return 0;
}

/* Whether two chains are the same in all that they do: v2's list of codecs alone says nothing of
 * byte order. False also when there is no memory to tell. */
static bool is_same_chain(const tsri_chain *a, const tsri_chain *b)
{
    tsr_auto(tsri_output) first = TSRI_OUTPUT_INIT(SIZE_MAX), second = TSRI_OUTPUT_INIT(SIZE_MAX);
    return tsri_chain_describe(a, &first, NULL) == 0 &&
           tsri_chain_describe(b, &second, NULL) == 0 && first.size_bytes == second.size_bytes &&
           memcmp(first.data, second.data, first.size_bytes) == 0;
}

/* Whether both arrays store the same chunks as the same bytes; and statistics of them, where the
 * destination keeps any. */
static bool stores_same_bytes(const copier *self)
{
    const tsr_array *source = self->source, *destination = self->destination;
    if (!source->store || (destination->figures && !source->figures) ||
        self->options->write.store_fill_chunks ||
        !tsr_dtype_equal(source->dtype, destination->dtype) ||
        source->meta->zarr_format != destination->meta->zarr_format ||
        source->fill_undefined != destination->fill_undefined ||
        !tsr_dtype_element_equal(source->dtype, source->fill_value, destination->fill_value))
        return false;
    /* Shards whose chunks are to lie in another order are put together anew. */
    if (destination->shard_levels > 0 &&
        self->options->write.inner_order != TSR_INNER_ORDER_LEXICOGRAPHIC)
        return false;
    /* Parity goes along as it is. */
    if (source->parity.data_rows != destination->parity.data_rows ||
        source->parity.parity_rows != destination->parity.parity_rows)
        return false;
    return tsri_grid_equal(self->source_grid, self->grid) &&
           is_same_chain(source->chain, destination->chain);
}

/* ---- one chunk ---- */

/* Damage that a checksum shows is not carried on as if nothing were wrong. */
static int check_sums(const copier *self, const int64_t *chunk, const tsr_extent *from,
                      const tsr_blob *blob, tsr_codec_scratch *scratch, tsr_error *err)
{
    tsr_auto(tsri_prepared) *prepared = NULL;
    const tsr_array *source = self->source;
    const char *key = from->key;
    size_t path_bytes = source->path ? strlen(source->path) : 0;

    TSRI_TRY(tsri_array_prepare(self->source, self->source_grid, chunk, &prepared, err));
    int status =
        tsri_chain_check_sums(prepared, scratch, tsr_blob_data(blob), tsr_blob_size(blob), err);
    if (status != TSR_DAMAGED)
        return status;
    tsr_error_set_where(err, "the value of %s/%s", tsr_store_url(from->store), key);
    tsr_error_set_next_step(err, "`tessera check %s --data` lists all damaged chunks",
                            source->place);
    if (path_bytes > 0 && strncmp(key, source->path, path_bytes) == 0)
        key += path_bytes + 1;
    return tsr_error_prepend(err, "%s: chunk %s", source->place, key);
}

/* Puts what was read, with the statistics that are known of it. */
static int put_encoded(const copier *self, const int64_t *chunk, const tsr_get_request *read,
                       bool *ret_busy, tsr_error *err)
{
    tsri_figures_block *figures;

    TSRI_TRY(tsri_figures_block_copy(self->source, self->destination, self->grid, chunk,
                                     &read->generation, &figures, err));
    return tsri_commit_encoded(self->destination, chunk, tsr_blob_data(read->blob),
                               tsr_blob_size(read->blob), &self->options->write, self->until_flush,
                               figures, ret_busy, err);
}

static int copy_encoded(const copier *self, const int64_t *chunk, tsr_codec_scratch *scratch,
                        tsri_task_group *group, tsri_turn *ret_turn, tsr_error *err)
{
    bool busy = false;
    tsr_extent from, to;
    tsr_get_request request;
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

    TSRI_TRY(tsri_array_locate(self->source, chunk, &from, err));
    int status = tsri_get_and_wait(from.store, from.key, whole, NULL, &request, err);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        TSRI_TRY(tsri_array_locate(self->destination, chunk, &to, err));
        return tsr_store_erase_if(to.store, to.key, NULL, NULL, NULL, err);
    }
    if (status < 0)
        return status;
    status = check_sums(self, chunk, &from, request.blob, scratch, err);
    if (status == 0)
        status = put_encoded(self, chunk, &request, &busy, err);
    *ret_turn = busy ? TSRI_TURN_BUSY : TSRI_TURN_DONE;
    if (status == 0 && !busy)
        tsri_group_progress(group, 1, 0, (int64_t)tsr_blob_size(request.blob), 1);
    tsr_blob_unref(request.blob);
    return status;
}

/* The part of a destination chunk that lies inside the array, as a selection of either array. */
static void box_of_chunk(const tsri_grid *grid, const int64_t *chunk, tsr_index *ret_index,
                         int64_t *ret_shape)
{
    tsri_grid_inside(grid, chunk, ret_shape);
    ret_index->rank = grid->rank;
    for (int axis = 0; axis < grid->rank; axis++)
        ret_index->axes[axis] = (tsr_index_axis){
            TSR_INDEX_RANGE, tsri_grid_start(grid, axis, chunk[axis]), ret_shape[axis], 1};
}

/* Memory for the elements of a chunk on their way: that of the chunk before, unless it is too much
 * to be kept. */
static int new_view(const copier *self, const int64_t *shape, tsr_codec_scratch *scratch,
                    tsr_view *ret_view, tsr_error *err)
{
    static const char nothing = 0;
    const tsr_array *array = self->destination;
    tsr_view view;

    TSRI_TRY(tsr_view_init(&view, array->dtype, array->rank, shape, (void *)&nothing, err));
    if (tsr_dtype_is_variable(array->dtype) || tsr_view_size(&view) > KEPT_BYTES_MAX)
        return tsr_view_new(ret_view, array->dtype, array->rank, shape, err);
    view.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_COPY, (size_t)tsr_view_size(&view));
    if (!view.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&view));
    *ret_view = view;
    return 0;
}

/* ---- slabs ---- */

/* A shard is copied slab by slab where that costs nothing: a slab of at least so many bytes, so
 * that requests are large, is still in the third-level cache when it is encoded. */
#define SLAB_BYTES_MIN ((int64_t)8 << 20)
/* And enough inner chunks for every thread to have several. */
#define SLAB_CELLS_PER_THREAD 4

static int64_t divide_up(int64_t value, int64_t by)
{
    return (value + by - 1) / by;
}

/* Whether no chunk of the source is decoded for two slabs, and its bare elements are not read in
 * smaller pieces than for a whole chunk. */
static bool is_cut_well(const copier *self, int axis, int64_t length)
{
    const tsr_array *source = self->source;
    const tsri_prepared *prepared = source->prepared;
    int64_t cell = self->source_grid->axes[axis].length;

    if (!source->store || !prepared)
        return false;
    if (source->shard_levels == 0 && tsri_prepared_is_raw(prepared) && prepared->axis_of[0] == axis)
        return true;
    for (; prepared && tsri_prepared_is_shard(prepared); prepared = prepared->inner)
        if (tsri_prepared_is_packed(prepared))
            return false;
    if (source->shard_levels > 0)
        cell = source->inner_shapes[source->shard_levels - 1][axis];
    return cell > 0 && length % cell == 0 && self->grid->axes[axis].length % cell == 0;
}

static int choose_slabs(copier *self, tsr_error *err)
{
    const tsr_array *destination = self->destination;
    const tsri_prepared *shard = destination->prepared;
    tsri_pool *pool;

    if (self->encoded || destination->rank == 0 || !tsri_prepared_is_shard(shard) ||
        tsri_prepared_is_packed(shard) || tsr_dtype_is_variable(destination->dtype))
        return 0;
    int axis = shard->axis_of[0];
    int64_t length = self->grid->axes[axis].length, inner = shard->chain->shard->chunk_shape[0];
    if (length == 0)
        return 0;
    int64_t layers = length / inner;
    TSRI_TRY(tsri_pool_get(destination->context, &pool, err));
    int64_t cells = (int64_t)SLAB_CELLS_PER_THREAD * tsri_pool_threads(pool);
    int64_t taken = TSRI_MAX(divide_up(SLAB_BYTES_MIN, shard->decoded_bytes / layers),
                             divide_up(cells, shard->entry_count / layers));
    if (taken < layers && is_cut_well(self, axis, taken * inner)) {
        self->slab_axis = axis;
        self->slab_length = taken * inner;
    }
    return 0;
}

/* Slabs are read while the chunk is held, so its key must not have to be locked: it is not where
 * the copy covers all that can be stored. */
static bool takes_slabs(const copier *self, const int64_t *chunk, const int64_t *inside)
{
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];

    if (self->slab_length == 0)
        return false;
    tsri_grid_box(self->grid, chunk, start, shape);
    return memcmp(inside, shape, (size_t)self->grid->rank * sizeof *shape) == 0;
}

/* What load_slab is given. */
typedef struct slab_source {
    const copier *self;
    const tsr_index *index; /* of the whole chunk */
    const tsr_view *view;   /* room for one slab */
    int status;             /* of the reads; a failure is told in `error` */
    tsr_error error;
} slab_source;

/* What the source fails with is none of the destination's failures, which a commit would try again
 * or blame on its chunk: it ends the commit and is told afterwards. */
static int load_slab(void *user, int64_t slab, tsri_task_group *group, tsr_error *err)
{
    slab_source *from = user;
    const copier *self = from->self;
    tsr_view view = *from->view;
    tsri_read read = {.array = self->source,
                      .grid = self->source_grid,
                      .index = *from->index,
                      .casting = self->options->casting,
                      .view = &view};
    tsr_index_axis *cut = &read.index.axes[self->slab_axis];

    cut->start += slab * self->slab_length;
    cut->count = TSRI_MIN(cut->count - slab * self->slab_length, self->slab_length);
    view.shape[self->slab_axis] = cut->count;
    from->status = tsri_fetch(self->source->context, &read, 1, NULL, group, &from->error);
    return from->status < 0 ? tsr_error_set(err, TSR_CANCELLED, "the source could not be read") : 0;
}

/* ---- one chunk, decoded ---- */

/* Commits the elements of `write`, a whole chunk. */
static int commit_whole(const copier *self, const int64_t *chunk, const tsri_read *write,
                        tsr_codec_scratch *scratch, tsri_task_group *group, tsri_turn *ret_turn,
                        tsr_error *err)
{
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsri_target whole, target;

    tsri_target_init(&whole, write);
    tsri_grid_box(self->grid, chunk, start, shape);
    tsri_target_restrict(&whole, start, shape, &target);
    return tsri_commit(self->destination, chunk, &target, &self->options->write, scratch, group,
                       NULL, ret_turn, err);
}

static int copy_in_slabs(const copier *self, const int64_t *chunk, tsri_read *write,
                         int64_t *inside, tsr_codec_scratch *scratch, tsri_task_group *group,
                         tsri_turn *ret_turn, tsr_error *err)
{
    tsr_auto(tsr_view) view = {0};
    slab_source from = {self, &write->index, &view, 0, TSR_ERROR_INIT};
    const tsri_slabs slabs = {.length = self->slab_length,
                              .count = divide_up(inside[self->slab_axis], self->slab_length),
                              .load = load_slab,
                              .user = &from};

    inside[self->slab_axis] = self->slab_length;
    TSRI_TRY(new_view(self, inside, scratch, &view, err));
    write->view = &view;
    write->slabs = &slabs;
    int status = commit_whole(self, chunk, write, scratch, group, ret_turn, err);
    if (from.status == 0)
        return status;
    if (err)
        *err = from.error;
    return from.status;
}

static int copy_decoded(const copier *self, const int64_t *chunk, tsr_codec_scratch *scratch,
                        tsri_task_group *group, tsri_turn *ret_turn, tsr_error *err)
{
    int64_t inside[TSR_RANK_MAX];
    tsr_auto(tsr_view) view = {0};
    tsri_read read = {
        .array = self->source, .grid = self->source_grid, .casting = self->options->casting};
    tsri_read write = {
        .array = self->destination, .grid = self->grid, .until_flush = self->until_flush};

    box_of_chunk(self->grid, chunk, &read.index, inside);
    write.index = read.index;
    if (takes_slabs(self, chunk, inside))
        return copy_in_slabs(self, chunk, &write, inside, scratch, group, ret_turn, err);
    TSRI_TRY(new_view(self, inside, scratch, &view, err));
    read.view = write.view = &view;
    TSRI_TRY(tsri_fetch(self->source->context, &read, 1, NULL, group, err));
    return commit_whole(self, chunk, &write, scratch, group, ret_turn, err);
}

/* Whether a run before this one has done a chunk. */
static int is_kept(const copier *self, const int64_t *chunk, int64_t number, bool *ret_kept,
                   tsr_error *err)
{
    tsr_extent extent;
    tsr_get_request answer;

    *ret_kept = number >= 0 && number < self->options->done_chunks;
    if (*ret_kept || !self->options->keep_stored)
        return 0;
    TSRI_TRY(tsri_array_locate(self->destination, chunk, &extent, err));
    return tsri_look_and_wait(extent.store, extent.key, ret_kept, &answer, err);
}

static void tell_kept(const copier *self, const int64_t *chunk, tsri_task_group *group)
{
    int64_t shape[TSR_RANK_MAX], bytes = (int64_t)self->destination->dtype->size_bytes;

    tsri_grid_inside(self->grid, chunk, shape);
    for (int axis = 0; axis < self->grid->rank; axis++)
        bytes *= shape[axis]; /* a chunk of the destination is decoded at once elsewhere: it fits */
    tsri_group_progress(group, 1, self->encoded ? 0 : bytes, 0, 0);
}

static int copy_chunk(void *user, const int64_t *chunk, const tsri_target *target,
                      tsr_codec_scratch *scratch, tsri_task_group *group, tsri_order *order,
                      tsri_turn *ret_turn, tsr_error *err)
{
    const copier *self = user;
    (void)target; /* every chunk is copied whole, from memory that ends with the call */
    (void)order;
    int64_t number = tsri_copy_journal_number(self->journal, chunk);
    bool kept = false;
    TSRI_TRY(is_kept(self, chunk, number, &kept, err));
    if (kept)
        tell_kept(self, chunk, group);
    else
        TSRI_TRY(self->encoded ? copy_encoded(self, chunk, scratch, group, ret_turn, err)
                               : copy_decoded(self, chunk, scratch, group, ret_turn, err));
    if (*ret_turn != TSRI_TURN_DONE)
        return 0;
    tsri_figures_flush(self->destination, self->options->write.durability, true);
    return tsri_copy_journal_add(self->journal, number, err);
}

/* ---- memory ---- */

/* What parity takes besides the encoded shard: `made`, or as it lies in the value. */
static int64_t parity_bytes(const tsr_array *array, bool made)
{
    const tsri_prepared *prepared = array->prepared;
    int64_t encoded = tsri_prepared_encoded_bytes(prepared);
    tsri_parity_shape shape;
    if (array->parity.data_rows == 0)
        return 0;
    if (tsri_parity_shape_init(&shape, array->parity, (uint64_t)encoded,
                               (uint64_t)prepared->index_bytes, true, NULL) < 0)
        return INT64_MAX;
    uint64_t bytes = made ? tsri_parity_encoder_bytes(&shape) : shape.section_bytes;
    return (int64_t)TSRI_MIN(bytes, (uint64_t)INT64_MAX);
}

static int64_t sum_of(const int64_t *parts, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (!tsri_add_i64(sum, parts[i], &sum))
            return INT64_MAX;
    return sum;
}

/* What one chunk on its way takes at most: decoded and encoded destination, its parity, and what is
 * decoded of the source. */
static int64_t bytes_per_runner(const tsr_array *source, const tsr_array *destination)
{
    const int64_t parts[] = {destination->prepared->decoded_bytes,
                             tsri_prepared_encoded_bytes(destination->prepared),
                             parity_bytes(destination, true), tsri_array_read_bytes(source)};
    return sum_of(parts, TSRI_COUNT(parts));
}

/* What one chunk takes that is moved as it is, its parity with it. */
static int64_t bytes_per_move(const tsr_array *source)
{
    const int64_t parts[] = {tsri_prepared_encoded_bytes(source->prepared),
                             parity_bytes(source, false)};
    return sum_of(parts, TSRI_COUNT(parts));
}

/* How many chunks may be on their way at once; 0: as many as there are threads. */
static int count_runners(const copier *self, int *ret_runners, tsr_error *err)
{
    int64_t memory = self->options->memory_bytes,
            needed = self->encoded ? bytes_per_move(self->source)
                                   : bytes_per_runner(self->source, self->destination);

    *ret_runners = 0;
    if (memory == 0)
        return 0;
    if (needed > memory) {
        tsr_error_set(err, TSR_LIMIT,
                      "copying %s to %s needs %" PRId64 " bytes at once; the limit is %" PRId64,
                      self->source->place, self->destination->place, needed, memory);
        tsr_error_set_next_step(err, "raise the limit, or choose smaller shards or chunks");
        return TSR_LIMIT;
    }
    *ret_runners = (int)TSRI_MIN(memory / needed, (int64_t)INT_MAX);
    return 0;
}

/* A copy is a read of the one array and a write of the other. */
static void trace_copy(const copier *self, const tsri_trace *trace, const tsri_read *everything,
                       int status)
{
    tsri_read read = {.array = self->source, .grid = self->source_grid};
    tsri_read write = {.array = self->destination,
                       .grid = self->grid,
                       .index = everything->index,
                       .is_write = true};
    read.index = everything->index;
    tsri_trace_end(trace, &read, 1, status);
    tsri_trace_end(trace, &write, 1, status);
}

/* Finds out whether the destination keeps statistics, and then whether the source does. */
static int find_figures(const copier *self, tsr_error *err)
{
    TSRI_TRY(tsri_figures_find_to_write(self->destination, err));
    return self->destination->figures ? tsri_figures_find_to_write(self->source, err) : 0;
}

int tsr_array_copy(tsr_array *source, tsr_array *destination, const tsr_copy_options *options,
                   const tsr_call *call, tsr_error *err)
{
    tsr_copy_options defaults;
    tsr_auto(tsri_grid) *from = tsri_array_grid(source), *to = tsri_array_grid(destination);
    tsri_copy_journal journal;
    copier self = {.source = source,
                   .destination = destination,
                   .source_grid = from,
                   .grid = to,
                   .options = options,
                   .journal = &journal};
    tsri_read everything = {.array = destination, .grid = to};
    int runners = 0;

    if (!options) {
        tsr_copy_options_init(&defaults);
        self.options = &defaults;
    } else if (options->struct_size != sizeof *options) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_copy_options_init has not set up");
    }
    TSRI_TRY(check(&self, err));
    TSRI_TRY(find_figures(&self, err));
    self.encoded = stores_same_bytes(&self);
    TSRI_TRY(choose_slabs(&self, err));
    /* Nobody is kept waiting for a chunk by what only the author of a driver knows. */
    self.until_flush = source->store && self.options->write.durability == TSR_DURABILITY_FLUSH;
    tsr_index_all(&everything.index, destination->rank, to->shape);
    TSRI_TRY(count_runners(&self, &runners, err));
    int64_t total = self.encoded ? 0 : tsr_array_size(destination);
    const tsri_trace trace = tsri_trace_begin(source->context);
    tsri_copy_journal_init(&journal, self.options, destination->store, to);
    int status = tsri_chunk_loop(&everything, runners, total, call, copy_chunk, &self, err);
    tsri_copy_journal_clear(&journal);
    if (status == 0)
        tsri_figures_flush(destination, self.options->write.durability, false);
    status =
        tsri_write_end(destination->store, &self.options->write, journal.begun, status, call, err);
    trace_copy(&self, &trace, &everything, status);
    return status;
}
