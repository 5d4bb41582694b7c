/* Following arrays that grow.
 *
 * An append makes its elements durable and visible before it publishes the length, so a length that
 * was read can be relied on, and of several arrays the smallest. Waiting is for the array that
 * holds the others up: before another value of its metadata there can be no other smallest length
 * that is larger. */
#include "array/array.h"
#include "array/node.h"

/* The document that tells of the length. */
static char *document_key(const tsr_array *array)
{
    return tsri_path_join(array->path, array->meta->zarr_format == 3 ? "zarr.json" : ".zarray");
}

static int check_arrays(tsr_array *const *arrays, size_t n, int axis, tsr_error *err)
{
    if (n == 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "there is no array to follow");
    for (size_t i = 0; i < n; i++) {
        if (axis < 0 || axis >= arrays[i]->rank)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: axis %d of %d cannot be followed",
                                 arrays[i]->place, axis, arrays[i]->rank);
        if (arrays[i]->meta)
            continue;
        tsr_error_set(err, TSR_UNSUPPORTED, "%s does not grow while it is open", arrays[i]->place);
        tsr_error_set_next_step(err, "follow Zarr arrays");
        return TSR_UNSUPPORTED;
    }
    return 0;
}

/* Refreshes all: the smallest length, which array has it, and in which version. */
static int refresh_all(tsr_array *const *arrays, size_t n, int axis, int64_t *ret_length,
                       size_t *ret_shortest, tsr_generation *ret_version, tsr_error *err)
{
    *ret_length = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        tsr_generation version;
        TSRI_TRY(tsri_array_refresh_version(arrays[i], &version, err));
        int64_t length = __atomic_load_n(&arrays[i]->shape[axis], __ATOMIC_RELAXED);
        if (length >= *ret_length)
            continue;
        *ret_length = length;
        *ret_shortest = i;
        *ret_version = version;
    }
    return 0;
}

static int wait_for(const tsr_array *array, const tsr_generation *version, const tsr_call *call,
                    tsr_error *err)
{
    tsr_auto(tsri_text) *key = document_key(array);
    if (!key)
        return tsri_error_no_memory(err, 0);
    return tsr_store_wait(array->store, key, version, call, err);
}

/* What is left of the time that the caller gave for all. */
static int time_left(tsr_call *call, int64_t end_ns, const tsr_system *system, tsr_error *err)
{
    if (end_ns == 0)
        return 0;
    int64_t left_ns = end_ns - system->monotonic_ns(system);
    if (left_ns <= 0)
        return tsr_error_set(err, TSR_DEADLINE, "nothing was appended in time");
    call->deadline_ms = left_ns / 1000000 + 1;
    return 0;
}

int tsr_follow(tsr_array *const *arrays, size_t n, int axis, int64_t known_length,
               const tsr_call *call, int64_t *ret_length, tsr_error *err)
{
    TSRI_TRY(check_arrays(arrays, n, axis, err));
    const tsr_system *system = arrays[0]->context->system;
    tsr_call waiting = call ? *call : (tsr_call)TSR_CALL_INIT;
    int64_t end_ns = waiting.deadline_ms > 0 && waiting.deadline_ms < INT64_MAX / 2000000
                         ? system->monotonic_ns(system) + waiting.deadline_ms * 1000000
                         : 0;
    for (;;) {
        size_t shortest = 0;
        tsr_generation version;
        int64_t length;
        TSRI_TRY(refresh_all(arrays, n, axis, &length, &shortest, &version, err));
        if (length != known_length) {
            *ret_length = length;
            return 0;
        }
        TSRI_TRY(time_left(&waiting, end_ns, system, err));
        TSRI_TRY(wait_for(arrays[shortest], &version, &waiting, err));
    }
}
