#include "source/npy_extent.h"

#include <inttypes.h>

#include "base/output.h"
#include "codec/zarr_dtype.h"
#include "source/folder.h"

struct tsri_npy_extent {
    tsr_context *context; /* held */
    char *path;
    tsr_store *store; /* the folder */
    const char *name; /* within `path` */
    tsri_npy_header header;
    uint64_t offset;    /* of the header in the file */
    char *header_bytes; /* header.data_offset of them, as they were when the file was opened */
};

void tsri_npy_extent_free(tsri_npy_extent *extent)
{
    if (!extent)
        return;
    tsri_npy_header_clear(&extent->header);
    tsr_store_close(extent->store);
    tsri_context_unref(extent->context);
    tsri_free(extent->header_bytes);
    tsri_free(extent->path);
    tsri_free(extent);
}

/* ---- the file ---- */

typedef struct position {
    const tsri_input *input;
    uint64_t offset;
} position;

static int read_next(void *user, void *bytes, size_t size_bytes, size_t *ret_got, tsr_error *err)
{
    position *self = user;
    TSRI_TRY(tsri_input_read(self->input, self->offset, bytes, size_bytes, ret_got, err));
    self->offset += *ret_got;
    return 0;
}

static int read_header(tsri_npy_extent *self, const tsri_input *input, tsr_error *err)
{
    position at = {input, self->offset};
    size_t got;

    TSRI_TRY(tsri_npy_header_read(read_next, &at, &self->header, err));
    size_t size_bytes = (size_t)self->header.data_offset;
    self->header_bytes = tsri_alloc(size_bytes);
    if (!self->header_bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_input_read(input, self->offset, self->header_bytes, size_bytes, &got, err));
    return got == size_bytes ? 0 : tsr_error_set(err, TSR_CONFLICT, "changed while it was opened");
}

static int check_room(const tsri_npy_extent *self, uint64_t end, tsr_error *err)
{
    uint64_t start = self->offset + self->header.data_offset;
    if (end == UINT64_MAX || (start <= end && self->header.data_bytes <= end - start))
        return 0;
    return tsr_error_set(err, TSR_DAMAGED,
                         "the header tells of %" PRIu64
                         " bytes of elements, but there are %" PRIu64,
                         self->header.data_bytes, start <= end ? end - start : 0);
}

static int fill_in(tsri_npy_extent *self, const tsri_input *input, uint64_t end, tsr_error *err)
{
    self->path = tsri_strdup(input->path);
    if (!self->path)
        return tsri_error_no_memory(err, strlen(input->path));
    TSRI_TRY(read_header(self, input, err));
    TSRI_TRY(check_room(self, end, err));
    return tsri_folder_open(self->context, self->path, &self->store, &self->name, err);
}

int tsri_npy_extent_new(const tsri_input *input, uint64_t offset, uint64_t end,
                        tsri_npy_extent **ret_extent, tsr_error *err)
{
    tsri_npy_extent *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->context = tsri_context_ref(input->context);
    self->offset = offset;
    int status = fill_in(self, input, end, err);
    if (status < 0)
        tsri_npy_extent_free(self);
    else
        *ret_extent = self;
    return status;
}

/* ---- the array ---- */

/* The fetch loop opens the file by its name each time. What lies there must still begin with the
 * header that tells how the rest is read; new elements behind it are as good as the old ones. */
static int check_header(const tsri_npy_extent *self, tsr_error *err)
{
    size_t size_bytes = (size_t)self->header.data_offset, got = 0;
    tsr_auto(tsri_text) *bytes = tsri_alloc(size_bytes);
    tsri_input input;

    if (!bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_input_open(self->context, self->path, &input, err));
    int status = tsri_input_read(&input, self->offset, bytes, size_bytes, &got, err);
    tsri_input_close(&input);
    TSRI_TRY(status);
    if (got == size_bytes && memcmp(bytes, self->header_bytes, size_bytes) == 0)
        return 0;
    tsr_error_set(err, TSR_CONFLICT, "%s: another array than the one that was opened", self->path);
    tsr_error_set_next_step(err, "open it again");
    return TSR_CONFLICT;
}

static int extent_locate(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent,
                         tsr_error *err)
{
    const tsri_npy_extent *self = driver;
    (void)chunk_index;
    if (strlen(self->name) >= sizeof ret_extent->key)
        return tsr_error_set(err, TSR_LIMIT, "%s: the name is too long", self->path);
    TSRI_TRY(check_header(self, err));
    ret_extent->store = self->store;
    strcpy(ret_extent->key, self->name);
    ret_extent->offset = self->offset + self->header.data_offset;
    ret_extent->size_bytes = self->header.data_bytes;
    return 0;
}

static void extent_close(void *driver)
{
    tsri_npy_extent_free(driver);
}

static const tsr_array_ops borrowed_ops = {.struct_size = sizeof borrowed_ops,
                                           .locate = extent_locate};
static const tsr_array_ops owned_ops = {
    .struct_size = sizeof owned_ops, .close = extent_close, .locate = extent_locate};

/* The bytes of the file as a chain: the axes reversed for Fortran order, then elements in the
 * file's byte order. */
static int print_codecs(const tsri_npy_header *header, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "["));
    if (header->fortran_order && header->rank > 1) {
        TSRI_TRY(tsr_output_print(output, err,
                                  "{\"name\":\"transpose\",\"configuration\":{\"order\":["));
        for (int axis = header->rank - 1; axis >= 0; axis--)
            TSRI_TRY(tsr_output_print(output, err, "%d%s", axis, axis ? "," : "]}},"));
    }
    TSRI_TRY(tsr_output_print(output, err, "{\"name\":\"bytes\",\"configuration\":"));
    if (header->orders)
        TSRI_TRY(tsri_dtype_orders_print(header->orders, output, err));
    else
        TSRI_TRY(tsr_output_print(output, err, "{\"endian\":\"%s\"}",
                                  header->big_endian ? "big" : "little"));
    TSRI_TRY(tsr_output_print(output, err, "}]"));
    return tsr_output_append(output, "", 1, err);
}

int tsri_npy_extent_array(tsri_npy_extent *extent, bool owned, const char *driver,
                          const char *place, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_output) codecs = TSRI_OUTPUT_INIT(SIZE_MAX);
    int64_t chunk[TSR_RANK_MAX];

    /* An array without elements may have axes of any length, and no chunk that holds them. */
    bool empty = extent->header.data_bytes == 0;
    for (int axis = 0; axis < extent->header.rank; axis++)
        chunk[axis] = empty ? 1 : extent->header.shape[axis];
    TSRI_TRY(print_codecs(&extent->header, &codecs, err));
    const tsr_array_description description = {
        .driver = driver,
        .place = place,
        .dtype = extent->header.dtype,
        .rank = extent->header.rank,
        .shape = extent->header.shape,
        .chunk_shape = chunk,
        .codecs = codecs.data,
    };
    return tsr_array_new(extent->context, owned ? &owned_ops : &borrowed_ops, extent, &description,
                         ret_array, err);
}
