/* The public face of stores: URLs, registry, and the operations over the ops table. */
#include <string.h>

#include <tessera/sys/system.h>

#include "base/base.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/profile.h"
#include "store/open_stores.h"
#include "store/store_kinds.h"
#include "store/unsynced.h"
#include "store/watch.h"

static const tsr_store_ops *const built_in_stores[] = {&tsri_store_fs_ops, &tsri_store_memory_ops,
                                                       &tsri_store_reference_ops};

/* ---- Registry and URLs ---- */

int tsr_store_register(tsr_context *context, const tsr_store_ops *ops, tsr_error *err)
{
    if (!ops || ops->struct_size != sizeof(tsr_store_ops))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "this store was built for another version of tessera (its table has "
                             "%zu bytes, not %zu)",
                             ops ? ops->struct_size : 0, sizeof(tsr_store_ops));
    if (!ops->schemes || !ops->schemes[0] || !ops->open || !ops->close || !ops->get)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a store needs schemes, open, close and get");
    return tsri_context_register(context, TSRI_REGISTRY_STORE, ops, err);
}

/* The n-th kind of store, the latest registration first, then what is built in. */
static const tsr_store_ops *kind(tsr_context *context, size_t n)
{
    const void *ops;
    size_t registered = 0;
    while ((ops = tsri_context_registered(context, TSRI_REGISTRY_STORE, registered)) != NULL) {
        if (registered++ == n)
            return ops;
    }
    n -= registered;
    return n < TSRI_COUNT(built_in_stores) ? built_in_stores[n] : NULL;
}

static const tsr_store_ops *find_scheme(tsr_context *context, const char *scheme)
{
    const tsr_store_ops *ops;
    for (size_t n = 0; (ops = kind(context, n)) != NULL; n++) {
        for (const char *const *known = ops->schemes; *known; known++)
            if (strcmp(*known, scheme) == 0)
                return ops;
    }
    return NULL;
}

/* Adds a name to a list in a buffer, as far as there is room. */
static void append_name(char *list, size_t capacity, const char *name)
{
    size_t used = strlen(list), size = strlen(name), comma = used ? 2 : 0;
    if (used + comma + size >= capacity)
        return;
    memcpy(list + used, ", ", comma);
    memcpy(list + used + comma, name, size + 1);
}

static int unknown_scheme(tsr_context *context, const char *scheme, tsr_error *err)
{
    char known[256] = "";
    const tsr_store_ops *ops;
    for (size_t n = 0; (ops = kind(context, n)) != NULL; n++)
        for (const char *const *name = ops->schemes; *name; name++)
            append_name(known, sizeof known, *name);
    tsr_error_set(err, TSR_UNSUPPORTED, "no store serves %s:", scheme);
    tsr_error_set_next_step(err, "known are %s, and plain paths", known);
    return TSR_UNSUPPORTED;
}

#define SCHEME_BYTES_MAX 32

/* The length of a URL scheme (RFC 3986, section 3.1) in front of a colon; 0: none. */
static size_t scheme_length(const char *url)
{
    size_t size = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    bool letter = (url[0] >= 'a' && url[0] <= 'z') || (url[0] >= 'A' && url[0] <= 'Z');
    return letter && url[size] == ':' && size <= SCHEME_BYTES_MAX ? size : 0;
}

int tsr_store_open(tsr_context *context, const char *url, tsr_store **ret_store, tsr_error *err)
{
    if (!url || !url[0])
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "the URL of the store is empty");
    char scheme[SCHEME_BYTES_MAX + 1];
    size_t size = scheme_length(url);
    for (size_t i = 0; i < size; i++)
        scheme[i] = url[i] >= 'A' && url[i] <= 'Z' ? (char)(url[i] - 'A' + 'a') : url[i];
    scheme[size] = 0;
    const tsr_store_ops *ops = size ? find_scheme(context, scheme) : &tsri_store_fs_ops;
    /* A file may have a colon in its name: only what nobody knows and what looks like a URL is one.
     */
    if (!ops && strncmp(url + size, "://", 3) != 0) {
        ops = &tsri_store_fs_ops;
        size = 0;
    }
    if (!ops)
        return unknown_scheme(context, scheme, err);
    tsri_open_stores *stores;
    TSRI_TRY(tsri_open_stores_get(context, &stores, err));
    TSRI_TRY(ops->open(context, size ? scheme : "", url + size + (size > 0), ret_store, err));
    tsri_open_stores_add(stores, *ret_store);
    return 0;
}

