#include "array/consolidated.h"

#include <stdlib.h>

#include "array/node_hold.h"
#include "array/wait.h"
#include "base/context.h"
#include "base/output.h"
#include "meta/json.h"

struct tsri_consolidated {
    int references; /* atomic */
    tsr_context *context;
    char *root;  /* the path of the group in its store */
    char *shown; /* where the copies lie, for errors */
    int zarr_format;
    tsri_json *document; /* held */
    tsri_json *map;      /* inside it: copies by path (v3) or key (v2), from the group on */
};

static void consolidated_free(tsri_consolidated *self)
{
    json_object_put(self->document);
    tsri_free(self->root);
    tsri_free(self->shown);
    tsri_context_unref(self->context);
    tsri_free(self);
}

tsri_consolidated *tsri_consolidated_ref(tsri_consolidated *self)
{
    __atomic_fetch_add(&self->references, 1, __ATOMIC_RELAXED);
    return self;
}

void tsri_consolidated_unref(tsri_consolidated *self)
{
    if (self && __atomic_sub_fetch(&self->references, 1, __ATOMIC_ACQ_REL) == 0)
        consolidated_free(self);
}

/* ---- finding ---- */

/* The inline map of a v3 group; NULL for none, and for kinds that we need not understand. */
static int find_v3_map(const tsri_json *document, tsri_json **ret_map, tsr_error *err)
{
    static const char path[] = "/consolidated_metadata";
    tsri_json *block = NULL;
    const char *kind = "inline";

    *ret_map = NULL;
    if (!json_object_object_get_ex(document, "consolidated_metadata", &block) || !block)
        return 0;
    TSRI_TRY(tsri_json_string(block, path, "kind", false, &kind, err));
    if (strcmp(kind, "inline") != 0)
        return 0;
    TSRI_TRY(tsri_json_member(block, path, "metadata", true, ret_map, err));
    if (!json_object_is_type(*ret_map, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, "metadata",
                                "must be an object, not %s", tsri_json_kind(*ret_map));
    return 0;
}

static int find_v2_map(const tsri_json *document, tsri_json **ret_map, tsr_error *err)
{
    int64_t format = 0;

    TSRI_TRY(tsri_json_int(document, "", "zarr_consolidated_format", true, 1, 1, &format, err));
    TSRI_TRY(tsri_json_member(document, "", "metadata", true, ret_map, err));
    if (!json_object_is_type(*ret_map, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/metadata", NULL,
                                "must be an object, not %s", tsri_json_kind(*ret_map));
    return 0;
}

static int read_zmetadata(tsr_store *store, const char *key, tsri_json **ret_document,
                          tsr_generation *ret_generation, tsr_error *err)
{
    tsr_get_request request;
    int status =
        tsri_get_and_wait(store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &request, err);
    if (status < 0)
        return status;
    *ret_generation = request.generation;
    status =
        tsr_json_parse(tsr_blob_data(request.blob), tsr_blob_size(request.blob),
                       TSR_JSON_ALLOW_NAN | TSR_JSON_LONE_SURROGATES,
                       (size_t)store->context->options.largest_metadata_bytes, ret_document, err);
    tsr_blob_unref(request.blob);
    return status < 0 ? tsr_error_prepend(err, "%s/%s", tsr_store_url(store), key) : 0;
}

/* Fills in document and map; both stay NULL when there are no copies. */
static int find_copies(tsri_consolidated *self, tsr_store *store, const char *path,
                       const tsri_zarr_meta *group, tsr_error *err)
{
    tsr_generation generation;
    const char *name = group->zarr_format == 3 ? "zarr.json" : ".zmetadata";
    tsr_auto(tsri_text) *key = tsri_path_join(path, name);

    self->shown = key ? tsri_path_join(tsr_store_url(store), key) : NULL;
    if (!self->shown)
        return tsri_error_no_memory(err, strlen(path));
    if (group->zarr_format == 3) {
        self->document = json_object_get(group->document);
        TSRI_TRY_IN(err, find_v3_map(self->document, &self->map, err), "%s", self->shown);
        return 0;
    }
    int status = read_zmetadata(store, key, &self->document, &generation, err);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        return 0;
    }
    TSRI_TRY(status);
    TSRI_TRY_IN(err, find_v2_map(self->document, &self->map, err), "%s", self->shown);
    return 0;
}

int tsri_consolidated_find(tsr_store *store, const char *path, const tsri_zarr_meta *group,
                           tsri_consolidated **ret_consolidated, tsr_error *err)
{
    tsr_auto(tsri_consolidated) *self = tsri_alloc_zero(sizeof *self);

    *ret_consolidated = NULL;
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->references = 1;
    self->context = tsri_context_ref(store->context);
    self->zarr_format = group->zarr_format;
    self->root = tsri_strdup(path);
    if (!self->root)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(find_copies(self, store, path, group, err));
    if (self->map && json_object_object_length(self->map) > 0)
        *ret_consolidated = TSRI_TAKE(self);
    return 0;
}

/* ---- using ---- */

/* A path in the store as the map names it: from the group on. */
static const char *inner_path(const tsri_consolidated *self, const char *path)
{
    size_t length = strlen(self->root);
    return length == 0 ? path : path[length] == '/' ? path + length + 1 : path + length;
}

/* *ret_copy is NULL where there is none. */
static int find_copy(const tsri_consolidated *self, const char *path, const char *name,
                     tsri_json **ret_copy, tsr_error *err)
{
    tsr_auto(tsri_text) *key = tsri_path_join(path, name);

    if (!key)
        return tsri_error_no_memory(err, strlen(path));
    *ret_copy = NULL;
    json_object_object_get_ex(self->map, key, ret_copy);
    return 0;
}

/* The copy as a document of its own. The text belongs to the caller, in `ret_text`. */
static int copy_text(const tsri_consolidated *self, const tsri_json *copy, const char *path,
                     char **ret_text, char **ret_key, tsri_zarr_document *ret_document,
                     tsr_error *err)
{
    *ret_key = tsri_format("%s: copy of %s", self->shown, path);
    if (!*ret_key)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(tsr_json_text(copy, 0, ret_text, err));
    *ret_document = (tsri_zarr_document){*ret_key, *ret_text, strlen(*ret_text)};
    return 0;
}

static int no_copy(const tsri_consolidated *self, const char *path, tsr_error *err)
{
    return tsr_error_set(err, TSR_NOT_FOUND, "%s: no copy of %s", self->shown, path);
}

static int read_v3(const tsri_consolidated *self, const char *path, tsri_zarr_meta **ret_meta,
                   tsr_error *err)
{
    tsr_auto(tsri_text) *text = NULL, *key = NULL;
    tsri_zarr_document document;
    tsri_json *copy;

    TSRI_TRY(find_copy(self, path, "", &copy, err));
    if (!copy)
        return no_copy(self, path, err);
    TSRI_TRY(copy_text(self, copy, path, &text, &key, &document, err));
    return tsri_zarr3_meta_parse(self->context, &document, ret_meta, err);
}

static int read_v2(const tsri_consolidated *self, const char *path, tsri_zarr_meta **ret_meta,
                   tsr_error *err)
{
    tsr_auto(tsri_text) *text = NULL, *key = NULL, *beside_text = NULL, *beside_key = NULL;
    tsri_zarr_document document, beside;
    tsri_json *array, *own, *attributes;

    TSRI_TRY(find_copy(self, path, ".zarray", &array, err));
    TSRI_TRY(find_copy(self, path, array ? ".zarray" : ".zgroup", &own, err));
    TSRI_TRY(find_copy(self, path, ".zattrs", &attributes, err));
    if (!own)
        return no_copy(self, path, err);
    TSRI_TRY(copy_text(self, own, path, &text, &key, &document, err));
    if (attributes)
        TSRI_TRY(copy_text(self, attributes, path, &beside_text, &beside_key, &beside, err));
    return array ? tsri_zarr2_array_parse(self->context, &document, attributes ? &beside : NULL,
                                          ret_meta, err)
                 : tsri_zarr2_group_parse(self->context, &document, attributes ? &beside : NULL,
                                          ret_meta, err);
}

int tsri_consolidated_read(const tsri_consolidated *self, const char *path,
                           tsri_zarr_meta **ret_meta, tsr_error *err)
{
    const char *inner = inner_path(self, path);
    return self->zarr_format == 3 ? read_v3(self, inner, ret_meta, err)
                                  : read_v2(self, inner, ret_meta, err);
}

int tsri_consolidated_children(const tsri_consolidated *self, const char *path,
                               int (*each)(void *user, const char *name, size_t size_bytes),
                               void *user)
{
    const char *inner = inner_path(self, path);
    size_t length = strlen(inner);

    for (struct lh_entry *entry = lh_table_head(json_object_get_object(self->map)); entry;
         entry = lh_entry_next(entry)) {
        const char *key = lh_entry_k(entry);
        if (length > 0 && (strncmp(key, inner, length) != 0 || key[length] != '/'))
            continue;
        const char *name = length > 0 ? key + length + 1 : key;
        size_t size = strcspn(name, "/");
        /* v2: the last part of a key is the name of a document. */
        if (size == 0 || (self->zarr_format == 2 && name[size] == 0))
            continue;
        int status = each(user, name, size);
        if (status != 0)
            return status;
    }
    return 0;
}

/* Every node has one document in the map that says what it is. */
tsri_consolidation tsri_consolidated_tell(const tsri_consolidated *self, const char *path)
{
    tsri_consolidation told = {.had_copies = strcmp(path, self->root) == 0};

    for (struct lh_entry *entry = lh_table_head(json_object_get_object(self->map));
         entry && told.had_copies; entry = lh_entry_next(entry)) {
        const char *name = strrchr(lh_entry_k(entry), '/');
        told.nodes += name && (strcmp(name, "/.zarray") == 0 || strcmp(name, "/.zgroup") == 0);
    }
    return told;
}

/* ---- gathering ---- */

/* What lies below the group: paths from the group on, with the documents. */
typedef struct gathered_node {
    char *path;
    tsri_zarr_meta *meta;
    int depth;
} gathered_node;

typedef struct gathering {
    tsr_store *store;
    const char *root;
    int zarr_format;
    gathered_node *nodes;
    size_t count, capacity;
    /* Names of one group while it is listed. */
    char **names;
    size_t name_count, name_capacity;
} gathering;

static void clear_names(gathering *self)
{
    for (size_t i = 0; i < self->name_count; i++)
        tsri_free(self->names[i]);
    self->name_count = 0;
}

static void gathering_cleanup(gathering *self)
{
    clear_names(self);
    tsri_free(self->names);
    for (size_t i = 0; i < self->count; i++) {
        tsri_free(self->nodes[i].path);
        tsri_zarr_meta_free(self->nodes[i].meta);
    }
    tsri_free(self->nodes);
}

static int note_name(void *user, const tsr_store_entry *entry)
{
    gathering *self = user;
    size_t length = strlen(entry->name);

    if (!entry->is_prefix || length < 2 || tsri_node_name_check(entry->name, length - 1, NULL) < 0)
        return 0;
    char **names =
        tsri_grow_array(self->names, self->name_count, &self->name_capacity, sizeof *names);
    if (!names)
        return TSR_NO_MEMORY;
    self->names = names;
    self->names[self->name_count] = tsri_strndup(entry->name, length - 1);
    return self->names[self->name_count] ? (self->name_count++, 0) : TSR_NO_MEMORY;
}

/* Adds the node at `path` (from the group on), if there is one. */
static int add_node(gathering *self, const char *path, int depth, tsr_error *err)
{
    tsr_auto(tsri_text) *whole = tsri_path_join(self->root, path);
    tsri_zarr_meta *meta = NULL;

    if (!whole)
        return tsri_error_no_memory(err, strlen(path));
    int status = tsri_node_read(self->store, whole, 0, &meta, err);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        return 0;
    }
    TSRI_TRY(status);
    gathered_node *nodes =
        tsri_grow_array(self->nodes, self->count, &self->capacity, sizeof *nodes);
    if (!nodes) {
        tsri_zarr_meta_free(meta);
        return tsri_error_no_memory(err, self->count * sizeof *nodes);
    }
    self->nodes = nodes;
    self->nodes[self->count] = (gathered_node){tsri_strdup(path), meta, depth};
    self->count++;
    if (!self->nodes[self->count - 1].path)
        return tsri_error_no_memory(err, strlen(path));
    if (meta->zarr_format == self->zarr_format)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s is of Zarr v%d, and cannot be consolidated in a tree of v%d", path,
                         meta->zarr_format, self->zarr_format);
}

