/* A selection: which elements of an array, in which order, and the shape of the result.
 *
 * Along each axis of the array it is a position, a range, or a list of positions. Lists may belong
 * together (pointwise: the k-th element has the k-th position of each) or stand alone (orthogonal);
 * result axes may be new ones of length 1, and may come in any order. Selections are closed: a
 * selection of the result of a selection is again one (tsr_index_compose), and nothing is read
 * before the last one is applied.
 *
 * Text form, as NumPy writes it: "1000:1003, ::1440", "-1", "..., 5", "::-2", "[3, 7, 9], None";
 * negative numbers count from the end, ranges are clipped to the axis, single positions and those
 * in lists are not.
 *
 * A tsr_index is a plain value; whoever fills one in by hand sets layout to NULL. Without lists it
 * owns nothing. With lists it holds a reference to memory that never changes: copying the struct
 * borrows from the original, tsr_index_copy takes a reference of its own, and tsr_index_clear gives
 * it up (and is harmless on all others).
 *
 * Writing: where a selection names an element more than once, the last one in C order of the result
 * wins, as in NumPy, whatever the number of threads.
 *
 * Model: the index transforms of TensorStore; semantics of lists: NumPy's advanced indexing.
 *
 * Thread: CONFINED for the struct; the lists are IMMUTABLE. */
#ifndef TESSERA_INDEX_H
#define TESSERA_INDEX_H

#include <tessera/view.h>

TSR_BEGIN_DECLS

typedef enum tsr_index_kind {
    TSR_INDEX_RANGE,    /* start, start + step, ...: count elements */
    TSR_INDEX_POSITION, /* the element at start; the axis is absent from the result */
    TSR_INDEX_LIST      /* positions in any order, of which start is the least and start + count - 1
                           the greatest; step is 1 */
} tsr_index_kind;

typedef struct tsr_index_axis {
    tsr_index_kind kind;
    int64_t start, count, step; /* all positions lie inside the axis; step is not 0 */
} tsr_index_axis;

/* What the struct alone does not tell: lists, new axes, another order of axes. */
typedef struct tsr_index_layout tsr_index_layout;

typedef struct tsr_index {
    int rank; /* of the array */
    tsr_index_axis axes[TSR_RANK_MAX];
    tsr_index_layout *layout; /* NULL: the axes of the result are the ranges, in order */
} tsr_index;

/* Takes a reference of its own to what `index` holds. Owner: the caller, who ends it by
 * tsr_index_clear. Thread: CONFINED. Never fails. */
TSR_API void tsr_index_copy(tsr_index *ret_index, const tsr_index *index);

/* Gives up what the index holds, and makes it select the one element of a scalar. Thread: CONFINED.
 * Never fails. */
TSR_API void tsr_index_clear(tsr_index *index);
static inline void tsr_index_cleanup(tsr_index *index)
{
    tsr_index_clear(index);
}

/* Selects everything of a shape. Thread: CONFINED. Never fails (rank is at most TSR_RANK_MAX). */
TSR_API void tsr_index_all(tsr_index *ret_index, int rank, const int64_t *shape);

/* Selects a box: start and count per axis, step NULL meaning 1 everywhere. Thread: CONFINED.
 * Errors: OUT_OF_BOUNDS (names axis, position and length), INVALID_ARGUMENT (step 0, negative
 * count). */
TSR_API int tsr_index_box(tsr_index *ret_index, int rank, const int64_t *shape,
                          const int64_t *start, const int64_t *count, const int64_t *step,
                          tsr_error *err);

/* ---- terms: what stands between the commas of a[..., ...] ---- */

typedef enum tsr_index_term_kind {
    TSR_TERM_RANGE,    /* start:stop:step as in Python */
    TSR_TERM_POSITION, /* start; negative ones count from the end */
    TSR_TERM_ELLIPSIS, /* all axes that the other terms do not take; at most one */
    TSR_TERM_NEW_AXIS, /* an axis of length 1 in the result */
    TSR_TERM_LIST /* integers, or a mask: booleans of the shape of the axes that they select from */
} tsr_index_term_kind;

typedef struct tsr_index_term {
    tsr_index_term_kind kind;
    int64_t start, stop, step;
    bool from_first, to_last; /* RANGE: start, stop are left out, as in "::2" */
    const tsr_view *list;     /* LIST: integers of any type and shape, or TSR_BOOL; borrowed */
} tsr_index_term;

/* How several lists (and positions among them) go together. */
typedef enum tsr_index_mode {
    TSR_INDEX_NUMPY, /* pointwise, broadcast; their axes stand where the lists stood when those are
                        neighbours, and else in front */
    TSR_INDEX_ORTHOGONAL, /* each list has axes of its own, where it stood: numpy.ix_, oindex */
    TSR_INDEX_POINTWISE   /* pointwise, broadcast, their axes always in front: vindex */
} tsr_index_mode;

