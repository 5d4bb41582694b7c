/* The hidden array: found, made, read, written. */
#include "array/figures_kept.h"

#include <inttypes.h>
#include <tessera/sys/json.h>

#include "array/create.h"
#include "array/figures_list.h"
#include "array/node.h"
#include "array/resize.h"
#include "array/write.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "meta/json.h"

/* So many rows a chunk of the hidden array has, about. */
#define ROWS_AIM 1024
/* Decoded chunks of it that are kept for the next read. */
#define CACHE_BYTES (INT64_C(8) << 20)

/* ---- the inner chunks of an array ---- */

/* The shape of the inner chunks; NULL where those of the store have none. */
static const int64_t *inner_shape(const tsr_array *array)
{
    return array->shard_levels > 0 ? array->inner_shapes[array->shard_levels - 1] : NULL;
}

static int64_t cells_along(const tsr_array *array, const tsri_grid *grid, int axis)
{
    const int64_t *inner = inner_shape(array);
    return inner ? tsri_ceil_divide(grid->shape[axis], inner[axis]) : grid->axes[axis].count;
}

void tsri_figures_cells_of(const tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                           int64_t *ret_first, int64_t *ret_counts)
{
    const int64_t *inner = inner_shape(array);
    for (int axis = 0; axis < array->rank; axis++) {
        ret_first[axis] = chunk[axis];
        ret_counts[axis] = 1;
        if (!inner)
            continue;
        ret_first[axis] = tsri_grid_start(grid, axis, chunk[axis]) / inner[axis];
        int64_t in_chunk = tsri_grid_length(grid, axis, chunk[axis]) / inner[axis];
        ret_counts[axis] = TSRI_MIN(in_chunk, cells_along(array, grid, axis) - ret_first[axis]);
    }
}

void tsri_figures_cell_box(const tsr_array *array, const tsri_grid *grid, const int64_t *cell,
                           int64_t *ret_start, int64_t *ret_shape, int64_t *ret_lengths)
{
    const int64_t *inner = inner_shape(array);
    for (int axis = 0; axis < array->rank; axis++) {
        ret_lengths[axis] = inner ? inner[axis] : tsri_grid_length(grid, axis, cell[axis]);
        ret_start[axis] =
            inner ? cell[axis] * inner[axis] : tsri_grid_start(grid, axis, cell[axis]);
        ret_shape[axis] = TSRI_MIN(ret_lengths[axis], grid->shape[axis] - ret_start[axis]);
    }
}

uint64_t tsri_figures_last(int rank, const int64_t *shape, const int64_t *lengths)
{
    uint64_t last = 0;
    for (int axis = 0; axis < rank; axis++)
        last = last * (uint64_t)lengths[axis] + (uint64_t)(shape[axis] - 1);
    return last;
}

/* ---- rows ---- */

void tsri_figures_generation(const tsr_store *store, const tsr_generation *generation,
                             uint64_t ret_words[8])
{
    for (int i = 0; i < 8; i++)
        ret_words[i] = store->hints.passing_words >> i & 1 ? 0 : generation->words[i];
}

static bool is_zero(const uint64_t words[8])
{
    static const uint64_t zero[8];
    return memcmp(words, zero, sizeof zero) == 0;
}

bool tsri_figures_believe(const tsr_array *array, const tsri_figures_row *row,
                          const uint64_t words[8], uint64_t last, tsr_statistics *ret_statistics)
{
    bool fill_is_nan = tsri_figures_fill_is_nan(array->dtype, array->fill_value);
    int64_t others;

    if (is_zero(row->generation) || memcmp(row->generation, words, sizeof row->generation) != 0 ||
        row->last != last)
        return false;
    others = fill_is_nan ? 0 : row->fill_count;
    /* The last digit of care: a row that contradicts itself was not written by these rules. */
    if (row->count <= 0 || row->fill_count < 0 || row->nan_count < 0 ||
        !tsri_add_i64(others, row->nan_count, &others) || others > row->count ||
        row->fill_count > row->count)
        return false;
    *ret_statistics = (tsr_statistics){
        .count = row->count,
        .fill_count = row->fill_count,
        .nan_count = row->nan_count,
        .valid_count = row->count - others,
        .least = row->least,
        .greatest = row->greatest,
        .sum = row->sum,
        .sum_rest = row->sum_rest,
        .squares = row->squares,
    };
    return true;
}

