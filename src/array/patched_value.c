#include "array/patched_value.h"

#include <inttypes.h>
#include <stdlib.h>

#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"
#include "store/store_request.h"

/* ---- where bytes are ---- */

static const tsri_patch *find_patch(const tsri_patched_value *self, uint64_t number)
{
    size_t low = 0, high = self->patch_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->patches[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->patch_count && self->patches[low].number == number ? &self->patches[low]
                                                                          : NULL;
}

/* The index, in covered bytes. */
static void index_place(const tsri_parity_shape *shape, uint64_t *ret_start, uint64_t *ret_end)
{
    *ret_start = shape->after_bytes > 0 ? shape->before_bytes : 0;
    *ret_end = *ret_start + shape->index_bytes;
}

/* A run of covered bytes that come from one place. */
typedef struct piece {
    const unsigned char *bytes; /* NULL: from the store */
    uint64_t offset;            /* there */
    uint64_t size_bytes;
    bool is_lost; /* what lies there is not what was */
    bool is_gone; /* and not within the value any more */
} piece;

/* Where the bytes from `at` on come from, up to the end of their block. */
static piece find_piece(const tsri_patched_value *self, uint64_t at)
{
    const tsri_shard_parity *parity = self->parity;
    uint64_t block = parity->shape.block_bytes, number = at / block, size, offset;
    const tsri_patch *patch = self->hides_patches ? NULL : find_patch(self, number);
    unsigned char state = parity->blocks[number];
    bool within =
        tsri_shard_parity_place(parity, number, state == TSRI_BLOCK_MOVED, &offset, &size);
    piece found = {.offset = offset + at % block, .size_bytes = size - at % block};

    if (patch) {
        found.bytes = patch->bytes + at % block;
    } else if (state == TSRI_BLOCK_LOST) {
        found.is_lost = true;
        found.is_gone = !within;
    }
    return found;
}

/* ---- reading it ---- */

static int refuse_lost(uint64_t at, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "the block of byte %" PRIu64 " is damaged, and too much of what belongs "
                         "to it for its parity",
                         at);
}

static int read_store(const tsri_patched_value *self, uint64_t offset, uint64_t size_bytes,
                      unsigned char *to, tsr_error *err)
{
    const tsr_extent *extent = self->parity->extent;
    tsr_get_request request;

    TSRI_TRY(tsri_get_and_wait(extent->store, extent->key,
                               (tsr_range){TSR_RANGE_PART, offset, size_bytes}, self->generation,
                               &request, err));
    memcpy(to, tsr_blob_data(request.blob), (size_t)size_bytes);
    tsr_blob_unref(request.blob);
    return 0;
}

/* Adds following pieces of the store to one, as long as they lie side by side. */
static void extend_piece(const tsri_patched_value *self, uint64_t at, uint64_t end, piece *run)
{
    run->size_bytes = TSRI_MIN(run->size_bytes, end - at);
    while (!run->bytes && !run->is_gone && at + run->size_bytes < end) {
        piece next = find_piece(self, at + run->size_bytes);
        if (next.bytes || next.is_gone || next.is_lost != run->is_lost ||
            next.offset != run->offset + run->size_bytes)
            return;
        run->size_bytes += TSRI_MIN(next.size_bytes, end - at - run->size_bytes);
    }
}

static int read_blocks(const tsri_patched_value *self, uint64_t at, uint64_t end, unsigned char *to,
                       tsr_error *err)
{
    while (at < end) {
        piece run = find_piece(self, at);
        extend_piece(self, at, end, &run);
        if (run.is_lost && self->refuses_lost && !self->hides_patches)
            return refuse_lost(at, err);
        if (run.bytes)
            memcpy(to, run.bytes, (size_t)run.size_bytes);
        else if (run.is_gone)
            memset(to, 0, (size_t)run.size_bytes);
        else
            TSRI_TRY(read_store(self, run.offset, run.size_bytes, to, err));
        at += run.size_bytes;
        to += run.size_bytes;
    }
    return 0;
}

/* The index comes from the directory, whatever became of it. */
static int read_covered(const tsri_patched_value *self, uint64_t start, uint64_t end,
                        unsigned char *to, tsr_error *err)
{
    uint64_t index_start, index_end;

    index_place(&self->parity->shape, &index_start, &index_end);
    uint64_t from = TSRI_MIN(TSRI_MAX(start, index_start), end);
    uint64_t until = TSRI_MIN(TSRI_MAX(start, index_end), end);
    if (from >= until)
        return read_blocks(self, start, end, to, err);
    memcpy(to + (from - start), self->parity->directory + (from - index_start),
           (size_t)(until - from));
    TSRI_TRY(read_blocks(self, start, from, to, err));
    return read_blocks(self, until, end, to + (until - start), err);
}

