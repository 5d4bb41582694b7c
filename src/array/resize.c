/* Other shapes: resizing, appending, and learning of what others have done.
 *
 * A new shape is published by one conditional put of the metadata while the node is held, so that
 * of two who change a shape both win, one after the other. What is to be seen under the new shape
 * is made ready before: readers see the old shape with the old elements, or the new with the new.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "array/array.h"
#include "array/grid_meta.h"
#include "array/node_hold.h"
#include "array/resize.h"
#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"
#include "exec/pool.h"

/* Somebody who holds no lock may win this often in a row before a change gives up. */
#define ATTEMPTS_MAX 100

/* ---- the handle ---- */

static bool same_codecs(const tsri_zarr_meta *a, const tsri_zarr_meta *b)
{
    if (a->codec_count != b->codec_count)
        return false;
    for (int i = 0; i < a->codec_count; i++)
        if (strcmp(a->codecs[i].name, b->codecs[i].name) != 0 ||
            strcmp(a->codecs[i].configuration, b->codecs[i].configuration) != 0)
            return false;
    return true;
}

static bool same_chunks(const tsri_grid *a, const tsri_grid *b)
{
    for (int axis = 0; axis < a->rank; axis++)
        if (a->axes[axis].longest != b->axes[axis].longest)
            return false;
    return tsri_grid_agrees(a, b);
}

/* Whether metadata is of the array that was opened, but for shape and attributes. */
static int check_same(tsr_array *array, const tsri_zarr_meta *meta, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    if (!meta->is_group && meta->rank == array->rank &&
        tsr_dtype_equal(meta->dtype, array->dtype) &&
        tsr_dtype_element_equal(array->dtype, meta->fill_value, array->fill_value) &&
        tsri_key_encoding_agrees(meta->keys, array->meta->keys) && same_codecs(meta, array->meta) &&
        same_chunks(meta->grid, grid))
        return 0;
    tsr_error_set(err, TSR_CONFLICT, "%s: somebody has made another array in its place",
                  array->place);
    tsr_error_set_next_step(err, "close it and open it again");
    return TSR_CONFLICT;
}

/* Makes the handle what the metadata says. */
static int install(tsr_array *array, const tsri_zarr_meta *meta, tsr_error *err)
{
    char *attributes = NULL;

    if (meta->attributes)
        TSRI_TRY(tsr_json_text(meta->attributes, 0, &attributes, err));
    else if (!(attributes = tsri_strdup("{}")))
        return tsri_error_no_memory(err, 3);
    pthread_mutex_lock(&array->mutex);
    tsri_grid *before = array->grid;
    char *old = array->attributes;
    array->grid = tsri_grid_ref(meta->grid);
    array->attributes = attributes;
    for (int axis = 0; axis < array->rank; axis++)
        __atomic_store_n(&array->shape[axis], meta->shape[axis], __ATOMIC_RELAXED);
    pthread_mutex_unlock(&array->mutex);
    tsri_grid_unref(before);
    tsri_free(old);
    return 0;
}

int tsri_array_refresh_version(tsr_array *array, tsr_generation *ret_version, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsri_node_version version;

    TSRI_TRY(tsri_node_read_version(array->store, array->path, array->meta->zarr_format, &meta,
                                    &version, err));
    TSRI_TRY(check_same(array, meta, err));
    *ret_version = version.document;
    return install(array, meta, err);
}

int tsr_array_refresh(tsr_array *array, tsr_error *err)
{
    tsr_generation version;

    if (!array->meta)
        return 0; /* nobody changes the shape of a variable in a file that is open */
    return tsri_array_refresh_version(array, &version, err);
}

/* The array in the store, held, and its metadata with another shape. */
typedef struct change {
    tsri_node_hold hold;
    tsri_zarr_meta *then;
} change;

static void change_cleanup(change *self)
{
    tsri_node_hold_give(&self->hold);
    tsri_zarr_meta_free(self->then);
}

static int hold_array(change *self, tsr_array *array, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsri_node_hold_take(&self->hold, array->store, array->path, array->meta->zarr_format,
                                 false, call, err));
    return check_same(array, self->hold.meta, err);
}

