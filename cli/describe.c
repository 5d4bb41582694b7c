#include "describe.h"

#include <string.h>
#include <sys/stat.h>

#include "location.h"
#include "memory.h"
#include "show.h"

int describe_stored(tsr_context *context, const tsr_array *array, cli_stored_size *ret_stored,
                    tsr_error *err)
{
    tsr_error error = TSR_ERROR_INIT;
    int status = TSR_UNSUPPORTED;

    memset(ret_stored, 0, sizeof *ret_stored);
    if (location_is_zarr(tsr_array_driver(array)))
        status = location_stored_size(context, tsr_array_place(array), &ret_stored->size_bytes,
                                      &ret_stored->objects, &error);
    ret_stored->known = status >= 0;
    if (status == TSR_NO_MEMORY || status == TSR_CANCELLED)
        return tsr_error_set(err, status, "%s", error.message);
    return 0;
}

const int64_t *describe_chunks(const tsr_array *array)
{
    return tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));
}

const int64_t *describe_shards(const tsr_array *array)
{
    return tsr_array_shard_levels(array) > 0 ? tsr_array_chunk_shape(array) : NULL;
}

int64_t describe_count(const tsr_array *array)
{
    int64_t count = 1;
    bool huge = false;

    /* An empty axis comes after however many long ones. */
    for (int i = 0; i < tsr_array_rank(array); i++)
        if (tsr_array_shape(array)[i] == 0)
            return 0;
    for (int i = 0; i < tsr_array_rank(array); i++)
        huge |= __builtin_mul_overflow(count, tsr_array_shape(array)[i], &count);
    return huge ? SHOW_TOO_LARGE : count;
}

int64_t describe_decoded_size(const tsr_array *array)
{
    int64_t count = describe_count(array), size;

    if (count == SHOW_TOO_LARGE ||
        __builtin_mul_overflow(count, (int64_t)tsr_array_dtype(array)->size_bytes, &size))
        return SHOW_TOO_LARGE;
    return size;
}

/* A number, or null where it is too large for one. */
static void add_exact(cli_document *document, struct json_object *object, const char *key,
                      int64_t value)
{
    if (value == SHOW_TOO_LARGE)
        document_add_null(document, object, key);
    else
        document_add_integer(document, object, key, value);
}

const char *describe_layout(const tsr_array *array, char text[DESCRIBE_LAYOUT_MAX])
{
    char lengths[SHOW_SHAPE_MAX];
    int rank = tsr_array_rank(array);
    const int64_t *shards = describe_shards(array);
    size_t used;

    used = (size_t)snprintf(text, DESCRIBE_LAYOUT_MAX, "chunks %s",
                            show_lengths(lengths, rank, describe_chunks(array)));
    if (shards)
        used += (size_t)snprintf(text + used, DESCRIBE_LAYOUT_MAX - used, " in shards %s",
                                 show_lengths(lengths, rank, shards));
    if (!tsr_array_is_regular(array))
        snprintf(text + used, DESCRIBE_LAYOUT_MAX - used, " at most");
    return text;
}

const char *describe_sizes(const tsr_array *array, const cli_stored_size *stored,
                           char text[DESCRIBE_SIZES_MAX])
{
    char whole[SHOW_SIZE_MAX], kept[SHOW_SIZE_MAX];

    show_size(whole, describe_decoded_size(array));
    if (stored->known)
        snprintf(text, DESCRIBE_SIZES_MAX, "%s -> %s", whole, show_size(kept, stored->size_bytes));
    else
        snprintf(text, DESCRIBE_SIZES_MAX, "%s", whole);
    return text;
}

/* ---- attributes ---- */

/* Takes the text apart, and frees it. */
static int parse_attributes(char *json, struct json_object **ret_attributes, tsr_error *err)
{
    int status = document_parse(json, ret_attributes, err);

    tsr_free(json);
    return status;
}

int describe_array_attributes(tsr_array *array, struct json_object **ret_attributes, tsr_error *err)
{
    char *json;

    CLI_TRY(tsr_array_attributes(array, &json, err));
    return parse_attributes(json, ret_attributes, err);
}

int describe_group_attributes(tsr_group *group, struct json_object **ret_attributes, tsr_error *err)
{
    char *json;

    CLI_TRY(tsr_group_attributes(group, &json, err));
    return parse_attributes(json, ret_attributes, err);
}

/* ---- as JSON ---- */

static void add_dimensions(cli_document *document, struct json_object *object,
                           const tsr_array *array)
{
    struct json_object *list = document_add_list(document, object, "dimension_names");

    for (int i = 0; i < tsr_array_rank(array); i++)
        document_add_text(document, list, NULL, tsr_array_dimension_name(array, i));
}

/* The lengths of the store's chunks where they do not all have one shape. */
static int add_edges(cli_document *document, struct json_object *object, const tsr_array *array,
                     tsr_error *err)
{
    char *edges;

    if (tsr_array_is_regular(array)) {
        document_add_null(document, object, "edges");
        return 0;
    }
    CLI_TRY(tsr_array_chunk_edges(array, &edges, err));
    document_add_json(document, object, "edges", edges);
    tsr_free(edges);
    return 0;
}

