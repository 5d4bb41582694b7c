#include "array/fetch.h"

#include <inttypes.h>

#include "array/flight.h"
#include "array/lower.h"
#include "base/call.h"
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
 * make the threads wait for each other. */
#define LIGHT_BYTES (16 << 10)
#define TAKEN_AT_ONCE 8

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

/* Keeps the memory of a unit that was cleared. Without the mutex: nothing but `next` of a spare is
 * looked at, and only one thread at a time takes any away. */
static void push_spare(tsri_fetcher *self, tsri_unit *unit)
{
    unit->next = __atomic_load_n(&self->spares, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&self->spares, &unit->next, unit, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
}

/* Takes one away, or NULL. The caller holds the mutex. */
static tsri_unit *take_spare(tsri_fetcher *self)
{
    tsri_unit *spare = __atomic_load_n(&self->spares, __ATOMIC_ACQUIRE);
    while (spare && !__atomic_compare_exchange_n(&self->spares, &spare, spare->next, true,
                                                 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        ;
    return spare;
}

void tsri_fetcher_release(tsri_fetcher *self, tsri_unit *unit)
{
    while (unit && __atomic_sub_fetch(&unit->references, 1, __ATOMIC_ACQ_REL) == 0) {
        tsri_unit *parent = unit->parent;
        if (unit->conflict && !tsri_group_stopped(&self->group)) {
            tsri_unit_restart(unit);
            tsri_fetcher_publish(self, unit);
            return;
        }
        tsri_unit_clear(unit);
        push_spare(self, unit);
        unit = parent;
    }
}

/* Takes the next chunk from the cursors. The caller holds the mutex. */
static int admit(tsri_fetcher *self, tsri_unit **ret_unit, tsr_error *err)
{
    tsr_array *array;
    const int64_t *at;
    int64_t chunk[TSR_RANK_MAX] TSRI_UNINITIALIZED;
    tsr_auto(tsri_prepared) *prepared = NULL;
    tsri_unit *unit;

    *ret_unit = NULL;
    if (!tsri_cursors_peek(&self->cursors, &array, &at))
        return 0;
    memcpy(chunk, at, (size_t)array->rank * sizeof *chunk);
    const tsri_grid *grid = tsri_cursors_grid(&self->cursors);
    TSRI_TRY(tsri_array_prepare(array, grid, chunk, &prepared, err));
    tsri_unit *spare = take_spare(self);
    int status =
        tsri_unit_new(array, prepared, tsri_cursors_sharers(&self->cursors), spare, &unit, err);
    if (status < 0) {
        if (spare)
            push_spare(self, spare);
        return status;
    }
    prepared = NULL; /* the unit's now */
    while (unit->target_count < unit->target_capacity &&
           tsri_cursors_take(&self->cursors, array, chunk, &unit->targets[unit->target_count]))
        unit->target_count++;
    for (int axis = 0; axis < array->rank; axis++)
        unit->origin[axis] = tsri_grid_start(grid, axis, chunk[axis]);
    status = unit->prepared ? tsri_array_locate(array, chunk, &unit->extent, err) : 0;
    if (status < 0) {
        tsri_unit_clear(unit);
        push_spare(self, unit);
        return status;
    }
    *ret_unit = unit;
    return status;
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

/* A unit that hands out something: the first ready one, or a new chunk. The caller holds the mutex.
 */
static int find_unit(tsri_fetcher *self, tsri_portion *portion, bool *ret_found, tsr_error *err)
{
    for (;;) {
        tsri_unit *unit = self->ready;
        if (!unit) {
            TSRI_TRY(admit(self, &unit, err));
            if (!unit)
                return 0;
            push_ready(self, unit);
        }
        if (!may_fly(self, unit))
            return 0;
        *ret_found = next_of_unit(unit, portion);
        bool done = unit->state == TSRI_UNIT_DONE;
        if (done || unit->state == TSRI_UNIT_WAITING)
            self->ready = unit->next;
        /* The reference for handing out goes to the last portion. */
        if (*ret_found && !done)
            __atomic_add_fetch(&unit->references, 1, __ATOMIC_RELAXED);
        if (*ret_found)
            return 0;
        if (done && __atomic_sub_fetch(&unit->references, 1, __ATOMIC_ACQ_REL) == 0) {
            tsri_unit_clear(unit);
            push_spare(self, unit);
        }
    }
}

/* Without clearing texts that nobody reads. */
static void forget_error(tsr_error *error)
{
    error->status = 0;
    error->message[0] = error->where[0] = error->next_step[0] = 0;
}

/* Hands the next portion to a runner. The caller holds the mutex. */
static int take_portion(tsri_fetcher *self, tsri_flight *next, bool *ret_found, tsr_error *err)
{
    TSRI_TRY(find_unit(self, &next->portion, ret_found, err));
    if (!*ret_found)
        return 0;
    next->fetch = self;
    forget_error(&next->error);
    next->request = (tsr_get_request){0};
    next->kept = NULL;
    next->direct = NULL;
    next->answered = false;
    next->generation = next->portion.unit->generation;
    next->has_generation = next->portion.unit->has_generation;
    if (!answers_at_once(next->portion.unit))
        self->in_flight++;
    return 0;
}

/* Whether a portion is a small chunk that is there at once: the next one may be taken with it. */
static bool is_light(const tsri_portion *portion)
{
    const tsri_unit *unit = portion->unit;
    return (portion->kind == TSRI_PORTION_RAW || portion->kind == TSRI_PORTION_WHOLE) &&
           unit->state == TSRI_UNIT_DONE && unit->prepared->decoded_bytes <= LIGHT_BYTES &&
           answers_at_once(unit);
}

/* Hands the next portion to a runner, or several when they are light. What was taken before a
 * failure is counted too. The caller holds the mutex. */
static int take_portions(tsri_fetcher *self, tsri_flight *taken, int *ret_count, tsr_error *err)
{
    bool found = true;
    while (found && *ret_count < TAKEN_AT_ONCE &&
           (*ret_count == 0 || is_light(&taken[*ret_count - 1].portion))) {
        found = false;
        TSRI_TRY(take_portion(self, &taken[*ret_count], &found, err));
        *ret_count += found;
    }
    if (!self->is_small && *ret_count > 0 && (self->ready || self->cursors.count > 0))
        wake(self);
    return 0;
}

/* ---- drivers that fill boxes ---- */

/* A box of an array that is made of others is a read of its own. The group of the outer one counts
 * what is delivered, and calls back. */
static int read_derived_box(tsri_fetcher *self, tsr_array *array, const int64_t *start,
                            const tsr_view *view, tsr_error *err)
{
    const tsr_call below = tsri_call_below(self->call);
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read read = {.array = array, .grid = grid, .index.rank = view->rank, .view = view};

    for (int axis = 0; axis < view->rank; axis++)
        read.index.axes[axis] =
            (tsr_index_axis){TSR_INDEX_RANGE, start[axis], view->shape[axis], 1};
    return tsri_fetch(self->context, &read, 1, &below, NULL, err);
}

static int call_read_box(tsri_fetcher *self, tsr_array *array, const int64_t *start,
                         const tsr_view *view, tsr_error *err)
{
    if (array->lower)
        return read_derived_box(self, array, start, view, err);
    tsri_phase before = tsri_phase_begin(self->context, TSRI_PHASE_DRIVER);
    if (array->ops->serial)
        pthread_mutex_lock(&array->serial);
    int status = array->ops->read_box(array->driver, start, view, self->call, err);
    if (array->ops->serial)
        pthread_mutex_unlock(&array->serial);
    tsri_phase_end(self->context, before);
    if (status < 0)
        tsr_error_prepend(err, "%s", array->place);
    return status;
}

/* Drivers may write elements, where others write bytes. */
static bool is_aligned(const tsr_view *box)
{
    return box->dtype->component_bytes == 0 ||
           (uintptr_t)box->data % box->dtype->component_bytes == 0;
}

/* The box from the first to the last element that a target wants, read into scratch and picked from
 * there. */
static int read_box(tsri_fetcher *self, tsri_unit *unit, const tsri_target *target,
                    tsr_codec_scratch *scratch, tsr_error *err)
{
    static const char nothing = 0;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsri_target inside = *target;
    tsr_view box;

    for (int axis = 0; axis < target->rank; axis++) {
        int64_t first, last;
        tsri_target_bounds(target, axis, &first, &last);
        start[axis] = unit->origin[axis] + first;
        shape[axis] = last - first + 1;
        inside.axes[axis].start = 0;
        inside.axes[axis].origin += first;
    }
    TSRI_TRY(tsr_view_init(&box, unit->array->dtype, target->rank, shape, (void *)&nothing, err));
    box.data = target->data;
    if (tsri_target_is_direct(&inside, box.shape, box.strides) && is_aligned(&box)) {
        box.heap = target->read->view->heap;
        TSRI_TRY(call_read_box(self, unit->array, start, &box, err));
        tsri_target_account(target);
        return 0;
    }
    box.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&box));
    if (tsr_dtype_is_variable(box.dtype))
        box.heap = tsri_scratch_heap(scratch);
    if (!box.data || (tsr_dtype_is_variable(box.dtype) && !box.heap))
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&box));
    TSRI_TRY(call_read_box(self, unit->array, start, &box, err));
    tsri_phase before = tsri_phase_begin(self->context, TSRI_PHASE_COPY);
    int status = tsri_target_deliver(&inside, &box, false, scratch, err);
    tsri_phase_end(self->context, before);
    return status;
}

