/* Raw chunks, for targets with listed axes.
 *
 * The ranges and groups of the target are lines of positions, in the order of their first axes in
 * the encoded bytes; along each the offsets rise (points of a raw chunk are sorted by where they
 * lie). From the innermost line outwards, lines whose positions lie close together (gaps smaller
 * than what a further request costs) and span little enough are read as one span; along the line
 * above, as many positions as are close and fit make a portion; positions along lines further out
 * are portions of their own. */
#include "array/unit.h"

#include "base/checked.h"

/* Where a position of a line lies, in the bytes of the chunk, as far as its own axes go. */
static int64_t offset_of(const tsri_unit *unit, const tsri_target *target,
                         const tsri_raw_line *line, int64_t position)
{
    int64_t offset = 0;

    if (line->group == 0) {
        const tsri_target_axis *range = &target->axes[line->axis];
        return (range->start + position * range->step) * unit->raw_lines.strides[line->axis];
    }
    const tsri_target_points *points = &target->groups[line->group - 1];
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *listed = &target->axes[axis];
        if (listed->group == line->group)
            offset += (points->points->coordinates[listed->coordinate][points->from + position] -
                       listed->origin) *
                      unit->raw_lines.strides[axis];
    }
    return offset;
}

/* Bytes from the first to the last position of a whole line. */
static int64_t reach_of(const tsri_unit *unit, const tsri_target *target, const tsri_raw_line *line)
{
    return offset_of(unit, target, line, line->count - 1) - offset_of(unit, target, line, 0);
}

/* Whether all gaps between positions of a line, each of which spans span_bytes, are small. */
static bool is_close(const tsri_unit *unit, const tsri_target *target, const tsri_raw_line *line,
                     int64_t span_bytes, int64_t gap_bytes)
{
    int64_t before = offset_of(unit, target, line, 0);
    for (int64_t i = 1; i < line->count; i++) {
        int64_t offset = offset_of(unit, target, line, i);
        if (offset - before - span_bytes > gap_bytes)
            return false;
        if (line->group == 0) /* all gaps of a range are the same */
            return true;
        before = offset;
    }
    return true;
}

static void list_lines(const tsri_target *target, tsri_raw_lines *lines)
{
    uint64_t seen = 0;

    lines->count = 0;
    for (int axis = 0; axis < target->rank; axis++) {
        int group = target->axes[axis].group;
        if (group > 0 && (seen >> group & 1) != 0)
            continue;
        seen |= UINT64_C(1) << group;
        lines->lines[lines->count++] = (tsri_raw_line){
            axis, group, group > 0 ? target->groups[group - 1].count : target->axes[axis].count, 0};
    }
}

void tsri_unit_raw_points_cut(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes)
{
    const tsri_target *target = &unit->targets[unit->raw_target];
    tsri_raw_lines *lines = &unit->raw_lines;
    int64_t span = (int64_t)unit->array->dtype->size_bytes;

    list_lines(target, lines);
    for (int axis = 0; axis < target->rank; axis++)
        lines->strides[axis] = tsri_unit_raw_stride(unit, axis);
    lines->portion_bytes = (int64_t)portion_bytes;
    lines->gap_bytes = (int64_t)gap_bytes;
    for (lines->cut = lines->count - 1; lines->cut >= 0; lines->cut--) {
        const tsri_raw_line *line = &lines->lines[lines->cut];
        int64_t longer = span + reach_of(unit, target, line);
        if (longer > lines->portion_bytes || !is_close(unit, target, line, span, lines->gap_bytes))
            break;
        span = longer;
    }
    lines->span_bytes = span;
    unit->raw_cut.count = 1;
    unit->raw_next = 0;
}

/* How many positions of the line that is cut the next portion takes. */
static int64_t length_of_run(const tsri_unit *unit, const tsri_target *target)
{
    const tsri_raw_lines *lines = &unit->raw_lines;
    const tsri_raw_line *line = &lines->lines[lines->cut];
    int64_t first = offset_of(unit, target, line, line->at), before = first, count = 1;

    while (line->at + count < line->count) {
        int64_t offset = offset_of(unit, target, line, line->at + count);
        if (offset - before - lines->span_bytes > lines->gap_bytes ||
            offset - first + lines->span_bytes > lines->portion_bytes)
            break;
        before = offset;
        count++;
    }
    return count;
}

/* Narrows a target to `count` positions of a line. */
static void narrow(tsri_target *target, const tsri_raw_line *line, int64_t from, int64_t count)
{
    if (line->group == 0) {
        tsri_unit_raw_narrow(target, line->axis, from, count);
        return;
    }
    tsri_target_points *points = &target->groups[line->group - 1];
    points->from += from;
    points->count = count;
}

/* Counts everything from the first byte of the portion; returns where that lies. */
static int64_t anchor(const tsri_unit *unit, tsri_target *target)
{
    int64_t offset = 0;

    for (int axis = 0; axis < target->rank; axis++) {
        tsri_target_axis *self = &target->axes[axis];
        int64_t first = self->start;
        if (self->group > 0) {
            const tsri_target_points *points = &target->groups[self->group - 1];
            first = points->points->coordinates[self->coordinate][points->from] - self->origin;
            self->origin += first;
        }
        self->start = 0;
        offset += first * unit->raw_lines.strides[axis];
    }
    return offset;
}

/* Goes to where the next portion begins. */
static void advance(tsri_unit *unit, int64_t run)
{
    tsri_raw_lines *lines = &unit->raw_lines;

    for (int i = lines->cut; i >= 0; i--) {
        tsri_raw_line *line = &lines->lines[i];
        line->at += i == lines->cut ? run : 1;
        if (line->at < line->count)
            return;
        line->at = 0;
    }
    unit->raw_next = unit->raw_cut.count;
}

void tsri_unit_raw_points_portion(tsri_unit *unit, tsri_portion *portion)
{
    const tsri_target *whole = &unit->targets[unit->raw_target];
    const tsri_raw_lines *lines = &unit->raw_lines;
    int64_t run = lines->cut >= 0 ? length_of_run(unit, whole) : 0, size = lines->span_bytes;

    tsri_target_copy(&portion->target, whole);
    for (int i = 0; i < lines->cut; i++)
        narrow(&portion->target, &lines->lines[i], lines->lines[i].at, 1);
    if (lines->cut >= 0) {
        const tsri_raw_line *line = &lines->lines[lines->cut];
        size += offset_of(unit, whole, line, line->at + run - 1) -
                offset_of(unit, whole, line, line->at);
        narrow(&portion->target, line, line->at, run);
    }
    int64_t offset = anchor(unit, &portion->target);
    portion->range = (tsr_range){TSR_RANGE_PART, (uint64_t)offset, (uint64_t)size};
    advance(unit, run);
}
