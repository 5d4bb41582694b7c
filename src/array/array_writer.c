/* Gathers slices up to the end of a chunk, and appends them in one piece. */
#include <inttypes.h>
#include <tessera/writer.h>

#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"

#define MEMORY_BYTES_DEFAULT (INT64_C(1) << 30)

struct tsr_array_writer {
    tsr_array *array; /* held */
    int axis;
    tsr_write_options write;
    int64_t chunk_length; /* along the axis: of what the store holds under one key */
    int64_t unit_length;  /* of the smallest piece that is encoded by itself */
    tsr_view buffer;      /* its length along the axis is what fits */
    int64_t held, written;
    int64_t end;    /* of the array along the axis, as far as this writer knows */
    bool failed;    /* the last append: it may be in the array nevertheless */
    int64_t wanted; /* so many held positions are written: they reach to the end of a chunk */
};

void tsr_array_writer_options_init(tsr_array_writer_options *options)
{
    *options = (tsr_array_writer_options){.struct_size = sizeof *options,
                                          .memory_bytes = MEMORY_BYTES_DEFAULT};
    tsr_write_options_init(&options->write);
}

/* ---- opening ---- */

static int too_little_memory(const tsr_array_writer *self, int64_t slice_bytes, int64_t memory,
                             tsr_error *err)
{
    tsr_error_set(err, TSR_LIMIT,
                  "%s: %" PRId64 " positions of axis %d with %" PRId64
                  " bytes each are encoded together; the limit of the writer is %" PRId64 " bytes",
                  self->array->place, self->unit_length, self->axis, slice_bytes, memory);
    tsr_error_set_next_step(err, "raise memory_bytes, or make an array of smaller chunks");
    return TSR_LIMIT;
}

/* How many positions are held at most: those of a chunk, or as many whole inner chunks as fit. */
static int choose_capacity(const tsr_array_writer *self, const int64_t *shape, int64_t memory,
                           int64_t *ret_capacity, tsr_error *err)
{
    int64_t slice_bytes = (int64_t)self->array->dtype->size_bytes;
    for (int axis = 0; axis < self->array->rank; axis++)
        if (axis != self->axis && !tsri_multiply_i64(slice_bytes, shape[axis], &slice_bytes))
            slice_bytes = INT64_MAX;
    int64_t fit = slice_bytes > 0 ? memory / slice_bytes : INT64_MAX;
    *ret_capacity = TSRI_MIN(self->chunk_length, fit - fit % self->unit_length);
    return *ret_capacity > 0 ? 0 : too_little_memory(self, slice_bytes, memory, err);
}

/* From the present end of the array to the end of its chunk, or as far as the buffer reaches. */
static void aim(tsr_array_writer *self)
{
    self->end = __atomic_load_n(&self->array->shape[self->axis], __ATOMIC_RELAXED);
    int64_t in_chunk = self->chunk_length - self->end % self->chunk_length;
    int64_t in_buffer = self->buffer.shape[self->axis] - self->end % self->unit_length;
    self->wanted = TSRI_MIN(in_chunk, in_buffer);
}

static int prepare(tsr_array_writer *self, int64_t memory, tsr_error *err)
{
    const tsr_array *array = self->array;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    int64_t shape[TSR_RANK_MAX];
    const int64_t *inner = tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));

    self->chunk_length = tsr_array_chunk_shape(array)[self->axis];
    self->unit_length = inner ? inner[self->axis] : self->chunk_length;
    memcpy(shape, grid->shape, (size_t)array->rank * sizeof *shape);
    TSRI_TRY(choose_capacity(self, shape, memory, &shape[self->axis], err));
    TSRI_TRY(tsr_view_new(&self->buffer, array->dtype, array->rank, shape, err));
    aim(self);
    return 0;
}

int tsr_array_writer_open(tsr_array *array, const tsr_array_writer_options *options,
                          tsr_array_writer **ret_writer, tsr_error *err)
{
    tsr_array_writer_options defaults;

    tsr_array_writer_options_init(&defaults);
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_array_writer_options_init has not set up");
    options = options ? options : &defaults;
    TSRI_TRY(tsri_check_writable(array, err));
    if (options->axis < 0 || options->axis >= array->rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: there is no axis %d to append along",
                             array->place, options->axis);
    tsr_array_writer *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->array = tsr_array_ref(array);
    self->axis = options->axis;
    self->write = options->write;
    int status = prepare(self, options->memory_bytes, err);
    if (status < 0) {
        tsr_array_writer_discard(self);
        return status;
    }
    *ret_writer = self;
    return 0;
}

/* ---- writing ---- */

/* An append can fail after its new length was published, when that cannot be brought to the disk.
 * Trying again is right only if the array has not grown. */
static int check_not_appended(tsr_array_writer *self, tsr_error *err)
{
    TSRI_TRY(tsr_array_refresh(self->array, err));
    int64_t end = __atomic_load_n(&self->array->shape[self->axis], __ATOMIC_RELAXED);
    if (end == self->end) {
        self->failed = false;
        return 0;
    }
    tsr_error_set(err, TSR_CONFLICT,
                  "%s: an append failed, and the array has grown from %" PRId64 " to %" PRId64
                  " positions along axis %d meanwhile: what is held may be in it or not",
                  self->array->place, self->end, end, self->axis);
    tsr_error_set_next_step(err, "look at the end of the array, then go on with a new writer");
    return TSR_CONFLICT;
}

