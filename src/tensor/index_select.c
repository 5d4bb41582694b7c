/* From terms to maps: what a[..., ...] means. Semantics: NumPy, "Indexing on ndarrays" (advanced
 * indexing, and the place of its axes in the result). */
#include "base/checked.h"
#include "tensor/copy.h"
#include "tensor/index_map.h"

/* Positions along one axis of the array: a list, one coordinate of a mask, or a position that is
 * broadcast with lists. */
typedef struct advanced {
    size_t term;
    int axis; /* of the array */
    int rank; /* of the list */
    int64_t shape[TSR_RANK_MAX];
    int64_t *positions; /* owned; C order */
} advanced;

typedef struct selection {
    int rank;
    const int64_t *shape;
    const tsr_index_term *terms;
    size_t term_count;
    tsr_index_mode mode;
    tsr_error *err;
    size_t at;   /* the term in work, for errors */
    int covered; /* axes of the array that terms take, without an ellipsis */
    bool has_list;
    advanced list[TSR_RANK_MAX];
    int list_count;
    tsri_index_maps maps;
} selection;

static bool is_mask(const tsr_index_term *term)
{
    return term->kind == TSR_TERM_LIST && term->list->dtype->kind == TSR_KIND_BOOL;
}

/* How many axes of the array a term takes. */
static int axes_of_term(const selection *self, const tsr_index_term *term)
{
    switch (term->kind) {
    case TSR_TERM_ELLIPSIS:
        return self->rank - self->covered;
    case TSR_TERM_NEW_AXIS:
        return 0;
    default:
        return is_mask(term) ? term->list->rank : 1;
    }
}

static int refuse(selection *self, const char *reason)
{
    return tsr_error_set(self->err, TSR_INVALID_ARGUMENT, "%s", reason);
}

static int check_terms(selection *self)
{
    bool ellipsis = false;

    for (self->at = 0; self->at < self->term_count; self->at++) {
        const tsr_index_term *term = &self->terms[self->at];
        if (term->kind == TSR_TERM_ELLIPSIS) {
            if (ellipsis)
                return refuse(self, "there can be only one \"...\"");
            ellipsis = true;
            continue;
        }
        if (term->kind == TSR_TERM_LIST) {
            tsr_kind kind = term->list->dtype->kind;
            if (kind != TSR_KIND_BOOL && kind != TSR_KIND_SIGNED && kind != TSR_KIND_UNSIGNED)
                return tsr_error_set(self->err, TSR_INVALID_ARGUMENT,
                                     "a list of %s: positions are integers, masks are bool",
                                     term->list->dtype->name);
            if (kind == TSR_KIND_BOOL && term->list->rank == 0)
                return refuse(self, "a mask has at least one axis");
            self->has_list = true;
        }
        self->covered += axes_of_term(self, term);
        if (self->covered > self->rank)
            return refuse(self, self->rank == 0 ? "an array without axes has nothing to select from"
                                                : "more items than the array has axes");
    }
    return 0;
}

/* ---- positions ---- */

static int refuse_position(selection *self, int64_t position, int axis)
{
    long long length = self->shape[axis];
    tsr_error_set(self->err, TSR_OUT_OF_BOUNDS,
                  "position %lld is outside of axis %d, which has %lld elements",
                  (long long)position, axis, length);
    if (length > 0)
        tsr_error_set_next_step(self->err, "write 0 to %lld, or -1 to %lld to count from the end",
                                length - 1, -length);
    else
        tsr_error_set_next_step(self->err, "the axis is empty: only ranges fit it, such as :");
    return TSR_OUT_OF_BOUNDS;
}

/* Counts negative positions from the end. */
static int resolve_positions(selection *self, int axis, int64_t *positions, int64_t count)
{
    int64_t length = self->shape[axis];
    for (int64_t i = 0; i < count; i++) {
        int64_t position = positions[i];
        if (position < -length || position >= length)
            return refuse_position(self, position, axis);
        positions[i] = position < 0 ? position + length : position;
    }
    return 0;
}

/* Adds positions along an axis, of which the caller gives the count; the memory is its to fill. */
static int add_list(selection *self, int axis, int rank, const int64_t *shape, int64_t count,
                    advanced **ret_list)
{
    advanced *list = &self->list[self->list_count];
    *list = (advanced){.term = self->at, .axis = axis, .rank = rank};
    if (rank > 0)
        memcpy(list->shape, shape, (size_t)rank * sizeof *shape);
    list->positions = tsri_alloc_array((size_t)count, sizeof *list->positions);
    if (!list->positions)
        return tsri_error_no_memory(self->err, (size_t)count * sizeof *list->positions);
    self->list_count++;
    *ret_list = list;
    return 0;
}

