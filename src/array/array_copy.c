/* Copying between arrays, from destination chunk to destination chunk. */
#include <inttypes.h>

#include "array/commit.h"
#include "array/cursor.h"
#include "array/fetch.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"

void tsr_copy_options_init(tsr_copy_options *options)
{
    *options = (tsr_copy_options){.struct_size = sizeof *options};
    tsr_write_options_init(&options->write);
}

typedef struct copier copier;

typedef struct copy_runner {
    tsri_task task;
    copier *copier;
} copy_runner;

struct copier {
    tsr_array *source, *destination;
    const tsr_copy_options *options;
    bool encoded; /* chunks are moved as they are stored */
    tsri_task_group group;
    pthread_mutex_t mutex; /* the cursors */
    tsri_cursors cursors;
};

static int check(const tsr_array *source, const tsr_array *destination,
                 const tsr_copy_options *options, tsr_error *err)
{
    bool same = source->rank == destination->rank;
    for (int axis = 0; same && axis < source->rank; axis++)
        same = source->shape[axis] == destination->shape[axis];
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

/* Whether both arrays store the same chunks as the same bytes. */
static bool stores_same_bytes(const tsr_array *source, const tsr_array *destination,
                              const tsr_copy_options *options)
{
    if (!source->store || options->write.store_fill_chunks ||
        !tsr_dtype_equal(source->dtype, destination->dtype) ||
        source->meta->zarr_format != destination->meta->zarr_format ||
        memcmp(source->fill_value, destination->fill_value, source->dtype->size_bytes) != 0)
        return false;
    for (int axis = 0; axis < source->rank; axis++)
        if (source->chunk_shape[axis] != destination->chunk_shape[axis])
            return false;
    return strcmp(source->codecs, destination->codecs) == 0;
}

/* ---- one chunk
 * -------------------------------------------------------------------------------------------------
 */

static int copy_encoded(copier *self, const int64_t *chunk, tsr_error *err)
{
    tsr_extent from, to;
    tsr_get_request request;
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

    TSRI_TRY(tsri_array_locate(self->source, chunk, &from, err));
    int status = tsri_get_and_wait(from.store, from.key, whole, NULL, &request, err);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        TSRI_TRY(tsri_array_locate(self->destination, chunk, &to, err));
        return tsr_store_erase(to.store, to.key, NULL, err);
    }
    if (status < 0)
        return status;
    status = tsri_commit_encoded(self->destination, chunk, tsr_blob_data(request.blob),
                                 tsr_blob_size(request.blob), &self->options->write, err);
    tsri_group_progress(&self->group, 1, 0, (int64_t)tsr_blob_size(request.blob), 1);
    tsr_blob_unref(request.blob);
    return status;
}

/* The part of a destination chunk that lies inside the array, as a selection of either array. */
static void box_of_chunk(const tsr_array *array, const int64_t *chunk, tsr_index *ret_index,
                         int64_t *ret_shape)
{
    ret_index->rank = array->rank;
    for (int axis = 0; axis < array->rank; axis++) {
        int64_t start = chunk[axis] * array->chunk_shape[axis];
        ret_shape[axis] = TSRI_MIN(array->chunk_shape[axis], array->shape[axis] - start);
        ret_index->axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, start, ret_shape[axis], 1};
    }
}

static int copy_decoded(copier *self, const int64_t *chunk, tsr_codec_scratch *scratch,
                        tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX], start[TSR_RANK_MAX];
    tsr_auto(tsr_view) view = {0};
    tsri_read read = {.array = self->source, .casting = self->options->casting};
    tsri_read write = {.array = self->destination};
    tsri_target whole, target;

    box_of_chunk(self->destination, chunk, &read.index, shape);
    write.index = read.index;
    TSRI_TRY(tsr_view_new(&view, self->destination->dtype, self->destination->rank, shape, err));
    read.view = write.view = &view;
    TSRI_TRY(tsri_fetch(self->source->context, &read, 1, NULL, &self->group, err));
    tsri_target_init(&whole, &write);
    for (int axis = 0; axis < self->destination->rank; axis++)
        start[axis] = chunk[axis] * self->destination->chunk_shape[axis];
    tsri_target_restrict(&whole, start, self->destination->chunk_shape, &target);
    return tsri_commit(self->destination, chunk, &target, &self->options->write, scratch,
                       &self->group, err);
}

/* ---- the loop
 * ----------------------------------------------------------------------------------------------------
 */

