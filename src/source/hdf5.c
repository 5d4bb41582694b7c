/* HDF5 files as trees of arrays. */
#include "base/output.h"
#include "source/formats.h"
#include "source/hdf5_file.h"
#include "source/netcdf_lock.h"

#define NAME_BYTES 1024
#define DEPTH_MAX 256

/* ---- HDF5's own errors ---- */

static herr_t take_description(unsigned number, const H5E_error2_t *error, void *user)
{
    const char **text = user;
    if (number == 0 && error->desc)
        *text = error->desc;
    return 0;
}

int tsri_hdf5_refuse(const char *path, const char *what, tsr_error *err)
{
    const char *text = "no reason given";

    /* The innermost function says what it was. */
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_description, &text);
    bool locked = strstr(text, "unable to lock file") != NULL;
    tsr_error_set(err, locked ? TSR_CONFLICT : TSR_DAMAGED, "%s%s%s: HDF5: %s", path,
                  *path ? ": " : "", what, text);
    tsr_error_set_next_step(
        err, locked ? "a program is writing this file: wait until it is closed, or set "
                      "HDF5_USE_FILE_LOCKING=FALSE on file systems that cannot lock"
                    : "`h5dump -H` shows what the HDF5 library itself makes of the file");
    return locked ? TSR_CONFLICT : TSR_DAMAGED;
}

/* ---- files ---- */

static bool hdf5_recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return tsri_hdf5_recognise(head, size_bytes);
}

static void file_free(tsri_hdf5_file *file)
{
    tsri_context_unref(file->context);
    tsri_free(file->path);
    tsri_free(file);
}

static void hdf5_close(void *handle)
{
    tsri_hdf5_file *file = handle;
    tsri_hdf5_lock();
    H5Fclose(file->id);
    tsri_hdf5_unlock();
    file_free(file);
}

static int hdf5_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    tsri_hdf5_file *file = tsri_alloc_zero(sizeof *file);
    int status = 0;

    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    file->context = tsri_context_ref(context);
    file->path = tsri_strdup(path);
    if (!file->path) {
        file_free(file);
        return tsri_error_no_memory(err, strlen(path));
    }
    tsri_hdf5_lock();
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        status = tsri_hdf5_refuse(path, "opening", err);
    tsri_hdf5_unlock();
    if (status < 0)
        file_free(file);
    else
        *ret_file = file;
    return status;
}

/* ---- paths inside. The caller holds the lock. ---- */

typedef struct node {
    tsr_node_kind kind;
    hid_t id; /* -1: none; closed by H5Oclose */
    int depth;
    haddr_t above[DEPTH_MAX]; /* where the groups on the way lie */
} node;

static void node_close(node *self)
{
    if (self->id >= 0)
        H5Oclose(self->id);
    self->id = -1;
}

static herr_t refuse_other_file(const char *parent_file, const char *parent_group,
                                const char *child_file, const char *child_object,
                                unsigned *access_flags, hid_t access_list, void *user)
{
    (void)parent_file, (void)parent_group, (void)child_file, (void)child_object;
    (void)access_flags, (void)access_list, (void)user;
    return -1;
}

/* Opens what a link leads to, in this file. */
static hid_t open_linked(hid_t group, const char *name)
{
    hid_t access = H5Pcreate(H5P_LINK_ACCESS), object = -1;
    if (access >= 0 && H5Pset_elink_cb(access, refuse_other_file, NULL) >= 0)
        object = H5Oopen(group, name, access);
    if (access >= 0)
        H5Pclose(access);
    return object;
}

/* Why a link leads nowhere. */
static int refuse_link(hid_t group, const char *name, const H5L_info_t *info, tsr_error *err)
{
    char target[NAME_BYTES] = "";

    if (info->type == H5L_TYPE_EXTERNAL)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a link into another file", name);
    if (info->type == H5L_TYPE_HARD)
        return tsri_hdf5_refuse(name, "opening", err);
    if (info->u.val_size < sizeof target)
        H5Lget_val(group, name, target, sizeof target, H5P_DEFAULT);
    return tsr_error_set(err, TSR_NOT_FOUND, "%s: a link to \"%s\", where nothing is", name,
                         target);
}

