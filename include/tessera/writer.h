/* Buffered writers: slices smaller than a shard, each shard written once.
 *
 * Frames of a camera and time steps of a model come one by one, and chunks hold many of them. A
 * writer gathers what is appended along one axis in memory, up to the end of a chunk of the store
 * (a shard, where there are any), and appends that as one piece: elements and new length are seen
 * by readers at once, and what several programs append comes one after the other.
 *
 * What a crash loses is what tsr_array_writer_written does not count yet, and nothing else: it was
 * not acknowledged, and readers never saw it. */
#ifndef TESSERA_WRITER_H
#define TESSERA_WRITER_H

#include <tessera/array.h>

TSR_BEGIN_DECLS

typedef struct tsr_array_writer tsr_array_writer;

typedef struct tsr_array_writer_options {
    size_t struct_size;
    int axis; /* along which the array grows; default 0 */
    /* How much may be held, decoded. Where a whole chunk of the store does not fit, pieces of whole
     * inner chunks are written, and a shard as many times as it has pieces. Default 1 GiB. */
    int64_t memory_bytes;
    tsr_write_options write; /* default: that of tsr_write_options_init */
} tsr_array_writer_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_array_writer_options_init(tsr_array_writer_options *options);

/* Makes a writer of an array, on which it takes a hold; options NULL: the defaults. Owner: the
 * caller, by tsr_array_writer_close or tsr_array_writer_discard. Thread: CONFINED.
 * Errors: READ_ONLY, INVALID_ARGUMENT (no such axis), LIMIT (not even one inner chunk along the
 * axis fits into memory_bytes), NO_MEMORY. */
TSR_API int tsr_array_writer_open(tsr_array *array, const tsr_array_writer_options *options,
                                  tsr_array_writer **ret_writer, tsr_error *err);

/* Appends `view`, which has the array's length along all other axes and any strides, and is the
 * caller's again afterwards. Writes whatever has become complete. *ret_taken (may be NULL) is set
 * in any case: how many positions of the axis were taken over, all of them unless it fails; what
 * was taken is held or written, and is not to be given again. Thread: CONFINED. Errors:
 * INVALID_ARGUMENT (shapes), TYPE_MISMATCH, and those of tsr_array_append: what could not be
 * written is held still, and the next call tries again, unless the array has grown meanwhile, which
 * is CONFLICT: an append may fail to reach the disk after others could see it. */
TSR_API int tsr_array_writer_append(tsr_array_writer *writer, const tsr_view *view,
                                    tsr_casting casting, const tsr_call *call, int64_t *ret_taken,
                                    tsr_error *err);

/* Writes what is held, even where it fills no chunk: the chunk is written again when more comes.
 * Thread: CONFINED. Errors: as tsr_array_append. */
TSR_API int tsr_array_writer_flush(tsr_array_writer *writer, const tsr_call *call, tsr_error *err);

/* How many positions of the axis this writer has written: they are in the array, as durable as the
 * options say. Thread: CONFINED. Never fails. */
TSR_API int64_t tsr_array_writer_written(const tsr_array_writer *writer);

/* How many positions of the axis are held in memory only. Thread: CONFINED. Never fails. */
TSR_API int64_t tsr_array_writer_held(const tsr_array_writer *writer);

/* Flushes and frees the writer, which is gone also when that fails: then what was held is lost, and
 * the error says how much. NULL is left alone. Thread: CONFINED. Errors: as tsr_array_append. */
TSR_API int tsr_array_writer_close(tsr_array_writer *writer, const tsr_call *call, tsr_error *err);

/* Frees the writer with what it holds, which is not written. NULL is left alone. Thread: CONFINED.
 * Never fails. */
TSR_API void tsr_array_writer_discard(tsr_array_writer *writer);

TSR_DEFINE_CLEANUP(tsr_array_writer, tsr_array_writer_discard)

TSR_END_DECLS

#endif
