/* The public ways to write: a dense box, a view, a source; chunk by chunk on all threads. */
#include <inttypes.h>

#include "array/commit.h"
#include "array/cursor.h"
#include "array/read.h"
#include "base/checked.h"
#include "base/context.h"

void tsr_write_options_init(tsr_write_options *options)
{
    *options =
        (tsr_write_options){.struct_size = sizeof *options, .durability = TSR_DURABILITY_FLUSH};
}

typedef struct writer writer;

typedef struct write_runner {
    tsri_task task;
    writer *writer;
} write_runner;

struct writer {
    tsr_array *array;
    const tsr_write_options *options;
    tsri_task_group group;
    pthread_mutex_t mutex; /* the cursors */
    tsri_cursors cursors;
};

/* The next chunk with what is to be written into it; false at the end. */
static bool take_chunk(writer *self, int64_t *ret_chunk, tsri_target *ret_target)
{
    tsr_array *array;
    const int64_t *chunk;

    if (tsri_group_stopped(&self->group))
        return false;
    pthread_mutex_lock(&self->mutex);
    bool found = tsri_cursors_peek(&self->cursors, &array, &chunk);
    if (found) {
        memcpy(ret_chunk, chunk, (size_t)array->rank * sizeof *chunk);
        tsri_cursors_take(&self->cursors, array, ret_chunk, ret_target);
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

static int write_chunks(writer *self, tsr_codec_scratch *scratch, tsr_error *err)
{
    int64_t chunk[TSR_RANK_MAX];
    tsri_target target;

    while (take_chunk(self, chunk, &target))
        TSRI_TRY(
            tsri_commit(self->array, chunk, &target, self->options, scratch, &self->group, err));
    return 0;
}

static void run(tsri_task *task)
{
    writer *self = ((write_runner *)task)->writer;
    tsr_error error = TSR_ERROR_INIT;
    tsr_codec_scratch *scratch = NULL;

    int status = tsri_scratch_acquire(self->array->context, &scratch, &error);
    if (status == 0)
        status = write_chunks(self, scratch, &error);
    tsri_scratch_release(self->array->context, scratch);
    if (status < 0)
        tsri_group_fail(&self->group, status, &error);
}

/* How many chunks a write touches, as far as it matters for the number of threads. */
static int64_t count_chunks(const tsr_array *array, const tsr_index *index, int64_t enough)
{
    int64_t chunks = 1;
    for (int axis = 0; axis < array->rank && chunks < enough; axis++) {
        const tsr_index_axis *self = &index->axes[axis];
        if (self->kind == TSR_INDEX_POSITION || self->count == 0)
            continue;
        int64_t last = self->start + (self->count - 1) * self->step;
        int64_t from = self->start / array->chunk_shape[axis], to = last / array->chunk_shape[axis];
        chunks *= TSRI_MIN((from < to ? to - from : from - to) + 1, enough);
    }
    return TSRI_MIN(chunks, enough);
}

static int run_writer(writer *self, const tsri_read *write, tsr_error *err)
{
    int threads =
        (int)count_chunks(self->array, &write->index, tsri_pool_threads(self->group.pool));
    write_runner *runners = tsri_alloc_array_zero((size_t)threads, sizeof *runners);

    if (!runners)
        tsri_group_fail(&self->group, tsri_error_no_memory(err, sizeof *runners), err);
    for (int i = 0; runners && i < threads; i++) {
        runners[i].writer = self;
        tsri_group_spawn(&self->group, &runners[i].task, run);
    }
    int status = tsri_group_wait(&self->group, err);
    tsri_free(runners);
    return status;
}

static int check_writable(const tsr_array *array, tsr_error *err)
{
    if (array->writable && array->store)
        return 0;
    tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", array->place);
    tsr_error_set_next_step(err, "open it with options.writable");
    return TSR_READ_ONLY;
}

static int write_all(tsri_read *write, const tsr_write_options *options, const tsr_call *call,
                     tsr_error *err)
{
    tsr_array *array = write->array;
    tsr_write_options defaults;
    writer self = {.array = array, .options = options};

    TSRI_TRY(check_writable(array, err));
    TSRI_TRY(tsri_read_check(write, err));
    if (!options) {
        tsr_write_options_init(&defaults);
        self.options = &defaults;
    } else if (options->struct_size != sizeof *options) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_write_options_init has not set up");
    }
    TSRI_TRY(tsri_cursors_init(&self.cursors, write, 1, err));
    int status = tsri_group_init(&self.group, array->context, call, NULL, err);
    if (status < 0) {
        tsri_cursors_clear(&self.cursors);
        return status;
    }
    pthread_mutex_init(&self.mutex, NULL);
    if (!tsri_multiply_i64(tsr_index_count(&write->index), (int64_t)array->dtype->size_bytes,
                           &self.group.progress.bytes_total))
        self.group.progress.bytes_total = 0;
    status = run_writer(&self, write, err);
    pthread_mutex_destroy(&self.mutex);
    tsri_cursors_clear(&self.cursors);
    if (status == 0 && self.options->durability == TSR_DURABILITY_FLUSH)
        status = tsr_store_flush(array->store, call, err);
    return status;
}

int tsr_array_write_index(tsr_array *array, const tsr_index *index, const tsr_view *view,
                          tsr_casting casting, const tsr_write_options *options,
                          const tsr_call *call, tsr_error *err)
{
    tsri_read write = {.array = array, .index = *index, .casting = casting, .view = view};

    if (!tsr_dtype_can_cast(view->dtype, array->dtype, casting)) {
        tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: %s is not turned into %s", array->place,
                      view->dtype->name, array->dtype->name);
        tsr_error_set_next_step(err,
                                "allow it by a wider casting rule, or convert the elements first");
        return TSR_TYPE_MISMATCH;
    }
    return write_all(&write, options, call, err);
}

int tsr_array_write(tsr_array *array, const int64_t *start, const int64_t *shape,
                    const int64_t *step, const void *buffer, size_t size_bytes,
                    const tsr_call *call, tsr_error *err)
{
    tsri_read write = {.array = array};
    tsr_view view;

    TSRI_TRY(
        tsri_box_view(array, start, shape, step, buffer, size_bytes, &write.index, &view, err));
    write.view = &view;
    return write_all(&write, NULL, call, err);
}

int tsr_array_write_source(tsr_array *array, const tsr_index *index, tsr_source source, void *user,
                           const tsr_write_options *options, const tsr_call *call, tsr_error *err)
{
    tsri_read write = {.array = array, .source = source, .user = user};

    if (index)
        write.index = *index;
    else
        tsr_index_all(&write.index, array->rank, array->shape);
    return write_all(&write, options, call, err);
}