/* Selects by terms; axes without a term are whole. Owner: the caller, who ends it by
 * tsr_index_clear. Thread: CONFINED. Errors: INVALID_ARGUMENT (too many terms, step 0, types and
 * shapes of lists that do not fit), OUT_OF_BOUNDS (names the axis and the position), LIMIT (more
 * than TSR_RANK_MAX axes), NO_MEMORY. */
TSR_API int tsr_index_select(tsr_index *ret_index, int rank, const int64_t *shape,
                             const tsr_index_term *terms, size_t term_count, tsr_index_mode mode,
                             tsr_error *err);

/* Selects points: `points` has a row for each, and a column for each of the first axes of the
 * array, the others being whole; as tsr_index_select with a list for each column. Owner: the
 * caller, who ends it by tsr_index_clear. Thread: CONFINED. Errors: as tsr_index_select. */
TSR_API int tsr_index_points(tsr_index *ret_index, int rank, const int64_t *shape,
                             const tsr_view *points, tsr_error *err);

/* Selects by `second` from the result of `first`: what is left is a selection from the array of
 * `first`. Costs no memory where neither has lists, otherwise memory for the points of the result.
 * Owner: the caller, who ends it by tsr_index_clear. `ret_index` is neither of the two. Thread:
 * CONFINED. Errors: INVALID_ARGUMENT (second is not of the rank of first's result), OUT_OF_BOUNDS
 * (it leaves the result), LIMIT, NO_MEMORY. */
TSR_API int tsr_index_compose(tsr_index *ret_index, const tsr_index *first, const tsr_index *second,
                              tsr_error *err);

/* Orders the axes of the result anew: axis i is then the former axis order[i], as numpy.transpose
 * does. Owner: the caller, who ends it by tsr_index_clear. `ret_index` is not `index`. Thread:
 * CONFINED. Errors: INVALID_ARGUMENT when `order` is not a permutation, NO_MEMORY. */
TSR_API int tsr_index_transpose(tsr_index *ret_index, const tsr_index *index, const int *order,
                                tsr_error *err);

/* ---- text ---- */

/* Reads the text form against a shape, in NumPy's mode. Axes that are not mentioned are whole.
 * Owner: the caller, who ends it by tsr_index_clear. Thread: CONFINED. Errors: INVALID_ARGUMENT
 * (names the character position), OUT_OF_BOUNDS, LIMIT, NO_MEMORY. */
TSR_API int tsr_index_parse(tsr_index *ret_index, const char *text, int rank, const int64_t *shape,
                            tsr_error *err);

typedef struct tsr_index_parse_options {
    size_t struct_size;
    tsr_index_mode mode; /* default TSR_INDEX_NUMPY */
    /* `rank` names, entries may be NULL: "lat=3:5, lon=[1, 2]" is understood then; NULL: none. The
     * number of an axis always is: "0=3:5". */
    const char *const *dimension_names;
    /* Finds the list or mask that "@name" stands for; the parser ends the view by tsr_view_clear.
     * NULL: "@" is not understood. */
    int (*load)(void *user, const char *name, tsr_view *ret_list, tsr_error *err);
    void *user;
} tsr_index_parse_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_index_parse_options_init(tsr_index_parse_options *options);

/* The same with options. Thread: CONFINED. Errors: as tsr_index_parse, and those of `load`. */
TSR_API int tsr_index_parse_with(tsr_index *ret_index, const char *text, int rank,
                                 const int64_t *shape, const tsr_index_parse_options *options,
                                 tsr_error *err);

/* Replaces one axis of an index without lists by the text form of a range or position
 * ("1000:1003", "-1"). `length` is the axis length. Thread: CONFINED. Errors: as tsr_index_parse;
 * INVALID_ARGUMENT where the index has a layout. */
TSR_API int tsr_index_parse_axis(tsr_index *index, int axis, const char *text, int64_t length,
                                 tsr_error *err);

/* ---- what is selected ---- */

/* The shape of the result. Returns its rank. `ret_shape` has room for TSR_RANK_MAX lengths.
 * Thread: CONFINED. Never fails. */
TSR_API int tsr_index_shape(const tsr_index *index, int64_t *ret_shape);

/* The number of selected elements; saturates at INT64_MAX. Thread: CONFINED. Never fails. */
TSR_API int64_t tsr_index_count(const tsr_index *index);

/* The axis of the array that runs along an axis of the result as a range, or -1: a new axis, or one
 * of lists. Thread: CONFINED. Never fails. */
TSR_API int tsr_index_array_axis(const tsr_index *index, int result_axis);

/* Which element of the array stands at a position of the result: `index->rank` numbers. The
 * position lies inside the result. Thread: CONFINED. Never fails. */
TSR_API void tsr_index_locate(const tsr_index *index, const int64_t *position,
                              int64_t *ret_element);

TSR_END_DECLS

#endif