/* ---- The head ---- */

int tsr_store_init(tsr_store *store, const tsr_store_ops *ops, tsr_context *context,
                   const char *url, tsr_error *err)
{
    char *copy = tsri_strdup(url);
    if (!copy)
        return tsri_error_no_memory(err, strlen(url) + 1);
    *store =
        (tsr_store){.ops = ops, .context = tsri_context_ref(context), .url = copy, .references = 1};
    return 0;
}

void tsr_store_clear(tsr_store *store)
{
    tsri_free(store->url);
    tsri_context_unref(store->context);
    store->url = NULL;
    store->context = NULL;
}

tsr_store *tsr_store_ref(tsr_store *store)
{
    __atomic_fetch_add(&store->references, 1, __ATOMIC_RELAXED);
    return store;
}

void tsr_store_close(tsr_store *store)
{
    if (!store || __atomic_fetch_sub(&store->references, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    tsri_open_stores_remove(store);
    store->ops->close(store);
}

const char *tsr_store_url(const tsr_store *store)
{
    return store->url;
}

bool tsr_generation_equal(const tsr_generation *a, const tsr_generation *b)
{
    static const tsr_generation unknown;
    return memcmp(a, b, sizeof *a) == 0 && memcmp(a, &unknown, sizeof *a) != 0;
}

/* ---- Operations ---- */

static int read_only(const tsr_store *store, tsr_error *err)
{
    return tsr_error_set(err, TSR_READ_ONLY, "%s can only be read", store->url);
}

static void get_measured(tsr_store *store, tsr_get_request *requests, size_t n,
                         const tsr_call *call)
{
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_FETCH);
    store->ops->get(store, requests, n, call);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, requests, n);
}

void tsr_store_get_many(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    if (store->context->profile)
        get_measured(store, requests, n, call);
    else
        store->ops->get(store, requests, n, call);
}

/* One get that the caller waits for. */
typedef struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
} waiter;

static void wake(tsr_get_request *request)
{
    waiter *waiting = request->user;
    pthread_mutex_lock(&waiting->mutex);
    waiting->done = true;
    pthread_cond_signal(&waiting->answered);
    pthread_mutex_unlock(&waiting->mutex);
}

int tsr_store_get(tsr_store *store, const char *key, tsr_range range, const tsr_call *call,
                  tsr_blob **ret_blob, tsr_generation *ret_generation, tsr_error *err)
{
    waiter waiting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    tsr_get_request request = {
        .key = key, .range = range, .done = wake, .user = &waiting, .err = err};
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_FETCH);
    tsr_store_get_many(store, &request, 1, call);
    pthread_mutex_lock(&waiting.mutex);
    while (!waiting.done)
        pthread_cond_wait(&waiting.answered, &waiting.mutex);
    pthread_mutex_unlock(&waiting.mutex);
    tsri_phase_end(store->context, before);
    pthread_cond_destroy(&waiting.answered);
    pthread_mutex_destroy(&waiting.mutex);
    TSRI_PROFILE_ADD(store->context, fetched_bytes, request.status < 0 ? 0 : request.size_bytes);
    TSRI_TRY(request.status);
    *ret_blob = request.blob;
    if (ret_generation)
        *ret_generation = request.generation;
    return 0;
}

/* What is taken over from the present value is written, too. */
static int64_t size_of_puts(const tsr_put_request *requests, size_t n)
{
    int64_t size_bytes = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < requests[i].segment_count; k++)
            size_bytes += (int64_t)requests[i].segments[k].size_bytes;
    return size_bytes;
}

static int put(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call)
{
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_PUT);
    int status = store->ops->put(store, requests, n, call);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, puts, n);
    TSRI_PROFILE_ADD(store->context, put_bytes, size_of_puts(requests, n));
    return status;
}

int tsr_store_put_many(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call)
{
    if (store->ops->put)
        return put(store, requests, n, call);
    for (size_t i = 0; i < n; i++)
        requests[i].status = read_only(store, requests[i].err);
    return n ? TSR_READ_ONLY : 0;
}

