/* get: the caller's thread opens, reads and answers. */
#include <errno.h>
#include <inttypes.h>

#include "store/store_fs.h"
#include "store/store_request.h"

/* Looks at what was opened, and closes it when it is no file. */
static int look(const tsri_fs *fs, const char *key, tsri_fs_version *version, tsr_error *err)
{
    struct stat found;
    int status = fs->system->fstat(fs->system, version->descriptor, &found) < 0
                     ? tsri_fs_error(fs, err, errno, "look at", key)
                     : tsri_fs_check_regular(fs, &found, key, err);
    if (status < 0) {
        tsri_fs_close(fs, version->descriptor);
        return status;
    }
    version->size_bytes = (uint64_t)found.st_size;
    version->generation = tsri_fs_generation(&found);
    return 0;
}

/* Times of files come in ticks, by some file systems of whole seconds: a file that was changed a
 * moment ago may be replaced by another of the same generation. */
#define SETTLING_NS (2 * INT64_C(1000000000))

static bool is_settled(const tsri_fs *fs, const tsr_generation *generation)
{
    int64_t changed_ns = (int64_t)generation->words[TSRI_FS_GENERATION_TIME];
    return fs->system->realtime_ns(fs->system) - changed_ns >= SETTLING_NS;
}

/* A value of at most this size is read before its file is looked at. */
#define LOOKED_AT_LATER_BYTES (64 << 10)

/* From when on files may be read before they are looked at. Never where other machines write, too,
 * since their clocks may differ. */
static int64_t rest_begins_ns(const tsri_fs *fs, int descriptor)
{
    int64_t *known_ns = &((tsri_fs *)fs)->rest_begins_ns;
    int64_t begins_ns = __atomic_load_n(known_ns, __ATOMIC_RELAXED);
    if (begins_ns == 0) {
        begins_ns = tsri_fs_is_shared(fs, descriptor) ? INT64_MAX : 1;
        __atomic_store_n(known_ns, begins_ns, __ATOMIC_RELAXED);
    }
    return begins_ns;
}

/* Whether a request is worth read_then_look: one for a whole small value, where others have not
 * been written a moment ago. */
static bool may_look_later(const tsri_fs *fs, const tsr_get_request *request, int descriptor,
                           int64_t opened_ns)
{
    return request->range.kind == TSR_RANGE_WHOLE && request->destination && !request->if_match &&
           request->destination_bytes <= LOOKED_AT_LATER_BYTES &&
           opened_ns >= rest_begins_ns(fs, descriptor);
}

/* Reads a whole file and looks at it afterwards, once: when its last change, of which no program
 * can set the time, lies well before the opening, it was the same all the while. False when that is
 * not known, or anything else is not as it mostly is; then nothing counts that was read. */
static bool read_then_look(const tsri_fs *fs, const tsr_get_request *request, int64_t opened_ns,
                           tsri_fs_version *version)
{
    const tsr_system *system = fs->system;
    struct stat found;
    ssize_t got = system->pread(system, version->descriptor, request->destination,
                                request->destination_bytes, 0);
    if (got < 0 || system->fstat(system, version->descriptor, &found) < 0 ||
        !S_ISREG(found.st_mode) || found.st_size != got)
        return false;
    int64_t changed_ns = (int64_t)found.st_ctim.tv_sec * 1000000000 + found.st_ctim.tv_nsec;
    if (opened_ns - changed_ns < SETTLING_NS) {
        __atomic_store_n(&((tsri_fs *)fs)->rest_begins_ns, changed_ns + SETTLING_NS,
                         __ATOMIC_RELAXED);
        return false;
    }
    version->size_bytes = (uint64_t)found.st_size;
    version->generation = tsri_fs_generation(&found);
    version->was_read = true;
    return true;
}

/* Opens what all requests for a key that stand side by side are read from. */
static int open_version(const tsri_fs *fs, const tsr_get_request *request, bool is_single,
                        tsri_fs_version *ret_version, tsr_error *err)
{
    const char *key = request->key;
    TSRI_TRY(tsri_fs_check_key(key, err));
    if (tsri_fs_keep_take(fs, key, ret_version))
        return 0;
    int64_t opened_ns = is_single ? fs->system->realtime_ns(fs->system) : 0;
    tsri_fs_version version = {.descriptor = tsri_fs_open_file(fs, key)};
    if (version.descriptor < 0)
        return tsri_fs_error(fs, err, errno, "open", key);
    if (!is_single || !may_look_later(fs, request, version.descriptor, opened_ns) ||
        !read_then_look(fs, request, opened_ns, &version))
        TSRI_TRY(look(fs, key, &version, err));
    *ret_version = version;
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
static int read_range(const tsri_fs *fs, const tsr_get_request *request,
                      const tsri_fs_version *opened, void *bytes)
{
    struct stat after;
    if (request->size_bytes == 0 || opened->was_read)
        return 0;
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

static int answer_bytes(const tsri_fs *fs, tsr_get_request *request, const tsri_fs_version *opened)
{
    if (request->destination && request->size_bytes <= request->destination_bytes)
        return read_range(fs, request, opened, request->destination);
    tsr_auto(tsr_blob) *blob = NULL;
    TSRI_TRY(tsr_blob_new(request->size_bytes, &blob, request->err));
    TSRI_TRY(read_range(fs, request, opened, tsr_blob_data_writable(blob)));
    request->blob = TSRI_TAKE(blob);
    return 0;
}

static int answer(const tsri_fs *fs, tsr_get_request *request, const tsri_fs_version *opened,
                  const tsri_watch *watch)
{
    TSRI_TRY(tsri_watch_check_cancel(watch, request->err));
    TSRI_TRY(tsri_check_match(request->key, request->if_match, &opened->generation, request->err));
    TSRI_TRY(tsri_get_place(request, opened->size_bytes));
    TSRI_TRY(answer_bytes(fs, request, opened));
    request->generation = opened->generation;
    request->settled = is_settled(fs, &opened->generation);
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

static int answer_run_one(const tsri_fs *fs, tsr_get_request *request, int opening,
                          const tsri_fs_version *opened, const tsr_error *failure,
                          const tsri_watch *watch)
{
    request->blob = NULL;
    if (opening == 0)
        return answer(fs, request, opened, watch);
    if (request->err)
        *request->err = *failure;
    return opening;
}

/* A request may be gone as soon as it was answered, and the text of its key with it. A file of
 * which parts are asked for is likely to be asked for others. */
static void answer_run(const tsri_fs *fs, tsr_get_request *requests, size_t n, tsri_watch *watch)
{
    tsri_fs_version opened;
    tsr_error failure TSRI_UNINITIALIZED;
    bool in_part = false;
    int opening = tsri_watch_check(watch, &failure);
    if (opening == 0)
        opening = open_version(fs, requests, n == 1, &opened, &failure);
    for (size_t i = 0; i < n; i++) {
        tsr_get_request *request = &requests[i];
        request->status = answer_run_one(fs, request, opening, &opened, &failure, watch);
        in_part |= request->range.kind != TSR_RANGE_WHOLE;
        if (i + 1 == n && opening == 0)
            tsri_fs_keep_give(fs, request->key, &opened, in_part);
        request->done(request);
    }
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