static int plan_shape(change *self, tsr_array *array, const int64_t *shape, tsr_error *err)
{
    const int64_t *inner = array->shard_levels > 0 ? array->inner_shapes[0] : NULL;
    TSRI_TRY_IN(
        err,
        tsri_zarr_meta_with_shape(array->context, self->hold.meta, shape, inner, &self->then, err),
        "%s", array->place);
    return 0;
}

static int publish(change *self, tsr_array *array, tsr_durability durability, tsr_error *err)
{
    TSRI_TRY(tsri_node_hold_put_document(&self->hold, self->then, durability, err));
    return install(array, self->then, err);
}

/* ---- what lies outside of both shapes ---- */

typedef struct leftovers {
    tsr_array *array;
    const tsr_call *call;
    tsri_grid *wide;            /* of all chunks that either shape has, whole ones */
    int64_t kept[TSR_RANK_MAX]; /* the part that both shapes have */
    bool changes[TSR_RANK_MAX]; /* axes that do not keep their length */
    int64_t *chunks;            /* `rank` numbers for each that has something to lose */
    size_t count, capacity;
    tsr_error *err;
    int status;
} leftovers;

static void leftovers_cleanup(leftovers *self)
{
    tsri_grid_unref(self->wide);
    tsri_free(self->chunks);
}

/* The end of the last chunk that holds an element of a length, or as far as numbers go. */
static int64_t end_of_chunks(const tsri_grid *grid, int axis, int64_t length)
{
    int64_t end;
    if (length == 0)
        return 0;
    int64_t chunk = tsri_grid_chunk_at(grid, axis, length - 1);
    return tsri_add_i64(tsri_grid_start(grid, axis, chunk), tsri_grid_length(grid, axis, chunk),
                        &end)
               ? end
               : INT64_MAX;
}

/* `now` and `then` are the grids of the present and of the coming shape; then's lists of chunks go
 * at least as far. */
static int leftovers_init(leftovers *self, tsr_array *array, const tsri_grid *now,
                          const tsri_grid *then, const tsr_call *call, tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX];

    *self = (leftovers){.array = array, .call = call, .err = err};
    for (int axis = 0; axis < array->rank; axis++) {
        self->kept[axis] = TSRI_MIN(now->shape[axis], then->shape[axis]);
        self->changes[axis] = now->shape[axis] != then->shape[axis];
        shape[axis] = end_of_chunks(then, axis, TSRI_MAX(now->shape[axis], then->shape[axis]));
    }
    return tsri_grid_reshaped(then, shape, NULL, &self->wide, err);
}

/* Whether a chunk lies outside of what is kept, wholly or in part. */
static bool loses_elements(const leftovers *self, const int64_t *chunk)
{
    for (int axis = 0; axis < self->wide->rank; axis++) {
        int64_t start = tsri_grid_start(self->wide, axis, chunk[axis]);
        int64_t left = self->kept[axis] - start;
        if (self->changes[axis] && left < tsri_grid_length(self->wide, axis, chunk[axis]))
            return true;
    }
    return false;
}

static int note_key(void *user, const tsr_store_entry *entry)
{
    leftovers *self = user;
    size_t rank = (size_t)self->wide->rank;
    int64_t chunk[TSR_RANK_MAX];

    if (!tsri_chunk_key_parse(self->array->key.encoding, self->wide->rank, entry->name,
                              strlen(entry->name), chunk) ||
        !tsri_grid_has(self->wide, chunk) || !loses_elements(self, chunk))
        return 0;
    size_t row_bytes = (rank + 1) * sizeof *self->chunks;
    int64_t *chunks = tsri_grow_array(self->chunks, self->count, &self->capacity, row_bytes);
    if (!chunks) {
        self->status = tsri_error_no_memory(self->err, self->count * row_bytes);
        return 1;
    }
    self->chunks = chunks;
    memcpy(self->chunks + self->count++ * rank, chunk, rank * sizeof *chunk);
    return 0;
}

