/* Moving a node to another place of one file system: a rename of its folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "array/node.h"
#include "array/place.h"
#include "base/context.h"
#include "store/sync_failures.h"

static int cannot_rename(const char *place, const char *why, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "%s: %s", place, why);
    tsr_error_set_next_step(err, "copy it to the new place, then erase the old one");
    return TSR_UNSUPPORTED;
}

/* Without a slash at the end, which rename(2) takes for a folder that must be there. */
static int local_path(const char *place, char **ret_path, tsr_error *err)
{
    const char *path = tsri_place_local_path(place);
    if (!path)
        return cannot_rename(place, "no path of a file system", err);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    *ret_path = tsri_strndup(path, length);
    return *ret_path ? 0 : tsri_error_no_memory(err, length);
}

/* Nobody who writes to this file system afterwards may be told that all is on disk. */
static int sync_failed(tsr_context *context, int descriptor, const char *folder, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    tsri_sync_failures *failures;
    struct stat status;
    int error_number = errno;

    snprintf(text, sizeof text, "the sync of %.400s failed before (%s)", folder,
             strerror(error_number));
    if (context->system->fstat(context->system, descriptor, &status) == 0 &&
        tsri_sync_failures_get(context, &failures, NULL) == 0)
        tsri_sync_failures_add(failures, status.st_dev, text);
    return tsri_error_errno(err, error_number, "sync", folder);
}

/* The folder entry is on disk before the move is acknowledged. */
static int sync_parent(tsr_context *context, const char *path, tsr_error *err)
{
    const tsr_system *system = context->system;
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (slash == path ? 1 : (size_t)(slash - path)) : 1;
    tsr_auto(tsri_text) *folder = tsri_strndup(slash ? path : ".", length);
    if (!folder)
        return tsri_error_no_memory(err, length);
    int descriptor =
        system->openat(system, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (descriptor < 0)
        return tsri_error_errno(err, errno, "open", folder);
    int status =
        system->fsync(system, descriptor) < 0 ? sync_failed(context, descriptor, folder, err) : 0;
    system->close(system, descriptor);
    return status;
}

static int rename_folder(const tsr_system *system, const char *from, const char *to, tsr_error *err)
{
    struct stat status;
    int done = system->renameat2(system, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    if (done < 0 && (errno == ENOSYS || errno == EINVAL) &&
        system->fstatat(system, AT_FDCWD, to, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        done = system->renameat(system, AT_FDCWD, from, AT_FDCWD, to);
    if (done == 0)
        return 0;
    switch (errno) {
    case EEXIST:
    case ENOTEMPTY:
        return tsr_error_set(err, TSR_EXISTS, "%s exists already", to);
    case EXDEV:
        return cannot_rename(to, "another file system", err);
    case EINVAL:
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s lies inside of %s", to, from);
    default:
        return tsri_error_errno(err, errno, "rename", from);
    }
}

/* What is to be moved: its Zarr format. */
static int find_source(tsr_context *context, const char *from, int *ret_format, tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    TSRI_TRY(tsri_place_resolve(context, from, NULL, false, &place, err));
    if (place.file)
        return tsr_error_set(err, TSR_READ_ONLY,
                             "%s: a %s file; only Zarr arrays and groups are moved", from,
                             place.file->format->name);
    TSRI_TRY(tsri_node_read(place.store, place.path, 0, &meta, err));
    *ret_format = meta->zarr_format;
    return 0;
}

/* The place is free, and what lies above it are groups, on disk before anything is moved there. */
static int prepare_destination(tsr_context *context, const char *to, int zarr_format,
                               tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;
    tsr_node_kind kind;

    TSRI_TRY(tsri_place_resolve(context, to, NULL, true, &place, err));
    TSRI_TRY(tsri_node_path_check(place.path, err));
    TSRI_TRY(tsri_node_kind(place.store, place.path, 0, &kind, err));
    if (kind != TSR_NODE_NONE)
        return tsr_error_set(err, TSR_EXISTS, "%s exists already", to);
    TSRI_TRY(tsri_node_create_ancestors(place.store, place.path, zarr_format, err));
    return tsr_store_flush(place.store, NULL, err);
}

/* Whether `inner` lies below `outer`, as far as their texts tell. */
static bool lies_inside(const char *outer, const char *inner)
{
    size_t length = strlen(outer);
    return strncmp(outer, inner, length) == 0 && inner[length] == '/';
}

int tsr_place_move(tsr_context *context, const char *from, const char *to, tsr_error *err)
{
    tsr_auto(tsri_text) *source = NULL;
    int zarr_format = 3;

    TSRI_TRY(local_path(from, &source, err));
    tsr_auto(tsri_text) *destination = NULL;
    TSRI_TRY(local_path(to, &destination, err));
    TSRI_TRY(find_source(context, from, &zarr_format, err));
    if (lies_inside(source, destination))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s lies inside of %s", to, from);
    TSRI_TRY(prepare_destination(context, to, zarr_format, err));
    TSRI_TRY(rename_folder(context->system, source, destination, err));
    TSRI_TRY(sync_parent(context, destination, err));
    return sync_parent(context, source, err);
}
