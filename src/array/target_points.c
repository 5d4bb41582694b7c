/* Targets whose elements are listed: moving them between a decoded chunk, memory of their own, and
 * the caller's. */
#include "array/target.h"
#include "base/checked.h"
#include "tensor/copy.h"
#include "tensor/kernels.h"
#include "tensor/pick.h"

/* Elements that do not go straight from the chunk to the caller are handled in parts of about this
 * size, in memory of their own. */
#define PART_BYTES (256 << 10)

/* Offsets of points are computed for so many of them at once. */
#define BLOCK_POINTS 256

/* What no type asks for more than. */
#define ALIGNMENT_BYTES 16

/* Where the elements of a target lie: the offset of an element is that of its ranges, by the
 * strides of `ranges`, and that of its point in each group. */
typedef enum side_kind {
    SIDE_CHUNK,  /* points lie by their coordinates, at the strides of `chunk` */
    SIDE_CALLER, /* where points->to says */
    SIDE_DENSE   /* one behind the other, `strides[group]` bytes apart */
} side_kind;

typedef struct side {
    side_kind kind;
    tsr_view ranges; /* in the target's axes; listed ones have length 1 */
    const tsr_view *chunk;
    int64_t strides[TSR_RANK_MAX];
} side;

/* ---- sides ---- */

static void side_of_chunk(const tsri_target *target, const tsr_view *chunk, side *ret_side)
{
    ret_side->kind = SIDE_CHUNK;
    ret_side->chunk = chunk;
    tsri_target_view_of_source(target, chunk, &ret_side->ranges);
}

static void side_of_caller(const tsri_target *target, side *ret_side)
{
    ret_side->kind = SIDE_CALLER;
    tsri_target_view_of_destination(target, &ret_side->ranges);
}

/* The elements in C order of the groups and then of the target's axes. */
static void side_of_memory(const tsri_target *target, const tsr_dtype *dtype, void *memory,
                           side *ret_side)
{
    int64_t stride = (int64_t)dtype->size_bytes;

    ret_side->kind = SIDE_DENSE;
    ret_side->ranges = (tsr_view){.dtype = dtype, .rank = target->rank, .data = memory};
    for (int axis = target->rank - 1; axis >= 0; axis--) {
        ret_side->ranges.shape[axis] = target->axes[axis].count;
        ret_side->ranges.strides[axis] = stride;
        stride *= target->axes[axis].count;
    }
    for (int i = target->group_count - 1; i >= 0; i--) {
        ret_side->strides[i] = stride;
        stride *= target->groups[i].count;
    }
}

/* The same element everywhere. */
static void side_of_element(const tsri_target *target, const tsr_dtype *dtype, void *element,
                            side *ret_side)
{
    ret_side->kind = SIDE_DENSE;
    ret_side->ranges = (tsr_view){.dtype = dtype, .rank = target->rank, .data = element};
    for (int axis = 0; axis < target->rank; axis++)
        ret_side->ranges.shape[axis] = target->axes[axis].count;
    memset(ret_side->strides, 0, sizeof ret_side->strides);
}

