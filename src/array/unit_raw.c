/* Raw chunks: bare elements in C order of the encoded axes, of which any part can be read alone.
 *
 * A target is cut into pieces of about the portion size that fit the second-level cache. Below some
 * axis its rows lie close together (gaps smaller than what a further request costs) and are small
 * enough, and are read as one span; along the axis above, as many of these spans as fit make a
 * piece; positions along axes further out are pieces of their own. */
#include "array/unit.h"

#include "base/checked.h"
#include "base/profile.h"

int64_t tsri_unit_raw_stride(const tsri_unit *unit, int axis)
{
    const tsri_prepared *prepared = unit->prepared;
    return prepared->strides[prepared->axis_of[axis]];
}

/* Bytes between two positions along an axis of the target, in the encoded bytes. */
static int64_t pitch(const tsri_unit *unit, const tsri_target *target, int axis)
{
    return tsri_unit_raw_stride(unit, axis) * target->axes[axis].step;
}

/* Bytes from the first to the last element of a target. */
static int64_t span_of(const tsri_unit *unit, const tsri_target *target)
{
    int64_t span = (int64_t)unit->array->dtype->size_bytes;
    for (int axis = 0; axis < target->rank; axis++)
        span += (target->axes[axis].count - 1) * pitch(unit, target, axis);
    return span;
}

/* Whether the elements of a target lie in the destination as they do in the encoded bytes. */
static bool lies_alike(const tsri_unit *unit, const tsri_target *target)
{
    if (!target->data || unit->prepared->swapped || target->group_count > 0 ||
        !tsr_dtype_equal(target->read->view->dtype, unit->array->dtype))
        return false;
    for (int axis = 0; axis < target->rank; axis++)
        if (target->axes[axis].count > 1 && target->axes[axis].stride != pitch(unit, target, axis))
            return false;
    return true;
}

/* What goes to its destination straight away need not fit a cache, and each request looks at the
 * file anew: it is enough that all threads have something to do. */
#define DIRECT_BYTES ((uint64_t)2 << 20)

void tsri_unit_raw_cut(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes)
{
    const tsri_target *target = &unit->targets[unit->raw_target];
    if (!unit->blob && unit->extent.store->hints.answers_at_once && lies_alike(unit, target))
        portion_bytes = TSRI_MAX(portion_bytes, DIRECT_BYTES);
    int whole = target->rank; /* axes from here on are read as one span */
    int64_t span = (int64_t)unit->array->dtype->size_bytes;

    while (whole > 0) {
        int64_t step = pitch(unit, target, whole - 1), count = target->axes[whole - 1].count;
        int64_t longer = span + (count - 1) * step;
        bool close = count == 1 || step - span <= (int64_t)gap_bytes;
        if (!close || longer > (int64_t)portion_bytes)
            break;
        span = longer;
        whole--;
    }
    tsri_raw_cut cut = {.axis = whole - 1, .run = 1, .runs = 1, .count = 1};
    if (whole > 0) {
        int64_t step = pitch(unit, target, cut.axis);
        int64_t count = target->axes[cut.axis].count;
        if (step - span <= (int64_t)gap_bytes && span < (int64_t)portion_bytes)
            cut.run = TSRI_MIN(count, ((int64_t)portion_bytes - span) / step + 1);
        cut.runs = tsri_ceil_divide(count, cut.run);
        cut.count = cut.runs;
        for (int axis = 0; axis < cut.axis; axis++)
            cut.count *= target->axes[axis].count;
    }
    unit->raw_cut = cut;
    unit->raw_next = 0;
}

void tsri_unit_raw_narrow(tsri_target *target, int axis, int64_t position, int64_t count)
{
    tsri_target_axis *self = &target->axes[axis];
    self->start += position * self->step;
    self->first += position;
    self->count = count;
    if (target->data)
        target->data += position * self->stride;
}

void tsri_unit_raw_portion(const tsri_unit *unit, tsri_portion *portion)
{
    const tsri_raw_cut *cut = &unit->raw_cut;
    int64_t rest = unit->raw_next, offset = 0;

    tsri_target_copy(&portion->target, &unit->targets[unit->raw_target]);
    tsri_target *target = &portion->target;
    if (cut->axis >= 0) {
        int64_t from = rest % cut->runs * cut->run;
        int64_t left = target->axes[cut->axis].count - from;
        tsri_unit_raw_narrow(target, cut->axis, from, TSRI_MIN(cut->run, left));
        rest /= cut->runs;
    }
    for (int axis = cut->axis - 1; axis >= 0; axis--) {
        int64_t count = target->axes[axis].count;
        tsri_unit_raw_narrow(target, axis, rest % count, 1);
        rest /= count;
    }
    for (int axis = 0; axis < target->rank; axis++) {
        offset += target->axes[axis].start * tsri_unit_raw_stride(unit, axis);
        target->axes[axis].start = 0;
    }
    portion->range = (tsr_range){TSR_RANGE_PART, (uint64_t)offset, (uint64_t)span_of(unit, target)};
}

static void view_of_bytes(const tsri_portion *portion, const void *bytes, tsr_view *ret_view)
{
    const tsri_unit *unit = portion->unit;
    ret_view->dtype = unit->array->dtype;
    ret_view->rank = portion->target.rank;
    ret_view->data = (char *)bytes;
    ret_view->blob = NULL;
    for (int axis = 0; axis < ret_view->rank; axis++) /* whose shape nobody asks for */
        ret_view->strides[axis] = tsri_unit_raw_stride(unit, axis);
}

int tsri_unit_deliver_raw(const tsri_portion *portion, tsr_codec_scratch *scratch,
                          const void *bytes, tsr_error *err)
{
    const tsr_context *context = portion->unit->array->context;
    tsr_view elements TSRI_UNINITIALIZED;
    view_of_bytes(portion, bytes, &elements);
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_COPY);
    int status = tsri_target_deliver(&portion->target, &elements, portion->unit->prepared->swapped,
                                     scratch, err);
    tsri_phase_end(context, before);
    return status;
}

void *tsri_unit_raw_direct(const tsri_portion *portion)
{
    const tsri_target *target = &portion->target;
    const tsri_unit *unit = portion->unit;
    int64_t size_bytes = tsri_target_count(target) * (int64_t)unit->array->dtype->size_bytes;

    bool direct = (uint64_t)size_bytes == portion->range.size_bytes && lies_alike(unit, target);
    return direct ? target->data : NULL;
}
