#include "array/points.h"

#include "base/checked.h"

/* The number of the cell that a coordinate lies in at one level of the grid, along one axis: a part
 * of the key by which points are sorted. */
typedef struct digit {
    const int64_t *coordinates;
    const tsri_grid *grid;         /* where its chunks differ in length along the axis; else NULL */
    int axis;                      /* then */
    int64_t above, length;         /* of the cells around and of these; above 0: the whole axis, or
                                      the whole chunk; length 0: chunks of the grid */
    int above_shift, length_shift; /* their logarithms, where they are powers of 2; else -1 */
    int64_t least;                 /* is subtracted */
    int bits;
} digit;

#define DIGITS_MAX (TSR_RANK_MAX * (TSRI_SHARD_LEVELS_MAX + 2))

typedef struct sorter {
    const tsr_array *array;
    const tsri_grid *grid;
    const tsri_index_group *group;
    int digit_count;
    digit digits[DIGITS_MAX]; /* the most significant one first */
    uint64_t *keys, *spare;   /* `group->count` each; the place of a point in the lowest bits */
    int64_t *order;           /* of the points so far; NULL: their own */
    int place_bits;
} sorter;

static int count_bits(uint64_t largest)
{
    return largest > 0 ? 64 - __builtin_clzll(largest) : 0;
}

static int shift_of(int64_t length)
{
    return length > 0 && (length & (length - 1)) == 0 ? __builtin_ctzll((uint64_t)length) : -1;
}

static int64_t digit_of(const digit *self, int64_t position)
{
    if (self->grid) {
        int64_t chunk = tsri_grid_chunk_at(self->grid, self->axis, position);
        if (self->length == 0)
            return chunk - self->least;
        position -= tsri_grid_start(self->grid, self->axis, chunk);
    }
    if (self->above_shift >= 0)
        position &= self->above - 1;
    else if (self->above > 0)
        position %= self->above;
    return (self->length_shift >= 0 ? position >> self->length_shift : position / self->length) -
           self->least;
}

static const int64_t *coordinates_of(const tsri_index_group *group, int array_axis)
{
    for (int number = 0; number < group->axis_count; number++)
        if (group->axes[number] == array_axis)
            return group->coordinates[number];
    return NULL;
}

/* The least and the greatest number of a cell that there can be. */
static void bound_digit(const sorter *self, const digit *added, int64_t *ret_least,
                        int64_t *ret_most)
{
    int64_t least = INT64_MAX, most = INT64_MIN;

    if (added->above > 0) {
        *ret_least = 0;
        *ret_most = (added->above - 1) / added->length;
        return;
    }
    /* Numbers of chunks rise with the positions; within chunks of many lengths they do not. */
    for (int64_t i = 0; i < self->group->count; i++) {
        int64_t value = added->grid && added->length > 0 ? digit_of(added, added->coordinates[i])
                                                         : added->coordinates[i];
        least = TSRI_MIN(least, value);
        most = TSRI_MAX(most, value);
    }
    bool chunks = !added->grid || added->length == 0;
    *ret_least = chunks ? digit_of(added, least) : least;
    *ret_most = chunks ? digit_of(added, most) : most;
}

static void add_digit(sorter *self, int array_axis, int64_t above, int64_t length)
{
    const int64_t *coordinates = coordinates_of(self->group, array_axis);
    const tsri_grid *grid = self->grid->axes[array_axis].length > 0 ? NULL : self->grid;
    digit added = {coordinates,      grid, array_axis, above, length, shift_of(above),
                   shift_of(length), 0,    0};
    int64_t least, most;

    if (!coordinates)
        return;
    bound_digit(self, &added, &least, &most);
    if (most == least)
        return;
    added.least = least;
    added.bits = count_bits((uint64_t)(most - least));
    self->digits[self->digit_count++] = added;
}

/* Levels of the grid from the chunks of the store inwards, each in the order in which its cells
 * are walked: that of its encoded axes. */
static void list_digits(sorter *self)
{
    const tsr_array *array = self->array;
    const tsri_prepared *prepared = array->prepared;
    int axis_of[TSR_RANK_MAX], outer[TSR_RANK_MAX];
    int64_t above[TSR_RANK_MAX];

    for (int axis = 0; axis < array->rank; axis++) {
        above[axis] = self->grid->axes[axis].length;
        add_digit(self, axis, 0, above[axis]);
        axis_of[axis] = axis;
    }
    for (; prepared; prepared = prepared->inner) {
        bool shard = tsri_prepared_is_shard(prepared);
        /* Bare elements are read where they lie, those of an inner chunk with the whole of it. */
        if (!shard && (!tsri_prepared_is_raw(prepared) || prepared != array->prepared))
            return;
        memcpy(outer, axis_of, (size_t)array->rank * sizeof *outer);
        for (int axis = 0; axis < array->rank; axis++) {
            axis_of[axis] = outer[prepared->axis_of[axis]];
            int64_t length = shard ? prepared->chain->shard->chunk_shape[axis] : 1;
            add_digit(self, axis_of[axis], above[axis_of[axis]], length);
            above[axis_of[axis]] = length;
        }
        if (!shard)
            return;
    }
}

