#include "statistics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "describe.h"
#include "kept_moments.h"
#include "memory.h"
#include "merge_tree.h"
#include "sparse.h"

/* ---- missing values ---- */

cli_missing_rule missing_rule_of(const cli_invocation *invocation)
{
    const char *given = invocation_text(invocation, OPTION_MISSING);

    if (given && strcmp(given, "keep") == 0)
        return MISSING_KEEP;
    return given && strcmp(given, "skip") == 0 ? MISSING_SKIP : MISSING_AUTO;
}

static int add_missing(cli_missing_values *values, const void *element, size_t size, tsr_error *err)
{
    char *grown;

    for (int i = 0; i < values->count; i++)
        if (memcmp(values->elements + (size_t)i * size, element, size) == 0)
            return 0;
    grown = memory_resized(values->elements, (size_t)(values->count + 1) * size);
    if (!grown)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    values->elements = grown;
    memcpy(grown + (size_t)values->count * size, element, size);
    values->count++;
    return 0;
}

/* An attribute that is no element of the type says nothing about it. */
static int add_attribute(const tsr_dtype *dtype, struct json_object *value,
                         cli_missing_values *values, tsr_error *err)
{
    char element[16];
    bool fits;

    if (dtype->size_bytes > sizeof element)
        return 0;
    CLI_TRY(document_read_element(dtype, value, element, &fits, err));
    return fits ? add_missing(values, element, dtype->size_bytes, err) : 0;
}

static int add_named(const tsr_dtype *dtype, struct json_object *attributes, const char *name,
                     cli_missing_values *values, tsr_error *err)
{
    struct json_object *value;

    if (!json_object_is_type(attributes, json_type_object) ||
        !json_object_object_get_ex(attributes, name, &value) || !value)
        return 0;
    if (!json_object_is_type(value, json_type_array))
        return add_attribute(dtype, value, values, err);
    for (size_t i = 0; i < json_object_array_length(value) && i < 8; i++)
        CLI_TRY(add_attribute(dtype, json_object_array_get_idx(value, i), values, err));
    return 0;
}

int missing_values_find(tsr_array *array, cli_missing_rule rule, cli_missing_values *ret_values,
                        tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);
    cli_missing_values values = {NULL, 0};
    struct json_object *attributes;
    int status;

    *ret_values = values;
    if (rule == MISSING_KEEP)
        return 0;
    CLI_TRY(describe_array_attributes(array, &attributes, err));
    status = add_named(dtype, attributes, "_FillValue", &values, err);
    if (status >= 0)
        status = add_named(dtype, attributes, "missing_value", &values, err);
    if (status >= 0 && rule == MISSING_SKIP)
        status = add_missing(&values, tsr_array_fill_value(array), dtype->size_bytes, err);
    json_object_put(attributes);
    if (status < 0)
        missing_values_clear(&values);
    *ret_values = values;
    return status;
}

void missing_values_clear(cli_missing_values *values)
{
    memory_free(values->elements);
    values->elements = NULL;
    values->count = 0;
}

/* ---- cells ---- */

/* How the result of a selection lies over the chunks of the store: which cell an element is in, and
 * how many elements that cell has. */
typedef struct cli_cell_axis {
    const tsr_array *array;
    int axis; /* of the array */
    int64_t start, step, count;
    int64_t first_cell; /* chunk number of the first element */
    int64_t cells;      /* how many chunks are touched */
} cli_cell_axis;

typedef struct cli_cell_grid {
    bool blocks; /* of lists: each piece that comes is a cell, see sparse.h */
    int64_t shape[TSR_RANK_MAX];
    int rank;
    cli_cell_axis axes[TSR_RANK_MAX];
} cli_cell_grid;

/* The chunk of an element of the result. */
static int64_t cell_at(const cli_cell_axis *axis, int64_t position)
{
    return tsr_array_chunk_at(axis->array, axis->axis, axis->start + position * axis->step);
}

static void cell_grid_init(cli_cell_grid *grid, const cli_selected_array *selected)
{
    grid->rank = 0;
    grid->blocks = selected->index.layout != NULL;
    memcpy(grid->shape, selected->shape, sizeof grid->shape);
    for (int i = 0; i < selected->index.rank && !grid->blocks; i++) {
        const tsr_index_axis *from = &selected->index.axes[i];
        cli_cell_axis *axis = &grid->axes[grid->rank];
        if (from->kind == TSR_INDEX_POSITION)
            continue;
        *axis = (cli_cell_axis){selected->array, i, from->start, from->step, from->count, 0, 0};
        axis->first_cell = cell_at(axis, 0);
        axis->cells = llabs(cell_at(axis, axis->count - 1) - axis->first_cell) + 1;
        grid->rank++;
    }
}

/* How many elements of the axis lie in the chunk of the element at `position`. */
static int64_t cell_length(const cli_cell_axis *axis, int64_t position)
{
    int64_t at = axis->start + position * axis->step, stride = llabs(axis->step);
    int64_t low = 0, length = 1;
    tsr_array_chunk_extent(axis->array, axis->axis, cell_at(axis, position), &low, &length, NULL);
    int64_t high = low + (length - 1);
    int64_t before = (axis->step > 0 ? at - low : high - at) / stride;
    int64_t after = (axis->step > 0 ? high - at : at - low) / stride;

    if (before > position)
        before = position;
    if (after > axis->count - 1 - position)
        after = axis->count - 1 - position;
    return before + 1 + after;
}