static int add_children(gathering *self, const char *path, int depth, tsr_error *err)
{
    tsr_auto(tsri_text) *whole = tsri_path_join(self->root, path);
    tsr_auto(tsri_text) *prefix = whole ? tsri_format("%s%s", whole, *whole ? "/" : "") : NULL;

    if (!prefix)
        return tsri_error_no_memory(err, strlen(path));
    clear_names(self);
    int status = tsr_store_list(self->store, prefix, true, note_name, self, NULL, err);
    if (status < 0)
        return status == TSR_NO_MEMORY ? tsri_error_no_memory(err, 0) : status;
    for (size_t i = 0; i < self->name_count; i++) {
        tsr_auto(tsri_text) *child = tsri_path_join(path, self->names[i]);
        if (!child)
            return tsri_error_no_memory(err, 0);
        TSRI_TRY(add_node(self, child, depth, err));
    }
    return 0;
}

/* By depth, and by name within a depth, as zarr-python sorts them. */
static int compare_nodes(const void *a, const void *b)
{
    const gathered_node *left = a, *right = b;
    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    return strcmp(left->path, right->path);
}

/* Depth by depth, each node read once. */
static int gather(gathering *self, tsr_error *err)
{
    TSRI_TRY(add_children(self, "", 1, err));
    for (size_t i = 0; i < self->count; i++)
        if (self->nodes[i].meta->is_group) {
            tsr_auto(tsri_text) *path = tsri_strdup(self->nodes[i].path);
            if (!path)
                return tsri_error_no_memory(err, 0);
            TSRI_TRY(add_children(self, path, self->nodes[i].depth + 1, err));
        }
    if (self->count > 1)
        qsort(self->nodes, self->count, sizeof *self->nodes, compare_nodes);
    return 0;
}

