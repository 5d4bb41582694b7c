/* How far a copy has come, for a run that goes on after the process was killed. Chunks end in any
 * order; what is told is a number before which all of them are done.
 *
 * Thread: LOCKED. */
#ifndef TESSERA_ARRAY_COPY_JOURNAL_H
#define TESSERA_ARRAY_COPY_JOURNAL_H

#include <pthread.h>

#include <tessera/array.h>

#include "array/grid.h"

/* Chunks that end further ahead than this many others are not remembered: when the copy is taken
 * up again they are found in the store, or done once more. */
#define TSRI_JOURNAL_AHEAD 512

typedef struct tsri_copy_journal {
    const tsr_copy_options *options;
    tsr_store *store; /* of the destination; borrowed */
    uint64_t begun;   /* its tsr_store_flush_begin */
    const tsri_grid *grid;
    pthread_mutex_t mutex;
    int64_t done;                      /* all chunks before this number are done */
    int64_t ahead[TSRI_JOURNAL_AHEAD]; /* and these, in no order */
    int ahead_count;
    bool telling; /* a thread is in the callback */
    int64_t due_ns;
} tsri_copy_journal;

/* Begins with what the options say. CONFINED. Never fails. */
void tsri_copy_journal_init(tsri_copy_journal *journal, const tsr_copy_options *options,
                            tsr_store *store, const tsri_grid *grid);
void tsri_copy_journal_clear(tsri_copy_journal *journal);

/* The number of a chunk in C order; -1 when there are more than 2^63-1 chunks. */
int64_t tsri_copy_journal_number(const tsri_copy_journal *journal, const int64_t *chunk);

/* A chunk is done. Calls the checkpoint when it is due, after a flush. Errors: those of flushing
 * and of the checkpoint. */
int tsri_copy_journal_add(tsri_copy_journal *journal, int64_t number, tsr_error *err);

#endif
