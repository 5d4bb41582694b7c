#include "raster.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kept_moments.h"
#include "memory.h"
#include "sparse.h"

enum { BLOCK = 1024 };
static const int64_t MEAN_BYTES_MAX = (int64_t)4 << 30;

void raster_fit(int64_t rows, int64_t columns, int max_width, int max_height, int enlarge,
                int *ret_width, int *ret_height)
{
    double scale = fmin((double)max_width / (double)columns, (double)max_height / (double)rows);
    int64_t longest = rows > columns ? rows : columns;

    if (scale >= 1) {
        double whole = floor(fmin(scale, fmax(1, (double)enlarge / (double)longest)));
        scale = whole;
    }
    *ret_width = (int)fmax(1, floor((double)columns * scale + 1e-9));
    *ret_height = (int)fmax(1, floor((double)rows * scale + 1e-9));
}

/* ---- elements and pixels ---- */

/* The pixel of an element, and the first element of a pixel, along an axis of `length` elements and
 * `pixels` pixels. They agree with each other for any lengths up to 2^63. */
static int64_t first_element(int64_t length, int pixels, int64_t pixel)
{
    return (int64_t)(((__int128)pixel * length + pixels - 1) / pixels);
}

static int pixel_of(int64_t length, int pixels, int64_t element)
{
    return (int)((__int128)element * pixels / length);
}

typedef struct cli_mean_state {
    const cli_moments_rules *rules;
    int64_t rows, columns;
    int width, height;
    double *sums;
    double *counts; /* numbers of elements, which may exceed what an int holds */
    pthread_mutex_t mutex;
} cli_mean_state;

/* What is given to the sink: the whole plane, or a part of it that begins at an element. */
typedef struct cli_mean_part {
    cli_mean_state *state;
    int64_t row, column;
} cli_mean_part;

/* One piece and the pixels that it touches. */
typedef struct cli_mean_piece {
    const cli_mean_state *state;
    int64_t position[2]; /* in the plane */
    int left, top, width, height;
    double *sums, *counts;
    int64_t *edges; /* the first column of each of its pixels, in the piece; then the number of
                       columns */
    int64_t row;    /* of the piece, as rows are visited */
} cli_mean_piece;

static void find_edges(cli_mean_piece *piece, int64_t columns)
{
    for (int x = 0; x <= piece->width; x++) {
        int64_t edge = first_element(piece->state->columns, piece->state->width, piece->left + x) -
                       piece->position[1];
        piece->edges[x] = edge < 0 ? 0 : edge > columns ? columns : edge;
    }
}

static void add_block(cli_mean_piece *piece, size_t pixel, const double *values, int64_t n)
{
    double sum = 0, count = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            sum += values[i];
            count++;
        }
    }
    piece->sums[pixel] += sum;
    piece->counts[pixel] += count;
}

static void add_row(void *user, const char *at, int64_t stride, int64_t n)
{
    cli_mean_piece *piece = user;
    const cli_mean_state *state = piece->state;
    int y = pixel_of(state->rows, state->height, piece->position[0] + piece->row++) - piece->top;
    size_t pixel = (size_t)y * (size_t)piece->width;
    double values[BLOCK];
    int x = 0;

    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        int64_t end = begin + BLOCK < n ? begin + BLOCK : n;
        moments_masked_values(state->rules, at + begin * stride, stride, end - begin, values);
        for (int64_t i = begin; i < end;) {
            int64_t next = piece->edges[x + 1] < end ? piece->edges[x + 1] : end;
            add_block(piece, pixel + (size_t)x, values + (i - begin), next - i);
            i = next;
            x += i == piece->edges[x + 1] && x + 1 < piece->width;
        }
    }
}

static double overlap(int64_t length, int pixels, int pixel, int64_t from, int64_t count)
{
    int64_t low = first_element(length, pixels, pixel);
    int64_t high = first_element(length, pixels, pixel + 1);

    return (double)((high < from + count ? high : from + count) - (low > from ? low : from));
}

/* Adds to each pixel as many elements of one value as an area, all of which lies in the pixels of
 * the piece, shares with it; `weight` of each of them counts. */
