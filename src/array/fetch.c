#include "array/fetch.h"

#include "array/flight.h"
#include "array/lower.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/profile.h"
#include "tensor/stream.h"

/* Pieces of about this size are read into a buffer that stays in the second-level cache. */
#define PORTION_BYTES (512 << 10)
/* Scratch for encoded bytes is kept up to this size; larger answers are allocated by the store. */
#define FETCH_BUFFER_MAX (80 << 20)
/* A value that changed so often while it was read in pieces is read at once, if it is not too
 * large. */
#define ATTEMPTS_IN_PIECES 3
#define RANGE_BYTES_MAX (INT64_MAX / 4)
/* Less decoded data than this is not worth waking another thread for. */
#define SMALL_BYTES (64 << 10)
/* A runner takes several chunks of at most this size at once, since taking them one by one would
 * make the threads wait for each other: for the mutex, and for lines of memory that hold elements
 * of neighbouring chunks. They are planned and asked for by eights. */
#define LIGHT_BYTES (16 << 10)
#define RUN_CHUNKS_MAX 64
#define TAKEN_AT_ONCE 8
/* Of all chunks a thread takes at most one part in so many at once, so that all end together. */
#define RUNS_PER_THREAD 4

static void run(tsri_task *task);

/* ---- units ---- */

/* The caller holds the mutex. */
static void push_ready(tsri_fetcher *self, tsri_unit *unit)
{
    unit->next = self->ready;
    self->ready = unit;
}

/* Starts one more runner, if a thread is free. The caller holds the mutex. */
static void wake(tsri_fetcher *self)
{
    for (int i = 0; i < self->threads; i++) {
        if (self->runners[i].active)
            continue;
        self->runners[i].active = true;
        tsri_group_spawn(&self->group, &self->runners[i].task, run);
        return;
    }
}

/* Starts the first runner, on this thread. It wakes others when there is more than it takes. */
static void start(tsri_fetcher *self)
{
    self->runners[0].active = true;
    tsri_group_spawn_own(&self->group, &self->runners[0].task, run);
}

void tsri_fetcher_publish(tsri_fetcher *self, tsri_unit *unit)
{
    pthread_mutex_lock(&self->mutex);
    push_ready(self, unit);
    pthread_mutex_unlock(&self->mutex);
}

void tsri_fetcher_fail(tsri_fetcher *self, tsr_error *error)
{
    tsri_group_fail(&self->group, error->status ? error->status : TSR_INTERNAL, error);
}

static void start_work(tsri_worker *me, tsri_fetcher *self)
{
    me->fetch = self;
    me->done = (tsr_progress){0};
    me->spares = NULL;
    me->run.count = 0;
}

static void push_spare(tsri_worker *by, tsri_unit *unit)
{
    unit->next = by->spares;
    by->spares = unit;
}

/* Memory for a unit, or NULL. */
static tsri_unit *take_spare(tsri_worker *me)
{
    if (!me->spares)
        me->spares = __atomic_exchange_n(&me->fetch->spares, NULL, __ATOMIC_ACQUIRE);
    tsri_unit *spare = me->spares;
    if (spare)
        me->spares = spare->next;
    return spare;
}

