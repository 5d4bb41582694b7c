#include "array/place.h"

#include <errno.h>
#include <fcntl.h>

#include "array/node.h"
#include "base/context.h"

/* Far enough for the superblock of an HDF5 file behind a user block of up to 4096 bytes. */
#define HEAD_BYTES 4104

/* ---- files of a format ---- */

tsri_file *tsri_file_ref(tsri_file *file)
{
    __atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
    return file;
}

void tsri_file_unref(tsri_file *file)
{
    if (!file || __atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (file->handle)
        file->format->close(file->handle);
    tsri_context_unref(file->context);
    tsri_free(file);
}

int tsr_format_register(tsr_context *context, const tsr_format_ops *ops, tsr_error *err)
{
    bool complete = ops->open_store || (ops->open && ops->close && ops->probe && ops->open_array &&
                                        ops->attributes && ops->children);
    if (ops->struct_size != sizeof *ops || !ops->name || !ops->recognise || !complete)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "format \"%s\" is of another version, or incomplete",
                             ops->name ? ops->name : "");
    return tsri_context_register(context, TSRI_REGISTRY_DRIVER, ops, err);
}

static int read_head(tsr_context *context, const char *path, void *head, size_t *ret_size,
                     tsr_error *err)
{
    const tsr_system *system = context->system;
    int descriptor = system->openat(system, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (descriptor < 0)
        return tsri_error_errno(err, errno, "opening", path);
    ssize_t size = system->pread(system, descriptor, head, HEAD_BYTES, 0);
    int error_number = errno;
    system->close(system, descriptor);
    if (size < 0)
        return tsri_error_errno(err, error_number, "reading", path);
    *ret_size = (size_t)size;
    return 0;
}

static const tsr_format_ops *recognise(tsr_context *context, const char *path, const void *head,
                                       size_t size_bytes)
{
    const tsr_format_ops *format;
    for (size_t n = 0; (format = tsri_context_registered(context, TSRI_REGISTRY_DRIVER, n)); n++)
        if (format->recognise(head, size_bytes, path))
            return format;
    return NULL;
}

/* Opens a file by its format, as a file or as a store. */
static int open_file(tsr_context *context, const char *path, tsri_place *place, tsr_error *err)
{
    char head[HEAD_BYTES];
    size_t size_bytes = 0;

    TSRI_TRY(read_head(context, path, head, &size_bytes, err));
    const tsr_format_ops *format = recognise(context, path, head, size_bytes);
    if (!format) {
        tsr_error_set(err, TSR_UNSUPPORTED, "%s: a file of no format that is known here", path);
        tsr_error_set_next_step(
            err, "`tessera version --build` lists the formats; raw numbers are imported with "
                 "--dtype and --shape");
        return TSR_UNSUPPORTED;
    }
    if (format->open_store)
        return format->open_store(context, path, &place->store, err);
    tsri_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    *file = (tsri_file){.references = 1, .format = format, .context = tsri_context_ref(context)};
    int status = format->open(context, path, &file->handle, err);
    if (status < 0) {
        file->handle = NULL;
        tsri_file_unref(file);
        return status;
    }
    place->file = file;
    return 0;
}

/* ---- paths ---- */

static bool is_scheme(const char *text)
{
    const char *end = text;
    while ((*end >= 'a' && *end <= 'z') || (*end >= '0' && *end <= '9') || *end == '+')
        end++;
    return end > text + 1 && *end == ':';
}

/* The path behind "file:" and "file://", or the text itself. NULL for other schemes. */
const char *tsri_place_local_path(const char *text)
{
    if (strncmp(text, "file://", 7) == 0)
        return text + 7;
    if (strncmp(text, "file:", 5) == 0)
        return text + 5;
    return is_scheme(text) ? NULL : text;
}

static bool stat_is(tsr_context *context, const char *path, mode_t kind)
{
    struct stat status;
    const tsr_system *system = context->system;
    return system->fstatat(system, AT_FDCWD, path, &status, 0) == 0 &&
           (status.st_mode & S_IFMT) == kind;
}

/* Splits a path at the first component that is a regular file: "ocean.nc/group/TEMP". NULL when
 * there is none. */
static int split_at_file(tsr_context *context, const char *path, char **ret_file, char **ret_inner,
                         tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_strdup(path);
    if (!prefix)
        return tsri_error_no_memory(err, strlen(path));
    *ret_file = NULL;
    for (size_t length = strlen(prefix); length > 0;) {
        prefix[length] = '\0';
        if (stat_is(context, prefix, S_IFDIR))
            return 0;
        if (stat_is(context, prefix, S_IFREG)) {
            *ret_inner = tsri_path_normalise(path + length);
            if (!*ret_inner)
                return tsri_error_no_memory(err, strlen(path));
            *ret_file = TSRI_TAKE(prefix);
            return 0;
        }
        while (length > 0 && prefix[length - 1] != '/')
            length--;
        while (length > 0 && prefix[length - 1] == '/')
            length--;
    }
    return 0;
}

static int holds_node(tsr_context *context, const char *folder, bool *ret_holds, tsr_error *err)
{
    static const char *const names[] = {"zarr.json", ".zgroup", ".zarray"};
    bool holds = false;
    for (size_t i = 0; i < TSRI_COUNT(names) && !holds; i++) {
        tsr_auto(tsri_text) *path = tsri_format("%s/%s", folder, names[i]);
        if (!path)
            return tsri_error_no_memory(err, strlen(folder));
        holds = stat_is(context, path, S_IFREG);
    }
    *ret_holds = holds;
    return 0;
}

static bool ends_in_zarr(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".zarr") == 0;
}

