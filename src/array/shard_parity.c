#include "array/shard_parity.h"

#include "base/checked.h"
#include "base/context.h"

/* So much is read at once. */
#define PIECE_BYTES (UINT64_C(1) << 20)

void tsri_shard_parity_clear(tsri_shard_parity *parity)
{
    tsri_free(parity->directory);
    tsri_free(parity->blocks);
    parity->directory = parity->blocks = NULL;
}

bool tsri_shard_parity_is_damaged(const tsri_shard_parity *parity)
{
    return parity->damaged_pages > 0 || parity->lost_blocks > 0 || parity->shift != 0 ||
           !parity->index_holds;
}

uint64_t tsri_shard_parity_bytes(const tsri_shard_parity *parity, uint64_t end_bytes)
{
    const tsri_parity_shape *shape = &parity->shape;

    if (!parity->directory || parity->is_stale)
        return 0;
    bool fills =
        end_bytes <= shape->before_bytes && shape->before_bytes - end_bytes < shape->block_bytes;
    return shape->section_bytes + (fills ? shape->before_bytes - end_bytes : 0);
}

/* ---- the directory ---- */

static bool is_index_at_start(const tsri_shard_parity *self)
{
    return self->prepared->chain->shard->index_at_start;
}

/* Whether a section of this shape can be one of this shard. */
static bool fits(const tsri_shard_parity *self, const tsri_parity_shape *shape)
{
    uint64_t index_bytes = (uint64_t)self->prepared->index_bytes;
    return shape->index_bytes == index_bytes &&
           shape->after_bytes == (is_index_at_start(self) ? 0 : index_bytes) &&
           shape->before_bytes <= self->value_bytes;
}

/* A place that `shift` has moved: false when it is not within the value. */
static bool shift_place(const tsri_shard_parity *self, uint64_t offset, uint64_t size_bytes,
                        bool moved, uint64_t *ret_offset)
{
    uint64_t end;

    if (moved)
        offset += (uint64_t)self->shift; /* as a sum of integers modulo 2^64 */
    *ret_offset = offset;
    return offset <= INT64_MAX && tsri_add_u64(offset, size_bytes, &end) &&
           end <= self->value_bytes;
}

/* Takes those pages of a copy of the directory that hold and are not there yet. `have` says which
 * are. Adds to damaged_pages those that do not hold. */
static int load_copy(tsri_shard_parity *self, tsri_examiner *examiner, uint64_t offset,
                     uint32_t directory_crc, unsigned char *have, tsr_error *err)
{
    uint64_t block = self->shape.block_bytes,
             payload_bytes = tsri_parity_page_payload(&self->shape);
    uint64_t count = 0;
    tsr_get_request request = {0};

    while (count < self->shape.page_count && offset + (count + 1) * block <= self->value_bytes)
        count++;
    if (count > 0)
        TSRI_TRY(tsri_examine_fetch(examiner, self->extent,
                                    (tsr_range){TSR_RANGE_PART, offset, count * block}, &request,
                                    err));
    for (uint64_t i = 0; i < self->shape.page_count; i++) {
        tsri_parity_shape shape;
        uint64_t number;
        uint32_t crc;
        const unsigned char *payload;
        bool holds = i < count &&
                     tsri_parity_page_read((const char *)tsr_blob_data(request.blob) + i * block,
                                           (size_t)block, &shape, &number, &crc, &payload) &&
                     memcmp(&shape, &self->shape, sizeof shape) == 0 && number == i &&
                     crc == directory_crc;
        self->damaged_pages += !holds;
        if (holds && !have[i])
            memcpy(self->directory + i * payload_bytes, payload, (size_t)payload_bytes);
        have[i] |= holds;
    }
    if (count > 0)
        tsr_blob_unref(request.blob);
    return 0;
}

static bool has_all(const unsigned char *have, uint64_t count)
{
    return !memchr(have, 0, (size_t)count);
}

