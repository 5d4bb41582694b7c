#include "store/store_request.h"

#include <inttypes.h>

#include "base/base.h"
#include "base/checked.h"

static int out_of_bounds(const tsr_get_request *request, uint64_t value_bytes)
{
    tsr_error_set(request->err, TSR_OUT_OF_BOUNDS,
                  "key \"%s\" has only %" PRIu64 " bytes, not %" PRIu64 " from byte %" PRIu64,
                  request->key, value_bytes, request->range.size_bytes, request->range.offset);
    return TSR_OUT_OF_BOUNDS;
}

static int check_limit(const tsr_get_request *request, uint64_t size_bytes)
{
    if (request->limit_bytes && size_bytes > request->limit_bytes)
        return tsr_error_set(request->err, TSR_LIMIT,
                             "key \"%s\" has %" PRIu64 " bytes, more than the limit of %" PRIu64,
                             request->key, size_bytes, request->limit_bytes);
    if (size_bytes > SIZE_MAX || size_bytes > INT64_MAX)
        return tsr_error_set(request->err, TSR_LIMIT, "key \"%s\" does not fit into memory",
                             request->key);
    return 0;
}

int tsri_get_place(tsr_get_request *request, uint64_t value_bytes)
{
    const tsr_range *range = &request->range;
    uint64_t offset = 0, size_bytes = value_bytes, end;
    switch (range->kind) {
    case TSR_RANGE_WHOLE:
        break;
    case TSR_RANGE_PART:
        if (!tsri_add_u64(range->offset, range->size_bytes, &end) || end > value_bytes)
            return out_of_bounds(request, value_bytes);
        offset = range->offset;
        size_bytes = range->size_bytes;
        break;
    case TSR_RANGE_SUFFIX:
        size_bytes = TSRI_MIN(range->size_bytes, value_bytes);
        offset = value_bytes - size_bytes;
        break;
    default:
        return tsr_error_set(request->err, TSR_INVALID_ARGUMENT, "%d is no kind of range",
                             (int)range->kind);
    }
    request->value_bytes = value_bytes;
    TSRI_TRY(check_limit(request, size_bytes));
    request->offset = offset;
    request->size_bytes = (size_t)size_bytes;
    return 0;
}

int tsri_check_match(const char *key, const tsr_generation *if_match, const tsr_generation *current,
                     tsr_error *err)
{
    if (!if_match || (current && tsr_generation_equal(if_match, current)))
        return 0;
    tsr_error_set(err, TSR_CONFLICT, "key \"%s\" was %s by someone else meanwhile", key,
                  current ? "changed" : "removed");
    tsr_error_set_next_step(err, "read it again and repeat the change on what is there now");
    return TSR_CONFLICT;
}

int tsri_check_put_match(const tsr_put_request *request, const tsr_generation *current)
{
    if (request->if_absent && current) {
        tsr_error_set(request->err, TSR_CONFLICT, "key \"%s\" exists already", request->key);
        return TSR_CONFLICT;
    }
    return tsri_check_match(request->key, request->if_match, current, request->err);
}

static int check_conditions(const tsr_put_request *request)
{
    TSRI_TRY(tsr_store_check_key(request->key, request->err));
    if (request->if_absent && request->if_match)
        return tsr_error_set(request->err, TSR_INVALID_ARGUMENT,
                             "key \"%s\" cannot be put both if absent and if it matches",
                             request->key);
    if ((unsigned)request->durability > TSR_DURABILITY_FLUSH)
        return tsr_error_set(request->err, TSR_INVALID_ARGUMENT, "%d is no durability",
                             (int)request->durability);
    return 0;
}

/* Adds one segment to the sum; false when a size overflows or is more than a file can have. */
static bool add_segment(const tsr_segment *segment, tsri_segments *sum)
{
    bool of_current = !segment->bytes && segment->size_bytes > 0;
    uint64_t end;
    if (!tsri_add_u64(sum->total_bytes, segment->size_bytes, &sum->total_bytes) ||
        sum->total_bytes > INT64_MAX || sum->total_bytes > SIZE_MAX)
        return false;
    if (of_current &&
        (!tsri_add_u64(segment->offset, segment->size_bytes, &end) || end > INT64_MAX))
        return false;
    sum->of_current |= of_current;
    return true;
}

int tsri_put_check(const tsr_put_request *request, tsri_segments *ret_segments)
{
    tsri_segments sum = {0};
    TSRI_TRY(check_conditions(request));
    for (size_t i = 0; i < request->segment_count; i++) {
        if (!add_segment(&request->segments[i], &sum))
            return tsr_error_set(request->err, TSR_LIMIT,
                                 "the pieces of key \"%s\" add up to more than a file can hold",
                                 request->key);
    }
    if (sum.of_current && !request->if_match && !request->lock)
        return tsr_error_set(request->err, TSR_INVALID_ARGUMENT,
                             "a piece of the new value of key \"%s\" refers to the current one, "
                             "but neither a generation nor a lock says which",
                             request->key);
    *ret_segments = sum;
    return 0;
}
