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
    /* Lists of `group->count` each. */
    uint64_t *keys, *spare; /* the place of a point in the lowest bits */
    int64_t *order;         /* of the points so far; NULL: their own */
    int place_bits;
} sorter;

/* ---- lists ---- */

/* Lists are long where they matter, and touched all over: on huge pages that costs a fraction. */
static int new_list(const tsri_index_group *group, int64_t **ret_list, tsr_error *err)
{
    size_t size_bytes;
    bool fits = tsri_multiply_size((size_t)group->count, sizeof **ret_list, &size_bytes);
    int64_t *list = fits ? tsri_alloc_payload(size_bytes) : NULL;

    if (!list)
        return tsri_error_no_memory(err, (size_t)group->count * sizeof *list);
    *ret_list = list;
    return 0;
}

static int new_keys(const tsri_index_group *group, uint64_t **ret_keys, tsr_error *err)
{
    int64_t *list;
    TSRI_TRY(new_list(group, &list, err));
    *ret_keys = (uint64_t *)list;
    return 0;
}

static void free_list(const tsri_index_group *group, void *list)
{
    tsri_free_payload(list, (size_t)group->count * sizeof(int64_t));
}

/* ---- cells ---- */

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

/* Keys are made of so many points at once: they stay in the first-level cache from digit to digit.
 */
#define BLOCK_POINTS 256

/* Puts a digit of each point behind what its key has so far. */
static void append_digit(const digit *part, const int64_t *coordinates, int64_t count,
                         uint64_t *keys)
{
    uint64_t mask = part->above > 0 ? (uint64_t)part->above - 1 : UINT64_MAX;

    if (part->grid || part->length_shift < 0 || (part->above > 0 && part->above_shift < 0)) {
        for (int64_t i = 0; i < count; i++)
            keys[i] = keys[i] << part->bits | (uint64_t)digit_of(part, coordinates[i]);
        return;
    }
    /* Shifts of numbers without a sign are what vector units of all ages have. */
    for (int64_t i = 0; i < count; i++)
        keys[i] =
            keys[i] << part->bits |
            ((((uint64_t)coordinates[i] & mask) >> part->length_shift) - (uint64_t)part->least);
}

/* Bits [low, low + width) of the keys of the points from `first` on. All digits at once, where they
 * fit: then the points are in their own order still. */
static void make_keys(const sorter *self, int64_t first, int64_t count, int low, int width,
                      bool whole, uint64_t *keys)
{
    if (!whole) {
        for (int64_t i = 0; i < count; i++)
            keys[i] = key_of(self, self->order ? self->order[first + i] : first + i, low, width);
        return;
    }
    memset(keys, 0, (size_t)count * sizeof *keys);
    for (int i = 0; i < self->digit_count; i++)
        append_digit(&self->digits[i], self->digits[i].coordinates + first, count, keys);
}

