/* Groups of a Zarr hierarchy and of files, and places that may be either. */
#include <tessera/group.h>

#include <stdlib.h>

#include "array/array.h"
#include "array/consolidated.h"
#include "array/copied_tree.h"
#include "array/create.h"
#include "array/node_hold.h"
#include "array/place.h"
#include "array/tree.h"
#include "base/context.h"

struct tsr_group {
    int references;       /* atomic */
    tsr_context *context; /* held */
    tsri_place place;     /* owned */
    bool writable;
    int zarr_format;                 /* 0 in files, and where a folder has no metadata */
    tsri_consolidated *consolidated; /* held: what opens and lists nodes below; NULL: the store */
    bool ignore_consolidated;        /* for the groups below, which may carry copies too */
    bool is_copied;                  /* of a tree without documents: see copied_tree.h */
    pthread_mutex_t mutex;           /* attributes */
    tsri_fork_handler fork_handler;
    char *attributes;
};

static void lock_for_fork(void *group)
{
    pthread_mutex_lock(&((tsr_group *)group)->mutex);
}

static void unlock_after_fork(void *group)
{
    pthread_mutex_unlock(&((tsr_group *)group)->mutex);
}

static void group_free(tsr_group *group)
{
    tsri_place_clear(&group->place);
    tsri_consolidated_unref(group->consolidated);
    tsri_free(group->attributes);
    tsri_fork_unregister(&group->fork_handler);
    pthread_mutex_destroy(&group->mutex);
    tsri_context_unref(group->context);
    tsri_free(group);
}

tsr_group *tsr_group_ref(tsr_group *group)
{
    __atomic_fetch_add(&group->references, 1, __ATOMIC_RELAXED);
    return group;
}

void tsr_group_close(tsr_group *group)
{
    if (group && __atomic_sub_fetch(&group->references, 1, __ATOMIC_ACQ_REL) == 0)
        group_free(group);
}

/* Takes the place over on success. */
static int group_new(tsr_context *context, tsri_place *place, const tsri_zarr_meta *meta,
                     bool writable, tsr_group **ret_group, tsr_error *err)
{
    tsr_auto(tsri_text) *attributes = NULL;

    if (meta && meta->attributes)
        TSRI_TRY(tsr_json_text(meta->attributes, 0, &attributes, err));
    else if (!(attributes = tsri_strdup("{}")))
        return tsri_error_no_memory(err, 3);
    tsr_group *group = tsri_alloc_zero(sizeof *group);
    if (!group)
        return tsri_error_no_memory(err, sizeof *group);
    group->references = 1;
    group->context = tsri_context_ref(context);
    group->writable = writable;
    group->zarr_format = meta ? meta->zarr_format : 0;
    group->attributes = TSRI_TAKE(attributes);
    group->place = *place;
    *place = (tsri_place)TSRI_PLACE_INIT;
    pthread_mutex_init(&group->mutex, NULL);
    group->fork_handler = (tsri_fork_handler){.prepare = lock_for_fork,
                                              .parent = unlock_after_fork,
                                              .child = unlock_after_fork,
                                              .user = group};
    tsri_fork_register(&group->fork_handler);
    *ret_group = group;
    return 0;
}

/* ---- open and create ---- */

static int not_a_group(const char *place, tsr_error *err)
{
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: an array, not a group", place);
    return TSR_TYPE_MISMATCH;
}

static int open_in_file(tsr_context *context, tsri_place *place, bool writable,
                        tsr_group **ret_group, tsr_error *err)
{
    tsr_node_kind kind;

    if (writable)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: %s files are read only", place->text,
                             place->file->format->name);
    TSRI_TRY(place->file->format->probe(place->file->handle, place->path, &kind, err));
    if (kind == TSR_NODE_ARRAY)
        return not_a_group(place->text, err);
    if (kind == TSR_NODE_NONE)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s: no such group", place->text);
    return group_new(context, place, NULL, false, ret_group, err);
}

static int note_node(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)name;
    (void)kind;
    (void)error; /* one that cannot be read is one too */
    *(bool *)user = true;
    return 1;
}

