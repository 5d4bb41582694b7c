/* The array handle: made from a description, asked, closed. */
#include "array/array.h"

#include <inttypes.h>

#include "array/figures_kept.h"
#include "array/lower.h"
#include "base/checked.h"
#include "base/context.h"
#include "meta/json.h"
#include "tensor/variable.h"

static void free_names(char **names, int rank)
{
    for (int axis = 0; names && axis < rank; axis++)
        tsri_free(names[axis]);
    tsri_free(names);
}

static void array_free(tsr_array *array)
{
    if (array->ops && array->ops->close)
        array->ops->close(array->driver);
    tsri_figures_free(array->figures);
    tsri_prepared_unref(array->prepared);
    tsri_prepared_stock_clear(&array->stock);
    tsri_key_encoding_unref(array->keys);
    tsri_chain_unref(array->chain);
    tsri_zarr_meta_free(array->meta);
    free_names(array->dimension_names, array->rank);
    tsr_dtype_unref(array->dtype);
    tsri_grid_unref(array->grid);
    tsri_free(array->fill_value);
    tsri_free(array->codecs);
    tsri_free(array->attributes);
    tsri_free(array->place);
    tsri_free(array->path);
    tsr_store_close(array->store);
    if (array->release_file)
        array->release_file(array->file);
    tsri_fork_unregister(&array->fork_handler);
    tsri_cache_clear(&array->indexes);
    tsri_cache_clear(&array->chunks);
    pthread_mutex_destroy(&array->mutex);
    pthread_mutex_destroy(&array->serial);
    tsri_context_unref(array->context);
    tsri_free(array);
}

tsr_array *tsr_array_ref(tsr_array *array)
{
    __atomic_fetch_add(&array->references, 1, __ATOMIC_RELAXED);
    return array;
}

void tsr_array_close(tsr_array *array)
{
    if (array && __atomic_sub_fetch(&array->references, 1, __ATOMIC_ACQ_REL) == 0)
        array_free(array);
}

/* ---- making ---- */

static int check_description(const tsr_array_description *description, tsr_error *err)
{
    if (description->rank < 0 || description->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: %d axes; at most %d", description->place,
                             description->rank, TSR_RANK_MAX);
    for (int axis = 0; axis < description->rank; axis++) {
        if (description->shape[axis] < 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: axis %d has the length %" PRId64,
                                 description->place, axis, description->shape[axis]);
        if (description->chunk_shape[axis] <= 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s: chunks of %" PRId64 " along axis %d", description->place,
                                 description->chunk_shape[axis], axis);
    }
    return 0;
}

static int copy_names(tsr_array *array, const char *const *names, tsr_error *err)
{
    if (!names)
        return 0;
    array->dimension_names =
        tsri_alloc_array_zero((size_t)array->rank, sizeof *array->dimension_names);
    if (!array->dimension_names)
        return tsri_error_no_memory(err, (size_t)array->rank * sizeof *array->dimension_names);
    for (int axis = 0; axis < array->rank; axis++) {
        if (!names[axis])
            continue;
        array->dimension_names[axis] = tsri_strdup(names[axis]);
        if (!array->dimension_names[axis])
            return tsri_error_no_memory(err, strlen(names[axis]));
    }
    return 0;
}

static int copy_fill_value(tsr_array *array, const void *fill_value, tsr_error *err)
{
    array->fill_value = tsri_element_clone(array->dtype, fill_value);
    return array->fill_value ? 0 : tsri_error_no_memory(err, array->dtype->size_bytes);
}

static int copy_texts(tsr_array *array, const tsr_array_description *description, tsr_error *err)
{
    array->place = tsri_strdup(description->place);
    array->codecs = tsri_strdup(description->codecs ? description->codecs : "[]");
    array->attributes = tsri_strdup(description->attributes ? description->attributes : "{}");
    if (!array->place || !array->codecs || !array->attributes)
        return tsri_error_no_memory(err, 0);
    return 0;
}