/* How many bytes of the path name the root of the tree in which something is to be created. */
static int root_length(tsr_context *context, const char *path, size_t *ret_length, tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_strdup(path);
    size_t whole = strlen(path), length = 1;
    bool found = false;
    if (!prefix)
        return tsri_error_no_memory(err, whole);
    for (; length < whole; length++) {
        if (path[length] != '/')
            continue;
        prefix[length] = '\0';
        TSRI_TRY(holds_node(context, prefix, &found, err));
        if (found || ends_in_zarr(prefix))
            break;
        prefix[length] = path[length];
    }
    *ret_length = length;
    return 0;
}

static int resolve_folder(tsr_context *context, const char *path, bool create, tsri_place *place,
                          tsr_error *err)
{
    size_t length = strlen(path);
    if (create)
        TSRI_TRY(root_length(context, path, &length, err));
    tsr_auto(tsri_text) *root = tsri_strndup(path, length);
    place->path = tsri_path_normalise(path + length);
    if (!root || !place->path)
        return tsri_error_no_memory(err, strlen(path));
    return tsr_store_open(context, root, &place->store, err);
}

static int resolve_in_store(tsr_store *store, const char *text, tsri_place *place, tsr_error *err)
{
    place->text = tsri_path_join(tsr_store_url(store), text);
    place->path = tsri_path_normalise(text);
    place->store = tsr_store_ref(store);
    return place->text && place->path ? 0 : tsri_error_no_memory(err, strlen(text));
}

/* A scheme that is not of files names a store whose root is the node. */
static int resolve_url(tsr_context *context, const char *url, tsri_place *place, tsr_error *err)
{
    place->path = tsri_strdup("");
    if (!place->path)
        return tsri_error_no_memory(err, 1);
    return tsr_store_open(context, url, &place->store, err);
}

static int resolve_path(tsr_context *context, const char *path, bool create, tsri_place *place,
                        tsr_error *err)
{
    char *file = NULL;

    if (!*path)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "an empty place");
    TSRI_TRY(split_at_file(context, path, &file, &place->path, err));
    if (!file)
        return resolve_folder(context, path, create, place, err);
    int status =
        create ? tsr_error_set(err, TSR_EXISTS, "%s: a file; nothing can be created there", file)
               : open_file(context, file, place, err);
    tsri_free(file);
    return status;
}

static int resolve(tsr_context *context, const char *text, tsr_store *store, bool create,
                   tsri_place *place, tsr_error *err)
{
    if (store)
        return resolve_in_store(store, text, place, err);
    const char *path = tsri_place_local_path(text);
    place->text = tsri_strdup(text);
    if (!place->text)
        return tsri_error_no_memory(err, strlen(text));
    return path ? resolve_path(context, path, create, place, err)
                : resolve_url(context, text, place, err);
}

int tsri_place_resolve(tsr_context *context, const char *text, tsr_store *store, bool create,
                       tsri_place *ret_place, tsr_error *err)
{
    tsri_place place = TSRI_PLACE_INIT;
    int status = resolve(context, text, store, create, &place, err);
    if (status < 0)
        tsri_place_clear(&place);
    else
        *ret_place = place;
    return status;
}

void tsri_place_clear(tsri_place *place)
{
    tsr_store_close(place->store);
    tsri_file_unref(place->file);
    tsri_free(place->path);
    tsri_free(place->text);
    *place = (tsri_place)TSRI_PLACE_INIT;
}