/* Leaves what a worker has kept to others. */
static void give_spares(tsri_worker *me)
{
    tsri_fetcher *self = me->fetch;
    tsri_unit *last = me->spares;
    while (last && last->next)
        last = last->next;
    if (!last)
        return;
    last->next = __atomic_load_n(&self->spares, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&self->spares, &last->next, me->spares, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    me->spares = NULL;
}

/* Tells the group what was done: once for many small chunks, since threads that count together wait
 * for each other. */
static void report(tsri_worker *me)
{
    const tsr_progress *done = &me->done;
    tsri_group_progress(&me->fetch->group, done->chunks_done, done->bytes_done, done->stored_bytes,
                        done->requests);
    me->done = (tsr_progress){0};
}

static void end_unit(tsri_worker *by, tsri_unit *unit)
{
    tsri_unit_clear(unit);
    push_spare(by, unit);
}

/* Whether nobody else holds the unit any more. Who has the only reference need not count. */
static bool drop_reference(tsri_unit *unit)
{
    return __atomic_load_n(&unit->references, __ATOMIC_ACQUIRE) == 1 ||
           __atomic_sub_fetch(&unit->references, 1, __ATOMIC_ACQ_REL) == 0;
}

void tsri_fetcher_release(tsri_worker *by, tsri_unit *unit)
{
    while (unit && drop_reference(unit)) {
        tsri_unit *parent = unit->parent;
        if (unit->conflict && !tsri_group_stopped(&by->fetch->group)) {
            tsri_unit_restart(unit);
            tsri_fetcher_publish(by->fetch, unit);
            return;
        }
        end_unit(by, unit);
        unit = parent;
    }
}

/* ---- portions ---- */

/* Whether the store of a unit answers before get returns. */
static bool answers_at_once(const tsri_unit *unit)
{
    return unit->blob || !unit->prepared || unit->extent.store->hints.answers_at_once;
}

/* Whether a value that keeps changing is small enough to be read by one request. */
static bool may_read_at_once(const tsri_unit *unit)
{
    tsr_size_bound bound = unit->prepared->bound;
    return unit->attempts >= ATTEMPTS_IN_PIECES && bound.size_class != TSR_SIZE_UNBOUNDED &&
           bound.size_bytes <= (uint64_t)unit->array->context->options.largest_chunk_bytes;
}

static bool next_of_unit(tsri_unit *unit, tsri_portion *portion)
{
    uint64_t portion_bytes = PORTION_BYTES, gap_bytes = 0;
    if (unit->prepared && !unit->blob) {
        const tsr_store_hints *hints = &unit->extent.store->hints;
        unit->at_once = may_read_at_once(unit);
        gap_bytes = unit->at_once ? RANGE_BYTES_MAX : hints->coalesce_gap_bytes;
        if (unit->at_once)
            portion_bytes = RANGE_BYTES_MAX;
        else if (!hints->answers_at_once && hints->largest_range_bytes > 0)
            portion_bytes = hints->largest_range_bytes;
    }
    return tsri_unit_next_portion(unit, TSRI_MIN(portion_bytes, (uint64_t)RANGE_BYTES_MAX),
                                  TSRI_MIN(gap_bytes, (uint64_t)RANGE_BYTES_MAX), portion);
}

/* Whether one more request to the unit's store may be on the wire. The caller holds the mutex. */
static bool may_fly(const tsri_fetcher *self, const tsri_unit *unit)
{
    return answers_at_once(unit) ||
           self->in_flight < TSRI_MAX(unit->extent.store->hints.requests_in_flight, 1);
}

/* A portion of the first ready unit. The caller holds the mutex. */
static bool find_portion(tsri_worker *me, tsri_portion *portion)
{
    tsri_fetcher *self = me->fetch;
    while (self->ready && may_fly(self, self->ready)) {
        tsri_unit *unit = self->ready;
        bool found = next_of_unit(unit, portion);
        bool done = unit->state == TSRI_UNIT_DONE;
        if (done || unit->state == TSRI_UNIT_WAITING)
            self->ready = unit->next;
        /* The reference for handing out goes to the last portion. */
        if (found && !done)
            __atomic_add_fetch(&unit->references, 1, __ATOMIC_RELAXED);
        if (found)
            return true;
        if (done && drop_reference(unit))
            end_unit(me, unit);
    }
    return false;
}

/* Without clearing texts that nobody reads. */
static void forget_error(tsr_error *error)
{
    error->status = 0;
    error->message[0] = error->where[0] = error->next_step[0] = 0;
}

/* Makes a flight of a portion that was found. */
static void begin(tsri_worker *me, tsri_flight *next)
{
    next->fetch = me->fetch;
    next->by = me;
    forget_error(&next->error);
    next->request.blob = NULL;
    next->request.done = NULL;
    next->kept = NULL;
    next->direct = NULL;
    next->answered = false;
    next->has_generation = next->portion.unit->has_generation;
    if (next->has_generation)
        next->generation = next->portion.unit->generation;
}

/* Whether a portion is a small chunk that is there at once: the next one may be taken with it. */
static bool is_light(const tsri_portion *portion)
{
    const tsri_unit *unit = portion->unit;
    return (portion->kind == TSRI_PORTION_RAW || portion->kind == TSRI_PORTION_WHOLE) &&
           unit->state == TSRI_UNIT_DONE && unit->prepared->decoded_bytes <= LIGHT_BYTES &&
           answers_at_once(unit);
}

/* How many chunks a runner takes at once. */
static int run_limit(const tsri_fetcher *self, const tsr_array *array)
{
    const tsri_prepared *prepared = array->prepared;
    bool light = prepared && prepared->decoded_bytes <= LIGHT_BYTES &&
                 !tsri_prepared_is_shard(prepared) &&
                 (!array->store || array->store->hints.answers_at_once);
    if (!light)
        return 1;
    int64_t share = self->group.progress.bytes_total / TSRI_MAX(prepared->decoded_bytes, 1) /
                    (self->threads * RUNS_PER_THREAD);
    return (int)TSRI_MIN(TSRI_MAX(share, TAKEN_AT_ONCE), RUN_CHUNKS_MAX);
}

static int take_run(tsri_fetcher *self, tsri_cursor_run *run, tsr_error *err)
{
    tsr_array *array;
    const int64_t *chunk;
    if (!tsri_cursors_peek(&self->cursors, &array, &chunk))
        return 0;
    return tsri_cursors_take_run(&self->cursors, run_limit(self, array), run, err);
}

/* Takes the next portion of a ready unit, or else chunks from the cursors. The caller holds the
 * mutex. */
static int take(tsri_worker *me, tsri_flight *next, int *ret_count, tsr_error *err)
{
    tsri_fetcher *self = me->fetch;
    *ret_count = find_portion(me, &next->portion);
    if (*ret_count > 0 && !answers_at_once(next->portion.unit))
        self->in_flight++;
    if (*ret_count > 0)
        begin(me, next);
    else if (!self->ready)
        TSRI_TRY(take_run(self, &me->run, err));
    if (!self->is_small && (*ret_count > 0 || me->run.count > 0) &&
        (self->ready || self->cursors.count > 0))
        wake(self);
    return 0;
}

/* ---- new units ---- */

static int make_unit(tsri_worker *me, tsri_unit **ret_unit, tsr_error *err)
{
    tsri_cursor_run *run = &me->run;
    tsr_array *array = run->array;
    const int64_t *chunk = run->walk.cell;
    tsri_prepared *prepared = array->prepared;
    tsri_unit *unit;

    if (!run->grid->is_regular)
        TSRI_TRY(tsri_array_prepare(array, run->grid, chunk, &prepared, err));
    tsri_unit *spare = take_spare(me);
    int status = tsri_unit_new(array, prepared, run->targets, spare, &unit, err);
    if (status < 0) {
        if (!run->grid->is_regular)
            tsri_prepared_unref(prepared);
        return status; /* there was no spare */
    }
    unit->holds_prepared = !run->grid->is_regular;
    unit->target_count = run->targets ? run->target_count : 1;
    if (!run->targets)
        tsri_target_walk_take(&run->walk, unit->targets);
    run->targets = NULL; /* the unit's now */
    for (int axis = 0; axis < array->rank; axis++)
        unit->origin[axis] = tsri_grid_start(run->grid, axis, chunk[axis]);
    status = unit->prepared ? tsri_array_locate(array, chunk, &unit->extent, err) : 0;
    if (status < 0)
        end_unit(me, unit);
    else
        *ret_unit = unit;
    return status;
}

/* Makes a unit ready, whose portions other threads may take as well. */
static void share(tsri_fetcher *self, tsri_unit *unit)
{
    pthread_mutex_lock(&self->mutex);
    push_ready(self, unit);
    if (!self->is_small)
        wake(self);
    pthread_mutex_unlock(&self->mutex);
}

/* Takes the first portion of a new unit of this runner. What more it has to hand out is for all; so
 * is everything of a store that answers later, which counts its requests. */
static bool take_first(tsri_worker *me, tsri_unit *unit, tsri_portion *portion)
{
    bool found = answers_at_once(unit) && next_of_unit(unit, portion);
    if (found && unit->state == TSRI_UNIT_DONE)
        return true;
    if (found)
        __atomic_add_fetch(&unit->references, 1, __ATOMIC_RELAXED);
    if (unit->state == TSRI_UNIT_DONE)
        tsri_fetcher_release(me, unit);
    else if (unit->state != TSRI_UNIT_WAITING)
        share(me->fetch, unit);
    return found;
}

/* The next chunk of a run, whose unit is mostly like the one before. */
static int plan_next(tsri_worker *me, const tsri_portion *before, tsri_portion *portion,
                     tsr_error *err)
{
    const tsri_cursor_run *run = &me->run;
    tsri_unit *spare = take_spare(me);
    TSRI_TRY(tsri_unit_new_next(before, spare, portion, err));
    tsri_unit *unit = portion->unit;
    int status = tsri_array_locate_next(run->array, &before->unit->extent, run->walk.cell,
                                        &unit->extent, err);
    if (status < 0)
        end_unit(me, unit);
    return status;
}

static int plan_one(tsri_worker *me, const tsri_portion *before, tsri_portion *portion,
                    bool *ret_found, tsr_error *err)
{
    const tsri_cursor_run *run = &me->run;
    tsri_unit *unit;
    if (before && is_light(before) && run->grid->is_regular &&
        tsri_unit_goes_on(before, &run->walk)) {
        TSRI_TRY(plan_next(me, before, portion, err));
        *ret_found = true;
        return 0;
    }
    TSRI_TRY(make_unit(me, &unit, err));
    *ret_found = take_first(me, unit, portion);
    return 0;
}

/* Makes units of the next chunks of a run and takes their first portions: without the mutex, since
 * this is most of what a small chunk costs beyond its copy. What was taken before a failure counts
 * too. */
static int plan(tsri_worker *me, tsri_flight *taken, int *ret_count, tsr_error *err)
{
    tsri_cursor_run *run = &me->run;
    const tsri_portion *before = NULL;
    int status = 0;
    for (int i = 0; run->count > 0 && i < TAKEN_AT_ONCE && status == 0; i++) {
        tsri_flight *next = &taken[*ret_count];
        bool found = false;
        status = plan_one(me, before, &next->portion, &found, err);
        if (--run->count > 0)
            run->walk.cell[run->array->rank - 1]++;
        before = status == 0 && found ? &next->portion : NULL;
        if (!before)
            continue;
        begin(me, next);
        ++*ret_count;
    }
    if (run->count == 0)
        tsri_free(run->targets);
    return status;
}

/* ---- runners ---- */

/* A store's answer, on any thread. */
static void answered_later(tsri_task *task)
{
    tsri_flight *from = (tsri_flight *)task;
    tsri_fetcher *self = from->fetch;
    tsri_worker me TSRI_UNINITIALIZED;
    tsr_codec_scratch *scratch = NULL;

    start_work(&me, self);
    from->by = &me;
    int status = tsri_scratch_acquire(self->context, &scratch, &from->error);
    if (status < 0) {
        tsr_blob_unref(from->request.blob);
        tsr_blob_unref(from->kept);
        tsri_flight_finish(self, from, status, &from->error);
    } else {
        tsri_flight_take_answer(self, from, scratch);
        tsri_scratch_release(self->context, scratch);
    }
    int64_t budget_bytes = from->budget_bytes;
    tsri_free(from);
    report(&me);
    give_spares(&me);
    pthread_mutex_lock(&self->mutex);
    tsri_budget_give(&self->budget, budget_bytes);
    self->in_flight--;
    wake(self);
    pthread_mutex_unlock(&self->mutex);
}

static void answered(tsr_get_request *request)
{
    tsri_flight *from = request->user;
    if (answers_at_once(from->portion.unit)) {
        from->answered = true;
        return;
    }
    tsri_fetcher *self = from->fetch;
    tsri_group_spawn(&self->group, &from->task, answered_later);
    tsri_group_release(&self->group);
}

/* Bytes in memory need no request. */
static void run_in_memory(tsri_fetcher *self, tsri_flight *now, tsr_codec_scratch *scratch)
{
    const tsri_unit *unit = now->portion.unit;
    const char *bytes = (const char *)tsr_blob_data(unit->blob) + unit->extent.offset;
    uint64_t offset = now->portion.range.kind == TSR_RANGE_PART ? now->portion.range.offset : 0;
    uint64_t size = now->portion.range.kind == TSR_RANGE_PART ? now->portion.range.size_bytes
                                                              : unit->extent.size_bytes;

    int status = tsri_flight_take_bytes(self, now, scratch, bytes + offset, (size_t)size,
                                        unit->extent.size_bytes, &now->error);
    tsri_flight_finish(self, now, status, &now->error);
}

/* Reads and decodes on the spot. */
static void run_at_once(tsri_fetcher *self, tsri_flight *now, tsr_codec_scratch *scratch)
{
    const tsri_unit *unit = now->portion.unit;
    uint64_t expected = tsri_flight_expected_bytes(unit, &now->portion.range);
    void *buffer = NULL;

    if (expected > 0 && expected <= FETCH_BUFFER_MAX)
        buffer = tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, (size_t)expected);
    tsri_flight_fill_request(now, buffer, buffer ? (size_t)expected : 0, answered);
    tsr_store_get_many(unit->extent.store, &now->request, 1, self->call);
    tsri_flight_take_answer(self, now, scratch);
}

