/* Kept statistics: of each inner chunk of an array (each chunk, where there are no shards) how many
 * elements it has, how many of them are the fill value or NaN, the least and the greatest of the
 * others, and their sum and spread.
 *
 * They are kept in a hidden array beside the chunks, `__statistics` below the array, which programs
 * that know nothing of it neither list nor read. What is kept of a chunk names the value of the
 * chunk that it was made of, and is believed only of that value: whoever writes chunks by other
 * means makes it unknown, never wrong. Format: docs/format/statistics.md.
 *
 * Arrays of real numbers and of times can keep statistics. */
#ifndef TESSERA_STATISTICS_H
#define TESSERA_STATISTICS_H

#include <tessera/array.h>

TSR_BEGIN_DECLS

/* The name of the hidden array. */
#define TSR_STATISTICS_NAME "__statistics"

/* A least or greatest element, exact for every type. */
typedef union tsr_extreme {
    int64_t as_signed;    /* of signed integers and times */
    uint64_t as_unsigned; /* of unsigned integers and bool */
    double as_double;     /* of floats */
} tsr_extreme;

/* Zeros: of no elements. */
typedef struct tsr_statistics {
    int64_t count;       /* elements */
    int64_t fill_count;  /* of these: the fill value, bit for bit */
    int64_t nan_count;   /* of these: NaN, or NaT; fill values among them, where that is NaN */
    int64_t valid_count; /* of these: neither; the following is of them, 0 when there are none */
    tsr_extreme least, greatest; /* infinities included */
    double sum, sum_rest; /* the sum is that of both, which holds all digits of most sums; NaN or
                             infinite where the elements say so, and where doubles end */
    double squares; /* sum of the squared distances from the mean, which is sum / valid_count */
} tsr_statistics;

/* Whether statistics can be kept of elements of a type. Thread: IMMUTABLE. Never fails. */
TSR_API bool tsr_statistics_support(const tsr_dtype *dtype);

/* The statistics of the elements of a view, of any strides; `fill_value` is one element. Thread:
 * CONFINED. Errors: UNSUPPORTED (the type), LIMIT (more than 2^63-1 elements). Sums: compensated
 * (Knuth, TAOCP 2, 4.2.2); squares: two passes over pieces that are merged as below. */
TSR_API int tsr_statistics_of_view(const tsr_view *view, const void *fill_value,
                                   tsr_statistics *ret_statistics, tsr_error *err);

/* Adds what is known of other elements of the same type. Counts saturate at INT64_MAX. Squares:
 * Chan, Golub, LeVeque 1979. Thread: CONFINED. Never fails. */
TSR_API void tsr_statistics_merge(tsr_statistics *total, const tsr_statistics *other,
                                  const tsr_dtype *dtype);

/* Moves the fill values into the figures of the others: afterwards `valid_count` counts them, and
 * extremes, sum and squares are of them too. A fill value of NaN stays where it is. Thread:
 * CONFINED. Never fails. */
TSR_API void tsr_statistics_include_fill(tsr_statistics *statistics, const tsr_dtype *dtype,
                                         const void *fill_value);

/* ---- of arrays ---- */

/* Lets an array keep statistics from now on; nothing is done when it does already. What it holds is
 * unknown until it is written anew or tsr_array_update_statistics. Thread: LOCKED. Errors:
 * READ_ONLY, UNSUPPORTED (the type, or no Zarr array), LIMIT (more than 2^17 inner chunks in a
 * shard), and those of writing. */
TSR_API int tsr_array_keep_statistics(tsr_array *array, const tsr_call *call, tsr_error *err);

/* Whether an array keeps statistics, as its store says the first time that this handle needs to
 * know it. Thread: LOCKED. Errors: those of reading. */
TSR_API int tsr_array_keeps_statistics(tsr_array *array, bool *ret_keeps, tsr_error *err);

/* What is known of one inner chunk. */
typedef struct tsr_chunk_statistics {
    const int64_t *start; /* of its elements inside of the array */
    const int64_t *shape;
    bool known; /* otherwise `statistics` says nothing */
    tsr_statistics statistics;
} tsr_chunk_statistics;

/* Visits the inner chunks that hold elements of the box `start`, `shape` (NULL: of everything),
 * each whole, with what is kept of it. No chunk is read: the store is asked which values it has,
 * and missing chunks are known to be fill values. `each` runs on the calling thread, always in the
 * same order; a nonzero return ends the walk and is returned. Thread: LOCKED. Errors: NOT_FOUND
 * (the array keeps none), OUT_OF_BOUNDS, and those of reading. */
TSR_API int tsr_array_walk_statistics(tsr_array *array, const int64_t *start, const int64_t *shape,
                                      int (*each)(void *user, const tsr_chunk_statistics *chunk),
                                      void *user, const tsr_call *call, tsr_error *err);

/* The statistics of the box `start`, `shape` (NULL: of everything): of inner chunks that lie in it
 * and are known from what is kept, of all others by reading them. An array that keeps none is read
 * as a whole. *ret_read (may be NULL): how many elements were read. The result does not depend on
 * what was read, but for the last digits of sum_rest and squares. Thread: LOCKED. Errors:
 * OUT_OF_BOUNDS, UNSUPPORTED (the type), and those of reading. */
TSR_API int tsr_array_statistics(tsr_array *array, const int64_t *start, const int64_t *shape,
                                 const tsr_call *call, tsr_statistics *ret_statistics,
                                 int64_t *ret_read, tsr_error *err);

/* Reads the inner chunks that are not known, and keeps what they hold. *ret_updated (may be NULL):
 * how many they were. Chunks that somebody writes meanwhile stay unknown, and so do those that were
 * written so lately that another value could be taken for theirs: where that is so it waits until
 * it is not, at most two seconds. Thread: LOCKED. Errors: NOT_FOUND (the array keeps none),
 * READ_ONLY, and those of reading and writing. */
TSR_API int tsr_array_update_statistics(tsr_array *array, const tsr_call *call,
                                        int64_t *ret_updated, tsr_error *err);

TSR_END_DECLS

#endif
