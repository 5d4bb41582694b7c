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

/* ---- small chunks ---- */

/* The same array with the same chunks in a store in memory. */
static int copy_to_memory(tsr_context *context, const char *from, tsr_array **ret_array,
                          tsr_error *err)
{
    tsr_auto(tsr_array) *model = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_array_create_options options;
    int status = tsr_array_open(context, from, NULL, &model, err);

    if (status == 0) {
        status = tsr_store_open(context, "memory:", &store, err);
    }
    if (status == 0) {
        tsr_array_create_options_init(&options);
        options.store = store;
        options.dtype = tsr_array_dtype(model);
        options.rank = tsr_array_rank(model);
        options.shape = tsr_array_shape(model);
        options.chunk_shape = tsr_array_chunk_shape(model);
        options.codecs = tsr_array_codecs(model);
        status = tsr_array_create(context, "small", &options, ret_array, err);
    }
    return status == 0 ? tsr_array_copy(model, *ret_array, NULL, NULL, err) : status;
}

int bench_run_small(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    const bool in_memory = strcmp(job->mode, "memory") == 0;
    const bench_block all = bench_small_block();
    uint16_t *values = bench_huge_new_touched(BENCH_SMALL_BYTES);
    tsr_auto(tsr_array) *opened = NULL;
    int status = values ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "no memory for the small array");

    if (status == 0 && in_memory && !state->small) {
        status = copy_to_memory(state->context, job->store, &state->small, err);
    }
    const double started = bench_now();
    if (status == 0 && !in_memory) {
        status = tsr_array_open(state->context, job->store, NULL, &opened, err);
    }
    if (status == 0) {
        status = tsr_array_read(in_memory ? state->small : opened, NULL, NULL, NULL, values,
                                BENCH_SMALL_BYTES, NULL, err);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, values, &all);
    }
    bench_huge_free(values, BENCH_SMALL_BYTES);
    return status;
}