/* Whether a portion may be asked for before its turn: in memory nothing is read for it yet, and
 * nothing of it can have been kept. */
static bool is_lent(const tsri_fetcher *self, const tsri_portion *portion, const tsr_store *store)
{
    const tsri_unit *unit = portion->unit;
    return is_light(portion) && !unit->blob && unit->extent.store == store && !self->cost &&
           unit->array->chunks.limit_bytes == 0;
}

/* Asks a store in memory by one call for the light portions that were taken together, so that it
 * can look for all of them at once. */
static void ask_together(tsri_fetcher *self, tsri_flight *taken, int count)
{
    tsr_store *store = taken->portion.unit->extent.store;
    tsr_get_request requests[TAKEN_AT_ONCE];
    int asked = 0;

    if (count < 2 || !is_light(&taken->portion) || !store || !store->hints.in_process)
        return;
    for (; asked < count && is_lent(self, &taken[asked].portion, store); asked++) {
        tsri_flight_fill_request(&taken[asked], NULL, 0, answered);
        requests[asked] = taken[asked].request;
    }
    if (asked > 0)
        tsr_store_get_many(store, requests, (size_t)asked, self->call);
    for (int i = 0; i < asked; i++)
        taken[i].request = requests[i];
}

/* Puts a request on the wire; its answer becomes a task. */
static void launch(tsri_fetcher *self, tsri_flight *now)
{
    tsri_flight_fill_request(now, NULL, 0, answered);
    tsri_group_hold(&self->group);
    tsr_store_get_many(now->portion.unit->extent.store, &now->request, 1, self->call);
}

