/* What is known of an array: region by region of the hidden array, each row held against the value
 * that its chunk has now; and what is not known, read. */
#include <tessera/statistics.h>

#include <inttypes.h>

#include "array/fetch.h"
#include "array/figures_kept.h"
#include "array/wait.h"
#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"

/* A value that was put a moment ago is looked at again after a while, and at last given up. */
#define SETTLING_PAUSE_NS INT64_C(50000000)
#define SETTLING_PAUSES_MAX 50

/* What the store has under the key of a chunk. */
typedef struct value {
    bool exists, settled;
    uint64_t words[8];
} value;

/* What is known of an inner chunk, and what is to be found out. */
typedef struct cell {
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX]; /* in the array */
    uint64_t last;
    const value *value;
    bool known, read; /* it was found out by reading */
    tsr_statistics statistics;
} cell;

typedef struct walk {
    tsr_array *array;
    tsri_grid *grid;       /* held */
    tsri_figures *figures; /* borrowed; NULL: nothing is kept */
    const tsr_call *call;
    int64_t box_start[TSR_RANK_MAX], box_end[TSR_RANK_MAX]; /* elements */
    int64_t low[TSR_RANK_MAX], high[TSR_RANK_MAX]; /* inner chunks, from the first to behind the
                                                      last */
    /* The region that is at hand: a box of inner chunks. */
    int64_t lengths[TSR_RANK_MAX];
    int64_t first[TSR_RANK_MAX], counts[TSR_RANK_MAX];
    int64_t cell_count, cell_capacity;
    cell *cells;
    tsri_figures_row *rows;
    int64_t chunk_first[TSR_RANK_MAX], chunk_counts[TSR_RANK_MAX], value_count;
    value *values; /* of the chunks of the store that the region touches */
    bool crops;    /* only what lies in the box is read */
} walk;

/* ---- which region ---- */

static int check_box(const walk *self, const int64_t *start, const int64_t *shape, tsr_error *err)
{
    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t from = start ? start[axis] : 0, length = self->grid->shape[axis];
        int64_t count = shape ? shape[axis] : length - from;
        if (from < 0 || count < 0 || from > length || count > length - from)
            return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                                 "%s: %" PRId64 " elements from %" PRId64
                                 " along axis %d, which is "
                                 "%" PRId64 " long",
                                 self->array->place, count, from, axis, length);
    }
    return 0;
}

static int64_t cell_at(const walk *self, int axis, int64_t position)
{
    const tsr_array *array = self->array;
    return array->shard_levels > 0 ? position / array->inner_shapes[array->shard_levels - 1][axis]
                                   : tsri_grid_chunk_at(self->grid, axis, position);
}

/* False: the box is empty. */
static bool set_box(walk *self, const int64_t *start, const int64_t *shape)
{
    bool empty = false;

    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t from = start ? start[axis] : 0;
        int64_t count = shape ? shape[axis] : self->grid->shape[axis] - from;
        self->box_start[axis] = from;
        self->box_end[axis] = from + count;
        empty |= count == 0;
        if (count == 0)
            continue;
        self->low[axis] = cell_at(self, axis, from);
        self->high[axis] = cell_at(self, axis, from + count - 1) + 1;
    }
    return !empty;
}

static void walk_clear(walk *self)
{
    tsri_free(self->cells);
    tsri_free(self->rows);
    tsri_free(self->values);
    tsri_grid_unref(self->grid);
}

static int walk_init(walk *self, tsr_array *array, const int64_t *start, const int64_t *shape,
                     const tsr_call *call, bool *ret_any, tsr_error *err)
{
    *self = (walk){.array = array, .grid = tsri_array_grid(array), .call = call};
    int status = check_box(self, start, shape, err);
    if (status == 0)
        status = tsri_figures_find(array, &self->figures, err);
    if (status == 0 && self->figures)
        status = tsr_array_refresh(tsri_figures_rows(self->figures), err);
    if (status < 0) {
        walk_clear(self);
        return status;
    }
    *ret_any = set_box(self, start, shape);
    tsri_figures_region(array, self->grid, self->figures, self->lengths);
    return 0;
}

/* Begins the region that holds cell `first`; regions lie at multiples of their lengths. */
static void begin_region(walk *self)
{
    self->cell_count = 1;
    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t length = self->lengths[axis];
        int64_t end = self->first[axis] - self->first[axis] % length;
        end = end > self->high[axis] - length ? self->high[axis] : end + length;
        self->counts[axis] = end - self->first[axis];
        self->cell_count *= self->counts[axis];
    }
}

