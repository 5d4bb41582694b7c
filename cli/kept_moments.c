#include "kept_moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "scalar.h"
#include "sparse.h"

/* ---- the box of a selection ---- */

static bool find_box(const cli_selected_array *selected, cli_unkept_box *ret_box)
{
    const tsr_index *index = &selected->index;

    if (index->layout)
        return false;
    for (int axis = 0; axis < index->rank; axis++) {
        const tsr_index_axis *at = &index->axes[axis];
        bool is_range = at->kind == TSR_INDEX_RANGE;
        if (is_range && llabs(at->step) != 1 && at->count > 1)
            return false;
        ret_box->shape[axis] = is_range ? at->count : 1;
        ret_box->start[axis] =
            is_range && at->step < 0 ? at->start + (at->count - 1) * at->step : at->start;
    }
    return true;
}

/* ---- one chunk ---- */

typedef struct cli_kept_walk {
    const cli_moments_rules *rules;
    cli_unkept_box box;
    int rank;
    bool fill_is_missing;
    cli_kept_visitor each;
    void *user;
} cli_kept_walk;

static double as_double(const tsr_dtype *dtype, const tsr_extreme *extreme)
{
    switch (dtype->kind) {
    case TSR_KIND_FLOAT:
        return extreme->as_double;
    case TSR_KIND_SIGNED:
        return (double)extreme->as_signed;
    default:
        return (double)extreme->as_unsigned;
    }
}

/* Whether a missing value, other than the fill value, may be among the elements. */
static bool may_hold_missing(const cli_kept_walk *self, const tsr_statistics *statistics)
{
    const cli_moments_rules *rules = self->rules;
    size_t size = rules->dtype->size_bytes;
    double low = as_double(rules->dtype, &statistics->least);
    double high = as_double(rules->dtype, &statistics->greatest);

    for (int i = 0; i < rules->missing_count && statistics->valid_count > 0; i++) {
        const char *element = rules->missing + (size_t)i * size;
        double value;
        scalar_to_doubles(rules->dtype, element, 0, 1, &value);
        if (memcmp(element, rules->fill_value, size) != 0 && value >= low && value <= high)
            return true;
    }
    return false;
}

/* Figures with infinities in them say too little: a histogram wants the finite extremes. */
static bool is_usable(const cli_kept_walk *self, const tsr_statistics *statistics)
{
    const tsr_dtype *dtype = self->rules->dtype;

    if (dtype->kind == TSR_KIND_FLOAT &&
        (!isfinite(statistics->least.as_double) || !isfinite(statistics->greatest.as_double) ||
         !isfinite(statistics->sum) || !isfinite(statistics->squares)))
        return false;
    return !may_hold_missing(self, statistics);
}

static cli_extreme extreme_of(const tsr_extreme *extreme)
{
    return (cli_extreme){.as_unsigned = extreme->as_unsigned}; /* whichever it is */
}

static void to_moments(const cli_kept_walk *self, tsr_statistics statistics,
                       cli_moments *ret_moments)
{
    const tsr_dtype *dtype = self->rules->dtype;
    bool fill_is_nan = statistics.fill_count > 0 && statistics.nan_count >= statistics.fill_count &&
                       statistics.count - statistics.nan_count == statistics.valid_count;

    moments_init(ret_moments);
    ret_moments->total = statistics.count;
    ret_moments->fill = statistics.fill_count;
    ret_moments->nan = statistics.nan_count;
    if (!self->fill_is_missing)
        tsr_statistics_include_fill(&statistics, dtype, self->rules->fill_value);
    else if (!fill_is_nan)
        ret_moments->missing = statistics.fill_count;
    ret_moments->count = statistics.valid_count;
    if (statistics.valid_count == 0)
        return;
    double count = (double)statistics.valid_count, mean = statistics.sum / count;
    ret_moments->mean = mean;
    ret_moments->mean_rest = (fma(-mean, count, statistics.sum) + statistics.sum_rest) / count;
    ret_moments->squares = statistics.squares;
    ret_moments->least = extreme_of(&statistics.least);
    ret_moments->greatest = extreme_of(&statistics.greatest);
    ret_moments->low = as_double(dtype, &statistics.least);
    ret_moments->high = as_double(dtype, &statistics.greatest);
}

