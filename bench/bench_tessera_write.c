#include "bench_tessera.h"

#include <stdio.h>
#include <string.h>

/* A new array with the type, chunks and codecs of the reference store. */
static int create_like(tsr_context *context, const char *reference, int64_t planes,
                       const char *place, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsr_array) *model = NULL;
    const int64_t shape[3] = {planes, BENCH_SIDE, BENCH_SIDE};
    tsr_array_create_options options;
    int status = tsr_array_open(context, reference, NULL, &model, err);

    if (status != 0) {
        return status;
    }
    tsr_array_create_options_init(&options);
    options.dtype = tsr_array_dtype(model);
    options.rank = tsr_array_rank(model);
    options.shape = shape;
    options.chunk_shape = tsr_array_chunk_shape(model);
    options.codecs = tsr_array_codecs(model);
    return tsr_array_create(context, place, &options, ret_array, err);
}

static tsr_durability durability(const bench_job *job)
{
    return job->settings.synced ? TSR_DURABILITY_FLUSH : TSR_DURABILITY_NONE;
}

static int write_held(tsr_array *array, uint16_t *held, const bench_job *job, tsr_error *err)
{
    tsr_write_options options;
    tsr_index all;
    tsr_view view;
    int status = tsr_view_init(&view, tsr_array_dtype(array), tsr_array_rank(array),
                               tsr_array_shape(array), held, err);

    if (status != 0) {
        return status;
    }
    tsr_write_options_init(&options);
    options.durability = durability(job);
    tsr_index_all(&all, tsr_array_rank(array), tsr_array_shape(array));
    return tsr_array_write_index(array, &all, &view, TSR_CASTING_NO, &options, NULL, err);
}

int bench_run_write(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    const double started = bench_now();
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_open_options options;
    int status;

    if (!state->held) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "nothing is held to write");
    }
    if (strcmp(job->work, "write") == 0) {
        status =
            create_like(state->context, job->store, job->settings.planes, job->extra, &array, err);
    } else {
        tsr_array_open_options_init(&options);
        options.writable = true;
        status = tsr_array_open(state->context, job->extra, &options, &array, err);
    }
    if (status == 0) {
        status = write_held(array, state->held, job, err);
    }
    outcome->seconds = bench_now() - started;
    return status;
}

/* The store that lies beside another one and is called like the folder that is written: the
 * reference whose chunks and codecs the new array gets. */
static void name_reference(const bench_job *job, char *path, size_t size)
{
    const char *from = strrchr(job->store, '/'), *to = strrchr(job->extra, '/');

    snprintf(path, size, "%.*s%s", (int)(from - job->store), job->store, to);
}

int bench_run_reshard(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                      tsr_error *err)
{
    char reference[4096];
    const double started = bench_now();
    tsr_auto(tsr_array) *from = NULL, *to = NULL;
    tsr_copy_options options;
    int status = tsr_array_open(state->context, job->store, NULL, &from, err);

    name_reference(job, reference, sizeof reference);
    if (status == 0) {
        status = create_like(state->context, reference, job->settings.planes, job->extra, &to, err);
    }
    if (status == 0) {
        tsr_copy_options_init(&options);
        options.write.durability = durability(job);
        status = tsr_array_copy(from, to, &options, NULL, err);
    }
    outcome->seconds = bench_now() - started;
    return status;
}