/* Undoes the handing out of a portion that nobody asks for. */
static void drop_portion(tsri_worker *by, const tsri_portion *portion)
{
    tsri_unit *unit = portion->unit;
    if (unit->state == TSRI_UNIT_WAITING)
        tsri_fetcher_release(by, unit); /* its index will not come */
    tsri_fetcher_release(by, unit);
}

/* Sends a portion to a store that answers later, or parks it until the budget has room. */
static int send_later(tsri_fetcher *self, const tsri_flight *now, tsr_error *err)
{
    tsri_flight *sent = tsri_alloc(sizeof *sent);
    if (!sent) {
        drop_portion(now->by, &now->portion);
        tsr_blob_unref(now->kept);
        return tsri_error_no_memory(err, sizeof *sent);
    }
    *sent = *now;
    sent->budget_bytes =
        (int64_t)tsri_flight_expected_bytes(now->portion.unit, &now->portion.range);
    pthread_mutex_lock(&self->mutex);
    bool room = tsri_budget_take(&self->budget, sent->budget_bytes);
    if (!room) {
        sent->task.next = (tsri_task *)self->parked;
        self->parked = sent;
    }
    pthread_mutex_unlock(&self->mutex);
    if (room)
        launch(self, sent);
    return 0;
}

/* A flight that was parked and for which there is room now, or NULL. The caller holds the mutex. */
static tsri_flight *take_parked(tsri_fetcher *self)
{
    tsri_flight *parked = self->parked;
    if (!parked || !tsri_budget_take(&self->budget, parked->budget_bytes))
        return NULL;
    self->parked = (tsri_flight *)parked->task.next;
    return parked;
}

