#include "array/chunk_loop.h"

#include "array/claim.h"
#include "array/cursor.h"
#include "base/context.h"
#include "base/profile.h"

typedef struct chunk_loop chunk_loop;

typedef struct runner {
    tsri_task task;
    chunk_loop *loop;
    bool in_hand; /* the chunk below is not written yet */
    int64_t chunk[TSR_RANK_MAX];
    tsri_target target;
    tsri_order order; /* for that chunk */
} runner;

struct chunk_loop {
    tsr_array *array;
    tsri_chunk_body body;
    void *user;
    tsri_task_group group;
    pthread_mutex_t mutex; /* the cursors */
    tsri_cursors cursors;
};

/* Whether the chunk in hand is still to be written. */
static bool is_in_hand(runner *me)
{
    if (me->order.done) /* somebody else has written it along with his own */
        me->in_hand = me->order.done = false;
    return me->in_hand;
}

/* The next chunk with what is to be done there, or the one in hand; false at the end. */
static bool take_chunk(runner *me)
{
    chunk_loop *self = me->loop;
    tsr_array *array;
    const int64_t *chunk;

    if (tsri_group_stopped(&self->group)) {
        if (me->order.has_claim)
            tsri_claim_give(&me->order.claim);
        return me->order.has_claim = false;
    }
    if (is_in_hand(me))
        return true;
    pthread_mutex_lock(&self->mutex);
    me->in_hand = tsri_cursors_peek(&self->cursors, &array, &chunk);
    if (me->in_hand) {
        memcpy(me->chunk, chunk, (size_t)array->rank * sizeof *chunk);
        tsri_cursors_take(&self->cursors, array, me->chunk, &me->target);
    }
    pthread_mutex_unlock(&self->mutex);
    return me->in_hand;
}

/* Goes from chunk to chunk until there are none, or one is in other hands: *ret_turn. A runner that
 * waits may be going on elsewhere already. */
static int run_chunks(runner *me, tsr_codec_scratch *scratch, tsri_turn *ret_turn, tsr_error *err)
{
    chunk_loop *self = me->loop;

    while (take_chunk(me)) {
        tsri_turn turn = TSRI_TURN_DONE;
        int status = self->body(self->user, me->chunk, &me->target, scratch, &self->group,
                                &me->order, &turn, err);
        *ret_turn = status < 0 ? TSRI_TURN_DONE : turn;
        if (status < 0 || turn != TSRI_TURN_DONE)
            return status;
        me->in_hand = false;
    }
    return 0;
}

/* What was used again from chunk to chunk does not outlive the loop. */
static void give_back(tsr_codec_scratch *scratch)
{
    if (!scratch)
        return;
    tsri_scratch_drop(scratch, TSRI_BUFFER_SHARD);
    tsri_scratch_drop(scratch, TSRI_BUFFER_COPY);
}

static void run(tsri_task *task)
{
    runner *me = (runner *)task;
    chunk_loop *self = me->loop;
    const tsr_system *system = self->array->context->system;
    tsr_error error = TSR_ERROR_INIT;
    tsr_codec_scratch *scratch = NULL;
    tsri_turn turn = TSRI_TURN_DONE;

    int status = tsri_scratch_acquire(self->array->context, &scratch, &error);
    if (status == 0)
        status = run_chunks(me, scratch, &turn, &error);
    give_back(scratch);
    tsri_scratch_release(self->array->context, scratch);
    if (status < 0) {
        tsri_group_fail(&self->group, status, &error);
    } else if (turn == TSRI_TURN_BUSY && !tsri_group_stopped(&self->group)) {
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
        runners[i].order.task = &runners[i].task;
        runners[i].order.run = run;
        tsri_group_spawn(&self->group, &runners[i].task, run);
    }
    int status = tsri_group_wait(&self->group, err);
    tsri_free(runners);
    return status;
}

static int loop_over_chunks(tsri_read *selection, int runners, int64_t bytes_total,
                            const tsr_call *call, tsri_chunk_body body, void *user, tsr_error *err)
{
    chunk_loop self = {.array = selection->array, .body = body, .user = user};

    TSRI_TRY(tsri_cursors_init(&self.cursors, selection, 1, err));
    int status = tsri_group_init(&self.group, self.array->context, call, NULL, err);
    if (status == 0) {
        int threads = tsri_pool_threads(self.group.pool);
        int most = runners > 0 ? TSRI_MIN(runners, threads) : threads;
        self.group.progress.bytes_total = bytes_total;
        pthread_mutex_init(&self.mutex, NULL);
        TSRI_PROFILE_ADD(self.array->context, writes, 1);
        TSRI_PROFILE_ADD(self.array->context, written_bytes, bytes_total);
        status = run_loop(&self, count_chunks(selection, most), err);
        pthread_mutex_destroy(&self.mutex);
    }
    tsri_cursors_clear(&self.cursors);
    return status;
}

int tsri_chunk_loop(tsri_read *selection, int runners, int64_t bytes_total, const tsr_call *call,
                    tsri_chunk_body body, void *user, tsr_error *err)
{
    const tsr_context *context = selection->array->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    int status = loop_over_chunks(selection, runners, bytes_total, call, body, user, err);
    tsri_phase_end(context, before);
    return status;
}
