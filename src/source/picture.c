/* PNG, JPEG and WebP files as arrays of (y, x) or (y, x, sample): the file is the one chunk of an
 * array whose codec is that of such pictures. */
#include "source/folder.h"
#include "source/formats.h"
#include "source/picture_header.h"

typedef struct picture_file {
    tsr_context *context; /* held */
    char *path;
    tsr_store *store; /* the folder */
    const char *name; /* within `path` */
    tsri_picture_format format;
    tsri_picture_header header;
} picture_file;

static const struct {
    const char *name, *codecs;
} formats[] = {
    [TSRI_PICTURE_PNG] = {"png", "[{\"name\":\"imagecodecs_png\",\"configuration\":"
                                 "{\"squeeze\":false}}]"},
    [TSRI_PICTURE_JPEG] = {"jpeg", "[{\"name\":\"imagecodecs_jpeg\",\"configuration\":"
                                   "{\"squeeze\":false}}]"},
    [TSRI_PICTURE_WEBP] = {"webp", "[{\"name\":\"imagecodecs_webp\",\"configuration\":"
                                   "{\"squeeze\":false}}]"},
};

static bool recognise_png(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return tsri_picture_recognise(TSRI_PICTURE_PNG, head, size_bytes);
}

static bool recognise_jpeg(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return tsri_picture_recognise(TSRI_PICTURE_JPEG, head, size_bytes);
}

static bool recognise_webp(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return tsri_picture_recognise(TSRI_PICTURE_WEBP, head, size_bytes);
}

static void picture_close(void *handle)
{
    picture_file *file = handle;
    tsr_store_close(file->store);
    tsri_context_unref(file->context);
    tsri_free(file->path);
    tsri_free(file);
}

static int read_header(const picture_file *file, tsri_picture_header *ret_header, tsr_error *err)
{
    tsri_input input;

    TSRI_TRY(tsri_input_open(file->context, file->path, &input, err));
    int status = tsri_picture_header_read(file->format, &input, ret_header, err);
    tsri_input_close(&input);
    return status;
}

static int fill_in(picture_file *file, tsr_error *err)
{
    TSRI_TRY(read_header(file, &file->header, err));
    return tsri_folder_open(file->context, file->path, &file->store, &file->name, err);
}

static int open_as(tsri_picture_format format, tsr_context *context, const char *path,
                   void **ret_file, tsr_error *err)
{
    picture_file *file = tsri_alloc_zero(sizeof *file);

    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    file->context = tsri_context_ref(context);
    file->format = format;
    file->path = tsri_strdup(path);
    int status = file->path ? fill_in(file, err) : tsri_error_no_memory(err, strlen(path));
    if (status < 0)
        picture_close(file);
    else
        *ret_file = file;
    return status;
}

static int open_png(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    return open_as(TSRI_PICTURE_PNG, context, path, ret_file, err);
}

static int open_jpeg(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    return open_as(TSRI_PICTURE_JPEG, context, path, ret_file, err);
}

static int open_webp(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    return open_as(TSRI_PICTURE_WEBP, context, path, ret_file, err);
}

/* ---- the array ---- */

/* The fetch loop opens the file by its name each time: what lies there must still be such a
 * picture. */
static int picture_locate(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent,
                          tsr_error *err)
{
    const picture_file *self = driver;
    tsri_picture_header now;

    (void)chunk_index;
    if (strlen(self->name) >= sizeof ret_extent->key)
        return tsr_error_set(err, TSR_LIMIT, "%s: the name is too long", self->path);
    TSRI_TRY(read_header(self, &now, err));
    if (now.height != self->header.height || now.width != self->header.width ||
        now.samples != self->header.samples || now.dtype != self->header.dtype) {
        tsr_error_set(err, TSR_CONFLICT, "%s: another picture than the one that was opened",
                      self->path);
        tsr_error_set_next_step(err, "open it again");
        return TSR_CONFLICT;
    }
    ret_extent->store = self->store;
    strcpy(ret_extent->key, self->name);
    ret_extent->offset = 0;
    ret_extent->size_bytes = TSR_REST;
    return 0;
}

static const tsr_array_ops picture_ops = {.struct_size = sizeof picture_ops,
                                          .locate = picture_locate};

static int check_inner_path(const picture_file *file, const char *inner_path, tsr_error *err)
{
    if (!*inner_path)
        return 0;
    return tsr_error_set(err, TSR_NOT_FOUND, "%s: a picture is one array, without a \"%s\"",
                         file->path, inner_path);
}

/* The file outlives its arrays: the array layer sees to it. */
static int picture_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                              tsr_error *err)
{
    static const char *const names[] = {"y", "x", "sample"};
    picture_file *file = handle;
    const tsri_picture_header *header = &file->header;
    const int64_t shape[] = {header->height, header->width, header->samples};

    TSRI_TRY(check_inner_path(file, inner_path, err));
    const tsr_array_description description = {
        .driver = formats[file->format].name,
        .place = file->path,
        .dtype = header->dtype,
        .rank = header->samples > 1 ? 3 : 2,
        .shape = shape,
        .chunk_shape = shape,
        .dimension_names = names,
        .codecs = formats[file->format].codecs,
    };
    TSRI_TRY_IN(err, tsr_array_new(file->context, &picture_ops, file, &description, ret_array, err),
                "%s", file->path);
    return 0;
}

/* ---- a tree of one array ---- */

static int picture_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind,
                         tsr_error *err)
{
    (void)handle;
    (void)err;
    *ret_kind = *inner_path ? TSR_NODE_NONE : TSR_NODE_ARRAY;
    return 0;
}

static int picture_attributes(void *handle, const char *inner_path, char **ret_json, tsr_error *err)
{
    TSRI_TRY(check_inner_path(handle, inner_path, err));
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

static int picture_children(void *handle, const char *inner_path,
                            int (*each)(void *user, const char *name, tsr_node_kind kind,
                                        const tsr_error *error),
                            void *user, tsr_error *err)
{
    const picture_file *file = handle;
    (void)each;
    (void)user;
    TSRI_TRY(check_inner_path(file, inner_path, err));
    return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: an array, not a group", file->path);
}

#define PICTURE_FORMAT(kind)                                                                 \
    {                                                                                        \
        .struct_size = sizeof(tsr_format_ops), .name = #kind, .recognise = recognise_##kind, \
        .open = open_##kind, .close = picture_close, .probe = picture_probe,                 \
        .open_array = picture_open_array, .attributes = picture_attributes,                  \
        .children = picture_children                                                         \
    }

const tsr_format_ops tsri_png_format = PICTURE_FORMAT(png);
const tsr_format_ops tsri_jpeg_format = PICTURE_FORMAT(jpeg);
const tsr_format_ops tsri_webp_format = PICTURE_FORMAT(webp);
