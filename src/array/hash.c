/* Hashes of arrays: what is stored is found by walking over the chunks, read batch by batch, and
 * hashed on all threads. */
#include "array/hash.h"

#include <inttypes.h>

#include "array/digest.h"
#include "array/fetch.h"
#include "array/hash_metadata.h"
#include "array/wait.h"
#include "base/checked.h"
#include "base/output.h"

/* What is read before it is hashed. */
enum { BATCH_CHUNKS = 256, BATCH_BYTES = 32 << 20 };
/* So many boxes are visited one by one; an array of more that are not stored is not meant. */
#define BOXES_MAX (INT64_C(1) << 32)

void tsr_hash_options_init(tsr_hash_options *options)
{
    *options = (tsr_hash_options){.struct_size = sizeof *options};
}

/* One piece: a box of elements, or encoded bytes. */
typedef struct piece {
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsr_view view;               /* values: its elements while the batch is at work */
    uint64_t offset, size_bytes; /* stored: where the bytes lie in their chunk */
    bool empty;                  /* nothing but fill values: it does not count */
    tsr_hash hash;
    tsri_hash_sum sum;
} piece;

typedef struct hasher {
    tsr_array *array;
    const tsri_grid *grid;
    const tsri_hashing *hashing;
    const char *path;
    tsr_error *err;
    int piece_level;      /* of the walk: where chunks are that are no shards */
    const int64_t *asked; /* the shape of the pieces that the caller wants; NULL: none */
    const int64_t *boxes; /* the shape of the pieces; NULL: the store's chunks, whatever they are */
    int64_t cut[TSR_RANK_MAX]; /* what `boxes` is where a file's own chunks are too large */
    piece *batch;
    tsri_read *reads;
    int64_t count, bytes; /* of the batch */
    tsri_hash_sum total, shard;
    int64_t chunks, shard_chunks;
    int64_t shard_start[TSR_RANK_MAX], shard_shape[TSR_RANK_MAX];
    int status; /* why the walk was ended */
} hasher;

static const char *kind(const hasher *self, const char *values, const char *stored)
{
    return self->hashing->options->stored ? stored : values;
}

/* ---- one piece ---- */

static void begin(const hasher *self, const piece *at, tsri_digest *digest)
{
    size_t rank = (size_t)self->array->rank;

    tsri_digest_init(digest, kind(self, "tessera.hash1.chunk", "tessera.hash1.stored.chunk"));
    tsri_digest_add_numbers(digest, at->start, rank);
    tsri_digest_add_numbers(digest, at->shape, rank);
}

static void end(piece *at, tsri_digest *digest)
{
    tsri_digest_end(digest, &at->hash);
    tsri_hash_sum_of(&at->hash, &at->sum);
}

/* The elements of a dense view; of variable length each one's number of bytes in front of them. */
static void add_elements(const tsr_view *view, tsri_digest *digest)
{
    const tsr_slot *slots = (const void *)view->data;
    int64_t size_bytes;

    if (!tsr_dtype_is_variable(view->dtype)) {
        tsri_digest_add(digest, view->data, (size_t)tsr_view_size(view));
        return;
    }
    for (int64_t i = 0; i < tsr_view_count(view); i++) {
        size_bytes = slots[i].size_bytes;
        tsri_digest_add_numbers(digest, &size_bytes, 1);
        tsri_digest_add(digest, tsr_slot_bytes(&slots[i]), slots[i].size_bytes);
    }
}

static void hash_values(const hasher *self, piece *at)
{
    tsri_digest digest;

    at->empty = tsr_view_is_filled_with(&at->view, self->array->fill_value);
    if (at->empty)
        return;
    begin(self, at, &digest);
    add_elements(&at->view, &digest);
    end(at, &digest);
}

