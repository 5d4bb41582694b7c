/* get: the caller's thread opens, reads and answers. */
#include <errno.h>
#include <inttypes.h>

#include "store/store_fs.h"
#include "store/store_request.h"

/* One open file: what all requests for its key that stand side by side are read from. */
typedef struct version {
    int descriptor;
    struct stat status;
    tsr_generation generation;
} version;

static int open_version(const tsri_fs *fs, const char *key, version *ret_version, tsr_error *err)
{
    version opened;
    TSRI_TRY(tsri_fs_check_key(key, err));
    opened.descriptor = tsri_fs_open_file(fs, key);
    if (opened.descriptor < 0)
        return tsri_fs_error(fs, err, errno, "open", key);
    int status = 0;
    if (fs->system->fstat(fs->system, opened.descriptor, &opened.status) < 0)
        status = tsri_fs_error(fs, err, errno, "look at", key);
    else
        status = tsri_fs_check_regular(fs, &opened.status, key, err);
    if (status < 0) {
        tsri_fs_close(fs, opened.descriptor);
        return status;
    }
    opened.generation = tsri_fs_generation(&opened.status);
    *ret_version = opened;
    return 0;
}

static int changed_while_read(const tsri_fs *fs, const tsr_get_request *request)
{
    tsr_error_set(request->err, TSR_CONFLICT, "%s/%s was changed in place while it was read",
                  fs->root, request->key);
    tsr_error_set_where(request->err, "bytes %" PRIu64 "..%" PRIu64 " of %s/%s", request->offset,
                        request->offset + request->size_bytes, fs->root, request->key);
    tsr_error_set_next_step(request->err, "wait until the program that writes it has ended, then "
                                          "try again");
    return TSR_CONFLICT;
}

/* Reads the range and makes sure that the file was the same before and after. */
static int read_range(const tsri_fs *fs, const tsr_get_request *request, const version *opened,
                      void *bytes)
{
    struct stat after;
    errno = 0;
    if (!tsri_fs_read(fs, opened->descriptor, bytes, request->size_bytes,
                      (int64_t)request->offset)) {
        if (errno == 0)
            return changed_while_read(fs, request);
        int status = tsri_fs_error(fs, request->err, errno, "read", request->key);
        tsr_error_set_where(request->err, "bytes %" PRIu64 "..%" PRIu64 " of %s/%s",
                            request->offset, request->offset + request->size_bytes, fs->root,
                            request->key);
        return status;
    }
    if (fs->system->fstat(fs->system, opened->descriptor, &after) < 0)
        return tsri_fs_error(fs, request->err, errno, "look at", request->key);
    tsr_generation generation = tsri_fs_generation(&after);
    if (!tsr_generation_equal(&generation, &opened->generation))
        return changed_while_read(fs, request);
    return 0;
}

static int answer_bytes(const tsri_fs *fs, tsr_get_request *request, const version *opened)
{
    if (request->destination && request->size_bytes <= request->destination_bytes)
        return read_range(fs, request, opened, request->destination);
    tsr_auto(tsr_blob) *blob = NULL;
    TSRI_TRY(tsr_blob_new(request->size_bytes, &blob, request->err));
    TSRI_TRY(read_range(fs, request, opened, tsr_blob_data_writable(blob)));
    request->blob = TSRI_TAKE(blob);
    return 0;
}

static int answer(const tsri_fs *fs, tsr_get_request *request, const version *opened,
                  const tsri_watch *watch)
{
    TSRI_TRY(tsri_watch_check_cancel(watch, request->err));
    TSRI_TRY(tsri_check_match(request->key, request->if_match, &opened->generation, request->err));
    TSRI_TRY(tsri_get_place(request, (uint64_t)opened->status.st_size));
    TSRI_TRY(answer_bytes(fs, request, opened));
    request->generation = opened->generation;
    return 0;
}

/* How many requests from the first on ask for one key. */
static size_t run_length(const tsr_get_request *requests, size_t n)
{
    size_t length = 1;
    while (length < n && (requests[length].key == requests[0].key ||
                          strcmp(requests[length].key, requests[0].key) == 0))
        length++;
    return length;
}

/* A request may be gone as soon as it was answered, and the text of its key with it. */
static void answer_run(const tsri_fs *fs, tsr_get_request *requests, size_t n, tsri_watch *watch)
{
    version opened;
    tsr_error failure;
    int opening = tsri_watch_check(watch, &failure);
    if (opening == 0)
        opening = open_version(fs, requests[0].key, &opened, &failure);
    for (size_t i = 0; i < n; i++) {
        tsr_get_request *request = &requests[i];
        request->blob = NULL;
        request->status = opening < 0 ? opening : answer(fs, request, &opened, watch);
        if (opening < 0 && request->err)
            *request->err = failure;
        request->done(request);
    }
    if (opening == 0)
        tsri_fs_close(fs, opened.descriptor);
}

void tsri_fs_get(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    const tsri_fs *fs = (const tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    for (size_t start = 0, length; start < n; start += length) {
        length = run_length(requests + start, n - start);
        answer_run(fs, requests + start, length, &watch);
    }
}
