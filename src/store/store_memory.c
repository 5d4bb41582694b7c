/* Values in memory. Each open makes a new, empty store; it ends with its last handle. */
#include <tessera/blob.h>

#include "base/checked.h"
#include "base/context.h"
#include "store/fork_mutex.h"
#include "store/key.h"
#include "store/key_map.h"
#include "store/store_kinds.h"
#include "store/store_request.h"
#include "store/watch.h"

typedef struct memory_store {
    tsr_store head;
    tsri_fork_mutex mutex;
    /* Under the mutex. */
    tsri_key_map map;
    uint64_t last_generation; /* shared by all keys, so that no generation comes twice */
} memory_store;

static int memory_open(tsr_context *context, const char *scheme, const char *address,
                       tsr_store **ret_store, tsr_error *err)
{
    if (address[0] && strcmp(address, "//") != 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s:%s: a store in memory has no address; write %s:", scheme, address,
                             scheme);
    memory_store *store = tsri_alloc_zero(sizeof *store);
    if (!store)
        return tsri_error_no_memory(err, sizeof *store);
    int status = tsr_store_init(&store->head, &tsri_store_memory_ops, context, "memory:", err);
    if (status < 0) {
        tsri_free(store);
        return status;
    }
    store->head.hints = (tsr_store_hints){.answers_at_once = true,
                                          .conditional = true,
                                          .conditional_erase = true,
                                          .can_list = true,
                                          .in_process = true,
                                          .largest_range_bytes = UINT64_MAX,
                                          .requests_in_flight = 1};
    store->map = (tsri_key_map)TSRI_KEY_MAP_INIT;
    tsri_fork_mutex_init(&store->mutex, NULL, NULL);
    *ret_store = &store->head;
    return 0;
}

static void memory_close(tsr_store *head)
{
    memory_store *store = (memory_store *)head;
    tsri_fork_mutex_clear(&store->mutex);
    tsri_key_map_clear(&store->map);
    tsr_store_clear(head);
    tsri_free(store);
}

/* A hold of the current value and its generation; NULL when there is none. */
static tsr_blob *current_value(memory_store *store, const char *key, tsr_generation *ret_generation)
{
    tsri_fork_mutex_lock(&store->mutex);
    tsri_key_node *node = tsri_key_map_find(&store->map, key);
    tsr_blob *blob = node ? tsr_blob_ref(node->blob) : NULL;
    if (node)
        *ret_generation = (tsr_generation){.words = {node->generation}};
    tsri_fork_mutex_unlock(&store->mutex);
    return blob;
}

/* ---- Reading ---- */

/* A value as it was at one moment. */
typedef struct held_value {
    int status;     /* of the request itself: it was not looked for when that is bad */
    tsr_blob *blob; /* NULL: there is none */
    tsr_generation generation;
} held_value;

/* Up to here a value is asked of memory when it was found: whoever reads many small ones looks at
 * it soon. */
#define PREFETCHED_BYTES_MAX 2048
#define LINE_BYTES 64

static void prefetch_value(const tsr_blob *value)
{
    size_t size_bytes = tsr_blob_size(value);
    if (size_bytes > PREFETCHED_BYTES_MAX)
        return;
    const char *bytes = tsr_blob_data(value);
    for (size_t at = 0; at < size_bytes; at += LINE_BYTES)
        __builtin_prefetch(bytes + at);
}

static int check(const tsr_get_request *request, const tsri_watch *watch)
{
    TSRI_TRY(tsri_watch_check_cancel(watch, request->err));
    return tsr_store_check_key(request->key, request->err);
}

/* At most TSRI_KEY_MAP_LOOKS_MAX values under one lock, a step for all before the next one. */
static void find_together(memory_store *store, const tsr_get_request *requests, size_t n,
                          const tsri_watch *watch, held_value *ret_values)
{
    const char *keys[TSRI_KEY_MAP_LOOKS_MAX];
    tsri_key_node *nodes[TSRI_KEY_MAP_LOOKS_MAX];

    for (size_t i = 0; i < n; i++) {
        ret_values[i].status = check(&requests[i], watch);
        keys[i] = ret_values[i].status < 0 ? "" : requests[i].key; /* which no value has */
    }
    tsri_fork_mutex_lock(&store->mutex);
    tsri_key_map_find_many(&store->map, keys, n, nodes);
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(nodes[i] ? nodes[i]->blob : NULL, 1);
    for (size_t i = 0; i < n; i++) {
        ret_values[i].blob = nodes[i] ? tsr_blob_ref(nodes[i]->blob) : NULL;
        ret_values[i].generation = (tsr_generation){.words = {nodes[i] ? nodes[i]->generation : 0}};
    }
    tsri_fork_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < n; i++)
        if (ret_values[i].blob)
            prefetch_value(ret_values[i].blob);
}