/* The inner chunk shapes of every level, named by the axes of the array. */
static int note_shard_levels(tsr_array *array, tsr_error *err)
{
    int axes[TSR_RANK_MAX], before[TSR_RANK_MAX];

    for (int axis = 0; axis < array->rank; axis++)
        axes[axis] = axis;
    for (const tsri_prepared *at = array->prepared; tsri_prepared_is_shard(at); at = at->inner) {
        if (array->shard_levels == TSRI_SHARD_LEVELS_MAX)
            return tsr_error_set(err, TSR_LIMIT, "shards nested deeper than %d",
                                 TSRI_SHARD_LEVELS_MAX);
        memcpy(before, axes, sizeof before);
        for (int axis = 0; axis < array->rank; axis++) {
            axes[axis] = before[at->axis_of[axis]];
            array->inner_shapes[array->shard_levels][axes[axis]] =
                at->chain->shard->chunk_shape[axis];
        }
        array->shard_levels++;
    }
    return 0;
}

/* Binds the codec chain and prepares it for the chunk shape. Takes the reference of `chain`. */
static int take_chain(tsr_array *array, tsri_chain *chain, tsr_error *err)
{
    array->chain = chain;
    TSRI_TRY(tsri_prepared_new(chain, array->chunk_shape, &array->prepared, err));
    return note_shard_levels(array, err);
}

static void lock_for_fork(void *user)
{
    pthread_mutex_lock(&((tsr_array *)user)->mutex);
}

static void unlock_in_parent(void *user)
{
    pthread_mutex_unlock(&((tsr_array *)user)->mutex);
}

/* A thread that was inside a serial driver does not go on here; a fork does not wait for it. */
static void unlock_in_child(void *user)
{
    tsr_array *array = user;
    pthread_mutex_init(&array->serial, NULL);
    pthread_mutex_unlock(&array->mutex);
}

static int array_alloc(tsr_context *context, tsr_array **ret_array, tsr_error *err)
{
    tsr_array *array = tsri_alloc_zero(sizeof *array);
    if (!array)
        return tsri_error_no_memory(err, sizeof *array);
    array->references = 1;
    array->context = tsri_context_ref(context);
    pthread_mutex_init(&array->mutex, NULL);
    pthread_mutex_init(&array->serial, NULL);
    array->fork_handler = (tsri_fork_handler){.prepare = lock_for_fork,
                                              .parent = unlock_in_parent,
                                              .child = unlock_in_child,
                                              .user = array};
    tsri_fork_register(&array->fork_handler);
    tsri_cache_init(&array->indexes, TSRI_INDEX_CACHE_BYTES);
    tsri_cache_init(&array->chunks, 0);
    *ret_array = array;
    return 0;
}

tsri_grid *tsri_array_grid(const tsr_array *array)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&array->mutex;
    pthread_mutex_lock(mutex);
    tsri_grid *grid = tsri_grid_ref(array->grid);
    pthread_mutex_unlock(mutex);
    return grid;
}

/* All but the grid and what an array in a store has besides. */
static int fill_in(tsr_array *array, const tsr_array_description *description, tsr_error *err)
{
    TSRI_TRY(check_description(description, err));
    array->driver_name = description->driver;
    array->dtype = tsr_dtype_ref(description->dtype);
    array->rank = description->rank;
    array->writable = description->writable;
    for (int axis = 0; axis < array->rank; axis++) {
        array->shape[axis] = description->shape[axis];
        array->chunk_shape[axis] = description->chunk_shape[axis];
    }
    TSRI_TRY(copy_fill_value(array, description->fill_value, err));
    TSRI_TRY(copy_names(array, description->dimension_names, err));
    return copy_texts(array, description, err);
}

/* What stands in a file may have both byte orders, as in Zarr v2: the codec bytes then has a list
 * of them, which no v3 metadata has. */
static void allow_orders(const tsri_codec_spec *specs, int count, tsri_codec_spec *ret_specs)
{
    for (int i = 0; i < count; i++) {
        const char *configuration = specs[i].configuration;
        ret_specs[i] = specs[i];
        if (strcmp(specs[i].name, "bytes") == 0 && configuration &&
            strncmp(configuration, "{\"endian\":[", 11) == 0)
            ret_specs[i].zarr_format = 2;
    }
}

