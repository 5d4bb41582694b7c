#include "tensor/variable.h"

#include "tensor/copy.h"
#include "tensor/heap_reserve.h"
#include "tensor/nest.h"

/* ---- copying ---- */

static bool add_sizes(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    size_t *sum = user;
    (void)to;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++) {
            const tsr_slot *slot = (const void *)(from + i * outer->from + k * inner->from);
            if (slot->size_bytes > TSR_SLOT_INLINE_MAX &&
                __builtin_add_overflow(*sum, slot->size_bytes, sum))
                return false;
        }
    return true;
}

/* Room that was reserved for all long elements together. */
typedef struct own_job {
    char *room;
    size_t left;
} own_job;

static bool own_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                     const tsri_nest_axis *inner)
{
    own_job *job = user;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++) {
            tsr_slot slot = *(const tsr_slot *)(from + i * outer->from + k * inner->from);
            if (slot.size_bytes > TSR_SLOT_INLINE_MAX) {
                if (slot.size_bytes > job->left)
                    return false;
                slot.rest.bytes = memcpy(job->room, slot.rest.bytes, slot.size_bytes);
                job->room += slot.size_bytes;
                job->left -= slot.size_bytes;
            }
            *(tsr_slot *)(to + i * outer->to + k * inner->to) = slot;
        }
    return true;
}

int tsri_view_copy_variable(const tsr_view *destination, const tsr_view *source, tsr_error *err)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    own_job job = {NULL, 0};
    if (!destination->heap) {
        tsri_view_copy_same(destination, source);
        return 0;
    }
    if (!tsri_nest_init(&nest, destination, source, 1))
        return 0;
    if (!tsri_nest_run(&nest, add_sizes, &job.left))
        return tsri_error_no_memory(err, SIZE_MAX);
    if (job.left > 0 && !(job.room = tsri_heap_reserve(destination->heap, job.left, err)))
        return TSR_NO_MEMORY;
    if (tsri_nest_run(&nest, own_rows, &job))
        return 0;
    return tsr_error_set(err, TSR_CONFLICT, "elements were changed while they were copied");
}

int tsri_view_fill_owned(const tsr_view *view, const void *element, tsr_error *err)
{
    tsr_slot slot;
    if (!tsr_dtype_is_variable(view->dtype) || !view->heap) {
        tsr_view_fill(view, element);
        return 0;
    }
    const tsr_slot *from = element;
    TSRI_TRY(tsr_heap_add(view->heap, tsr_slot_bytes(from), from->size_bytes, &slot, err));
    tsr_view_fill(view, &slot);
    return 0;
}

/* ---- comparing ---- */

static bool slots_equal(const tsr_slot *a, const tsr_slot *b)
{
    if (memcmp(a, b, sizeof a->size_bytes + sizeof a->head) != 0)
        return false;
    if (a->size_bytes <= TSR_SLOT_INLINE_MAX)
        return a->rest.bits == b->rest.bits;
    return a->rest.bytes == b->rest.bytes ||
           memcmp(a->rest.bytes, b->rest.bytes, a->size_bytes) == 0;
}

bool tsr_dtype_element_equal(const tsr_dtype *dtype, const void *a, const void *b)
{
    return tsr_dtype_is_variable(dtype) ? slots_equal(a, b) : memcmp(a, b, dtype->size_bytes) == 0;
}

static bool compare_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    (void)to;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            if (!slots_equal((const void *)(from + i * outer->from + k * inner->from), user))
                return false;
    return true;
}

bool tsri_view_is_filled_with_variable(const tsr_view *view, const void *element)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    return !tsri_nest_init(&nest, view, view, 1) ||
           tsri_nest_run(&nest, compare_rows, (void *)element);
}

/* ---- elements by themselves ---- */

void *tsri_element_clone(const tsr_dtype *dtype, const void *element)
{
    const tsr_slot *from = element;
    if (!element)
        return tsri_alloc_zero(dtype->size_bytes);
    bool is_long = tsr_dtype_is_variable(dtype) && from->size_bytes > TSR_SLOT_INLINE_MAX;
    char *clone = tsri_alloc(dtype->size_bytes + (is_long ? from->size_bytes : 0));
    if (!clone)
        return NULL;
    memcpy(clone, element, dtype->size_bytes);
    if (is_long)
        ((tsr_slot *)(void *)clone)->rest.bytes =
            memcpy(clone + sizeof *from, from->rest.bytes, from->size_bytes);
    return clone;
}