void tsri_figures_fill_row(tsri_figures_row *ret_row, const uint64_t words[8], uint64_t last,
                           const tsr_statistics *statistics)
{
    memcpy(ret_row->generation, words, sizeof ret_row->generation);
    ret_row->last = last;
    ret_row->count = statistics->count;
    ret_row->fill_count = statistics->fill_count;
    ret_row->nan_count = statistics->nan_count;
    ret_row->least = statistics->least;
    ret_row->greatest = statistics->greatest;
    ret_row->sum = statistics->sum;
    ret_row->sum_rest = statistics->sum_rest;
    ret_row->squares = statistics->squares;
}

/* ---- the type of the rows ---- */

static const tsr_dtype *extreme_dtype(const tsr_dtype *dtype)
{
    switch (dtype->kind) {
    case TSR_KIND_FLOAT:
        return TSR_FLOAT64;
    case TSR_KIND_UNSIGNED:
    case TSR_KIND_BOOL:
        return TSR_UINT64;
    default:
        return TSR_INT64;
    }
}

static int row_dtype(const tsr_dtype *dtype, const tsr_dtype **ret_dtype, tsr_error *err)
{
    const tsr_dtype *extreme = extreme_dtype(dtype);
    const tsr_field fields[] = {
        {.name = "generation0", .dtype = TSR_UINT64},
        {.name = "generation1", .dtype = TSR_UINT64},
        {.name = "generation2", .dtype = TSR_UINT64},
        {.name = "generation3", .dtype = TSR_UINT64},
        {.name = "generation4", .dtype = TSR_UINT64},
        {.name = "generation5", .dtype = TSR_UINT64},
        {.name = "generation6", .dtype = TSR_UINT64},
        {.name = "generation7", .dtype = TSR_UINT64},
        {.name = "last", .dtype = TSR_UINT64},
        {.name = "count", .dtype = TSR_INT64},
        {.name = "fill_count", .dtype = TSR_INT64},
        {.name = "nan_count", .dtype = TSR_INT64},
        {.name = "min", .dtype = extreme},
        {.name = "max", .dtype = extreme},
        {.name = "sum", .dtype = TSR_FLOAT64},
        {.name = "sum_rest", .dtype = TSR_FLOAT64},
        {.name = "squares", .dtype = TSR_FLOAT64},
    };
    _Static_assert(sizeof(tsri_figures_row) == TSRI_COUNT(fields) * 8, "fields of 8 bytes");
    return tsr_dtype_struct(fields, (int)TSRI_COUNT(fields), ret_dtype, err);
}

/* ---- which array the rows are of ---- */

static int print_numbers(tsr_output *output, int count, const int64_t *numbers, tsr_error *err)
{
    for (int i = 0; i < count; i++)
        TSRI_TRY(tsr_output_print(output, err, "%s%" PRId64, i ? "," : "", numbers[i]));
    return 0;
}

static int print_attributes(const tsr_array *array, tsr_output *output, tsr_error *err)
{
    char fill[64];
    const int64_t *inner = inner_shape(array);
    int length = tsr_dtype_format_element(array->dtype, array->fill_value, fill, sizeof fill);

    if (length < 0)
        return tsr_error_set(err, TSR_INTERNAL, "a fill value cannot be printed");
    TSRI_TRY(tsr_output_print(output, err,
                              "{\"tessera.statistics\":{\"version\":1,\"of\":{\"data_type\":"));
    TSRI_TRY(tsr_json_quote(array->dtype->name, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"fill_value\":%s,\"chunk_shape\":[", fill));
    TSRI_TRY(print_numbers(output, array->rank, inner ? inner : array->chunk_shape, err));
    return tsr_output_print(output, err, "],\"codecs\":%s}}}", array->codecs);
}

/* As tsr_array_attributes gives it back. */
static int attributes_of_rows(const tsr_array *array, char **ret_json, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_json) *value = NULL;

    TSRI_TRY(print_attributes(array, &text, err));
    TSRI_TRY(tsr_json_parse(text.data, text.size_bytes, TSR_JSON_STRICT, 0, &value, err));
    return tsr_json_text(value, 0, ret_json, err);
}

/* ---- making ---- */

/* The lengths of the chunks of rows: those of one chunk of the store, less along the longest axes
 * or more along the last ones until they hold about as many rows as they should. */
