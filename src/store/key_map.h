/* An ordered map from keys to blobs: a skip list (W. Pugh, Skip Lists: A Probabilistic Alternative
 * to Balanced Trees, CACM 33(6), 1990) with a hash table beside it, since most look-ups want one
 * key and not its neighbours. The table is a shortcut only: where it could not grow, or where many
 * keys share a place, the list answers. CONFINED: whoever owns it locks. */
#ifndef TESSERA_STORE_KEY_MAP_H
#define TESSERA_STORE_KEY_MAP_H

#include <tessera/blob.h>

#include "base/base.h"

/* 4^12 = 16 million keys before look-ups slow down. */
#define TSRI_KEY_MAP_HEIGHT_MAX 12

typedef struct tsri_key_node tsri_key_node;
struct tsri_key_node {
    const char *key; /* behind `next`, in the same memory */
    tsr_blob *blob;  /* held */
    uint64_t generation;
    uint64_t hash;             /* of the key */
    tsri_key_node *next_place; /* with the same place in the table */
    int height;
    tsri_key_node *next[]; /* `height` of them */
};

typedef struct tsri_key_map {
    tsri_key_node *first[TSRI_KEY_MAP_HEIGHT_MAX];
    uint64_t random;
    tsri_key_node **places; /* the table: `place_count`, a power of two, or 0 */
    size_t place_count, node_count;
} tsri_key_map;

#define TSRI_KEY_MAP_INIT                      \
    {                                          \
        .random = UINT64_C(0x9e3779b97f4a7c15) \
    }

/* The first node whose key is not smaller, in byte order; NULL when there is none. */
tsri_key_node *tsri_key_map_seek(const tsri_key_map *map, const char *key);

/* The node of a key; NULL when there is none. */
tsri_key_node *tsri_key_map_find(const tsri_key_map *map, const char *key);

/* The nodes of up to TSRI_KEY_MAP_LOOKS_MAX keys, NULL where there is none. Where the map is larger
 * than the caches that takes much less time than one by one, since all wait for memory at once. */
#define TSRI_KEY_MAP_LOOKS_MAX 8
void tsri_key_map_find_many(const tsri_key_map *map, const char *const *keys, size_t n,
                            tsri_key_node **ret_nodes);

/* A new node outside the map, with a copy of the key and no blob; NULL when out of memory. */
tsri_key_node *tsri_key_node_new(tsri_key_map *map, const char *key);

/* Frees a node that is outside the map, and its hold on the blob. NULL is left alone. */
void tsri_key_node_free(tsri_key_node *node);

/* Puts a node in. Its key must not be there. */
void tsri_key_map_insert(tsri_key_map *map, tsri_key_node *node);

/* Takes the node of a key out; NULL when there is none. */
tsri_key_node *tsri_key_map_remove(tsri_key_map *map, const char *key);

/* Frees all nodes. */
void tsri_key_map_clear(tsri_key_map *map);

#endif