/* A folder without metadata, if nodes lie in it; otherwise `err` stays as it is: not found. */
static int open_bare_folder(tsr_context *context, tsri_place *place, tsr_group **ret_group,
                            tsr_error *err)
{
    tsr_auto(tsr_group) *group = NULL;
    tsr_error failure = TSR_ERROR_INIT;
    bool has_nodes = false;

    TSRI_TRY(group_new(context, place, NULL, false, &group, err));
    int status = tsr_group_children(group, note_node, &has_nodes, &failure);
    if (status < 0 && err)
        *err = failure;
    if (status < 0 || !has_nodes)
        return status < 0 ? status : TSR_NOT_FOUND;
    tsr_error_clear(err);
    *ret_group = TSRI_TAKE(group);
    return 0;
}

static int open_place(tsr_context *context, tsri_place *place,
                      const tsr_array_open_options *options, tsr_group **ret_group, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_auto(tsri_consolidated) *consolidated = NULL;
    bool is_copied = false;

    if (place->file)
        return open_in_file(context, place, options->writable, ret_group, err);
    int status = tsri_node_read(place->store, place->path, options->zarr_format, &meta, err);
    if (status == TSR_NOT_FOUND)
        status = tsri_copied_tree_read(place, options, &consolidated, &meta, err);
    is_copied = consolidated != NULL;
    if (status == TSR_NOT_FOUND && options->bare_folders && !options->writable)
        return open_bare_folder(context, place, ret_group, err);
    TSRI_TRY(status);
    if (!meta->is_group)
        return not_a_group(place->text, err);
    if (!is_copied && !options->writable && !options->ignore_consolidated)
        TSRI_TRY(tsri_consolidated_find(place->store, place->path, meta, &consolidated, err));
    TSRI_TRY(group_new(context, place, meta, options->writable, ret_group, err));
    (*ret_group)->consolidated = TSRI_TAKE(consolidated);
    (*ret_group)->ignore_consolidated = options->ignore_consolidated;
    (*ret_group)->is_copied = is_copied;
    return 0;
}

tsr_context *tsri_group_context(const tsr_group *group)
{
    return group->context;
}

int tsr_group_open(tsr_context *context, const char *place, const tsr_array_open_options *options,
                   tsr_group **ret_group, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;
    tsr_array_open_options chosen;

    TSRI_TRY(tsri_open_options(options, &chosen, err));
    TSRI_TRY(tsri_place_resolve(context, place, chosen.store, false, &where, err));
    return open_place(context, &where, &chosen, ret_group, err);
}

void tsr_group_create_options_init(tsr_group_create_options *options)
{
    *options = (tsr_group_create_options){.struct_size = sizeof *options, .zarr_format = 3};
}

static int create_at(tsr_context *context, tsri_place *place,
                     const tsr_group_create_options *options, tsr_group **ret_group, tsr_error *err)
{
    tsri_zarr_meta_options meta_options = TSRI_ZARR_META_OPTIONS_INIT;
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_create_mode mode = options->mode;

    meta_options.is_group = true;
    meta_options.zarr_format = options->zarr_format;
    meta_options.attributes = options->attributes;
    if (mode == TSR_CREATE_OPEN) {
        tsr_node_kind kind;
        tsr_array_open_options open_options;
        TSRI_TRY(tsri_node_kind(place->store, place->path, 0, &kind, err));
        tsr_array_open_options_init(&open_options);
        open_options.writable = true;
        if (kind == TSR_NODE_GROUP)
            return open_place(context, place, &open_options, ret_group, err);
        mode = TSR_CREATE_NEW;
    }
    TSRI_TRY_IN(err, tsri_zarr_meta_build(context, &meta_options, &meta, err), "creating %s",
                place->text);
    TSRI_TRY(tsri_node_create(place->store, place->path, meta, mode, err));
    return group_new(context, place, meta, true, ret_group, err);
}

static int check_group_options(const tsr_group_create_options *options, tsr_error *err)
{
    if (options && options->struct_size == sizeof *options)
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                         "options that tsr_group_create_options_init has not set up");
}

int tsr_group_create(tsr_context *context, const char *place,
                     const tsr_group_create_options *options, tsr_group **ret_group, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;

    TSRI_TRY(check_group_options(options, err));
    TSRI_TRY(tsri_place_resolve(context, place, options->store, true, &where, err));
    return create_at(context, &where, options, ret_group, err);
}