static void choose_chunk(const tsr_array *array, const tsri_grid *grid, int64_t *ret_lengths)
{
    const int64_t *inner = inner_shape(array);
    int64_t rows = 1;

    for (int axis = 0; axis < array->rank; axis++) {
        ret_lengths[axis] = inner ? array->chunk_shape[axis] / inner[axis] : 1;
        if (!tsri_multiply_i64(rows, ret_lengths[axis], &rows))
            rows = INT64_MAX;
    }
    while (rows > ROWS_AIM) {
        int longest = 0;
        for (int axis = 1; axis < array->rank; axis++)
            if (ret_lengths[axis] > ret_lengths[longest])
                longest = axis;
        rows = rows / ret_lengths[longest] * tsri_ceil_divide(ret_lengths[longest], 2);
        ret_lengths[longest] = tsri_ceil_divide(ret_lengths[longest], 2);
    }
    for (int axis = array->rank - 1; axis >= 0; axis--)
        while (2 * rows <= ROWS_AIM &&
               (ret_lengths[axis] < cells_along(array, grid, axis) || axis == 0)) {
            ret_lengths[axis] *= 2;
            rows *= 2;
        }
}

void tsri_figures_region(const tsr_array *array, const tsri_grid *grid, const tsri_figures *figures,
                         int64_t *ret_lengths)
{
    if (figures)
        memcpy(ret_lengths, figures->rows->chunk_shape, sizeof figures->rows->chunk_shape);
    else
        choose_chunk(array, grid, ret_lengths);
}

static int rows_meta(const tsr_array *array, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_auto(tsri_text) *attributes = NULL;
    int64_t shape[TSR_RANK_MAX], chunk[TSR_RANK_MAX];
    tsr_array_create_options options;
    const tsr_dtype *dtype;

    TSRI_TRY(attributes_of_rows(array, &attributes, err));
    choose_chunk(array, grid, chunk);
    for (int axis = 0; axis < array->rank; axis++)
        shape[axis] = cells_along(array, grid, axis);
    TSRI_TRY(row_dtype(array->dtype, &dtype, err));
    tsr_array_create_options_init(&options);
    options.dtype = dtype;
    options.rank = array->rank;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.attributes = attributes;
    options.codec = "zstd:1";
    int status = tsri_create_meta(array->context, &options, ret_meta, err);
    tsr_dtype_unref(dtype);
    return status;
}

int tsri_figures_check(const tsr_array *array, tsr_error *err)
{
    const int64_t *inner = inner_shape(array);
    int64_t cells = 1;

    if (!array->store || !array->meta || !tsr_statistics_support(array->dtype)) {
        tsr_error_set(err, TSR_UNSUPPORTED,
                      "%s: statistics are kept of Zarr arrays of numbers and "
                      "times, not of %s in %s",
                      array->place, array->dtype->name, array->driver_name);
        return TSR_UNSUPPORTED;
    }
    for (int axis = 0; axis < array->rank && inner; axis++)
        if (!tsri_multiply_i64(cells, array->chunk_shape[axis] / inner[axis], &cells))
            cells = INT64_MAX;
    if (cells <= TSRI_FIGURES_CELLS_MAX)
        return 0;
    tsr_error_set(err, TSR_LIMIT,
                  "%s: a shard has %" PRId64 " inner chunks; statistics are kept "
                  "of at most %" PRId64,
                  array->place, cells, TSRI_FIGURES_CELLS_MAX);
    tsr_error_set_next_step(err, "choose smaller shards, or larger inner chunks");
    return TSR_LIMIT;
}

/* ---- finding ---- */

tsr_array *tsri_figures_rows(const tsri_figures *figures)
{
    return figures->rows;
}

/* Whether the rows are those of the array as it is: of its type, fill value, chunks and codecs. */
static int is_of(const tsr_array *array, const tsr_array *rows, bool *ret_same, tsr_error *err)
{
    tsr_auto(tsri_text) *expected = NULL;
    const tsr_dtype *dtype;

    TSRI_TRY(row_dtype(array->dtype, &dtype, err));
    *ret_same = rows->rank == array->rank && tsr_dtype_equal(rows->dtype, dtype);
    tsr_dtype_unref(dtype);
    TSRI_TRY(attributes_of_rows(array, &expected, err));
    *ret_same &= strcmp(expected, rows->attributes) == 0;
    return 0;
}

