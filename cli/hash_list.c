#include "hash_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "location.h"
#include "memory.h"

static void node_clear(cli_hashed_node *node)
{
    memory_free(node->path);
    memory_free(node->boxes);
    memory_free(node->hashes);
    memset(node, 0, sizeof *node);
}

void hash_list_clear(cli_hash_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        node_clear(&list->nodes[i]);
    memory_free(list->nodes);
    node_clear(&list->open);
    memset(list, 0, sizeof *list);
}

static int no_memory(cli_hash_list *list)
{
    return tsr_error_set(&list->invocation->error, TSR_NO_MEMORY, "out of memory for hashes");
}

/* ---- adding ---- */

static int add_chunk(cli_hash_list *list, cli_hashed_node *node, const int64_t *start,
                     const int64_t *shape, const tsr_hash *hash)
{
    size_t rank = (size_t)node->rank;

    if (node->count == node->capacity) {
        size_t capacity = node->capacity ? 2 * node->capacity : 64;
        int64_t *boxes = memory_resized(node->boxes, capacity * (2 * rank + 1) * sizeof *boxes);
        if (!boxes)
            return no_memory(list);
        node->boxes = boxes;
        tsr_hash *hashes = memory_resized(node->hashes, capacity * sizeof *hashes);
        if (!hashes)
            return no_memory(list);
        node->hashes = hashes;
        node->capacity = capacity;
    }
    memcpy(node->boxes + node->count * 2 * rank, start, rank * sizeof *start);
    memcpy(node->boxes + node->count * 2 * rank + rank, shape, rank * sizeof *shape);
    node->hashes[node->count++] = *hash;
    return 0;
}

/* Takes the node over, also when it fails. */
static int add_node(cli_hash_list *list, cli_hashed_node *node)
{
    cli_hashed_node *nodes = memory_grown(list->nodes, list->count, &list->capacity, sizeof *nodes);

    if (!nodes) {
        node_clear(node);
        return no_memory(list);
    }
    list->nodes = nodes;
    list->nodes[list->count++] = *node;
    memset(node, 0, sizeof *node);
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const cli_hashed_node *)a)->path, ((const cli_hashed_node *)b)->path);
}

static void sort_nodes(cli_hash_list *list)
{
    if (list->count > 1)
        qsort(list->nodes, list->count, sizeof *list->nodes, compare_nodes);
}

const cli_hashed_node *hash_list_find(const cli_hash_list *list, const char *path)
{
    const cli_hashed_node wanted = {.path = (char *)path};

    return list->count == 0
               ? NULL
               : bsearch(&wanted, list->nodes, list->count, sizeof wanted, compare_nodes);
}

/* ---- making ---- */

static const int64_t *choose_boxes(void *user, const char *path, const tsr_array *array)
{
    const cli_hash_list *list = user;
    const cli_hashed_node *like = list->like ? hash_list_find(list->like, path) : NULL;

    return like && like->has_chunk_shape && like->rank == tsr_array_rank(array) ? like->chunk_shape
                                                                                : NULL;
}

static int take_chunk(void *user, const char *path, const tsr_hash_chunk *chunk)
{
    cli_hash_list *list = user;

    (void)path; /* arrays come one after the other */
    if (chunk->level > 0)
        return 0;
    list->open.rank = chunk->rank;
    return add_chunk(list, &list->open, chunk->start, chunk->shape, &chunk->hash);
}

static int take_node(void *user, const tsr_hash_node *node)
{
    cli_hash_list *list = user;
    cli_hashed_node *open = &list->open;

    open->path = memory_text(node->path);
    if (!open->path)
        return no_memory(list);
    open->hash = node->hash;
    open->metadata = node->metadata;
    open->is_array = node->array != NULL;
    if (node->array) {
        open->chunks = node->chunks;
        open->rank = tsr_array_rank(node->array);
        open->has_chunk_shape = node->chunk_shape != NULL;
        if (node->chunk_shape)
            memcpy(open->chunk_shape, node->chunk_shape,
                   (size_t)open->rank * sizeof *node->chunk_shape);
    }
    return add_node(list, open);
}