static int hash_stored(const hasher *self, piece *at, tsr_error *err)
{
    tsr_range range = {TSR_RANGE_PART, at->offset, at->size_bytes};
    int64_t chunk[TSR_RANK_MAX];
    tsr_get_request request;
    tsr_extent extent;
    tsri_digest digest;

    for (int axis = 0; axis < self->array->rank; axis++)
        chunk[axis] = tsri_grid_chunk_at(self->grid, axis, at->start[axis]);
    TSRI_TRY(tsri_array_locate(self->array, chunk, &extent, err));
    int status = tsri_get_and_wait(extent.store, extent.key, range, NULL, &request, err);
    if (status == TSR_NOT_FOUND || status == TSR_OUT_OF_BOUNDS)
        return tsr_error_set(err, TSR_CONFLICT, "%s: %s has changed while it was hashed",
                             self->array->place, extent.key);
    TSRI_TRY(status);
    at->empty = false;
    begin(self, at, &digest);
    tsri_digest_add(&digest, tsr_blob_data(request.blob), request.size_bytes);
    end(at, &digest);
    tsr_blob_unref(request.blob);
    tsri_group_progress(self->hashing->group, 1, 0, (int64_t)at->size_bytes, 1);
    return 0;
}

static int hash_piece(void *user, int64_t i, tsr_error *err)
{
    const hasher *self = user;

    if (self->hashing->options->stored)
        return hash_stored(self, &self->batch[i], err);
    hash_values(self, &self->batch[i]);
    return 0;
}

/* ---- batches ---- */

static int read_batch(hasher *self, tsr_error *err)
{
    const tsr_array *array = self->array;

    for (int64_t i = 0; i < self->count; i++) {
        piece *at = &self->batch[i];
        tsri_read *read = &self->reads[i];
        *read = (tsri_read){.array = self->array, .grid = self->grid, .view = &at->view};
        read->index.rank = array->rank;
        for (int axis = 0; axis < array->rank; axis++)
            read->index.axes[axis] =
                (tsr_index_axis){TSR_INDEX_RANGE, at->start[axis], at->shape[axis], 1};
        TSRI_TRY(tsr_view_new(&at->view, array->dtype, array->rank, at->shape, err));
    }
    return tsri_fetch(array->context, self->reads, (size_t)self->count, NULL, self->hashing->group,
                      err);
}

static int tell(hasher *self, int level, const int64_t *start, const int64_t *shape,
                const tsr_hash *hash)
{
    const tsr_hash_options *options = self->hashing->options;
    const tsr_hash_chunk chunk = {level, self->array->rank, start, shape, *hash};

    return options->each_chunk ? options->each_chunk(options->user, self->path, &chunk) : 0;
}

static int tell_batch(hasher *self)
{
    int status = 0;

    for (int64_t i = 0; i < self->count && status == 0; i++) {
        const piece *at = &self->batch[i];
        if (at->empty)
            continue;
        self->chunks++;
        self->shard_chunks++;
        tsri_hash_sum_add(&self->shard, &at->sum);
        status = tell(self, 0, at->start, at->shape, &at->hash);
    }
    return status;
}

static int flush(hasher *self)
{
    tsr_array *array = self->array;
    int status = 0;

    if (self->count == 0)
        return 0;
    if (!self->hashing->options->stored)
        status = read_batch(self, self->err);
    if (status == 0)
        status = tsri_parallel_for(array->context, NULL, self->hashing->group, self->count, 1,
                                   hash_piece, self, self->err);
    if (status == 0)
        status = tell_batch(self);
    for (int64_t i = 0; i < self->count; i++)
        tsr_view_clear(&self->batch[i].view);
    memset(self->batch, 0, (size_t)self->count * sizeof *self->batch);
    self->count = self->bytes = 0;
    return status;
}

/* The piece to be filled in; NULL when what was there could not be hashed (self->status). */
static piece *next_piece(hasher *self, int64_t bytes)
{
    if (self->count == BATCH_CHUNKS || self->bytes > BATCH_BYTES - TSRI_MIN(bytes, BATCH_BYTES))
        self->status = flush(self);
    if (self->status != 0)
        return NULL;
    self->bytes += bytes;
    return &self->batch[self->count++];
}

