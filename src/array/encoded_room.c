#include "array/encoded_room.h"

#include "base/checked.h"
#include "base/output.h"

void tsri_encoded_room_init(tsri_encoded_room *self, tsr_codec_scratch *scratch, int64_t count,
                            uint64_t bytes_max)
{
    uint64_t most = TSRI_ENCODED_KEPT_MAX / TSRI_MAX(bytes_max, UINT64_C(1));
    size_t capacity = (size_t)(TSRI_MIN((uint64_t)count, most) * bytes_max);

    *self = (tsri_encoded_room){0};
    if (capacity == 0)
        return;
    self->memory = tsri_scratch_buffer(scratch, TSRI_BUFFER_SHARD, capacity);
    self->capacity_bytes = self->memory ? capacity : 0;
}

/* Takes a part of the room; NULL when too little is left. */
static char *take(tsri_encoded_room *self, size_t size_bytes)
{
    size_t end;

    if (size_bytes > self->capacity_bytes)
        return NULL;
    size_t start = __atomic_fetch_add(&self->used_bytes, size_bytes, __ATOMIC_RELAXED);
    bool fits = tsri_add_size(start, size_bytes, &end) && end <= self->capacity_bytes;
    return fits ? self->memory + start : NULL;
}

int tsri_encoded_room_keep(tsri_encoded_room *self, const void *bytes, size_t size_bytes,
                           tsr_output *ret_kept, tsr_error *err)
{
    char *kept = take(self, size_bytes);

    if (!kept)
        kept = tsri_alloc(size_bytes);
    if (!kept)
        return tsri_error_no_memory(err, size_bytes);
    memcpy(kept, bytes, size_bytes);
    *ret_kept = (tsr_output){kept, size_bytes, size_bytes, size_bytes};
    return 0;
}

void tsri_encoded_room_drop(const tsri_encoded_room *self, tsr_output *kept)
{
    /* As numbers, since pointers into different memories cannot be compared. */
    uintptr_t start = (uintptr_t)self->memory, at = (uintptr_t)kept->data;

    if (!self->memory || at < start || at - start >= self->capacity_bytes)
        tsri_output_clear(kept);
}