/* ---- writing ---- */

static int print_copy(const char *path, const char *name, const tsri_json *document, bool *first,
                      tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *key = tsri_path_join(path, name);
    if (!key)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(tsr_output_append(output, ",", *first ? 0 : 1, err));
    *first = false;
    TSRI_TRY(tsr_json_quote(key, output, err));
    TSRI_TRY(tsr_output_append(output, ":", 1, err));
    return tsr_json_write(document, 0, output, err);
}

static int print_node(const gathered_node *node, bool *first, tsr_output *output, tsr_error *err)
{
    const tsri_zarr_meta *meta = node->meta;

    if (meta->zarr_format == 2) {
        TSRI_TRY(print_copy(node->path, tsri_zarr_meta_file_name(meta), meta->document, first,
                            output, err));
        return meta->attributes
                   ? print_copy(node->path, ".zattrs", meta->attributes, first, output, err)
                   : 0;
    }
    /* Copies in copies would only be older ones. This document is nobody else's. */
    json_object_object_del(meta->document, "consolidated_metadata");
    return print_copy(node->path, "", meta->document, first, output, err);
}

/* The map of all copies; with what v2 adds for the group itself. */
static int print_map(const gathering *self, const tsri_zarr_meta *group, tsr_output *output,
                     tsr_error *err)
{
    bool first = true;

    TSRI_TRY(tsr_output_append(output, "{", 1, err));
    if (self->zarr_format == 2) {
        TSRI_TRY(print_copy("", ".zgroup", group->document, &first, output, err));
        if (group->attributes)
            TSRI_TRY(print_copy("", ".zattrs", group->attributes, &first, output, err));
    }
    for (size_t i = 0; i < self->count; i++)
        TSRI_TRY(print_node(&self->nodes[i], &first, output, err));
    return tsr_output_append(output, "}", 1, err);
}