static int take_integers(selection *self, int axis, const tsr_view *from)
{
    int64_t count = tsr_view_count(from);
    advanced *list;
    tsr_view to;

    TSRI_TRY(add_list(self, axis, from->rank, from->shape, count, &list));
    TSRI_TRY(tsr_view_init(&to, TSR_INT64, from->rank, from->shape, list->positions, self->err));
    TSRI_TRY(tsr_view_copy(&to, from, TSR_CASTING_SAME_KIND, self->err));
    return resolve_positions(self, axis, list->positions, count);
}

/* Goes to the next position of a mask in C order. */
static bool next_of_mask(const tsr_view *mask, int64_t *at, const char **element)
{
    for (int axis = mask->rank - 1; axis >= 0; axis--) {
        *element += mask->strides[axis];
        if (++at[axis] < mask->shape[axis])
            return true;
        *element -= mask->strides[axis] * mask->shape[axis];
        at[axis] = 0;
    }
    return false;
}

/* Lists where a mask is set, for all its axes at once; counts only when `lists` is NULL. */
static int64_t list_mask(const tsr_view *mask, advanced *lists)
{
    int64_t at[TSR_RANK_MAX] = {0}, count = 0;
    const char *element = mask->data;

    if (tsr_view_count(mask) == 0)
        return 0;
    do {
        if (*element == 0)
            continue;
        for (int axis = 0; lists && axis < mask->rank; axis++)
            lists[axis].positions[count] = at[axis];
        count++;
    } while (next_of_mask(mask, at, &element));
    return count;
}

static int take_mask(selection *self, int axis, const tsr_view *mask)
{
    char mask_shape[TSRI_SHAPE_TEXT_MAX], shape[TSRI_SHAPE_TEXT_MAX];
    int first = self->list_count;
    advanced *list;

    if (memcmp(mask->shape, self->shape + axis, (size_t)mask->rank * sizeof *mask->shape) != 0)
        return tsr_error_set(self->err, TSR_INVALID_ARGUMENT,
                             "a mask of shape %s for axes of shape %s",
                             tsri_shape_text(mask->rank, mask->shape, mask_shape),
                             tsri_shape_text(mask->rank, self->shape + axis, shape));
    int64_t count = list_mask(mask, NULL);
    for (int i = 0; i < mask->rank; i++)
        TSRI_TRY(add_list(self, axis + i, 1, &count, count, &list));
    list_mask(mask, self->list + first);
    return 0;
}

/* Counts a bound from the start of the axis and clips it to [lowest, highest]. */
static int64_t clip(int64_t value, int64_t length, int64_t lowest, int64_t highest)
{
    if (value < 0)
        value += length;
    return TSRI_MIN(TSRI_MAX(value, lowest), highest);
}

/* What start:stop:step selects of an axis; from Python's slice.indices. Returns the count. */
static int64_t resolve_range(const tsr_index_term *term, int64_t length, tsri_index_map *map)
{
    int64_t step = TSRI_MAX(term->step, -INT64_MAX);
    bool forward = step > 0;
    int64_t lowest = forward ? 0 : -1, highest = forward ? length : length - 1;
    int64_t first = forward ? lowest : highest, end = forward ? highest : lowest;

    if (!term->from_first)
        first = clip(term->start, length, lowest, highest);
    if (!term->to_last)
        end = clip(term->stop, length, lowest, highest);
    int64_t distance = forward ? end - first : first - end;
    map->kind = TSRI_MAP_AFFINE;
    map->start = 0;
    map->step = 1;
    if (distance <= 0)
        return 0;
    int64_t count = tsri_ceil_divide(distance, forward ? step : -step);
    map->start = first;
    if (count > 1)
        map->step = step;
    return count;
}

/* ---- the axes of the result ---- */

static int add_result_axis(selection *self, int64_t length, int *ret_axis)
{
    tsri_index_maps *maps = &self->maps;
    if (maps->result_rank == TSR_RANK_MAX)
        return tsr_error_set(self->err, TSR_LIMIT, "the result has more than %d axes",
                             TSR_RANK_MAX);
    *ret_axis = maps->result_rank;
    maps->shape[maps->result_rank++] = length;
    return 0;
}

/* Hands a list over to the map of its axis: it depends on those of the `rank` axes of the result
 * from `first` on along which it is as long as they are. */
