/* One commit under way: what committing a plain chunk (commit.c) and a shard (commit_shard.c)
 * share.
 */
#ifndef TESSERA_ARRAY_COMMIT_STATE_H
#define TESSERA_ARRAY_COMMIT_STATE_H

#include "array/claim.h"
#include "array/figures_kept.h"
#include "array/merge.h"

typedef struct tsri_commit_state {
    tsr_array *array;
    const tsri_target *target;
    const tsr_write_options *options;
    tsr_durability durability; /* the strictest of all that are written together */
    bool until_flush;          /* of all of them */
    tsr_codec_scratch *scratch;
    tsri_task_group *parent;
    tsri_order *order;       /* the claim is held through it; NULL: nothing queues up */
    tsri_prepared *prepared; /* held: for the shape of the chunk */
    tsr_extent extent;
    /* What a write of everything covers. The part of a chunk behind the end of the array counts:
     * another process may have made the array longer, and have written there. */
    tsri_extent_inside stored, in_array, inside;
    tsr_lock *lock;
    tsr_generation generation; /* of the value that is there; all 0: there is none */
    bool exists;
    bool looked; /* whether there is a value was found out */
    /* The rows of statistics that change; NULL: none are kept. What is added to them names the
     * value that was put. */
    tsri_figures_block *figures;
    tsri_cell_place place; /* of the chunk; set where statistics are kept */
} tsri_commit_state;

/* Writes a shard: the inner chunks that the target touches, and those of the orders that wait. When
 * it fails with others along, they go on by themselves, and *ret_together is true: the failure may
 * be theirs. Errors: as tsri_commit. */
int tsri_commit_shard(tsri_commit_state *self, bool covered, bool *ret_together, tsr_error *err);

/* Puts segments; with `conditional` only if the value is still the one that was read. */
int tsri_commit_put(tsri_commit_state *self, const tsr_segment *segments, size_t count,
                    bool conditional, tsr_error *err);

/* Erases the chunk, under the same condition. */
int tsri_commit_erase(tsri_commit_state *self, bool conditional, tsr_error *err);

/* Whether a chunk that holds nothing but fill values is stored nevertheless: when that was asked
 * for, when its absence would say nothing of its elements, or when an erase could take away what
 * somebody else has put there meanwhile. */
bool tsri_commit_stores_fill(const tsri_commit_state *self, bool conditional);

/* Notes from the status of a get whether there is a value; that there is none is no failure. */
int tsri_commit_note_answer(tsri_commit_state *self, int status, tsr_error *err);

/* Where an encoder writes: scratch that is used again when the size is bounded (*ret_borrowed),
 * else memory of its own. Errors: NO_MEMORY. */
int tsri_commit_output(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                       tsr_output *ret_output, bool *ret_borrowed, tsr_error *err);

/* Says in `err` which chunk of which array failed. Returns the status. */
int tsri_commit_blame(const tsri_commit_state *self, tsr_error *err);

#endif
