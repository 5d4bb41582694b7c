/* bench_tessera: serves the jobs of the benchmark with the library, through its public headers
 * alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_tessera.h"

static int fail_with(bench_outcome *outcome, const tsr_error *err)
{
    return bench_fail(outcome, "%s%s%s", err->message, err->where[0] ? " at " : "", err->where);
}

static bool in_mode(const bench_job *job, const char *mode)
{
    return strcmp(job->mode, mode) == 0;
}

static bool in_way(const bench_job *job, const char *way)
{
    return strcmp(job->way, way) == 0;
}

/* ---- reading whole ---- */

/* Into memory that the library allocates. */
static int read_own(tsr_context *context, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    const int64_t shape[3] = {job->settings.planes, BENCH_SIDE, BENCH_SIDE};
    const int64_t start[3] = {0};
    const double started = bench_now();
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_view) view = {0};
    tsr_index index;
    int status = tsr_array_open(context, job->store, NULL, &array, err);

    if (status == 0) {
        status = tsr_index_box(&index, 3, tsr_array_shape(array), start, shape, NULL, err);
    }
    if (status == 0) {
        status = tsr_view_new(&view, tsr_array_dtype(array), 3, shape, err);
    }
    if (status == 0) {
        const tsr_read_request request = {
            .array = array, .index = &index, .view = &view, .casting = TSR_CASTING_NO};

        status = tsr_read_many(context, &request, 1, NULL, err);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        outcome->sum =
            bench_sum_planes((const uint16_t *)(const void *)view.data, job->settings.planes);
    }
    return status;
}

static int read_into(tsr_context *context, const char *store, int64_t planes, void *memory,
                     tsr_error *err)
{
    const int64_t shape[3] = {planes, BENCH_SIDE, BENCH_SIDE};
    tsr_auto(tsr_array) *array = NULL;
    int status = tsr_array_open(context, store, NULL, &array, err);

    return status ? status
                  : tsr_array_read(array, NULL, shape, NULL, memory,
                                   (size_t)planes * BENCH_PLANE_BYTES, NULL, err);
}

/* Into memory of the caller, fresh or touched before. */
static int read_lent(struct side_state *state, tsr_context *context, const bench_job *job,
                     bench_outcome *outcome, tsr_error *err)
{
    const size_t size_bytes = (size_t)job->settings.planes * BENCH_PLANE_BYTES;
    const bool reused = in_mode(job, "reused");
    const double started = bench_now();
    uint16_t *memory = reused ? state->held : bench_huge_new(size_bytes);
    int status;

    if (!memory) {
        return tsr_error_set(err, TSR_NO_MEMORY, "no memory for the output");
    }
    status = read_into(context, job->store, job->settings.planes, memory, err);
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        outcome->sum = bench_sum_planes(memory, job->settings.planes);
    }
    if (!reused) {
        bench_huge_free(memory, size_bytes);
    }
    return status;
}

static int run_read(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    tsr_context *context = job->settings.threads == 1 ? state->one_thread : state->context;

    return in_mode(job, "own") ? read_own(context, job, outcome, err)
                               : read_lent(state, context, job, outcome, err);
}

/* ---- chunk by chunk ---- */

struct chunk_reading {
    tsr_array *array;
    bool summed;
    uint16_t *buffers[BENCH_THREADS_MAX];
    bench_sum sums[BENCH_THREADS_MAX];
    tsr_error errors[BENCH_THREADS_MAX];
};

static int read_chunk(void *user, int thread, int64_t number)
{
    struct chunk_reading *reading = user;
    const bench_block chunk = bench_chunk_block(number);
    int status =
        tsr_array_read(reading->array, chunk.start, chunk.shape, NULL, reading->buffers[thread],
                       BENCH_CHUNK_BYTES, NULL, &reading->errors[thread]);

    if (status == 0 && reading->summed) {
        bench_sum_add(&reading->sums[thread], reading->buffers[thread], &chunk);
    }
    return status;
}

