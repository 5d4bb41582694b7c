#include "store/key_map.h"

/* A place with more nodes than this is not searched further: the list is faster then. */
#define PLACE_NODES_MAX 16
#define PLACE_COUNT_MIN 64

/* ---- the table ---- */

/* Eight bytes at a time: multiplied by an odd number, the high half folded into the low one; once
 * more at the end, since the last bytes of a piece have not reached the lowest bits before. The
 * last byte of the key just changes some of these, so that the chunks of a row lie side by side in
 * the table, as they are mostly asked for. */
static uint64_t hash_of(const char *key)
{
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    size_t left = strlen(key);
    uint64_t hash = left * factor;
    unsigned char last = left > 0 ? (unsigned char)key[--left] : 0;
    uint64_t piece = 0;
    for (; left >= sizeof piece; key += sizeof piece, left -= sizeof piece) {
        memcpy(&piece, key, sizeof piece);
        hash = (hash ^ piece) * factor;
        hash ^= hash >> 32;
    }
    for (piece = 0; left > 0; left--)
        piece = piece << 8 | (unsigned char)*key++;
    hash = (hash ^ piece) * factor;
    hash ^= hash >> 32;
    hash *= factor;
    return hash ^ hash >> 32 ^ last;
}

static tsri_key_node **place_of(const tsri_key_map *map, uint64_t hash)
{
    return &map->places[hash & (map->place_count - 1)];
}

static void enter_table(tsri_key_map *map, tsri_key_node *node)
{
    tsri_key_node **place = place_of(map, node->hash);
    node->next_place = *place;
    *place = node;
}

static void leave_table(tsri_key_map *map, const tsri_key_node *node)
{
    tsri_key_node **link = place_of(map, node->hash);
    while (*link != node)
        link = &(*link)->next_place;
    *link = node->next_place;
}

/* Doubles the table and puts everything in anew. Without memory it stays as it is. */
static void grow_table(tsri_key_map *map)
{
    size_t count = TSRI_MAX(2 * map->place_count, (size_t)PLACE_COUNT_MIN);
    tsri_key_node **places = tsri_alloc_array_zero(count, sizeof(tsri_key_node *));
    if (!places)
        return;
    tsri_free(map->places);
    map->places = places;
    map->place_count = count;
    for (tsri_key_node *node = map->first[0]; node; node = node->next[0])
        enter_table(map, node);
}

/* ---- the list ---- */

/* For every level the link that leads to the first node whose key is not smaller. */
static void find_links(tsri_key_map *map, const char *key,
                       tsri_key_node **links[TSRI_KEY_MAP_HEIGHT_MAX])
{
    tsri_key_node *before = NULL;
    for (int level = TSRI_KEY_MAP_HEIGHT_MAX - 1; level >= 0; level--) {
        tsri_key_node **link = before ? &before->next[level] : &map->first[level];
        while (*link && strcmp((*link)->key, key) < 0) {
            before = *link;
            link = &before->next[level];
        }
        links[level] = link;
    }
}

tsri_key_node *tsri_key_map_seek(const tsri_key_map *map, const char *key)
{
    tsri_key_node **links[TSRI_KEY_MAP_HEIGHT_MAX];
    find_links((tsri_key_map *)map, key, links);
    return *links[0];
}

static tsri_key_node *find_hashed(const tsri_key_map *map, const char *key, uint64_t hash)
{
    tsri_key_node *node = map->place_count > 0 ? *place_of(map, hash) : NULL;
    int seen = 0;
    for (; node && seen < PLACE_NODES_MAX; node = node->next_place, seen++)
        if (node->hash == hash && strcmp(node->key, key) == 0)
            return node;
    if (!node && map->place_count > 0)
        return NULL;
    node = tsri_key_map_seek(map, key);
    return node && strcmp(node->key, key) == 0 ? node : NULL;
}

tsri_key_node *tsri_key_map_find(const tsri_key_map *map, const char *key)
{
    return find_hashed(map, key, hash_of(key));
}

/* Places first, then the first nodes there with the keys behind them: what one step looks at has
 * been asked of memory for all keys by the step before. */
void tsri_key_map_find_many(const tsri_key_map *map, const char *const *keys, size_t n,
                            tsri_key_node **ret_nodes)
{
    uint64_t hashes[TSRI_KEY_MAP_LOOKS_MAX];

    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_of(keys[i]);
        if (map->place_count > 0)
            __builtin_prefetch(place_of(map, hashes[i]));
    }
    for (size_t i = 0; i < n && map->place_count > 0; i++) {
        const tsri_key_node *node = *place_of(map, hashes[i]);
        if (!node)
            continue; /* to which no offset may be added, even to ask for nothing */
        __builtin_prefetch(node);
        __builtin_prefetch((const char *)node + sizeof *node + sizeof node->next[0]);
    }
    for (size_t i = 0; i < n; i++)
        ret_nodes[i] = find_hashed(map, keys[i], hashes[i]);
}

/* A quarter of the nodes of a level reach the next one. The sequence (xorshift64, G. Marsaglia,
 * Xorshift RNGs, 2003) does not depend on the keys, so no choice of keys can make the list slow. */
static int random_height(tsri_key_map *map)
{
    map->random ^= map->random << 13;
    map->random ^= map->random >> 7;
    map->random ^= map->random << 17;
    int height = 1;
    for (uint64_t bits = map->random >> 32; height < TSRI_KEY_MAP_HEIGHT_MAX && (bits & 3) == 0;
         bits >>= 2)
        height++;
    return height;
}

tsri_key_node *tsri_key_node_new(tsri_key_map *map, const char *key)
{
    int height = random_height(map);
    size_t key_bytes = strlen(key) + 1;
    size_t key_offset = sizeof(tsri_key_node) + (size_t)height * sizeof(tsri_key_node *);
    tsri_key_node *node = tsri_alloc_zero(key_offset + key_bytes);
    if (!node)
        return NULL;
    node->key = memcpy((char *)node + key_offset, key, key_bytes);
    node->hash = hash_of(key);
    node->height = height;
    return node;
}

void tsri_key_node_free(tsri_key_node *node)
{
    if (!node)
        return;
    tsr_blob_unref(node->blob);
    tsri_free(node);
}

void tsri_key_map_insert(tsri_key_map *map, tsri_key_node *node)
{
    tsri_key_node **links[TSRI_KEY_MAP_HEIGHT_MAX];
    find_links(map, node->key, links);
    for (int level = 0; level < node->height; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    map->node_count++;
    if (map->place_count > 0)
        enter_table(map, node);
    if (2 * map->node_count > map->place_count)
        grow_table(map);
}

tsri_key_node *tsri_key_map_remove(tsri_key_map *map, const char *key)
{
    tsri_key_node **links[TSRI_KEY_MAP_HEIGHT_MAX];
    find_links(map, key, links);
    tsri_key_node *node = *links[0];
    if (!node || strcmp(node->key, key) != 0)
        return NULL;
    for (int level = 0; level < node->height; level++)
        *links[level] = node->next[level];
    map->node_count--;
    if (map->place_count > 0)
        leave_table(map, node);
    return node;
}

void tsri_key_map_clear(tsri_key_map *map)
{
    for (tsri_key_node *node = map->first[0]; node;) {
        tsri_key_node *next = node->next[0];
        tsri_key_node_free(node);
        node = next;
    }
    for (int level = 0; level < TSRI_KEY_MAP_HEIGHT_MAX; level++)
        map->first[level] = NULL;
    tsri_free(map->places);
    map->places = NULL;
    map->place_count = map->node_count = 0;
}