static int probe_copied(tsri_place *place, const tsr_array_open_options *options,
                        tsr_node_kind *ret_kind, tsr_error *err)
{
    tsr_auto(tsri_consolidated) *copies = NULL;
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    int status = tsri_copied_tree_read(place, options, &copies, &meta, err);
    if (status == 0)
        *ret_kind = meta->is_group ? TSR_NODE_GROUP : TSR_NODE_ARRAY;
    return status == TSR_NOT_FOUND ? 0 : status;
}

int tsr_place_probe(tsr_context *context, const char *place, const tsr_array_open_options *options,
                    tsr_node_kind *ret_kind, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;
    tsr_array_open_options chosen;

    TSRI_TRY(tsri_open_options(options, &chosen, err));
    TSRI_TRY(tsri_place_resolve(context, place, chosen.store, false, &where, err));
    if (where.file)
        return where.file->format->probe(where.file->handle, where.path, ret_kind, err);
    TSRI_TRY(tsri_node_kind(where.store, where.path, chosen.zarr_format, ret_kind, err));
    return *ret_kind == TSR_NODE_NONE ? probe_copied(&where, &chosen, ret_kind, err) : 0;
}

int tsr_place_erase(tsr_context *context, const char *place, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_place) where = TSRI_PLACE_INIT;

    TSRI_TRY(tsri_place_resolve(context, place, NULL, false, &where, err));
    if (where.file)
        return tsr_error_set(err, TSR_READ_ONLY,
                             "%s: a %s file; only Zarr arrays and groups are erased", place,
                             where.file->format->name);
    return tsri_node_erase(where.store, where.path, call, err);
}

/* ---- queries ---- */

const char *tsr_group_driver(const tsr_group *group)
{
    if (group->place.file)
        return group->place.file->format->name;
    return group->zarr_format == 3 ? "zarr3" : group->zarr_format == 2 ? "zarr2" : "folder";
}

const char *tsr_group_place(const tsr_group *group)
{
    return group->place.text;
}

int tsr_group_attributes(tsr_group *group, char **ret_json, tsr_error *err)
{
    const tsri_place *place = &group->place;
    if (place->file)
        return place->file->format->attributes(place->file->handle, place->path, ret_json, err);
    pthread_mutex_lock(&group->mutex);
    char *copy = tsri_strdup(group->attributes);
    pthread_mutex_unlock(&group->mutex);
    if (!copy)
        return tsri_error_no_memory(err, 0);
    *ret_json = copy;
    return 0;
}

static int change_attributes(tsr_group *group, const tsri_attribute_change *change, tsr_error *err)
{
    const tsri_place *place = &group->place;
    char *json = NULL;

    if (!group->writable)
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", place->text);
    TSRI_TRY_IN(err,
                tsri_node_change_attributes(place->store, place->path, group->zarr_format, true,
                                            change, &json, err),
                "%s", place->text);
    pthread_mutex_lock(&group->mutex);
    char *before = group->attributes;
    group->attributes = json;
    pthread_mutex_unlock(&group->mutex);
    tsri_free(before);
    return 0;
}

int tsr_group_set_attributes(tsr_group *group, const char *json, tsr_error *err)
{
    return change_attributes(group, &(tsri_attribute_change){true, json, NULL}, err);
}

int tsr_group_update_attributes(tsr_group *group, const char *json, const char *const *removed,
                                tsr_error *err)
{
    return change_attributes(group, &(tsri_attribute_change){false, json, removed}, err);
}

/* ---- consolidated metadata ---- */

bool tsr_group_is_consolidated(const tsr_group *group)
{
    return group->consolidated != NULL;
}

void tsr_consolidate_options_init(tsr_consolidate_options *options)
{
    *options = (tsr_consolidate_options){.struct_size = sizeof *options};
}