/* Whether the keys, filled in for these bits, rise already. */
static bool fill_keys(sorter *self, int low, int width, bool whole)
{
    uint64_t before = 0;
    bool rises = true;

    for (int64_t first = 0; first < self->group->count; first += BLOCK_POINTS) {
        uint64_t *keys = self->keys + first;
        int64_t count = TSRI_MIN(self->group->count - first, (int64_t)BLOCK_POINTS);
        make_keys(self, first, count, low, width, whole, keys);
        for (int64_t i = 0; i < count; i++) {
            keys[i] = keys[i] << self->place_bits | (uint64_t)(first + i);
            rises &= keys[i] >= before;
            before = keys[i];
        }
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
    int64_t starts[1 << RADIX_BITS_MAX] TSRI_UNINITIALIZED;
    int most = self->group->count < 4096 ? 8 : RADIX_BITS_MAX;
    int rounds = (width + most - 1) / most, bits = (width + rounds - 1) / rounds;
    uint64_t mask = (UINT64_C(1) << bits) - 1;

    for (int low = self->place_bits; low < self->place_bits + width; low += bits) {
        uint64_t *keys = self->keys, *sorted = self->spare;
        memset(starts, 0, (mask + 1) * sizeof *starts);
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

/* Turns the places that the sorted keys hold into the order of the points, in the list that is
 * spare. */
static void note_order(sorter *self)
{
    uint64_t mask = (UINT64_C(1) << self->place_bits) - 1;
    int64_t *order = (int64_t *)self->spare;

    for (int64_t i = 0; i < self->group->count; i++) {
        int64_t place = (int64_t)(self->keys[i] & mask);
        order[i] = self->order ? self->order[place] : place;
    }
    self->spare = (uint64_t *)self->order;
    self->order = order;
}

/* Sorts by all digits, from the least significant bits on, as many at a time as fit into a word
 * together with the place. Leaves `order` NULL where the points are in order already. */
static int sort(sorter *self, tsr_error *err)
{
    int64_t count = self->group->count;
    int total = 0;

    for (int i = 0; i < self->digit_count; i++)
        total += self->digits[i].bits;
    self->place_bits = count_bits((uint64_t)count);
    for (int low = 0; low < total; low += 64 - self->place_bits) {
        int width = TSRI_MIN(total - low, 64 - self->place_bits);
        if (fill_keys(self, low, width, width == total))
            continue;
        if (!self->spare)
            TSRI_TRY(new_keys(self->group, &self->spare, err));
        if (count <= FEW_POINTS)
            sort_few(self->keys, count);
        else
            sort_by_radix(self, width);
        note_order(self);
    }
    return 0;
}

/* ---- points ---- */

/* Takes `from` into the order of the sorter. */
static void reorder(const sorter *self, const int64_t *from, int64_t *to)
{
    for (int64_t i = 0; i < self->group->count; i++)
        to[i] = from[self->order[i]];
}

/* A list to be kept: one that the sorter needs no more, or a new one. */
static int take_list(sorter *self, int64_t **ret_list, tsr_error *err)
{
    if (!self->keys)
        return new_list(self->group, ret_list, err);
    *ret_list = (int64_t *)TSRI_TAKE(self->keys);
    return 0;
}

static int set_coordinates(sorter *self, tsri_points *points, tsr_error *err)
{
    const tsri_index_group *group = points->group;

    points->borrowed = self->order == NULL;
    for (int i = 0; i < group->axis_count; i++) {
        if (points->borrowed) {
            points->coordinates[i] = group->coordinates[i];
            continue;
        }
        TSRI_TRY(take_list(self, &points->coordinates[i], err));
        reorder(self, group->coordinates[i], points->coordinates[i]);
    }
    return 0;
}

/* Where the points go, in the order of the selection, where that is not a line. */
static void list_destinations(const tsri_index_group *group, const tsr_index_layout *layout,
                              const tsr_view *view, int64_t *to)
{
    uint32_t axes = 0;

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

/* Where they go by their numbers, `step` apart: the order itself becomes the list. */
static int set_line(sorter *self, tsri_points *points, int64_t step, tsr_error *err)
{
    const int64_t *order = self->order;
    int64_t *to = self->order;

    if (!to)
        TSRI_TRY(take_list(self, &to, err));
    for (int64_t i = 0; i < points->count; i++)
        to[i] = (order ? order[i] : i) * step;
    self->order = NULL;
    points->to = to;
    return 0;
}

static int set_destinations(sorter *self, tsri_points *points, const tsr_index_layout *layout,
                            const tsr_view *view, tsr_error *err)
{
    const tsri_index_group *group = points->group;
    int64_t *to;

    if (!view || group->result_count == 1)
        return set_line(self, points, view ? view->strides[group->result_axes[0]] : 1, err);
    TSRI_TRY(take_list(self, &to, err));
    points->to = to;
    list_destinations(group, layout, view, to);
    if (!self->order)
        return 0;
    TSRI_TRY(take_list(self, &points->to, err));
    reorder(self, to, points->to);
    free_list(group, to);
    return 0;
}

static int sort_points(sorter *self, tsri_points *points, const tsr_index_layout *layout,
                       const tsr_view *view, tsr_error *err)
{
    TSRI_TRY(new_keys(self->group, &self->keys, err));
    list_digits(self);
    TSRI_TRY(sort(self, err));
    TSRI_TRY(set_coordinates(self, points, err));
    return set_destinations(self, points, layout, view, err);
}

static int set_points(sorter *self, tsri_points *points, const tsr_index_layout *layout,
                      const tsr_view *view, tsr_error *err)
{
    int status = sort_points(self, points, layout, view, err);

    free_list(self->group, self->keys);
    free_list(self->group, self->spare);
    free_list(self->group, self->order);
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
        self->keys = self->spare = NULL;
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
            free_list(points->group, points->coordinates[number]);
        free_list(points->group, points->to);
    }
    tsri_free(set);
}