static void first_region(walk *self)
{
    memcpy(self->first, self->low, sizeof self->first);
    begin_region(self);
}

static bool next_region(walk *self)
{
    for (int axis = self->array->rank - 1; axis >= 0; axis--) {
        self->first[axis] += self->counts[axis];
        if (self->first[axis] < self->high[axis]) {
            begin_region(self);
            return true;
        }
        self->first[axis] = self->low[axis];
    }
    return false;
}

/* ---- what the store has ---- */

static void locate_in(int rank, const int64_t *first, const int64_t *counts, int64_t number,
                      int64_t *ret_at)
{
    for (int axis = rank - 1; axis >= 0; axis--) {
        ret_at[axis] = first[axis] + number % counts[axis];
        number /= counts[axis];
    }
}

static int look_at_value(void *user, int64_t i, tsr_error *err)
{
    const walk *self = user;
    int64_t chunk[TSR_RANK_MAX];
    tsr_get_request answer;
    tsr_extent extent;
    bool exists;

    locate_in(self->array->rank, self->chunk_first, self->chunk_counts, i, chunk);
    TSRI_TRY(tsri_array_locate(self->array, chunk, &extent, err));
    TSRI_TRY(tsri_look_and_wait(extent.store, extent.key, &exists, &answer, err));
    self->values[i] = (value){.exists = exists, .settled = answer.settled};
    if (exists)
        tsri_figures_generation(extent.store, &answer.generation, self->values[i].words);
    return 0;
}

static int look_at_values(walk *self, tsr_error *err)
{
    int64_t count = 1;

    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t last = self->first[axis] + self->counts[axis] - 1;
        bool sharded = self->array->shard_levels > 0;
        const int64_t *inner =
            self->array->inner_shapes[TSRI_MAX(self->array->shard_levels, 1) - 1];
        int64_t from = self->first[axis];
        if (sharded) {
            from = tsri_grid_chunk_at(self->grid, axis, from * inner[axis]);
            last = tsri_grid_chunk_at(self->grid, axis, last * inner[axis]);
        }
        self->chunk_first[axis] = from;
        self->chunk_counts[axis] = last - from + 1;
        count *= self->chunk_counts[axis]; /* not more than there are inner chunks */
    }
    self->value_count = count;
    return tsri_parallel_for(self->array->context, self->call, NULL, count, 8, look_at_value, self,
                             err);
}

static const value *value_of(const walk *self, const cell *at)
{
    int64_t number = 0;
    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t chunk = tsri_grid_chunk_at(self->grid, axis, at->start[axis]);
        number = number * self->chunk_counts[axis] + chunk - self->chunk_first[axis];
    }
    return &self->values[number];
}

/* ---- a region ---- */

static int make_room(walk *self, tsr_error *err)
{
    size_t count = (size_t)self->cell_count;

    if (self->cell_count <= self->cell_capacity)
        return 0;
    tsri_free(self->cells);
    tsri_free(self->rows);
    tsri_free(self->values);
    self->cell_capacity = 0;
    self->cells = tsri_alloc_array(count, sizeof *self->cells);
    self->rows = tsri_alloc_array(count, sizeof *self->rows);
    self->values = tsri_alloc_array(count, sizeof *self->values);
    if (!self->cells || !self->rows || !self->values)
        return tsri_error_no_memory(err, count * sizeof *self->cells);
    self->cell_capacity = self->cell_count;
    return 0;
}

static void judge_cell(const walk *self, cell *at, const tsri_figures_row *row)
{
    const tsr_array *array = self->array;
    int64_t count = 1;

    at->value = value_of(self, at);
    if (at->value->exists) {
        at->known = tsri_figures_believe(array, row, at->value->words, at->last, &at->statistics);
        return;
    }
    for (int axis = 0; axis < array->rank; axis++)
        count = tsri_multiply_i64(count, at->shape[axis], &count) ? count : INT64_MAX;
    tsri_figures_of_fill(array->dtype, array->fill_value, count, &at->statistics);
    at->known = true;
}