/* Numbers cells and positions in C order. Numbers of huge results wrap around, which keeps them an
 * order all the same. */
static void locate(const cli_cell_grid *grid, const tsr_view *piece, const int64_t *position,
                   int64_t *ret_cell, int64_t *ret_elements, uint64_t *ret_position)
{
    uint64_t cell = 0, number = 0;
    int64_t elements = 1;

    for (int i = 0; i < grid->rank; i++) {
        const cli_cell_axis *axis = &grid->axes[i];
        cell = cell * (uint64_t)axis->cells +
               (uint64_t)llabs(cell_at(axis, position[i]) - axis->first_cell);
        number = number * (uint64_t)axis->count + (uint64_t)position[i];
        if (__builtin_mul_overflow(elements, cell_length(axis, position[i]), &elements))
            elements = INT64_MAX;
    }
    for (int i = 0; i < piece->rank && grid->blocks; i++)
        number = cell = number * (uint64_t)grid->shape[i] + (uint64_t)position[i];
    *ret_cell = (int64_t)(cell & INT64_MAX);
    *ret_elements = grid->blocks ? tsr_view_count(piece) : elements;
    *ret_position = number;
}

/* ---- moments ---- */

typedef struct cli_moments_state {
    const cli_moments_rules *rules;
    cli_cell_grid grid;
    cli_merge_tree tree;
    cli_moments rest;
    pthread_mutex_t mutex;
} cli_moments_state;

static int take_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    cli_moments_state *state = user;
    cli_moments moments;
    int64_t cell, elements;
    uint64_t number;
    int status;

    moments_of_view(&moments, state->rules, piece);
    locate(&state->grid, piece, position, &cell, &elements, &number);
    pthread_mutex_lock(&state->mutex);
    status = merge_tree_add(&state->tree, cell, elements, number, &moments, err);
    pthread_mutex_unlock(&state->mutex);
    return status;
}

/* So many times the fill value, in no memory. */
static int fill_view(const cli_moments_rules *rules, int64_t elements, tsr_view *ret_view,
                     tsr_error *err)
{
    CLI_TRY(tsr_view_init(ret_view, rules->dtype, 0, NULL, (void *)rules->fill_value, err));
    return tsr_view_broadcast(ret_view, 1, &elements, err);
}

/* Elements that no stored chunk covers: all fill value. A view has no more than 2^63-1 bytes. */
static int take_rest(void *user, int64_t elements, tsr_error *err)
{
    cli_moments_state *state = user;
    const int64_t most = INT64_MAX / (int64_t)state->rules->dtype->size_bytes;
    cli_moments moments;
    tsr_view view;

    while (elements > 0) {
        int64_t part = elements < most ? elements : most;
        CLI_TRY(fill_view(state->rules, part, &view, err));
        moments_of_view(&moments, state->rules, &view);
        moments_merge(&state->rest, &moments, state->rules->dtype);
        elements -= part;
    }
    return 0;
}

static int read_moments(const cli_selected_array *selected, const cli_moments_rules *rules,
                        cli_progress *progress, cli_moments *ret_moments, tsr_error *err)
{
    cli_moments_state state = {.rules = rules, .mutex = PTHREAD_MUTEX_INITIALIZER};
    cli_sparse_read read = {take_piece, &state, take_rest};
    int status;

    cell_grid_init(&state.grid, selected);
    merge_tree_init(&state.tree, rules->dtype);
    moments_init(&state.rest);
    status = sparse_read_selection(selected, &read, progress, err);
    if (status >= 0)
        status = merge_tree_finish(&state.tree, ret_moments, err);
    if (status >= 0)
        moments_merge(ret_moments, &state.rest, rules->dtype);
    merge_tree_clear(&state.tree);
    pthread_mutex_destroy(&state.mutex);
    return status;
}

/* Reads what the kept statistics do not tell, part by part in their order. */
static int read_boxes(const cli_selected_array *selected, const cli_moments_rules *rules,
                      const cli_kept_moments *kept, cli_progress *progress,
                      cli_moments *ret_moments, tsr_error *err)
{
    cli_selected_array part = {.array = selected->array, .rank = tsr_array_rank(selected->array)};
    cli_moments moments;

    *ret_moments = kept->moments;
    for (size_t i = 0; i < kept->box_count; i++) {
        CLI_TRY(tsr_index_box(&part.index, part.rank, tsr_array_shape(part.array),
                              kept->boxes[i].start, kept->boxes[i].shape, NULL, err));
        memcpy(part.shape, kept->boxes[i].shape, sizeof part.shape);
        CLI_TRY(read_moments(&part, rules, progress, &moments, err));
        moments_merge(ret_moments, &moments, rules->dtype);
    }
    return 0;
}

