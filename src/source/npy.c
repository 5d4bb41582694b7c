/* NumPy's .npy files: one array behind a short header, read in place by the fetch loop. */

#include "source/formats.h"
#include "source/input.h"
#include "source/npy_extent.h"

typedef struct npy_file {
    char *path;
    tsri_npy_extent *extent;
} npy_file;

static bool npy_recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return size_bytes >= TSRI_NPY_MAGIC_BYTES &&
           memcmp(head, TSRI_NPY_MAGIC, TSRI_NPY_MAGIC_BYTES) == 0;
}

static void npy_close(void *handle)
{
    npy_file *file = handle;
    tsri_npy_extent_free(file->extent);
    tsri_free(file->path);
    tsri_free(file);
}

static int fill_in(tsr_context *context, npy_file *file, tsr_error *err)
{
    tsri_input input;

    TSRI_TRY(tsri_input_open(context, file->path, &input, err));
    int status = tsri_npy_extent_new(&input, 0, UINT64_MAX, &file->extent, err);
    tsri_input_close(&input);
    if (status < 0)
        tsr_error_prepend(err, "%s", file->path);
    return status;
}

static int npy_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    npy_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    file->path = tsri_strdup(path);
    int status = file->path ? fill_in(context, file, err) : tsri_error_no_memory(err, strlen(path));
    if (status < 0)
        npy_close(file);
    else
        *ret_file = file;
    return status;
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

/* The file outlives its arrays: the array layer sees to it. */
static int npy_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                          tsr_error *err)
{
    npy_file *file = handle;
    TSRI_TRY(check_inner_path(file, inner_path, err));
    return tsri_npy_extent_array(file->extent, false, "npy", file->path, ret_array, err);
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