int tsr_store_put(tsr_store *store, const char *key, const void *bytes, size_t size_bytes,
                  tsr_durability durability, const tsr_call *call, tsr_error *err)
{
    tsr_segment segment = {.bytes = bytes, .size_bytes = size_bytes};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = size_bytes > 0,
                               .durability = durability,
                               .err = err};
    TSRI_TRY(tsr_store_put_many(store, &request, 1, call));
    /* This is the whole operation, at whose end FLUSH promises the value to be on disk. */
    return durability == TSR_DURABILITY_FLUSH ? tsr_store_flush(store, call, err) : 0;
}

int tsr_store_erase_if(tsr_store *store, const char *key, const tsr_generation *if_match,
                       tsr_lock *lock, const tsr_call *call, tsr_error *err)
{
    if (!store->ops->erase)
        return read_only(store, err);
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_PUT);
    int status = store->ops->erase(store, key, if_match, lock, call, err);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, erases, 1);
    return status;
}

int tsr_store_erase(tsr_store *store, const char *key, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsr_store_erase_if(store, key, NULL, NULL, call, err));
    return tsr_store_flush(store, call, err);
}

int tsr_store_erase_prefix(tsr_store *store, const char *prefix, const tsr_call *call,
                           tsr_error *err)
{
    if (!store->ops->erase_prefix)
        return read_only(store, err);
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_PUT);
    int status = store->ops->erase_prefix(store, prefix, call, err);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, erases, 1);
    TSRI_TRY(status);
    return tsr_store_flush(store, call, err);
}

int tsr_store_list(tsr_store *store, const char *prefix, bool delimiter,
                   int (*each)(void *user, const tsr_store_entry *entry), void *user,
                   const tsr_call *call, tsr_error *err)
{
    if (!store->ops->list)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s cannot list its keys", store->url);
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_FETCH);
    int status = store->ops->list(store, prefix, delimiter, each, user, call, err);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, requests, 1);
    return status;
}

int tsr_store_list_left_over(tsr_store *store, const char *prefix,
                             int (*each)(void *user, const tsr_store_entry *entry), void *user,
                             const tsr_call *call, tsr_error *err)
{
    if (!store->ops->list_left_over)
        return 0;
    return store->ops->list_left_over(store, prefix, each, user, call, err);
}

int tsr_store_network(tsr_store *store, const char **ret_name, tsr_error *err)
{
    if (store->ops->network)
        return store->ops->network(store, ret_name, err);
    *ret_name = NULL;
    return 0;
}

int tsr_store_lock(tsr_store *store, const char *key, const tsr_call *call, tsr_lock **ret_lock,
                   tsr_error *err)
{
    if (!store->ops->lock) {
        *ret_lock = NULL;
        return 0;
    }
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_WAIT);
    int status = store->ops->lock(store, key, call, ret_lock, err);
    tsri_phase_end(store->context, before);
    return status;
}

void tsr_store_unlock(tsr_store *store, tsr_lock *lock)
{
    if (lock)
        store->ops->unlock(store, lock);
}

/* Between two questions: short at first, for what changes often. */
#define WAIT_NS_MIN (5 * INT64_C(1000000))
#define WAIT_NS_MAX (200 * INT64_C(1000000))

static int generation_of(tsr_store *store, const char *key, const tsr_call *call,
                         tsr_generation *ret_generation, tsr_error *err)
{
    const tsr_range nothing = {TSR_RANGE_PART, 0, 0};
    tsr_auto(tsr_blob) *blob = NULL;
    int status = tsr_store_get(store, key, nothing, call, &blob, ret_generation, err);
    if (status != TSR_NOT_FOUND)
        return status;
    tsr_error_clear(err);
    *ret_generation = (tsr_generation){{0}};
    return 0;
}