/* A member that says nothing: zarr-python writes some that others leave out, such as
 * "storage_transformers": [] and a .zattrs that is {}. */
static bool is_void(const tsri_json *value)
{
    return json_object_is_type(value, json_type_null) ||
           (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0) ||
           (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0);
}

/* Whether all that `a` says is said by `b`. Copies inside of copies, which zarr-python leaves
 * empty, do not count. */
static bool is_said_by(const tsri_json *a, const tsri_json *b, int depth)
{
    tsri_json *other;

    for (struct lh_entry *entry = lh_table_head(json_object_get_object(a)); entry;
         entry = lh_entry_next(entry)) {
        tsri_json *value = (tsri_json *)lh_entry_v(entry);
        bool nested = depth > 0 && json_object_is_type(value, json_type_object);
        if (is_void(value) || (depth == 0 && !strcmp(lh_entry_k(entry), "consolidated_metadata")))
            continue;
        if (!json_object_object_get_ex(b, lh_entry_k(entry), &other))
            return false;
        if (nested && json_object_is_type(other, json_type_object)
                ? !is_said_by(value, other, depth - 1)
                : !json_object_equal(value, other))
            return false;
    }
    return true;
}

/* The copies that are there, with NaN as a text, which equals itself. */
static int comparable(const tsri_json *map, tsri_json **ret_map, tsr_error *err)
{
    tsr_auto(tsri_text) *text = NULL;

    TSRI_TRY(tsr_json_text(map, 0, &text, err));
    return tsr_json_parse(text, strlen(text), TSR_JSON_NAN_AS_TEXT | TSR_JSON_LONE_SURROGATES,
                          SIZE_MAX, ret_map, err);
}