static int open_rows(tsr_array *array, const char *path, tsri_figures **ret_figures, tsr_error *err)
{
    tsr_auto(tsri_text) *place = tsri_path_join(array->place, TSR_STATISTICS_NAME);
    tsr_auto(tsr_array) *rows = NULL;
    tsr_array_open_options options;
    bool same;

    if (!place)
        return tsri_error_no_memory(err, strlen(array->place));
    tsr_array_open_options_init(&options);
    options.writable = array->writable;
    options.zarr_format = 3;
    options.chunk_cache_bytes = CACHE_BYTES;
    TSRI_TRY(tsri_array_open_node(array->store, path, place, &options, &rows, err));
    rows->figures_known = true; /* it keeps none itself */
    TSRI_TRY(is_of(array, rows, &same, err));
    if (!same)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s is of another array", place);
    tsri_figures *figures = tsri_alloc_zero(sizeof *figures);
    if (!figures)
        return tsri_error_no_memory(err, sizeof *figures);
    figures->rows = TSRI_TAKE(rows);
    *ret_figures = figures;
    return 0;
}

static int look(tsr_array *array, tsri_figures **ret_figures, tsr_error *err)
{
    tsr_auto(tsri_text) *path = tsri_path_join(array->path, TSR_STATISTICS_NAME);

    *ret_figures = NULL;
    if (!path)
        return tsri_error_no_memory(err, strlen(array->path));
    int status = open_rows(array, path, ret_figures, err);
    if (status == TSR_NOT_FOUND || status == TSR_TYPE_MISMATCH) {
        tsr_error_clear(err);
        return 0;
    }
    return status;
}

/* Lets the handle know what was found, unless somebody else was quicker. */
static tsri_figures *install(tsr_array *array, tsri_figures *found)
{
    pthread_mutex_lock(&array->mutex);
    bool first = !array->figures_known || (!array->figures && found);
    if (first) {
        array->figures = found;
        array->figures_known = true;
    }
    tsri_figures *figures = array->figures;
    pthread_mutex_unlock(&array->mutex);
    if (!first)
        tsri_figures_free(found);
    return figures;
}

int tsri_figures_find(tsr_array *array, tsri_figures **ret_figures, tsr_error *err)
{
    tsri_figures *found = NULL;

    *ret_figures = NULL;
    if (!array->store || !array->meta || !tsr_statistics_support(array->dtype))
        return 0;
    pthread_mutex_lock(&array->mutex);
    bool known = array->figures_known;
    *ret_figures = array->figures;
    pthread_mutex_unlock(&array->mutex);
    if (known)
        return 0;
    TSRI_TRY(look(array, &found, err));
    *ret_figures = install(array, found);
    return 0;
}

int tsri_figures_find_to_write(tsr_array *array, tsr_error *err)
{
    tsri_figures *figures;
    tsr_error failure = TSR_ERROR_INIT;

    int status = tsri_figures_find(array, &figures, &failure);
    if (status == TSR_NO_MEMORY && err)
        *err = failure;
    if (status >= 0 || status == TSR_NO_MEMORY)
        return status;
    tsri_log(array->context, TSR_LOG_WARNING, "statistics", "%s: no statistics are kept: %s",
             array->place, failure.message);
    install(array, NULL);
    return 0;
}

int tsr_array_keeps_statistics(tsr_array *array, bool *ret_keeps, tsr_error *err)
{
    tsri_figures *figures;
    TSRI_TRY(tsri_figures_find(array, &figures, err));
    *ret_keeps = figures != NULL;
    return 0;
}

/* Erases what another array may have left, and makes the hidden array. */
static int make(tsr_array *array, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_auto(tsri_text) *path = tsri_path_join(array->path, TSR_STATISTICS_NAME);
    tsr_auto(tsri_text) *prefix = path ? tsri_format("%s/", path) : NULL;

    if (!prefix)
        return tsri_error_no_memory(err, strlen(array->path));
    TSRI_TRY(rows_meta(array, &meta, err));
    TSRI_TRY(tsr_store_erase_prefix(array->store, prefix, call, err));
    int status = tsri_node_put(array->store, path, meta, err);
    if (status != TSR_CONFLICT)
        return status;
    tsr_error_clear(err); /* somebody else has made it */
    return 0;
}

int tsr_array_keep_statistics(tsr_array *array, const tsr_call *call, tsr_error *err)
{
    tsri_figures *figures, *made = NULL;

    TSRI_TRY(tsri_figures_check(array, err));
    TSRI_TRY(tsri_check_writable(array, err));
    int status = look(array, &made, err);
    /* A damaged document is made anew like one of another array. */
    if (status == TSR_BAD_METADATA) {
        tsr_error_clear(err);
        status = 0;
    }
    TSRI_TRY(status);
    if (!made) {
        TSRI_TRY(make(array, call, err));
        TSRI_TRY(look(array, &made, err));
    }
    figures = install(array, made);
    return figures ? 0
                   : tsr_error_set(err, TSR_CONFLICT, "%s: somebody has replaced its statistics",
                                   array->place);
}

