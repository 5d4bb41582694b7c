/* Decoding a leaf chunk: bytes-to-bytes codecs backwards, then the elements, then array-to-array
 * codecs backwards. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/context.h"
#include "base/profile.h"
#include "codec/chain.h"

typedef struct unpack {
    const tsri_prepared *prepared;
    tsr_codec_scratch *scratch;
    size_t wanted_bytes;
    void *direct;
    int next_buffer;
    bool is_prefix; /* the last codec stopped early */
} unpack;

/* Where the output of a stage goes, and how large it may be. */
static int stage_room(unpack *job, int number, void **ret_room, size_t *ret_capacity,
                      tsr_error *err)
{
    const tsri_prepared *prepared = job->prepared;
    tsr_size_bound before = prepared->bounds[number];
    uint64_t capacity = before.size_bytes;
    if (capacity > SIZE_MAX / 2)
        return tsr_error_set(err, TSR_LIMIT, "a chunk of %" PRIu64 " bytes does not fit in memory",
                             capacity);
    *ret_capacity = (size_t)capacity;
    *ret_room =
        number == 0 && job->direct
            ? job->direct
            : tsri_scratch_buffer(job->scratch, TSRI_BUFFER_UNPACK_A + job->next_buffer, capacity);
    job->next_buffer ^= 1;
    return *ret_room ? 0 : tsri_error_no_memory(err, capacity);
}

/* What codecs make that announce no size is mostly some times as large as their input, and may be
 * as large as the context permits: room is made for the first, then for more. */
#define UNBOUNDED_FIRST_BYTES (256 << 10)
#define UNBOUNDED_GROWTH 8

static int undo_unbounded(unpack *job, int number, const void **bytes, size_t *size_bytes,
                          tsr_error *err)
{
    const tsri_prepared *prepared = job->prepared;
    const tsri_stage *stage = &prepared->chain->stages[prepared->chain->bytes_first + number];
    size_t limit = (size_t)prepared->chain->context->options.largest_chunk_bytes;
    size_t room_bytes = TSRI_MAX(*size_bytes, (size_t)UNBOUNDED_FIRST_BYTES);
    tsri_buffer which = TSRI_BUFFER_UNPACK_A + job->next_buffer;

    job->next_buffer ^= 1;
    for (;;) {
        room_bytes = TSRI_MIN(TSRI_MIN(room_bytes, limit) * UNBOUNDED_GROWTH, limit);
        void *room = tsri_scratch_buffer(job->scratch, which, room_bytes);
        if (!room)
            return tsri_error_no_memory(err, room_bytes);
        size_t decoded_bytes;
        int status = stage->ops->decode_bytes(stage->codec, job->scratch, *bytes, *size_bytes, room,
                                              room_bytes, &decoded_bytes, err);
        if (status == 0) {
            *bytes = room;
            *size_bytes = decoded_bytes;
        }
        /* Decoders call it damage when there is more than the room that they were given. */
        if (status != TSR_DAMAGED || room_bytes == limit)
            return status;
        tsr_error_clear(err);
    }
}

static int undo_stage(unpack *job, int number, const void **bytes, size_t *size_bytes,
                      tsr_error *err)
{
    const tsri_prepared *prepared = job->prepared;
    const tsri_stage *stage = &prepared->chain->stages[prepared->chain->bytes_first + number];
    const tsr_codec_ops *ops = stage->ops;

    if (ops->unwrap) {
        size_t offset, inside;
        TSRI_TRY(ops->unwrap(stage->codec, *bytes, *size_bytes, &offset, &inside, err));
        *bytes = (const char *)*bytes + offset;
        *size_bytes = inside;
        return 0;
    }
    void *room = NULL;
    size_t capacity = 0;
    if (prepared->bounds[number].size_class == TSR_SIZE_UNBOUNDED)
        return undo_unbounded(job, number, bytes, size_bytes, err);
    TSRI_TRY(stage_room(job, number, &room, &capacity, err));
    job->is_prefix = number == 0 && ops->decode_prefix && job->wanted_bytes < capacity;
    if (job->is_prefix)
        TSRI_TRY(ops->decode_prefix(stage->codec, job->scratch, *bytes, *size_bytes, room, capacity,
                                    job->wanted_bytes, size_bytes, err));
    else
        TSRI_TRY(ops->decode_bytes(stage->codec, job->scratch, *bytes, *size_bytes, room, capacity,
                                   size_bytes, err));
    *bytes = room;
    return 0;
}

