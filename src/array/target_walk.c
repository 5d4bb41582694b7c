/* Which cells of a grid a target touches. */
#include "array/target.h"
#include "base/checked.h"

static int64_t cell_at(const tsri_target_walk *walk, int axis, int64_t position)
{
    return walk->grid ? tsri_grid_chunk_at(walk->grid, axis, position)
                      : position / walk->lengths[axis];
}

static int64_t start_of(const tsri_target_walk *walk, int axis, int64_t cell)
{
    return walk->grid ? tsri_grid_start(walk->grid, axis, cell) : cell * walk->lengths[axis];
}

static int64_t length_of(const tsri_target_walk *walk, int axis, int64_t cell)
{
    return walk->grid ? tsri_grid_length(walk->grid, axis, cell) : walk->lengths[axis];
}

/* Which cell an element of a range lies in. */
static int64_t cell_of(const tsri_target_walk *walk, int axis, int64_t element)
{
    const tsri_target_axis *self = &walk->target->axes[axis];
    return cell_at(walk, axis, self->start + element * self->step);
}

static const int64_t *coordinates_of(const tsri_target_walk *walk, int axis)
{
    const tsri_target_axis *self = &walk->target->axes[axis];
    return walk->target->groups[self->group - 1].points->coordinates[self->coordinate];
}

/* The points in the present cell of the axes of the same group that come before. */
static void points_before(const tsri_target_walk *walk, int axis, int64_t *ret_low,
                          int64_t *ret_high)
{
    const tsri_target_points *all = &walk->target->groups[walk->target->axes[axis].group - 1];
    int before = walk->before[axis];

    *ret_low = before >= 0 ? walk->low[before] : all->from;
    *ret_high = before >= 0 ? walk->high[before] : all->from + all->count;
}

/* The first point from `low` on that lies behind the present cell; they come cell by cell. Looks in
 * ever longer steps, so that all cells together cost no more than their points. */
static int64_t end_of_cell(const tsri_target_walk *walk, int axis, int64_t low, int64_t high)
{
    const int64_t *coordinates = coordinates_of(walk, axis);
    int64_t cell = walk->cell[axis], start = start_of(walk, axis, cell), from = low, step = 1;
    int64_t most = start + walk->target->axes[axis].origin;
    if (!tsri_add_i64(most, length_of(walk, axis, cell) - 1, &most))
        return high; /* the last cell may reach that far beyond the array */

    while (from + step < high && coordinates[from + step] <= most) {
        from += step;
        step *= 2;
    }
    int64_t to = TSRI_MIN(from + step, high);
    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;
        if (coordinates[middle] <= most)
            from = middle;
        else
            to = middle;
    }
    return from + 1;
}

/* Stands on the cell of a point of a listed axis. */
static void enter(tsri_target_walk *walk, int axis, int64_t low, int64_t high)
{
    int64_t position = coordinates_of(walk, axis)[low] - walk->target->axes[axis].origin;
    walk->cell[axis] = cell_at(walk, axis, position);
    walk->low[axis] = low;
    walk->high[axis] = end_of_cell(walk, axis, low, high);
}

/* Puts the axis on the first cell that it touches. */
static void rewind_axis(tsri_target_walk *walk, int axis)
{
    int64_t low, high;

    if (walk->target->axes[axis].group == 0) {
        walk->cell[axis] = cell_of(walk, axis, 0);
    } else {
        points_before(walk, axis, &low, &high);
        enter(walk, axis, low, high);
    }
}

static bool advance_points(tsri_target_walk *walk, int axis)
{
    int64_t low, high;

    points_before(walk, axis, &low, &high);
    if (walk->high[axis] == high)
        return false;
    enter(walk, axis, walk->high[axis], high);
    return true;
}

/* Moves the axis to the next cell that holds an element of it, skipping cells that large steps jump
 * over. */
static bool advance_axis(tsri_target_walk *walk, int axis)
{
    const tsri_target_axis *self = &walk->target->axes[axis];

    if (self->group > 0)
        return advance_points(walk, axis);
    if (walk->cell[axis] >= cell_of(walk, axis, self->count - 1))
        return false;
    /* Below the array's length, since a later cell is touched. */
    int64_t end = start_of(walk, axis, walk->cell[axis] + 1);
    walk->cell[axis] = cell_of(walk, axis, tsri_ceil_divide(end - self->start, self->step));
    return true;
}

void tsri_target_walk_init(tsri_target_walk *walk, const tsri_target *target, const tsri_grid *grid,
                           const int64_t *lengths)
{
    int latest[TSR_RANK_MAX];

    walk->target = target;
    walk->grid = grid;
    walk->lengths = lengths;
    for (int i = 0; i < target->group_count; i++)
        latest[i] = -1;
    for (int axis = 0; axis < target->rank; axis++) {
        int group = target->axes[axis].group;
        if (group > 0) {
            walk->before[axis] = latest[group - 1];
            latest[group - 1] = axis;
        }
        rewind_axis(walk, axis);
    }
}

void tsri_target_walk_copy(tsri_target_walk *to, const tsri_target_walk *from)
{
    size_t rank = (size_t)from->target->rank;
    to->target = from->target;
    to->grid = from->grid;
    to->lengths = from->lengths;
    memcpy(to->cell, from->cell, rank * sizeof *to->cell);
    if (from->target->group_count == 0)
        return;
    memcpy(to->before, from->before, rank * sizeof *to->before);
    memcpy(to->low, from->low, rank * sizeof *to->low);
    memcpy(to->high, from->high, rank * sizeof *to->high);
}

int tsri_target_walk_along(tsri_target_walk *walk, int most)
{
    int last = walk->target->rank - 1;
    if (most <= 1 || last < 0)
        return 1;
    const tsri_target_axis *axis = &walk->target->axes[last];
    if (axis->group > 0 || axis->step > 1)
        return 1;
    int64_t behind = cell_of(walk, last, axis->count - 1) - walk->cell[last];
    int more = (int)TSRI_MIN(behind, most - 1);
    walk->cell[last] += more;
    return 1 + more;
}

bool tsri_target_walk_next(tsri_target_walk *walk)
{
    int axis = walk->target->rank - 1;

    while (axis >= 0 && !advance_axis(walk, axis))
        axis--;
    if (axis < 0)
        return false;
    for (axis++; axis < walk->target->rank; axis++)
        rewind_axis(walk, axis);
    return true;
}

void tsri_target_walk_take(const tsri_target_walk *walk, tsri_target *ret_target)
{
    tsri_target_copy(ret_target, walk->target);
    for (int axis = 0; axis < ret_target->rank; axis++) {
        int64_t start = start_of(walk, axis, walk->cell[axis]);
        tsri_target_axis *self = &ret_target->axes[axis];
        if (self->group == 0) {
            tsri_target_restrict_axis(ret_target, axis, start,
                                      length_of(walk, axis, walk->cell[axis]));
            continue;
        }
        /* The last axis of a group has the points of all of them. */
        tsri_target_points *group = &ret_target->groups[self->group - 1];
        self->origin += start;
        group->from = walk->low[axis];
        group->count = walk->high[axis] - walk->low[axis];
    }
}

int64_t tsri_target_walk_count(const tsri_target *target, const int64_t *lengths)
{
    tsri_target_walk walk;
    int64_t count = 1;

    tsri_target_walk_init(&walk, target, NULL, lengths);
    while (tsri_target_walk_next(&walk))
        count++;
    return count;
}
