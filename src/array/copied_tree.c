#include "array/copied_tree.h"

#include "base/context.h"

/* The copies that lie in a folder of a store without any document beside them; else NULL. */
static int copies_at(tsr_store *store, const char *folder, tsri_consolidated **ret_copies,
                     tsr_error *err)
{
    static const tsri_zarr_meta group = {.zarr_format = 2, .is_group = true};
    tsr_auto(tsri_consolidated) *copies = NULL;
    tsr_node_kind kind;

    TSRI_TRY(tsri_consolidated_find(store, folder, &group, &copies, err));
    if (copies && tsri_node_kind(store, folder, 0, &kind, NULL) == 0 && kind == TSR_NODE_NONE)
        *ret_copies = TSRI_TAKE(copies);
    return 0;
}

/* Cuts the last part of a path off. False where there is none left. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (!*path)
        return false;
    *(slash ? slash : path) = '\0';
    return true;
}

/* In the folders of a store, from a path upwards. */
static int find_in_store(tsr_store *store, const char *path, tsri_consolidated **ret_copies,
                         tsr_error *err)
{
    tsr_auto(tsri_text) *folder = tsri_strdup(path);

    if (!folder)
        return tsri_error_no_memory(err, strlen(path));
    do
        TSRI_TRY(copies_at(store, folder, ret_copies, err));
    while (!*ret_copies && go_up(folder));
    return 0;
}

/* A place in the file system may be a folder of a tree whose root lies above it. Folders that
 * cannot be looked into are no trees. */
static int find_above(tsr_context *context, const char *path, tsri_place *place,
                      tsri_consolidated **ret_copies, tsr_error *err)
{
    tsr_auto(tsri_text) *folder = tsri_strdup(path);

    if (!folder)
        return tsri_error_no_memory(err, strlen(path));
    while (!*ret_copies && go_up(folder)) {
        tsr_auto(tsr_store) *store = NULL;
        const char *root = *folder ? folder : *path == '/' ? "/" : ".";
        int status = tsr_store_open(context, root, &store, err);
        if (status == 0)
            status = copies_at(store, "", ret_copies, err);
        if (status == TSR_NO_MEMORY || status == TSR_BAD_METADATA)
            return status;
        if (!*ret_copies)
            continue;
        char *inner = tsri_path_normalise(path + strlen(folder));
        if (!inner)
            return tsri_error_no_memory(err, strlen(path));
        tsri_free(place->path);
        place->path = inner;
        tsr_store_close(place->store);
        place->store = TSRI_TAKE(store);
    }
    return 0;
}

static int find_tree(tsri_place *place, const tsr_array_open_options *options,
                     tsri_consolidated **ret_copies, tsr_error *err)
{
    const char *local = options->store ? NULL : tsri_place_local_path(place->text);

    TSRI_TRY(find_in_store(place->store, place->path, ret_copies, err));
    /* What is a path in a store, is one from its root on. */
    if (*ret_copies || !local || *place->path)
        return 0;
    return find_above(place->store->context, local, place, ret_copies, err);
}

static int read_only(const tsri_place *place, tsr_error *err)
{
    tsr_error_set(err, TSR_READ_ONLY, "%s: of a tree whose metadata is in .zmetadata alone",
                  place->text);
    tsr_error_set_next_step(err, "`tessera cp` makes a tree of it that can be written to");
    return TSR_READ_ONLY;
}

int tsri_copied_tree_read(tsri_place *place, const tsr_array_open_options *options,
                          tsri_consolidated **ret_copies, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_consolidated) *copies = NULL;
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_error failure = TSR_ERROR_INIT;

    if (options->zarr_format == 3)
        return TSR_NOT_FOUND;
    int status = find_tree(place, options, &copies, &failure);
    if (status == 0 && copies)
        status = tsri_consolidated_read(copies, place->path, &meta, &failure);
    if (status == TSR_NOT_FOUND || (status == 0 && !copies))
        return TSR_NOT_FOUND;
    if (status == 0 && options->writable)
        status = read_only(place, &failure);
    if (err)
        *err = failure;
    if (status < 0)
        return status;
    *ret_copies = TSRI_TAKE(copies);
    *ret_meta = TSRI_TAKE(meta);
    return 0;
}
