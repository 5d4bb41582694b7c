/* An array whose elements a function works out. */
#include <tessera/derived.h>

#include "array/lower.h"
#include "base/call.h"
#include "base/checked.h"
#include "derived/cell.h"
#include "meta/json.h"

#define CHUNK_BYTES_AIM (INT64_C(1) << 20)

typedef struct virtual_driver {
    int (*fill)(void *user, const int64_t *start, const tsr_view *box, const tsr_call *call,
                tsr_error *err);
    void (*release)(void *user);
    void *user;
    int rank;
    int64_t *shape, *chunk_shape; /* for arrays whose chunks are filled as a whole; else NULL */
} virtual_driver;

static void driver_free(virtual_driver *self)
{
    tsri_free(self->shape);
    tsri_free(self->chunk_shape);
    tsri_free(self);
}

static void virtual_close(void *driver)
{
    virtual_driver *self = driver;
    if (self->release)
        self->release(self->user);
    driver_free(self);
}

static int call_fill(const virtual_driver *self, const int64_t *start, const tsr_view *box,
                     const tsr_call *call, tsr_error *err)
{
    int status = self->fill(self->user, start, box, call, err);
    if (status == 0)
        return 0;
    if (status > 0)
        status = TSR_CANCELLED;
    if (err && err->status != status)
        tsr_error_set(err, status, "the function that fills it failed");
    return status;
}

/* The chunk around a box, of which it has a part or all. */
static int fill_chunk(const virtual_driver *self, const int64_t *start, const tsr_view *view,
                      const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsr_view) chunk = {0};
    tsr_view part;
    int64_t origin[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    bool whole = true;

    for (int axis = 0; axis < self->rank; axis++) {
        origin[axis] = start[axis] - start[axis] % self->chunk_shape[axis];
        shape[axis] = TSRI_MIN(self->chunk_shape[axis], self->shape[axis] - origin[axis]);
        whole &= shape[axis] == view->shape[axis];
    }
    if (whole)
        return call_fill(self, start, view, call, err);
    TSRI_TRY(tsr_view_new(&chunk, view->dtype, self->rank, shape, err));
    TSRI_TRY(call_fill(self, origin, &chunk, call, err));
    part = chunk;
    for (int axis = 0; axis < self->rank; axis++)
        TSRI_TRY(
            tsr_view_slice(&part, axis, start[axis] - origin[axis], view->shape[axis], 1, err));
    return tsr_view_copy(view, &part, TSR_CASTING_NO, err);
}

static int virtual_read_box(void *driver, const int64_t *start, const tsr_view *view,
                            const tsr_call *call, tsr_error *err)
{
    const virtual_driver *self = driver;
    const tsr_call below = tsri_call_below(call);
    return self->chunk_shape ? fill_chunk(self, start, view, &below, err)
                             : call_fill(self, start, view, &below, err);
}

static const tsr_array_ops parallel_ops = {
    .struct_size = sizeof parallel_ops, .close = virtual_close, .read_box = virtual_read_box};
static const tsr_array_ops serial_ops = {.struct_size = sizeof serial_ops,
                                         .close = virtual_close,
                                         .read_box = virtual_read_box,
                                         .serial = true};

void tsr_virtual_options_init(tsr_virtual_options *options)
{
    *options = (tsr_virtual_options){.struct_size = sizeof *options, .name = "virtual array"};
}

static int check(const tsr_virtual_options *options, tsr_error *err)
{
    if (options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_virtual_options_init has not set up");
    if (!options->dtype || !options->fill || !options->name ||
        (options->rank > 0 && !options->shape))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a virtual array needs a type, a shape, a name and a function");
    if (options->rank < 0 || options->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: %d axes; at most %d", options->name,
                             options->rank, TSR_RANK_MAX);
    return 0;
}

static int check_attributes(const tsr_virtual_options *options, tsr_error *err)
{
    tsr_auto(tsri_json) *attributes = NULL;
    if (!options->attributes)
        return 0;
    TSRI_TRY_IN(err,
                tsr_json_parse(options->attributes, strlen(options->attributes),
                               TSR_JSON_LONE_SURROGATES, 0, &attributes, err),
                "%s: attributes", options->name);
    if (json_object_is_type(attributes, json_type_object))
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: attributes that are no JSON object",
                         options->name);
}

static int keep_lengths(virtual_driver *self, const int64_t *shape, const int64_t *chunk,
                        tsr_error *err)
{
    size_t count = (size_t)self->rank, size_bytes = count * sizeof *shape;
    self->shape = tsri_alloc_array(count, sizeof *shape);
    self->chunk_shape = tsri_alloc_array(count, sizeof *shape);
    if (!self->shape || !self->chunk_shape)
        return tsri_error_no_memory(err, size_bytes);
    if (size_bytes > 0) {
        memcpy(self->shape, shape, size_bytes);
        memcpy(self->chunk_shape, chunk, size_bytes);
    }
    return 0;
}

/* What is filled at once keeps to the limit of what is decoded at once. */
static int check_chunk(const tsr_context *context, const tsr_virtual_options *options,
                       const int64_t *chunk, tsr_error *err)
{
    int64_t bytes = (int64_t)options->dtype->size_bytes;
    for (int axis = 0; axis < options->rank; axis++)
        if (!tsri_multiply_i64(bytes, TSRI_MIN(chunk[axis], options->shape[axis]), &bytes))
            bytes = INT64_MAX;
    if (bytes <= context->options.largest_chunk_bytes)
        return 0;
    return tsr_error_set(err, TSR_LIMIT, "%s: chunks of %lld bytes; at most %lld", options->name,
                         (long long)bytes, (long long)context->options.largest_chunk_bytes);
}

int tsr_array_new_virtual(tsr_context *context, const tsr_virtual_options *options,
                          tsr_array **ret_array, tsr_error *err)
{
    int64_t chunk[TSR_RANK_MAX];

    TSRI_TRY(check(options, err));
    TSRI_TRY(check_attributes(options, err));
    for (int axis = 0; axis < options->rank; axis++)
        chunk[axis] = options->chunk_shape ? options->chunk_shape[axis] : 1;
    if (!options->chunk_shape)
        tsri_cell_grow(options->rank, options->shape, (int64_t)options->dtype->size_bytes,
                       CHUNK_BYTES_AIM, chunk);
    TSRI_TRY(check_chunk(context, options, chunk, err));
    const tsr_array_description description = {.driver = "virtual",
                                               .place = options->name,
                                               .dtype = options->dtype,
                                               .rank = options->rank,
                                               .shape = options->shape,
                                               .chunk_shape = chunk,
                                               .fill_value = options->fill_value,
                                               .dimension_names = options->dimension_names,
                                               .attributes = options->attributes};
    virtual_driver *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    *self = (virtual_driver){.fill = options->fill,
                             .release = options->release,
                             .user = options->user,
                             .rank = options->rank};
    int status = options->whole_chunks ? keep_lengths(self, options->shape, chunk, err) : 0;
    if (status == 0)
        status = tsr_array_new(context, options->serial ? &serial_ops : &parallel_ops, self,
                               &description, ret_array, err);
    if (status < 0)
        driver_free(self);
    return status;
}
