#include "array/cache.h"

#include "base/base.h"

#define BUCKETS_FIRST 64

struct tsri_cache_entry {
    tsr_blob *blob; /* held */
    uint64_t offset;
    int level;
    tsr_generation generation;
    int64_t cost_bytes;
    uint64_t hash;
    tsri_cache_entry *next_in_bucket;
    tsri_cache_entry *newer, *older;
    char key[];
};

static void before_fork(void *user)
{
    pthread_mutex_lock(&((tsri_cache *)user)->mutex);
}

static void after_fork(void *user)
{
    pthread_mutex_unlock(&((tsri_cache *)user)->mutex);
}

void tsri_cache_init(tsri_cache *cache, int64_t limit_bytes)
{
    *cache = (tsri_cache){.limit_bytes = limit_bytes};
    pthread_mutex_init(&cache->mutex, NULL);
    cache->fork = (tsri_fork_handler){
        .prepare = before_fork, .parent = after_fork, .child = after_fork, .user = cache};
    tsri_fork_register(&cache->fork);
}

static void free_entry(tsri_cache_entry *entry)
{
    if (entry)
        tsr_blob_unref(entry->blob);
    tsri_free(entry);
}

void tsri_cache_clear(tsri_cache *cache)
{
    for (tsri_cache_entry *entry = cache->newest, *older; entry; entry = older) {
        older = entry->older;
        free_entry(entry);
    }
    tsri_free(cache->buckets);
    tsri_fork_unregister(&cache->fork);
    pthread_mutex_destroy(&cache->mutex);
}

static uint64_t hash_of(const tsri_cache_source *source)
{
    /* FNV-1a */
    uint64_t hash = UINT64_C(14695981039346656037) ^ source->offset ^ (uint64_t)source->level << 56;
    for (const char *key = source->key; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* ---- under the mutex ---- */

static tsri_cache_entry **bucket_of(const tsri_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static tsri_cache_entry *find(const tsri_cache *cache, const tsri_cache_source *source,
                              uint64_t hash)
{
    if (cache->count == 0)
        return NULL;
    tsri_cache_entry *entry = *bucket_of(cache, hash);
    while (entry && (entry->hash != hash || entry->offset != source->offset ||
                     entry->level != source->level || strcmp(entry->key, source->key) != 0))
        entry = entry->next_in_bucket;
    return entry;
}

static void link_newest(tsri_cache *cache, tsri_cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void unlink_entry(tsri_cache *cache, tsri_cache_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

/* Takes an entry out; it is chained to *doomed, to be freed without the mutex. */
static void take_out(tsri_cache *cache, tsri_cache_entry *entry, tsri_cache_entry **doomed)
{
    tsri_cache_entry **at = bucket_of(cache, entry->hash);
    while (*at != entry)
        at = &(*at)->next_in_bucket;
    *at = entry->next_in_bucket;
    unlink_entry(cache, entry);
    cache->used_bytes -= entry->cost_bytes;
    cache->count--;
    entry->next_in_bucket = *doomed;
    *doomed = entry;
}

/* Keeps the buckets short. Without memory they get longer, as long as there are any. */
static bool grow(tsri_cache *cache)
{
    if (cache->count < cache->bucket_count)
        return true;
    size_t bucket_count = cache->bucket_count ? 2 * cache->bucket_count : BUCKETS_FIRST;
    tsri_cache_entry **buckets = tsri_alloc_array_zero(bucket_count, sizeof(tsri_cache_entry *));
    if (!buckets)
        return cache->bucket_count > 0;
    tsri_free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = bucket_count;
    for (tsri_cache_entry *entry = cache->newest; entry; entry = entry->older) {
        tsri_cache_entry **bucket = bucket_of(cache, entry->hash);
        entry->next_in_bucket = *bucket;
        *bucket = entry;
    }
    return true;
}

static void put_in(tsri_cache *cache, tsri_cache_entry *entry)
{
    tsri_cache_entry **bucket = bucket_of(cache, entry->hash);
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    link_newest(cache, entry);
    cache->used_bytes += entry->cost_bytes;
    cache->count++;
}

/* ---- the operations ---- */

static void free_doomed(tsri_cache_entry *doomed)
{
    while (doomed) {
        tsri_cache_entry *next = doomed->next_in_bucket;
        free_entry(doomed);
        doomed = next;
    }
}

tsr_blob *tsri_cache_get(tsri_cache *cache, tsri_cache_source *source)
{
    tsr_blob *blob = NULL;
    if (cache->limit_bytes == 0)
        return NULL;
    uint64_t hash = hash_of(source);
    pthread_mutex_lock(&cache->mutex);
    tsri_cache_entry *entry = find(cache, source, hash);
    if (entry) {
        unlink_entry(cache, entry);
        link_newest(cache, entry);
        source->generation = entry->generation;
        blob = tsr_blob_ref(entry->blob);
    }
    pthread_mutex_unlock(&cache->mutex);
    return blob;
}

static tsri_cache_entry *new_entry(const tsri_cache_source *source, tsr_blob *blob)
{
    size_t key_bytes = strlen(source->key) + 1;
    tsri_cache_entry *entry = tsri_alloc(sizeof *entry + key_bytes);
    if (!entry)
        return NULL;
    *entry =
        (tsri_cache_entry){.offset = source->offset,
                           .level = source->level,
                           .generation = source->generation,
                           .cost_bytes = (int64_t)(tsr_blob_size(blob) + sizeof *entry + key_bytes),
                           .hash = hash_of(source)};
    memcpy(entry->key, source->key, key_bytes);
    return entry;
}

void tsri_cache_put(tsri_cache *cache, const tsri_cache_source *source, tsr_blob *blob)
{
    tsri_cache_entry *doomed = NULL;
    if (tsr_blob_size(blob) > (uint64_t)cache->limit_bytes / 4)
        return;
    tsri_cache_entry *entry = new_entry(source, blob);
    if (!entry || entry->cost_bytes > cache->limit_bytes) {
        tsri_free(entry);
        return;
    }
    pthread_mutex_lock(&cache->mutex);
    tsri_cache_entry *other = find(cache, source, entry->hash);
    if (other)
        take_out(cache, other, &doomed);
    while (cache->used_bytes + entry->cost_bytes > cache->limit_bytes)
        take_out(cache, cache->oldest, &doomed);
    if (grow(cache)) {
        entry->blob = tsr_blob_ref(blob);
        put_in(cache, entry);
    } else {
        entry->next_in_bucket = doomed;
        doomed = entry;
    }
    pthread_mutex_unlock(&cache->mutex);
    free_doomed(doomed);
}

void tsri_cache_drop(tsri_cache *cache, const tsri_cache_source *source)
{
    tsri_cache_entry *doomed = NULL;
    if (cache->limit_bytes == 0)
        return;
    pthread_mutex_lock(&cache->mutex);
    tsri_cache_entry *entry = find(cache, source, hash_of(source));
    if (entry && tsr_generation_equal(&entry->generation, &source->generation))
        take_out(cache, entry, &doomed);
    pthread_mutex_unlock(&cache->mutex);
    free_doomed(doomed);
}
