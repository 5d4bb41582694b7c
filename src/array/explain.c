/* What a read takes: the fetch loop goes its whole way, with the same portions and the same joining
 * of ranges, but asks for sizes where it would ask for elements. */
#include "array/fetch.h"
#include "array/flight.h"
#include "array/read.h"
#include "array/wait.h"
#include "base/checked.h"

static void add_cost(tsri_fetcher *self, const tsr_read_cost *more)
{
    tsr_read_cost *sum = self->cost;
    pthread_mutex_lock(&self->mutex);
    sum->objects += more->objects;
    sum->missing_objects += more->missing_objects;
    sum->requests += more->requests;
    sum->fetched_bytes += more->fetched_bytes;
    sum->index_bytes += more->index_bytes;
    sum->used_bytes += more->used_bytes;
    sum->chunks += more->chunks;
    sum->decoded_bytes += more->decoded_bytes;
    pthread_mutex_unlock(&self->mutex);
}

/* The size of the value that a unit lies in; *ret_found says whether there is one. */
static int ask_size(const tsri_unit *unit, uint64_t *ret_bytes, bool *ret_found, tsr_error *err)
{
    tsr_get_request request;
    tsr_error failure = TSR_ERROR_INIT;
    int status = tsri_get_and_wait(unit->extent.store, unit->extent.key,
                                   (tsr_range){TSR_RANGE_PART, 0, 0}, NULL, &request, &failure);
    tsr_blob_unref(request.blob);
    *ret_found = status == 0;
    *ret_bytes = request.value_bytes;
    if (status == 0 || status == TSR_NOT_FOUND)
        return 0;
    *err = failure;
    return tsri_unit_blame(unit, -1, 0, 0, err);
}

/* The pieces of a raw chunk are many; the first one to come counts the chunk. */
static bool is_first_piece(tsri_fetcher *self, tsri_unit *unit)
{
    pthread_mutex_lock(&self->mutex);
    bool first = !unit->has_first_version;
    unit->has_first_version = true;
    pthread_mutex_unlock(&self->mutex);
    return first;
}

static int explain_raw(tsri_fetcher *self, const tsri_flight *now, tsr_read_cost *cost,
                       tsr_error *err)
{
    tsri_unit *unit = now->portion.unit;
    uint64_t value_bytes;
    bool found, first = is_first_piece(self, unit);
    TSRI_TRY(ask_size(unit, &value_bytes, &found, err));
    cost->objects = first && unit->level == 0;
    cost->missing_objects = cost->objects && !found;
    cost->requests = 1;
    if (!found)
        return 0;
    cost->fetched_bytes = (int64_t)now->portion.range.size_bytes;
    cost->used_bytes =
        tsri_target_count(&now->portion.target) * (int64_t)unit->array->dtype->size_bytes;
    return 0;
}

static int explain_whole(const tsri_flight *now, tsr_read_cost *cost, tsr_error *err)
{
    const tsri_unit *unit = now->portion.unit;
    uint64_t size_bytes = unit->extent.size_bytes;
    bool found = true;
    if (size_bytes == TSR_REST)
        TSRI_TRY(ask_size(unit, &size_bytes, &found, err));
    cost->objects = unit->level == 0;
    cost->missing_objects = cost->objects && !found;
    cost->requests = 1;
    if (!found)
        return 0;
    cost->fetched_bytes = cost->used_bytes = (int64_t)size_bytes;
    cost->chunks = 1;
    cost->decoded_bytes = unit->prepared->decoded_bytes;
    return 0;
}

/* Entries of one inner chunk, for several targets, follow each other. */
static void explain_entries(const tsri_flight *now, tsr_read_cost *cost)
{
    const tsri_unit *unit = now->portion.unit;
    const tsri_entry *entries = unit->entries + now->portion.first_entry;
    cost->requests = 1;
    cost->fetched_bytes = (int64_t)now->portion.range.size_bytes;
    for (size_t i = 0; i < now->portion.entry_count; i++) {
        if (i > 0 && entries[i].number == entries[i - 1].number)
            continue;
        cost->chunks++;
        cost->used_bytes += (int64_t)entries[i].size_bytes;
    }
    cost->decoded_bytes = cost->chunks * unit->prepared->inner->decoded_bytes;
}

void tsri_explain_elements(tsri_fetcher *self, tsri_flight *now)
{
    tsr_read_cost cost = {0};
    int status = 0;
    if (now->portion.kind == TSRI_PORTION_RAW)
        status = explain_raw(self, now, &cost, &now->error);
    else if (now->portion.kind == TSRI_PORTION_WHOLE)
        status = explain_whole(now, &cost, &now->error);
    else
        explain_entries(now, &cost);
    if (status == 0)
        add_cost(self, &cost);
    tsri_flight_finish(self, now, status, &now->error);
}

void tsri_explain_index(tsri_fetcher *self, const tsri_flight *from)
{
    const tsri_unit *unit = from->portion.unit;
    int64_t size_bytes = from->request.status == 0 ? (int64_t)from->request.size_bytes : 0;
    tsr_read_cost cost = {.objects = unit->level == 0,
                          .requests = 1,
                          .fetched_bytes = size_bytes,
                          .index_bytes = size_bytes};
    cost.missing_objects = cost.objects && from->request.status == TSR_NOT_FOUND;
    add_cost(self, &cost);
}

int tsri_explain_refuse(const tsr_array *array, tsr_error *err)
{
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: a %s array has no chunks in a store; what filling its elements takes "
                         "cannot be told",
                         array->place, array->driver_name);
}

/* Missing chunks are handed out without being fetched. */
static int ignore_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)user;
    (void)piece;
    (void)position;
    (void)err;
    return 0;
}

int tsr_array_explain(tsr_array *array, const tsr_index *index, const tsr_call *call,
                      tsr_read_cost *ret_cost, tsr_error *err)
{
    tsr_read_cost cost = {0};
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read read = {.array = array, .grid = grid, .sink = ignore_piece, .cost = &cost};

    if (!array->prepared && !array->lower)
        return tsri_explain_refuse(array, err);
    if (index)
        read.index = *index;
    else
        tsr_index_all(&read.index, array->rank, grid->shape);
    TSRI_TRY(tsri_read_check(&read, err));
    TSRI_TRY(tsri_fetch(array->context, &read, 1, call, NULL, err));
    int64_t element_bytes = (int64_t)array->dtype->size_bytes;
    if (!tsri_multiply_i64(tsr_index_count(&read.index), element_bytes, &cost.wanted_bytes))
        cost.wanted_bytes = INT64_MAX;
    *ret_cost = cost;
    return 0;
}
