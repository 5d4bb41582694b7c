#include "each_array.h"

#include <string.h>

#include "describe.h"
#include "memory.h"

typedef struct cli_array_walk {
    cli_invocation *invocation;
    const tsr_group *group;
    bool writable;
    int (*each)(void *user, tsr_array *array);
    void *user;
    int status;
} cli_array_walk;

static int visit_place(cli_array_walk *walk, const char *place)
{
    cli_invocation *invocation = walk->invocation;
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_open_options options;

    tsr_array_open_options_init(&options);
    options.writable = walk->writable;
    options.ignore_consolidated = true;
    CLI_TRY(tsr_array_open(invocation->context, place, &options, &array, &invocation->error));
    return walk->each(walk->user, array);
}

static int visit_node(void *user, const char *path, tsr_node_kind kind, const tsr_error *error)
{
    cli_array_walk *walk = user;

    if (error && error->status < 0) {
        walk->invocation->error = *error;
        return walk->status = error->status;
    }
    if (kind != TSR_NODE_ARRAY)
        return 0;
    char *place = location_join(tsr_group_place(walk->group), path);
    if (!place)
        return walk->status =
                   tsr_error_set(&walk->invocation->error, TSR_NO_MEMORY, "out of memory");
    walk->status = visit_place(walk, place);
    memory_free(place);
    return walk->status;
}

static bool lies_in_store(const char *driver)
{
    return location_is_zarr(driver) || strcmp(driver, "folder") == 0;
}

int each_array(cli_invocation *invocation, const char *operand, bool writable,
               int (*each)(void *user, tsr_array *array), void *user)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};
    cli_array_walk walk = {
        .invocation = invocation, .writable = writable, .each = each, .user = user};
    tsr_error error = TSR_ERROR_INIT;

    CLI_TRY(location_open_node_itself(invocation, operand, &node));
    if (node.array)
        return visit_place(&walk, tsr_array_place(node.array));
    if (!lies_in_store(tsr_group_driver(node.group)))
        return tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                             "%s: a %s file has no chunks in "
                             "a store",
                             tsr_group_place(node.group), tsr_group_driver(node.group));
    walk.group = node.group;
    int status = tsr_group_walk(node.group, NULL, visit_node, &walk, &error);
    if (status < 0 && walk.status == 0)
        invocation->error = error;
    return status;
}