static void add_area(cli_mean_piece *piece, const int64_t *shape, double value, double weight)
{
    const cli_mean_state *state = piece->state;
    const int64_t *from = piece->position;
    int top = pixel_of(state->rows, state->height, from[0]);
    int bottom = pixel_of(state->rows, state->height, from[0] + shape[0] - 1);
    int left = pixel_of(state->columns, state->width, from[1]);
    int right = pixel_of(state->columns, state->width, from[1] + shape[1] - 1);

    for (int y = top; y <= bottom; y++) {
        double rows = weight * overlap(state->rows, state->height, y, from[0], shape[0]);
        size_t line = (size_t)(y - piece->top) * (size_t)piece->width;
        for (int x = left; x <= right; x++) {
            double count = rows * overlap(state->columns, state->width, x, from[1], shape[1]);
            piece->sums[line + (size_t)(x - piece->left)] += value * count;
            piece->counts[line + (size_t)(x - piece->left)] += count;
        }
    }
}

/* A chunk of fill value. */
static void add_uniform(cli_mean_piece *piece, const tsr_view *view)
{
    double value;

    if (moments_keep_values(piece->state->rules, view->data, 0, 1, &value) > 0)
        add_area(piece, view->shape, value, 1);
}

static void add_to_whole(cli_mean_state *state, const cli_mean_piece *piece)
{
    pthread_mutex_lock(&state->mutex);
    for (int y = 0; y < piece->height; y++) {
        size_t to = (size_t)(piece->top + y) * (size_t)state->width + (size_t)piece->left;
        size_t from = (size_t)y * (size_t)piece->width;
        for (int x = 0; x < piece->width; x++) {
            state->sums[to + (size_t)x] += piece->sums[from + (size_t)x];
            state->counts[to + (size_t)x] += piece->counts[from + (size_t)x];
        }
    }
    pthread_mutex_unlock(&state->mutex);
}

static int mean_sink(void *user, const tsr_view *view, const int64_t *position, tsr_error *err)
{
    const cli_mean_part *part = user;
    cli_mean_state *state = part->state;
    int64_t row = part->row + position[0], column = part->column + position[1];
    cli_mean_piece piece = {.state = state, .position = {row, column}};
    size_t count;

    if (moments_view_count(view) == 0)
        return 0;
    piece.top = pixel_of(state->rows, state->height, row);
    piece.left = pixel_of(state->columns, state->width, column);
    piece.height = pixel_of(state->rows, state->height, row + view->shape[0] - 1) - piece.top + 1;
    piece.width =
        pixel_of(state->columns, state->width, column + view->shape[1] - 1) - piece.left + 1;
    count = (size_t)piece.width * (size_t)piece.height;
    piece.sums = memory_zeroed(2 * count, sizeof *piece.sums);
    piece.edges = memory_zeroed((size_t)piece.width + 1, sizeof *piece.edges);
    if (!piece.sums || !piece.edges) {
        memory_free(piece.sums);
        memory_free(piece.edges);
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    }
    piece.counts = piece.sums + count;
    find_edges(&piece, view->shape[1]);
    if (moments_is_uniform(view))
        add_uniform(&piece, view);
    else
        moments_each_row(view, add_row, &piece);
    add_to_whole(state, &piece);
    memory_free(piece.sums);
    memory_free(piece.edges);
    return 0;
}

static int mean_init(cli_mean_state *state, const cli_selected_array *selected,
                     const cli_moments_rules *rules, const cli_raster *raster, tsr_error *err)
{
    size_t count = (size_t)raster->width * (size_t)raster->height;

    *state = (cli_mean_state){.rules = rules,
                              .rows = selected->shape[0],
                              .columns = selected->shape[1],
                              .width = raster->width,
                              .height = raster->height,
                              .sums = raster->values,
                              .counts = memory_zeroed(count, sizeof *state->counts),
                              .mutex = PTHREAD_MUTEX_INITIALIZER};
    if (!state->counts)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    memset(raster->values, 0, count * sizeof *raster->values);
    return 0;
}

