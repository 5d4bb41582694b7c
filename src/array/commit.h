/* Writing one chunk: encoding it anew, or merging new elements into what is there.
 *
 * A shard is written whole each time it changes: inner chunks that are not touched keep their
 * encoded bytes, which the store copies from the current value. Everything goes through the store's
 * conditional put or the lock of the key, so two writers of one chunk both win. What writers of one
 * process want of a shard while it is being written, one of them then writes for all. */
#ifndef TESSERA_ARRAY_COMMIT_H
#define TESSERA_ARRAY_COMMIT_H

#include "array/claim.h"
#include "array/figures_kept.h"

/* Commits the elements of `target`, which is in the coordinates of the chunk at `chunk_index`.
 * `scratch` belongs to the calling thread; the inner chunks of a shard are encoded by tasks under
 * `parent`. *ret_turn: what became of it, see claim.h; when somebody else is writing the chunk, the
 * order (with target, options and array) waits, or, where `order` is NULL, nothing was done.
 * Errors: as tsr_array_write_index. */
int tsri_commit(tsr_array *array, const int64_t *chunk_index, const tsri_target *target,
                const tsr_write_options *options, tsr_codec_scratch *scratch,
                tsri_task_group *parent, tsri_order *order, tsri_turn *ret_turn, tsr_error *err);

/* Puts bytes that are encoded already, with `until_flush` as in tsr_put_request; *ret_busy:
 * somebody else is writing the chunk, and nothing was done. `figures` are the rows of statistics
 * for them; NULL: they are not known. Owns them. Errors: as tsr_array_put_encoded_chunk. */
int tsri_commit_encoded(tsr_array *array, const int64_t *chunk_index, const void *bytes,
                        size_t size_bytes, const tsr_write_options *options, bool until_flush,
                        tsri_figures_block *figures, bool *ret_busy, tsr_error *err);

#endif