static int read_chunks(struct chunk_reading *reading, const bench_job *job, tsr_error *err)
{
    enum { CHUNK_COUNT = 64 };
    const int in_flight = atoi(job->mode);
    int status = 0;

    for (int i = 0; i < in_flight && status == 0; i++) {
        reading->buffers[i] = bench_huge_new(BENCH_CHUNK_BYTES);
        if (!reading->buffers[i]) {
            status = tsr_error_set(err, TSR_NO_MEMORY, "no memory for a chunk");
        }
    }
    if (status == 0) {
        status = bench_parallel(in_flight, CHUNK_COUNT * job->settings.planes / BENCH_SIDE,
                                read_chunk, reading);
    }
    for (int i = 0; i < in_flight; i++) {
        bench_huge_free(reading->buffers[i], BENCH_CHUNK_BYTES);
        if (reading->errors[i].status != 0) {
            *err = reading->errors[i];
        }
    }
    return status;
}

/* As many calling threads as chunks are in flight, each with a buffer that it uses again. */
static int run_chunks(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                      tsr_error *err)
{
    tsr_context *context = in_way(job, "one thread a call") ? state->one_thread : state->context;
    struct chunk_reading *reading = calloc(1, sizeof *reading);
    const double started = bench_now();
    int status;

    if (!reading) {
        return tsr_error_set(err, TSR_NO_MEMORY, "no memory for the job");
    }
    reading->summed = job->summed;
    status = tsr_array_open(context, job->store, NULL, &reading->array, err);
    if (status == 0) {
        status = read_chunks(reading, job, err);
    }
    outcome->seconds = bench_now() - started;
    for (int i = 0; i < BENCH_THREADS_MAX; i++) {
        bench_sum_merge(&outcome->sum, &reading->sums[i]);
    }
    tsr_array_close(reading->array);
    free(reading);
    return status;
}

/* ---- boxes ---- */

struct boxing {
    struct side_state *state;
    const bench_job *job;
    bench_outcome *outcome;
    bench_block *boxes;
    int64_t count;
    size_t box_bytes;
};

static int boxes_one_by_one(struct boxing *boxing, tsr_error *err)
{
    const double started = bench_now();
    tsr_auto(tsr_array) *array = NULL;
    uint16_t *result = malloc(boxing->box_bytes);
    int status = result
                     ? tsr_array_open(boxing->state->context, boxing->job->store, NULL, &array, err)
                     : tsr_error_set(err, TSR_NO_MEMORY, "no memory for a box");

    for (int64_t i = 0; i < boxing->count && status == 0; i++) {
        const bench_block *box = &boxing->boxes[i];

        status = tsr_array_read(array, box->start, box->shape, NULL, result, boxing->box_bytes,
                                NULL, err);
        if (status == 0 && boxing->job->summed) {
            bench_sum_add(&boxing->outcome->sum, result, box);
        }
    }
    boxing->outcome->seconds = bench_now() - started;
    free(result);
    return status;
}

struct batch {
    tsr_view all; /* the results, one after the other */
    tsr_view *views;
    tsr_index *indexes;
    tsr_read_request *requests;
};

static int fill_batch(struct batch *batch, const struct boxing *boxing, tsr_array *array,
                      tsr_error *err)
{
    const int64_t *box = boxing->boxes[0].shape;
    const int64_t shape[4] = {boxing->count, box[0], box[1], box[2]};
    const size_t count = (size_t)boxing->count;
    int status = tsr_view_new(&batch->all, tsr_array_dtype(array), 4, shape, err);

    batch->views = calloc(count, sizeof *batch->views);
    batch->indexes = calloc(count, sizeof *batch->indexes);
    batch->requests = calloc(count, sizeof *batch->requests);
    if (status == 0 && (!batch->views || !batch->indexes || !batch->requests)) {
        status = tsr_error_set(err, TSR_NO_MEMORY, "no memory for the batch");
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        batch->views[i] = batch->all;
        status = tsr_view_select(&batch->views[i], 0, (int64_t)i, err);
        if (status == 0) {
            status = tsr_index_box(&batch->indexes[i], 3, tsr_array_shape(array),
                                   boxing->boxes[i].start, boxing->boxes[i].shape, NULL, err);
        }
        batch->requests[i] = (tsr_read_request){
            .array = array, .index = &batch->indexes[i], .view = &batch->views[i]};
    }
    return status;
}

