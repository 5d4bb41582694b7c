#include "bench_tessera.h"

#include <stdlib.h>
#include <string.h>

/* ---- points ---- */

static int read_points(tsr_context *context, tsr_array *array, const bench_points *points,
                       uint16_t *values, tsr_error *err)
{
    const int64_t shape[2] = {points->count, 3};
    tsr_index index;
    tsr_view list, result;
    int status = tsr_view_init(&list, TSR_INT64, 2, shape, points->positions, err);

    if (status == 0) {
        status = tsr_view_init(&result, TSR_UINT16, 1, shape, values, err);
    }
    if (status == 0) {
        status = tsr_index_points(&index, 3, tsr_array_shape(array), &list, err);
    }
    if (status == 0) {
        const tsr_read_request request = {.array = array, .index = &index, .view = &result};

        status = tsr_read_many(context, &request, 1, NULL, err);
        tsr_index_clear(&index);
    }
    return status;
}

int bench_run_points(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                     tsr_error *err)
{
    bench_points points = {0};
    uint16_t *values = NULL;
    tsr_auto(tsr_array) *array = NULL;
    int status = bench_points_load(job->extra, &points);

    if (status == 0) {
        values = malloc((size_t)points.count * sizeof *values);
    }
    if (!values) {
        free(points.positions);
        return tsr_error_set(err, TSR_IO, "%s is no list of points", job->extra);
    }
    const double started = bench_now();
    status = tsr_array_open(state->context, job->store, NULL, &array, err);
    if (status == 0) {
        status = read_points(state->context, array, &points, values, err);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_points(&outcome->sum, values, &points);
    }
    free(values);
    free(points.positions);
    return status;
}

/* ---- planes ---- */

int bench_run_plane(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    const bench_block plane = bench_plane(job->mode[0] - 'x');
    uint16_t *values = malloc(BENCH_PLANE_BYTES);
    const double started = bench_now();
    tsr_auto(tsr_array) *array = NULL;
    int status = values ? tsr_array_open(state->context, job->store, NULL, &array, err)
                        : tsr_error_set(err, TSR_NO_MEMORY, "no memory for a plane");

    if (status == 0) {
        status = tsr_array_read(array, plane.start, plane.shape, NULL, values, BENCH_PLANE_BYTES,
                                NULL, err);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, values, &plane);
    }
    free(values);
    return status;
}

/* ---- open ---- */

int bench_run_open(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                   tsr_error *err)
{
    const bench_block first = bench_cube(0, 0, 0, BENCH_INNER);
    uint16_t *values = malloc(BENCH_INNER_BYTES);
    const double started = bench_now();
    int status = values ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "no memory for a chunk");

    for (int i = 0; i < BENCH_OPENS && status == 0; i++) {
        tsr_auto(tsr_array) *array = NULL;

        status = tsr_array_open(state->context, job->store, NULL, &array, err);
        if (status == 0) {
            status = tsr_array_read(array, first.start, first.shape, NULL, values,
                                    BENCH_INNER_BYTES, NULL, err);
        }
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, values, &first);
    }
    free(values);
    return status;
}

/* ---- rows ---- */

/* The cache of a handle of h5py, which is the usual one of HDF5. */
enum { ROW_CACHE_BYTES = 1 << 20 };

int bench_run_rows(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                   tsr_error *err)
{
    const int64_t shape[3] = {1, 1, BENCH_SIDE};
    uint16_t row[BENCH_SIDE];
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_open_options options;
    const double started = bench_now();
    int status;

    tsr_array_open_options_init(&options);
    options.chunk_cache_bytes = ROW_CACHE_BYTES;
    status = tsr_array_open(state->context, job->store, &options, &array, err);
    for (int64_t i = 0; i < (int64_t)BENCH_ROWS * BENCH_SIDE && status == 0; i++) {
        const int64_t start[3] = {i / BENCH_SIDE, i % BENCH_SIDE, 0};

        status = tsr_array_read(array, start, shape, NULL, row, sizeof row, NULL, err);
        if (status == 0 && job->summed) {
            const bench_block block = {{start[0], start[1], 0}, {1, 1, BENCH_SIDE}};

            bench_sum_add(&outcome->sum, row, &block);
        }
    }
    outcome->seconds = bench_now() - started;
    return status;
}

/* ---- small chunks ---- */

static int create_small(tsr_context *context, const bench_block *block, tsr_array **ret_array,
                        tsr_error *err)
{
    const int64_t chunk[3] = {BENCH_SMALL, BENCH_SMALL, BENCH_SMALL};
    tsr_auto(tsr_store) *store = NULL;
    tsr_array_create_options options;
    int status = tsr_store_open(context, "memory:", &store, err);

    if (status == 0) {
        tsr_array_create_options_init(&options);
        options.store = store;
        options.dtype = TSR_UINT16;
        options.rank = 3;
        options.shape = block->shape;
        options.chunk_shape = chunk;
        options.codecs = "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]";
        status = tsr_array_create(context, "small", &options, ret_array, err);
    }
    return status;
}

/* An array in memory with the values of the formula. The one made last is kept. */
static int keep_small(struct side_state *state, const int64_t grid[3], const bench_block *block,
                      uint16_t *values, tsr_error *err)
{
    if (state->small.array && memcmp(state->small.grid, grid, sizeof state->small.grid) == 0) {
        return 0;
    }
    tsr_array_close(state->small.array);
    state->small.array = NULL;
    memcpy(state->small.grid, grid, sizeof state->small.grid);
    bench_fill(values, block);
    int status = create_small(state->context, block, &state->small.array, err);

    return status ? status
                  : tsr_array_write(state->small.array, NULL, NULL, NULL, values,
                                    bench_block_bytes(block), NULL, err);
}

int bench_run_small(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    const bool in_memory = strcmp(job->mode, "memory") == 0;
    const bench_block all = bench_small_block(job->settings.grid);
    const size_t size_bytes = bench_block_bytes(&all);
    uint16_t *values = bench_huge_new_touched(size_bytes);
    tsr_auto(tsr_array) *opened = NULL;
    int status = values ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "no memory for the small array");

    if (status == 0 && in_memory) {
        status = keep_small(state, job->settings.grid, &all, values, err);
        memset(values, 0, size_bytes);
    }
    const double started = bench_now();
    if (status == 0 && !in_memory) {
        status = tsr_array_open(state->context, job->store, NULL, &opened, err);
    }
    for (int64_t i = 0; i < job->settings.repeat && status == 0; i++) {
        status = tsr_array_read(in_memory ? state->small.array : opened, NULL, NULL, NULL, values,
                                size_bytes, NULL, err);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, values, &all);
    }
    bench_huge_free(values, size_bytes);
    return status;
}