/* What was summed up for a shard becomes a part of the whole. */
static int end_shard(hasher *self)
{
    tsri_digest digest;
    tsr_hash hash;
    int status = flush(self);

    tsri_hash_sum_add(&self->total, &self->shard);
    if (status == 0 && self->piece_level > 0 && self->shard_chunks > 0) {
        tsri_digest_init(&digest, kind(self, "tessera.hash1.shard", "tessera.hash1.stored.shard"));
        tsri_digest_add_sum(&digest, &self->shard);
        tsri_digest_end(&digest, &hash);
        status = tell(self, 1, self->shard_start, self->shard_shape, &hash);
    }
    self->shard = (tsri_hash_sum){{0}};
    self->shard_chunks = 0;
    return status;
}

/* ---- which pieces there are ---- */

static int64_t box_bytes(const hasher *self, const int64_t *shape)
{
    int64_t bytes = (int64_t)self->array->dtype->size_bytes;

    for (int axis = 0; axis < self->array->rank; axis++)
        bytes *= shape[axis]; /* what is decoded at once fits */
    return bytes;
}

/* The box of what the walk is at, as far as it lies inside the array. */
static void find_box(const hasher *self, const tsr_chunk_info *info, int64_t *ret_start,
                     int64_t *ret_shape)
{
    const tsr_array *array = self->array;

    if (info->level == 0) {
        tsri_grid_box(self->grid, info->index, ret_start, ret_shape);
        tsri_grid_inside(self->grid, info->index, ret_shape);
        return;
    }
    for (int axis = 0; axis < array->rank; axis++) {
        int64_t length = array->inner_shapes[info->level - 1][axis];
        ret_start[axis] = info->index[axis] * length;
        ret_shape[axis] = TSRI_MIN(length, self->grid->shape[axis] - ret_start[axis]);
    }
}

static int take_piece(hasher *self, const tsr_chunk_info *info)
{
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];

    find_box(self, info, start, shape);
    piece *at = next_piece(self, box_bytes(self, shape));
    if (!at)
        return self->status;
    memcpy(at->start, start, sizeof start);
    memcpy(at->shape, shape, sizeof shape);
    at->offset = info->offset;
    at->size_bytes = info->size_bytes;
    return 0;
}

static int visit(void *user, const tsr_chunk_info *info)
{
    hasher *self = user;

    if (info->state == TSR_CHUNK_MISSING)
        return 0;
    if (info->state == TSR_CHUNK_DAMAGED) {
        *self->err = info->error;
        tsr_error_prepend(self->err, "%s: %s", self->array->place, info->key);
        return self->status = TSR_DAMAGED;
    }
    if (info->level == 0 && self->piece_level > 0) {
        self->status = end_shard(self);
        find_box(self, info, self->shard_start, self->shard_shape);
    } else if (info->level == self->piece_level) {
        self->status = take_piece(self, info);
    }
    return self->status;
}

static int hash_by_walk(hasher *self, tsr_error *err)
{
    tsr_chunk_walk_options options;

    tsr_chunk_walk_options_init(&options);
    options.inner = self->piece_level > 0;
    options.stored_only = self->array->store->hints.can_list;
    int status =
        tsr_array_walk_chunks(self->array, &options, visit, self, &self->hashing->silent_call, err);
    return self->status != 0 ? self->status : status;
}

/* Visits every box, in C order. */
static int hash_by_boxes(hasher *self, tsr_error *err)
{
    tsr_auto(tsri_grid) *boxes = NULL;
    int64_t box[TSR_RANK_MAX] = {0}, count = 1;

    TSRI_TRY(tsri_grid_new_regular(self->array->rank, self->grid->shape, self->boxes, &boxes, err));
    for (int axis = 0; axis < boxes->rank; axis++)
        if (!tsri_multiply_i64(count, boxes->axes[axis].count, &count) || count > BOXES_MAX)
            return tsr_error_set(err, TSR_LIMIT, "%s: so many boxes cannot be hashed one by one",
                                 self->array->place);
    for (bool more = tsri_grid_has(boxes, box); more; more = tsri_grid_next(boxes, box)) {
        int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
        tsri_grid_box(boxes, box, start, shape);
        tsri_grid_inside(boxes, box, shape);
        piece *at = next_piece(self, box_bytes(self, shape));
        if (!at)
            return self->status;
        memcpy(at->start, start, sizeof start);
        memcpy(at->shape, shape, sizeof shape);
    }
    return 0;
}