/* Appends `count` positions of a view to the array itself. */
static int write_through(tsr_array_writer *self, const tsr_view *view, int64_t start, int64_t count,
                         tsr_casting casting, const tsr_call *call, tsr_error *err)
{
    tsr_view part = *view;

    TSRI_TRY(tsr_view_slice(&part, self->axis, start, count, 1, err));
    if (self->failed)
        TSRI_TRY(check_not_appended(self, err));
    self->failed = true;
    TSRI_TRY(
        tsr_array_append(self->array, self->axis, &part, casting, &self->write, call, NULL, err));
    self->failed = false;
    self->written += count;
    aim(self);
    return 0;
}

static int write_held(tsr_array_writer *self, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(write_through(self, &self->buffer, 0, self->held, TSR_CASTING_NO, call, err));
    self->held = 0;
    tsr_heap_clear(self->buffer.heap);
    return 0;
}

/* Whole chunks out of a long view, straight from the caller's memory. */
static int take_chunks(tsr_array_writer *self, const tsr_view *view, tsr_casting casting,
                       const tsr_call *call, int64_t *taken, tsr_error *err)
{
    int64_t behind = view->shape[self->axis] - *taken - self->wanted;
    int64_t count = self->wanted + behind / self->chunk_length * self->chunk_length;

    TSRI_TRY(write_through(self, view, *taken, count, casting, call, err));
    *taken += count;
    return 0;
}

/* As much as there is room for, into the buffer. */
static int take_slices(tsr_array_writer *self, const tsr_view *view, tsr_casting casting,
                       int64_t *taken, tsr_error *err)
{
    int64_t count = TSRI_MIN(self->wanted - self->held, view->shape[self->axis] - *taken);
    tsr_view from = *view, to = self->buffer;

    TSRI_TRY(tsr_view_slice(&from, self->axis, *taken, count, 1, err));
    TSRI_TRY(tsr_view_slice(&to, self->axis, self->held, count, 1, err));
    TSRI_TRY(tsr_view_copy(&to, &from, casting, err));
    self->held += count;
    *taken += count;
    return 0;
}

static int take_all(tsr_array_writer *self, const tsr_view *view, tsr_casting casting,
                    const tsr_call *call, int64_t *taken, tsr_error *err)
{
    while (*taken < view->shape[self->axis]) {
        if (self->held >= self->wanted) /* what failed before */
            TSRI_TRY(write_held(self, call, err));
        if (self->held == 0 && view->shape[self->axis] - *taken >= self->wanted)
            TSRI_TRY(take_chunks(self, view, casting, call, taken, err));
        else
            TSRI_TRY(take_slices(self, view, casting, taken, err));
    }
    return self->held == self->wanted ? write_held(self, call, err) : 0;
}

static int check_view(const tsr_array_writer *self, const tsr_view *view, tsr_error *err)
{
    if (view->rank != self->buffer.rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s: a view of %d axes is not appended to %d", self->array->place,
                             view->rank, self->buffer.rank);
    for (int axis = 0; axis < view->rank; axis++)
        if (axis != self->axis && view->shape[axis] != self->buffer.shape[axis])
            return tsr_error_set(
                err, TSR_INVALID_ARGUMENT,
                "%s: axis %d is %" PRId64 " long, and %" PRId64 " in what is to be appended",
                self->array->place, axis, self->buffer.shape[axis], view->shape[axis]);
    return 0;
}

int tsr_array_writer_append(tsr_array_writer *self, const tsr_view *view, tsr_casting casting,
                            const tsr_call *call, int64_t *ret_taken, tsr_error *err)
{
    int64_t taken = 0;

    if (ret_taken)
        *ret_taken = 0;
    TSRI_TRY(check_view(self, view, err));
    TSRI_TRY(tsri_check_cast(view->dtype, self->array, casting, err));
    int status = take_all(self, view, casting, call, &taken, err);
    if (ret_taken)
        *ret_taken = taken;
    return status;
}

int tsr_array_writer_flush(tsr_array_writer *self, const tsr_call *call, tsr_error *err)
{
    return self->held > 0 ? write_held(self, call, err) : 0;
}

int64_t tsr_array_writer_written(const tsr_array_writer *self)
{
    return self->written;
}

int64_t tsr_array_writer_held(const tsr_array_writer *self)
{
    return self->held;
}

/* ---- closing ---- */

int tsr_array_writer_close(tsr_array_writer *self, const tsr_call *call, tsr_error *err)
{
    if (!self)
        return 0;
    int status = tsr_array_writer_flush(self, call, err);
    if (status < 0)
        tsr_error_prepend(err, "the last %" PRId64 " positions along axis %d are lost", self->held,
                          self->axis);
    tsr_array_writer_discard(self);
    return status;
}

void tsr_array_writer_discard(tsr_array_writer *self)
{
    if (!self)
        return;
    tsr_view_clear(&self->buffer);
    tsr_array_close(self->array);
    tsri_free(self);
}