static int add_layout(cli_document *document, struct json_object *object, const tsr_array *array,
                      tsr_error *err)
{
    int rank = tsr_array_rank(array), levels = tsr_array_shard_levels(array);
    struct json_object *list;

    document_add_lengths(document, object, "chunks", rank, describe_chunks(array));
    if (levels > 0)
        document_add_lengths(document, object, "shards", rank, tsr_array_chunk_shape(array));
    else
        document_add_null(document, object, "shards");
    list = document_add_list(document, object, "grids");
    for (int level = 0; level <= levels; level++)
        document_add_lengths(document, list, NULL, rank, tsr_array_inner_chunk_shape(array, level));
    return add_edges(document, object, array, err);
}

int describe_array(cli_document *document, struct json_object *object, tsr_array *array,
                   const cli_stored_size *stored, bool attributes, tsr_error *err)
{
    char *text;
    bool keeps;

    document_add_text(document, object, "kind", "array");
    document_add_text(document, object, "driver", tsr_array_driver(array));
    document_add_lengths(document, object, "shape", tsr_array_rank(array), tsr_array_shape(array));
    add_dimensions(document, object, array);
    document_add_text(document, object, "dtype", tsr_array_dtype(array)->name);
    if (tsr_array_fill_is_undefined(array))
        document_add_null(document, object, "fill_value");
    else
        document_add_element(document, object, "fill_value", tsr_array_dtype(array),
                             tsr_array_fill_value(array));
    CLI_TRY(add_layout(document, object, array, err));
    document_add_json(document, object, "codecs", tsr_array_codecs(array));
    if (tsr_array_chunk_keys(array))
        document_add_json(document, object, "chunk_keys", tsr_array_chunk_keys(array));
    else
        document_add_null(document, object, "chunk_keys");
    document_add_text(document, object, "parity", tsr_array_parity(array));
    add_exact(document, object, "count", describe_count(array));
    add_exact(document, object, "size_bytes", describe_decoded_size(array));
    if (stored->known) {
        document_add_integer(document, object, "stored_bytes", stored->size_bytes);
        document_add_integer(document, object, "stored_objects", stored->objects);
    } else {
        document_add_null(document, object, "stored_bytes");
        document_add_null(document, object, "stored_objects");
    }
    if (!attributes)
        return 0;
    CLI_TRY(location_keeps_statistics(array, &keeps, err));
    document_add_flag(document, object, "statistics", keeps);
    CLI_TRY(tsr_array_attributes(array, &text, err));
    document_add_json(document, object, "attributes", text);
    tsr_free(text);
    return 0;
}

int describe_group(cli_document *document, struct json_object *object, tsr_group *group,
                   bool attributes, tsr_error *err)
{
    char *text;

    document_add_text(document, object, "kind", "group");
    document_add_text(document, object, "driver", tsr_group_driver(group));
    if (!attributes)
        return 0;
    CLI_TRY(tsr_group_attributes(group, &text, err));
    document_add_json(document, object, "attributes", text);
    tsr_free(text);
    return 0;
}

/* ---- children ---- */

static int add_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    cli_child_list *list = user;
    cli_child added = {.kind = kind, .status = error ? error->status : 0}, *children;

    /* That says nothing about the child. */
    if (added.status == TSR_NO_MEMORY)
        return TSR_NO_MEMORY;
    children = memory_grown(list->children, list->count, &list->capacity, sizeof *children);
    if (!children)
        return TSR_NO_MEMORY;
    list->children = children;
    added.name = memory_text(name);
    if (!added.name)
        return TSR_NO_MEMORY;
    /* Why it cannot be read is good to know, but a child is listed without that too. */
    if (error && error->status)
        added.problem = memory_text(error->message);
    list->children[list->count++] = added;
    return 0;
}

int child_list_read(tsr_group *group, cli_child_list *ret_list, tsr_error *err)
{
    cli_child_list list = {NULL, 0, 0};
    int status = tsr_group_children(group, add_child, &list, err);

    if (status < 0) {
        child_list_clear(&list);
        return status == TSR_NO_MEMORY ? tsr_error_set(err, status, "out of memory") : status;
    }
    *ret_list = list;
    return 0;
}

/* Deeper nesting, and more links, are no hierarchy that somebody has made. */
enum { DEPTH_MAX = 64, LINKS_MAX = 4096 };

int describe_count_link(cli_invocation *invocation, const char *place)
{
    struct stat status;
    const char *path;

    if (!location_is_local(place, &path) || lstat(path, &status) < 0 || !S_ISLNK(status.st_mode))
        return 0;
    if (++invocation->links <= LINKS_MAX)
        return 0;
    tsr_error_set(&invocation->error, TSR_LIMIT,
                  "%s: it is one of more than %d groups that are symbolic links", place, LINKS_MAX);
    tsr_error_set_next_step(&invocation->error,
                            "links that lead to more links multiply: remove some, or name a group "
                            "further down");
    return TSR_LIMIT;
}

int child_list_descend(cli_invocation *invocation, tsr_group *group, int depth,
                       cli_child_list *ret_list)
{
    const char *place = tsr_group_place(group);

    if (depth > DEPTH_MAX)
        return tsr_error_set(&invocation->error, TSR_LIMIT,
                             "%s: groups are nested more than %d deep", place, DEPTH_MAX);
    if (depth > 0)
        CLI_TRY(describe_count_link(invocation, place));
    return child_list_read(group, ret_list, &invocation->error);
}

void child_list_clear(cli_child_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        memory_free(list->children[i].name);
        memory_free(list->children[i].problem);
    }
    memory_free(list->children);
    memset(list, 0, sizeof *list);
}