int statistics_moments(const cli_selected_array *selected, const cli_moments_rules *rules,
                       cli_progress *progress, cli_moments *ret_moments, bool *ret_kept,
                       tsr_error *err)
{
    cli_kept_moments kept;
    tsr_call call;

    progress_call(progress, &call);
    int status = kept_moments_find(selected, rules, &call, &kept, err);
    if (status >= 0)
        status = kept.useful ? read_boxes(selected, rules, &kept, progress, ret_moments, err)
                             : read_moments(selected, rules, progress, ret_moments, err);
    *ret_kept = kept.useful && kept.box_count == 0;
    kept_moments_clear(&kept);
    return status;
}

/* ---- histogram ---- */

enum { BLOCK = 1024 };

/* The width of a bin, also where the distance between the ends is no double. */
static double bin_width(double low, double high, int bins)
{
    return isfinite(high - low) ? (high - low) / bins : high / bins - low / bins;
}

double statistics_edge(double low, double high, int bins, int bin)
{
    double width = bin_width(low, high, bins);

    if (bin == bins)
        return high;
    return isfinite(width * bin) ? low + width * bin : (low / 2 + width / 2 * bin) * 2;
}

typedef struct cli_histogram_state {
    const cli_moments_rules *rules;
    double low, high;
    int bins;
    const double *edges; /* bins + 1 */
    double scale;        /* bins for each unit of the values */
    int64_t *counts;
    pthread_mutex_t mutex;
} cli_histogram_state;

/* One piece with counts of its own. */
typedef struct cli_histogram_piece {
    const cli_histogram_state *state;
    int64_t *counts;
} cli_histogram_piece;

static int find_bin(const cli_histogram_state *state, double value)
{
    double at = value * state->scale - state->low * state->scale;
    int bin = at >= state->bins ? state->bins - 1 : at > 0 ? (int)at : 0;

    /* The product may have been rounded across an edge. */
    while (bin > 0 && value < state->edges[bin])
        bin--;
    while (bin + 1 < state->bins && value >= state->edges[bin + 1])
        bin++;
    return bin;
}

static void count_row(void *user, const char *at, int64_t stride, int64_t n)
{
    cli_histogram_piece *piece = user;
    const cli_histogram_state *state = piece->state;
    double values[BLOCK];

    while (n > 0) {
        int64_t block = n < BLOCK ? n : BLOCK;
        int64_t kept = moments_keep_values(state->rules, at, stride, block, values);
        for (int64_t i = 0; i < kept; i++)
            if (values[i] >= state->low && values[i] <= state->high)
                piece->counts[find_bin(state, values[i])]++;
        at += block * stride;
        n -= block;
    }
}

static void add_counts(cli_histogram_state *state, const int64_t *counts, int64_t factor)
{
    pthread_mutex_lock(&state->mutex);
    for (int i = 0; i < state->bins; i++)
        if (counts[i] > 0)
            state->counts[i] += counts[i] * factor;
    pthread_mutex_unlock(&state->mutex);
}

static int count_piece(void *user, const tsr_view *view, const int64_t *position, tsr_error *err)
{
    cli_histogram_state *state = user;
    cli_histogram_piece piece = {state, memory_zeroed((size_t)state->bins, sizeof *piece.counts)};

    (void)position;
    if (!piece.counts)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    if (moments_is_uniform(view)) {
        count_row(&piece, view->data, 0, 1);
        add_counts(state, piece.counts, moments_view_count(view));
    } else {
        moments_each_row(view, count_row, &piece);
        add_counts(state, piece.counts, 1);
    }
    memory_free(piece.counts);
    return 0;
}

/* Elements that no stored chunk covers: all fill value. */
static int count_rest(void *user, int64_t elements, tsr_error *err)
{
    cli_histogram_state *state = user;
    const int64_t most = INT64_MAX / (int64_t)state->rules->dtype->size_bytes;
    tsr_view view;

    while (elements > 0) {
        int64_t part = elements < most ? elements : most;
        CLI_TRY(fill_view(state->rules, part, &view, err));
        CLI_TRY(count_piece(user, &view, NULL, err));
        elements -= part;
    }
    return 0;
}

int statistics_histogram(const cli_selected_array *selected, const cli_moments_rules *rules,
                         double low, double high, int bins, int64_t *ret_counts,
                         cli_progress *progress, tsr_error *err)
{
    double *edges = memory_zeroed((size_t)bins + 1, sizeof *edges);
    cli_histogram_state state = {.rules = rules,
                                 .low = low,
                                 .high = high,
                                 .bins = bins,
                                 .edges = edges,
                                 .scale = high > low ? 1 / bin_width(low, high, bins) : 0,
                                 .counts = ret_counts,
                                 .mutex = PTHREAD_MUTEX_INITIALIZER};
    cli_sparse_read read = {count_piece, &state, count_rest};
    int status;

    if (!edges)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    for (int i = 0; i <= bins; i++)
        edges[i] = statistics_edge(low, high, bins, i);
    memset(ret_counts, 0, (size_t)bins * sizeof *ret_counts);
    status = sparse_read_selection(selected, &read, progress, err);
    pthread_mutex_destroy(&state.mutex);
    memory_free(edges);
    return status;
}
