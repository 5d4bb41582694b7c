/* Trees of Zarr whose values are ranges of other files: what kerchunk and VirtualiZarr make of
 * netCDF, HDF5 and GRIB files. Read only; docs/format/references.md has the rules.
 *
 * The files are read through a store of the folder in which the reference file lies, so that what
 * this one reads is below that folder, and files are kept open as everywhere. Nothing changes after
 * the open, so there is no lock. */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <tessera/blob.h>

#include "base/context.h"
#include "store/key.h"
#include "store/reference_list.h"
#include "store/store_kinds.h"
#include "store/store_request.h"
#include "store/watch.h"

typedef struct reference_store {
    tsr_store head;
    tsr_store *folder; /* in which the reference file lies */
    char *folder_path;
    tsri_reference_list list;
} reference_store;

/* ---- where a URL leads ---- */

/* The path of a file on this machine; NULL for others. */
static const char *local_path(const char *url)
{
    if (strncmp(url, "file://", 7) == 0)
        return url + 7;
    if (strncmp(url, "file:", 5) == 0)
        return url + 5;
    return strstr(url, "://") ? NULL : url;
}

/* An absolute path must pass through the very folder of the reference file, whatever its name
 * there; *ret_rest is what follows. */
static bool find_folder(const reference_store *self, const char *path, const char **ret_rest)
{
    const tsr_system *system = self->head.context->system;
    struct stat folder, status;
    char prefix[TSRI_KEY_BYTES_MAX + 2];

    if (system->fstatat(system, AT_FDCWD, self->folder_path, &folder, 0) < 0)
        return false;
    for (const char *at = path; at && at - path < TSRI_KEY_BYTES_MAX; at = strchr(at + 1, '/')) {
        size_t size = (size_t)(at - path) + 1;
        memcpy(prefix, path, size);
        prefix[size] = '\0';
        if (system->fstatat(system, AT_FDCWD, prefix, &status, 0) < 0)
            return false;
        if (status.st_dev == folder.st_dev && status.st_ino == folder.st_ino) {
            *ret_rest = at + 1;
            return true;
        }
    }
    return false;
}

static int refuse_place(const reference_store *self, const tsri_reference *reference,
                        tsr_error *err)
{
    tsr_error_set(
        err, TSR_PERMISSION,
        "key \"%s\" refers to %.300s, which is not below %s, where the reference file lies",
        reference->key, reference->url, self->folder_path);
    tsr_error_set_next_step(err, "put the reference file into a folder above its data: a file that "
                                 "somebody else made must not lead to any other of yours");
    return TSR_PERMISSION;
}

/* The key of the file in the folder's store: its path without empty parts and dots. */
static int find_target(const reference_store *self, const tsri_reference *reference,
                       char ret_key[TSRI_KEY_BYTES_MAX + 1], tsr_error *err)
{
    const char *path = local_path(reference->url);
    size_t used = 0;

    if (!path) {
        tsr_error_set(err, TSR_UNSUPPORTED,
                      "key \"%s\" refers to %.300s: only files of this machine are read",
                      reference->key, reference->url);
        tsr_error_set_next_step(err, "copy the file beside the reference file, and write its path "
                                     "in place of the URL");
        return TSR_UNSUPPORTED;
    }
    if (*path == '/' && !find_folder(self, path, &path))
        return refuse_place(self, reference, err);
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length == 2 && strncmp(path, "..", 2) == 0)
            return refuse_place(self, reference, err);
        if (used + length + 1 > TSRI_KEY_BYTES_MAX)
            return tsr_error_set(err, TSR_LIMIT, "key \"%s\" refers to a path that is too long",
                                 reference->key);
        if (length > 0 && !(length == 1 && *path == '.')) {
            if (used)
                ret_key[used++] = '/';
            memcpy(ret_key + used, path, length);
            used += length;
        }
        path += length + (path[length] == '/');
    }
    ret_key[used] = '\0';
    return used ? 0 : refuse_place(self, reference, err);
}

/* ---- reading ---- */

/* A request of ours on its way through the folder's store. */
typedef struct forward {
    tsr_get_request inner;
    tsr_get_request *outer;
    const tsri_reference *reference;
    char key[TSRI_KEY_BYTES_MAX + 1];
} forward;

