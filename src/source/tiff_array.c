/* A stack of pictures of a TIFF file as an array of (page, y, x, sample); of (page, sample, y, x)
 * where the file has one plane for each sample. Axes of one page or one sample are left out. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/output.h"
#include "source/box.h"
#include "source/tiff_file.h"
#include "tensor/copy.h"

/* Bare rows that are read at once. */
#define ROWS_BYTES (INT64_C(1) << 20)

typedef struct tiff_array {
    tsri_tiff_file *file; /* the array layer keeps it open */
    const tsri_tiff_stack *stack;
    int page_axis, sample_axis; /* -1: none */
    int y_axis;                 /* x is the next one */
    union {
        unsigned char bytes[16];
        double aligned;
    } fill_value; /* what blocks consist of that the file leaves out */
} tiff_array;

/* ---- reading ---- */

/* A part of one plane: rows, columns and samples of a page, and where they go. */
typedef struct plane_part {
    int64_t y, x, sample; /* the first of each */
    tsr_view view;        /* of rank 3: rows, columns, samples */
} plane_part;

/* What one block has of a part. `from` is relative to the block. */
typedef struct block_part {
    int64_t number, rows; /* of the block */
    int64_t y, x, height, width, sample;
    tsr_view view;
} block_part;

/* The elements that `source` describes, with the strides of a dense block, go to the caller. */
static void copy_elements(const tsr_view *to, const void *elements, int64_t row_stride,
                          int64_t column_stride, bool swapped)
{
    tsr_view from = *to;

    from.data = (char *)elements;
    from.strides[0] = row_stride;
    from.strides[1] = column_stride;
    from.strides[2] = (int64_t)to->dtype->size_bytes;
    if (swapped)
        tsri_view_copy_swapped(to, &from);
    else
        tsri_view_copy_same(to, &from);
}

static int read_bare_rows(const tiff_array *self, const tsri_tiff_blocks *blocks, uint64_t offset,
                          int64_t column_stride, const tsr_view *view, unsigned char *bytes,
                          tsr_error *err)
{
    const tsri_input *input = &self->file->input;
    size_t got, span = (size_t)(view->shape[0] - 1) * (size_t)blocks->row_bytes +
                       (size_t)((view->shape[1] - 1) * column_stride) +
                       (size_t)view->shape[2] * view->dtype->size_bytes;

    TSRI_TRY(tsri_input_read(input, offset, bytes, span, &got, err));
    if (got != span) {
        tsr_error_set(err, TSR_DAMAGED, "the file ends inside its pixels");
        tsr_error_set_where(err, "%zu bytes from byte %" PRIu64, span, offset);
        return TSR_DAMAGED;
    }
    copy_elements(view, bytes, (int64_t)blocks->row_bytes, column_stride, blocks->swapped);
    return 0;
}

/* Elements that lie in the file as they are: no more of a block is read than the rows that are
 * wanted, as many at once as fit. */
static int read_bare(const tiff_array *self, const tsri_tiff_blocks *blocks, const block_part *part,
                     uint64_t offset, tsr_error *err)
{
    int64_t element = (int64_t)part->view.dtype->size_bytes;
    int64_t column = element * (self->stack->picture.separate ? 1 : self->stack->picture.samples);
    int64_t row = (int64_t)blocks->row_bytes;
    int64_t together = TSRI_MIN(TSRI_MAX(ROWS_BYTES / row, INT64_C(1)), part->height);
    size_t room = (size_t)((together - 1) * row + part->width * column);
    tsr_auto(tsri_text) *bytes = tsri_alloc(room);
    tsr_view rows = part->view;

    if (!bytes)
        return tsri_error_no_memory(err, room);
    for (int64_t y = 0; y < part->height; y += together) {
        rows.shape[0] = TSRI_MIN(together, part->height - y);
        rows.data = part->view.data + y * part->view.strides[0];
        TSRI_TRY(read_bare_rows(
            self, blocks,
            offset + (uint64_t)((part->y + y) * row + part->x * column + part->sample * element),
            column, &rows, (unsigned char *)bytes, err));
    }
    return 0;
}

static int read_block(const tiff_array *self, tsri_tiff_decoder *decoder,
                      const tsri_tiff_blocks *blocks, const block_part *part, tsr_error *err)
{
    const tsri_tiff_picture *picture = &self->stack->picture;
    int64_t element = (int64_t)part->view.dtype->size_bytes;
    int64_t column = element * (picture->separate ? 1 : picture->samples);
    const unsigned char *elements;
    uint64_t offset, size_bytes;

    TSRI_TRY(tsri_tiff_decoder_extent(decoder, part->number, &offset, &size_bytes, err));
    if (size_bytes == 0) {
        tsr_view_fill(&part->view, &self->fill_value);
        return 0;
    }
    if (blocks->bare && offset <= INT64_MAX / 2)
        return read_bare(self, blocks, part, offset, err);
    TSRI_TRY(tsri_tiff_decoder_block(decoder, part->number, part->rows, &elements, err));
    copy_elements(&part->view,
                  elements + part->y * blocks->width * column + part->x * column +
                      part->sample * element,
                  blocks->width * column, column, false);
    return 0;
}

