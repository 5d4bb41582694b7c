#include <tessera/heap.h>

#include <stdlib.h>

#include "base/base.h"
#include "tensor/heap_reserve.h"

/* Blocks double from here up to there, so that many small elements cost few of them and little is
 * left over at the end. */
#define FIRST_BLOCK_BYTES (4 << 10)
#define LAST_BLOCK_BYTES (256 << 10)

typedef struct block {
    struct block *next; /* made before this one */
    size_t capacity_bytes;
    size_t used_bytes; /* atomic; more than there is room for once somebody did not find it */
    char bytes[];
} block;

/* Only the head of the list changes as long as the heap is shared, and blocks stay where they are:
 * there is no lock that a fork could find taken. */
struct tsr_heap {
    int references;    /* atomic */
    block *blocks;     /* atomic; the latest first */
    size_t size_bytes; /* atomic */
};

int tsr_heap_new(tsr_heap **ret_heap, tsr_error *err)
{
    tsr_heap *heap = tsri_alloc_zero(sizeof *heap);
    if (!heap)
        return tsri_error_no_memory(err, sizeof *heap);
    heap->references = 1;
    *ret_heap = heap;
    return 0;
}

tsr_heap *tsr_heap_ref(tsr_heap *heap)
{
    __atomic_fetch_add(&heap->references, 1, __ATOMIC_RELAXED);
    return heap;
}

void tsr_heap_clear(tsr_heap *heap)
{
    if (!heap)
        return;
    for (block *now = heap->blocks, *next; now; now = next) {
        next = now->next;
        tsri_free(now);
    }
    heap->blocks = NULL;
    heap->size_bytes = 0;
}

void tsr_heap_unref(tsr_heap *heap)
{
    if (heap && __atomic_sub_fetch(&heap->references, 1, __ATOMIC_ACQ_REL) == 0) {
        tsr_heap_clear(heap);
        tsri_free(heap);
    }
}

size_t tsr_heap_size(const tsr_heap *heap)
{
    return __atomic_load_n(&heap->size_bytes, __ATOMIC_RELAXED);
}

/* Room in a block that others take room in too; NULL when there is not enough. */
static char *take_room(block *self, size_t size_bytes)
{
    size_t used = __atomic_load_n(&self->used_bytes, __ATOMIC_RELAXED);
    if (used > self->capacity_bytes || size_bytes > self->capacity_bytes - used)
        return NULL;
    used = __atomic_fetch_add(&self->used_bytes, size_bytes, __ATOMIC_RELAXED);
    if (used > self->capacity_bytes)
        return NULL;
    if (size_bytes > self->capacity_bytes - used) {
        /* Nobody gets the rest, and Arrow is handed it with the block. */
        memset(self->bytes + used, 0, self->capacity_bytes - used);
        return NULL;
    }
    return self->bytes + used;
}

/* All of them are set, once nobody adds elements. */
static size_t taken_bytes(const block *self)
{
    return TSRI_MIN(self->used_bytes, self->capacity_bytes);
}

