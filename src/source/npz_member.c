#include "source/npz_member.h"

#include <inttypes.h>

#include "base/checked.h"
#include "source/box.h"
#include "source/npy_extent.h"
#include "tensor/copy.h"
#include "tensor/dtype_struct.h"

/* The driver of a deflated member. */
typedef struct deflated_member {
    const tsri_npz_member *member;
    tsri_npy_header header;
    tsri_deflated *stream;
    int64_t strides[TSR_RANK_MAX]; /* between elements, in bytes */
    tsri_swap_run *foreign;        /* of a struct with numbers in both orders: those that are not
                                      in this machine's */
    size_t foreign_count;
} deflated_member;

static void close_member(void *driver)
{
    deflated_member *self = driver;
    tsri_npy_header_clear(&self->header);
    tsri_free(self->foreign);
    tsri_deflated_free(self->stream);
    tsri_free(self);
}

/* ---- reading ---- */

static int read_bytes(deflated_member *self, uint64_t start, void *bytes, size_t size_bytes,
                      const tsr_call *call, tsr_error *err)
{
    size_t got;
    TSRI_TRY(tsri_deflated_read(self->stream, self->header.data_offset + start, bytes, size_bytes,
                                &got, call, err));
    if (got == size_bytes)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED, "the member ends after %" PRIu64 " bytes",
                         self->member->extent.decoded_bytes);
}

static void put_in_order(const deflated_member *self, const tsr_view *to, const tsr_view *from)
{
    bool foreign = !self->header.orders && to->dtype->component_bytes > 1 &&
                   self->header.big_endian == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

    if (foreign)
        tsri_view_copy_swapped(to, from);
    else if (to->data != from->data)
        tsri_view_copy_same(to, from);
    tsri_view_swap_runs(to, self->foreign, self->foreign_count);
}

/* All bytes from the first to the last element of the box: those of a slab at most, since boxes do
 * not go beyond the chunks that the array was described with. */
static int member_read_box(void *driver, const int64_t *start, const tsr_view *view,
                           const tsr_call *call, tsr_error *err)
{
    deflated_member *self = driver;
    int64_t first = 0, last = (int64_t)view->dtype->size_bytes;
    tsr_view from = *view;
    bool same = true;

    for (int axis = 0; axis < view->rank; axis++) {
        first += start[axis] * self->strides[axis];
        last += (view->shape[axis] - 1) * self->strides[axis];
        from.strides[axis] = self->strides[axis];
        same &= view->shape[axis] == 1 || view->strides[axis] == self->strides[axis];
    }
    size_t size_bytes = (size_t)last;
    if (same && tsr_view_size(view) == last) {
        TSRI_TRY(read_bytes(self, (uint64_t)first, view->data, size_bytes, call, err));
        put_in_order(self, view, view);
        return 0;
    }
    tsr_auto(tsri_text) *bytes = tsri_alloc(size_bytes);
    if (!bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(read_bytes(self, (uint64_t)first, bytes, size_bytes, call, err));
    from.data = (void *)bytes;
    put_in_order(self, view, &from);
    return 0;
}

static const tsr_array_ops deflated_ops = {.struct_size = sizeof deflated_ops,
                                           .close = close_member,
                                           .read_box = member_read_box,
                                           .serial = true};

/* ---- opening ---- */

typedef struct position {
    tsri_deflated *stream;
    uint64_t at;
} position;

static int read_next(void *user, void *bytes, size_t size_bytes, size_t *ret_got, tsr_error *err)
{
    position *self = user;
    TSRI_TRY(tsri_deflated_read(self->stream, self->at, bytes, size_bytes, ret_got, NULL, err));
    self->at += *ret_got;
    return 0;
}

/* Whoever wrote the header has written as many elements, or the member is not what it claims. */
static int check_size(const deflated_member *self, tsr_error *err)
{
    uint64_t whole = self->member->extent.decoded_bytes;
    uint64_t needed = self->header.data_offset + self->header.data_bytes;
    if (needed <= whole)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED,
                         "the header tells of %" PRIu64 " bytes, but the member has %" PRIu64,
                         needed, whole);
}

static int make_array(const tsri_input *input, deflated_member *self, const char *place,
                      tsr_array **ret_array, tsr_error *err)
{
    const tsri_npy_header *header = &self->header;
    int64_t stride = (int64_t)header->dtype->size_bytes;
    int64_t shape[TSR_RANK_MAX], box[TSR_RANK_MAX], chunk[TSR_RANK_MAX];

    for (int i = header->rank - 1; i >= 0; i--) {
        int axis = header->fortran_order ? header->rank - 1 - i : i;
        self->strides[axis] = stride;
        shape[i] = header->shape[axis];
        /* Of an array without elements no stride is used. */
        if (!tsri_multiply_i64(stride, shape[i], &stride))
            stride = 0;
    }
    tsri_box_choose(header->rank, shape, NULL, header->dtype->size_bytes, box);
    for (int i = 0; i < header->rank; i++)
        chunk[header->fortran_order ? header->rank - 1 - i : i] = box[i];
    const tsr_array_description description = {
        .driver = "npz",
        .place = place,
        .dtype = header->dtype,
        .rank = header->rank,
        .shape = header->shape,
        .chunk_shape = chunk,
    };
    return tsr_array_new(input->context, &deflated_ops, self, &description, ret_array, err);
}

static int fill_in(const tsri_input *input, deflated_member *self, const char *place,
                   tsr_array **ret_array, tsr_error *err)
{
    TSRI_TRY(tsri_deflated_new(input, &self->member->extent, &self->stream, err));
    position at = {self->stream, 0};
    TSRI_TRY(tsri_npy_header_read(read_next, &at, &self->header, err));
    TSRI_TRY(check_size(self, err));
    if (self->header.orders)
        TSRI_TRY(tsri_dtype_runs(self->header.dtype, self->header.orders,
                                 __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '>' : '<',
                                 &self->foreign, &self->foreign_count, err));
    return make_array(input, self, place, ret_array, err);
}

static int open_deflated(const tsri_input *input, const tsri_npz_member *member, const char *place,
                         tsr_array **ret_array, tsr_error *err)
{
    deflated_member *self = tsri_alloc_zero(sizeof *self);

    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->member = member;
    int status = fill_in(input, self, place, ret_array, err);
    if (status < 0)
        close_member(self);
    return status;
}

static int open_stored(const tsri_input *input, const tsri_npz_member *member, const char *place,
                       tsr_array **ret_array, tsr_error *err)
{
    const tsri_deflated_extent *extent = &member->extent;
    tsri_npy_extent *elements;
    uint64_t end;

    if (!tsri_add_u64(extent->offset, extent->decoded_bytes, &end) || end == UINT64_MAX)
        return tsr_error_set(err, TSR_DAMAGED, "it ends beyond any file");
    TSRI_TRY(tsri_npy_extent_new(input, extent->offset, end, &elements, err));
    int status = tsri_npy_extent_array(elements, true, "npz", place, ret_array, err);
    if (status < 0)
        tsri_npy_extent_free(elements);
    return status;
}

int tsri_npz_open_member(const tsri_input *input, const tsri_npz_member *member,
                         tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_text) *place = tsri_format("%s/%s", input->path, member->path);
    int status;

    if (!place)
        return tsri_error_no_memory(err, strlen(member->path));
    if (member->refusal)
        status = tsri_npz_member_refuse(member, err);
    else if (member->method == 0)
        status = open_stored(input, member, place, ret_array, err);
    else
        status = open_deflated(input, member, place, ret_array, err);
    if (status < 0)
        tsr_error_prepend(err, "%s", place);
    return status;
}