int tsr_group_consolidate(tsr_group *group, const tsr_consolidate_options *options,
                          tsr_consolidate_result *ret_result, tsr_error *err)
{
    tsr_consolidate_options chosen;
    tsri_consolidation done;
    const tsri_place *place = &group->place;

    tsr_consolidate_options_init(&chosen);
    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_consolidate_options_init has not set up");
    if (options)
        chosen = *options;
    if (!place->store || (!group->writable && !chosen.dry_run))
        return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", place->text);
    if (group->is_copied)
        done = tsri_consolidated_tell(group->consolidated, place->path);
    else
        TSRI_TRY_IN(err,
                    tsri_consolidate(place->store, place->path, group->zarr_format, chosen.remove,
                                     chosen.dry_run, &done, err),
                    "%s", place->text);
    if (ret_result)
        *ret_result =
            (tsr_consolidate_result){(int64_t)done.nodes, done.had_copies, done.was_stale};
    return 0;
}

/* ---- children ---- */

typedef struct names {
    char **items;
    size_t count, capacity;
} names;

static int add_name(void *user, const char *name, size_t size_bytes)
{
    names *self = user;

    char **items = tsri_grow_array(self->items, self->count, &self->capacity, sizeof *items);
    if (!items)
        return TSR_NO_MEMORY;
    self->items = items;
    self->items[self->count] = tsri_strndup(name, size_bytes);
    return self->items[self->count] ? (self->count++, 0) : TSR_NO_MEMORY;
}

static int add_folder(void *user, const tsr_store_entry *entry)
{
    size_t length = strlen(entry->name);
    return entry->is_prefix && length >= 2 ? add_name(user, entry->name, length - 1) : 0;
}

