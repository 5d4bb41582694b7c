/* Which chunks a batch of reads touches, in order of array and chunk, each once.
 *
 * Every read has a cursor that visits the chunks that it touches in C order; a heap merges them.
 * Memory is O(reads) and that of their points, whatever the number of chunks. */
#ifndef TESSERA_ARRAY_CURSOR_H
#define TESSERA_ARRAY_CURSOR_H

#include "array/target.h"

typedef struct tsri_cursor {
    tsri_target target; /* in the coordinates of the array */
    tsri_target_walk walk;
} tsri_cursor;

typedef struct tsri_cursors {
    tsri_cursor *cursors;
    size_t *heap; /* numbers of cursors, least chunk first */
    size_t count;
    tsri_read *reads; /* borrowed */
    size_t read_count;
} tsri_cursors;

/* What one thread takes of the cursors at once, to go through it without them: one chunk with all
 * reads that touch it; or several chunks side by side along the last axis, where there is one read
 * alone. */
typedef struct tsri_cursor_run {
    tsr_array *array;
    const tsri_grid *grid;
    tsri_target_walk walk; /* stands on the first chunk */
    int count;             /* of chunks; 0 at the end */
    tsri_target *targets;  /* owned: of the reads that share the one chunk; NULL: one read, whose
                              target `walk` has */
    size_t target_count;
} tsri_cursor_run;

/* Sets up cursors for n reads, and sorts their points, which live as long as the cursors; empty
 * selections are left out. Errors: NO_MEMORY. */
int tsri_cursors_init(tsri_cursors *self, tsri_read *reads, size_t n, tsr_error *err);
void tsri_cursors_clear(tsri_cursors *self);

/* The chunk that comes next, without going on; false at the end. */
bool tsri_cursors_peek(const tsri_cursors *self, tsr_array **ret_array, const int64_t **ret_chunk);

/* The grid of the chunk that comes next, of which there must be one. */
const tsri_grid *tsri_cursors_grid(const tsri_cursors *self);

/* Takes the next chunk, or up to `most` of them. Owner: the caller frees the targets. Errors:
 * NO_MEMORY. */
int tsri_cursors_take_run(tsri_cursors *self, int most, tsri_cursor_run *ret_run, tsr_error *err);

/* How many reads touch the next chunk. */
size_t tsri_cursors_sharers(const tsri_cursors *self);

/* Restricts the next read that touches the chunk to it, and moves that read on. False when no read
 * touches `chunk` any more. */
bool tsri_cursors_take(tsri_cursors *self, const tsr_array *array, const int64_t *chunk,
                       tsri_target *ret_target);

#endif