static void map_list(selection *self, advanced *list, int first, int rank)
{
    tsri_index_map *map = &self->maps.maps[list->axis];
    *map = (tsri_index_map){.kind = TSRI_MAP_TABLE, .table = TSRI_TAKE(list->positions)};
    for (int i = 0; i < list->rank; i++)
        if (list->shape[i] == self->maps.shape[first + rank - list->rank + i])
            map->axes |= UINT32_C(1) << (first + rank - list->rank + i);
}

/* The lists of the present term, each with axes of their own; those of a mask share one. */
static int place_orthogonal(selection *self)
{
    advanced *one = NULL;
    int first = self->maps.result_rank, axis;

    for (int i = 0; i < self->list_count; i++)
        if (self->list[i].term == self->at) {
            for (int j = 0; !one && j < self->list[i].rank; j++)
                TSRI_TRY(add_result_axis(self, self->list[i].shape[j], &axis));
            one = &self->list[i];
            map_list(self, one, first, one->rank);
        }
    return 0;
}

static int lists_differ(selection *self, const advanced *list, int rank, const int64_t *shape)
{
    char one[TSRI_SHAPE_TEXT_MAX], other[TSRI_SHAPE_TEXT_MAX];

    tsr_error_set(
        self->err, TSR_INVALID_ARGUMENT, "a list of shape %s does not go together with one of %s",
        tsri_shape_text(list->rank, list->shape, one), tsri_shape_text(rank, shape, other));
    tsr_error_set_next_step(self->err, "the k-th position of one goes with the k-th of the other; "
                                       "orthogonal selection takes each with each");
    return TSR_INVALID_ARGUMENT;
}

static int broadcast(selection *self, int *ret_rank, int64_t *ret_shape)
{
    *ret_rank = 0;
    for (int i = 0; i < self->list_count; i++)
        *ret_rank = TSRI_MAX(*ret_rank, self->list[i].rank);
    for (int i = 0; i < *ret_rank; i++)
        ret_shape[i] = 1;
    for (int i = 0; i < self->list_count; i++)
        for (int j = 0; j < self->list[i].rank; j++) {
            const advanced *list = &self->list[i];
            int64_t *length = &ret_shape[*ret_rank - list->rank + j];
            self->at = list->term;
            if (list->shape[j] != 1 && *length != 1 && *length != list->shape[j])
                return lists_differ(self, list, *ret_rank, ret_shape);
            if (list->shape[j] != 1)
                *length = list->shape[j];
        }
    return 0;
}

/* All lists, which share their axes of the result. */
static int place_pointwise(selection *self)
{
    int64_t shape[TSR_RANK_MAX];
    int rank, axis, first = self->maps.result_rank;

    TSRI_TRY(broadcast(self, &rank, shape));
    for (int i = 0; i < rank; i++)
        TSRI_TRY(add_result_axis(self, shape[i], &axis));
    for (int i = 0; i < self->list_count; i++)
        map_list(self, &self->list[i], first, rank);
    return 0;
}

/* Where the axes of pointwise lists go: before this term; 0 also when something stands between. */
static size_t place_of_lists(const selection *self)
{
    size_t first = self->term_count, last = 0;

    if (self->mode == TSR_INDEX_POINTWISE)
        return 0;
    for (size_t i = 0; i < self->term_count; i++) {
        tsr_index_term_kind kind = self->terms[i].kind;
        if (kind != TSR_TERM_LIST && kind != TSR_TERM_POSITION)
            continue;
        if (first < self->term_count && i != last + 1)
            return 0;
        first = TSRI_MIN(first, i);
        last = i;
    }
    return first;
}

/* ---- terms ---- */

/* Lists and positions, before any axis of the result is laid out. */
static int take_positions(selection *self)
{
    int axis = 0;

    for (self->at = 0; self->at < self->term_count; self->at++) {
        const tsr_index_term *term = &self->terms[self->at];
        int64_t position = term->start;
        if (is_mask(term)) {
            TSRI_TRY(take_mask(self, axis, term->list));
        } else if (term->kind == TSR_TERM_LIST) {
            TSRI_TRY(take_integers(self, axis, term->list));
        } else if (term->kind == TSR_TERM_POSITION) {
            TSRI_TRY(resolve_positions(self, axis, &position, 1));
            self->maps.maps[axis].start = position;
        }
        axis += axes_of_term(self, term);
    }
    return 0;
}