/* Reads both copies, each where it was or, in a value of another length, `shift` away from it. */
static int load_copies(tsri_shard_parity *self, tsri_examiner *examiner, uint32_t directory_crc,
                       unsigned char *have, tsr_error *err)
{
    const tsri_parity_shape *shape = &self->shape;
    uint64_t copy_bytes = shape->page_count * shape->block_bytes, offset;
    const uint64_t copies[] = {shape->before_bytes,
                               shape->before_bytes + shape->section_bytes - copy_bytes};

    for (size_t i = 0; i < TSRI_COUNT(copies); i++) {
        uint64_t damaged = self->damaged_pages;
        TSRI_TRY(load_copy(self, examiner, copies[i], directory_crc, have, err));
        if (self->shift == 0 || self->damaged_pages == damaged ||
            !shift_place(self, copies[i], 0, true, &offset))
            continue;
        TSRI_TRY(load_copy(self, examiner, offset, directory_crc, have, err));
    }
    return 0;
}

/* Reads the directory of which one page was found. Without all of it there is no section. */
static int load_directory(tsri_shard_parity *self, tsri_examiner *examiner, uint32_t directory_crc,
                          tsr_error *err)
{
    uint64_t pages = self->shape.page_count;
    unsigned char *have = tsri_alloc_array_zero((size_t)pages, 1);

    self->shift = (int64_t)(self->value_bytes - self->shape.shard_bytes);
    self->damaged_pages = 0;
    self->directory =
        tsri_alloc_array((size_t)pages, (size_t)tsri_parity_page_payload(&self->shape));
    int status = have && self->directory ? 0 : tsri_error_no_memory(err, (size_t)pages);
    if (status == 0)
        status = load_copies(self, examiner, directory_crc, have, err);
    if (status < 0 || !has_all(have, pages)) {
        tsri_free(self->directory);
        self->directory = NULL;
    }
    tsri_free(have);
    return status;
}

/* ---- finding it ---- */

/* The last page ends where the index begins, or the value does. */
static int find_at_end(tsri_shard_parity *self, tsri_examiner *examiner, tsr_error *err)
{
    uint64_t index_bytes = (uint64_t)self->prepared->index_bytes, crc_block = 0;
    uint64_t end = self->value_bytes - (is_index_at_start(self) ? 0 : index_bytes);
    uint64_t size = TSRI_MIN(end, (uint64_t)TSRI_PARITY_BLOCK_MAX);
    tsr_get_request request;
    uint32_t crc = 0;

    if (end < TSRI_PARITY_BLOCK_MIN)
        return 0;
    TSRI_TRY(tsri_examine_fetch(examiner, self->extent,
                                (tsr_range){TSR_RANGE_PART, end - size, size}, &request, err));
    for (uint64_t block = TSRI_PARITY_BLOCK_MIN; block <= size && !crc_block; block *= 2) {
        tsri_parity_shape shape;
        const unsigned char *payload;
        uint64_t number;
        if (!tsri_parity_page_read((const char *)tsr_blob_data(request.blob) + size - block,
                                   (size_t)block, &shape, &number, &crc, &payload) ||
            shape.block_bytes != block || number != shape.page_count - 1 || !fits(self, &shape))
            continue;
        self->shape = shape;
        crc_block = block;
    }
    tsr_blob_unref(request.blob);
    return crc_block ? load_directory(self, examiner, crc, err) : 0;
}

/* Whether a page was found where its section has it, in a value that is no longer than the shard
 * was: what is longer has been written since. */
static bool is_at_its_place(const tsri_shard_parity *self, const tsri_parity_shape *shape,
                            uint64_t number, uint64_t offset)
{
    uint64_t block = shape->block_bytes;
    uint64_t second = shape->section_bytes - shape->page_count * block;

    if (!fits(self, shape) || shape->shard_bytes < self->value_bytes ||
        offset < shape->before_bytes + number * block)
        return false;
    offset -= shape->before_bytes + number * block;
    return offset == 0 || offset == second;
}

/* Looks for a page in a piece, from its end: `size_bytes` of it, and what may belong to a page that
 * begins there. */