/* Whether a group lies on the way to itself; notes it otherwise. */
static int note_group(node *self, const char *name, tsr_error *err)
{
    H5O_info_t info;

    if (H5Oget_info2(self->id, &info, H5O_INFO_BASIC) < 0)
        return tsri_hdf5_refuse(name, "looking at it", err);
    for (int i = 0; i < self->depth; i++)
        if (self->above[i] == info.addr)
            return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a link to a group above it", name);
    if (self->depth == DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: groups nested deeper than %d", name, DEPTH_MAX);
    self->above[self->depth++] = info.addr;
    return 0;
}

/* One step down. What is there is in `self` afterwards; nothing there is no error. */
static int step(node *self, const char *name, tsr_error *err)
{
    H5L_info_t info;
    hid_t group = self->id;
    int status = 0;

    self->kind = TSR_NODE_NONE;
    self->id = -1;
    if (H5Lexists(group, name, H5P_DEFAULT) > 0 &&
        H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0) {
        self->id = info.type == H5L_TYPE_EXTERNAL ? -1 : open_linked(group, name);
        if (self->id < 0)
            status = refuse_link(group, name, &info, err);
    }
    H5Oclose(group);
    H5I_type_t kind = self->id < 0 ? H5I_BADID : H5Iget_type(self->id);
    if (kind == H5I_DATASET)
        self->kind = TSR_NODE_ARRAY;
    if (kind == H5I_GROUP) {
        self->kind = TSR_NODE_GROUP;
        status = note_group(self, name, err);
    }
    return status;
}

/* Closed by node_close, on failure too. */
static int find_node(const tsri_hdf5_file *file, const char *inner_path, node *ret_node,
                     tsr_error *err)
{
    tsr_auto(tsri_text) *path = tsri_strdup(inner_path);
    char *rest = path, *name;
    int status = 0;

    *ret_node = (node){.kind = TSR_NODE_GROUP, .id = H5Gopen2(file->id, "/", H5P_DEFAULT)};
    if (!path)
        return tsri_error_no_memory(err, strlen(inner_path));
    if (ret_node->id < 0)
        return tsri_hdf5_refuse(file->path, "opening its root", err);
    status = note_group(ret_node, "/", err);
    while (status == 0 && (name = strsep(&rest, "/")) && ret_node->kind != TSR_NODE_NONE) {
        if (*name == '\0')
            continue;
        if (ret_node->kind == TSR_NODE_GROUP) {
            status = step(ret_node, name, err);
        } else { /* nothing lies below a data set */
            ret_node->kind = TSR_NODE_NONE;
            node_close(ret_node);
        }
    }
    if (status < 0)
        tsr_error_prepend(err, "%s/%s", file->path, inner_path);
    return status;
}

static int hdf5_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    node found;
    tsri_hdf5_lock();
    int status = find_node(handle, inner_path, &found, err);
    node_close(&found);
    tsri_hdf5_unlock();
    if (status == 0)
        *ret_kind = found.kind;
    return status;
}

/* Finds a node of a kind (NONE: of any), which stays open. */
static int need_node(const tsri_hdf5_file *file, const char *inner_path, tsr_node_kind wanted,
                     node *ret_node, tsr_error *err)
{
    bool want_array = wanted == TSR_NODE_ARRAY;
    int status = find_node(file, inner_path, ret_node, err);

    if (status == 0 && ret_node->kind == TSR_NODE_NONE)
        status = tsr_error_set(err, TSR_NOT_FOUND, "%s: no %s \"%s\"", file->path,
                               want_array ? "data set" : "group", inner_path);
    else if (status == 0 && wanted != TSR_NODE_NONE && ret_node->kind != wanted)
        status = tsr_error_set(err, TSR_TYPE_MISMATCH, "%s/%s: %s", file->path, inner_path,
                               want_array ? "a group, not an array" : "an array, not a group");
    if (status < 0)
        node_close(ret_node);
    return status;
}

static int hdf5_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                           tsr_error *err)
{
    tsri_hdf5_file *file = handle;
    node found;

    tsri_hdf5_lock();
    int status = need_node(file, inner_path, TSR_NODE_ARRAY, &found, err);
    tsri_hdf5_unlock();
    TSRI_TRY(status);
    status = tsri_hdf5_open_dataset(file, found.id, inner_path, ret_array, err);
    if (status < 0) {
        tsri_hdf5_lock();
        node_close(&found);
        tsri_hdf5_unlock();
    }
    return status;
}