static int check_cancelled(const tsr_call *call, tsr_error *err)
{
    if (call && call->cancel && __atomic_load_n(call->cancel, __ATOMIC_RELAXED))
        return tsr_error_set(err, TSR_CANCELLED, "cancelled");
    return 0;
}

/* Goes along the blocks of a plane that a part touches. */
static int read_plane(const tiff_array *self, tsri_tiff_decoder *decoder,
                      const tsri_tiff_blocks *blocks, const plane_part *plane, const tsr_call *call,
                      tsr_error *err)
{
    const tsri_tiff_picture *picture = &self->stack->picture;
    int64_t y_end = plane->y + plane->view.shape[0], x_end = plane->x + plane->view.shape[1];
    int64_t first = picture->separate ? plane->sample * blocks->plane_blocks : 0;

    for (int64_t y = plane->y; y < y_end;) {
        int64_t down = y / blocks->height, top = down * blocks->height;
        int64_t below = TSRI_MIN(top + blocks->height, y_end);
        for (int64_t x = plane->x; x < x_end;) {
            int64_t across = x / blocks->width, left = across * blocks->width;
            int64_t behind = TSRI_MIN(left + blocks->width, x_end);
            block_part part = {.number = first + down * blocks->across + across,
                               .rows = blocks->tiled
                                           ? blocks->height
                                           : TSRI_MIN(blocks->height, picture->height - top),
                               .y = y - top,
                               .x = x - left,
                               .height = below - y,
                               .width = behind - x,
                               .sample = picture->separate ? 0 : plane->sample,
                               .view = plane->view};
            part.view.data +=
                (y - plane->y) * plane->view.strides[0] + (x - plane->x) * plane->view.strides[1];
            part.view.shape[0] = part.height;
            part.view.shape[1] = part.width;
            TSRI_TRY(check_cancelled(call, err));
            TSRI_TRY(read_block(self, decoder, blocks, &part, err));
            x = behind;
        }
        y = below;
    }
    return 0;
}

/* A box of one page, plane by plane where samples have planes of their own. */
static int read_page(const tiff_array *self, tsri_tiff_decoder *decoder, int64_t page,
                     const int64_t *start, const tsr_view *view, const tsr_call *call,
                     tsr_error *err)
{
    const tsri_tiff_picture *picture = &self->stack->picture;
    int samples = self->sample_axis;
    tsri_tiff_blocks blocks;
    plane_part plane = {.y = start[self->y_axis],
                        .x = start[self->y_axis + 1],
                        .sample = samples < 0 ? 0 : start[samples],
                        .view = {.dtype = view->dtype, .rank = 3, .data = view->data}};

    for (int axis = 0; axis < 2; axis++) {
        plane.view.shape[axis] = view->shape[self->y_axis + axis];
        plane.view.strides[axis] = view->strides[self->y_axis + axis];
    }
    int64_t count = samples < 0 ? 1 : view->shape[samples];
    plane.view.shape[2] = picture->separate ? 1 : count;
    plane.view.strides[2] = samples < 0 ? (int64_t)view->dtype->size_bytes : view->strides[samples];
    TSRI_TRY(
        tsri_tiff_decoder_select(decoder, self->stack->directories[page], picture, &blocks, err));
    for (int64_t i = 0; i < (picture->separate ? count : 1); i++) {
        TSRI_TRY(read_plane(self, decoder, &blocks, &plane, call, err));
        plane.sample++;
        plane.view.data += plane.view.strides[2];
    }
    return 0;
}

static int tiff_read_box(void *driver, const int64_t *start, const tsr_view *view,
                         const tsr_call *call, tsr_error *err)
{
    const tiff_array *self = driver;
    int pages = self->page_axis;
    int64_t first = pages < 0 ? 0 : start[pages], count = pages < 0 ? 1 : view->shape[pages];
    tsri_tiff_decoder *decoder;
    tsr_view page = *view;
    int status = 0;

    if (tsr_view_count(view) == 0)
        return 0;
    TSRI_TRY(tsri_tiff_decoders_take(&self->file->decoders, &decoder, err));
    for (int64_t i = 0; i < count && status == 0; i++) {
        status = read_page(self, decoder, first + i, start, &page, call, err);
        if (pages >= 0)
            page.data += page.strides[pages];
    }
    tsri_tiff_decoders_give(&self->file->decoders, decoder);
    return status;
}