/* ---- arrays ---- */

static bool is_shape(const tsr_array *array, const int64_t *a, const int64_t *b)
{
    return memcmp(a, b, (size_t)array->rank * sizeof *a) == 0;
}

static int check_boxes(const tsr_array *array, const int64_t *boxes, tsr_error *err)
{
    int64_t bytes = (int64_t)array->dtype->size_bytes,
            most = array->context->options.largest_chunk_bytes;

    for (int axis = 0; axis < array->rank; axis++) {
        if (boxes[axis] < 1)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "boxes of length %" PRId64 " along axis %d", boxes[axis], axis);
        if (!tsri_multiply_i64(bytes, TSRI_MIN(boxes[axis], TSRI_MAX(array->shape[axis], 1)),
                               &bytes) ||
            bytes > most)
            return tsr_error_set(err, TSR_LIMIT,
                                 "%s: boxes of more than %" PRId64 " bytes cannot be hashed",
                                 array->place, most);
    }
    return 0;
}

/* A file may be one chunk of any size. From the first axis on it is cut, until a box fits a batch.
 */
static const int64_t *cut_boxes(hasher *self, const int64_t *chunk_shape)
{
    const tsr_array *array = self->array;
    double bytes = (double)array->dtype->size_bytes;

    for (int axis = 0; axis < array->rank; axis++) {
        self->cut[axis] = TSRI_MAX(TSRI_MIN(chunk_shape[axis], self->grid->shape[axis]), 1);
        bytes *= (double)self->cut[axis];
    }
    for (int axis = 0; axis < array->rank && bytes > BATCH_BYTES; axis++) {
        double one = bytes / (double)self->cut[axis];
        self->cut[axis] = TSRI_MAX((int64_t)(BATCH_BYTES / one), 1);
        bytes = one * (double)self->cut[axis];
    }
    return self->cut;
}

/* Decides how the pieces are found. A shard behind other codecs is no shard to the walk. */
static int choose_pieces(hasher *self, tsr_error *err)
{
    const tsr_array *array = self->array;
    const tsr_hash_options *options = self->hashing->options;
    const tsri_prepared *prepared = array->prepared;
    int levels = array->shard_levels;
    const int64_t *own = levels > 0 ? array->inner_shapes[levels - 1] : array->chunk_shape;

    while (prepared && tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared)) {
        prepared = prepared->inner;
        self->piece_level++;
    }
    if (array->dtype->kind > TSR_KIND_STRUCT && !options->stored)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: values of type %s cannot be hashed",
                             array->place, array->dtype->name);
    self->asked = options->chunk_shape;
    if (!self->asked && options->choose_chunk_shape)
        self->asked = options->choose_chunk_shape(options->user, self->path, array);
    if (options->stored) {
        if (array->store && !self->asked)
            return 0;
        return tsr_error_set(err, array->store ? TSR_INVALID_ARGUMENT : TSR_UNSUPPORTED,
                             array->store
                                 ? "%s: what is stored has chunks of its own"
                                 : "%s: an array that lies in no store has no stored chunks",
                             array->place);
    }
    bool as_asked = !self->asked || (self->grid->is_regular && is_shape(array, self->asked, own));
    if (array->store && as_asked && self->piece_level == levels)
        return 0;
    self->boxes = self->asked ? self->asked : array->store ? own : cut_boxes(self, own);
    self->piece_level = 0;
    return check_boxes(array, self->boxes, err);
}