/* The answer is lent, never copied: a destination is ignored. Takes over the value. */
static int answer(tsr_get_request *request, held_value *there)
{
    tsr_auto(tsr_blob) *value = TSRI_TAKE(there->blob);

    TSRI_TRY(there->status);
    if (!value)
        return tsr_error_set(request->err, TSR_NOT_FOUND, "key \"%s\" is not in memory",
                             request->key);
    TSRI_TRY(tsri_check_match(request->key, request->if_match, &there->generation, request->err));
    TSRI_TRY(tsri_get_place(request, tsr_blob_size(value)));
    if (request->size_bytes == tsr_blob_size(value))
        request->blob = TSRI_TAKE(value); /* whole: it needs no handle of its own */
    else
        TSRI_TRY(tsr_blob_slice(value, (size_t)request->offset, request->size_bytes, &request->blob,
                                request->err));
    request->generation = there->generation;
    request->settled = true;
    return 0;
}

static void memory_get(tsr_store *head, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    tsri_watch watch = tsri_watch_start(head->context, call);
    held_value there[TSRI_KEY_MAP_LOOKS_MAX];

    for (size_t i = 0; i < n; i++) {
        size_t step = i % TSRI_KEY_MAP_LOOKS_MAX;
        if (step == 0)
            find_together((memory_store *)head, &requests[i],
                          TSRI_MIN(n - i, (size_t)TSRI_KEY_MAP_LOOKS_MAX), &watch, there);
        requests[i].blob = NULL;
        requests[i].status = answer(&requests[i], &there[step]);
        requests[i].done(&requests[i]);
    }
}

/* ---- Writing ---- */

/* Copies the segments into a new blob; `current` may be NULL when none refers to it. */
static int build_value(const tsr_put_request *request, const tsri_segments *segments,
                       const tsr_blob *current, tsr_blob **ret_blob)
{
    tsr_auto(tsr_blob) *blob = NULL;
    TSRI_TRY(tsr_blob_new((size_t)segments->total_bytes, &blob, request->err));
    char *to = tsr_blob_data_writable(blob);
    for (size_t i = 0; i < request->segment_count; i++) {
        const tsr_segment *segment = &request->segments[i];
        size_t size_bytes = (size_t)segment->size_bytes;
        const char *from = segment->bytes;
        if (size_bytes == 0)
            continue;
        if (!from) {
            size_t current_bytes = tsr_blob_size(current);
            if (segment->offset > current_bytes || size_bytes > current_bytes - segment->offset)
                return tsr_error_set(request->err, TSR_OUT_OF_BOUNDS,
                                     "the current value of key \"%s\" has only %zu bytes",
                                     request->key, current_bytes);
            from = (const char *)tsr_blob_data(current) + segment->offset;
        }
        memcpy(to, from, size_bytes);
        to += size_bytes;
    }
    *ret_blob = TSRI_TAKE(blob);
    return 0;
}

/* Under the mutex: checks the condition again and exchanges the value. `*node` and `*blob` are used
 * up on success; what has to be freed afterwards is left in them. */
static int exchange(memory_store *store, tsr_put_request *request, tsri_key_node **node,
                    tsr_blob **blob)
{
    tsri_key_node *current = tsri_key_map_find(&store->map, request->key);
    tsr_generation generation = {.words = {current ? current->generation : 0}};
    TSRI_TRY(tsri_check_put_match(request, current ? &generation : NULL));
    if (!current) {
        current = TSRI_TAKE(*node);
        tsri_key_map_insert(&store->map, current);
    }
    tsr_blob *old = current->blob;
    current->blob = *blob;
    *blob = old;
    current->generation = ++store->last_generation;
    request->generation = (tsr_generation){.words = {current->generation}};
    request->is_unique = request->wants_unique;
    return 0;
}

static int put_one(memory_store *store, tsr_put_request *request, const tsri_watch *watch)
{
    tsri_segments segments;
    tsr_generation generation;
    tsr_auto(tsr_blob) *current = NULL, *blob = NULL;
    TSRI_TRY(tsri_watch_check_cancel(watch, request->err));
    TSRI_TRY(tsri_put_check(request, &segments));
    if (segments.of_current) {
        current = current_value(store, request->key, &generation);
        TSRI_TRY(tsri_check_put_match(request, current ? &generation : NULL));
        if (!current)
            return tsr_error_set(request->err, TSR_NOT_FOUND, "key \"%s\" is not in memory",
                                 request->key);
    }
    TSRI_TRY(build_value(request, &segments, current, &blob));
    tsri_fork_mutex_lock(&store->mutex);
    tsri_key_node *node = tsri_key_node_new(&store->map, request->key);
    int status = node ? exchange(store, request, &node, &blob)
                      : tsri_error_no_memory(request->err, strlen(request->key));
    tsri_fork_mutex_unlock(&store->mutex);
    tsri_key_node_free(node);
    return status;
}