/* A chunk whose file is gone, or shorter, is not one that was never written. */
static int explain_failure(const forward *self, int status)
{
    const tsri_reference *reference = self->reference;
    tsr_error *err = self->outer->err;

    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        tsr_error_set(err, TSR_UNREACHABLE, "key \"%s\" refers to %.300s, which is not there",
                      reference->key, reference->url);
        tsr_error_set_next_step(err,
                                "a path in a reference file begins at the folder in which that "
                                "file lies, or is absolute");
        return TSR_UNREACHABLE;
    }
    if (status != TSR_OUT_OF_BOUNDS || reference->is_whole)
        return status;
    tsr_error_clear(err);
    tsr_error_set(err, TSR_DAMAGED,
                  "key \"%s\" refers to bytes %" PRIu64 "..%" PRIu64
                  " of %.300s, which ends before that",
                  reference->key, reference->offset, reference->offset + reference->size_bytes,
                  reference->url);
    tsr_error_set_next_step(err, "the file was cut off or replaced: make the references anew");
    return TSR_DAMAGED;
}

static void pass_on(tsr_get_request *inner)
{
    forward *self = inner->user;
    tsr_get_request *outer = self->outer;

    outer->status = inner->status;
    outer->blob = inner->blob;
    if (inner->status < 0) {
        outer->status = explain_failure(self, inner->status);
    } else {
        outer->size_bytes = inner->size_bytes;
        outer->generation = inner->generation;
        outer->settled = inner->settled;
        outer->offset = inner->offset - self->reference->offset;
        outer->value_bytes =
            self->reference->is_whole ? inner->value_bytes : self->reference->size_bytes;
    }
    outer->done(outer);
}

static int prepare(const reference_store *self, const tsri_reference *reference,
                   tsr_get_request *outer, forward *ret_forward)
{
    TSRI_TRY(find_target(self, reference, ret_forward->key, outer->err));
    ret_forward->reference = reference;
    ret_forward->outer = outer;
    ret_forward->inner = (tsr_get_request){.key = ret_forward->key,
                                           .range = outer->range,
                                           .if_match = outer->if_match,
                                           .destination = outer->destination,
                                           .destination_bytes = outer->destination_bytes,
                                           .limit_bytes = outer->limit_bytes,
                                           .done = pass_on,
                                           .user = ret_forward,
                                           .err = outer->err};
    if (reference->is_whole)
        return 0;
    TSRI_TRY(tsri_get_place(outer, reference->size_bytes));
    ret_forward->inner.range =
        (tsr_range){TSR_RANGE_PART, reference->offset + outer->offset, outer->size_bytes};
    return 0;
}

/* A value that is in the reference file itself. */
static int answer(const tsri_reference *reference, tsr_get_request *request)
{
    static const tsr_generation always = {.words = {1}};

    TSRI_TRY(tsri_check_match(request->key, request->if_match, &always, request->err));
    TSRI_TRY(tsri_get_place(request, tsr_blob_size(reference->blob)));
    TSRI_TRY(tsr_blob_slice(reference->blob, (size_t)request->offset, request->size_bytes,
                            &request->blob, request->err));
    request->generation = always;
    request->settled = true;
    return 0;
}

static void get_one(reference_store *self, tsr_get_request *request, const tsr_call *call)
{
    const tsri_reference *reference = tsri_reference_list_find(&self->list, request->key);
    forward forwarded;

    request->blob = NULL;
    if (!reference) {
        request->status = tsr_error_set(request->err, TSR_NOT_FOUND,
                                        "key \"%s\" is not among the references", request->key);
    } else if (reference->blob) {
        request->status = answer(reference, request);
    } else {
        request->status = prepare(self, reference, request, &forwarded);
        if (request->status == 0) {
            self->folder->ops->get(self->folder, &forwarded.inner, 1, call);
            return;
        }
    }
    request->done(request);
}

/* The folder's store answers at once, so that a forwarded request has ended when this comes back.
 */
static void reference_get(tsr_store *head, tsr_get_request *requests, size_t n,
                          const tsr_call *call)
{
    for (size_t i = 0; i < n; i++)
        get_one((reference_store *)head, &requests[i], call);
}