/* ---- reading and writing ---- */

int tsri_figures_read(const tsri_figures *figures, const int64_t *first, const int64_t *counts,
                      const tsr_call *call, tsri_figures_row *ret_rows, tsr_error *err)
{
    tsr_array *rows = figures->rows;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(rows);
    tsr_index index = {.rank = rows->rank};
    tsr_view view;

    TSRI_TRY(tsr_view_init(&view, rows->dtype, rows->rank, counts, ret_rows, err));
    memset(ret_rows, 0, (size_t)tsr_view_size(&view));
    for (int axis = 0; axis < rows->rank; axis++) {
        int64_t count = TSRI_MIN(counts[axis], grid->shape[axis] - first[axis]);
        if (count <= 0)
            return 0;
        view.shape[axis] = count;
        index.axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, first[axis], count, 1};
    }
    tsr_read_request request = {rows, &index, &view, TSR_CASTING_NO};
    int status = tsr_read_many(rows->context, &request, 1, call, err);
    if (status != TSR_DAMAGED && status != TSR_OUT_OF_BOUNDS)
        return status;
    tsr_error_clear(err);
    for (int axis = 0; axis < rows->rank; axis++)
        view.shape[axis] = counts[axis];
    memset(ret_rows, 0, (size_t)tsr_view_size(&view));
    return 0;
}

/* Makes room for rows: whole chunks of them, so that arrays that are appended to need it seldom. */
static int grow(const tsri_figures *figures, const int64_t *cells, int64_t count, tsr_error *err)
{
    tsr_array *rows = figures->rows;
    tsr_auto(tsri_grid) *now = tsri_array_grid(rows);
    int64_t shape[TSR_RANK_MAX];
    bool grows = false;

    for (int axis = 0; axis < rows->rank; axis++) {
        int64_t last = 0, length = rows->chunk_shape[axis];
        for (int64_t i = 0; i < count; i++)
            last = TSRI_MAX(last, cells[i * rows->rank + axis]);
        shape[axis] = now->shape[axis];
        if (last < shape[axis])
            continue;
        grows = true;
        if (!tsri_multiply_i64(last / length + 1, length, &shape[axis]))
            shape[axis] = INT64_MAX;
    }
    return grows ? tsri_array_grow(rows, shape, err) : 0;
}

static int write_points(tsr_array *rows, const int64_t *cells, const tsri_figures_row *elements,
                        int64_t count, const tsr_write_options *options, const tsr_call *call,
                        tsr_error *err)
{
    const int64_t table[] = {count, rows->rank};
    tsr_auto(tsri_grid) *grid = tsri_array_grid(rows);
    tsr_auto(tsr_index) index = {.layout = NULL};
    tsr_view points, view;

    if (rows->rank == 0) {
        tsr_index_all(&index, 0, NULL);
    } else {
        TSRI_TRY(tsr_view_init(&points, TSR_INT64, 2, table, (void *)cells, err));
        TSRI_TRY(tsr_index_points(&index, rows->rank, grid->shape, &points, err));
    }
    TSRI_TRY(tsr_view_init(&view, rows->dtype, rows->rank > 0, &count, (void *)elements, err));
    return tsr_array_write_index(rows, &index, &view, TSR_CASTING_NO, options, call, err);
}

/* Damaged rows stand in the way of those beside them; without any, all are unknown. */
static int erase_rows(tsr_array *rows, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_format("%s/c/", rows->path);
    return prefix ? tsr_store_erase_prefix(rows->store, prefix, call, err)
                  : tsri_error_no_memory(err, strlen(rows->path));
}

int tsri_figures_write(const tsri_figures *figures, const int64_t *cells,
                       const tsri_figures_row *rows, int64_t count, tsr_durability durability,
                       const tsr_call *call, tsr_error *err)
{
    tsr_write_options options;

    if (count == 0)
        return 0;
    tsr_write_options_init(&options);
    if (durability == TSR_DURABILITY_NONE)
        options.durability = durability;
    TSRI_TRY(grow(figures, cells, count, err));
    int status = write_points(figures->rows, cells, rows, count, &options, call, err);
    if (status != TSR_DAMAGED)
        return status;
    tsr_error_clear(err);
    TSRI_TRY(erase_rows(figures->rows, call, err));
    return write_points(figures->rows, cells, rows, count, &options, call, err);
}