/* The serialized bytes must be neither fewer nor more than the chunk needs, unless a prefix is all
 * that was decoded. */
static int check_serialized_size(const unpack *job, size_t size_bytes, tsr_error *err)
{
    tsr_size_bound serialized = job->prepared->bounds[0];
    if (serialized.size_class != TSR_SIZE_FIXED || size_bytes == serialized.size_bytes)
        return 0;
    if (job->is_prefix && size_bytes >= job->wanted_bytes && size_bytes < serialized.size_bytes)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED, "%zu decoded bytes where the chunk has %" PRIu64,
                         size_bytes, serialized.size_bytes);
}

static int unpack_bytes(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                        const void *bytes, size_t size_bytes, size_t wanted_bytes, void *direct,
                        const void **ret_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    unpack job = {prepared, scratch, wanted_bytes, direct, 0, false};

    for (int number = chain->stage_count - chain->bytes_first - 1; number >= 0; number--)
        TSRI_TRY_IN(err, undo_stage(&job, number, &bytes, &size_bytes, err), "codec \"%s\"",
                    chain->stages[chain->bytes_first + number].ops->name);
    TSRI_TRY(check_serialized_size(&job, size_bytes, err));
    *ret_bytes = bytes;
    *ret_size_bytes = size_bytes;
    return 0;
}

int tsri_chain_unpack(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, size_t wanted_bytes, void *direct, const void **ret_bytes,
                      size_t *ret_size_bytes, tsr_error *err)
{
    const tsr_context *context = prepared->chain->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_DECODE);
    int status = unpack_bytes(prepared, scratch, bytes, size_bytes, wanted_bytes, direct, ret_bytes,
                              ret_size_bytes, err);
    tsri_phase_end(context, before);
    return status;
}

static int unpack_pieces(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                         const void *bytes, size_t size_bytes, const tsr_codec_pieces *pieces,
                         tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    const tsri_stage *last = &chain->stages[chain->bytes_first];
    unpack job = {prepared, scratch, SIZE_MAX, NULL, 0, false};

    for (int number = chain->stage_count - chain->bytes_first - 1; number > 0; number--)
        TSRI_TRY_IN(err, undo_stage(&job, number, &bytes, &size_bytes, err), "codec \"%s\"",
                    chain->stages[chain->bytes_first + number].ops->name);
    TSRI_TRY_IN(err,
                last->ops->decode_pieces(last->codec, scratch, bytes, size_bytes,
                                         (size_t)prepared->bounds[0].size_bytes, pieces,
                                         &size_bytes, err),
                "codec \"%s\"", last->ops->name);
    return check_serialized_size(&job, size_bytes, err);
}

int tsri_chain_decode_pieces(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const void *bytes, size_t size_bytes, const tsr_codec_pieces *pieces,
                             tsr_error *err)
{
    const tsr_context *context = prepared->chain->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_DECODE);
    int status = unpack_pieces(prepared, scratch, bytes, size_bytes, pieces, err);
    tsri_phase_end(context, before);
    return status;
}

/* Lays a dense view over a scratch buffer. */
static int view_in_scratch(tsr_codec_scratch *scratch, tsri_buffer which, const tsr_dtype *dtype,
                           int rank, const int64_t *shape, tsr_view *ret_view, tsr_error *err)
{
    static const char nothing = 0;
    TSRI_TRY(tsr_view_init(ret_view, dtype, rank, shape, (void *)&nothing, err));
    size_t size_bytes = (size_t)tsr_view_size(ret_view);
    ret_view->data = tsri_scratch_buffer(scratch, which, size_bytes);
    return ret_view->data ? 0 : tsri_error_no_memory(err, size_bytes);
}

/* Undoes array-to-array codec `number`: from `view` in its encoded shape to a new one in its
 * decoded shape. */
static int undo_array_stage(const tsri_prepared *prepared, tsr_codec_scratch *scratch, int number,
                            const int64_t *decoded_shape, int decoded_rank, tsr_view *view,
                            tsr_error *err)
{
    const tsri_stage *stage = &prepared->chain->stages[number];
    tsri_buffer which = number % 2 ? TSRI_BUFFER_ARRAY : TSRI_BUFFER_ARRAY_B;
    tsr_view decoded;

    TSRI_TRY(view_in_scratch(scratch, which, stage->input.dtype, decoded_rank, decoded_shape,
                             &decoded, err));
    if (stage->ops->rearrange) {
        tsr_view moved = decoded;
        TSRI_TRY(stage->ops->rearrange(stage->codec, &moved, err));
        TSRI_TRY(tsr_view_copy(&moved, view, TSR_CASTING_NO, err));
    } else {
        TSRI_TRY(stage->ops->decode_view(stage->codec, scratch, view, &decoded, err));
    }
    *view = decoded;
    return 0;
}