static bool is_nested(const tsri_portion *portion)
{
    return portion->kind == TSRI_PORTION_ENTRIES &&
           tsri_prepared_is_shard(portion->unit->prepared->inner);
}

/* For a portion of a store that answers later, for which nothing was asked after all. */
static void give_back_turn(tsri_fetcher *self, bool slow)
{
    if (!slow)
        return;
    pthread_mutex_lock(&self->mutex);
    self->in_flight--;
    pthread_mutex_unlock(&self->mutex);
}

static int run_portion(tsri_fetcher *self, tsri_flight *now, tsr_codec_scratch *scratch,
                       tsr_error *err)
{
    const tsri_unit *unit = now->portion.unit;
    bool slow = !answers_at_once(unit);
    int status = 0;

    if (now->portion.kind == TSRI_PORTION_BOX) {
        tsri_flight_fill_boxes(self, now, scratch);
    } else if (is_nested(&now->portion)) {
        status = tsri_flight_start_children(self, &now->portion, err);
        give_back_turn(self, slow);
        tsri_fetcher_release(now->by, now->portion.unit);
    } else if (self->cost && now->portion.kind != TSRI_PORTION_INDEX) {
        tsri_explain_elements(self, now);
        give_back_turn(self, slow);
    } else if (now->answered) {
        tsri_flight_take_answer(self, now, scratch);
    } else if (unit->blob) {
        run_in_memory(self, now, scratch);
    } else if (tsri_flight_find_kept(now)) {
        tsri_flight_take_kept(self, now, scratch);
        give_back_turn(self, slow);
    } else if (answers_at_once(unit)) {
        run_at_once(self, now, scratch);
    } else {
        status = send_later(self, now, err);
    }
    return status;
}