/* Whether the copies that are there say the same as `map`, in whatever words. */
static int compare_with_present(const tsri_consolidated *present, const tsr_output *map,
                                bool *ret_same, tsr_error *err)
{
    tsr_auto(tsri_json) *now = NULL, *before = NULL;

    *ret_same = false;
    if (!present)
        return 0;
    TSRI_TRY(tsr_json_parse(map->data, map->size_bytes,
                            TSR_JSON_NAN_AS_TEXT | TSR_JSON_LONE_SURROGATES, SIZE_MAX, &now, err));
    TSRI_TRY(comparable(present->map, &before, err));
    *ret_same = is_said_by(now, before, 1) && is_said_by(before, now, 1);
    return 0;
}

static int put_v3(tsri_node_hold *hold, const char *map, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *changed = NULL;
    tsr_auto(tsri_text) *block = NULL;

    if (map) {
        block = tsri_format("{\"kind\":\"inline\",\"must_understand\":false,\"metadata\":%s}", map);
        if (!block)
            return tsri_error_no_memory(err, strlen(map));
    }
    TSRI_TRY(tsri_zarr_meta_with_copies(hold->store->context, hold->meta, block, &changed, err));
    return tsri_node_hold_put_document(hold, changed, TSR_DURABILITY_FLUSH, err);
}

/* Under the hold of the group, .zmetadata is nobody else's. */
static int put_v2(tsri_node_hold *hold, const char *map, tsr_error *err)
{
    tsr_auto(tsri_text) *key = tsri_path_join(hold->path, ".zmetadata");
    if (!key)
        return tsri_error_no_memory(err, strlen(hold->path));
    if (!map) {
        TSRI_TRY(tsr_store_erase(hold->store, key, NULL, err));
        return tsr_store_flush(hold->store, NULL, err);
    }
    tsr_auto(tsri_text) *text =
        tsri_format("{\"zarr_consolidated_format\":1,\"metadata\":%s}\n", map);
    if (!text)
        return tsri_error_no_memory(err, strlen(map));
    TSRI_TRY(tsr_store_put(hold->store, key, text, strlen(text), TSR_DURABILITY_FLUSH, NULL, err));
    return tsr_store_flush(hold->store, NULL, err);
}

static int put_map(tsri_node_hold *hold, const char *map, tsr_error *err)
{
    return hold->meta->zarr_format == 3 ? put_v3(hold, map, err) : put_v2(hold, map, err);
}

int tsri_consolidate(tsr_store *store, const char *path, int zarr_format, bool remove, bool dry,
                     tsri_consolidation *ret_done, tsr_error *err)
{
    tsr_auto(tsri_node_hold) hold = {0};
    tsr_auto(tsri_consolidated) *present = NULL;
    tsr_auto(gathering) all = {.store = store, .root = path, .zarr_format = zarr_format};
    tsr_auto(tsri_output) map = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool same = false;

    /* Who only looks needs no lock, which a store that cannot be written to does not give. */
    TSRI_TRY(dry ? tsri_node_hold_look(&hold, store, path, zarr_format, true, err)
                 : tsri_node_hold_take(&hold, store, path, zarr_format, true, NULL, err));
    TSRI_TRY(tsri_consolidated_find(store, path, hold.meta, &present, err));
    *ret_done = (tsri_consolidation){.had_copies = present != NULL};
    if (remove)
        return dry || !present ? 0 : put_map(&hold, NULL, err);
    TSRI_TRY(gather(&all, err));
    TSRI_TRY(print_map(&all, hold.meta, &map, err));
    TSRI_TRY(compare_with_present(present, &map, &same, err));
    ret_done->nodes = all.count;
    ret_done->was_stale = present && !same;
    TSRI_TRY(tsr_output_append(&map, "", 1, err));
    return dry || same ? 0 : put_map(&hold, map.data, err);
}
