/* A selection: which elements of an array, in which order. A value, composed axis by axis.
 *
 * Today each axis is a range (start, count, step) or a single position that removes the axis; index
 * lists, masks and pointwise selections join as further kinds of tsr_index_axis.
 *
 * Text form, as NumPy writes it: "1000:1003, ::1440", "-1", "..., 5", "::-2"; negative numbers
 * count from the end, ranges are clipped to the axis, single positions are not.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_INDEX_H
#define TESSERA_INDEX_H

#include <tessera/view.h>

TSR_BEGIN_DECLS

typedef enum tsr_index_kind {
    TSR_INDEX_RANGE,   /* start, start + step, ...: count elements */
    TSR_INDEX_POSITION /* the element at start; the axis is absent from the result */
} tsr_index_kind;

typedef struct tsr_index_axis {
    tsr_index_kind kind;
    int64_t start, count, step; /* all positions lie inside the axis; step is not 0 */
} tsr_index_axis;

typedef struct tsr_index {
    int rank; /* of the array */
    tsr_index_axis axes[TSR_RANK_MAX];
} tsr_index;

/* Selects everything of a shape. Thread: CONFINED. Never fails (rank is at most TSR_RANK_MAX). */
TSR_API void tsr_index_all(tsr_index *ret_index, int rank, const int64_t *shape);

/* Selects a box: start and count per axis, step NULL meaning 1 everywhere. Thread: CONFINED.
 * Errors: OUT_OF_BOUNDS (names axis, position and length), INVALID_ARGUMENT (step 0, negative
 * count). */
TSR_API int tsr_index_box(tsr_index *ret_index, int rank, const int64_t *shape,
                          const int64_t *start, const int64_t *count, const int64_t *step,
                          tsr_error *err);

/* Reads the text form against a shape. Axes that are not mentioned are whole. Thread: CONFINED.
 * Errors: INVALID_ARGUMENT (names the character position), OUT_OF_BOUNDS. */
TSR_API int tsr_index_parse(tsr_index *ret_index, const char *text, int rank, const int64_t *shape,
                            tsr_error *err);

/* Replaces one axis by the text form of a single axis ("1000:1003", "-1"). `length` is the axis
 * length. Thread: CONFINED. Errors: as tsr_index_parse. */
TSR_API int tsr_index_parse_axis(tsr_index *index, int axis, const char *text, int64_t length,
                                 tsr_error *err);

/* The shape of the result. Returns its rank. `ret_shape` has room for TSR_RANK_MAX lengths.
 * Thread: CONFINED. Never fails. */
TSR_API int tsr_index_shape(const tsr_index *index, int64_t *ret_shape);

/* The number of selected elements; saturates at INT64_MAX. Thread: CONFINED. Never fails. */
TSR_API int64_t tsr_index_count(const tsr_index *index);

TSR_END_DECLS

#endif
