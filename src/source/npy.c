/* NumPy's .npy files: one array behind a short header, read in place by the fetch loop. */

#include "base/output.h"
#include "source/formats.h"
#include "source/input.h"
#include "source/npy_header.h"

typedef struct npy_file {
    tsr_context *context; /* held */
    char *path;
    tsr_store *store; /* the folder */
    const char *name; /* within `path` */
    tsri_npy_header header;
    char *header_bytes; /* data_offset of them, as they were when the file was opened */
} npy_file;

/* ---- the file ---- */

static bool npy_recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return size_bytes >= TSRI_NPY_MAGIC_BYTES &&
           memcmp(head, TSRI_NPY_MAGIC, TSRI_NPY_MAGIC_BYTES) == 0;
}

static void npy_close(void *handle)
{
    npy_file *file = handle;
    tsri_npy_header_clear(&file->header);
    tsr_store_close(file->store);
    tsri_context_unref(file->context);
    tsri_free(file->header_bytes);
    tsri_free(file->path);
    tsri_free(file);
}

static int open_folder(npy_file *file, tsr_error *err)
{
    const char *slash = strrchr(file->path, '/');
    int length = slash ? (int)(slash - file->path) : 0;
    /* A URL has no relative paths, and a relative path could look like a URL: "./" prevents both.
     */
    tsr_auto(tsri_text) *folder = file->path[0] == '/'
                                      ? tsri_format("file://%.*s/", length, file->path)
                                      : tsri_format("./%.*s", length, file->path);
    if (!folder)
        return tsri_error_no_memory(err, strlen(file->path));
    file->name = slash ? slash + 1 : file->path;
    return tsr_store_open(file->context, folder, &file->store, err);
}

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

static int read_header(npy_file *file, const tsri_input *input, tsr_error *err)
{
    position at = {input, 0};
    size_t got;

    TSRI_TRY_IN(err, tsri_npy_header_read(read_next, &at, &file->header, err), "%s", file->path);
    size_t size_bytes = (size_t)file->header.data_offset;
    file->header_bytes = tsri_alloc(size_bytes);
    if (!file->header_bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_input_read(input, 0, file->header_bytes, size_bytes, &got, err));
    return got == size_bytes
               ? 0
               : tsr_error_set(err, TSR_CONFLICT, "%s: changed while it was opened", file->path);
}

static int fill_in(npy_file *file, tsr_error *err)
{
    tsri_input input;

    TSRI_TRY(tsri_input_open(file->context, file->path, &input, err));
    int status = read_header(file, &input, err);
    tsri_input_close(&input);
    return status < 0 ? status : open_folder(file, err);
}

static int npy_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    npy_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    file->context = tsri_context_ref(context);
    file->path = tsri_strdup(path);
    int status = file->path ? fill_in(file, err) : tsri_error_no_memory(err, strlen(path));
    if (status < 0)
        npy_close(file);
    else
        *ret_file = file;
    return status;
}

/* ---- the array ---- */

/* The fetch loop opens the file by its name each time. What lies there must still begin with the
 * header that tells how the rest is read; new elements behind it are as good as the old ones. */
static int check_header(const npy_file *file, tsr_error *err)
{
    size_t size_bytes = (size_t)file->header.data_offset, got = 0;
    tsr_auto(tsri_text) *bytes = tsri_alloc(size_bytes);
    tsri_input input;

    if (!bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_input_open(file->context, file->path, &input, err));
    int status = tsri_input_read(&input, 0, bytes, size_bytes, &got, err);
    tsri_input_close(&input);
    TSRI_TRY(status);
    if (got == size_bytes && memcmp(bytes, file->header_bytes, size_bytes) == 0)
        return 0;
    tsr_error_set(err, TSR_CONFLICT, "%s: another array than the one that was opened", file->path);
    tsr_error_set_next_step(err, "open it again");
    return TSR_CONFLICT;
}

static int npy_locate(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent,
                      tsr_error *err)
{
    const npy_file *file = driver;
    (void)chunk_index;
    if (strlen(file->name) >= sizeof ret_extent->key)
        return tsr_error_set(err, TSR_LIMIT, "%s: the name is too long", file->path);
    TSRI_TRY(check_header(file, err));
    ret_extent->store = file->store;
    strcpy(ret_extent->key, file->name);
    ret_extent->offset = file->header.data_offset;
    ret_extent->size_bytes = TSR_REST;
    return 0;
}

/* The file outlives its arrays: the array layer sees to it. */
static const tsr_array_ops npy_array_ops = {.struct_size = sizeof npy_array_ops,
                                            .locate = npy_locate};

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
    TSRI_TRY(tsr_output_print(output, err,
                              "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"%s\"}}]",
                              header->big_endian ? "big" : "little"));
    return tsr_output_append(output, "", 1, err);
}

static int npy_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    (void)handle;
    (void)err;
    *ret_kind = *inner_path ? TSR_NODE_NONE : TSR_NODE_ARRAY;
    return 0;
}

static int check_inner_path(const npy_file *file, const char *inner_path, tsr_error *err)
{
    if (!*inner_path)
        return 0;
    return tsr_error_set(err, TSR_NOT_FOUND, "%s: an .npy file holds one array, no \"%s\"",
                         file->path, inner_path);
}

static int npy_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                          tsr_error *err)
{
    npy_file *file = handle;
    tsr_auto(tsri_output) codecs = TSRI_OUTPUT_INIT(SIZE_MAX);
    int64_t chunk[TSR_RANK_MAX];

    TSRI_TRY(check_inner_path(file, inner_path, err));
    for (int axis = 0; axis < file->header.rank; axis++)
        chunk[axis] = TSRI_MAX(file->header.shape[axis], INT64_C(1));
    TSRI_TRY(print_codecs(&file->header, &codecs, err));
    const tsr_array_description description = {
        .driver = "npy",
        .place = file->path,
        .dtype = file->header.dtype,
        .rank = file->header.rank,
        .shape = file->header.shape,
        .chunk_shape = chunk,
        .codecs = codecs.data,
    };
    return tsr_array_new(file->context, &npy_array_ops, file, &description, ret_array, err);
}

static int npy_attributes(void *handle, const char *inner_path, char **ret_json, tsr_error *err)
{
    TSRI_TRY(check_inner_path(handle, inner_path, err));
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

static int npy_children(void *handle, const char *inner_path,
                        int (*each)(void *user, const char *name, tsr_node_kind kind,
                                    const tsr_error *error),
                        void *user, tsr_error *err)
{
    const npy_file *file = handle;
    (void)each;
    (void)user;
    TSRI_TRY(check_inner_path(file, inner_path, err));
    return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: an array, not a group", file->path);
}

const tsr_format_ops tsri_npy_format = {
    .struct_size = sizeof tsri_npy_format,
    .name = "npy",
    .recognise = npy_recognise,
    .open = npy_open,
    .close = npy_close,
    .probe = npy_probe,
    .open_array = npy_open_array,
    .attributes = npy_attributes,
    .children = npy_children,
};
