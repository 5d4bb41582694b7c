/* Arrays that are not stored: made of other arrays, or by a function.
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
 * Model: the drivers `cast`, `stack`, `downsample` and `virtual_chunked` of TensorStore;
 * numpy.concatenate and numpy.stack.
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

/* How a block of elements becomes one. `stride` takes all types, `mode` all of fixed size, `mean`
 * numbers, complex ones and bool, the others numbers and bool.
 *
 * Blocks begin at the start of each axis; of those that the end of the array cuts, the elements
 * that there are count. What is worked out does not depend on chunks, threads or selections. */
typedef enum tsr_downsample_method {
    TSR_DOWNSAMPLE_STRIDE, /* the first element of the block: read alone, nothing else is */
    TSR_DOWNSAMPLE_MEAN,   /* integers: the exact mean, rounded to nearest, half to even; bool: what
                              most are, false where both are as many; floats: summed as float64 */
    TSR_DOWNSAMPLE_MEDIAN, /* one of the elements: of two in the middle the lower one */
    TSR_DOWNSAMPLE_MODE, /* the most frequent element; of several the least (of complex ones by the
                            real part first), of types without an order, the one whose bytes come
                            first. NaN is one value, above all others */
    TSR_DOWNSAMPLE_MIN,
    TSR_DOWNSAMPLE_MAX
    /* Where a block has a NaN, mean, median, min and max are NaN, as in NumPy. (TensorStore's min
     * and max pass over it.) -0.0 and 0.0 are equal: of both the mode is 0.0 and the others take
     * the first in order. */
} tsr_downsample_method;

/* `source` in blocks of `factors` elements along each axis (rank numbers >= 1), each of which is
 * one element of the result, which is ceil(length / factor) long. A read of it reads those blocks
 * of the source that it needs, in pieces of up to about 16 MiB (or one chunk of the source, where
 * that is more). Owner: the caller, by tsr_array_close; `source` is held by the result. Thread:
 * LOCKED. Errors: INVALID_ARGUMENT (a factor), TYPE_MISMATCH (the method is not defined for the
 * type), LIMIT (a block is larger than tsr_context_options.largest_chunk_bytes), NO_MEMORY. */
TSR_API int tsr_array_downsample(tsr_array *source, const int64_t *factors,
                                 tsr_downsample_method method, tsr_array **ret_array,
                                 tsr_error *err);

/* The numbers that `source` stands for by the conventions of CF (section 8.1): elements times the
 * attribute scale_factor, plus add_offset, worked out in float64. Elements that _FillValue or
 * missing_value name (the latter may be a list) are NaN; _Unsigned ("true" or "false") says how
 * integers are meant. The type is float32 where the packed one has no more than 16 bits, or is a
 * float32, and both attributes are float32 numbers, else float64. The fill value is NaN where a
 * missing value is named, else that of the source, unpacked; the attributes that speak of packed
 * values (valid_min, valid_max and valid_range too) are left out. An array without scale_factor
 * and add_offset is not packed: *ret_array is then `source`, held once more. Owner: the caller, by
 * tsr_array_close; `source` is held by the result. Thread: LOCKED. Errors: BAD_METADATA (an
 * attribute that is no number), TYPE_MISMATCH (elements that are no real numbers), LIMIT,
 * NO_MEMORY. */
TSR_API int tsr_array_unpack(tsr_array *source, tsr_array **ret_array, tsr_error *err);

/* The method of a name: "stride", "mean", "median", "mode", "min", "max". Thread: IMMUTABLE.
 * Errors: NOT_FOUND with the known names as next step. */
TSR_API int tsr_downsample_method_parse(const char *name, tsr_downsample_method *ret_method,
                                        tsr_error *err);

/* An array whose elements a function works out. Set up by tsr_virtual_options_init; what has no
 * default is required. Everything but `user` is copied. */
typedef struct tsr_virtual_options {
    size_t struct_size;
    const char *name; /* what errors call it; default "virtual array" */
    const tsr_dtype *dtype;
    int rank;
    const int64_t *shape;
    /* Which elements are best worked out together: `fill` is never asked for more than one such
     * chunk at once. NULL: chosen, about 1 MiB */
    const int64_t *chunk_shape;
    const void *fill_value;             /* one element; NULL: zero */
    const char *const *dimension_names; /* NULL: none */
    const char *attributes;             /* a JSON object; NULL: none */

    /* Fills `box`, dense, aligned and of the array's type, with the elements from `start` on.
     * Called on any thread of the pool, several at once, each time that elements are needed: it
     * gives the same ones again. It may read other arrays, handing on `call`, whose callbacks are
     * left out. A nonzero return ends the read (fill in err). */
    int (*fill)(void *user, const int64_t *start, const tsr_view *box, const tsr_call *call,
                tsr_error *err);
    void (*release)(void *user); /* called once when the array is gone; NULL: nothing to do */
    void *user;
    /* Ask for whole chunks only (up to the end of the array): where a part of one costs as much as
     * all of it. Default false: for what is needed of one */
    bool whole_chunks;
    bool serial; /* never call `fill` on two threads at once */
} tsr_virtual_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_virtual_options_init(tsr_virtual_options *options);

/* Makes an array of a function. `release` is called only for an array that was made. Owner: the
 * caller, by tsr_array_close. Thread: CONFINED. Errors: INVALID_ARGUMENT, LIMIT (a chunk larger
 * than tsr_context_options.largest_chunk_bytes), NO_MEMORY. */
TSR_API int tsr_array_new_virtual(tsr_context *context, const tsr_virtual_options *options,
                                  tsr_array **ret_array, tsr_error *err);

TSR_END_DECLS

#endif