static int hdf5_node_attributes(void *handle, const char *inner_path, char **ret_json,
                                tsr_error *err)
{
    tsri_hdf5_file *file = handle;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    node found;

    tsri_hdf5_lock();
    int status = need_node(file, inner_path, TSR_NODE_NONE, &found, err);
    if (status == 0) {
        status = tsri_hdf5_attributes(file->context, found.id, &output, err);
        if (status < 0)
            tsr_error_prepend(err, "%s/%s", file->path, inner_path);
        node_close(&found);
    }
    tsri_hdf5_unlock();
    if (status == 0)
        *ret_json = TSRI_TAKE(output.data);
    return status;
}

/* ---- children ---- */

typedef struct child {
    char *name;
    tsr_node_kind kind;
    tsr_error *problem; /* NULL: none */
} child;

typedef struct children {
    child *items;
    size_t count, capacity;
    int status;
    tsr_error *err;
} children;

static herr_t add_child(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    children *self = user;

    (void)group;
    (void)info;
    child *items = tsri_grow_array(self->items, self->count, &self->capacity, sizeof *items);
    if (items)
        self->items = items;
    char *copy = items ? tsri_strdup(name) : NULL;
    if (!copy) {
        self->status = tsri_error_no_memory(self->err, strlen(name));
        return -1;
    }
    items[self->count++] = (child){copy, TSR_NODE_NONE, NULL};
    return 0;
}

/* What each child is, or why it is not to be had. */
static int look_at_child(const node *parent, child *self, tsr_error *err)
{
    tsr_error problem = TSR_ERROR_INIT;
    node below = *parent;

    below.id = H5Gopen2(parent->id, ".", H5P_DEFAULT);
    if (below.id < 0)
        return tsri_hdf5_refuse(self->name, "looking at it", err);
    int status = step(&below, self->name, &problem);
    node_close(&below);
    self->kind = status < 0 ? TSR_NODE_NONE : below.kind;
    if (status < 0) {
        self->problem = tsri_alloc(sizeof *self->problem);
        if (!self->problem)
            return tsri_error_no_memory(err, sizeof *self->problem);
        *self->problem = problem;
    }
    return 0;
}

static int list_children(const tsri_hdf5_file *file, const char *inner_path, children *self,
                         tsr_error *err)
{
    hsize_t position = 0;
    node found;

    TSRI_TRY(need_node(file, inner_path, TSR_NODE_GROUP, &found, err));
    herr_t result = H5Literate(found.id, H5_INDEX_NAME, H5_ITER_INC, &position, add_child, self);
    int status = self->status;
    if (status == 0 && result < 0)
        status = tsri_hdf5_refuse(file->path, "listing", err);
    for (size_t i = 0; i < self->count && status == 0; i++)
        status = look_at_child(&found, &self->items[i], err);
    node_close(&found);
    return status;
}

static int hdf5_children(void *handle, const char *inner_path,
                         int (*each)(void *user, const char *name, tsr_node_kind kind,
                                     const tsr_error *error),
                         void *user, tsr_error *err)
{
    children found = {.err = err};

    tsri_hdf5_lock();
    int status = list_children(handle, inner_path, &found, err);
    tsri_hdf5_unlock();
    for (size_t i = 0; i < found.count && status == 0; i++) {
        const child *self = &found.items[i];
        /* Types that are kept under a name are no nodes. */
        if (self->kind != TSR_NODE_NONE || self->problem)
            status = each(user, self->name, self->kind, self->problem);
    }
    for (size_t i = 0; i < found.count; i++) {
        tsri_free(found.items[i].name);
        tsri_free(found.items[i].problem);
    }
    tsri_free(found.items);
    return status;
}

const tsr_format_ops tsri_hdf5_format = {
    .struct_size = sizeof tsri_hdf5_format,
    .name = "hdf5",
    .recognise = hdf5_recognise,
    .open = hdf5_open,
    .close = hdf5_close,
    .probe = hdf5_probe,
    .open_array = hdf5_open_array,
    .attributes = hdf5_node_attributes,
    .children = hdf5_children,
};
