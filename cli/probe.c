#include "probe.h"

#include <string.h>

#include "describe.h"
#include "memory.h"

/* The box of the chunk around an element, as far as it lies in the array. Returns its size in
 * bytes, or -1 when it is too large. */
static int64_t chunk_around(const tsr_array *array, const int64_t *element, int64_t *ret_start,
                            int64_t *ret_count)
{
    const int64_t *chunks = describe_chunks(array), *shape = tsr_array_shape(array);
    int64_t bytes = (int64_t)tsr_array_dtype(array)->size_bytes;

    for (int axis = 0; axis < tsr_array_rank(array); axis++) {
        int64_t start = element[axis] / chunks[axis] * chunks[axis];
        ret_start[axis] = start;
        ret_count[axis] = shape[axis] - start < chunks[axis] ? shape[axis] - start : chunks[axis];
        if (__builtin_mul_overflow(bytes, ret_count[axis], &bytes))
            return -1;
    }
    return bytes <= PROBE_BYTES_MAX ? bytes : -1;
}

/* The second of two reads is measured: by then indexes and files are at hand. Failures of the reads
 * are those of the array, and none of the probe. */
static int measure(tsr_context *context, tsr_array *array, const int64_t *element,
                   cli_probe *ret_probe, tsr_error *err)
{
    tsr_profile before, after;
    tsr_error ignored = TSR_ERROR_INIT;
    int64_t start[TSR_RANK_MAX], count[TSR_RANK_MAX];
    int64_t bytes = chunk_around(array, element, start, count);

    if (bytes <= 0)
        return 0;
    void *buffer = memory_bytes((size_t)bytes);
    if (!buffer)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    int status = tsr_array_read(array, start, count, NULL, buffer, (size_t)bytes, NULL, &ignored);
    tsr_context_profile(context, &before);
    if (status >= 0)
        status = tsr_array_read(array, start, count, NULL, buffer, (size_t)bytes, NULL, &ignored);
    tsr_context_profile(context, &after);
    memory_free(buffer);
    if (status < 0 || after.fetched_bytes == before.fetched_bytes)
        return 0; /* damaged, or not stored */
    *ret_probe = (cli_probe){
        .measured = true,
        .plan_ns = (double)(after.plan_ns - before.plan_ns),
        .fetch_ns = (double)(after.fetch_ns - before.fetch_ns),
        .decode_ns = (double)(after.decode_ns - before.decode_ns),
        .copy_ns = (double)(after.copy_ns - before.copy_ns),
        .fetched_bytes = (double)(after.fetched_bytes - before.fetched_bytes),
        .decoded_bytes = (double)(after.decoded_bytes - before.decoded_bytes),
        .copied_bytes = (double)bytes,
    };
    return 0;
}

/* An element of the result: the first, one in the middle, or the last. */
static void locate(const tsr_index *index, int which, int64_t *ret_element)
{
    int64_t position[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, position);

    for (int axis = 0; axis < rank; axis++)
        position[axis] = (position[axis] - 1) * which / 2;
    tsr_index_locate(index, position, ret_element);
}

/* In a context of its own, whose profile has nothing else in it. */
static int open_again(const tsr_array *array, tsr_context **ret_context, tsr_array **ret_array)
{
    tsr_context_options options;
    tsr_error ignored = TSR_ERROR_INIT;

    tsr_context_options_init(&options);
    options.threads = 1;
    options.profile = true;
    options.trace = "";
    CLI_TRY(tsr_context_new(&options, ret_context, &ignored));
    return tsr_array_open(*ret_context, tsr_array_place(array), NULL, ret_array, &ignored);
}

int probe_run(const tsr_array *array, const tsr_index *index, cli_probe *ret_probe, tsr_error *err)
{
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *again = NULL;
    cli_probe probe = {0};
    int64_t element[TSR_RANK_MAX];

    *ret_probe = probe;
    if (tsr_index_count(index) == 0 || !tsr_array_is_regular(array) ||
        tsr_dtype_is_variable(tsr_array_dtype(array)))
        return 0;
    int status = open_again(array, &context, &again);
    if (status < 0)
        return status == TSR_NO_MEMORY ? tsr_error_set(err, status, "out of memory") : 0;
    for (int which = 0; which < 3 && !probe.measured; which++) {
        locate(index, (which + 1) % 3, element);
        CLI_TRY(measure(context, again, element, &probe, err));
    }
    *ret_probe = probe;
    return 0;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

void probe_estimate(const cli_probe *probe, const tsr_read_cost *cost, int threads,
                    cli_estimate *ret_estimate)
{
    double pieces = larger((double)cost->chunks, (double)cost->requests);
    cli_estimate made = {.threads = pieces < threads ? (int)larger(pieces, 1) : threads};

    made.plan_ns = probe->plan_ns * pieces;
    /* Requests for less than the probe's chunk take as long, those for more by their bytes. */
    made.fetch_ns = probe->fetch_ns * larger((double)cost->requests,
                                             (double)cost->fetched_bytes / probe->fetched_bytes);
    if (probe->decoded_bytes > 0)
        made.decode_ns = probe->decode_ns * (double)cost->decoded_bytes / probe->decoded_bytes;
    made.copy_ns = probe->copy_ns * (double)cost->wanted_bytes / probe->copied_bytes;
    made.ns = (made.plan_ns + made.fetch_ns + made.decode_ns + made.copy_ns) / made.threads;
    *ret_estimate = made;
}