static int bind_description(tsr_array *array, const char *codecs, tsr_error *err)
{
    tsr_codec_type type = {array->dtype, array->rank, array->fill_value};
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsr_auto(tsri_json) *list = NULL;
    const tsri_codec_spec *specs;
    tsri_chain *chain;
    int count;

    TSRI_TRY(tsr_json_parse(codecs, strlen(codecs), TSR_JSON_STRICT, 0, &list, err));
    TSRI_TRY(tsri_codec_specs_parse(list, "/codecs", &arena, &specs, &count, err));
    tsri_codec_spec *allowed = tsri_arena_alloc(&arena, (size_t)count + 1, sizeof *allowed);
    if (!allowed)
        return tsri_error_no_memory(err, (size_t)count * sizeof *allowed);
    allow_orders(specs, count, allowed);
    TSRI_TRY_IN(err, tsri_chain_new(array->context, allowed, count, &type, &chain, err), "/codecs");
    return take_chain(array, chain, err);
}

int tsr_array_new(tsr_context *context, const tsr_array_ops *ops, void *driver,
                  const tsr_array_description *description, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;

    if (ops->struct_size != sizeof *ops || !ops->locate == !ops->read_box ||
        !ops->locate != !description->codecs)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "driver \"%s\" is of another version, or incomplete",
                             description->driver);
    TSRI_TRY(array_alloc(context, &array, err));
    TSRI_TRY(fill_in(array, description, err));
    TSRI_TRY(
        tsri_grid_new_regular(array->rank, array->shape, array->chunk_shape, &array->grid, err));
    if (description->codecs)
        TSRI_TRY(bind_description(array, description->codecs, err));
    array->ops = ops;
    array->driver = driver;
    *ret_array = TSRI_TAKE(array);
    return 0;
}

/* ---- made of other arrays ---- */

int64_t tsri_array_read_bytes(const tsr_array *array)
{
    const tsri_prepared *prepared = array->prepared;
    if (!prepared)
        return array->box_bytes;
    while (tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared))
        prepared = prepared->inner;
    /* What is decoded at once keeps to the context's limit, so the sum fits. */
    return tsri_prepared_is_raw(prepared)
               ? 0
               : prepared->decoded_bytes + tsri_prepared_encoded_bytes(prepared);
}

int tsri_array_decoded_grid(const tsr_array *array, tsri_grid **ret_grid, tsr_error *err)
{
    tsri_grid *grid = tsri_array_grid(array);
    if (array->shard_levels == 0) {
        *ret_grid = grid;
        return 0;
    }
    /* Inner chunks fill each shard, so they lie evenly over all of them. */
    int status = tsri_grid_new_regular(array->rank, grid->shape,
                                       array->inner_shapes[array->shard_levels - 1], ret_grid, err);
    tsri_grid_unref(grid);
    return status;
}

/* What the arrays below say about the one that is made of them. */
static int note_sources(tsr_array *array, const tsri_derivation *derivation, tsr_error *err)
{
    int64_t most = 0;

    for (size_t i = 0; i < derivation->source_count; i++) {
        const tsr_array *source = derivation->sources[i];
        if (source->context != array->context)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s and %s were opened with different contexts",
                                 derivation->sources[0]->place, source->place);
        array->depth = TSRI_MAX(array->depth, source->depth + 1);
        most = TSRI_MAX(most, tsri_array_read_bytes(source));
    }
    if (array->depth > TSRI_DERIVED_DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: arrays made of each other %d deep; at most %d",
                             array->place, array->depth, TSRI_DERIVED_DEPTH_MAX);
    if (!tsri_add_i64(most, derivation->box_bytes, &array->box_bytes))
        array->box_bytes = INT64_MAX;
    return 0;
}

int tsri_array_new_derived(tsr_context *context, const tsri_derivation *derivation,
                           const tsr_array_description *description, tsri_grid *grid,
                           tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_description own = *description;
    int64_t largest[TSR_RANK_MAX];

    tsri_grid_largest(grid, largest);
    own.chunk_shape = largest;
    own.codecs = NULL;
    TSRI_TRY(array_alloc(context, &array, err));
    TSRI_TRY(fill_in(array, &own, err));
    TSRI_TRY(note_sources(array, derivation, err));
    array->grid = tsri_grid_ref(grid);
    array->lower = derivation->lower;
    array->casts = derivation->casts;
    array->casting = derivation->casting;
    array->ops = derivation->ops;
    array->driver = derivation->driver;
    *ret_array = TSRI_TAKE(array);
    return 0;
}