static char *add_block(tsr_heap *heap, const block *latest, size_t size_bytes, tsr_error *err)
{
    size_t usual = latest ? TSRI_MIN(2 * latest->capacity_bytes, (size_t)LAST_BLOCK_BYTES)
                          : (size_t)FIRST_BLOCK_BYTES;
    size_t capacity = TSRI_MAX(usual, size_bytes);
    block *added =
        capacity < SIZE_MAX - sizeof *added ? tsri_alloc(sizeof *added + capacity) : NULL;
    if (!added) {
        tsri_error_no_memory(err, capacity);
        return NULL;
    }
    added->capacity_bytes = capacity;
    added->used_bytes = size_bytes;
    added->next = __atomic_load_n(&heap->blocks, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&heap->blocks, &added->next, added, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {}
    __atomic_fetch_add(&heap->size_bytes, sizeof *added + capacity, __ATOMIC_RELAXED);
    return added->bytes;
}

char *tsri_heap_reserve(tsr_heap *heap, size_t size_bytes, tsr_error *err)
{
    block *latest = __atomic_load_n(&heap->blocks, __ATOMIC_ACQUIRE);
    char *room = latest ? take_room(latest, size_bytes) : NULL;
    return room ? room : add_block(heap, latest, size_bytes, err);
}

void tsri_slot_set(tsr_slot *slot, const char *bytes, size_t size_bytes)
{
    *slot = (tsr_slot){.size_bytes = (uint32_t)size_bytes};
    if (size_bytes <= TSR_SLOT_INLINE_MAX) {
        memcpy((char *)slot + sizeof slot->size_bytes, bytes, size_bytes);
        return;
    }
    memcpy(slot->head, bytes, sizeof slot->head);
    slot->rest.bytes = bytes;
}

int tsr_slot_borrow(tsr_slot *ret_slot, const void *bytes, size_t size_bytes, tsr_error *err)
{
    if (size_bytes > (size_t)TSR_SLOT_BYTES_MAX)
        return tsr_error_set(err, TSR_LIMIT, "an element of %zu bytes; at most %d are possible",
                             size_bytes, TSR_SLOT_BYTES_MAX);
    tsri_slot_set(ret_slot, size_bytes > 0 ? bytes : "", size_bytes);
    return 0;
}

int tsr_heap_add(tsr_heap *heap, const void *bytes, size_t size_bytes, tsr_slot *ret_slot,
                 tsr_error *err)
{
    tsr_slot slot;
    TSRI_TRY(tsr_slot_borrow(&slot, bytes, size_bytes, err));
    if (size_bytes > TSR_SLOT_INLINE_MAX) {
        char *room = heap ? tsri_heap_reserve(heap, size_bytes, err) : NULL;
        if (!room)
            return heap ? TSR_NO_MEMORY : tsri_heap_missing(err);
        memcpy(room, bytes, size_bytes);
        slot.rest.bytes = room;
    }
    *ret_slot = slot;
    return 0;
}

int tsri_heap_missing(tsr_error *err)
{
    tsr_error_set(err, TSR_INVALID_ARGUMENT,
                  "a view of elements of variable length has no heap to hold their bytes");
    tsr_error_set_next_step(err, "make the view by tsr_view_new, or set its heap (tsr_heap_new)");
    return TSR_INVALID_ARGUMENT;
}

/* ---- Arrow ---- */

static int compare_buffers(const void *a, const void *b)
{
    const tsr_heap_buffer *left = a, *right = b;
    return ((uintptr_t)left->bytes > (uintptr_t)right->bytes) -
           ((uintptr_t)left->bytes < (uintptr_t)right->bytes);
}

/* The buffers by address, by which the one of an element is found. */
static int list_buffers(const tsr_heap *heap, tsr_heap_buffer **ret_buffers, size_t *ret_count,
                        tsr_error *err)
{
    size_t count = 0;
    for (const block *now = heap->blocks; now; now = now->next)
        count++;
    if (count > INT32_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%zu buffers; Arrow numbers 2^31-1", count);
    tsr_heap_buffer *buffers = tsri_alloc_array(count, sizeof *buffers);
    if (!buffers)
        return tsri_error_no_memory(err, count * sizeof *buffers);
    *ret_count = count;
    for (const block *now = heap->blocks; now; now = now->next)
        buffers[--count] = (tsr_heap_buffer){now->bytes, taken_bytes(now)};
    qsort(buffers, *ret_count, sizeof *buffers, compare_buffers);
    *ret_buffers = buffers;
    return 0;
}

/* The number of the buffer that holds an element, or -1. */
static int64_t find_buffer(const tsr_heap_buffer *buffers, size_t count, const tsr_slot *slot)
{
    uintptr_t at = (uintptr_t)slot->rest.bytes;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)buffers[middle].bytes <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return -1;
    size_t offset = at - (uintptr_t)buffers[low - 1].bytes;
    bool inside = offset <= buffers[low - 1].size_bytes &&
                  slot->size_bytes <= buffers[low - 1].size_bytes - offset;
    return inside && offset <= INT32_MAX ? (int64_t)low - 1 : -1;
}

int tsr_heap_to_arrow(const tsr_heap *heap, tsr_slot *slots, size_t count,
                      tsr_heap_buffer **ret_buffers, size_t *ret_buffer_count, tsr_error *err)
{
    tsr_heap_buffer *buffers = NULL;
    size_t buffer_count = 0;
    TSRI_TRY(list_buffers(heap, &buffers, &buffer_count, err));
    for (size_t i = 0; i < count; i++)
        if (slots[i].size_bytes > TSR_SLOT_INLINE_MAX &&
            find_buffer(buffers, buffer_count, &slots[i]) < 0) {
            tsri_free(buffers);
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "element %zu, of %u bytes, does not lie in this heap", i,
                                 slots[i].size_bytes);
        }
    for (size_t i = 0; i < count; i++) {
        if (slots[i].size_bytes <= TSR_SLOT_INLINE_MAX)
            continue;
        int32_t place[2] = {(int32_t)find_buffer(buffers, buffer_count, &slots[i]), 0};
        place[1] = (int32_t)(slots[i].rest.bytes - buffers[place[0]].bytes);
        memcpy(slots[i].rest.tail, place, sizeof place);
    }
    *ret_buffers = buffers;
    *ret_buffer_count = buffer_count;
    return 0;
}