/* The general way back through the array-to-array codecs: a copy per codec. */
static int undo_arrays(const tsri_prepared *prepared, tsr_codec_scratch *scratch, tsr_view *view,
                       tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    for (int number = chain->array_count - 1; number >= 0; number--) {
        int64_t shape[TSR_RANK_MAX], next[TSR_RANK_MAX];
        int rank = chain->type.rank;
        memcpy(shape, prepared->shape, sizeof shape);
        for (int i = 0; i < number; i++) {
            const tsri_stage *stage = &chain->stages[i];
            TSRI_TRY(stage->ops->encoded_shape(stage->codec, rank, shape, &rank, next, err));
            memcpy(shape, next, sizeof shape);
        }
        TSRI_TRY(undo_array_stage(prepared, scratch, number, shape, rank, view, err));
    }
    return 0;
}

/* Names the axes of an encoded view by the decoded array: nothing moves in memory. */
static void undo_moves(const tsri_prepared *prepared, tsr_view *view)
{
    tsr_view encoded = *view;
    view->rank = prepared->chain->type.rank;
    for (int axis = 0; axis < encoded.rank; axis++) {
        view->shape[prepared->axis_of[axis]] = encoded.shape[axis];
        view->strides[prepared->axis_of[axis]] = encoded.strides[axis];
    }
}

/* Through an array-to-bytes codec of any kind. */
static int decode_serialized(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const void *bytes, size_t size_bytes, tsr_view *ret_chunk,
                             tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    const tsri_stage *serializer = &chain->stages[chain->array_count];
    tsri_buffer which = chain->array_count % 2 ? TSRI_BUFFER_ARRAY : TSRI_BUFFER_ARRAY_B;

    TSRI_TRY(view_in_scratch(scratch, which, prepared->encoded_dtype, prepared->encoded_rank,
                             prepared->encoded_shape, ret_chunk, err));
    TSRI_TRY_IN(err,
                serializer->ops->decode_array(serializer->codec, scratch, bytes, size_bytes,
                                              ret_chunk, err),
                "codec \"%s\"", serializer->ops->name);
    if (!prepared->moves_only)
        return undo_arrays(prepared, scratch, ret_chunk, err);
    undo_moves(prepared, ret_chunk);
    return 0;
}

static int decode(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                  size_t size_bytes, size_t *prefix_bytes, void *direct, tsr_view *ret_chunk,
                  bool *ret_swapped, tsr_error *err)
{
    *ret_swapped = false;
    TSRI_TRY(unpack_bytes(prepared, scratch, bytes, size_bytes,
                          prepared->in_place && prefix_bytes ? *prefix_bytes : SIZE_MAX,
                          prepared->in_place ? direct : NULL, &bytes, &size_bytes, err));
    if (prefix_bytes)
        *prefix_bytes = prepared->in_place ? size_bytes : (size_t)prepared->decoded_bytes;
    if (!prepared->in_place)
        return decode_serialized(prepared, scratch, bytes, size_bytes, ret_chunk, err);
    ret_chunk->dtype = prepared->chain->type.dtype;
    ret_chunk->rank = prepared->chain->type.rank;
    ret_chunk->data = (char *)bytes;
    ret_chunk->blob = NULL;
    ret_chunk->heap = NULL;
    memcpy(ret_chunk->shape, prepared->shape, sizeof prepared->shape);
    memcpy(ret_chunk->strides, prepared->strides, sizeof prepared->strides);
    *ret_swapped = prepared->swapped;
    return 0;
}

int tsri_chain_decode(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, size_t *prefix_bytes, void *direct, tsr_view *ret_chunk,
                      bool *ret_swapped, tsr_error *err)
{
    const tsr_context *context = prepared->chain->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_DECODE);
    int status = decode(prepared, scratch, bytes, size_bytes, prefix_bytes, direct, ret_chunk,
                        ret_swapped, err);
    tsri_phase_end(context, before);
    return status;
}