/* ---- Zarr ---- */

static int zarr_locate(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent,
                       tsr_error *err)
{
    const tsr_array *array = driver;
    tsri_chunk_key key TSRI_UNINITIALIZED;

    tsri_chunk_key_copy(&key, &array->key);
    TSRI_TRY(tsri_chunk_key_set(&key, chunk_index, err));
    ret_extent->store = array->store;
    memcpy(ret_extent->key, key.text, (size_t)key.size_bytes + 1);
    ret_extent->offset = 0;
    ret_extent->size_bytes = TSR_REST;
    return 0;
}

static const tsr_array_ops zarr_ops = {.struct_size = sizeof zarr_ops, .locate = zarr_locate};

int tsri_array_locate(const tsr_array *array, const int64_t *chunk_index, tsr_extent *ret_extent,
                      tsr_error *err)
{
    TSRI_TRY(array->ops->locate(array->driver, chunk_index, ret_extent, err));
    if (ret_extent->size_bytes == TSR_REST && ret_extent->offset > 0)
        return tsr_error_set(err, TSR_INTERNAL,
                             "%s: the driver says that a chunk starts at byte %" PRIu64
                             " of %s, and not how long it is",
                             array->place, ret_extent->offset, ret_extent->key);
    return 0;
}

int tsri_array_locate_next(const tsr_array *array, const tsr_extent *before,
                           const int64_t *chunk_index, tsr_extent *ret_extent, tsr_error *err)
{
    if (array->ops != &zarr_ops || !tsri_chunk_key_next(array->keys, before->key, ret_extent->key))
        return tsri_array_locate(array, chunk_index, ret_extent, err);
    ret_extent->store = before->store;
    ret_extent->offset = before->offset;
    ret_extent->size_bytes = before->size_bytes;
    return 0;
}

/* Takes what it owns out of an output as a text. */
static int output_to_text(tsr_output *output, char **ret_text, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "", 1, err));
    *ret_text = output->data;
    output->data = NULL;
    return 0;
}

/* The compressor of v2 in the document's own words, or, where its encoder does not take these, with
 * the numbers that it goes by: a copy has those. */
static int print_compressor(const tsr_array *array, tsri_json *value, tsr_output *output,
                            tsr_error *err)
{
    const tsri_chain *chain = array->chain;

    if (!chain->encoder_err || chain->bytes_first == chain->stage_count)
        return tsr_json_write(value, 0, output, err);
    const tsri_stage *last = &chain->stages[chain->stage_count - 1];
    TSRI_TRY(tsr_output_print(output, err, "{\"id\":\"%s\",", last->ops->v2_id));
    size_t start = output->size_bytes;
    TSRI_TRY(last->ops->describe(last->codec, 2, output, err));
    /* What is described is an object with members, since one of them is a number. */
    memmove(output->data + start, output->data + start + 1, output->size_bytes - start - 1);
    output->size_bytes--;
    return 0;
}

static int describe_v2(const tsr_array *array, tsr_output *output, tsr_error *err)
{
    static const char *const names[] = {"order", "filters", "compressor"};

    for (size_t i = 0; i < TSRI_COUNT(names); i++) {
        tsri_json *value = NULL;
        json_object_object_get_ex(array->meta->document, names[i], &value);
        TSRI_TRY(tsr_output_print(output, err, "%s\"%s\":", i ? "," : "{", names[i]));
        if (!value)
            TSRI_TRY(tsr_output_print(output, err, "null"));
        else if (strcmp(names[i], "compressor") == 0)
            TSRI_TRY(print_compressor(array, value, output, err));
        else
            TSRI_TRY(tsr_json_write(value, 0, output, err));
    }
    return tsr_output_print(output, err, "}");
}

/* What tsr_array_codecs answers. */
static int describe_codecs(const tsr_array *array, char **ret_text, tsr_error *err)
{
    tsr_output output = {.max_bytes = SIZE_MAX};
    int status = array->meta->zarr_format == 3 ? tsri_chain_describe(array->chain, &output, err)
                                               : describe_v2(array, &output, err);

    if (status == 0)
        status = output_to_text(&output, ret_text, err);
    tsri_free(output.data);
    return status;
}