static bool find_in_piece(tsri_shard_parity *self, const tsr_get_request *piece,
                          uint64_t size_bytes, uint32_t *ret_crc)
{
    const char *bytes = tsr_blob_data(piece->blob);
    const uint64_t step = TSRI_PARITY_BLOCK_MIN;

    for (uint64_t at = (size_bytes + step - 1) / step * step; at > 0;) {
        tsri_parity_shape shape;
        const unsigned char *payload;
        uint64_t number;
        at -= step;
        if (tsri_parity_page_read(bytes + at, piece->size_bytes - (size_t)at, &shape, &number,
                                  ret_crc, &payload) &&
            is_at_its_place(self, &shape, number, piece->offset + at)) {
            self->shape = shape;
            return true;
        }
    }
    return false;
}

static int search(tsri_shard_parity *self, tsri_examiner *examiner, tsr_error *err)
{
    uint64_t start = self->value_bytes;

    while (start > 0) {
        uint64_t end = start;
        tsr_get_request piece;
        uint32_t crc;
        start = end > PIECE_BYTES ? (end - 1) / PIECE_BYTES * PIECE_BYTES : 0;
        uint64_t size = TSRI_MIN(end - start + TSRI_PARITY_BLOCK_MAX, self->value_bytes - start);
        TSRI_TRY(tsri_examine_fetch(examiner, self->extent,
                                    (tsr_range){TSR_RANGE_PART, start, size}, &piece, err));
        bool found = find_in_piece(self, &piece, end - start, &crc);
        tsr_blob_unref(piece.blob);
        if (found)
            return load_directory(self, examiner, crc, err);
    }
    return 0;
}

/* Compares the index with the copy of it. One that decodes and is another one was written since. */
static int judge_index(tsri_shard_parity *self, tsri_examiner *examiner, tsr_error *err)
{
    uint64_t index_bytes = self->shape.index_bytes, count = (uint64_t)self->prepared->entry_count;
    uint64_t offset = is_index_at_start(self) ? 0 : self->value_bytes - index_bytes;
    tsri_shard_entry *entries;
    tsr_codec_scratch *scratch;
    tsr_get_request request;

    if (self->value_bytes < index_bytes)
        return 0;
    TSRI_TRY(tsri_examine_fetch(examiner, self->extent,
                                (tsr_range){TSR_RANGE_PART, offset, index_bytes}, &request, err));
    const void *bytes = tsr_blob_data(request.blob);
    self->index_holds = memcmp(bytes, self->directory, (size_t)index_bytes) == 0;
    int status = 0;
    if (!self->index_holds) {
        entries = tsri_alloc_array((size_t)count, sizeof *entries);
        status = entries ? tsri_scratch_acquire(examiner->array->context, &scratch, err)
                         : tsri_error_no_memory(err, (size_t)count * sizeof *entries);
        if (status == 0) {
            status = tsri_shard_index_decode(self->prepared, scratch, bytes, entries, err);
            tsri_scratch_release(examiner->array->context, scratch);
            self->is_stale = status == 0;
        }
        if (status == TSR_DAMAGED) {
            tsr_error_clear(err);
            status = 0;
        }
        tsri_free(entries);
    }
    tsr_blob_unref(request.blob);
    return status;
}

int tsri_shard_parity_find(tsri_shard_parity *ret_parity, tsri_examiner *examiner,
                           const tsri_prepared *prepared, const tsr_extent *extent,
                           uint64_t value_bytes, bool search_all, tsr_error *err)
{
    tsri_shard_parity self = {.prepared = prepared, .extent = extent, .value_bytes = value_bytes};
    int status = 0;

    if (value_bytes >= (uint64_t)prepared->index_bytes)
        status = find_at_end(&self, examiner, err);
    if (status == 0 && !self.directory && search_all)
        status = search(&self, examiner, err);
    if (status == 0 && self.directory)
        status = judge_index(&self, examiner, err);
    if (status < 0)
        tsri_shard_parity_clear(&self);
    else
        *ret_parity = self;
    return status;
}

/* ---- blocks ---- */