static int place_range(selection *self, const tsr_index_term *term, int axis)
{
    tsri_index_map *map = &self->maps.maps[axis];
    if (term->step == 0)
        return refuse(self, "the step of a range is not 0");
    int64_t count = resolve_range(term, self->shape[axis], map);
    return add_result_axis(self, count, &map->axis);
}

static int place_whole(selection *self, int first, int count)
{
    const tsr_index_term whole = {
        .kind = TSR_TERM_RANGE, .step = 1, .from_first = true, .to_last = true};
    for (int axis = first; axis < first + count; axis++)
        TSRI_TRY(place_range(self, &whole, axis));
    return 0;
}

static int place_term(selection *self, const tsr_index_term *term, int axis)
{
    int ignored;

    switch (term->kind) {
    case TSR_TERM_RANGE:
        return place_range(self, term, axis);
    case TSR_TERM_ELLIPSIS:
        return place_whole(self, axis, axes_of_term(self, term));
    case TSR_TERM_NEW_AXIS:
        return add_result_axis(self, 1, &ignored);
    case TSR_TERM_LIST:
        return self->mode == TSR_INDEX_ORTHOGONAL ? place_orthogonal(self) : 0;
    default:
        return 0;
    }
}

static int place_terms(selection *self)
{
    bool pointwise = self->has_list && self->mode != TSR_INDEX_ORTHOGONAL, ellipsis = false;
    size_t place = pointwise ? place_of_lists(self) : 0;
    int axis = 0;

    for (size_t i = 0; i < self->term_count; i++) {
        if (pointwise && i == place)
            TSRI_TRY(place_pointwise(self));
        self->at = i;
        TSRI_TRY(place_term(self, &self->terms[i], axis));
        axis += axes_of_term(self, &self->terms[i]);
        ellipsis |= self->terms[i].kind == TSR_TERM_ELLIPSIS;
    }
    return ellipsis ? 0 : place_whole(self, axis, self->rank - axis);
}

static int select_terms(selection *self, tsr_index *ret_index)
{
    TSRI_TRY(check_terms(self));
    TSRI_TRY(take_positions(self));
    TSRI_TRY(place_terms(self));
    return tsri_index_from_maps(&self->maps, ret_index, self->err);
}

static void selection_clear(selection *self)
{
    for (int i = 0; i < self->list_count; i++)
        tsri_free(self->list[i].positions);
    tsri_index_maps_clear(&self->maps);
}

int tsri_index_select(tsr_index *ret_index, int rank, const int64_t *shape,
                      const tsr_index_term *terms, size_t term_count, tsr_index_mode mode,
                      size_t *ret_term, tsr_error *err)
{
    selection self;

    *ret_term = 0;
    if (rank < 0 || rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                             TSR_RANK_MAX);
    self.rank = rank;
    self.shape = shape;
    self.terms = terms;
    self.term_count = term_count;
    self.mode = mode;
    self.err = err;
    self.covered = self.list_count = 0;
    self.has_list = false;
    self.maps.rank = rank;
    self.maps.result_rank = 0;
    for (int axis = 0; axis < rank; axis++)
        self.maps.maps[axis] = (tsri_index_map){.kind = TSRI_MAP_CONSTANT};
    int status = select_terms(&self, ret_index);
    *ret_term = self.at;
    selection_clear(&self);
    return status;
}

int tsr_index_select(tsr_index *ret_index, int rank, const int64_t *shape,
                     const tsr_index_term *terms, size_t term_count, tsr_index_mode mode,
                     tsr_error *err)
{
    size_t term;
    int status = tsri_index_select(ret_index, rank, shape, terms, term_count, mode, &term, err);
    if (status < 0 && term_count > 0)
        tsr_error_prepend(err, "item %zu", term + 1);
    return status;
}

int tsr_index_points(tsr_index *ret_index, int rank, const int64_t *shape, const tsr_view *points,
                     tsr_error *err)
{
    tsr_index_term terms[TSR_RANK_MAX];
    tsr_view columns[TSR_RANK_MAX];

    if (points->rank != 2 || points->shape[1] < 1 || points->shape[1] > rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "points are a table with a row for each and 1 to %d columns", rank);
    for (int i = 0; i < (int)points->shape[1]; i++) {
        columns[i] = *points;
        TSRI_TRY(tsr_view_select(&columns[i], 1, i, err));
        terms[i] = (tsr_index_term){.kind = TSR_TERM_LIST, .list = &columns[i]};
    }
    return tsr_index_select(ret_index, rank, shape, terms, (size_t)points->shape[1],
                            TSR_INDEX_POINTWISE, err);
}