static int attributes_text(const tsri_zarr_meta *meta, char **ret_text, tsr_error *err)
{
    if (meta->attributes)
        return tsr_json_text(meta->attributes, 0, ret_text, err);
    *ret_text = tsri_strdup("{}");
    return *ret_text ? 0 : tsri_error_no_memory(err, 3);
}

/* Chunks of several lengths: whichever it is, inner chunks fill it. */
static int check_shard_edges(const tsr_array *array, const tsri_grid *grid, tsr_error *err)
{
    for (int axis = 0; axis < array->rank && array->shard_levels > 0; axis++) {
        const tsri_grid_axis *self = &grid->axes[axis];
        int64_t inner = array->inner_shapes[0][axis];
        for (size_t run = 0; run < self->run_count; run++)
            if (self->runs[run].length % inner != 0)
                return tsri_json_refuse(
                    err, TSR_BAD_METADATA, "/chunk_grid/configuration/chunk_shapes", NULL,
                    "a shard of %" PRId64 " along axis %d holds no whole inner chunks of %" PRId64,
                    self->runs[run].length, axis, inner);
    }
    return 0;
}

/* Only of shards that the store holds as they are: behind further codecs nobody finds anything in
 * them. */
static void take_parity(tsr_array *array, const tsri_zarr_meta *meta)
{
    if (!tsri_prepared_is_shard(array->prepared) || tsri_prepared_is_packed(array->prepared))
        return;
    array->parity = meta->parity;
    snprintf(array->parity_text, sizeof array->parity_text, "%d+%d", meta->parity.data_rows,
             meta->parity.parity_rows);
}

static int fill_in_zarr(tsr_array *array, tsr_store *store, const char *path, const char *place,
                        const tsri_zarr_meta *meta, bool writable, tsr_error *err)
{
    const tsr_array_description description = {
        .driver = meta->zarr_format == 3 ? "zarr3" : "zarr2",
        .place = place,
        .dtype = meta->dtype,
        .rank = meta->rank,
        .shape = meta->shape,
        .chunk_shape = meta->chunk_shape,
        .fill_value = meta->fill_value,
        .dimension_names = meta->dimension_names,
        .writable = writable,
    };
    tsr_codec_type type = {meta->dtype, meta->rank, meta->fill_value};
    /* v2 has its codecs in three fields, of which the codec's name and configuration tell. */
    const char *where = meta->zarr_format == 3 ? "/codecs" : "codecs";
    tsri_chain *chain;

    TSRI_TRY(fill_in(array, &description, err));
    array->grid = tsri_grid_ref(meta->grid);
    TSRI_TRY_IN(err,
                tsri_chain_new(array->context, meta->codecs, meta->codec_count, &type, &chain, err),
                "%s", where);
    TSRI_TRY_IN(err, take_chain(array, chain, err), "%s", where);
    TSRI_TRY(check_shard_edges(array, meta->grid, err));
    take_parity(array, meta);
    array->store = tsr_store_ref(store);
    array->path = tsri_strdup(path);
    if (!array->path)
        return tsri_error_no_memory(err, strlen(path));
    array->keys = tsri_key_encoding_ref(meta->keys);
    return tsri_chunk_key_init(&array->key, path, array->keys, meta->rank, err);
}

int tsri_array_from_zarr(tsr_context *context, tsr_store *store, const char *path,
                         const char *place, tsri_zarr_meta *meta, bool writable,
                         tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;
    char *attributes = NULL, *codecs = NULL;

    TSRI_TRY(array_alloc(context, &array, err));
    TSRI_TRY_IN(err, fill_in_zarr(array, store, path, place, meta, writable, err), "%s", place);
    TSRI_TRY(attributes_text(meta, &attributes, err));
    tsri_free(array->attributes);
    array->attributes = attributes;
    array->ops = &zarr_ops;
    array->driver = array;
    array->meta = meta;
    array->fill_undefined = meta->fill_undefined;
    int status = describe_codecs(array, &codecs, err);
    if (status < 0) {
        array->meta = NULL;
        return status;
    }
    tsri_free(array->codecs);
    array->codecs = codecs;
    *ret_array = TSRI_TAKE(array);
    return 0;
}

/* ---- queries ---- */

const tsr_dtype *tsr_array_dtype(const tsr_array *array)
{
    return array->dtype;
}

