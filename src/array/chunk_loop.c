#include "array/chunk_loop.h"

#include "array/claim.h"
#include "array/cursor.h"
#include "base/context.h"

typedef struct chunk_loop chunk_loop;

typedef struct runner {
    tsri_task task;
    chunk_loop *loop;
    bool busy; /* the chunk below was in somebody else's hands */
    int64_t chunk[TSR_RANK_MAX];
    tsri_target target;
} runner;

struct chunk_loop {
    tsr_array *array;
    tsri_chunk_body body;
    void *user;
    tsri_task_group group;
    pthread_mutex_t mutex; /* the cursors */
    tsri_cursors cursors;
};

/* The next chunk with what is to be done there, or the one that was busy; false at the end. */
static bool take_chunk(runner *me)
{
    chunk_loop *self = me->loop;
    tsr_array *array;
    const int64_t *chunk;

    if (tsri_group_stopped(&self->group))
        return false;
    if (me->busy)
        return true;
    pthread_mutex_lock(&self->mutex);
    bool found = tsri_cursors_peek(&self->cursors, &array, &chunk);
    if (found) {
        memcpy(me->chunk, chunk, (size_t)array->rank * sizeof *chunk);
        tsri_cursors_take(&self->cursors, array, me->chunk, &me->target);
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

/* Goes from chunk to chunk until there are none, or one is busy; *ret_again then. */
static int run_chunks(runner *me, tsr_codec_scratch *scratch, bool *ret_again, tsr_error *err)
{
    chunk_loop *self = me->loop;

    while (take_chunk(me)) {
        me->busy = false;
        TSRI_TRY(
            self->body(self->user, me->chunk, &me->target, scratch, &self->group, &me->busy, err));
        if (me->busy)
            break;
    }
    *ret_again = me->busy && !tsri_group_stopped(&self->group);
    return 0;
}

static void run(tsri_task *task)
{
    runner *me = (runner *)task;
    chunk_loop *self = me->loop;
    const tsr_system *system = self->array->context->system;
    tsr_error error = TSR_ERROR_INIT;
    tsr_codec_scratch *scratch = NULL;
    bool again = false;

    int status = tsri_scratch_acquire(self->array->context, &scratch, &error);
    if (status == 0)
        status = run_chunks(me, scratch, &again, &error);
    tsri_scratch_release(self->array->context, scratch);
    if (status < 0) {
        tsri_group_fail(&self->group, status, &error);
    } else if (again) {
        system->sleep_ns(system, TSRI_BUSY_PAUSE_NS);
        tsri_group_spawn(&self->group, task, run);
    }
}

/* How many chunks a selection touches, as far as it matters for the number of threads. */
static int count_chunks(const tsri_read *selection, int enough)
{
    int64_t chunks = 1;
    for (int axis = 0; axis < selection->index.rank && chunks < enough; axis++) {
        const tsr_index_axis *self = &selection->index.axes[axis];
        if (self->kind == TSR_INDEX_POSITION || self->count == 0)
            continue; /* the range around a list stands for it */
        int64_t last = self->start + (self->count - 1) * self->step;
        int64_t from = tsri_grid_chunk_at(selection->grid, axis, self->start);
        int64_t to = tsri_grid_chunk_at(selection->grid, axis, last);
        chunks *= TSRI_MIN((from < to ? to - from : from - to) + 1, (int64_t)enough);
    }
    return (int)TSRI_MIN(chunks, (int64_t)enough);
}

static int run_loop(chunk_loop *self, int count, tsr_error *err)
{
    runner *runners = tsri_alloc_array_zero((size_t)count, sizeof *runners);

    if (!runners)
        tsri_group_fail(&self->group, tsri_error_no_memory(err, sizeof *runners), err);
    for (int i = 0; runners && i < count; i++) {
        runners[i].loop = self;
        tsri_group_spawn(&self->group, &runners[i].task, run);
    }
    int status = tsri_group_wait(&self->group, err);
    tsri_free(runners);
    return status;
}

int tsri_chunk_loop(tsri_read *selection, int runners, int64_t bytes_total, const tsr_call *call,
                    tsri_chunk_body body, void *user, tsr_error *err)
{
    chunk_loop self = {.array = selection->array, .body = body, .user = user};

    TSRI_TRY(tsri_cursors_init(&self.cursors, selection, 1, err));
    int status = tsri_group_init(&self.group, self.array->context, call, NULL, err);
    if (status == 0) {
        int threads = tsri_pool_threads(self.group.pool);
        int most = runners > 0 ? TSRI_MIN(runners, threads) : threads;
        self.group.progress.bytes_total = bytes_total;
        pthread_mutex_init(&self.mutex, NULL);
        status = run_loop(&self, count_chunks(selection, most), err);
        pthread_mutex_destroy(&self.mutex);
    }
    tsri_cursors_clear(&self.cursors);
    return status;
}