/* The part of a chunk that lies in the selection; false: not all of it does. */
static bool crop(const cli_kept_walk *self, const tsr_chunk_statistics *chunk,
                 cli_unkept_box *ret_box)
{
    bool whole = true;

    for (int axis = 0; axis < self->rank; axis++) {
        int64_t start = chunk->start[axis], end = start + chunk->shape[axis];
        int64_t low = self->box.start[axis], high = low + self->box.shape[axis];
        ret_box->start[axis] = start > low ? start : low;
        ret_box->shape[axis] = (end < high ? end : high) - ret_box->start[axis];
        whole &= ret_box->shape[axis] == chunk->shape[axis];
    }
    return whole;
}

static int take_chunk(void *user, const tsr_chunk_statistics *chunk)
{
    const cli_kept_walk *self = user;
    cli_unkept_box box;
    cli_moments moments;

    if (!crop(self, chunk, &box) || !chunk->known || !is_usable(self, &chunk->statistics))
        return self->each(self->user, &box, NULL);
    to_moments(self, chunk->statistics, &moments);
    return self->each(self->user, &box, &moments);
}

static void note_missing(cli_kept_walk *self)
{
    const cli_moments_rules *rules = self->rules;
    size_t size = rules->dtype->size_bytes;

    for (int i = 0; i < rules->missing_count; i++)
        self->fill_is_missing |=
            memcmp(rules->missing + (size_t)i * size, rules->fill_value, size) == 0;
}

int kept_moments_walk(const cli_selected_array *selected, const cli_moments_rules *rules,
                      const tsr_call *call, cli_kept_visitor each, void *user, bool *ret_visited,
                      tsr_error *err)
{
    cli_kept_walk walk = {.rules = rules, .rank = selected->index.rank, .each = each, .user = user};
    bool keeps;

    *ret_visited = false;
    if (rules->dtype->kind > TSR_KIND_FLOAT || !find_box(selected, &walk.box) ||
        sparse_is_huge(selected->array))
        return 0;
    CLI_TRY(location_keeps_statistics(selected->array, &keeps, err));
    if (!keeps)
        return 0;
    note_missing(&walk);
    *ret_visited = true;
    return tsr_array_walk_statistics(selected->array, walk.box.start, walk.box.shape, take_chunk,
                                     &walk, call, err);
}

/* ---- all of them ---- */

typedef struct cli_kept_sum {
    const tsr_dtype *dtype;
    int rank;
    cli_kept_moments *kept;
    int64_t known, unknown; /* elements */
} cli_kept_sum;

static int add_box(cli_kept_moments *kept, const cli_unkept_box *box)
{
    cli_unkept_box *boxes =
        memory_grown(kept->boxes, kept->box_count, &kept->box_capacity, sizeof *boxes);

    if (!boxes)
        return TSR_NO_MEMORY;
    kept->boxes = boxes;
    boxes[kept->box_count++] = *box;
    return 0;
}

static int add_part(void *user, const cli_unkept_box *box, const cli_moments *moments)
{
    cli_kept_sum *self = user;
    int64_t elements = 1;

    for (int axis = 0; axis < self->rank; axis++)
        elements *= box->shape[axis];
    if (!moments) {
        self->unknown += elements;
        return add_box(self->kept, box);
    }
    moments_merge(&self->kept->moments, moments, self->dtype);
    self->known += elements;
    return 0;
}

int kept_moments_find(const cli_selected_array *selected, const cli_moments_rules *rules,
                      const tsr_call *call, cli_kept_moments *ret_kept, tsr_error *err)
{
    cli_kept_sum sum = {.dtype = rules->dtype, .rank = selected->index.rank, .kept = ret_kept};
    bool visited;

    memset(ret_kept, 0, sizeof *ret_kept);
    moments_init(&ret_kept->moments);
    int status = kept_moments_walk(selected, rules, call, add_part, &sum, &visited, err);
    if (status == TSR_NO_MEMORY && err->status == 0)
        tsr_error_set(err, status, "out of memory");
    ret_kept->useful = visited && status == 0 && sum.known >= sum.unknown;
    return status;
}

void kept_moments_clear(cli_kept_moments *kept)
{
    memory_free(kept->boxes);
    kept->boxes = NULL;
}