static void read_boxes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch)
{
    tsri_unit *unit = from->portion.unit;
    int status = self->cost ? tsri_explain_refuse(unit->array, &from->error) : 0;
    for (size_t i = 0; i < unit->target_count && status == 0; i++)
        status = read_box(self, unit, &unit->targets[i], scratch, &from->error);
    tsri_group_progress(&self->group, 1, 0, 0, 0);
    tsri_flight_finish(self, from, status, &from->error);
}

/* ---- runners ---- */

/* A store's answer, on any thread. */
static void answered_later(tsri_task *task)
{
    tsri_flight *from = (tsri_flight *)task;
    tsri_fetcher *self = from->fetch;
    tsr_codec_scratch *scratch = NULL;

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

    now->request = (tsr_get_request){0};
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
static void drop_portion(tsri_fetcher *self, const tsri_portion *portion)
{
    tsri_unit *unit = portion->unit;
    if (unit->state == TSRI_UNIT_WAITING)
        tsri_fetcher_release(self, unit); /* its index will not come */
    tsri_fetcher_release(self, unit);
}

/* Sends a portion to a store that answers later, or parks it until the budget has room. */
static int send_later(tsri_fetcher *self, const tsri_flight *now, tsr_error *err)
{
    tsri_flight *sent = tsri_alloc(sizeof *sent);
    if (!sent) {
        drop_portion(self, &now->portion);
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
        read_boxes(self, now, scratch);
    } else if (is_nested(&now->portion)) {
        status = tsri_flight_start_children(self, &now->portion, err);
        give_back_turn(self, slow);
        tsri_fetcher_release(self, now->portion.unit);
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
        drop_portion(self, &now->portion);
    } else if (run_portion(self, now, scratch, &now->error) < 0) {
        tsri_fetcher_fail(self, &now->error);
    }
}

/* Does one thing, or several light ones; false when there is nothing to do. The runner becomes
 * inactive in the same moment in which it finds nothing, so that whoever brings something knows
 * that it has to be woken. */
static bool run_once(tsri_runner *me, tsr_codec_scratch *scratch, tsri_flight *taken,
                     tsr_error *error)
{
    tsri_fetcher *self = me->fetch;
    bool stopped = tsri_group_stopped(&self->group);
    tsri_flight *parked = NULL;
    int status = 0, count = 0;

    forget_error(error);
    pthread_mutex_lock(&self->mutex);
    if (!stopped)
        parked = take_parked(self);
    if (!stopped && !self->parked && !parked)
        status = take_portions(self, taken, &count, error);
    bool busy = me->active = parked || count > 0;
    pthread_mutex_unlock(&self->mutex);
    if (parked)
        launch(self, parked);
    if (count > 1)
        ask_together(self, taken, count);
    for (int i = 0; i < count; i++)
        run_taken(self, &taken[i], i == 0, scratch);
    if (status < 0)
        tsri_fetcher_fail(self, error);
    return busy;
}

static void run(tsri_task *task)
{
    tsri_runner *me = (tsri_runner *)task;
    tsri_fetcher *self = me->fetch;
    tsr_codec_scratch *scratch = NULL;
    tsri_flight taken[TAKEN_AT_ONCE] TSRI_UNINITIALIZED;
    tsr_error error = TSR_ERROR_INIT;

    if (tsri_scratch_acquire(self->context, &scratch, &error) < 0) {
        tsri_fetcher_fail(self,
                          &error); /* the runner stays active: nobody is to wake it any more */
        return;
    }
    while (run_once(me, scratch, taken, &error))
        ;
    tsri_scratch_release(self->context, scratch);
}

/* ---- the whole ---- */

/* What a read that was stopped left behind. */
static void clear(tsri_fetcher *self)
{
    while (self->parked) {
        tsri_flight *parked = self->parked;
        self->parked = (tsri_flight *)parked->task.next;
        drop_portion(self, &parked->portion);
        tsr_blob_unref(parked->kept);
        tsri_free(parked);
    }
    while (self->ready) {
        tsri_unit *unit = self->ready;
        self->ready = unit->next;
        tsri_fetcher_release(self, unit);
    }
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
static void prepare_read(tsri_fetcher *self, tsri_read *read)
{
    read->group = &self->group;
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
        prepare_read(&self, &reads[i]);
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
