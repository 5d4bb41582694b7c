#include "array/grid_meta.h"

#include "base/checked.h"
#include "meta/json_pointer.h"

/* ---- regular ---- */

static int wrong_rank(const char *path, const char *name, size_t count, int rank, tsr_error *err)
{
    return tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                            "%zu entries for the %d axes of /shape", count, rank);
}

static int parse_regular(const tsri_json *configuration, const char *path, int rank,
                         const int64_t *shape, tsri_grid **ret_grid, tsr_error *err)
{
    static const char *const known[] = {"chunk_shape", NULL};
    int64_t lengths[TSR_RANK_MAX];
    int count = 0;

    TSRI_TRY(tsri_json_only(configuration, path, known, err));
    TSRI_TRY(tsri_json_int_list(configuration, path, "chunk_shape", true, 1, INT64_MAX,
                                TSR_RANK_MAX, lengths, &count, err));
    if (count != rank)
        return wrong_rank(path, "chunk_shape", (size_t)count, rank, err);
    return tsri_grid_new_regular(rank, shape, lengths, ret_grid, err);
}

/* ---- rectilinear ---- */

static int take_number(const tsri_json *value, const char *pointer, int64_t *ret_number,
                       tsr_error *err)
{
    if (!json_object_is_type(value, json_type_int) ||
        !tsri_json_get_int64(value, false, ret_number) || *ret_number < 1)
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL,
                                "must be an integer from 1 to 2^63-1");
    return 0;
}

/* A length, or a run [length, count]. */
static int take_edges(const tsri_json *value, const char *path, size_t number,
                      tsri_grid_edges *ret_edges, tsr_error *err)
{
    tsri_json_pointer pointer, length, count;

    tsri_json_pointer_init(&pointer, path);
    tsri_json_pointer_index(&pointer, number);
    ret_edges->count = 1;
    if (!json_object_is_type(value, json_type_array)) {
        if (!json_object_is_type(value, json_type_int))
            return tsri_json_refuse(err, TSR_BAD_METADATA, pointer.text, NULL,
                                    "must be a length or a run [length, count], not %s",
                                    tsri_json_kind(value));
        return take_number(value, pointer.text, &ret_edges->length, err);
    }
    if (json_object_array_length(value) != 2)
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer.text, NULL,
                                "a run is [length, count], not a list of %zu",
                                json_object_array_length(value));
    length = count = pointer;
    tsri_json_pointer_index(&length, 0);
    tsri_json_pointer_index(&count, 1);
    TSRI_TRY(
        take_number(json_object_array_get_idx(value, 0), length.text, &ret_edges->length, err));
    return take_number(json_object_array_get_idx(value, 1), count.text, &ret_edges->count, err);
}

/* Fills in one cut; its edges are allocated. */
static int take_axis(const tsri_json *value, const char *path, int axis, tsri_grid_cut *cut,
                     tsr_error *err)
{
    tsri_json_pointer pointer;

    tsri_json_pointer_init(&pointer, path);
    tsri_json_pointer_index(&pointer, (size_t)axis);
    if (!json_object_is_type(value, json_type_array)) {
        if (!json_object_is_type(value, json_type_int))
            return tsri_json_refuse(err, TSR_BAD_METADATA, pointer.text, NULL,
                                    "must be a length or a list of lengths, not %s",
                                    tsri_json_kind(value));
        return take_number(value, pointer.text, &cut->length, err);
    }
    cut->edge_count = json_object_array_length(value);
    tsri_grid_edges *edges = tsri_alloc_array(cut->edge_count, sizeof *edges);
    cut->edges = edges;
    if (!edges)
        return tsri_error_no_memory(err, cut->edge_count * sizeof *edges);
    for (size_t i = 0; i < cut->edge_count; i++)
        TSRI_TRY(take_edges(json_object_array_get_idx(value, i), pointer.text, i, &edges[i], err));
    return 0;
}

static void clear_cuts(const tsri_grid_cut *cuts, int rank)
{
    for (int axis = 0; axis < rank; axis++)
        tsri_free((void *)cuts[axis].edges);
}