/* Makes means of the sums, which lie where they are wanted, and ends. */
static void mean_clear(cli_mean_state *state)
{
    size_t count = (size_t)state->width * (size_t)state->height;

    for (size_t i = 0; i < count; i++)
        state->sums[i] = state->counts[i] > 0 ? state->sums[i] / state->counts[i] : NAN;
    memory_free(state->counts);
    pthread_mutex_destroy(&state->mutex);
}

static int read_mean(const cli_selected_array *selected, const cli_moments_rules *rules,
                     cli_raster *raster, cli_progress *progress, tsr_error *err)
{
    cli_mean_state state;
    cli_mean_part whole = {&state, 0, 0};
    cli_sparse_read read = {mean_sink, &whole, NULL};

    CLI_TRY(mean_init(&state, selected, rules, raster, err));
    int status = sparse_read_selection(selected, &read, progress, err);
    mean_clear(&state);
    return status;
}

/* ---- from kept statistics ---- */

/* A rectangle of the plane of which no statistics are known. */
typedef struct cli_kept_gap {
    int64_t start[2], shape[2];
} cli_kept_gap;

typedef struct cli_kept_plane {
    cli_mean_state mean;
    const tsr_index *index;
    int axes[2]; /* of the array: those of rows and columns */
    cli_kept_gap *gaps;
    size_t gap_count, gap_capacity;
    double known, unknown; /* elements */
} cli_kept_plane;

static void find_axes(const tsr_index *index, int *ret_axes)
{
    int found = 0;

    for (int axis = 0; axis < index->rank; axis++)
        if (index->axes[axis].kind == TSR_INDEX_RANGE && found < 2)
            ret_axes[found++] = axis;
}

/* Where a box of the array lies in the plane, which may run against an axis. */
static cli_kept_gap place_in_plane(const cli_kept_plane *plane, const cli_unkept_box *box)
{
    cli_kept_gap gap;

    for (int i = 0; i < 2; i++) {
        int axis = plane->axes[i];
        const tsr_index_axis *range = &plane->index->axes[axis];
        gap.shape[i] = box->shape[axis];
        gap.start[i] = range->step < 0 && range->count > 1
                           ? range->start - (box->start[axis] + box->shape[axis] - 1)
                           : box->start[axis] - range->start;
    }
    return gap;
}

static int add_gap(cli_kept_plane *plane, cli_kept_gap gap)
{
    cli_kept_gap *gaps =
        memory_grown(plane->gaps, plane->gap_count, &plane->gap_capacity, sizeof *gaps);

    if (!gaps)
        return TSR_NO_MEMORY;
    plane->gaps = gaps;
    gaps[plane->gap_count++] = gap;
    return 0;
}

static int take_kept(void *user, const cli_unkept_box *box, const cli_moments *moments)
{
    cli_kept_plane *plane = user;
    cli_kept_gap place = place_in_plane(plane, box);
    double elements = (double)place.shape[0] * (double)place.shape[1];
    cli_mean_piece piece = {.state = &plane->mean,
                            .position = {place.start[0], place.start[1]},
                            .width = plane->mean.width,
                            .sums = plane->mean.sums,
                            .counts = plane->mean.counts};

    if (moments) {
        plane->known += elements;
        if (moments->count > 0)
            add_area(&piece, place.shape, moments->mean,
                     (double)moments->count / (double)moments->total);
        return 0;
    }
    plane->unknown += elements;
    return add_gap(plane, place);
}

static int read_gap(cli_kept_plane *plane, const cli_selected_array *selected,
                    const cli_kept_gap *gap, cli_progress *progress, tsr_error *err)
{
    cli_selected_array part = *selected;
    cli_mean_part begin = {&plane->mean, gap->start[0], gap->start[1]};
    cli_sparse_read read = {mean_sink, &begin, NULL};
    tsr_index box;

    CLI_TRY(tsr_index_box(&box, 2, selected->shape, gap->start, gap->shape, NULL, err));
    tsr_index_copy(&part.index, &selected->index);
    int status = selected_array_narrow(&part, &box, err);
    if (status >= 0)
        status = sparse_read_selection(&part, &read, progress, err);
    tsr_index_clear(&part.index);
    return status;
}

