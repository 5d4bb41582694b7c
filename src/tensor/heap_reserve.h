/* Heaps of elements of variable length, from inside. */
#ifndef TESSERA_TENSOR_HEAP_RESERVE_H
#define TESSERA_TENSOR_HEAP_RESERVE_H

#include <tessera/heap.h>

#include "base/base.h"

/* Room for the bytes of one or more elements; NULL with an error when there is none. LOCKED.
 * Errors: NO_MEMORY. */
char *tsri_heap_reserve(tsr_heap *heap, size_t size_bytes, tsr_error *err);

/* Makes a slot of bytes that stay where they are, at most TSR_SLOT_BYTES_MAX. Never fails. */
void tsri_slot_set(tsr_slot *slot, const char *bytes, size_t size_bytes);

/* Reports that a view has no heap where one is needed. */
int tsri_heap_missing(tsr_error *err);

#endif
