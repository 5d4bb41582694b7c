/* Decoding a large chunk piece by piece: each piece goes to its place while it is in cache, so that
 * the decoded chunk as a whole never reaches memory. A plane is all that a chunk has at one
 * position of its outermost encoded axis; planes lie one after the other in the decoded bytes. */
#include "array/unit.h"
#include "base/checked.h"
#include "base/profile.h"

/* Smaller chunks stay in the second-level cache as a whole. */
#define CHUNK_BYTES_MIN (1 << 20)

/* A plane has to fit in there together with a piece. */
#define PLANE_BYTES_MAX (256 << 10)

typedef struct planes {
    const tsri_prepared *prepared;
    tsr_codec_scratch *scratch;
    const tsri_target *const *targets;
    size_t target_count;
    int axis; /* the outermost one */
    size_t plane_bytes;
    size_t next_bytes; /* of the decoded bytes: all before were delivered or are not wanted */
    size_t end_bytes;  /* all from here on are not wanted */
    size_t taken_bytes;
    char *partial; /* a plane that pieces have brought in part */
    size_t partial_bytes;
} planes;

/* The decoded axis along which the serialized bytes are cut first; -1: there is no cut. */
static int outermost_axis(const tsri_prepared *prepared)
{
    int found = -1;
    for (int axis = 0; axis < prepared->chain->type.rank; axis++)
        if (prepared->shape[axis] > 1 &&
            (found < 0 || prepared->strides[axis] > prepared->strides[found]))
            found = axis;
    return found;
}

bool tsri_unit_takes_pieces(const tsri_prepared *prepared, const tsri_target *const *targets,
                            size_t count)
{
    if (!tsri_prepared_has_pieces(prepared) || prepared->decoded_bytes < CHUNK_BYTES_MIN)
        return false;
    int axis = outermost_axis(prepared);
    if (axis < 0 || prepared->strides[axis] > PLANE_BYTES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!targets[i]->data || targets[i]->group_count > 0)
            return false;
    return true;
}

/* Hands out `count` planes from plane `first` on, which lie one after the other. */
static int deliver_planes(const planes *self, int64_t first, int64_t count, const char *bytes,
                          tsr_error *err)
{
    const tsri_prepared *prepared = self->prepared;
    tsr_view view TSRI_UNINITIALIZED;

    view.dtype = prepared->chain->type.dtype;
    view.rank = prepared->chain->type.rank;
    view.data = (char *)bytes;
    view.blob = NULL;
    view.heap = NULL;
    memcpy(view.shape, prepared->shape, sizeof view.shape);
    memcpy(view.strides, prepared->strides, sizeof view.strides);
    view.shape[self->axis] = count;
    for (size_t i = 0; i < self->target_count; i++) {
        tsri_target target TSRI_UNINITIALIZED;
        tsri_target_copy(&target, self->targets[i]);
        if (tsri_target_restrict_axis(&target, self->axis, first, count))
            TSRI_TRY(tsri_target_deliver(&target, &view, prepared->swapped, self->scratch, err));
    }
    return 0;
}

/* Fills up a plane that an earlier piece has begun. Returns how many bytes that took. */
static size_t add_partial(planes *self, const char *bytes, size_t size_bytes)
{
    size_t taken = TSRI_MIN(self->plane_bytes - self->partial_bytes, size_bytes);
    memcpy(self->partial + self->partial_bytes, bytes, taken);
    self->partial_bytes += taken;
    self->next_bytes += taken;
    return taken;
}

static int64_t plane_at(const planes *self, size_t offset_bytes)
{
    return (int64_t)(offset_bytes / self->plane_bytes);
}

static int deliver_piece(planes *self, size_t offset_bytes, const char *bytes, size_t size_bytes,
                         tsr_error *err)
{
    self->taken_bytes += size_bytes;
    bool is_wanted = self->next_bytes < self->end_bytes;
    if ((is_wanted && offset_bytes > self->next_bytes) ||
        offset_bytes + size_bytes > (size_t)self->prepared->decoded_bytes)
        return tsr_error_set(err, TSR_DAMAGED,
                             "bytes %zu..%zu of the chunk come where its byte %zu is due",
                             offset_bytes, offset_bytes + size_bytes, self->next_bytes);
    /* Planes before the first or behind the last one that is wanted. */
    if (!is_wanted || offset_bytes + size_bytes <= self->next_bytes)
        return 0;
    bytes += self->next_bytes - offset_bytes;
    size_bytes -= self->next_bytes - offset_bytes;
    if (self->partial_bytes > 0) {
        size_t taken = add_partial(self, bytes, size_bytes);
        bytes += taken;
        size_bytes -= taken;
        if (self->partial_bytes < self->plane_bytes)
            return 0;
        self->partial_bytes = 0;
        TSRI_TRY(deliver_planes(self, plane_at(self, self->next_bytes) - 1, 1, self->partial, err));
    }
    size_t count = size_bytes / self->plane_bytes, whole_bytes = count * self->plane_bytes;
    if (count > 0)
        TSRI_TRY(
            deliver_planes(self, plane_at(self, self->next_bytes), (int64_t)count, bytes, err));
    self->next_bytes += whole_bytes;
    add_partial(self, bytes + whole_bytes, size_bytes - whole_bytes);
    return 0;
}

static int take_piece(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                      tsr_error *err)
{
    planes *self = user;
    const tsr_context *context = self->prepared->chain->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_COPY);
    int status = deliver_piece(self, offset_bytes, piece, size_bytes, err);
    tsri_phase_end(context, before);
    return status;
}

/* The planes from the first to the last one that any target wants, as decoded bytes. */
static void wanted_planes(const planes *self, tsr_codec_pieces *pieces)
{
    int64_t first = INT64_MAX, last = 0;
    for (size_t i = 0; i < self->target_count; i++) {
        int64_t from, to;
        tsri_target_bounds(self->targets[i], self->axis, &from, &to);
        first = TSRI_MIN(first, from);
        last = TSRI_MAX(last, to);
    }
    pieces->first_bytes = (size_t)first * self->plane_bytes;
    pieces->end_bytes = (size_t)(last + 1) * self->plane_bytes;
}

int tsri_unit_decode_pieces(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const void *bytes, size_t size_bytes, const tsri_target *const *targets,
                            size_t count, size_t *ret_decoded_bytes, tsr_error *err)
{
    planes self = {.prepared = prepared,
                   .scratch = scratch,
                   .targets = targets,
                   .target_count = count,
                   .axis = outermost_axis(prepared)};
    tsr_codec_pieces pieces = {.take = take_piece, .user = &self};

    self.plane_bytes = (size_t)prepared->strides[self.axis];
    self.partial = tsri_scratch_buffer(scratch, TSRI_BUFFER_PLANE, self.plane_bytes);
    if (!self.partial)
        return tsri_error_no_memory(err, self.plane_bytes);
    wanted_planes(&self, &pieces);
    self.next_bytes = pieces.first_bytes;
    self.end_bytes = pieces.end_bytes;
    TSRI_TRY(tsri_chain_decode_pieces(prepared, scratch, bytes, size_bytes, &pieces, err));
    *ret_decoded_bytes = self.taken_bytes;
    return 0;
}
