/* A strided view: a type, a shape and strides over memory that a blob owns or that the caller
 * lends. Slicing, transposing, broadcasting make another view of the same memory and copy nothing.
 *
 * A view is a plain value; copying the struct borrows from the original. It never frees anything,
 * except that tsr_view_clear drops the blob reference of a view that was set up by tsr_view_new.
 *
 * Thread: CONFINED for the struct; the memory follows the rules of its owner. */
#ifndef TESSERA_VIEW_H
#define TESSERA_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <tessera/blob.h>
#include <tessera/dtype.h>
#include <tessera/heap.h>

TSR_BEGIN_DECLS

#define TSR_RANK_MAX 32

typedef struct tsr_view {
    const tsr_dtype *dtype;        /* borrowed */
    int rank;                      /* 0..TSR_RANK_MAX */
    char *data;                    /* the element at index 0, 0, ... */
    int64_t shape[TSR_RANK_MAX];   /* elements */
    int64_t strides[TSR_RANK_MAX]; /* bytes; may be 0 or negative */
    tsr_blob *blob;                /* keeps the memory alive; NULL: borrowed from the caller */
    tsr_heap *heap; /* borrowed: where elements of variable length that come here have their bytes.
                       NULL, or no such type: they go on pointing to where their bytes are */
} tsr_view;

/* How far an element may be changed on the way from one type to another: NumPy's rules of the same
 * names (which take 64-bit integers to be safe in a float64).
 *
 * TSR_CASTING_UNSAFE permits anything numeric. Integers wrap into narrower ones; floats lose their
 * fraction on the way to integers, saturate at the ends of the range, and NaN becomes 0; floats too
 * large for a narrower one become infinite, or where the type has no infinity NaN, or where it has
 * no NaN either its largest number; NaN becomes -0.0 in a float type without it; what
 * float8_e8m0fnu lacks (0, negative numbers, tiny ones) becomes NaN; complex numbers lose their
 * imaginary part; whatever is not 0 is true.
 *
 * Where NumPy knows no rule (the small types of ml_dtypes), SAFE means what it says: every value of
 * one type, infinities, NaN and -0.0 included, is a value of the other.
 *
 * Texts and bytes go to a longer type under SAFE, to variable length too, and text to bytes of
 * variable length (its UTF-8). The other ways, such as U5 to S5 and S5 to U5, need SAME_KIND, which
 * refuses what is too long, ends in a 0 that a fixed length would not keep, or is no text. UNSAFE
 * cuts, between characters where it cuts UTF-8; what is no text is an error under every rule.
 * (NumPy takes bytes for ASCII, and text to bytes only under its unsafe.)
 *
 * Times go to other steps of time, rounded down; what does not fit is an error under every rule,
 * and years and months are no lengths of days. Integers and booleans are lengths of time as they
 * are; times become integers or booleans, and these moments, under UNSAFE; NaT is then the least
 * int64, and true. Times and floats are never each other's, and neither are numbers and texts.
 * Structs and raw bytes are cast to nothing else. */
typedef enum tsr_casting {
    TSR_CASTING_NO,        /* the types must be equal */
    TSR_CASTING_SAFE,      /* every value survives: int16 to float32, not int32 to float32 */
    TSR_CASTING_SAME_KIND, /* also float64 to float32, int64 to int8; a value that does not fit
                              (a finite one that would become infinite too, an infinity, NaN or 0
                              that the type lacks) is an error */
    TSR_CASTING_UNSAFE     /* see above */
} tsr_casting;

/* Lays a view over dense C-order memory. `data` is borrowed. Thread: CONFINED.
 * Errors: INVALID_ARGUMENT (rank, negative lengths), LIMIT (the size exceeds 2^63-1 bytes). */
TSR_API int tsr_view_init(tsr_view *ret_view, const tsr_dtype *dtype, int rank,
                          const int64_t *shape, void *data, tsr_error *err);

