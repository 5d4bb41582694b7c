/* Elements of variable length: what cannot be done by moving slots.
 *
 * Moving a slot (tsri_view_copy_same, tsr_view_fill, the kernels) makes a second slot that points
 * to the same bytes. That is what happens everywhere inside of an operation, whose scratch keeps
 * the bytes as long as they are looked at. Bytes are copied where elements come to a place that
 * lives longer: a view with a heap. */
#ifndef TESSERA_TENSOR_VARIABLE_H
#define TESSERA_TENSOR_VARIABLE_H

#include <tessera/view.h>

#include "base/base.h"

/* Copies elements between views of one type of variable length and of one shape: into the heap of
 * the destination, or, where it has none, as slots that point to the bytes of the source. CONFINED.
 * Errors: NO_MEMORY, CONFLICT (the source was changed meanwhile). */
int tsri_view_copy_variable(const tsr_view *destination, const tsr_view *source, tsr_error *err);

/* Sets every element to one, whose bytes are copied once into the heap of the view where it has
 * one. For any type. CONFINED. Errors: NO_MEMORY. */
int tsri_view_fill_owned(const tsr_view *view, const void *element, tsr_error *err);

/* Whether every element of a view, of variable length, is the one at `element`. Never fails. */
bool tsri_view_is_filled_with_variable(const tsr_view *view, const void *element);

/* An element of any type in memory of its own, with the bytes that it points to; NULL: the element
 * of zeros. NULL when out of memory. Owner: the caller, by tsri_free. */
void *tsri_element_clone(const tsr_dtype *dtype, const void *element);

/* ---- casts ---- */

/* The least rule under which an element of a type of variable length, which one of the two is, may
 * be stored as the other; UNSAFE + 1: none. Never fails. */
tsr_casting tsri_dtype_variable_rule(const tsr_dtype *from, const tsr_dtype *to);

/* Casts from or to variable length. `checked`: what is cut or cannot be read back is an error.
 * CONFINED. Errors: OUT_OF_BOUNDS (names the element), INVALID_ARGUMENT (the destination needs a
 * heap), NO_MEMORY. */
int tsri_view_convert_variable(const tsr_view *destination, const tsr_view *source, bool checked,
                               tsr_error *err);

#endif