/* ---- sorting ---- */

/* Bits [low, low + width) of the key of a point. */
static uint64_t key_of(const sorter *self, int64_t point, int low, int width)
{
    uint64_t key = 0;
    int at = 0; /* of the lowest bit of the digit, in the key */

    for (int i = self->digit_count - 1; i >= 0 && at < low + width; i--) {
        const digit *part = &self->digits[i];
        if (at + part->bits > low) {
            uint64_t value = (uint64_t)digit_of(part, part->coordinates[point]);
            key |= at >= low ? value << (at - low) : value >> (low - at);
        }
        at += part->bits;
    }
    return width < 64 ? key & ((UINT64_C(1) << width) - 1) : key;
}

/* All of the key, where it fits. */
static uint64_t whole_key_of(const sorter *self, int64_t point)
{
    uint64_t key = 0;
    for (int i = 0; i < self->digit_count; i++) {
        const digit *part = &self->digits[i];
        key = key << part->bits | (uint64_t)digit_of(part, part->coordinates[point]);
    }
    return key;
}

/* Whether the keys, filled in for these bits, rise already. */
static bool fill_keys(sorter *self, int low, int width, bool whole)
{
    uint64_t before = 0;
    bool rises = true;

    for (int64_t i = 0; i < self->group->count; i++) {
        int64_t point = self->order ? self->order[i] : i;
        uint64_t key = whole ? whole_key_of(self, point) : key_of(self, point, low, width);
        key = key << self->place_bits | (uint64_t)i;
        self->keys[i] = key;
        rises &= key >= before;
        before = key;
    }
    return rises;
}

#define FEW_POINTS 32
#define RADIX_BITS_MAX 11

