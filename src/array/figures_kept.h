/* Statistics that are kept: the hidden array beside the chunks of an array, and how its rows follow
 * what is written. Format: docs/format/statistics.md.
 *
 * A row is of one value of one chunk of the store, which it names by its generation. Whoever puts a
 * value fills in a block: the rows of the inner chunks that were encoded anew. Blocks wait in a
 * list of the handle until the end of the operation; then the rows of inner chunks that have kept
 * their bytes are carried over from the value before, and all of them are written at once. Rows
 * that nobody writes stay those of a value that is gone, which is what makes them unknown.
 *
 * LOCKED, except for a block, which belongs to whoever fills it in. */
#ifndef TESSERA_ARRAY_FIGURES_KEPT_H
#define TESSERA_ARRAY_FIGURES_KEPT_H

#include "array/examine.h"
#include "array/figures.h"

/* More inner chunks in one chunk of the store are not kept statistics of. */
#define TSRI_FIGURES_CELLS_MAX (INT64_C(1) << 17)

/* An element of the hidden array, as its format has it. */
typedef struct tsri_figures_row {
    uint64_t generation[8]; /* of the value in the store; all 0: nothing was written here */
    uint64_t last;          /* see tsri_figures_last */
    int64_t count, fill_count, nan_count;
    tsr_extreme least, greatest;
    double sum, sum_rest, squares;
} tsri_figures_row;

/* Finds the hidden array, once for each handle; *ret_figures NULL: there is none, or none that is
 * of this array as it is. Borrowed from `array`. Errors: those of reading metadata. */
int tsri_figures_find(tsr_array *array, tsri_figures **ret_figures, tsr_error *err);

/* The same before a write: what cannot be read is left alone, with a line in the log. Errors:
 * NO_MEMORY. */
int tsri_figures_find_to_write(tsr_array *array, tsr_error *err);

void tsri_figures_free(tsri_figures *figures);

/* Whether an array can keep statistics. Errors: UNSUPPORTED, LIMIT. */
int tsri_figures_check(const tsr_array *array, tsr_error *err);

/* The hidden array itself. */
tsr_array *tsri_figures_rows(const tsri_figures *figures);

/* Reads the rows of a box of inner chunks, densely; what is not stored, or damaged, is zeros.
 * Errors: those of reading. */
int tsri_figures_read(const tsri_figures *figures, const int64_t *first, const int64_t *counts,
                      const tsr_call *call, tsri_figures_row *ret_rows, tsr_error *err);

/* ---- what a row says ---- */

/* Where the last element of `shape` lies, in C order of an inner chunk of `lengths`: it tells how
 * much of the chunk lies in the array. */
uint64_t tsri_figures_last(int rank, const int64_t *shape, const int64_t *lengths);

/* The words of a generation that a row names a value by. */
void tsri_figures_generation(const tsr_store *store, const tsr_generation *generation,
                             uint64_t ret_words[8]);

/* Takes a row for what it says of the value with these words (NULL: of whatever value) and elements
 * up to `last`. False: nothing. */
bool tsri_figures_believe(const tsr_array *array, const tsri_figures_row *row,
                          const uint64_t words[8], uint64_t last, tsr_statistics *ret_statistics);

void tsri_figures_fill_row(tsri_figures_row *ret_row, const uint64_t words[8], uint64_t last,
                           const tsr_statistics *statistics);

/* ---- what is written ---- */

typedef enum tsri_figures_state {
    TSRI_FIGURES_CARRIED, /* it is as it was in the value before */
    TSRI_FIGURES_NEW,
    TSRI_FIGURES_UNKNOWN
} tsri_figures_state;

typedef struct tsri_figures_cell {
    tsri_figures_state state;
    uint64_t last;
    tsr_statistics statistics;
} tsri_figures_cell;

/* The rows of one chunk of the store. */
typedef struct tsri_figures_block tsri_figures_block;
struct tsri_figures_block {
    tsri_figures_block *next;
    const tsri_grid *grid;                             /* of the array in this operation; held */
    int64_t chunk[TSR_RANK_MAX];                       /* in the grid of the store */
    int64_t first[TSR_RANK_MAX], counts[TSR_RANK_MAX]; /* of its inner chunks in the array */
    bool before_known, before_exists, exists;
    tsr_generation before, now; /* of the values */
    int64_t cell_count;
    tsri_figures_cell cells[];
};

/* A block for a chunk; NULL in *ret_block where no statistics are kept. Owner: the caller. Errors:
 * NO_MEMORY. */
int tsri_figures_block_new(tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                           tsri_figures_block **ret_block, tsr_error *err);
/* A block for a chunk of `to` that gets the bytes that the chunk of `from` has in the value of this
 * generation, with what is known of that. Errors: those of reading rows, NO_MEMORY. */
int tsri_figures_block_copy(tsr_array *from, tsr_array *to, const tsri_grid *grid,
                            const int64_t *chunk, const tsr_generation *generation,
                            tsri_figures_block **ret_block, tsr_error *err);
void tsri_figures_block_free(tsri_figures_block *block);

/* Starts again: everything is as it was. */
void tsri_figures_block_reset(tsri_figures_block *block);

/* Notes the elements of the inner chunk at a place, `chunk` being a view of it as it will be read.
 * Several threads may note different inner chunks. */
void tsri_figures_note(tsri_figures_block *block, const tsr_array *array,
                       const tsri_cell_place *place, const tsr_view *chunk);

/* Adds a block whose value was put, or erased, to what is to be written; owns it. */
void tsri_figures_add(tsr_array *array, tsri_figures_block *block);

/* Writes what has been added. What cannot be written stays unknown, with a line in the log, since
 * the elements themselves are written. `only_much`: not unless it takes much memory. */
void tsri_figures_flush(tsr_array *array, tsr_durability durability, bool only_much);

/* Writes rows of inner chunks, `rank` numbers each in `cells`. Errors: those of writing. */
int tsri_figures_write(const tsri_figures *figures, const int64_t *cells,
                       const tsri_figures_row *rows, int64_t count, tsr_durability durability,
                       const tsr_call *call, tsr_error *err);

/* The inner chunks of a chunk of the store, as far as they lie in the array. */
void tsri_figures_cells_of(const tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                           int64_t *ret_first, int64_t *ret_counts);

/* How the inner chunks are visited: in boxes of these lengths, which are those of the chunks of the
 * hidden array where there is one. */
void tsri_figures_region(const tsr_array *array, const tsri_grid *grid, const tsri_figures *figures,
                         int64_t *ret_lengths);

/* The box of an inner chunk: where it begins, how much of it lies in the array, and its lengths as
 * it is stored. */
void tsri_figures_cell_box(const tsr_array *array, const tsri_grid *grid, const int64_t *cell,
                           int64_t *ret_start, int64_t *ret_shape, int64_t *ret_lengths);

#endif