static int hash_pieces(hasher *self, tsr_error *err)
{
    self->batch = tsri_alloc_array_zero(BATCH_CHUNKS, sizeof *self->batch);
    self->reads = tsri_alloc_array(BATCH_CHUNKS, sizeof *self->reads);
    int status = self->batch && self->reads
                     ? 0
                     : tsri_error_no_memory(err, BATCH_CHUNKS * sizeof *self->batch);
    if (status == 0)
        status = self->boxes ? hash_by_boxes(self, err) : hash_by_walk(self, err);
    if (status == 0)
        status = end_shard(self);
    for (int64_t i = 0; self->batch && i < self->count; i++)
        tsr_view_clear(&self->batch[i].view);
    tsri_free(self->batch);
    tsri_free(self->reads);
    return status;
}

static int hash_metadata(const hasher *self, tsr_hash *ret_hash, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_digest digest;

    TSRI_TRY(tsri_hash_metadata_array(self->array, self->hashing->options->stored, &text, err));
    tsri_digest_init(&digest,
                     kind(self, "tessera.hash1.metadata", "tessera.hash1.stored.metadata"));
    tsri_digest_add(&digest, text.data, text.size_bytes);
    tsri_digest_end(&digest, ret_hash);
    return 0;
}

static const int64_t *shape_of_pieces(const hasher *self)
{
    const tsr_array *array = self->array;

    if (self->boxes)
        return self->boxes;
    if (self->piece_level > 0)
        return array->inner_shapes[self->piece_level - 1];
    return self->grid->is_regular ? array->chunk_shape : NULL;
}

static int hash_array(hasher *self, tsr_hash *ret_hash, tsr_error *err)
{
    const tsr_hash_options *options = self->hashing->options;
    tsr_hash_node node = {.path = self->path, .kind = TSR_NODE_ARRAY, .array = self->array};
    tsri_digest digest;

    TSRI_TRY(choose_pieces(self, err));
    int status = hash_pieces(self, err);
    if (status != 0)
        return status;
    TSRI_TRY(hash_metadata(self, &node.metadata, err));
    tsri_digest_init(&digest, kind(self, "tessera.hash1.array", "tessera.hash1.stored.array"));
    tsri_digest_add(&digest, node.metadata.bytes, sizeof node.metadata.bytes);
    tsri_digest_add_sum(&digest, &self->total);
    tsri_digest_end(&digest, &node.hash);
    node.chunks = self->chunks;
    node.chunk_shape = shape_of_pieces(self);
    *ret_hash = node.hash;
    return options->each_node ? options->each_node(options->user, &node) : 0;
}

int tsri_hash_array(tsr_array *array, const char *path, const tsri_hashing *hashing,
                    tsr_hash *ret_hash, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_error own = TSR_ERROR_INIT;
    hasher *self = tsri_alloc_zero(sizeof *self);

    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->array = array;
    self->grid = grid;
    self->hashing = hashing;
    self->path = path;
    self->err = err ? err : &own;
    int status = hash_array(self, ret_hash, self->err);
    tsri_free(self);
    return status;
}

int tsri_hashing_init(tsri_hashing *hashing, tsr_context *context, const tsr_hash_options *options,
                      const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsri_digest_check(err));
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_hash_options_init has not set up");
    tsr_hash_options_init(&hashing->defaults);
    hashing->options = options ? options : &hashing->defaults;
    hashing->silent_call = call ? *call : (tsr_call)TSR_CALL_INIT;
    hashing->silent_call.progress = NULL;
    hashing->group = &hashing->own_group;
    return tsri_group_init(hashing->group, context, call, NULL, err);
}

int tsr_array_hash(tsr_array *array, const tsr_hash_options *options, const tsr_call *call,
                   tsr_hash *ret_hash, tsr_error *err)
{
    tsri_hashing hashing;

    TSRI_TRY(tsri_hashing_init(&hashing, array->context, options, call, err));
    int status = tsri_hash_array(array, "", &hashing, ret_hash, err);
    return status != 0 ? status : tsri_group_wait(hashing.group, err);
}