static int memory_put(tsr_store *head, tsr_put_request *requests, size_t n, const tsr_call *call)
{
    tsri_watch watch = tsri_watch_start(head->context, call);
    int status = 0;
    for (size_t i = 0; i < n; i++) {
        requests[i].status = put_one((memory_store *)head, &requests[i], &watch);
        if (status == 0)
            status = requests[i].status;
    }
    return status;
}

static int memory_erase(tsr_store *head, const char *key, const tsr_generation *if_match,
                        tsr_lock *lock, const tsr_call *call, tsr_error *err)
{
    memory_store *store = (memory_store *)head;
    (void)lock;
    tsri_watch watch = tsri_watch_start(head->context, call);
    TSRI_TRY(tsri_watch_check_cancel(&watch, err));
    TSRI_TRY(tsr_store_check_key(key, err));
    tsri_fork_mutex_lock(&store->mutex);
    tsri_key_node *node = tsri_key_map_find(&store->map, key);
    tsr_generation generation = {.words = {node ? node->generation : 0}};
    int status = tsri_check_match(key, if_match, node ? &generation : NULL, err);
    node = status == 0 ? tsri_key_map_remove(&store->map, key) : NULL;
    tsri_fork_mutex_unlock(&store->mutex);
    tsri_key_node_free(node);
    return status;
}

static int memory_erase_prefix(tsr_store *head, const char *prefix, const tsr_call *call,
                               tsr_error *err)
{
    memory_store *store = (memory_store *)head;
    tsri_watch watch = tsri_watch_start(head->context, call);
    TSRI_TRY(tsr_store_check_prefix(prefix, err));
    size_t prefix_size = strlen(prefix);
    for (;;) {
        TSRI_TRY(tsri_watch_poll(&watch, err));
        tsri_fork_mutex_lock(&store->mutex);
        tsri_key_node *node = tsri_key_map_seek(&store->map, prefix);
        bool ours = node && strncmp(node->key, prefix, prefix_size) == 0;
        if (ours)
            tsri_key_map_remove(&store->map, node->key);
        tsri_fork_mutex_unlock(&store->mutex);
        if (!ours)
            return 0;
        tsri_key_node_free(node);
    }
}

/* ---- Listing ---- */

/* One step of a listing: a copy, so that the callback may use the store. */
typedef struct listed {
    char name[TSRI_KEY_BYTES_MAX + 1];
    int64_t size_bytes;
    bool is_prefix;
} listed;

/* Finds the first entry at or after `from` and sets `from` to where the next one is looked for. */
static bool list_step(memory_store *store, const char *prefix, bool delimiter,
                      char from[TSRI_KEY_BYTES_MAX + 2], listed *ret_entry)
{
    size_t prefix_size = strlen(prefix);
    tsri_fork_mutex_lock(&store->mutex);
    tsri_key_node *node = tsri_key_map_seek(&store->map, from);
    bool found = node && strncmp(node->key, prefix, prefix_size) == 0;
    if (found) {
        const char *name = node->key + prefix_size;
        const char *slash = delimiter ? strchr(name, '/') : NULL;
        size_t size = slash ? (size_t)(slash + 1 - name) : strlen(name);
        memcpy(ret_entry->name, name, size);
        ret_entry->name[size] = 0;
        ret_entry->is_prefix = slash != NULL;
        ret_entry->size_bytes = slash ? -1 : (int64_t)tsr_blob_size(node->blob);
        /* The next key is not smaller than this one and a byte 1, the least byte that a key can go
         * on with; after a common prefix it is not smaller than the prefix with its slash made the
         * next character. */
        memcpy(from, node->key, prefix_size + size);
        if (slash)
            from[prefix_size + size - 1] = '/' + 1;
        else
            from[prefix_size + size] = 1;
        from[prefix_size + size + !slash] = 0;
    }
    tsri_fork_mutex_unlock(&store->mutex);
    return found;
}

static int memory_list(tsr_store *head, const char *prefix, bool delimiter,
                       int (*each)(void *user, const tsr_store_entry *entry), void *user,
                       const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(tsr_store_check_prefix(prefix, err));
    tsri_watch watch = tsri_watch_start(head->context, call);
    char from[TSRI_KEY_BYTES_MAX + 2];
    strcpy(from, prefix);
    listed entry;
    while (list_step((memory_store *)head, prefix, delimiter, from, &entry)) {
        TSRI_TRY(tsri_watch_poll(&watch, err));
        int status = each(user, &(tsr_store_entry){.name = entry.name,
                                                   .is_prefix = entry.is_prefix,
                                                   .size_bytes = entry.size_bytes});
        if (status != 0)
            return status;
    }
    return 0;
}

static const char *const schemes[] = {"memory", NULL};

const tsr_store_ops tsri_store_memory_ops = {
    .struct_size = sizeof(tsr_store_ops),
    .schemes = schemes,
    .open = memory_open,
    .close = memory_close,
    .get = memory_get,
    .put = memory_put,
    .erase = memory_erase,
    .erase_prefix = memory_erase_prefix,
    .list = memory_list,
};