bool tsri_shard_parity_place(const tsri_shard_parity *parity, uint64_t number, bool moved,
                             uint64_t *ret_offset, uint64_t *ret_size_bytes)
{
    uint64_t offset;
    tsri_parity_block_place(&parity->shape, number, &offset, ret_size_bytes);
    return shift_place(parity, offset, *ret_size_bytes, moved, ret_offset);
}

/* How many blocks from `first` on lie side by side, within one piece and within the value. */
static uint64_t count_run(const tsri_shard_parity *self, uint64_t first, bool moved,
                          uint64_t *ret_offset, uint64_t *ret_size_bytes)
{
    uint64_t all = tsri_parity_all_blocks(&self->shape), count = 0, offset, size;

    *ret_size_bytes = 0;
    while (first + count < all && *ret_size_bytes < PIECE_BYTES &&
           tsri_shard_parity_place(self, first + count, moved, &offset, &size)) {
        if (count == 0)
            *ret_offset = offset;
        else if (*ret_offset + *ret_size_bytes != offset)
            break;
        *ret_size_bytes += size;
        count++;
    }
    return count;
}

/* Sets the states of blocks that hold in a run. */
static int verify_run(tsri_shard_parity *self, tsri_examiner *examiner, uint64_t first,
                      uint64_t count, uint64_t offset, uint64_t size_bytes, bool moved,
                      tsr_error *err)
{
    tsr_get_request request;

    TSRI_TRY(tsri_examine_fetch(examiner, self->extent,
                                (tsr_range){TSR_RANGE_PART, offset, size_bytes}, &request, err));
    const char *bytes = tsr_blob_data(request.blob);
    uint64_t block = self->shape.block_bytes, at = 0;
    for (uint64_t i = 0; i < count; i++, at += block)
        if (self->blocks[first + i] == TSRI_BLOCK_LOST &&
            tsri_parity_block_holds(&self->shape, self->directory, first + i, bytes + at,
                                    (size_t)TSRI_MIN(block, size_bytes - at)))
            self->blocks[first + i] = moved ? TSRI_BLOCK_MOVED : TSRI_BLOCK_HOLDS;
    tsr_blob_unref(request.blob);
    return 0;
}

static int verify_all(tsri_shard_parity *self, tsri_examiner *examiner, bool moved, tsr_error *err)
{
    uint64_t all = tsri_parity_all_blocks(&self->shape), offset, size_bytes;

    for (uint64_t first = 0, count; first < all; first += count) {
        count = count_run(self, first, moved, &offset, &size_bytes);
        if (count > 0)
            TSRI_TRY(verify_run(self, examiner, first, count, offset, size_bytes, moved, err));
        else
            count = 1;
    }
    return 0;
}

static void count_lost(tsri_shard_parity *self)
{
    uint64_t all = tsri_parity_all_blocks(&self->shape), columns = self->shape.column_count;
    uint64_t data = self->shape.block_count;

    for (uint64_t column = 0; column < columns; column++) {
        uint64_t lost = 0;
        for (uint64_t i = column; i < data; i += columns)
            lost += self->blocks[i] == TSRI_BLOCK_LOST;
        for (uint64_t i = data + column; i < all; i += columns)
            lost += self->blocks[i] == TSRI_BLOCK_LOST;
        self->lost_blocks += lost;
        if (lost > (uint64_t)self->shape.strength.parity_rows)
            self->hopeless_blocks += lost;
    }
}

int tsri_shard_parity_verify(tsri_shard_parity *parity, tsri_examiner *examiner, tsr_error *err)
{
    uint64_t all = tsri_parity_all_blocks(&parity->shape);

    parity->blocks = tsri_alloc_array_zero((size_t)all, 1);
    if (!parity->blocks)
        return tsri_error_no_memory(err, (size_t)all);
    TSRI_TRY(verify_all(parity, examiner, false, err));
    if (parity->shift != 0)
        TSRI_TRY(verify_all(parity, examiner, true, err));
    count_lost(parity);
    return 0;
}
