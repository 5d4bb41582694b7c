/* What is to be written of statistics: blocks of rows that follow the chunks as they are put. */
#include "array/figures_list.h"

#include "base/context.h"

/* So much waits at most while an operation goes on, about. */
#define PENDING_BYTES_MAX ((size_t)4 << 20)

/* ---- blocks ---- */

int tsri_figures_block_new(tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                           tsri_figures_block **ret_block, tsr_error *err)
{
    *ret_block = NULL;
    if (!__atomic_load_n(&array->figures, __ATOMIC_ACQUIRE))
        return 0;
    int64_t first[TSR_RANK_MAX], counts[TSR_RANK_MAX], cells = 1;
    tsri_figures_cells_of(array, grid, chunk, first, counts);
    for (int axis = 0; axis < array->rank; axis++)
        cells *= TSRI_MAX(counts[axis], INT64_C(0)); /* few, or there would be no figures */
    tsri_figures_block *block =
        tsri_alloc_zero(sizeof *block + (size_t)cells * sizeof *block->cells);
    if (!block)
        return tsri_error_no_memory(err, (size_t)cells * sizeof *block->cells);
    block->grid = tsri_grid_ref((tsri_grid *)grid);
    memcpy(block->chunk, chunk, (size_t)array->rank * sizeof *chunk);
    memcpy(block->first, first, sizeof first);
    memcpy(block->counts, counts, sizeof counts);
    block->cell_count = cells;
    *ret_block = block;
    return 0;
}

void tsri_figures_block_free(tsri_figures_block *block)
{
    if (!block)
        return;
    tsri_grid_unref((tsri_grid *)block->grid);
    tsri_free(block);
}

static void free_all(tsri_figures_block *block)
{
    while (block) {
        tsri_figures_block *next = block->next;
        tsri_figures_block_free(block);
        block = next;
    }
}

void tsri_figures_block_reset(tsri_figures_block *block)
{
    for (int64_t i = 0; block && i < block->cell_count; i++)
        block->cells[i].state = TSRI_FIGURES_CARRIED;
}

/* The number of an inner chunk in the block, or -1 when it lies outside of the array. */
static int64_t number_of(const tsri_figures_block *block, int rank, const int64_t *cell)
{
    int64_t number = 0;
    for (int axis = 0; axis < rank; axis++) {
        int64_t at = cell[axis] - block->first[axis];
        if (at < 0 || at >= block->counts[axis])
            return -1;
        number = number * block->counts[axis] + at;
    }
    return number;
}

static void locate_cell(const tsri_figures_block *block, int rank, int64_t number,
                        int64_t *ret_cell)
{
    for (int axis = rank - 1; axis >= 0; axis--) {
        ret_cell[axis] = block->first[axis] + number % block->counts[axis];
        number /= block->counts[axis];
    }
}

void tsri_figures_note(tsri_figures_block *block, const tsr_array *array,
                       const tsri_cell_place *place, const tsr_view *chunk)
{
    int64_t number = number_of(block, array->rank, place->index);
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX], lengths[TSR_RANK_MAX];
    tsr_view inside = *chunk;

    if (number < 0)
        return;
    tsri_figures_cell_box(array, block->grid, place->index, start, shape, lengths);
    for (int axis = 0; axis < array->rank; axis++)
        inside.shape[axis] = shape[place->axes[axis]];
    tsri_figures_cell *cell = &block->cells[number];
    cell->last = tsri_figures_last(array->rank, shape, lengths);
    cell->state = tsr_statistics_of_view(&inside, array->fill_value, &cell->statistics, NULL) < 0
                      ? TSRI_FIGURES_UNKNOWN
                      : TSRI_FIGURES_NEW;
}

/* Takes over a row of another array. */
static void copy_cell(const tsri_figures_block *block, const tsr_array *from,
                      const uint64_t words[8], const tsri_figures_row *row, int64_t number,
                      tsri_figures_cell *cell)
{
    int64_t at[TSR_RANK_MAX], start[TSR_RANK_MAX], shape[TSR_RANK_MAX], lengths[TSR_RANK_MAX];

    locate_cell(block, from->rank, number, at);
    tsri_figures_cell_box(from, block->grid, at, start, shape, lengths);
    cell->last = tsri_figures_last(from->rank, shape, lengths);
    cell->state = tsri_figures_believe(from, row, words, cell->last, &cell->statistics)
                      ? TSRI_FIGURES_NEW
                      : TSRI_FIGURES_UNKNOWN;
}