/* The offsets of `count` points of a group, from its `first` one on. */
static void list_offsets(const tsri_target *target, const side *self, int group, int64_t first,
                         int64_t count, int64_t *ret_offsets)
{
    const tsri_target_points *points = &target->groups[group];

    if (self->kind == SIDE_CALLER) {
        memcpy(ret_offsets, points->points->to + points->from + first,
               (size_t)count * sizeof *ret_offsets);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        ret_offsets[i] = self->kind == SIDE_DENSE ? (first + i) * self->strides[group] : 0;
    for (int axis = 0; axis < target->rank && self->kind == SIDE_CHUNK; axis++) {
        const tsri_target_axis *listed = &target->axes[axis];
        if (listed->group != group + 1)
            continue;
        const int64_t *coordinates =
            points->points->coordinates[listed->coordinate] + points->from + first;
        int64_t stride = self->chunk->strides[axis], origin = listed->origin;
        for (int64_t i = 0; i < count; i++)
            ret_offsets[i] += (coordinates[i] - origin) * stride;
    }
}

/* ---- moving ---- */

/* What moves for each combination of points: the loops over the ranges, as few as there can be. */
typedef struct mover {
    const tsri_target *target;
    const side *to, *from;
    tsri_nest nest;
    size_t run_bytes;
    int64_t runs; /* of the innermost loop */
    int inner;    /* the group with the most points */
} mover;

/* For each point all of the ranges. */
static void move_ranges(mover *self, const int64_t *to_offsets, const int64_t *from_offsets,
                        int64_t count, char *to, const char *from)
{
    tsri_copy_job job = {self->run_bytes, false};
    tsri_nest_body *body = tsri_kernel_rows(&job);

    for (int64_t i = 0; i < count; i++) {
        self->nest.to = to + to_offsets[i];
        self->nest.from = from + from_offsets[i];
        tsri_nest_run(&self->nest, body, &job);
    }
}

/* For each position in the ranges all of the points. */
static void move_points(const mover *self, const int64_t *to_offsets, const int64_t *from_offsets,
                        int64_t count, char *to, const char *from)
{
    int64_t at[TSR_RANK_MAX + 1] = {0};
    int axis;

    do {
        tsri_pick(to, to_offsets, from, from_offsets, count, self->run_bytes);
        for (axis = self->nest.rank - 1; axis >= 0; axis--) {
            const tsri_nest_axis *loop = &self->nest.axes[axis];
            to += loop->to;
            from += loop->from;
            if (++at[axis] < loop->count)
                break;
            to -= loop->to * loop->count;
            from -= loop->from * loop->count;
            at[axis] = 0;
        }
    } while (axis >= 0);
}

/* All points of the inner group, for one combination of the others. */
static void move_inner(mover *self, char *to, const char *from)
{
    int64_t to_offsets[BLOCK_POINTS] TSRI_UNINITIALIZED;
    int64_t from_offsets[BLOCK_POINTS] TSRI_UNINITIALIZED;
    int64_t total = self->target->groups[self->inner].count;

    for (int64_t first = 0; first < total; first += BLOCK_POINTS) {
        int64_t count = TSRI_MIN(total - first, (int64_t)BLOCK_POINTS);
        list_offsets(self->target, self->to, self->inner, first, count, to_offsets);
        list_offsets(self->target, self->from, self->inner, first, count, from_offsets);
        if (self->nest.rank > 0 && self->runs >= count)
            move_ranges(self, to_offsets, from_offsets, count, to, from);
        else
            move_points(self, to_offsets, from_offsets, count, to, from);
    }
}

/* All combinations of the points of the groups from `group` on. */
static void move_groups(mover *self, int group, char *to, const char *from)
{
    if (group == self->target->group_count) {
        move_inner(self, to, from);
        return;
    }
    if (group == self->inner) {
        move_groups(self, group + 1, to, from);
        return;
    }
    for (int64_t i = 0; i < self->target->groups[group].count; i++) {
        int64_t to_offset, from_offset;
        list_offsets(self->target, self->to, group, i, 1, &to_offset);
        list_offsets(self->target, self->from, group, i, 1, &from_offset);
        move_groups(self, group + 1, to + to_offset, from + from_offset);
    }
}

/* Copies the elements of a target from one side to the other, which have one element size; those of
 * later points over those of earlier ones. */
static void move(const tsri_target *target, const side *to, const side *from)
{
    mover self TSRI_UNINITIALIZED;

    self.target = target;
    self.to = to;
    self.from = from;
    self.inner = 0;
    if (!tsri_nest_init(&self.nest, &to->ranges, &from->ranges, 1))
        return;
    self.run_bytes = tsri_nest_fold(&self.nest, to->ranges.dtype->size_bytes);
    self.runs = self.nest.rank > 0 ? self.nest.axes[self.nest.rank - 1].count : 1;
    for (int i = 1; i < target->group_count; i++)
        if (target->groups[i].count > target->groups[self.inner].count)
            self.inner = i;
    move_groups(&self, 0, self.nest.to, self.nest.from);
}

/* ---- parts ---- */

typedef struct part_job part_job;
struct part_job {
    const tsr_view *chunk; /* NULL: the fill value */
    bool swapped;
    int64_t most; /* elements of a part, as long as it has more than one point */
    void *memory; /* for the elements of a part, in the array's type, and then in the caller's */
    int (*body)(const part_job *job, const tsri_target *part, tsr_error *err);
};

/* Divides a target into parts of at most job->most elements, in order, as far as its points go. */
static int each_part(const part_job *job, const tsri_target *target, tsr_error *err)
{
    int64_t count = tsri_target_count(target);
    int widest = 0;
    tsri_target part;

    for (int i = 1; i < target->group_count; i++)
        if (target->groups[i].count > target->groups[widest].count)
            widest = i;
    int64_t points = target->groups[widest].count;
    if (count <= job->most || points == 1)
        return job->body(job, target, err);
    tsri_target_copy(&part, target);
    int64_t step = TSRI_MAX(job->most / (count / points), (int64_t)1);
    for (int64_t first = 0; first < points; first += step) {
        part.groups[widest].from = target->groups[widest].from + first;
        part.groups[widest].count = TSRI_MIN(step, points - first);
        TSRI_TRY(each_part(job, &part, err));
    }
    return 0;
}

/* The next points from `from` on whose numbers follow each other within a row of the result. */
static int64_t end_of_run(const tsri_target_points *points, int64_t from, const int64_t *shape)
{
    const tsri_index_group *group = points->points->group;
    const int64_t *numbers = points->points->to;
    int64_t row = shape[group->result_axes[group->result_count - 1]];
    int64_t next = from + 1;

    while (next < points->from + points->count && numbers[next] == numbers[next - 1] + 1 &&
           numbers[next] % row != 0)
        next++;
    return next;
}

/* Divides a target into parts that are boxes of the result, in order. */
static int each_box(const part_job *job, const tsri_target *target, int group, tsr_error *err)
{
    tsri_target part;

    if (group == target->group_count)
        return each_part(job, target, err);
    const tsri_target_points *all = &target->groups[group];
    tsri_target_copy(&part, target);
    for (int64_t from = all->from; from < all->from + all->count;) {
        int64_t end = end_of_run(all, from, target->read->index.layout->shape);
        part.groups[group].from = from;
        part.groups[group].count = end - from;
        TSRI_TRY(each_box(job, &part, group + 1, err));
        from = end;
    }
    return 0;
}

/* Memory behind that of the elements in the array's type, for those in the caller's. */
static void *second_memory(const part_job *job, const tsri_target *target)
{
    size_t size_bytes = (size_t)job->most * target->read->array->dtype->size_bytes;
    return (char *)job->memory +
           (size_bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

/* The elements of a target with no more than one point of each group. */
static int64_t count_ranges(const tsri_target *target)
{
    int64_t count = 1;
    for (int axis = 0; axis < target->rank; axis++)
        count *= target->axes[axis].count;
    return count;
}

/* Handles a target in parts, with memory for `more_bytes` beyond each element of the array. */
static int in_parts(const tsri_target *target, part_job *job, size_t more_bytes, bool boxes,
                    tsr_error *err)
{
    size_t element_bytes = target->read->array->dtype->size_bytes + more_bytes;
    int64_t size_bytes;

    job->most = TSRI_MAX((int64_t)(PART_BYTES / element_bytes), count_ranges(target));
    job->most = TSRI_MIN(job->most, tsri_target_count(target));
    if (!tsri_multiply_i64(job->most, (int64_t)element_bytes, &size_bytes) ||
        !tsri_add_i64(size_bytes, ALIGNMENT_BYTES, &size_bytes))
        return tsri_error_no_memory(err, SIZE_MAX);
    job->memory = tsri_alloc((size_t)size_bytes);
    if (!job->memory)
        return tsri_error_no_memory(err, (size_t)size_bytes);
    int status = boxes ? each_box(job, target, 0, err) : each_part(job, target, err);
    tsri_free(job->memory);
    return status;
}

/* A dense list of the elements of a part. */
static void view_of_part(const tsri_target *part, const tsr_dtype *dtype, void *memory,
                         tsr_view *ret_view)
{
    *ret_view = (tsr_view){.dtype = dtype, .rank = 1, .data = memory};
    ret_view->shape[0] = tsri_target_count(part);
    ret_view->strides[0] = (int64_t)dtype->size_bytes;
}

/* ---- reading ---- */

/* Fills the memory of the job with the elements of a part, in native byte order. */
static void gather(const part_job *job, const tsri_target *part, side *ret_side)
{
    const tsr_dtype *dtype = part->read->array->dtype;
    side from;
    tsr_view list;

    side_of_memory(part, dtype, job->memory, ret_side);
    side_of_chunk(part, job->chunk, &from);
    move(part, ret_side, &from);
    view_of_part(part, dtype, job->memory, &list);
    if (job->swapped)
        tsri_view_copy_swapped(&list, &list);
}

static int give_to_sink(const part_job *job, const tsri_target *part, tsr_error *err)
{
    const tsr_array *array = part->read->array;
    side elements;

    if (job->chunk)
        gather(job, part, &elements);
    else
        side_of_element(part, array->dtype, array->fill_value, &elements);
    return tsri_target_call(part, &elements.ranges, elements.strides, err);
}

static int give_converted(const part_job *job, const tsri_target *part, tsr_error *err)
{
    const tsr_dtype *dtype = part->read->view->dtype;
    tsr_view native, list;
    side elements, caller;

    gather(job, part, &elements);
    side_of_caller(part, &caller);
    view_of_part(part, part->read->array->dtype, job->memory, &native);
    void *converted = second_memory(job, part);
    view_of_part(part, dtype, converted, &list);
    list.heap = part->read->view->heap;
    TSRI_TRY(tsr_view_copy(&list, &native, part->read->casting, err));
    side_of_memory(part, dtype, converted, &elements);
    move(part, &caller, &elements);
    return 0;
}

/* One element for all, in the caller's type. */
static int give_fill(const tsri_target *target, tsr_error *err)
{
    const tsr_array *array = target->read->array;
    const tsr_dtype *dtype = target->read->view->dtype;
    tsr_view from = {.dtype = array->dtype, .data = array->fill_value};
    tsr_view to = {
        .dtype = dtype, .data = tsri_alloc(dtype->size_bytes), .heap = target->read->view->heap};
    side caller, element;

    if (!to.data)
        return tsri_error_no_memory(err, dtype->size_bytes);
    int status = tsr_view_copy(&to, &from, target->read->casting, err);
    if (status == 0) {
        side_of_caller(target, &caller);
        side_of_element(target, dtype, to.data, &element);
        move(target, &caller, &element);
    }
    tsri_free(to.data);
    return status;
}

int tsri_target_deliver_points(const tsri_target *target, const tsr_view *chunk, bool swapped,
                               tsr_error *err)
{
    const tsr_view *view = target->read->view;
    part_job job = {.chunk = chunk, .swapped = swapped, .body = give_to_sink};
    side to, from;

    if (!target->data)
        return in_parts(target, &job, 0, true, err);
    if (!chunk)
        return give_fill(target, err);
    if (swapped || tsr_dtype_is_variable(view->dtype) ||
        !tsr_dtype_equal(view->dtype, target->read->array->dtype)) {
        job.body = give_converted;
        return in_parts(target, &job, view->dtype->size_bytes, false, err);
    }
    side_of_caller(target, &to);
    side_of_chunk(target, chunk, &from);
    move(target, &to, &from);
    return 0;
}

/* ---- writing ---- */

static int take_from_source(const part_job *job, const tsri_target *part, tsr_error *err)
{
    side elements, chunk;

    side_of_memory(part, part->read->array->dtype, job->memory, &elements);
    elements.ranges.heap = job->chunk->heap;
    TSRI_TRY(tsri_target_call(part, &elements.ranges, elements.strides, err));
    side_of_chunk(part, job->chunk, &chunk);
    move(part, &chunk, &elements);
    return 0;
}

static int take_converted(const part_job *job, const tsri_target *part, tsr_error *err)
{
    const tsr_dtype *dtype = part->read->view->dtype, *to = part->read->array->dtype;
    void *given = second_memory(job, part);
    tsr_view list, converted;
    side caller, elements, chunk;

    side_of_caller(part, &caller);
    side_of_memory(part, dtype, given, &elements);
    move(part, &elements, &caller);
    view_of_part(part, dtype, given, &list);
    view_of_part(part, to, job->memory, &converted);
    converted.heap = job->chunk->heap;
    TSRI_TRY(tsr_view_copy(&converted, &list, part->read->casting, err));
    side_of_memory(part, to, job->memory, &elements);
    side_of_chunk(part, job->chunk, &chunk);
    move(part, &chunk, &elements);
    return 0;
}

int tsri_target_collect_points(const tsri_target *target, const tsr_view *chunk, tsr_error *err)
{
    part_job job = {.chunk = chunk, .body = take_from_source};
    side to, from;

    if (!target->data)
        return in_parts(target, &job, 0, true, err);
    if (!tsr_dtype_equal(target->read->view->dtype, chunk->dtype)) {
        job.body = take_converted;
        return in_parts(target, &job, target->read->view->dtype->size_bytes, false, err);
    }
    side_of_caller(target, &from);
    side_of_chunk(target, chunk, &to);
    move(target, &to, &from);
    return 0;
}