static void names_clear(names *self)
{
    for (size_t i = 0; i < self->count; i++)
        tsri_free(self->items[i]);
    tsri_free(self->items);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the copy of a node is of. */
static int copied_kind(const tsr_group *group, const char *path, tsr_node_kind *ret_kind,
                       tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    TSRI_TRY(tsri_consolidated_read(group->consolidated, path, &meta, err));
    *ret_kind = meta->is_group ? TSR_NODE_GROUP : TSR_NODE_ARRAY;
    return 0;
}

/* Folders that hold no node (chunks of a v2 array, somebody's files) are no children. */
static int visit_child(tsr_group *group, const char *name,
                       int (*each)(void *user, const char *name, tsr_node_kind kind,
                                   const tsr_error *error),
                       void *user, tsr_error *err)
{
    tsr_error failure = TSR_ERROR_INIT;
    tsr_node_kind kind = TSR_NODE_NONE;

    if (tsri_node_name_check(name, strlen(name), NULL) < 0)
        return 0;
    tsr_auto(tsri_text) *path = tsri_path_join(group->place.path, name);
    if (!path)
        return tsri_error_no_memory(err, 0);
    int status = group->consolidated ? copied_kind(group, path, &kind, &failure)
                                     : tsri_node_kind(group->place.store, path, 0, &kind, &failure);
    if (status == 0 && kind == TSR_NODE_NONE)
        return 0;
    return each(user, name, kind, status < 0 ? &failure : NULL);
}

/* The names of what may be children, in no order, some of them twice. */
static int list_names(const tsr_group *group, names *found, tsr_error *err)
{
    const tsri_place *place = &group->place;
    int status;

    if (group->consolidated) {
        status = tsri_consolidated_children(group->consolidated, place->path, add_name, found);
    } else {
        tsr_auto(tsri_text) *prefix = tsri_format("%s%s", place->path, *place->path ? "/" : "");
        if (!prefix)
            return tsri_error_no_memory(err, 0);
        status = tsr_store_list(place->store, prefix, true, add_folder, found, NULL, err);
    }
    if (status == TSR_NO_MEMORY && err && err->status == 0)
        tsri_error_no_memory(err, 0);
    return status;
}

int tsr_group_children(tsr_group *group,
                       int (*each)(void *user, const char *name, tsr_node_kind kind,
                                   const tsr_error *error),
                       void *user, tsr_error *err)
{
    const tsri_place *place = &group->place;
    names found = {0};

    if (place->file)
        return place->file->format->children(place->file->handle, place->path, each, user, err);
    int status = list_names(group, &found, err);
    if (found.count > 1)
        qsort(found.items, found.count, sizeof *found.items, compare_names);
    for (size_t i = 0; i < found.count && status == 0; i++)
        if (i == 0 || strcmp(found.items[i], found.items[i - 1]) != 0)
            status = visit_child(group, found.items[i], each, user, err);
    names_clear(&found);
    return status;
}

/* The place of a child. */
static int child_place(const tsr_group *group, const char *name, tsri_place *ret_place,
                       tsr_error *err)
{
    tsri_place place = TSRI_PLACE_INIT;
    const tsri_place *parent = &group->place;
    tsr_auto(tsri_text) *normal = tsri_path_normalise(name);

    if (!normal)
        return tsri_error_no_memory(err, strlen(name));
    if (!parent->file)
        TSRI_TRY(tsri_node_path_check(normal, err));
    place.text = tsri_path_join(parent->text, normal);
    place.path = tsri_path_join(parent->path, normal);
    place.store = parent->store ? tsr_store_ref(parent->store) : NULL;
    place.file = parent->file ? tsri_file_ref(parent->file) : NULL;
    if (!place.text || !place.path) {
        tsri_place_clear(&place);
        return tsri_error_no_memory(err, strlen(name));
    }
    *ret_place = place;
    return 0;
}

static void child_options(const tsr_group *group, tsr_array_open_options *ret_options)
{
    tsr_array_open_options_init(ret_options);
    ret_options->writable = group->writable;
    ret_options->ignore_consolidated = group->ignore_consolidated;
}

/* From the copy of its metadata, without a look into the store. */
static int open_copied_array(const tsr_group *group, const tsri_place *place, tsr_array **ret_array,
                             tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    TSRI_TRY(tsri_consolidated_read(group->consolidated, place->path, &meta, err));
    if (meta->is_group)
        return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: a group, not an array", place->text);
    TSRI_TRY(tsri_array_from_zarr(group->context, place->store, place->path, place->text, meta,
                                  false, ret_array, err));
    meta = NULL;
    return 0;
}

static int open_copied_group(const tsr_group *group, tsri_place *place, tsr_group **ret_group,
                             tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;

    TSRI_TRY(tsri_consolidated_read(group->consolidated, place->path, &meta, err));
    if (!meta->is_group)
        return not_a_group(place->text, err);
    TSRI_TRY(group_new(group->context, place, meta, false, ret_group, err));
    (*ret_group)->consolidated = tsri_consolidated_ref(group->consolidated);
    (*ret_group)->is_copied = group->is_copied;
    return 0;
}

int tsr_group_open_array(tsr_group *group, const char *name, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;
    tsr_array_open_options options;

    child_options(group, &options);
    TSRI_TRY(child_place(group, name, &place, err));
    if (place.file)
        return tsri_array_open_in_file(place.file, place.path, ret_array, err);
    if (group->consolidated) {
        int status = open_copied_array(group, &place, ret_array, err);
        if (status != TSR_NOT_FOUND)
            return status;
        tsr_error_clear(err);
    }
    return tsri_array_open_node(place.store, place.path, place.text, &options, ret_array, err);
}

int tsr_group_open_group(tsr_group *group, const char *name, tsr_group **ret_group, tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;
    tsr_array_open_options options;

    child_options(group, &options);
    TSRI_TRY(child_place(group, name, &place, err));
    if (group->consolidated) {
        int status = open_copied_group(group, &place, ret_group, err);
        if (status != TSR_NOT_FOUND)
            return status;
        tsr_error_clear(err);
    }
    return open_place(group->context, &place, &options, ret_group, err);
}

static int check_writable(const tsr_group *group, tsr_error *err)
{
    if (group->writable)
        return 0;
    return tsr_error_set(err, TSR_READ_ONLY, "%s: opened for reading only", group->place.text);
}

int tsr_group_create_array(tsr_group *group, const char *name,
                           const tsr_array_create_options *options, tsr_array **ret_array,
                           tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;

    if (!options || options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_array_create_options_init has not set up");
    TSRI_TRY(check_writable(group, err));
    TSRI_TRY(child_place(group, name, &place, err));
    return tsri_array_create_node(&place, options, ret_array, err);
}

int tsr_group_create_group(tsr_group *group, const char *name,
                           const tsr_group_create_options *options, tsr_group **ret_group,
                           tsr_error *err)
{
    tsr_auto(tsri_place) place = TSRI_PLACE_INIT;

    TSRI_TRY(check_group_options(options, err));
    TSRI_TRY(check_writable(group, err));
    TSRI_TRY(child_place(group, name, &place, err));
    return create_at(group->context, &place, options, ret_group, err);
}