/* Puts fill values into the part of a chunk behind the end of one axis. */
static int blank(leftovers *self, const int64_t *chunk, int cut, tsr_error *err)
{
    tsr_array *array = self->array;
    tsri_read write = {.array = array, .grid = self->wide, .index = {.rank = array->rank}};
    tsr_view fill = {.dtype = array->dtype, .rank = array->rank, .data = (char *)array->fill_value};

    for (int axis = 0; axis < array->rank; axis++) {
        int64_t start = tsri_grid_start(self->wide, axis, chunk[axis]);
        int64_t end = TSRI_MIN(self->wide->shape[axis],
                               start + tsri_grid_length(self->wide, axis, chunk[axis]));
        if (axis == cut)
            start = TSRI_MAX(start, self->kept[axis]);
        write.index.axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, start, end - start, 1};
        fill.shape[axis] = end - start;
    }
    write.view = &fill;
    return tsri_write(&write, NULL, NULL, err);
}

/* Erases a chunk that is all behind the end, else its part there. */
static int clean_chunk(void *user, int64_t i, tsr_error *err)
{
    leftovers *self = user;
    const int64_t *chunk = self->chunks + (size_t)i * (size_t)self->wide->rank;
    tsr_extent extent;

    for (int axis = 0; axis < self->wide->rank; axis++) {
        if (tsri_grid_start(self->wide, axis, chunk[axis]) < self->kept[axis])
            continue;
        TSRI_TRY(tsri_array_locate(self->array, chunk, &extent, err));
        return tsr_store_erase(extent.store, extent.key, NULL, err);
    }
    for (int axis = 0; axis < self->wide->rank; axis++)
        if (self->changes[axis] &&
            self->kept[axis] < tsri_grid_start(self->wide, axis, chunk[axis]) +
                                   tsri_grid_length(self->wide, axis, chunk[axis]))
            TSRI_TRY(blank(self, chunk, axis, err));
    return 0;
}

/* Whatever lies outside of what both shapes have is gone afterwards, so that it is not seen when an
 * array grows, whoever has left it there. */
static int clean(tsr_array *array, const tsri_grid *now, const tsri_grid *then,
                 const tsr_call *call, tsr_error *err)
{
    tsr_auto(leftovers) self = {0};
    tsr_auto(tsri_text) *prefix = tsri_format("%s%s", array->path, *array->path ? "/" : "");

    if (!prefix)
        return tsri_error_no_memory(err, 0);
    TSRI_TRY(leftovers_init(&self, array, now, then, call, err));
    int status = tsr_store_list(array->store, prefix, false, note_key, &self, call, err);
    if (self.status < 0 || status < 0)
        return self.status < 0 ? self.status : status;
    TSRI_TRY(tsri_parallel_for(array->context, call, NULL, (int64_t)self.count, 1, clean_chunk,
                               &self, err));
    return tsr_store_flush(array->store, call, err);
}

/* ---- the public calls ---- */

void tsr_resize_options_init(tsr_resize_options *options)
{
    *options = (tsr_resize_options){.struct_size = sizeof *options};
}

static int check_shape(const tsr_array *array, const int64_t *shape, tsr_error *err)
{
    for (int axis = 0; axis < array->rank; axis++)
        if (shape[axis] < 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s: axis %d cannot be %" PRId64 " long", array->place, axis,
                                 shape[axis]);
    return 0;
}

static int resize_once(tsr_array *array, const int64_t *shape, const tsr_resize_options *options,
                       const tsr_call *call, tsr_error *err)
{
    tsr_auto(change) self = {{0}, NULL};

    TSRI_TRY(hold_array(&self, array, call, err));
    if (memcmp(self.hold.meta->shape, shape, (size_t)array->rank * sizeof *shape) == 0)
        return install(array, self.hold.meta, err);
    TSRI_TRY(plan_shape(&self, array, shape, err));
    if (!options->keep_chunks)
        TSRI_TRY(clean(array, self.hold.meta->grid, self.then->grid, call, err));
    return publish(&self, array, TSR_DURABILITY_FLUSH, err);
}

int tsr_array_resize(tsr_array *array, const int64_t *shape, const tsr_resize_options *options,
                     const tsr_call *call, tsr_error *err)
{
    tsr_resize_options defaults;

    TSRI_TRY(tsri_check_writable(array, err));
    TSRI_TRY(check_shape(array, shape, err));
    tsr_resize_options_init(&defaults);
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_resize_options_init has not set up");
    for (int attempts = 1;; attempts++) {
        int status = resize_once(array, shape, options ? options : &defaults, call, err);
        if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX)
            return status;
        tsr_error_clear(err);
    }
}

