/* Opening and creating arrays, and replacing their attributes. */
#include "array/copied_tree.h"
#include "array/create.h"
#include "array/figures_kept.h"
#include "array/node_hold.h"
#include "array/place.h"
#include "base/context.h"

void tsr_array_open_options_init(tsr_array_open_options *options)
{
    *options = (tsr_array_open_options){.struct_size = sizeof *options,
                                        .index_cache_bytes = TSRI_INDEX_CACHE_BYTES};
}

static int check_options(const tsr_array_open_options *options, tsr_error *err)
{
    if (options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_array_open_options_init has not set up");
    if (options->zarr_format != 0 && options->zarr_format != 2 && options->zarr_format != 3)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "zarr_format %d; 2 or 3",
                             options->zarr_format);
    if (options->index_cache_bytes < 0 || options->chunk_cache_bytes < 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a cache of a negative size; 0 keeps nothing");
    return 0;
}

int tsri_open_options(const tsr_array_open_options *options, tsr_array_open_options *ret_options,
                      tsr_error *err)
{
    tsr_array_open_options_init(ret_options);
    if (!options)
        return 0;
    TSRI_TRY(check_options(options, err));
    *ret_options = *options;
    return 0;
}

/* Takes the metadata over when it succeeds. */
static int open_with_meta(tsr_store *store, const char *path, const char *place,
                          const tsr_array_open_options *options, tsri_zarr_meta *meta,
                          tsr_array **ret_array, tsr_error *err)
{
    if (meta->is_group) {
        tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: a group, not an array", place);
        tsr_error_set_next_step(err, "name one of its arrays; `tessera tree` lists them");
        return TSR_TYPE_MISMATCH;
    }
    TSRI_TRY(tsri_array_from_zarr(store->context, store, path, place, meta, options->writable,
                                  ret_array, err));
    (*ret_array)->indexes.limit_bytes = options->index_cache_bytes;
    (*ret_array)->chunks.limit_bytes = options->chunk_cache_bytes;
    return 0;
}

int tsri_array_open_node(tsr_store *store, const char *path, const char *place,
                         const tsr_array_open_options *options, tsr_array **ret_array,
                         tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    TSRI_TRY(tsri_node_read(store, path, options->zarr_format, &meta, err));
    TSRI_TRY(open_with_meta(store, path, place, options, meta, ret_array, err));
    meta = NULL;
    return 0;
}

/* Of an array that has no document: see copied_tree.h. */
static int open_copied(tsri_place *where, const tsr_array_open_options *options,
                       tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_consolidated) *copies = NULL;
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    TSRI_TRY(tsri_copied_tree_read(where, options, &copies, &meta, err));
    TSRI_TRY(open_with_meta(where->store, where->path, where->text, options, meta, ret_array, err));
    meta = NULL;
    return 0;
}

static void release_file(void *file)
{
    tsri_file_unref(file);
}

int tsri_array_open_in_file(tsri_file *file, const char *inner_path, tsr_array **ret_array,
                            tsr_error *err)
{
    TSRI_TRY(file->format->open_array(file->handle, inner_path, ret_array, err));
    (*ret_array)->file = tsri_file_ref(file);
    (*ret_array)->release_file = release_file;
    return 0;
}

int tsr_array_open(tsr_context *context, const char *place, const tsr_array_open_options *options,
                   tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;
    tsr_array_open_options chosen;

    TSRI_TRY(tsri_open_options(options, &chosen, err));
    TSRI_TRY(tsri_place_resolve(context, place, chosen.store, false, &where, err));
    if (!where.file) {
        int status =
            tsri_array_open_node(where.store, where.path, where.text, &chosen, ret_array, err);
        return status == TSR_NOT_FOUND ? open_copied(&where, &chosen, ret_array, err) : status;
    }
    if (chosen.writable)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: %s files are read only", place,
                             where.file->format->name);
    return tsri_array_open_in_file(where.file, where.path, ret_array, err);
}

/* Whether an array is what was asked for; chunks that were not asked for may be any. */
static bool is_as_asked(const tsr_array *array, const tsr_array *asked,
                        const tsr_array_create_options *options)
{
    if (array->rank != asked->rank || !tsr_dtype_equal(array->dtype, asked->dtype))
        return false;
    const int64_t *inner = tsr_array_inner_chunk_shape(array, array->shard_levels);
    const int64_t *asked_inner = tsr_array_inner_chunk_shape(asked, asked->shard_levels);
    for (int axis = 0; axis < array->rank; axis++) {
        bool same = array->shape[axis] == asked->shape[axis];
        if (options->chunk_shape && !options->codecs)
            same &= inner[axis] == asked_inner[axis];
        if (options->shard_shape && !options->codecs)
            same &= array->chunk_shape[axis] == asked->chunk_shape[axis];
        if (!same)
            return false;
    }
    return !options->chunk_edges || tsri_grid_equal(array->grid, asked->grid);
}

