/* Elements of variable length (the types TSR_STRING and TSR_VARIABLE_BYTES) in memory: an element
 * is a slot of 16 bytes, so that a view of them can be strided, transposed and filled in parallel
 * like any other. Up to 12 bytes lie in the slot itself; more lie elsewhere, and the slot has their
 * address. What a slot points to belongs to somebody: to the program, as long as a write goes on;
 * to a chunk that is being decoded, as long as a sink looks at it; or to the heap of the view that
 * was read into.
 *
 * Slots are those of Arrow's BinaryView and Utf8View, except that a long one has an address where
 * Arrow has the number of a buffer and an offset: tsr_heap_to_arrow turns it into these in place,
 * and no byte of the elements moves. Source: Arrow columnar format 1.4, "Variable-size Binary View
 * Layout"; the same slots with addresses are those of Umbra, DuckDB and Velox. */
#ifndef TESSERA_HEAP_H
#define TESSERA_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include <tessera/error.h>
#include <tessera/export.h>

TSR_BEGIN_DECLS

#define TSR_SLOT_INLINE_MAX 12                 /* bytes that lie in the slot itself */
#define TSR_SLOT_BYTES_MAX INT32_C(0x7fffffff) /* bytes of an element, as in Arrow */

/* An empty element is a slot of zeros, and bytes of the slot behind a short element are 0: short
 * elements are equal when their slots are. */
typedef struct tsr_slot {
    uint32_t size_bytes;
    char head[4]; /* the first bytes; of a short element the others follow in `rest` */
    union {
        char tail[8];
        const char *bytes; /* of a long element: all of it */
        uint64_t bits;
    } rest;
} tsr_slot;

/* The bytes of an element, size_bytes of them, without a 0 at the end. Borrowed from the slot and
 * whatever it points to. Thread: IMMUTABLE. Never fails. */
static inline const char *tsr_slot_bytes(const tsr_slot *slot)
{
    return slot->size_bytes <= TSR_SLOT_INLINE_MAX ? (const char *)slot + sizeof slot->size_bytes
                                                   : slot->rest.bytes;
}

/* Makes a slot of bytes that the caller keeps as long as the slot is used (up to 12 are copied
 * into it). Thread: CONFINED. Errors: LIMIT (more than TSR_SLOT_BYTES_MAX). */
TSR_API int tsr_slot_borrow(tsr_slot *ret_slot, const void *bytes, size_t size_bytes,
                            tsr_error *err);

/* Memory that only grows, for the bytes of elements; freed as a whole.
 *
 * Thread: LOCKED (without a lock: a fork meets it in any state and finds it usable), except where a
 * function says CONFINED. */
typedef struct tsr_heap tsr_heap;

/* Makes an empty heap. Owner: the caller holds one reference. Thread: CONFINED. Errors: NO_MEMORY.
 */
TSR_API int tsr_heap_new(tsr_heap **ret_heap, tsr_error *err);

/* Takes one more reference and returns the heap. Thread: LOCKED. Never fails. */
TSR_API tsr_heap *tsr_heap_ref(tsr_heap *heap);

/* Drops one reference; NULL is left alone. The last one frees all bytes. Thread: LOCKED. Never
 * fails. */
TSR_API void tsr_heap_unref(tsr_heap *heap);

/* Frees all bytes, so that slots that point to them are worth nothing any more: before memory is
 * read into again. NULL is left alone. Thread: CONFINED. Never fails. */
TSR_API void tsr_heap_clear(tsr_heap *heap);

/* How much memory the heap takes. Thread: LOCKED. Never fails. */
TSR_API size_t tsr_heap_size(const tsr_heap *heap);

/* Copies bytes into the heap and makes a slot of them; up to 12 need the slot alone. `heap` may be
 * NULL for these. Thread: LOCKED. Errors: LIMIT (more than TSR_SLOT_BYTES_MAX), NO_MEMORY. */
TSR_API int tsr_heap_add(tsr_heap *heap, const void *bytes, size_t size_bytes, tsr_slot *ret_slot,
                         tsr_error *err);

/* A buffer of bytes that Arrow's slots count in. Borrowed from the heap. */
typedef struct tsr_heap_buffer {
    const char *bytes;
    size_t size_bytes;
} tsr_heap_buffer;

/* Turns `count` slots that follow each other, all of whose long elements lie in `heap`, into those
 * of Arrow's BinaryView, in place: {length, prefix, number of a buffer, offset}, 4 bytes each. Sets
 * the buffers that they count in: an array that the caller frees by tsr_free, its entries borrowed
 * from the heap. Slots are left as they are on failure. Thread: CONFINED. Errors: INVALID_ARGUMENT
 * (an element lies elsewhere), LIMIT (2^31 buffers), NO_MEMORY. */
TSR_API int tsr_heap_to_arrow(const tsr_heap *heap, tsr_slot *slots, size_t count,
                              tsr_heap_buffer **ret_buffers, size_t *ret_buffer_count,
                              tsr_error *err);

TSR_DEFINE_CLEANUP(tsr_heap, tsr_heap_unref)

TSR_END_DECLS

#endif