static int make(cli_hash_list *list, const char *place, cli_progress *progress)
{
    cli_invocation *invocation = list->invocation;
    tsr_auto(cli_location_node) node = {NULL, NULL};
    tsr_hash_options options;
    tsr_hash hash;
    tsr_call call;
    int status;

    CLI_TRY(location_open_node_itself(invocation, place, &node));
    tsr_hash_options_init(&options);
    options.stored = list->stored;
    options.each_chunk = take_chunk;
    options.each_node = take_node;
    options.choose_chunk_shape = list->stored ? NULL : choose_boxes;
    options.user = list;
    progress_begin(progress, place, 0);
    progress_call(progress, &call);
    status = node.array ? tsr_array_hash(node.array, &options, &call, &hash, &invocation->error)
                        : tsr_group_hash(node.group, &options, &call, &hash, &invocation->error);
    progress_end(progress);
    return status;
}

int hash_list_make(cli_invocation *invocation, const char *place, bool stored,
                   const cli_hash_list *like, cli_progress *progress, cli_hash_list *ret_list)
{
    int status;

    *ret_list = (cli_hash_list){.stored = stored, .invocation = invocation, .like = like};
    status = make(ret_list, place, progress);
    sort_nodes(ret_list);
    if (status < 0)
        hash_list_clear(ret_list);
    return status;
}

/* ---- reading ---- */

bool hash_list_is_file(const char *operand)
{
    const char *path;
    FILE *file;
    int first = EOF;

    if (!location_is_local(operand, &path) || !(file = fopen(path, "re")))
        return false;
    do
        first = getc(file); /* nothing, where it is a folder */
    while (first == ' ' || first == '\n' || first == '\t' || first == '\r');
    fclose(file);
    return first == '{';
}

