#include "merge_tree.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "try.h"

enum { OPEN_CELL = -1 /* the level of cells whose pieces have not all arrived */ };

typedef struct cli_piece {
    uint64_t position;
    cli_moments moments;
} cli_piece;

struct cli_merge_node {
    cli_merge_node *next;
    int level; /* OPEN_CELL, or the height in the tree */
    int64_t number;
    cli_moments moments; /* complete nodes */
    cli_piece *pieces;   /* open cells */
    size_t piece_count, piece_capacity;
};

void merge_tree_init(cli_merge_tree *tree, const tsr_dtype *dtype)
{
    memset(tree, 0, sizeof *tree);
    tree->dtype = dtype;
}

/* ---- the table ---- */

static size_t bucket_of(const cli_merge_tree *tree, int level, int64_t number)
{
    uint64_t hash =
        ((uint64_t)number + 1) * 0x9e3779b97f4a7c15u + (uint64_t)(level + 2) * 0xff51afd7u;

    return (size_t)(hash >> 20) & (tree->bucket_count - 1);
}

static int grow(cli_merge_tree *tree, tsr_error *err)
{
    size_t old_count = tree->bucket_count;
    cli_merge_node **old = tree->buckets;

    tree->buckets = memory_zeroed(old_count ? old_count * 2 : 64, sizeof(cli_merge_node *));
    if (!tree->buckets) {
        tree->buckets = old;
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    }
    tree->bucket_count = old_count ? old_count * 2 : 64;
    for (size_t i = 0; old && i < old_count; i++) {
        for (cli_merge_node *node = old[i], *next; node; node = next) {
            cli_merge_node **bucket = &tree->buckets[bucket_of(tree, node->level, node->number)];
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    memory_free(old);
    return 0;
}

static cli_merge_node **find(const cli_merge_tree *tree, int level, int64_t number)
{
    cli_merge_node **at = &tree->buckets[bucket_of(tree, level, number)];

    while (*at && ((*at)->level != level || (*at)->number != number))
        at = &(*at)->next;
    return at;
}

/* Takes a node out of the table, or gives NULL. */
static cli_merge_node *take(cli_merge_tree *tree, int level, int64_t number)
{
    cli_merge_node **at, *node;

    if (!tree->buckets)
        return NULL;
    at = find(tree, level, number);
    node = *at;
    if (node) {
        *at = node->next;
        tree->node_count--;
    }
    return node;
}

static int put(cli_merge_tree *tree, cli_merge_node *node, tsr_error *err)
{
    cli_merge_node **bucket;

    if (!tree->buckets || tree->node_count >= tree->bucket_count)
        CLI_TRY(grow(tree, err));
    bucket = &tree->buckets[bucket_of(tree, node->level, node->number)];
    node->next = *bucket;
    *bucket = node;
    tree->node_count++;
    return 0;
}

static void node_free(cli_merge_node *node)
{
    memory_free(node->pieces);
    memory_free(node);
}

/* ---- merging ---- */

static int by_position(const void *a, const void *b)
{
    const cli_piece *left = a, *right = b;

    return left->position < right->position ? -1 : left->position > right->position;
}

static void merge_pieces(const cli_merge_tree *tree, cli_merge_node *node)
{
    if (node->piece_count > 1)
        qsort(node->pieces, node->piece_count, sizeof *node->pieces, by_position);
    moments_init(&node->moments);
    for (size_t i = 0; i < node->piece_count; i++)
        moments_merge(&node->moments, &node->pieces[i].moments, tree->dtype);
    memory_free(node->pieces);
    node->pieces = NULL;
    node->piece_count = 0;
}

/* A complete node joins its neighbour, again and again, as long as the neighbour is there. */
static int climb(cli_merge_tree *tree, cli_merge_node *node, tsr_error *err)
{
    cli_merge_node *neighbour;

    while ((neighbour = take(tree, node->level, node->number ^ 1))) {
        cli_merge_node *left = node->number & 1 ? neighbour : node;
        cli_merge_node *right = left == node ? neighbour : node;
        moments_merge(&left->moments, &right->moments, tree->dtype);
        node_free(right);
        node = left;
        node->level++;
        node->number >>= 1;
    }
    if (put(tree, node, err) < 0) {
        node_free(node);
        return TSR_NO_MEMORY;
    }
    return 0;
}

static int add_piece(cli_merge_node *node, uint64_t position, const cli_moments *moments,
                     tsr_error *err)
{
    if (node->piece_count == node->piece_capacity) {
        size_t capacity = node->piece_capacity ? node->piece_capacity * 2 : 1;
        cli_piece *grown = memory_resized(node->pieces, capacity * sizeof *grown);
        if (!grown)
            return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
        node->pieces = grown;
        node->piece_capacity = capacity;
    }
    node->pieces[node->piece_count++] = (cli_piece){position, *moments};
    node->moments.total += moments->total;
    return 0;
}

int merge_tree_add(cli_merge_tree *tree, int64_t cell, int64_t cell_elements, uint64_t position,
                   const cli_moments *piece, tsr_error *err)
{
    cli_merge_node *node;

    if (!tree->buckets)
        CLI_TRY(grow(tree, err));
    node = take(tree, OPEN_CELL, cell);
    if (!node) {
        node = memory_zeroed(1, sizeof *node);
        if (!node)
            return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
        node->level = OPEN_CELL;
        node->number = cell;
    }
    if (add_piece(node, position, piece, err) < 0) {
        node_free(node);
        return TSR_NO_MEMORY;
    }
    if (node->moments.total == cell_elements) {
        merge_pieces(tree, node);
        node->level = 0;
        return climb(tree, node, err);
    }
    if (put(tree, node, err) < 0) {
        node_free(node);
        return TSR_NO_MEMORY;
    }
    return 0;
}

/* By the first cell that a node covers: no two nodes cover the same. */
static int by_cell(const void *a, const void *b)
{
    const cli_merge_node *left = *(cli_merge_node *const *)a, *right = *(cli_merge_node *const *)b;
    uint64_t left_cell = (uint64_t)left->number << (left->level > 0 ? left->level : 0);
    uint64_t right_cell = (uint64_t)right->number << (right->level > 0 ? right->level : 0);

    return left_cell < right_cell ? -1 : left_cell > right_cell;
}

int merge_tree_finish(cli_merge_tree *tree, cli_moments *ret_moments, tsr_error *err)
{
    cli_merge_node **nodes = memory_zeroed(tree->node_count + 1, sizeof(cli_merge_node *));
    size_t count = 0;

    if (!nodes)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    moments_init(ret_moments);
    for (size_t i = 0; i < tree->bucket_count; i++)
        for (cli_merge_node *node = tree->buckets[i]; node; node = node->next)
            nodes[count++] = node;
    qsort(nodes, count, sizeof(cli_merge_node *), by_cell);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i]->level == OPEN_CELL)
            merge_pieces(tree, nodes[i]);
        moments_merge(ret_moments, &nodes[i]->moments, tree->dtype);
    }
    memory_free(nodes);
    merge_tree_clear(tree);
    return 0;
}

void merge_tree_clear(cli_merge_tree *tree)
{
    for (size_t i = 0; i < tree->bucket_count; i++) {
        for (cli_merge_node *node = tree->buckets[i], *next; node; node = next) {
            next = node->next;
            node_free(node);
        }
    }
    memory_free(tree->buckets);
    merge_tree_init(tree, tree->dtype);
}