static void sort_few(uint64_t *keys, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        int64_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* Sorts by the bits above those of the place, which rise already. */
static void sort_by_radix(sorter *self, int width)
{
    int64_t starts[1 << RADIX_BITS_MAX];
    int bits = self->group->count < 4096 ? 8 : RADIX_BITS_MAX;
    uint64_t mask = (UINT64_C(1) << bits) - 1;

    for (int low = self->place_bits; low < self->place_bits + width; low += bits) {
        uint64_t *keys = self->keys, *sorted = self->spare;
        memset(starts, 0, sizeof starts);
        for (int64_t i = 0; i < self->group->count; i++)
            starts[keys[i] >> low & mask]++;
        int64_t sum = 0;
        for (uint64_t value = 0; value <= mask; value++) {
            int64_t count = starts[value];
            starts[value] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < self->group->count; i++)
            sorted[starts[keys[i] >> low & mask]++] = keys[i];
        self->keys = sorted;
        self->spare = keys;
    }
}

/* Turns the places that the sorted keys hold into the order of the points. */
static void note_order(sorter *self, int64_t *spare_order)
{
    uint64_t mask = (UINT64_C(1) << self->place_bits) - 1;

    for (int64_t i = 0; i < self->group->count; i++) {
        int64_t place = (int64_t)(self->keys[i] & mask);
        spare_order[i] = self->order ? self->order[place] : place;
    }
}

/* Sorts by all digits, from the least significant bits on, as many at a time as fit into a word
 * together with the place. Leaves `order` NULL where the points are in order already. */
static int sort(sorter *self, tsr_error *err)
{
    size_t count = (size_t)self->group->count;
    int total = 0;

    for (int i = 0; i < self->digit_count; i++)
        total += self->digits[i].bits;
    self->place_bits = count_bits(count);
    for (int low = 0; low < total; low += 64 - self->place_bits) {
        int width = TSRI_MIN(total - low, 64 - self->place_bits);
        if (fill_keys(self, low, width, width == total))
            continue;
        int64_t *order = tsri_alloc_array(count, sizeof *order);
        if (!order)
            return tsri_error_no_memory(err, count * sizeof *order);
        if (count <= FEW_POINTS)
            sort_few(self->keys, (int64_t)count);
        else
            sort_by_radix(self, width);
        note_order(self, order);
        tsri_free(self->order);
        self->order = order;
    }
    return 0;
}

/* ---- points ---- */

/* Takes `from` into the order of the sorter. */
static int reorder(const sorter *self, const int64_t *from, int64_t **ret_to, tsr_error *err)
{
    size_t count = (size_t)self->group->count;
    int64_t *to = tsri_alloc_array(count, sizeof *to);

    if (!to)
        return tsri_error_no_memory(err, count * sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = from[self->order[i]];
    *ret_to = to;
    return 0;
}

static int set_coordinates(const sorter *self, tsri_points *points, tsr_error *err)
{
    points->borrowed = self->order == NULL;
    for (int i = 0; i < points->group->axis_count; i++)
        if (points->borrowed)
            points->coordinates[i] = points->group->coordinates[i];
        else
            TSRI_TRY(reorder(self, points->group->coordinates[i], &points->coordinates[i], err));
    return 0;
}

/* Where the points go, in the order of the selection. */
static void list_destinations(const tsri_index_group *group, const tsr_index_layout *layout,
                              const tsr_view *view, int64_t *to)
{
    uint32_t axes = 0;

    if (!view) {
        for (int64_t i = 0; i < group->count; i++)
            to[i] = i;
        return;
    }
    memset(to, 0, (size_t)group->count * sizeof *to);
    for (int i = 0; i < group->result_count; i++)
        axes |= UINT32_C(1) << group->result_axes[i];
    for (int i = 0; i < group->result_count; i++) {
        int axis = group->result_axes[i];
        tsri_index_map stride = {
            .kind = TSRI_MAP_AFFINE, .step = view->strides[axis], .axis = axis};
        tsri_index_accumulate(to, layout->shape, axes, &stride, 1);
    }
}

static int set_destinations(const sorter *self, tsri_points *points, const tsr_index_layout *layout,
                            const tsr_view *view, tsr_error *err)
{
    int64_t *to = tsri_alloc_array((size_t)points->count, sizeof *to);

    if (!to)
        return tsri_error_no_memory(err, (size_t)points->count * sizeof *to);
    list_destinations(points->group, layout, view, to);
    points->to = to;
    if (!self->order)
        return 0;
    int status = reorder(self, to, &points->to, err);
    tsri_free(to);
    if (status < 0)
        points->to = NULL;
    return status;
}

static int set_points(sorter *self, tsri_points *points, const tsr_index_layout *layout,
                      const tsr_view *view, tsr_error *err)
{
    size_t count = (size_t)points->count;
    uint64_t *keys = tsri_alloc_array(count, sizeof *keys);
    uint64_t *spare = tsri_alloc_array(count, sizeof *keys);
    int status = keys && spare ? 0 : tsri_error_no_memory(err, count * sizeof *keys);

    self->keys = keys;
    self->spare = spare;
    list_digits(self);
    if (status == 0)
        status = sort(self, err);
    tsri_free(keys);
    tsri_free(spare);
    if (status == 0)
        status = set_coordinates(self, points, err);
    if (status == 0)
        status = set_destinations(self, points, layout, view, err);
    tsri_free(self->order);
    return status;
}

int tsri_points_new(const tsr_array *array, const tsri_grid *grid, const tsr_index *index,
                    const tsr_view *view, tsri_points_set **ret_set, tsr_error *err)
{
    const tsr_index_layout *layout = index->layout;
    tsri_points_set *set = NULL;
    sorter *self = NULL;
    int status = 0;

    *ret_set = NULL;
    if (!layout || layout->group_count == 0)
        return 0;
    size_t size_bytes = sizeof *set + (size_t)layout->group_count * sizeof *set->points;
    set = tsri_alloc_zero(size_bytes);
    self = tsri_alloc(sizeof *self);
    if (!set || !self)
        status = tsri_error_no_memory(err, size_bytes + sizeof *self);
    for (int i = 0; i < layout->group_count && status == 0; i++) {
        tsri_points *points = &set->points[set->count++];
        points->group = &layout->groups[i];
        points->count = points->group->count;
        self->array = array;
        self->grid = grid;
        self->group = points->group;
        self->digit_count = 0;
        self->order = NULL;
        status = set_points(self, points, layout, view, err);
    }
    tsri_free(self);
    if (status == 0)
        *ret_set = set;
    else
        tsri_points_free(set);
    return status;
}

void tsri_points_free(tsri_points_set *set)
{
    for (int i = 0; set && i < set->count; i++) {
        tsri_points *points = &set->points[i];
        for (int number = 0; number < points->group->axis_count && !points->borrowed; number++)
            tsri_free(points->coordinates[number]);
        tsri_free(points->to);
    }
    tsri_free(set);
}
