/* Bytes that were made from stored values (decoded shard indexes, decoded chunks), kept within a
 * budget; what was not used for longest goes first.
 *
 * An entry is of one version of a value: whoever takes it makes sure that the store still has that
 * generation before its elements reach anybody. Only values that have settled may be put in.
 *
 * LOCKED; the lock is held for moments. */
#ifndef TESSERA_ARRAY_CACHE_H
#define TESSERA_ARRAY_CACHE_H

#include <tessera/store.h>

#include "base/context.h"

/* What bytes were made from: those at `offset` in the value of a key, taken as a chunk of a level
 * (0: of the store, 1: inner chunks, ...), since a shard and its first inner chunk begin at one
 * place. */
typedef struct tsri_cache_source {
    const char *key;
    uint64_t offset;
    int level;
    tsr_generation generation;
} tsri_cache_source;

typedef struct tsri_cache_entry tsri_cache_entry;

typedef struct tsri_cache {
    int64_t limit_bytes; /* entries and what it takes to find them; 0: nothing is kept */
    pthread_mutex_t mutex;
    tsri_fork_handler fork;
    /* Under the mutex. */
    int64_t used_bytes;
    size_t count, bucket_count; /* a power of 2, or 0 */
    tsri_cache_entry **buckets;
    tsri_cache_entry *newest, *oldest;
} tsri_cache;

/* Sets up an empty cache; must not move in memory. Never fails. */
void tsri_cache_init(tsri_cache *cache, int64_t limit_bytes);
void tsri_cache_clear(tsri_cache *cache);

/* The entry of key, offset and level, of whatever generation, which is written to
 * source->generation. Owner: the caller holds the blob; NULL: there is none. */
tsr_blob *tsri_cache_get(tsri_cache *cache, tsri_cache_source *source);

/* Puts in an entry, in the place of one of the same source. What is larger than a quarter of
 * the budget is not kept, nor what there is no memory for. */
void tsri_cache_put(tsri_cache *cache, const tsri_cache_source *source, tsr_blob *blob);

/* Removes the entry of a source, if it is of that generation. */
void tsri_cache_drop(tsri_cache *cache, const tsri_cache_source *source);

#endif