bool tsr_array_fill_is_undefined(const tsr_array *array)
{
    return array->fill_undefined;
}

int tsr_array_rank(const tsr_array *array)
{
    return array->rank;
}

const int64_t *tsr_array_shape(const tsr_array *array)
{
    return array->shape;
}

const int64_t *tsr_array_chunk_shape(const tsr_array *array)
{
    return array->chunk_shape;
}

bool tsr_array_is_regular(const tsr_array *array)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    return grid->is_regular;
}

int tsr_array_chunk_edges(const tsr_array *array, char **ret_json, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_output output = {.max_bytes = SIZE_MAX};

    int status = tsri_grid_print_axes(grid, &output, err);
    if (status == 0)
        status = output_to_text(&output, ret_json, err);
    tsri_free(output.data);
    return status;
}

int64_t tsr_array_chunk_count(const tsr_array *array, int axis)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    return axis >= 0 && axis < grid->rank ? grid->axes[axis].count : 0;
}

int64_t tsr_array_chunk_at(const tsr_array *array, int axis, int64_t position)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    bool inside = axis >= 0 && axis < grid->rank && position >= 0 && position < grid->shape[axis];
    return inside ? tsri_grid_chunk_at(grid, axis, position) : -1;
}

int tsr_array_chunk_extent(const tsr_array *array, int axis, int64_t chunk, int64_t *ret_start,
                           int64_t *ret_length, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);

    if (axis < 0 || axis >= grid->rank || chunk < 0 || chunk >= grid->axes[axis].count)
        return tsr_error_set(err, TSR_OUT_OF_BOUNDS, "%s: no chunk %" PRId64 " along axis %d",
                             array->place, chunk, axis);
    *ret_start = tsri_grid_start(grid, axis, chunk);
    *ret_length = tsri_grid_length(grid, axis, chunk);
    return 0;
}

int tsr_array_shard_levels(const tsr_array *array)
{
    return array->shard_levels;
}

const int64_t *tsr_array_inner_chunk_shape(const tsr_array *array, int level)
{
    if (level == 0)
        return array->chunk_shape;
    return level > 0 && level <= array->shard_levels ? array->inner_shapes[level - 1] : NULL;
}

const void *tsr_array_fill_value(const tsr_array *array)
{
    return array->fill_value;
}

const char *tsr_array_dimension_name(const tsr_array *array, int axis)
{
    return array->dimension_names && axis >= 0 && axis < array->rank ? array->dimension_names[axis]
                                                                     : NULL;
}

int tsr_array_axis(const tsr_array *array, const char *dimension_name)
{
    for (int axis = 0; array->dimension_names && axis < array->rank; axis++)
        if (array->dimension_names[axis] &&
            strcmp(array->dimension_names[axis], dimension_name) == 0)
            return axis;
    return -1;
}

const char *tsr_array_driver(const tsr_array *array)
{
    return array->driver_name;
}

const char *tsr_array_place(const tsr_array *array)
{
    return array->place;
}

bool tsr_array_is_writable(const tsr_array *array)
{
    return array->writable;
}

int64_t tsr_array_count(const tsr_array *array)
{
    int64_t count;
    return tsri_shape_count(array->rank, array->shape, &count) ? count : INT64_MAX;
}

int64_t tsr_array_size(const tsr_array *array)
{
    int64_t size;
    return tsri_multiply_i64(tsr_array_count(array), (int64_t)array->dtype->size_bytes, &size)
               ? size
               : INT64_MAX;
}

const char *tsr_array_parity(const tsr_array *array)
{
    return array->parity.data_rows > 0 ? array->parity_text : NULL;
}

const char *tsr_array_chunk_keys(const tsr_array *array)
{
    return array->keys ? array->keys->json : NULL;
}

const char *tsr_array_codecs(const tsr_array *array)
{
    return array->codecs;
}

void tsr_free(void *memory)
{
    tsri_free(memory);
}

/* ---- attributes ---- */

int tsr_array_attributes(tsr_array *array, char **ret_json, tsr_error *err)
{
    pthread_mutex_lock(&array->mutex);
    char *copy = tsri_strdup(array->attributes);
    pthread_mutex_unlock(&array->mutex);
    if (!copy)
        return tsri_error_no_memory(err, 0);
    *ret_json = copy;
    return 0;
}