/* An array that exists already serves when it is what was asked for. */
static int open_existing(const tsri_place *where, const tsr_array_create_options *options,
                         const tsr_array *asked, tsr_array **ret_array, tsr_error *err)
{
    tsr_array_open_options open_options;
    tsr_auto(tsr_array) *array = NULL;

    tsr_array_open_options_init(&open_options);
    open_options.writable = true;
    TSRI_TRY(
        tsri_array_open_node(where->store, where->path, where->text, &open_options, &array, err));
    if (!is_as_asked(array, asked, options)) {
        tsr_error_set(err, TSR_EXISTS, "%s: an array of another type, shape or chunks exists",
                      where->text);
        tsr_error_set_next_step(err, "choose another place, or ask for it to be overwritten");
        return TSR_EXISTS;
    }
    if (options->statistics)
        TSRI_TRY(tsr_array_keep_statistics(array, NULL, err));
    *ret_array = TSRI_TAKE(array);
    return 0;
}

/* What is wrong with metadata that the caller's own options made is wrong with the options. */
static int build(const tsri_place *where, const tsr_array_create_options *options,
                 tsri_zarr_meta **ret_meta, tsr_array **ret_array, tsr_error *err)
{
    tsr_context *context = where->store->context;
    tsr_error own = TSR_ERROR_INIT;
    int status;

    if (!err)
        err = &own;
    status = tsri_create_meta(context, options, ret_meta, err);
    if (status >= 0)
        status = tsri_array_from_zarr(context, where->store, where->path, where->text, *ret_meta,
                                      true, ret_array, err);
    if (status == TSR_BAD_METADATA)
        err->status = status = TSR_INVALID_ARGUMENT;
    if (status < 0)
        tsr_error_prepend(err, "creating %s", where->text);
    return status;
}

/* Opening goes on with what encoders do not take, for the sake of what others wrote; a new array is
 * none of that. */
static int check_encoders(const tsri_place *where, const tsr_array *array, tsr_error *err)
{
    int status = tsri_chain_check_encoders(array->prepared->chain, err);

    if (status == 0)
        return 0;
    if (err)
        err->status = TSR_INVALID_ARGUMENT;
    tsr_error_prepend(err, "creating %s", where->text);
    return TSR_INVALID_ARGUMENT;
}

int tsri_array_create_node(const tsri_place *where, const tsr_array_create_options *options,
                           tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_create_mode mode = options->mode == TSR_CREATE_OPEN ? TSR_CREATE_NEW : options->mode;

    TSRI_TRY(build(where, options, &meta, &array, err));
    tsri_zarr_meta *owned = meta; /* the array's from here on */
    meta = NULL;
    TSRI_TRY(check_encoders(where, array, err));
    if (options->parity && array->parity.data_rows == 0) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "creating %s: parity needs shards whose inner chunks are read one by one",
                      where->text);
        tsr_error_set_next_step(err, "give a shard shape, and no codecs around the shards");
        return TSR_INVALID_ARGUMENT;
    }
    if (options->statistics)
        TSRI_TRY(tsri_figures_check(array, err));
    if (options->mode == TSR_CREATE_OPEN) {
        tsr_node_kind kind;
        TSRI_TRY(tsri_node_kind(where->store, where->path, 0, &kind, err));
        if (kind == TSR_NODE_ARRAY)
            return open_existing(where, options, array, ret_array, err);
    }
    TSRI_TRY(tsri_node_create(where->store, where->path, owned, mode, err));
    if (options->statistics)
        TSRI_TRY(tsr_array_keep_statistics(array, NULL, err));
    array->figures_known = true;
    *ret_array = TSRI_TAKE(array);
    return 0;
}

int tsr_array_create(tsr_context *context, const char *place,
                     const tsr_array_create_options *options, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;

    if (!options || options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_array_create_options_init has not set up");
    TSRI_TRY(tsri_place_resolve(context, place, options->store, true, &where, err));
    return tsri_array_create_node(&where, options, ret_array, err);
}

static int change_attributes(tsr_array *array, const tsri_attribute_change *change, tsr_error *err)
{
    char *json = NULL;

    if (!array->writable || !array->meta)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", array->place);
    TSRI_TRY_IN(err,
                tsri_node_change_attributes(array->store, array->path, array->meta->zarr_format,
                                            false, change, &json, err),
                "%s", array->place);
    pthread_mutex_lock(&array->mutex);
    char *before = array->attributes;
    array->attributes = json;
    pthread_mutex_unlock(&array->mutex);
    tsri_free(before);
    return 0;
}

int tsr_array_set_attributes(tsr_array *array, const char *json, tsr_error *err)
{
    return change_attributes(array, &(tsri_attribute_change){true, json, NULL}, err);
}

int tsr_array_update_attributes(tsr_array *array, const char *json, const char *const *removed,
                                tsr_error *err)
{
    return change_attributes(array, &(tsri_attribute_change){false, json, removed}, err);
}
