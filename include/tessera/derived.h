/* Arrays that are not stored: made of other arrays.
 *
 * They are arrays like all others: they can be selected from, read into any memory, read through
 * sinks, copied, and made into further ones. Nothing is read before they are, and then only what is
 * needed: a read of a concatenation, stack or cast is carried out as reads of the arrays below,
 * straight into the caller's memory, as one batch.
 *
 * What they are made of is held until they are closed, and was opened with one context. Their shape
 * is that of the moment when they were made: a source that becomes longer later is seen as it was,
 * one that becomes shorter is refused by reads behind its end. They are read only, and their
 * attributes are copies. tsr_array_chunk_shape answers what is cheap to read at once: the innermost
 * chunks of what lies below. No more than 64 may be made of each other.
 *
 * Model: the drivers `cast` and `stack` of TensorStore; numpy.concatenate and numpy.stack.
 *
 * Thread: LOCKED, as all arrays. */
#ifndef TESSERA_DERIVED_H
#define TESSERA_DERIVED_H

#include <tessera/array.h>

TSR_BEGIN_DECLS

/* The elements of `source` as another type, by the rules of tsr_view_copy: a value that `casting`
 * does not let through ends the read that meets it. The fill value is that of the source as
 * TSR_CASTING_UNSAFE turns it. Read into memory of `dtype` each element is converted once, on its
 * way there. Owner: the caller, by tsr_array_close; `source` and `dtype` are held by the result.
 * Thread: LOCKED. Errors: TYPE_MISMATCH (the rule does not permit it), LIMIT, NO_MEMORY. */
TSR_API int tsr_array_cast(tsr_array *source, const tsr_dtype *dtype, tsr_casting casting,
                           tsr_array **ret_array, tsr_error *err);

/* `count` arrays one behind the other along `axis`, which all of them have, as numpy.concatenate
 * does: of one type and one rank, with the same lengths along all other axes. Fill value, names of
 * the axes and attributes are those of the first. A read takes about 5 KiB for each array that it
 * touches. Owner: the caller, by tsr_array_close; the sources are held by the result. Thread:
 * LOCKED. Errors: INVALID_ARGUMENT (no array, axis, ranks, lengths, several contexts),
 * TYPE_MISMATCH (make them of one type by tsr_array_cast), LIMIT, NO_MEMORY. */
TSR_API int tsr_array_concatenate(tsr_array *const *sources, size_t count, int axis,
                                  tsr_array **ret_array, tsr_error *err);

/* `count` arrays of one shape and type side by side along a new axis, which becomes the axis number
 * `axis` (0 .. rank) of the result, as numpy.stack does, and is called `dimension_name` (NULL: has
 * no name). All else as in tsr_array_concatenate. Owner: the caller, by tsr_array_close; the
 * sources are held by the result. Thread: LOCKED. Errors: as tsr_array_concatenate; LIMIT also when
 * the result would have more than TSR_RANK_MAX axes. */
TSR_API int tsr_array_stack(tsr_array *const *sources, size_t count, int axis,
                            const char *dimension_name, tsr_array **ret_array, tsr_error *err);

TSR_END_DECLS

#endif