static bool take_chunk(copier *self, int64_t *ret_chunk)
{
    tsr_array *array;
    const int64_t *chunk;
    tsri_target ignored;

    if (tsri_group_stopped(&self->group))
        return false;
    pthread_mutex_lock(&self->mutex);
    bool found = tsri_cursors_peek(&self->cursors, &array, &chunk);
    if (found) {
        memcpy(ret_chunk, chunk, (size_t)array->rank * sizeof *chunk);
        tsri_cursors_take(&self->cursors, array, ret_chunk, &ignored);
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

static int copy_chunks(copier *self, tsr_codec_scratch *scratch, tsr_error *err)
{
    int64_t chunk[TSR_RANK_MAX];
    while (take_chunk(self, chunk))
        TSRI_TRY(self->encoded ? copy_encoded(self, chunk, err)
                               : copy_decoded(self, chunk, scratch, err));
    return 0;
}

static void run(tsri_task *task)
{
    copier *self = ((copy_runner *)task)->copier;
    tsr_error error = TSR_ERROR_INIT;
    tsr_codec_scratch *scratch = NULL;

    int status = tsri_scratch_acquire(self->source->context, &scratch, &error);
    if (status == 0)
        status = copy_chunks(self, scratch, &error);
    tsri_scratch_release(self->source->context, scratch);
    if (status < 0)
        tsri_group_fail(&self->group, status, &error);
}

/* Encoded size at most, as far as it is known; else the decoded size. */
static int64_t encoded_bytes(const tsri_prepared *prepared)
{
    tsr_size_bound bound = prepared->bound;
    if (bound.size_class == TSR_SIZE_UNBOUNDED || bound.size_bytes > INT64_MAX / 4)
        return prepared->decoded_bytes;
    return (int64_t)bound.size_bytes;
}

/* The chunk of the source that is decoded at once, with its encoded bytes. */
static int64_t source_bytes(const tsr_array *source)
{
    const tsri_prepared *prepared = source->prepared;
    if (!prepared)
        return 0;
    while (tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared))
        prepared = prepared->inner;
    return tsri_prepared_is_raw(prepared) ? 0 : prepared->decoded_bytes + encoded_bytes(prepared);
}

/* What one chunk on its way takes: decoded and encoded destination, and what is decoded of the
 * source. */
static int64_t bytes_per_runner(const tsr_array *source, const tsr_array *destination)
{
    return destination->prepared->decoded_bytes + encoded_bytes(destination->prepared) +
           source_bytes(source);
}

static int count_runners(const copier *self, int threads, int *ret_runners, tsr_error *err)
{
    int64_t memory = self->options->memory_bytes,
            needed = bytes_per_runner(self->source, self->destination);

    *ret_runners = threads;
    if (memory == 0 || self->encoded)
        return 0;
    if (needed > memory) {
        tsr_error_set(err, TSR_LIMIT,
                      "copying %s to %s needs %" PRId64 " bytes at once; the limit is %" PRId64,
                      self->source->place, self->destination->place, needed, memory);
        tsr_error_set_next_step(err, "raise the limit, or choose smaller shards or chunks");
        return TSR_LIMIT;
    }
    *ret_runners = (int)TSRI_MIN((int64_t)threads, memory / needed);
    return 0;
}

static int run_copier(copier *self, tsr_error *err)
{
    int count;
    int status = count_runners(self, tsri_pool_threads(self->group.pool), &count, err);
    copy_runner *runners =
        status == 0 ? tsri_alloc_array_zero((size_t)count, sizeof *runners) : NULL;

    if (status == 0 && !runners)
        status = tsri_error_no_memory(err, sizeof *runners);
    if (status < 0)
        tsri_group_fail(&self->group, status, err);
    for (int i = 0; status == 0 && i < count; i++) {
        runners[i].copier = self;
        tsri_group_spawn(&self->group, &runners[i].task, run);
    }
    status = tsri_group_wait(&self->group, err);
    tsri_free(runners);
    return status;
}

int tsr_array_copy(tsr_array *source, tsr_array *destination, const tsr_copy_options *options,
                   const tsr_call *call, tsr_error *err)
{
    tsr_copy_options defaults;
    copier self = {.source = source, .destination = destination, .options = options};
    tsri_read everything = {.array = destination};

    if (!options) {
        tsr_copy_options_init(&defaults);
        self.options = &defaults;
    } else if (options->struct_size != sizeof *options) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_copy_options_init has not set up");
    }
    TSRI_TRY(check(source, destination, self.options, err));
    self.encoded = stores_same_bytes(source, destination, self.options);
    tsr_index_all(&everything.index, destination->rank, destination->shape);
    TSRI_TRY(tsri_cursors_init(&self.cursors, &everything, 1, err));
    int status = tsri_group_init(&self.group, source->context, call, NULL, err);
    if (status == 0) {
        pthread_mutex_init(&self.mutex, NULL);
        if (!self.encoded)
            self.group.progress.bytes_total = tsr_array_size(destination);
        status = run_copier(&self, err);
        pthread_mutex_destroy(&self.mutex);
    }
    tsri_cursors_clear(&self.cursors);
    if (status == 0 && self.options->write.durability == TSR_DURABILITY_FLUSH)
        status = tsr_store_flush(destination->store, call, err);
    return status;
}