/* Whether each pixel is at least as large as an inner chunk. */
static bool chunks_are_small(const cli_selected_array *selected, const cli_raster *raster)
{
    const tsr_array *array = selected->array;
    const int64_t *chunk = tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));
    int axes[2] = {0, 0};

    if (selected->index.layout || !chunk)
        return false;
    find_axes(&selected->index, axes);
    return chunk[axes[0]] <= selected->shape[0] / raster->height &&
           chunk[axes[1]] <= selected->shape[1] / raster->width;
}

/* Draws each inner chunk as an area of its mean, and reads the few of which it is not known; it is
 * not done when they are more than a few, since they are read one after another. */
static int read_kept(const cli_selected_array *selected, const cli_moments_rules *rules,
                     cli_raster *raster, cli_progress *progress, bool *ret_done, tsr_error *err)
{
    enum { KNOWN_TO_UNKNOWN = 8 };
    cli_kept_plane plane = {.index = &selected->index};
    tsr_call call;
    bool visited = false;

    find_axes(plane.index, plane.axes);
    progress_call(progress, &call);
    CLI_TRY(mean_init(&plane.mean, selected, rules, raster, err));
    int status = kept_moments_walk(selected, rules, &call, take_kept, &plane, &visited, err);
    if (status == TSR_NO_MEMORY && err->status == 0)
        tsr_error_set(err, status, "out of memory");
    *ret_done = status == 0 && visited && plane.known >= KNOWN_TO_UNKNOWN * plane.unknown;
    for (size_t i = 0; *ret_done && status >= 0 && i < plane.gap_count; i++)
        status = read_gap(&plane, selected, &plane.gaps[i], progress, err);
    memory_free(plane.gaps);
    mean_clear(&plane.mean);
    return status;
}

/* ---- picking ---- */

/* Elements that lie `step` apart, written to the pixels that show them. Pieces are disjoint: no
 * lock is needed. */
typedef struct cli_stride_state {
    const cli_moments_rules *rules;
    int64_t rows, columns; /* of what is picked */
    cli_raster *raster;
} cli_stride_state;

typedef struct cli_stride_row {
    const cli_stride_state *state;
    int64_t row, column;
} cli_stride_row;

static void set_pixels(const cli_stride_state *state, int64_t row, int64_t column, double value)
{
    cli_raster *raster = state->raster;
    int64_t bottom = first_element(raster->height, (int)state->rows, row + 1);
    int64_t right = first_element(raster->width, (int)state->columns, column + 1);

    for (int64_t y = first_element(raster->height, (int)state->rows, row); y < bottom; y++)
        for (int64_t x = first_element(raster->width, (int)state->columns, column); x < right; x++)
            raster->values[y * raster->width + x] = value;
}

static void pick_row(void *user, const char *at, int64_t stride, int64_t n)
{
    cli_stride_row *row = user;
    double value;

    for (int64_t i = 0; i < n; i++) {
        if (moments_keep_values(row->state->rules, at + i * stride, stride, 1, &value) == 0)
            value = NAN;
        set_pixels(row->state, row->row, row->column + i, value);
    }
    row->row++;
}

static int stride_sink(void *user, const tsr_view *view, const int64_t *position, tsr_error *err)
{
    cli_stride_row row = {user, position[0], position[1]};

    (void)err;
    moments_each_row(view, pick_row, &row);
    return 0;
}

/* Every so many elements of an axis, until at most `pixels` are left. */
static tsr_index_axis thin_axis(int64_t length, int pixels)
{
    int64_t every = length / pixels + (length % pixels != 0);

    return (tsr_index_axis){TSR_INDEX_RANGE, 0, (length - 1) / every + 1, every};
}

static int read_thinned(const cli_selected_array *thinned, const cli_moments_rules *rules,
                        cli_raster *raster, cli_progress *progress, tsr_error *err)
{
    size_t count = (size_t)raster->width * (size_t)raster->height;
    cli_stride_state state = {rules, thinned->shape[0], thinned->shape[1], raster};
    cli_sparse_read read = {stride_sink, &state, NULL};
    double fill;

    /* What no stored chunk covers. */
    if (moments_keep_values(rules, rules->fill_value, 0, 1, &fill) == 0)
        fill = NAN;
    for (size_t i = 0; i < count; i++)
        raster->values[i] = fill;
    return sparse_read_selection(thinned, &read, progress, err);
}

