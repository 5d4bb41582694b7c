/* An array of elements of variable length, read and handed to Arrow through its C data interface as
 * a BinaryView or Utf8View: a library that a Python process loads beside pyarrow. It is what a
 * program would do that links both, by the public headers alone.
 * Source: Arrow C data interface, https://arrow.apache.org/docs/format/CDataInterface.html */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tessera/array.h>

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

/* Reads the array of `capacity` elements at `place`. Sets where the bytes of each element lie, as
 * the library itself says it before any slot is changed (0: in the slot). `*ret_ended` becomes 1
 * when Arrow has released the array. Returns a tsr_status, and the message of a failure. */
__attribute__((visibility("default"))) int arrow_bridge_read(
    const char *place, struct ArrowSchema *ret_schema, struct ArrowArray *ret_array,
    uint64_t *ret_addresses, int64_t capacity, int *ret_ended, char *ret_message, size_t room);

/* What a handed out array keeps alive. */
typedef struct handed_out {
    tsr_view view;  /* the slots, and the heap with the bytes of the long ones */
    void **buffers; /* of Arrow: no validity, the slots, those of the heap, the sizes of these */
    int64_t *sizes; /* of the buffers of the heap */
    int *ret_ended; /* set when Arrow lets go */
} handed_out;

static void end_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void end_array(struct ArrowArray *array)
{
    handed_out *self = array->private_data;
    tsr_view_clear(&self->view);
    *self->ret_ended = 1;
    free(self->buffers);
    free(self->sizes);
    free(self);
    array->release = NULL;
}

static int read_all(handed_out *self, tsr_context *context, const char *place, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_index all;

    int status = tsr_array_open(context, place, NULL, &array, err);
    if (status < 0)
        return status;
    if (!tsr_dtype_is_variable(tsr_array_dtype(array)) || tsr_array_rank(array) != 1)
        return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: one axis of strings or bytes is wanted",
                             place);
    status = tsr_view_new(&self->view, tsr_array_dtype(array), 1, tsr_array_shape(array), err);
    if (status < 0)
        return status;
    tsr_index_all(&all, 1, tsr_array_shape(array));
    tsr_read_request request = {array, &all, &self->view, TSR_CASTING_NO};
    return tsr_read_many(context, &request, 1, NULL, err);
}

/* Lists the buffers as Arrow wants them; the slots become Arrow's. */
static int list_buffers(handed_out *self, struct ArrowArray *array, tsr_error *err)
{
    tsr_heap_buffer *buffers = NULL;
    size_t count = 0, length = (size_t)tsr_view_count(&self->view);

    int status = tsr_heap_to_arrow(self->view.heap, (tsr_slot *)(void *)self->view.data, length,
                                   &buffers, &count, err);
    if (status < 0)
        return status;
    self->buffers = calloc(count + 3, sizeof *self->buffers);
    self->sizes = calloc(count + 1, sizeof *self->sizes);
    if (!self->buffers || !self->sizes) {
        tsr_free(buffers);
        return tsr_error_set(err, TSR_NO_MEMORY, "no memory for %zu buffers", count);
    }
    self->buffers[1] = self->view.data;
    for (size_t i = 0; i < count; i++) {
        self->buffers[2 + i] = (void *)buffers[i].bytes;
        self->sizes[i] = (int64_t)buffers[i].size_bytes;
    }
    self->buffers[2 + count] = self->sizes;
    tsr_free(buffers);
    *array = (struct ArrowArray){.length = (int64_t)length,
                                 .n_buffers = (int64_t)count + 3,
                                 .buffers = (const void **)self->buffers,
                                 .release = end_array,
                                 .private_data = self};
    return 0;
}

int arrow_bridge_read(const char *place, struct ArrowSchema *ret_schema,
                      struct ArrowArray *ret_array, uint64_t *ret_addresses, int64_t capacity,
                      int *ret_ended, char *ret_message, size_t room)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    handed_out *self = calloc(1, sizeof *self);

    if (!self)
        return TSR_NO_MEMORY;
    self->ret_ended = ret_ended;
    int status = tsr_context_new(NULL, &context, &err);
    if (status == 0)
        status = read_all(self, context, place, &err);
    if (status == 0 && tsr_view_count(&self->view) != capacity)
        status = tsr_error_set(&err, TSR_INVALID_ARGUMENT, "%" PRId64 " elements, not %" PRId64,
                               tsr_view_count(&self->view), capacity);
    for (int64_t i = 0; status == 0 && i < capacity; i++) {
        const tsr_slot *slot = (const tsr_slot *)(const void *)self->view.data + i;
        bool is_long = slot->size_bytes > TSR_SLOT_INLINE_MAX;
        ret_addresses[i] = is_long ? (uint64_t)(uintptr_t)slot->rest.bytes : 0;
    }
    if (status == 0)
        status = list_buffers(self, ret_array, &err);
    if (status == 0) {
        bool is_string = self->view.dtype->kind == TSR_KIND_STRING;
        *ret_schema = (struct ArrowSchema){
            .format = is_string ? "vu" : "vz", .name = "", .release = end_schema};
        return 0;
    }
    snprintf(ret_message, room, "%s", err.message);
    tsr_error_clear(&err);
    tsr_view_clear(&self->view);
    free(self->buffers);
    free(self->sizes);
    free(self);
    return status;
}