int tsri_figures_block_copy(tsr_array *from, tsr_array *to, const tsri_grid *grid,
                            const int64_t *chunk, const tsr_generation *generation,
                            tsri_figures_block **ret_block, tsr_error *err)
{
    tsri_figures_block *block;
    uint64_t words[8];

    TSRI_TRY(tsri_figures_block_new(to, grid, chunk, &block, err));
    *ret_block = block;
    if (!block)
        return 0;
    tsri_figures_row *rows = tsri_alloc_array((size_t)block->cell_count, sizeof *rows);
    int status =
        rows ? tsri_figures_read(from->figures, block->first, block->counts, NULL, rows, err)
             : tsri_error_no_memory(err, (size_t)block->cell_count * sizeof *rows);
    tsri_figures_generation(from->store, generation, words);
    for (int64_t i = 0; status == 0 && i < block->cell_count; i++)
        copy_cell(block, from, words, &rows[i], i, &block->cells[i]);
    tsri_free(rows);
    if (status < 0) {
        tsri_figures_block_free(block);
        *ret_block = NULL;
    }
    return status;
}

/* ---- the list ---- */

/* What was known before a block, and what it changes, in one: `older` is of the value that `block`
 * began with. */
static void take_over(tsri_figures_block *block, const tsri_figures_block *older)
{
    for (int64_t i = 0; i < block->cell_count; i++)
        if (block->cells[i].state == TSRI_FIGURES_CARRIED)
            block->cells[i] = older->cells[i];
    block->before_known = older->before_known;
    block->before_exists = older->before_exists;
    block->before = older->before;
}

static bool begins_with(const tsri_figures_block *block, const tsri_figures_block *older, int rank)
{
    return block->before_known && block->before_exists == older->exists &&
           memcmp(block->first, older->first, (size_t)rank * sizeof *block->first) == 0 &&
           memcmp(block->counts, older->counts, (size_t)rank * sizeof *block->counts) == 0 &&
           (!older->exists || tsr_generation_equal(&block->before, &older->now));
}

static size_t size_of(const tsri_figures_block *block)
{
    return sizeof *block + (size_t)block->cell_count * sizeof *block->cells;
}

/* Where the block of a chunk is linked, or would be. */
static tsri_figures_block **find_link(tsri_figures *figures, const int64_t *chunk, int rank)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, by words */
    for (int axis = 0; axis < rank; axis++)
        hash = (hash ^ (uint64_t)chunk[axis]) * UINT64_C(1099511628211);
    tsri_figures_block **link = &figures->pending[(hash ^ hash >> 32) % TSRI_FIGURES_BUCKETS];
    while (*link && memcmp((*link)->chunk, chunk, (size_t)rank * sizeof *chunk) != 0)
        link = &(*link)->next;
    return link;
}

void tsri_figures_add(tsr_array *array, tsri_figures_block *block)
{
    tsri_figures *figures = array->figures;

    pthread_mutex_lock(&array->mutex);
    tsri_figures_block **link = find_link(figures, block->chunk, array->rank), *older = *link;
    if (older) {
        figures->pending_bytes -= size_of(older);
        if (begins_with(block, older, array->rank))
            take_over(block, older);
    }
    block->next = older ? older->next : NULL;
    *link = block;
    figures->pending_bytes += size_of(block);
    pthread_mutex_unlock(&array->mutex);
    tsri_figures_block_free(older);
}

void tsri_figures_free(tsri_figures *figures)
{
    for (int i = 0; figures && i < TSRI_FIGURES_BUCKETS; i++)
        free_all(figures->pending[i]);
    if (figures)
        tsr_array_close(figures->rows);
    tsri_free(figures);
}

/* ---- writing ---- */

/* Rows to be written at once. */
typedef struct batch {
    const tsr_array *array;
    int64_t count, capacity;
    int64_t *cells;
    tsri_figures_row *rows;
} batch;

static void batch_cleanup(batch *self)
{
    tsri_free(self->cells);
    tsri_free(self->rows);
}

static int batch_init(batch *self, const tsr_array *array, const tsri_figures_block *blocks,
                      tsr_error *err)
{
    *self = (batch){.array = array};
    for (const tsri_figures_block *block = blocks; block; block = block->next)
        self->capacity += block->cell_count;
    self->cells =
        tsri_alloc_array((size_t)self->capacity, ((size_t)array->rank + 1) * sizeof *self->cells);
    self->rows = tsri_alloc_array((size_t)self->capacity, sizeof *self->rows);
    return self->cells && self->rows
               ? 0
               : tsri_error_no_memory(err, (size_t)self->capacity * sizeof *self->rows);
}