static int answer(const tsri_patched_value *self, tsr_get_request *request)
{
    tsr_auto(tsr_blob) *blob = NULL;

    TSRI_TRY(tsri_get_place(request, self->parity->shape.covered_bytes));
    TSRI_TRY(tsr_blob_new(request->size_bytes, &blob, request->err));
    TSRI_TRY(read_covered(self, request->offset, request->offset + request->size_bytes,
                          tsr_blob_data_writable(blob), request->err));
    request->blob = TSRI_TAKE(blob);
    return 0;
}

static void patched_get(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    (void)call; /* whoever examines looks at it between two requests */
    for (size_t i = 0; i < n; i++) {
        requests[i].blob = NULL;
        requests[i].status = answer((const tsri_patched_value *)store, &requests[i]);
        requests[i].done(&requests[i]);
    }
}

static const tsr_store_ops patched_ops = {.struct_size = sizeof patched_ops, .get = patched_get};

/* ---- computing what is lost ---- */

/* The blocks of one column. */
typedef struct column {
    unsigned char *rows[TSRI_PARITY_ROWS_MAX]; /* owned, as one piece that begins at the first */
    bool lost[TSRI_PARITY_ROWS_MAX];
    uint64_t numbers[TSRI_PARITY_ROWS_MAX]; /* of the blocks; UINT64_MAX: there is none */
} column;

static int column_init(column *ret_column, const tsri_parity_shape *shape, tsr_error *err)
{
    int count = shape->strength.data_rows + shape->strength.parity_rows;
    unsigned char *memory = tsri_alloc_array((size_t)count, (size_t)shape->block_bytes);

    if (!memory)
        return tsri_error_no_memory(err, (size_t)count * (size_t)shape->block_bytes);
    for (int row = 0; row < count; row++)
        ret_column->rows[row] = memory + (uint64_t)row * shape->block_bytes;
    return 0;
}

static void number_blocks(column *self, const tsri_parity_shape *shape, uint64_t number)
{
    int data_rows = shape->strength.data_rows;

    for (int row = 0; row < data_rows + shape->strength.parity_rows; row++) {
        uint64_t block = (uint64_t)row * shape->column_count + number;
        if (row >= data_rows)
            block = shape->block_count + (uint64_t)(row - data_rows) * shape->column_count + number;
        else if (block >= shape->block_count)
            block = UINT64_MAX;
        self->numbers[row] = block;
    }
}

/* Whether data of a column is lost. */
static bool needs_help(const column *self, const tsri_shard_parity *parity)
{
    for (int row = 0; row < parity->shape.strength.data_rows; row++)
        if (self->numbers[row] != UINT64_MAX &&
            parity->blocks[self->numbers[row]] == TSRI_BLOCK_LOST)
            return true;
    return false;
}

/* A block that lies wholly within the index is known from the directory. */
static bool copy_from_index(const tsri_shard_parity *parity, uint64_t number, unsigned char *to)
{
    const tsri_parity_shape *shape = &parity->shape;
    uint64_t start = number * shape->block_bytes, index_start, index_end;
    uint64_t end = TSRI_MIN(start + shape->block_bytes, shape->covered_bytes);

    index_place(shape, &index_start, &index_end);
    if (number >= shape->block_count || start < index_start || end > index_end)
        return false;
    memcpy(to, parity->directory + (start - index_start), (size_t)(end - start));
    return true;
}

static int load_row(const tsri_patched_value *self, column *of, int row, tsr_error *err)
{
    const tsri_shard_parity *parity = self->parity;
    uint64_t number = of->numbers[row], offset, size;

    memset(of->rows[row], 0, (size_t)parity->shape.block_bytes);
    of->lost[row] = false;
    if (number == UINT64_MAX || copy_from_index(parity, number, of->rows[row]))
        return 0;
    of->lost[row] = parity->blocks[number] == TSRI_BLOCK_LOST;
    if (of->lost[row])
        return 0;
    tsri_shard_parity_place(parity, number, parity->blocks[number] == TSRI_BLOCK_MOVED, &offset,
                            &size);
    return read_store(self, offset, size, of->rows[row], err);
}

static int add_patch(tsri_patched_value *self, uint64_t number, const unsigned char *bytes,
                     tsr_error *err)
{
    size_t block = (size_t)self->parity->shape.block_bytes;
    tsri_patch *patches =
        tsri_grow_array(self->patches, self->patch_count, &self->patch_capacity, sizeof *patches);

    if (!patches)
        return tsri_error_no_memory(err, sizeof *patches);
    self->patches = patches;
    unsigned char *copy = tsri_alloc(block);
    if (!copy)
        return tsri_error_no_memory(err, block);
    memcpy(copy, bytes, block);
    patches[self->patch_count++] = (tsri_patch){number, copy};
    return 0;
}