static int grow_once(tsr_array *array, const int64_t *shape, tsr_error *err)
{
    tsr_auto(change) self = {{0}, NULL};
    int64_t wanted[TSR_RANK_MAX];
    bool grows = false;

    TSRI_TRY(hold_array(&self, array, NULL, err));
    for (int axis = 0; axis < array->rank; axis++) {
        wanted[axis] = TSRI_MAX(shape[axis], self.hold.meta->shape[axis]);
        grows |= wanted[axis] > self.hold.meta->shape[axis];
    }
    if (!grows)
        return install(array, self.hold.meta, err);
    TSRI_TRY(plan_shape(&self, array, wanted, err));
    return publish(&self, array, TSR_DURABILITY_FLUSH, err);
}

int tsri_array_grow(tsr_array *array, const int64_t *shape, tsr_error *err)
{
    for (int attempts = 1;; attempts++) {
        int status = grow_once(array, shape, err);
        if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX)
            return status;
        tsr_error_clear(err);
    }
}

/* The shape with the view behind the end of `axis`. */
static int appended_shape(const tsr_array *array, const int64_t *now, int axis,
                          const tsr_view *view, int64_t *ret_shape, tsr_error *err)
{
    if (axis < 0 || axis >= array->rank || view->rank != array->rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s: a view of %d axes is not appended along axis %d of %d",
                             array->place, view->rank, axis, array->rank);
    for (int i = 0; i < array->rank; i++) {
        ret_shape[i] = now[i];
        if (i != axis && view->shape[i] != now[i])
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s: axis %d is %" PRId64 " long, and %" PRId64
                                 " in what is to be appended",
                                 array->place, i, now[i], view->shape[i]);
    }
    if (!tsri_add_i64(now[axis], view->shape[axis], &ret_shape[axis]))
        return tsr_error_set(err, TSR_LIMIT, "%s: axis %d would pass 2^63-1", array->place, axis);
    return 0;
}

/* The elements go behind the end while nobody else may move that. */
static int append_once(tsr_array *array, int axis, const tsr_view *view, tsr_casting casting,
                       const tsr_write_options *options, const tsr_call *call, int64_t *ret_start,
                       tsr_error *err)
{
    tsr_auto(change) self = {{0}, NULL};
    int64_t shape[TSR_RANK_MAX];

    TSRI_TRY(hold_array(&self, array, call, err));
    const int64_t *now = self.hold.meta->shape;
    TSRI_TRY(appended_shape(array, now, axis, view, shape, err));
    *ret_start = now[axis];
    if (view->shape[axis] == 0)
        return install(array, self.hold.meta, err);
    TSRI_TRY(plan_shape(&self, array, shape, err));
    tsri_read write = {.array = array, .grid = self.then->grid, .casting = casting, .view = view};
    tsr_index_all(&write.index, array->rank, shape);
    write.index.axes[axis].start = now[axis];
    write.index.axes[axis].count = view->shape[axis];
    TSRI_TRY(tsri_write(&write, options, call, err));
    return publish(&self, array, options ? options->durability : TSR_DURABILITY_FLUSH, err);
}

/* Data lies behind the end before the metadata says so, where another appender must not write. */
static int check_exclusive(const tsr_array *array, tsr_error *err)
{
    const tsr_store *store = array->store;
    if (store->ops->lock || store->hints.in_process)
        return 0;
    tsr_error_set(err, TSR_UNSUPPORTED, "%s: appending needs a store that can lock, and %s cannot",
                  array->place, tsr_store_url(store));
    tsr_error_set_next_step(err, "resize the array, and write into the new part");
    return TSR_UNSUPPORTED;
}

int tsr_array_append(tsr_array *array, int axis, const tsr_view *view, tsr_casting casting,
                     const tsr_write_options *options, const tsr_call *call, int64_t *ret_start,
                     tsr_error *err)
{
    int64_t start;

    TSRI_TRY(tsri_check_writable(array, err));
    TSRI_TRY(tsri_check_cast(view->dtype, array, casting, err));
    TSRI_TRY(check_exclusive(array, err));
    for (int attempts = 1;; attempts++) {
        int status = append_once(array, axis, view, casting, options, call, &start, err);
        if (status == 0 && ret_start)
            *ret_start = start;
        if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX)
            return status;
        tsr_error_clear(err);
    }
}