/* What is known of an inner chunk that has kept its bytes, or its absence. */
static bool carry(const batch *self, const tsri_figures_block *block, const int64_t *cell,
                  const tsri_figures_row *before, tsri_figures_cell *known)
{
    const tsr_array *array = self->array;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX], lengths[TSR_RANK_MAX], count = 1;
    uint64_t words[8];

    if (!block->before_known)
        return false;
    tsri_figures_cell_box(array, block->grid, cell, start, shape, lengths);
    known->last = tsri_figures_last(array->rank, shape, lengths);
    if (!block->before_exists) {
        for (int axis = 0; axis < array->rank; axis++)
            count *= shape[axis];
        tsri_figures_of_fill(array->dtype, array->fill_value, count, &known->statistics);
        return true;
    }
    tsri_figures_generation(array->store, &block->before, words);
    return tsri_figures_believe(array, before, words, known->last, &known->statistics);
}

/* Adds the rows of a block; `before` are those that are there, or NULL. */
static void batch_take(batch *self, tsri_figures_block *block, const tsri_figures_row *before)
{
    int rank = self->array->rank;
    uint64_t words[8];

    tsri_figures_generation(self->array->store, &block->now, words);
    for (int64_t i = 0; i < block->cell_count; i++) {
        tsri_figures_cell *known = &block->cells[i];
        int64_t *cell = self->cells + self->count * rank;
        locate_cell(block, rank, i, cell);
        if (known->state == TSRI_FIGURES_UNKNOWN ||
            (known->state == TSRI_FIGURES_CARRIED &&
             !carry(self, block, cell, before ? &before[i] : NULL, known)))
            continue;
        tsri_figures_fill_row(&self->rows[self->count++], words, known->last, &known->statistics);
    }
}

static bool needs_before(const tsri_figures_block *block)
{
    if (!block->before_known || !block->before_exists)
        return false;
    for (int64_t i = 0; i < block->cell_count; i++)
        if (block->cells[i].state == TSRI_FIGURES_CARRIED)
            return true;
    return false;
}

static int take_block(batch *self, const tsri_figures *figures, tsri_figures_block *block,
                      tsr_error *err)
{
    tsri_figures_row *before = NULL;
    int status = 0;

    if (!block->exists) /* what is missing needs no rows */
        return 0;
    if (needs_before(block)) {
        before = tsri_alloc_array((size_t)block->cell_count, sizeof *before);
        status = before ? tsri_figures_read(figures, block->first, block->counts, NULL, before, err)
                        : tsri_error_no_memory(err, (size_t)block->cell_count * sizeof *before);
    }
    if (status == 0)
        batch_take(self, block, before);
    tsri_free(before);
    return status;
}

static int write_blocks(const tsr_array *array, const tsri_figures *figures,
                        tsri_figures_block *blocks, tsr_durability durability, tsr_error *err)
{
    tsr_auto(batch) rows = {0};

    TSRI_TRY(batch_init(&rows, array, blocks, err));
    for (tsri_figures_block *block = blocks; block; block = block->next)
        TSRI_TRY(take_block(&rows, figures, block, err));
    return tsri_figures_write(figures, rows.cells, rows.rows, rows.count, durability, NULL, err);
}

/* Takes everything that is pending, as one list. */
static tsri_figures_block *take_all(tsri_figures *figures)
{
    tsri_figures_block *all = NULL;
    for (int i = 0; i < TSRI_FIGURES_BUCKETS; i++)
        while (figures->pending[i]) {
            tsri_figures_block *block = figures->pending[i];
            figures->pending[i] = block->next;
            block->next = all;
            all = block;
        }
    figures->pending_bytes = 0;
    return all;
}

/* Takes what is pending, unless somebody else (not `mine`) writes already, who then goes on with
 * it. */
static tsri_figures_block *take_pending(tsr_array *array, bool mine, bool only_much)
{
    tsri_figures *figures = array->figures;
    tsri_figures_block *blocks = NULL;

    pthread_mutex_lock(&array->mutex);
    if ((mine || !figures->flushing) && (!only_much || figures->pending_bytes > PENDING_BYTES_MAX))
        blocks = take_all(figures);
    if (mine || blocks)
        figures->flushing = blocks != NULL;
    pthread_mutex_unlock(&array->mutex);
    return blocks;
}

static void write_pending(tsr_array *array, tsr_durability durability, bool only_much)
{
    tsri_figures_block *blocks;
    tsr_error failure = TSR_ERROR_INIT;

    for (blocks = take_pending(array, false, only_much); blocks;
         blocks = take_pending(array, true, only_much)) {
        if (write_blocks(array, array->figures, blocks, durability, &failure) < 0)
            tsri_log(array->context, TSR_LOG_WARNING, "statistics",
                     "%s: some statistics could not be kept: %s", array->place, failure.message);
        free_all(blocks);
    }
}

/* Asked for after every chunk, so that nothing is set up where nothing is kept. */
void tsri_figures_flush(tsr_array *array, tsr_durability durability, bool only_much)
{
    if (__atomic_load_n(&array->figures, __ATOMIC_ACQUIRE))
        write_pending(array, durability, only_much);
}