/* Takes the rows that were lost, as far as their checksums say that they are back. */
static int take_rows(tsri_patched_value *self, const column *of, tsr_error *err)
{
    const tsri_shard_parity *parity = self->parity;

    for (int row = 0; row < parity->shape.strength.data_rows; row++) {
        uint64_t number = of->numbers[row];
        if (number == UINT64_MAX || parity->blocks[number] != TSRI_BLOCK_LOST ||
            !tsri_parity_block_holds(&parity->shape, parity->directory, number, of->rows[row],
                                     (size_t)parity->shape.block_bytes))
            continue;
        TSRI_TRY(add_patch(self, number, of->rows[row], err));
    }
    return 0;
}

static int mend_column(tsri_patched_value *self, column *of, tsr_error *err)
{
    const tsri_parity_shape *shape = &self->parity->shape;

    for (int row = 0; row < shape->strength.data_rows + shape->strength.parity_rows; row++)
        TSRI_TRY(load_row(self, of, row, err));
    int status =
        tsri_parity_rebuild(shape->strength, of->rows, of->lost, (size_t)shape->block_bytes, err);
    if (status == TSR_DAMAGED) /* too much is lost; blocks of the index are known all the same */
        tsr_error_clear(err);
    else
        TSRI_TRY(status);
    return take_rows(self, of, err);
}

static int compare_patches(const void *left, const void *right)
{
    uint64_t a = ((const tsri_patch *)left)->number, b = ((const tsri_patch *)right)->number;
    return a < b ? -1 : a > b;
}

static int mend(tsri_patched_value *self, tsri_examiner *examiner, tsr_error *err)
{
    const tsri_parity_shape *shape = &self->parity->shape;
    column at;
    int status = 0;

    TSRI_TRY(column_init(&at, shape, err));
    for (uint64_t i = 0; i < shape->column_count && status == 0; i++) {
        number_blocks(&at, shape, i);
        if (!needs_help(&at, self->parity))
            continue;
        status = tsri_group_stopped(examiner->watch) ? examiner->watch->status : 0;
        if (status < 0 && err)
            *err = examiner->watch->error;
        if (status == 0)
            status = mend_column(self, &at, err);
    }
    tsri_free(at.rows[0]);
    if (self->patch_count > 0)
        qsort(self->patches, self->patch_count, sizeof *self->patches, compare_patches);
    return status;
}

int tsri_patched_value_init(tsri_patched_value *ret_value, const tsri_shard_parity *parity,
                            tsri_examiner *examiner, const tsr_generation *generation,
                            tsr_error *err)
{
    tsri_patched_value *self = ret_value;

    *self = (tsri_patched_value){.parity = parity, .generation = generation};
    TSRI_TRY(tsr_store_init(&self->head, &patched_ops, parity->extent->store->context,
                            tsr_store_url(parity->extent->store), err));
    self->extent = *parity->extent;
    self->extent.store = &self->head;
    self->refuses_lost = !tsri_prepared_is_checked(parity->prepared->inner);
    int status = mend(self, examiner, err);
    if (status < 0)
        tsri_patched_value_clear(self);
    return status;
}

void tsri_patched_value_clear(tsri_patched_value *value)
{
    for (size_t i = 0; i < value->patch_count; i++)
        tsri_free(value->patches[i].bytes);
    tsri_free(value->patches);
    tsr_store_clear(&value->head);
    *value = (tsri_patched_value){0};
}

/* ---- what speaks against it ---- */

/* Whether any of the bytes would be changed. */
static bool touches_patch(const tsri_patched_value *self, tsri_shard_entry entry)
{
    uint64_t block = self->parity->shape.block_bytes;

    for (uint64_t number = entry.offset / block; number * block < entry.offset + entry.size_bytes;
         number++)
        if (find_patch(self, number))
            return true;
    return false;
}

static int fetch_entry(tsri_patched_value *self, tsri_examiner *examiner, tsri_shard_entry entry,
                       bool hides_patches, tsr_blob **ret_blob, tsr_error *err)
{
    tsr_range range = {TSR_RANGE_PART, entry.offset, entry.size_bytes};
    tsr_get_request request;

    self->hides_patches = hides_patches;
    int status = tsri_examine_fetch(examiner, &self->extent, range, &request, err);
    self->hides_patches = false;
    *ret_blob = status == 0 ? request.blob : NULL;
    return status;
}