/* Allocates dense C-order memory and lays a view over it; the elements are not initialised, but
 * those of variable length are empty and have a heap that ends with the view. Owner: the caller,
 * who ends it by tsr_view_clear. Thread: CONFINED. Errors: as tsr_view_init, and NO_MEMORY. */
TSR_API int tsr_view_new(tsr_view *ret_view, const tsr_dtype *dtype, int rank, const int64_t *shape,
                         tsr_error *err);

/* Drops the blob reference, if any, and empties the view. Thread: CONFINED. Never fails. */
TSR_API void tsr_view_clear(tsr_view *view);
static inline void tsr_view_cleanup(tsr_view *view)
{
    tsr_view_clear(view);
}

/* The number of elements (1 for rank 0), and their size in bytes when dense. Never overflow for a
 * view that an init function accepted. Thread: CONFINED. Never fails. */
TSR_API int64_t tsr_view_count(const tsr_view *view);
TSR_API int64_t tsr_view_size(const tsr_view *view);

/* Whether the elements lie without gaps in C order. Thread: CONFINED. Never fails. */
TSR_API bool tsr_view_is_dense(const tsr_view *view);

/* Narrows one axis in place to `count` elements: start, start + step, ... (step may be negative,
 * not 0). Thread: CONFINED. Errors: OUT_OF_BOUNDS, INVALID_ARGUMENT. The view is untouched on
 * failure. */
TSR_API int tsr_view_slice(tsr_view *view, int axis, int64_t start, int64_t count, int64_t step,
                           tsr_error *err);

/* Removes an axis by fixing it at `position`. Thread: CONFINED. Errors: OUT_OF_BOUNDS. */
TSR_API int tsr_view_select(tsr_view *view, int axis, int64_t position, tsr_error *err);

/* Narrows the elements, structs, to one of their fields, in place; the axes of a field that is an
 * array come last. Nothing is copied. Thread: CONFINED. Errors: NOT_FOUND (no field of this name,
 * or no struct), LIMIT (rank). The view is untouched on failure. */
TSR_API int tsr_view_field(tsr_view *view, const char *name, tsr_error *err);

/* Permutes the axes in place: afterwards axis i is the former axis order[i], as numpy.transpose
 * does. Thread: CONFINED. Errors: INVALID_ARGUMENT when `order` is not a permutation. */
TSR_API int tsr_view_transpose(tsr_view *view, const int *order, tsr_error *err);

/* Repeats axes of length 1 and adds leading axes until the view has this shape, by strides of 0.
 * Thread: CONFINED. Errors: INVALID_ARGUMENT when the shapes do not fit NumPy's broadcasting rules,
 * LIMIT when the elements would exceed 2^63-1 bytes. */
TSR_API int tsr_view_broadcast(tsr_view *view, int rank, const int64_t *shape, tsr_error *err);

/* Copies all elements; shapes must be equal, memory must not overlap. Thread: CONFINED.
 * Errors: INVALID_ARGUMENT (shapes), TYPE_MISMATCH (the cast is not permitted), OUT_OF_BOUNDS (a
 * value does not fit under SAME_KIND; elements before it may have been written). */
TSR_API int tsr_view_copy(const tsr_view *destination, const tsr_view *source, tsr_casting casting,
                          tsr_error *err);

/* Sets every element to the one at `element`, of the view's own type; of variable length, each then
 * points to the same bytes.
 * Thread: CONFINED. Never fails. */
TSR_API void tsr_view_fill(const tsr_view *view, const void *element);

/* Whether every element has the same bits as the one at `element`; of variable length, the same
 * bytes. Thread: CONFINED. Never fails. */
TSR_API bool tsr_view_is_filled_with(const tsr_view *view, const void *element);

/* Whether `from` may be stored as `to` under a casting rule. Thread: IMMUTABLE. Never fails. */
TSR_API bool tsr_dtype_can_cast(const tsr_dtype *from, const tsr_dtype *to, tsr_casting casting);

TSR_END_DECLS

#endif
