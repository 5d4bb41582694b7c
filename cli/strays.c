#include "strays.h"

#include <string.h>

#include "progress.h"

typedef struct cli_strays {
    cli_invocation *invocation;
    tsr_store *store;
    const cli_child_list *children;
    void (*each)(void *user, const char *key, int64_t size_bytes);
    void *user;
    const tsr_call *call;
} cli_strays;

static bool is_metadata(const char *name)
{
    static const char *const names[] = {"zarr.json", ".zgroup", ".zattrs", ".zmetadata", NULL};

    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_child(const cli_child_list *children, const char *folder)
{
    size_t length = strlen(folder) - 1; /* without the slash */

    for (size_t i = 0; i < children->count; i++)
        if (strlen(children->children[i].name) == length &&
            memcmp(children->children[i].name, folder, length) == 0)
            return true;
    return false;
}

typedef struct folder_content {
    int64_t size_bytes;
    bool is_node; /* has metadata of an array or a group */
} folder_content;

static int add_entry(void *user, const tsr_store_entry *entry)
{
    folder_content *content = user;

    content->size_bytes += entry->size_bytes > 0 ? entry->size_bytes : 0;
    content->is_node |= is_metadata(entry->name) || strcmp(entry->name, ".zarray") == 0;
    return 0;
}

static int take_entry(void *user, const tsr_store_entry *entry)
{
    cli_strays *strays = user;
    int64_t size_bytes = entry->size_bytes;

    if (strncmp(entry->name, "__", 2) == 0)
        return 0;
    if (entry->is_prefix ? is_child(strays->children, entry->name) : is_metadata(entry->name))
        return 0;
    if (entry->is_prefix) {
        folder_content content = {0, false};
        CLI_TRY(tsr_store_list(strays->store, entry->name, false, add_entry, &content, strays->call,
                               &strays->invocation->error));
        /* Folders without a key in them are none of a store's business, and nodes that are not
         * listed as children are those that a link leads back to. */
        if (content.size_bytes == 0 || content.is_node)
            return 0;
        size_bytes = content.size_bytes;
    }
    strays->each(strays->user, entry->name, size_bytes);
    return 0;
}

int strays_find(cli_invocation *invocation, const tsr_group *group, const cli_child_list *children,
                void (*each)(void *user, const char *key, int64_t size_bytes), void *user)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_call call;

    progress_call(NULL, &call);
    CLI_TRY(
        tsr_store_open(invocation->context, tsr_group_place(group), &store, &invocation->error));
    cli_strays strays = {invocation, store, children, each, user, &call};
    return tsr_store_list(store, "", true, take_entry, &strays, &call, &invocation->error);
}