/* Whether an inner chunk decodes as it lies there, and would be another one. */
static int entry_contradicts(tsri_patched_value *self, tsri_examiner *examiner,
                             tsri_shard_entry entry, tsr_codec_scratch *scratch,
                             bool *ret_contradicts, tsr_error *err)
{
    tsr_auto(tsr_blob) *there = NULL, *patched = NULL;

    TSRI_TRY(fetch_entry(self, examiner, entry, true, &there, err));
    int status = tsri_chain_verify(self->parity->prepared->inner, scratch, tsr_blob_data(there),
                                   tsr_blob_size(there), err);
    if (status == TSR_DAMAGED || status == TSR_LIMIT || status == TSR_OUT_OF_BOUNDS) {
        tsr_error_clear(err);
        return 0;
    }
    TSRI_TRY(status);
    TSRI_TRY(fetch_entry(self, examiner, entry, false, &patched, err));
    *ret_contradicts =
        memcmp(tsr_blob_data(there), tsr_blob_data(patched), tsr_blob_size(there)) != 0;
    return 0;
}

static int any_contradicts(tsri_patched_value *self, tsri_examiner *examiner,
                           tsri_shard_entry *entries, tsr_codec_scratch *scratch,
                           bool *ret_contradicts, tsr_error *err)
{
    const tsri_prepared *prepared = self->parity->prepared;

    TSRI_TRY(tsri_shard_index_decode(prepared, scratch, self->parity->directory, entries, err));
    TSRI_TRY(tsri_shard_index_check(prepared, entries, self->parity->shape.covered_bytes, err));
    for (int64_t i = 0; i < prepared->entry_count && !*ret_contradicts; i++)
        if (!tsri_shard_entry_is_missing(entries[i]) && touches_patch(self, entries[i]))
            TSRI_TRY(entry_contradicts(self, examiner, entries[i], scratch, ret_contradicts, err));
    return 0;
}

int tsri_patched_value_contradicts(tsri_patched_value *value, tsri_examiner *examiner,
                                   bool *ret_contradicts, tsr_error *err)
{
    const tsri_prepared *prepared = value->parity->prepared;
    tsr_codec_scratch *scratch;

    *ret_contradicts = false;
    if (!tsri_prepared_is_checked(prepared->inner))
        return 0;
    tsri_shard_entry *entries = tsri_alloc_array((size_t)prepared->entry_count, sizeof *entries);
    if (!entries)
        return tsri_error_no_memory(err, (size_t)prepared->entry_count * sizeof *entries);
    int status = tsri_scratch_acquire(examiner->array->context, &scratch, err);
    if (status == 0) {
        status = any_contradicts(value, examiner, entries, scratch, ret_contradicts, err);
        tsri_scratch_release(examiner->array->context, scratch);
    }
    tsri_free(entries);
    if (status != TSR_DAMAGED)
        return status;
    *ret_contradicts = true; /* the copy of the index is none of such a shard */
    tsr_error_clear(err);
    return 0;
}

/* ---- putting it ---- */

typedef struct segment_list {
    tsr_segment *segments;
    size_t count, capacity;
} segment_list;

static int add_segment(segment_list *list, tsr_segment segment, tsr_error *err)
{
    tsr_segment *last = list->count ? &list->segments[list->count - 1] : NULL;

    if (last && !segment.bytes && !last->bytes &&
        last->offset + last->size_bytes == segment.offset) {
        last->size_bytes += segment.size_bytes;
        return 0;
    }
    tsr_segment *segments =
        tsri_grow_array(list->segments, list->count, &list->capacity, sizeof *segments);
    if (!segments)
        return tsri_error_no_memory(err, sizeof *segments);
    list->segments = segments;
    segments[list->count++] = segment;
    return 0;
}

static int add_range(const tsri_patched_value *self, segment_list *list, uint64_t at, uint64_t end,
                     tsr_error *err)
{
    while (at < end) {
        piece run = find_piece(self, at);
        extend_piece(self, at, end, &run);
        if (run.is_gone || (run.is_lost && self->refuses_lost))
            return refuse_lost(at, err);
        TSRI_TRY(add_segment(list, (tsr_segment){run.bytes, run.offset, run.size_bytes}, err));
        at += run.size_bytes;
    }
    return 0;
}

int tsri_patched_value_translate(const tsri_patched_value *value, const tsr_segment *segments,
                                 size_t count, tsr_segment **ret_segments, size_t *ret_count,
                                 tsr_error *err)
{
    segment_list list = {0};
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++) {
        uint64_t start = segments[i].offset;
        status = segments[i].bytes
                     ? add_segment(&list, segments[i], err)
                     : add_range(value, &list, start, start + segments[i].size_bytes, err);
    }
    if (status < 0) {
        tsri_free(list.segments);
        return status;
    }
    *ret_segments = list.segments;
    *ret_count = list.count;
    return 0;
}
