/* What there is to say about arrays and groups, for `info`, `tree` and `ls`. */
#ifndef TESSERA_CLI_DESCRIBE_H
#define TESSERA_CLI_DESCRIBE_H

#include "document.h"
#include "invocation.h"

/* The stored size of an array, where it lies in a store of its own. */
typedef struct cli_stored_size {
    bool known;
    int64_t size_bytes, objects;
} cli_stored_size;

/* Looks it up by listing the store; unknown for arrays inside files such as netCDF, and where the
 * store cannot be listed. Errors: NO_MEMORY, CANCELLED by a signal. */
int describe_stored(tsr_context *context, const tsr_array *array, cli_stored_size *ret_stored,
                    tsr_error *err);

/* The shape of the chunks that are decoded one by one, and of the shards around them (NULL: none).
 */
const int64_t *describe_chunks(const tsr_array *array);
const int64_t *describe_shards(const tsr_array *array);

/* The number of elements of an array, and their decoded size: SHOW_TOO_LARGE where that is more
 * than 2^63-1. */
int64_t describe_count(const tsr_array *array);
int64_t describe_decoded_size(const tsr_array *array);

/* Adds the facts of an array or group to a JSON object, with or without its attributes, and of an
 * array whether it keeps statistics, which has to be looked up. Errors: NO_MEMORY, IO. */
int describe_array(cli_document *document, struct json_object *object, tsr_array *array,
                   const cli_stored_size *stored, bool attributes, tsr_error *err);
int describe_group(cli_document *document, struct json_object *object, tsr_group *group,
                   bool attributes, tsr_error *err);

/* The attributes as a JSON object. Owner: the caller, by json_object_put. Errors: NO_MEMORY, LIMIT.
 */
int describe_array_attributes(tsr_array *array, struct json_object **ret_attributes,
                              tsr_error *err);
int describe_group_attributes(tsr_group *group, struct json_object **ret_attributes,
                              tsr_error *err);

/* "chunks 270x270 in shards 1080x1080". Returns `text`. */
enum { DESCRIBE_LAYOUT_MAX = 2048 };
const char *describe_layout(const tsr_array *array, char text[DESCRIBE_LAYOUT_MAX]);

/* "35.6 MiB -> 9.8 MiB", or the first half alone. Returns `text`. */
enum { DESCRIBE_SIZES_MAX = 80 };
const char *describe_sizes(const tsr_array *array, const cli_stored_size *stored,
                           char text[DESCRIBE_SIZES_MAX]);

/* The children of a group in byte order, with the errors of those that cannot be read. */
typedef struct cli_child {
    char *name;
    tsr_node_kind kind;
    char *problem; /* NULL, or why its metadata cannot be read */
    int status;    /* the status that goes with it, or 0 */
} cli_child;

typedef struct cli_child_list {
    cli_child *children;
    size_t count, capacity;
} cli_child_list;

/* Errors: those of tsr_group_children, NO_MEMORY. */
int child_list_read(tsr_group *group, cli_child_list *ret_list, tsr_error *err);

/* The same for commands that walk over a tree: `group` lies `depth` groups below the place that was
 * given. Links that branch on every level make a tree that is as good as endless, without any
 * circle; its end is told here. Errors: as above, LIMIT. */
int child_list_descend(cli_invocation *invocation, tsr_group *group, int depth,
                       cli_child_list *ret_list);

/* Counts a place that a walk has come to, if it is a symbolic link. Errors: LIMIT. */
int describe_count_link(cli_invocation *invocation, const char *place);

/* Releases everything. */
void child_list_clear(cli_child_list *list);

#endif