/* ---- listing ---- */

static int64_t listed_bytes(const tsri_reference *reference)
{
    if (reference->blob)
        return (int64_t)tsr_blob_size(reference->blob);
    return reference->is_whole ? -1 : (int64_t)reference->size_bytes;
}

static int reference_list(tsr_store *head, const char *prefix, bool delimiter,
                          int (*each)(void *user, const tsr_store_entry *entry), void *user,
                          const tsr_call *call, tsr_error *err)
{
    const tsri_reference_list *list = &((reference_store *)head)->list;
    tsri_watch watch = tsri_watch_start(head->context, call);
    size_t prefix_size = strlen(prefix);
    char name[TSRI_KEY_BYTES_MAX + 2];

    TSRI_TRY(tsr_store_check_prefix(prefix, err));
    for (size_t i = tsri_reference_list_seek(list, prefix);
         i < list->count && strncmp(list->all[i].key, prefix, prefix_size) == 0;) {
        const char *rest = list->all[i].key + prefix_size;
        const char *slash = delimiter ? strchr(rest, '/') : NULL;
        size_t size = slash ? (size_t)(slash + 1 - rest) : strlen(rest);
        TSRI_TRY(tsri_watch_poll(&watch, err));
        memcpy(name, rest, size);
        name[size] = '\0';
        int status =
            each(user, &(tsr_store_entry){.name = name,
                                          .is_prefix = slash != NULL,
                                          .size_bytes = slash ? -1 : listed_bytes(&list->all[i])});
        if (status != 0)
            return status;
        const char *folder = list->all[i++].key;
        while (slash && i < list->count &&
               strncmp(list->all[i].key, folder, prefix_size + size) == 0)
            i++;
    }
    return 0;
}

/* ---- opening ---- */

static void reference_close(tsr_store *head)
{
    reference_store *self = (reference_store *)head;
    tsri_reference_list_clear(&self->list);
    tsr_store_close(self->folder);
    tsri_free(self->folder_path);
    tsr_store_clear(head);
    tsri_free(self);
}

static int read_list(reference_store *self, const char *name, tsr_error *err)
{
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_auto(tsr_blob) *blob = NULL;

    TSRI_TRY(tsr_store_get(self->folder, name, whole, NULL, &blob, NULL, err));
    return tsri_reference_list_parse(tsr_blob_data(blob), tsr_blob_size(blob), &self->list, err);
}

static int open_folder(reference_store *self, const char *path, tsr_error *err)
{
    const char *slash = strrchr(path, '/');

    self->folder_path = !slash          ? tsri_strdup(".")
                        : slash == path ? tsri_strdup("/")
                                        : tsri_strndup(path, (size_t)(slash - path));
    if (!self->folder_path)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(tsr_store_open(self->head.context, self->folder_path, &self->folder, err));
    TSRI_TRY_IN(err, read_list(self, slash ? slash + 1 : path, err), "%s", path);
    return 0;
}

static int reference_open(tsr_context *context, const char *scheme, const char *address,
                          tsr_store **ret_store, tsr_error *err)
{
    const char *path = strncmp(address, "//", 2) == 0 ? address + 2 : address;
    tsr_auto(tsri_text) *url = tsri_format("%s:%s", scheme, path);
    reference_store *self = tsri_alloc_zero(sizeof *self);
    int status = self && url
                     ? tsr_store_init(&self->head, &tsri_store_reference_ops, context, url, err)
                     : tsri_error_no_memory(err, sizeof *self);

    if (status < 0) {
        tsri_free(self);
        return status;
    }
    status = open_folder(self, path, err);
    if (status < 0) {
        reference_close(&self->head);
        return status;
    }
    self->head.hints = self->folder->hints;
    self->head.hints.read_only = true;
    *ret_store = &self->head;
    return 0;
}

static const char *const schemes[] = {"reference", NULL};

const tsr_store_ops tsri_store_reference_ops = {
    .struct_size = sizeof(tsr_store_ops),
    .schemes = schemes,
    .open = reference_open,
    .close = reference_close,
    .get = reference_get,
    .list = reference_list,
};