static int boxes_as_batch(struct boxing *boxing, tsr_error *err)
{
    const double started = bench_now();
    tsr_auto(tsr_array) *array = NULL;
    struct batch batch = {0};
    int status = tsr_array_open(boxing->state->context, boxing->job->store, NULL, &array, err);

    if (status == 0) {
        status = fill_batch(&batch, boxing, array, err);
    }
    if (status == 0) {
        status =
            tsr_read_many(boxing->state->context, batch.requests, (size_t)boxing->count, NULL, err);
    }
    boxing->outcome->seconds = bench_now() - started;
    for (int64_t i = 0; i < boxing->count && status == 0 && boxing->job->summed; i++) {
        bench_sum_add(&boxing->outcome->sum, (const uint16_t *)(const void *)batch.views[i].data,
                      &boxing->boxes[i]);
    }
    tsr_view_clear(&batch.all);
    free(batch.views);
    free(batch.indexes);
    free(batch.requests);
    return status;
}

static int run_boxes(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                     tsr_error *err)
{
    struct boxing boxing = {.state = state, .job = job, .outcome = outcome};
    int status;

    boxing.count = bench_boxes_load(job->extra, bench_box_side(job), &boxing.boxes);
    if (boxing.count < 0) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s is not a list of boxes", job->extra);
    }
    boxing.box_bytes = bench_block_bytes(boxing.boxes);
    status = in_mode(job, "batch") ? boxes_as_batch(&boxing, err) : boxes_one_by_one(&boxing, err);
    free(boxing.boxes);
    return status;
}

/* ---- the side ---- */

struct work {
    const char *name;
    int (*run)(struct side_state *state, const bench_job *job, bench_outcome *outcome,
               tsr_error *err);
    const char *const *ways;
};

static const char *const one_way[] = {"library", NULL};
static const char *const chunk_ways[] = {"one pool", "one thread a call", NULL};

static const struct work works[] = {
    {"read", run_read, one_way},
    {"chunks", run_chunks, chunk_ways},
    {"boxes", run_boxes, one_way},
    {"inner", run_boxes, one_way},
    {"points", bench_run_points, one_way},
    {"plane", bench_run_plane, one_way},
    {"open", bench_run_open, one_way},
    {"rows", bench_run_rows, one_way},
    {"small", bench_run_small, one_way},
    {"codec", bench_run_codec, one_way},
    {"write", bench_run_write, one_way},
    {"rewrite", bench_run_write, one_way},
    {"reshard", bench_run_reshard, one_way},
};

static const struct work *find_work(const bench_job *job)
{
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(works[i].name, job->work) == 0) {
            return &works[i];
        }
    }
    return NULL;
}

static const char *const *side_ways(const bench_job *job)
{
    const struct work *work = find_work(job);

    return work ? work->ways : NULL;
}

static int side_run(void *self, const bench_job *job, bench_outcome *outcome)
{
    const struct work *work = find_work(job);
    tsr_error err = TSR_ERROR_INIT;

    if (!work) {
        return bench_fail(outcome, "unknown job %s", job->work);
    }
    return work->run(self, job, outcome, &err) == 0 ? 0 : fail_with(outcome, &err);
}

static void side_drop(void *self)
{
    struct side_state *state = self;

    bench_huge_free(state->held, BENCH_BYTES);
    state->held = NULL;
}

static int side_hold(void *self, const char *store, bench_outcome *outcome)
{
    struct side_state *state = self;
    tsr_error err = TSR_ERROR_INIT;

    side_drop(state);
    state->held = bench_huge_new_touched(BENCH_BYTES);
    if (!state->held) {
        return bench_fail(outcome, "no memory for the big buffer");
    }
    return read_into(state->context, store, BENCH_SIDE, state->held, &err) == 0
               ? 0
               : fail_with(outcome, &err);
}

int main(void)
{
    const bench_side side = {
        .name = "tessera",
        .version = tsr_version(),
        .ways = side_ways,
        .run = side_run,
        .hold = side_hold,
        .drop = side_drop,
    };
    tsr_error err = TSR_ERROR_INIT;
    struct side_state state = {0};
    tsr_context_options options;
    int status;

    tsr_context_options_init(&options);
    options.threads = 1;
    if (tsr_context_new(NULL, &state.context, &err) != 0 ||
        tsr_context_new(&options, &state.one_thread, &err) != 0) {
        return tsr_error_report(&err, stderr);
    }
    status = bench_serve(&side, &state);
    side_drop(&state);
    tsr_array_close(state.small.array);
    tsr_context_free(state.one_thread);
    tsr_context_free(state.context);
    return status;
}