static int read_stride(const cli_selected_array *selected, const cli_moments_rules *rules,
                       cli_raster *raster, cli_progress *progress, tsr_error *err)
{
    cli_selected_array thinned = *selected;
    tsr_index every;
    int status;

    tsr_index_all(&every, selected->rank, selected->shape);
    every.axes[0] = thin_axis(selected->shape[0], raster->height);
    every.axes[1] = thin_axis(selected->shape[1], raster->width);
    tsr_index_copy(&thinned.index, &selected->index);
    status = selected_array_narrow(&thinned, &every, err);
    if (status >= 0)
        status = read_thinned(&thinned, rules, raster, progress, err);
    tsr_index_clear(&thinned.index);
    return status;
}

static int read_pixels(const cli_selected_array *selected, const cli_moments_rules *rules,
                       cli_raster_method method, cli_raster *raster, cli_progress *progress,
                       tsr_error *err)
{
    int64_t size_bytes;
    bool huge = sparse_is_huge(selected->array), done = false;
    bool large = huge ||
                 __builtin_mul_overflow(tsr_index_count(&selected->index),
                                        (int64_t)rules->dtype->size_bytes, &size_bytes) ||
                 size_bytes > MEAN_BYTES_MAX;

    if (huge || method == RASTER_STRIDE || selected->shape[0] < raster->height ||
        selected->shape[1] < raster->width)
        return read_stride(selected, rules, raster, progress, err);
    if (method == RASTER_AUTO && (large || chunks_are_small(selected, raster)))
        CLI_TRY(read_kept(selected, rules, raster, progress, &done, err));
    if (done)
        return 0;
    return method == RASTER_AUTO && large ? read_stride(selected, rules, raster, progress, err)
                                          : read_mean(selected, rules, raster, progress, err);
}

int raster_read(const cli_selected_array *selected, const cli_moments_rules *rules,
                cli_raster_method method, int width, int height, cli_progress *progress,
                cli_raster *ret_raster, tsr_error *err)
{
    cli_raster raster = {width, height, NULL};

    raster.values = memory_bytes((size_t)width * (size_t)height * sizeof *raster.values);
    if (!raster.values)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for %d x %d pixels", width, height);
    int status = read_pixels(selected, rules, method, &raster, progress, err);
    if (status < 0) {
        raster_clear(&raster);
        return status;
    }
    *ret_raster = raster;
    return 0;
}

void raster_clear(cli_raster *raster)
{
    memory_free(raster->values);
    raster->values = NULL;
}

/* ---- after reading ---- */

static void swap(double *a, double *b)
{
    double kept = *a;

    *a = *b;
    *b = kept;
}

void raster_flip_rows(cli_raster *raster)
{
    for (int y = 0; y < raster->height / 2; y++)
        for (int x = 0; x < raster->width; x++)
            swap(&raster->values[(size_t)y * (size_t)raster->width + (size_t)x],
                 &raster->values[(size_t)(raster->height - 1 - y) * (size_t)raster->width +
                                 (size_t)x]);
}

void raster_flip_columns(cli_raster *raster)
{
    for (int y = 0; y < raster->height; y++)
        for (int x = 0; x < raster->width / 2; x++) {
            double *row = raster->values + (size_t)y * (size_t)raster->width;
            swap(&row[x], &row[raster->width - 1 - x]);
        }
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

int raster_percentiles(const cli_raster *raster, double low, double high, double *ret_low,
                       double *ret_high, bool *ret_any, tsr_error *err)
{
    size_t count = (size_t)raster->width * (size_t)raster->height, kept = 0;
    double *sorted = memory_bytes(count * sizeof *sorted);

    if (!sorted)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (isfinite(raster->values[i]))
            sorted[kept++] = raster->values[i];
    qsort(sorted, kept, sizeof *sorted, by_value);
    *ret_any = kept > 0;
    if (kept > 0) {
        *ret_low = sorted[(size_t)(low / 100 * (double)(kept - 1) + 0.5)];
        *ret_high = sorted[(size_t)(high / 100 * (double)(kept - 1) + 0.5)];
    }
    memory_free(sorted);
    return 0;
}