/* Carries out what was taken, or gives it up when everything has ended meanwhile. */
static void run_taken(tsri_fetcher *self, tsri_flight *now, bool is_first,
                      tsr_codec_scratch *scratch)
{
    if (!is_first && tsri_group_stopped(&self->group)) {
        give_back_turn(self, !answers_at_once(now->portion.unit));
        tsr_blob_unref(now->request.blob);
        drop_portion(now->by, &now->portion);
    } else if (run_portion(self, now, scratch, &now->error) < 0) {
        tsri_fetcher_fail(self, &now->error);
    }
}

/* Looks for something to do under the mutex; false when there is nothing. The runner becomes
 * inactive in the same moment in which it finds nothing, so that whoever brings something knows
 * that it has to be woken. */
static bool find_work(tsri_runner *runner, tsri_worker *me, tsri_flight *taken, int *ret_count,
                      int *ret_status, tsr_error *error)
{
    tsri_fetcher *self = me->fetch;
    bool stopped = tsri_group_stopped(&self->group);
    tsri_flight *parked = NULL;

    me->run.count = 0;
    pthread_mutex_lock(&self->mutex);
    if (!stopped)
        parked = take_parked(self);
    if (!stopped && !self->parked && !parked)
        *ret_status = take(me, taken, ret_count, error);
    bool busy = runner->active = parked || *ret_count > 0 || me->run.count > 0;
    pthread_mutex_unlock(&self->mutex);
    if (parked)
        launch(self, parked);
    return busy;
}

/* Does one thing, or several light ones; false when there is nothing to do. */
static bool run_once(tsri_runner *runner, tsri_worker *me, tsr_codec_scratch *scratch,
                     tsri_flight *taken, tsr_error *error)
{
    tsri_fetcher *self = me->fetch;
    int status = 0, count = 0;
    bool busy = true;

    forget_error(error);
    if (me->run.count == 0 || tsri_group_stopped(&self->group))
        busy = find_work(runner, me, taken, &count, &status, error);
    if (me->run.count > 0)
        status = plan(me, taken, &count, error);
    if (count > 1)
        ask_together(self, taken, count);
    for (int i = 0; i < count; i++)
        run_taken(self, &taken[i], i == 0, scratch);
    if (status < 0)
        tsri_fetcher_fail(self, error);
    report(me);
    return busy;
}

static void run(tsri_task *task)
{
    tsri_runner *runner = (tsri_runner *)task;
    tsri_worker me TSRI_UNINITIALIZED;
    tsr_codec_scratch *scratch = NULL;
    tsri_flight taken[TAKEN_AT_ONCE] TSRI_UNINITIALIZED;
    tsr_error error = TSR_ERROR_INIT;

    start_work(&me, runner->fetch);
    if (tsri_scratch_acquire(me.fetch->context, &scratch, &error) < 0) {
        tsri_fetcher_fail(me.fetch,
                          &error); /* the runner stays active: nobody is to wake it any more */
        return;
    }
    while (run_once(runner, &me, scratch, taken, &error))
        ;
    give_spares(&me);
    tsri_scratch_release(me.fetch->context, scratch);
}