static int load_region(walk *self, tsr_error *err)
{
    TSRI_TRY(make_room(self, err));
    if (self->figures) {
        TSRI_TRY(look_at_values(self, err));
        TSRI_TRY(tsri_figures_read(self->figures, self->first, self->counts, self->call, self->rows,
                                   err));
    }
    for (int64_t i = 0; i < self->cell_count; i++) {
        cell *at = &self->cells[i];
        int64_t number[TSR_RANK_MAX], lengths[TSR_RANK_MAX];
        locate_in(self->array->rank, self->first, self->counts, i, number);
        tsri_figures_cell_box(self->array, self->grid, number, at->start, at->shape, lengths);
        at->last = tsri_figures_last(self->array->rank, at->shape, lengths);
        at->known = at->read = false;
        if (self->figures)
            judge_cell(self, at, &self->rows[i]);
    }
    return 0;
}

/* ---- reading ---- */

/* Cuts an inner chunk to what lies in the box; false: it is whole. */
static bool crop(const walk *self, cell *at)
{
    bool cut = false;
    for (int axis = 0; axis < self->array->rank; axis++) {
        int64_t start = TSRI_MAX(at->start[axis], self->box_start[axis]);
        int64_t end = TSRI_MIN(at->start[axis] + at->shape[axis], self->box_end[axis]);
        cut |= start != at->start[axis] || end - start != at->shape[axis];
        at->start[axis] = start;
        at->shape[axis] = end - start;
    }
    return cut;
}

static int read_cell(void *user, int64_t i, tsr_error *err)
{
    const walk *self = user;
    cell *at = &self->cells[i];
    tsr_auto(tsr_view) view = {0};
    tsri_read read = {.array = self->array, .grid = self->grid};

    if (self->crops && crop(self, at))
        at->known = false;
    if (at->known)
        return 0;
    read.index.rank = self->array->rank;
    for (int axis = 0; axis < self->array->rank; axis++)
        read.index.axes[axis] =
            (tsr_index_axis){TSR_INDEX_RANGE, at->start[axis], at->shape[axis], 1};
    TSRI_TRY(tsr_view_new(&view, self->array->dtype, self->array->rank, at->shape, err));
    read.view = &view;
    TSRI_TRY(tsri_fetch(self->array->context, &read, 1, NULL, NULL, err));
    TSRI_TRY(tsr_statistics_of_view(&view, self->array->fill_value, &at->statistics, err));
    at->read = true;
    return 0;
}

static int read_region(walk *self, tsr_error *err)
{
    return tsri_parallel_for(self->array->context, self->call, NULL, self->cell_count, 1, read_cell,
                             self, err);
}

/* ---- the public calls ---- */

static int keeps_none(const tsr_array *array, tsr_error *err)
{
    tsr_error_set(err, TSR_NOT_FOUND, "%s: no statistics are kept", array->place);
    tsr_error_set_next_step(err, "`tessera stats --update %s` keeps them from now on",
                            array->place);
    return TSR_NOT_FOUND;
}

static int walk_regions(walk *self, int (*each)(void *user, const tsr_chunk_statistics *chunk),
                        void *user, tsr_error *err)
{
    first_region(self);
    do {
        TSRI_TRY(load_region(self, err));
        for (int64_t i = 0; i < self->cell_count; i++) {
            const cell *at = &self->cells[i];
            const tsr_chunk_statistics chunk = {at->start, at->shape, at->known,
                                                at->known ? at->statistics : (tsr_statistics){0}};
            int status = each(user, &chunk);
            if (status != 0)
                return status;
        }
    } while (next_region(self));
    return 0;
}

int tsr_array_walk_statistics(tsr_array *array, const int64_t *start, const int64_t *shape,
                              int (*each)(void *user, const tsr_chunk_statistics *chunk),
                              void *user, const tsr_call *call, tsr_error *err)
{
    walk self;
    bool any;

    TSRI_TRY(walk_init(&self, array, start, shape, call, &any, err));
    int status = !self.figures ? keeps_none(array, err)
                 : any         ? walk_regions(&self, each, user, err)
                               : 0;
    walk_clear(&self);
    return status;
}

static int add_up(walk *self, tsr_statistics *total, int64_t *ret_read, tsr_error *err)
{
    first_region(self);
    do {
        TSRI_TRY(load_region(self, err));
        TSRI_TRY(read_region(self, err));
        for (int64_t i = 0; i < self->cell_count; i++) {
            tsr_statistics_merge(total, &self->cells[i].statistics, self->array->dtype);
            if (self->cells[i].read)
                *ret_read += self->cells[i].statistics.count;
        }
    } while (next_region(self));
    return 0;
}