static const tsr_array_ops tiff_ops = {
    .struct_size = sizeof tiff_ops, .close = tsri_free, .read_box = tiff_read_box};

/* ---- opening ---- */

typedef struct described {
    int rank;
    int64_t shape[4], stored[4], box[4];
    const char *names[4];
} described;

static void add_axis(described *self, const char *name, int64_t length, int64_t stored)
{
    self->names[self->rank] = name;
    self->shape[self->rank] = length;
    self->stored[self->rank++] = stored;
}

static void describe_axes(tiff_array *array, described *self)
{
    const tsri_tiff_picture *picture = &array->stack->picture;

    array->page_axis = array->sample_axis = -1;
    if (array->stack->count > 1) {
        array->page_axis = self->rank;
        add_axis(self, "page", (int64_t)array->stack->count, 1);
    }
    if (picture->separate) {
        array->sample_axis = self->rank;
        add_axis(self, "sample", picture->samples, 1);
    }
    array->y_axis = self->rank;
    add_axis(self, "y", picture->height, picture->block_height);
    add_axis(self, "x", picture->width, picture->block_width);
    if (!picture->separate && picture->samples > 1) {
        array->sample_axis = self->rank;
        add_axis(self, "sample", picture->samples, picture->samples);
    }
    /* Of bare strips any rows can be read. */
    if (!picture->tiled && tsri_tiff_picture_is_bare(picture))
        self->stored[array->y_axis] = 1;
    tsri_box_choose(self->rank, self->shape, self->stored, picture->dtype->size_bytes, self->box);
}

/* GDAL writes what stands for missing pixels as a text; blocks that it leaves out consist of it. */
static int read_fill_value(tiff_array *self, const tsri_tiff_directory *directory, tsr_error *err)
{
    const tsri_tiff_entry *entry = tsri_tiff_find(directory, TSRI_TIFF_GDAL_NODATA);
    char text[64] = "";

    if (!entry || entry->type != TSRI_TIFF_ASCII || entry->count >= sizeof text)
        return 0;
    TSRI_TRY(tsri_tiff_values(&self->file->layout, entry, 0, (size_t)entry->count, text, err));
    text[strcspn(text, " ")] = '\0';
    const char *number = strcmp(text, "nan") == 0 ? "NaN" : text;
    if (tsr_dtype_parse_element(self->stack->picture.dtype, number, &self->fill_value, NULL) < 0)
        memset(&self->fill_value, 0, sizeof self->fill_value);
    return 0;
}

static int make_array(tiff_array *self, const char *place, tsr_array **ret_array, tsr_error *err)
{
    const tsri_tiff_layout *layout = &self->file->layout;
    const tsri_tiff_picture *picture = &self->stack->picture;
    tsr_context *context = self->file->input.context;
    tsr_auto(tsri_output) attributes =
        TSRI_OUTPUT_INIT((size_t)context->options.largest_metadata_bytes);
    tsr_auto(tsri_tiff_directory) directory = {0};
    described axes = {0};

    TSRI_TRY(tsri_tiff_directory_read(layout, self->stack->directories[0], &directory, err));
    TSRI_TRY(read_fill_value(self, &directory, err));
    TSRI_TRY(tsri_tiff_attributes(layout, &directory, picture, &attributes, err));
    describe_axes(self, &axes);
    const tsr_array_description description = {
        .driver = "tiff",
        .place = place,
        .dtype = picture->dtype,
        .rank = axes.rank,
        .shape = axes.shape,
        .chunk_shape = axes.box,
        .fill_value = &self->fill_value,
        .dimension_names = axes.names,
        .attributes = attributes.data,
    };
    return tsr_array_new(context, &tiff_ops, self, &description, ret_array, err);
}

int tsri_tiff_open_stack(tsri_tiff_file *file, const tsri_tiff_stack *stack, const char *place,
                         tsr_array **ret_array, tsr_error *err)
{
    if (*stack->picture.refusal) {
        tsr_error_set(err, TSR_UNSUPPORTED, "%s: %s", place, stack->picture.refusal);
        tsr_error_set_next_step(err, "`tiffinfo` shows what is in the file; other programs can "
                                     "write its pixels in another form");
        return TSR_UNSUPPORTED;
    }
    tiff_array *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->file = file;
    self->stack = stack;
    int status = make_array(self, place, ret_array, err);
    if (status < 0) {
        tsr_error_prepend(err, "%s", place);
        tsri_free(self);
    }
    return status;
}