int tsri_grid_parse_axes(const tsri_json *list, const char *path, int rank, const int64_t *shape,
                         tsri_grid **ret_grid, tsr_error *err)
{
    tsri_grid_cut cuts[TSR_RANK_MAX] = {{0}};
    int status = 0;

    if (!json_object_is_type(list, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "must be an array, not %s",
                                tsri_json_kind(list));
    if (json_object_array_length(list) != (size_t)rank)
        return wrong_rank(path, NULL, json_object_array_length(list), rank, err);
    for (int axis = 0; axis < rank && status == 0; axis++)
        status =
            take_axis(json_object_array_get_idx(list, (size_t)axis), path, axis, &cuts[axis], err);
    if (status == 0) {
        status = tsri_grid_new(rank, shape, cuts, ret_grid, err);
        if (status == TSR_INVALID_ARGUMENT && err)
            err->status = TSR_BAD_METADATA;
        if (status == TSR_INVALID_ARGUMENT)
            status = TSR_BAD_METADATA;
        if (status < 0)
            tsr_error_prepend(err, "%s", path);
    }
    clear_cuts(cuts, rank);
    return status;
}

static int parse_rectilinear(const tsri_json *configuration, const char *path, int rank,
                             const int64_t *shape, tsri_grid **ret_grid, tsr_error *err)
{
    static const char *const known[] = {"kind", "chunk_shapes", NULL};
    tsri_json_pointer pointer;
    tsri_json *list = NULL;
    const char *kind = NULL;

    TSRI_TRY(tsri_json_only(configuration, path, known, err));
    TSRI_TRY(tsri_json_string(configuration, path, "kind", true, &kind, err));
    if (strcmp(kind, "inline") != 0)
        return tsri_json_refuse(err, TSR_UNSUPPORTED, path, "kind",
                                "\"%s\" is not supported, only \"inline\"", kind);
    TSRI_TRY(tsri_json_member(configuration, path, "chunk_shapes", true, &list, err));
    tsri_json_pointer_init(&pointer, path);
    tsri_json_pointer_name(&pointer, "chunk_shapes");
    return tsri_grid_parse_axes(list, pointer.text, rank, shape, ret_grid, err);
}

int tsri_grid_parse(const tsri_extension *extension, const char *path, int rank,
                    const int64_t *shape, tsri_grid **ret_grid, tsr_error *err)
{
    bool regular = strcmp(extension->name, "regular") == 0;
    tsri_json_pointer pointer;

    if (!regular && strcmp(extension->name, "rectilinear") != 0) {
        tsri_json_refuse(err, TSR_UNSUPPORTED, path, NULL, "the chunk grid \"%s\" is not supported",
                         extension->name);
        tsr_error_set_next_step(err, "supported are \"regular\" and \"rectilinear\"");
        return TSR_UNSUPPORTED;
    }
    tsri_json_pointer_init(&pointer, path);
    tsri_json_pointer_name(&pointer, "configuration");
    if (!extension->configuration)
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer.text, NULL,
                                "this required field is missing");
    return regular
               ? parse_regular(extension->configuration, pointer.text, rank, shape, ret_grid, err)
               : parse_rectilinear(extension->configuration, pointer.text, rank, shape, ret_grid,
                                   err);
}

/* ---- writing ---- */

int tsri_grid_print(const tsri_grid *grid, tsr_output *output, tsr_error *err)
{
    const char *before = grid->is_regular
                             ? "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":"
                             : "{\"name\":\"rectilinear\",\"configuration\":"
                               "{\"kind\":\"inline\",\"chunk_shapes\":";
    TSRI_TRY(tsr_output_append(output, before, strlen(before), err));
    TSRI_TRY(tsri_grid_print_axes(grid, output, err));
    return tsr_output_append(output, "}}", 2, err);
}

/* ---- another shape ---- */

/* Chunks for the elements behind the present ones. False when they pass 2^63-1. */
static bool add_missing(const tsri_grid_axis *axis, int64_t length, int64_t multiple,
                        tsri_grid_edges *edges, size_t *count)
{
    int64_t missing = length - axis->runs[axis->run_count].start;
    int64_t rest = missing > 0 ? missing % axis->longest : 0;

    if (missing >= axis->longest)
        edges[(*count)++] = (tsri_grid_edges){axis->longest, missing / axis->longest};
    if (rest == 0)
        return true;
    if (!tsri_multiply_i64(tsri_ceil_divide(rest, multiple), multiple, &rest))
        return false;
    edges[(*count)++] = (tsri_grid_edges){rest, 1};
    return true;
}

static int reshape_axis(const tsri_grid_axis *axis, int number, int64_t length, int64_t multiple,
                        tsri_grid_cut *cut, tsr_error *err)
{
    cut->length = axis->length;
    if (axis->length > 0)
        return 0;
    if (axis->run_count == 0 && length > 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "axis %d has no chunks whose lengths could go on", number);
    tsri_grid_edges *edges = tsri_alloc_array(axis->run_count + 2, sizeof *edges);
    cut->edges = edges;
    if (!edges)
        return tsri_error_no_memory(err, (axis->run_count + 2) * sizeof *edges);
    for (size_t i = 0; i < axis->run_count; i++)
        edges[i] =
            (tsri_grid_edges){axis->runs[i].length, axis->runs[i + 1].first - axis->runs[i].first};
    cut->edge_count = axis->run_count;
    if (!add_missing(axis, length, multiple, edges, &cut->edge_count))
        return tsr_error_set(err, TSR_LIMIT, "the chunks of axis %d end beyond 2^63-1", number);
    return 0;
}

int tsri_grid_reshaped(const tsri_grid *grid, const int64_t *shape, const int64_t *multiples,
                       tsri_grid **ret_grid, tsr_error *err)
{
    tsri_grid_cut cuts[TSR_RANK_MAX] = {{0}};
    int status = 0;

    for (int axis = 0; axis < grid->rank && status == 0; axis++)
        status = reshape_axis(&grid->axes[axis], axis, shape[axis], multiples ? multiples[axis] : 1,
                              &cuts[axis], err);
    if (status == 0)
        status = tsri_grid_new(grid->rank, shape, cuts, ret_grid, err);
    clear_cuts(cuts, grid->rank);
    return status;
}
