#include "store/key_map.h"

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

tsri_key_node *tsri_key_map_find(const tsri_key_map *map, const char *key)
{
    tsri_key_node *node = tsri_key_map_seek(map, key);
    return node && strcmp(node->key, key) == 0 ? node : NULL;
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
    tsri_key_node *node =
        tsri_alloc_zero(sizeof(tsri_key_node) + (size_t)height * sizeof(tsri_key_node *));
    char *copy = tsri_strdup(key);
    if (!node || !copy) {
        tsri_free(node);
        tsri_free(copy);
        return NULL;
    }
    node->key = copy;
    node->height = height;
    return node;
}

void tsri_key_node_free(tsri_key_node *node)
{
    if (!node)
        return;
    tsr_blob_unref(node->blob);
    tsri_free(node->key);
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
}