/* The deadline is that of the whole wait, and not of each question. */
static int ask_until_changed(tsr_store *store, const char *key, const tsr_generation *known,
                             const tsr_call *call, tsr_error *err)
{
    const tsr_system *system = store->context->system;
    tsri_watch watch = tsri_watch_start(store->context, call);
    tsr_call question = {.cancel = call ? call->cancel : NULL};
    for (int64_t pause_ns = WAIT_NS_MIN;; pause_ns = TSRI_MIN(2 * pause_ns, WAIT_NS_MAX)) {
        tsr_generation now;
        TSRI_TRY(generation_of(store, key, &question, &now, err));
        if (memcmp(&now, known, sizeof now) != 0)
            return 0;
        for (int64_t left_ns = pause_ns; left_ns > 0; left_ns -= TSRI_WATCH_SLICE_NS) {
            TSRI_TRY(tsri_watch_poll(&watch, err));
            system->sleep_ns(system, TSRI_MIN(left_ns, TSRI_WATCH_SLICE_NS));
        }
    }
}

int tsr_store_wait(tsr_store *store, const char *key, const tsr_generation *known,
                   const tsr_call *call, tsr_error *err)
{
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_WAIT);
    int status = store->ops->wait ? store->ops->wait(store, key, known, call, err)
                                  : ask_until_changed(store, key, known, call, err);
    tsri_phase_end(store->context, before);
    return status;
}

int tsr_store_sync(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    if (!store->ops->sync)
        return tsr_store_flush(store, call, err);
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_SYNC);
    int status = store->ops->sync(store, call, err);
    tsri_phase_end(store->context, before);
    return status;
}

/* What file systems are left with is synced once for each, and not for each store. */
static int sync_rest(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    return store->ops == &tsri_store_fs_ops ? tsr_store_flush(store, call, err)
                                            : tsr_store_sync(store, call, err);
}

static int sync_unsynced(tsr_context *context, const tsr_call *call, tsr_error *err)
{
    tsri_unsynced *unsynced;
    TSRI_TRY(tsri_unsynced_get(context, &unsynced, err));
    tsri_watch watch = tsri_watch_start(context, call);
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_SYNC);
    int status = tsri_unsynced_sync(unsynced, NULL, &watch, err);
    tsri_phase_end(context, before);
    return status;
}

int tsr_context_sync(tsr_context *context, const tsr_call *call, tsr_error *err)
{
    tsri_open_stores *stores;
    TSRI_TRY(tsri_open_stores_get(context, &stores, err));
    int result = sync_unsynced(context, call, err);
    tsr_store *store = NULL;
    while ((store = tsri_open_stores_next(stores, store)) != NULL) {
        int status = sync_rest(store, call, result == 0 ? err : NULL);
        if (result == 0)
            result = status;
    }
    return result;
}

/* For stores that can only move bytes through memory. */
static int link_by_copy(tsr_store *store, const char *key, const char *second_key,
                        const tsr_call *call, tsr_error *err)
{
    const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_auto(tsr_blob) *value = NULL;

    TSRI_TRY(tsr_store_get(store, key, whole, call, &value, NULL, err));
    tsr_segment segment = {.bytes = tsr_blob_data(value), .size_bytes = tsr_blob_size(value)};
    tsr_put_request request = {.key = second_key,
                               .segments = &segment,
                               .segment_count = segment.size_bytes > 0,
                               .if_absent = true,
                               .durability = TSR_DURABILITY_CHUNK,
                               .err = err};
    int status = tsr_store_put_many(store, &request, 1, call);
    if (status != TSR_CONFLICT)
        return status;
    tsr_error_clear(err);
    return tsr_error_set(err, TSR_EXISTS, "key \"%s\" has a value already", second_key);
}

int tsr_store_link(tsr_store *store, const char *key, const char *second_key, const tsr_call *call,
                   tsr_error *err)
{
    int status =
        store->ops->link ? store->ops->link(store, key, second_key, call, err) : TSR_UNSUPPORTED;
    if (status != TSR_UNSUPPORTED)
        return status;
    tsr_error_clear(err);
    return link_by_copy(store, key, second_key, call, err);
}

uint64_t tsr_store_flush_begin(const tsr_store *store)
{
    return __atomic_load_n(&store->late_failures, __ATOMIC_ACQUIRE);
}

int tsr_store_flush_since(tsr_store *store, uint64_t begun, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsr_store_flush(store, call, err));
    return tsr_store_flush_begin(store) == begun ? 0 : store->ops->late_failure(store, err);
}

int tsr_store_flush(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    if (!store->ops->flush)
        return 0;
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_SYNC);
    int status = store->ops->flush(store, call, err);
    tsri_phase_end(store->context, before);
    return status;
}