int tsr_array_statistics(tsr_array *array, const int64_t *start, const int64_t *shape,
                         const tsr_call *call, tsr_statistics *ret_statistics, int64_t *ret_read,
                         tsr_error *err)
{
    walk self;
    bool any;
    tsr_statistics total = {0};
    int64_t read = 0;

    if (!tsr_statistics_support(array->dtype))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s have no statistics",
                             array->place, array->dtype->name);
    TSRI_TRY(walk_init(&self, array, start, shape, call, &any, err));
    self.crops = true;
    int status = any ? add_up(&self, &total, &read, err) : 0;
    walk_clear(&self);
    TSRI_TRY(status);
    *ret_statistics = total;
    if (ret_read)
        *ret_read = read;
    return 0;
}

/* ---- updating ---- */

static bool is_unsettled(const walk *self)
{
    for (int64_t i = 0; i < self->cell_count; i++)
        if (!self->cells[i].known && !self->cells[i].value->settled)
            return true;
    return false;
}

/* Loads the region when what is not known of it has been there for a while: no value that is put
 * from then on can be taken for it. */
static int load_settled(walk *self, tsr_error *err)
{
    const tsr_system *system = self->array->context->system;
    tsri_task_group watch;

    TSRI_TRY(load_region(self, err));
    TSRI_TRY(tsri_group_init(&watch, self->array->context, self->call, NULL, err));
    for (int i = 0; i < SETTLING_PAUSES_MAX && is_unsettled(self); i++) {
        if (tsri_group_stopped(&watch))
            return tsri_group_wait(&watch, err);
        system->sleep_ns(system, SETTLING_PAUSE_NS);
        TSRI_TRY(load_region(self, err));
    }
    for (int64_t i = 0; i < self->cell_count; i++) /* the others stay as they are */
        self->cells[i].known |= !self->cells[i].value->settled;
    return tsri_group_wait(&watch, err);
}

/* Makes rows of what was read, where the value is still the one that it was read from. */
static int64_t take_rows(walk *self, const value *before, int64_t *cells)
{
    int rank = self->array->rank;
    int64_t count = 0;

    for (int64_t i = 0; i < self->cell_count; i++) {
        cell *at = &self->cells[i];
        const value *was = before + (at->value - self->values);
        if (!at->read || !at->value->exists ||
            memcmp(was->words, at->value->words, sizeof was->words) != 0)
            continue;
        locate_in(rank, self->first, self->counts, i, cells + count * rank);
        tsri_figures_fill_row(&self->rows[count++], was->words, at->last, &at->statistics);
    }
    return count;
}

static int update_region(walk *self, int64_t *ret_updated, tsr_error *err)
{
    size_t rank = (size_t)self->array->rank;
    bool any = false;

    TSRI_TRY(load_settled(self, err));
    for (int64_t i = 0; i < self->cell_count; i++)
        any |= !self->cells[i].known;
    if (!any)
        return 0;
    TSRI_TRY(read_region(self, err));
    value *before = tsri_alloc_array((size_t)self->value_count, sizeof *before);
    int64_t *cells = tsri_alloc_array((size_t)self->cell_count, (rank + 1) * sizeof *cells);
    int status = before && cells ? 0 : tsri_error_no_memory(err, rank * sizeof *cells);
    if (status == 0) {
        memcpy(before, self->values, (size_t)self->value_count * sizeof *before);
        status = look_at_values(self, err);
    }
    if (status == 0) {
        int64_t count = take_rows(self, before, cells);
        status = tsri_figures_write(self->figures, cells, self->rows, count, TSR_DURABILITY_FLUSH,
                                    self->call, err);
        *ret_updated += count;
    }
    tsri_free(before);
    tsri_free(cells);
    return status;
}

static int update(walk *self, int64_t *ret_updated, tsr_error *err)
{
    first_region(self);
    do
        TSRI_TRY(update_region(self, ret_updated, err));
    while (next_region(self));
    return 0;
}

int tsr_array_update_statistics(tsr_array *array, const tsr_call *call, int64_t *ret_updated,
                                tsr_error *err)
{
    walk self;
    bool any;
    int64_t updated = 0;

    TSRI_TRY(tsri_check_writable(array, err));
    TSRI_TRY(walk_init(&self, array, NULL, NULL, call, &any, err));
    int status = !self.figures ? keeps_none(array, err) : any ? update(&self, &updated, err) : 0;
    walk_clear(&self);
    if (status == 0 && ret_updated)
        *ret_updated = updated;
    return status;
}