static int read_text(cli_invocation *invocation, const char *path, char **ret_text,
                     size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    size_t size = 0, capacity = 0;
    char *text = NULL, *grown = NULL;

    if (!file)
        return tsr_error_set(&invocation->error, errno == ENOENT ? TSR_NOT_FOUND : TSR_IO,
                             "cannot open %s: %s", path, strerror(errno));
    do {
        capacity = capacity ? 2 * capacity : 1 << 16;
        grown = memory_resized(text, capacity);
        if (!grown)
            break;
        text = grown;
        size += fread(text + size, 1, capacity - size, file);
    } while (size == capacity);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (!grown || failed) {
        memory_free(text);
        return tsr_error_set(&invocation->error, grown ? TSR_IO : TSR_NO_MEMORY, "cannot read %s%s",
                             path, grown ? "" : ": out of memory");
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

static int no_hashes(cli_hash_list *list, const char *what)
{
    tsr_error_set(&list->invocation->error, TSR_BAD_METADATA, "not the hashes of a tree: %s", what);
    tsr_error_set_next_step(&list->invocation->error,
                            "`tessera hash PLACE --levels --json` prints them");
    return TSR_BAD_METADATA;
}

static const char *get_text(struct json_object *row, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(row, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static bool get_hash(struct json_object *row, const char *name, tsr_hash *ret_hash)
{
    const char *text = get_text(row, name);
    unsigned int byte;

    if (!text || strlen(text) != 2 * TSR_HASH_BYTES ||
        strspn(text, "0123456789abcdef") != 2 * TSR_HASH_BYTES)
        return false;
    for (int i = 0; i < TSR_HASH_BYTES; i++) {
        sscanf(text + 2 * i, "%2x", &byte);
        ret_hash->bytes[i] = (unsigned char)byte;
    }
    return true;
}

/* The lengths of a list, and how many there are; -1 when it is none. */
static int get_lengths(struct json_object *row, const char *name, int64_t *ret_lengths)
{
    struct json_object *list, *length;
    int count;

    if (!json_object_object_get_ex(row, name, &list) || !json_object_is_type(list, json_type_array))
        return -1;
    count = (int)json_object_array_length(list);
    if (count > TSR_RANK_MAX)
        return -1;
    for (int i = 0; i < count; i++) {
        length = json_object_array_get_idx(list, (size_t)i);
        if (!json_object_is_type(length, json_type_int) || json_object_get_int64(length) < 0)
            return -1;
        ret_lengths[i] = json_object_get_int64(length);
    }
    return count;
}

static int read_node(cli_hash_list *list, struct json_object *row)
{
    cli_hashed_node node = {0};
    const char *path = get_text(row, "path"), *kind = get_text(row, "kind");
    struct json_object *chunks;
    int64_t shape[TSR_RANK_MAX];

    if (!path || !kind || !get_hash(row, "hash", &node.hash) ||
        !get_hash(row, "metadata", &node.metadata))
        return no_hashes(list, "a node without path, kind and hashes");
    node.is_array = strcmp(kind, "array") == 0;
    if (node.is_array) {
        node.rank = get_lengths(row, "shape", shape);
        if (node.rank < 0 || !json_object_object_get_ex(row, "chunks", &chunks))
            return no_hashes(list, "an array without shape and number of chunks");
        node.chunks = json_object_get_int64(chunks);
        node.has_chunk_shape = get_lengths(row, "chunk_shape", node.chunk_shape) == node.rank;
    }
    node.path = memory_text(path);
    return node.path ? add_node(list, &node) : no_memory(list);
}

static int read_chunk(cli_hash_list *list, struct json_object *row)
{
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    const char *path = get_text(row, "path"), *kind = get_text(row, "kind");
    cli_hashed_node *node = path ? (cli_hashed_node *)hash_list_find(list, path) : NULL;
    tsr_hash hash;

    if (kind && strcmp(kind, "shard") == 0)
        return 0;
    if (!node || !node->is_array || get_lengths(row, "start", start) != node->rank ||
        get_lengths(row, "shape", shape) != node->rank || !get_hash(row, "hash", &hash))
        return no_hashes(list, "a chunk without array, box and hash");
    return add_chunk(list, node, start, shape, &hash);
}

static int read_rows(cli_hash_list *list, struct json_object *root, const char *name,
                     int (*read)(cli_hash_list *list, struct json_object *row))
{
    struct json_object *rows;

    if (!json_object_object_get_ex(root, name, &rows) ||
        !json_object_is_type(rows, json_type_array))
        return no_hashes(list, name);
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        CLI_TRY(read(list, json_object_array_get_idx(rows, i)));
    return 0;
}

static int read_document(cli_hash_list *list, struct json_object *root)
{
    const char *version = get_text(root, "hashes"), *form = get_text(root, "form");

    if (!version || strcmp(version, HASHES_VERSION) != 0 || !form)
        return no_hashes(list, "\"hashes\" is not \"" HASHES_VERSION "\"");
    list->stored = strcmp(form, "stored") == 0;
    CLI_TRY(read_rows(list, root, "nodes", read_node));
    sort_nodes(list);
    return read_rows(list, root, "chunks", read_chunk);
}

int hash_list_load(cli_invocation *invocation, const char *operand, cli_hash_list *ret_list)
{
    struct json_object *root = NULL;
    const char *path = operand;
    char *text = NULL;
    size_t size = 0;
    int status;

    *ret_list = (cli_hash_list){.invocation = invocation};
    location_is_local(operand, &path);
    CLI_TRY(read_text(invocation, path, &text, &size));
    status = tsr_json_parse(text, size, TSR_JSON_STRICT, size + 1, &root, &invocation->error);
    memory_free(text);
    if (status >= 0)
        status = read_document(ret_list, root);
    json_object_put(root);
    if (status < 0) {
        hash_list_clear(ret_list);
        tsr_error_prepend(&invocation->error, "%s", operand);
    }
    return status;
}