/* ---- the whole ---- */

/* What a read that was stopped left behind. */
static void clear(tsri_fetcher *self)
{
    tsri_worker me TSRI_UNINITIALIZED;
    start_work(&me, self);
    while (self->parked) {
        tsri_flight *parked = self->parked;
        self->parked = (tsri_flight *)parked->task.next;
        drop_portion(&me, &parked->portion);
        tsr_blob_unref(parked->kept);
        tsri_free(parked);
    }
    while (self->ready) {
        tsri_unit *unit = self->ready;
        self->ready = unit->next;
        tsri_fetcher_release(&me, unit);
    }
    give_spares(&me);
    while (self->spares) {
        tsri_unit *spare = self->spares;
        self->spares = spare->next;
        tsri_unit_free(spare);
    }
    tsri_cursors_clear(&self->cursors);
    tsri_free(self->runners);
    pthread_mutex_destroy(&self->mutex);
}

static void count_reads(const tsri_fetcher *self, size_t n)
{
    if (self->cost)
        return;
    TSRI_PROFILE_ADD(self->context, reads, n);
    TSRI_PROFILE_ADD(self->context, read_bytes, self->group.progress.bytes_total);
}

static void set_totals(tsri_fetcher *self, const tsri_read *reads, size_t n)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t more;
        if (!tsri_multiply_i64(tsr_index_count(&reads[i].index),
                               (int64_t)reads[i].array->dtype->size_bytes, &more) ||
            !tsri_add_i64(bytes, more, &bytes))
            return;
    }
    self->group.progress.bytes_total = bytes;
    self->is_small = bytes < SMALL_BYTES;
}

/* Each piece of a large view is written past the caches, whatever the span of the piece itself. */
static void prepare_read(tsri_read *read)
{
    read->streamed = read->view && tsr_view_size(read->view) >= TSRI_STREAM_SPAN_BYTES;
}

/* Of reads that all say themselves where their elements are. */
static int fetch(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
                 tsri_task_group *parent, tsr_error *err)
{
    tsri_fetcher self = {.context = context, .call = call, .cost = reads->cost};

    TSRI_TRY(tsri_cursors_init(&self.cursors, reads, n, err));
    int status = tsri_group_init(&self.group, context, call, parent, err);
    if (status < 0) {
        tsri_cursors_clear(&self.cursors);
        return status;
    }
    self.threads = tsri_pool_threads(self.group.pool);
    self.budget.limit_bytes =
        call && call->byte_budget > 0 ? call->byte_budget : context->options.bytes_in_flight;
    pthread_mutex_init(&self.mutex, NULL);
    self.runners = tsri_alloc_array_zero((size_t)self.threads, sizeof *self.runners);
    if (!self.runners)
        tsri_group_fail(&self.group, tsri_error_no_memory(&self.group.error, sizeof *self.runners),
                        &self.group.error);
    for (int i = 0; self.runners && i < self.threads; i++)
        self.runners[i].fetch = &self;
    set_totals(&self, reads, n);
    count_reads(&self, n);
    for (size_t i = 0; i < n; i++)
        prepare_read(&reads[i]);
    if (self.runners && self.cursors.count > 0)
        start(&self);
    status = tsri_group_wait(&self.group, err);
    clear(&self);
    for (size_t i = 0; i < n && status == 0; i++)
        tsri_target_repeat(&reads[i]);
    return status;
}

static int fetch_lowered(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
                         tsri_task_group *parent, tsr_error *err)
{
    tsri_lowered lowered;
    size_t plain = 0;

    while (plain < n && !tsri_read_is_lowered(&reads[plain]))
        plain++;
    if (plain == n)
        return fetch(context, reads, n, call, parent, err);
    int status = tsri_lower(reads, n, &lowered, err);
    if (status == 0 && lowered.count > 0)
        status = fetch(context, lowered.reads, lowered.count, call, parent, err);
    tsri_lowered_clear(&lowered);
    return status;
}

int tsri_fetch(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
               tsri_task_group *parent, tsr_error *err)
{
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    int status = fetch_lowered(context, reads, n, call, parent, err);
    tsri_phase_end(context, before);
    return status;
}
