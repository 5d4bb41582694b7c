/* netCDF-3 and netCDF-4 files as trees of arrays, through libnetcdf. */
#include <netcdf.h>
#include <stdlib.h>

#include "base/output.h"
#include "source/formats.h"
#include "source/hdf5_file.h"
#include "source/netcdf_attributes.h"
#include "source/netcdf_file.h"
#include "source/netcdf_lock.h"

int tsri_netcdf_refuse(const char *place, int code, const char *what, tsr_error *err)
{
    if (code > 0)
        return tsri_error_errno(err, code, what, place);
    if (code == NC_ENOMEM)
        return tsri_error_no_memory(err, 0);
    bool lacks = code == NC_ENOTBUILT || code == NC_ENOFILTER;
    tsr_error_set(err, lacks ? TSR_UNSUPPORTED : TSR_DAMAGED, "%s%s%s: %s", place,
                  *place ? ": " : "", what, nc_strerror(code));
    tsr_error_set_next_step(
        err, lacks ? "the netCDF library here was built without what this file needs"
                   : "`ncdump -h` shows what the netCDF library itself makes of the file");
    return lacks ? TSR_UNSUPPORTED : TSR_DAMAGED;
}

/* ---- files ---- */

static bool netcdf_recognise(const void *head, size_t size_bytes, const char *path)
{
    const char *bytes = head;
    if (size_bytes >= 4 && memcmp(bytes, "CDF", 3) == 0)
        return bytes[3] == 1 || bytes[3] == 2 || bytes[3] == 5;
    return tsri_hdf5_is_netcdf(head, size_bytes, path);
}

static void netcdf_close(void *handle)
{
    tsri_netcdf_file *file = handle;
    tsri_hdf5_lock();
    nc_close(file->id);
    tsri_hdf5_unlock();
    tsri_classic_free(file->classic);
    tsri_input_close(&file->input);
    tsri_free(file);
}

static int open_input(tsri_netcdf_file *file, tsr_error *err)
{
    char magic[4] = "";
    size_t got;

    TSRI_TRY(tsri_input_read(&file->input, 0, magic, sizeof magic, &got, err));
    if (memcmp(magic, "CDF", 3) == 0)
        TSRI_TRY(tsri_classic_read(&file->input, &file->classic, err));
    tsri_hdf5_lock();
    int code = nc_open(file->input.name, NC_NOWRITE, &file->id);
    file->forks = tsri_hdf5_forks();
    tsri_hdf5_unlock();
    return code == NC_NOERR ? 0 : tsri_netcdf_refuse(file->input.path, code, "opening", err);
}

static int netcdf_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    tsri_netcdf_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    int status = tsri_input_open(context, path, &file->input, err);
    if (status == 0) {
        status = open_input(file, err);
        if (status == 0) {
            *ret_file = file;
            return 0;
        }
        tsri_classic_free(file->classic);
        tsri_input_close(&file->input);
    }
    tsri_free(file);
    return status;
}

/* ---- paths inside. The caller holds the lock. ---- */

typedef struct node {
    tsr_node_kind kind;
    int group, variable;
} node;

/* By comparing: libnetcdf finds no name that is not UTF-8, and old files have some. */
static int find_by_bytes(int group, const char *name)
{
    char found[NC_MAX_NAME + 1];
    int count = 0;

    nc_inq_nvars(group, &count);
    for (int i = 0; i < count; i++)
        if (nc_inq_varname(group, i, found) == NC_NOERR && strcmp(found, name) == 0)
            return i;
    return -1;
}

/* One name below a group: a variable or a group. Variables first, since libnetcdf finds every group
 * in classic files. */
static node find_child(int group, const char *name)
{
    node found = {TSR_NODE_NONE, group, -1};
    int below;

    if (nc_inq_varid(group, name, &found.variable) != NC_NOERR)
        found.variable = find_by_bytes(group, name);
    if (found.variable >= 0)
        found.kind = TSR_NODE_ARRAY;
    else if (nc_inq_grp_ncid(group, name, &below) == NC_NOERR && below != group)
        found = (node){TSR_NODE_GROUP, below, -1};
    return found;
}

static int find_node(const tsri_netcdf_file *file, const char *inner_path, node *ret_node,
                     tsr_error *err)
{
    tsr_auto(tsri_text) *path = tsri_strdup(inner_path);
    node at = {TSR_NODE_GROUP, file->id, -1};
    char *rest = path, *name;

    if (!path)
        return tsri_error_no_memory(err, strlen(inner_path));
    while ((name = strsep(&rest, "/")) && at.kind != TSR_NODE_NONE) {
        if (*name == '\0')
            continue;
        if (at.kind == TSR_NODE_ARRAY)
            at.kind = TSR_NODE_NONE; /* nothing lies below a variable */
        else
            at = find_child(at.group, name);
    }
    *ret_node = at;
    return 0;
}

/* The same, for those who do not hold the lock; nothing there is an error, and so is a node of
 * another kind than the one wanted (NONE: of any kind). */
static int need_node(const tsri_netcdf_file *file, const char *inner_path, tsr_node_kind wanted,
                     node *ret_node, tsr_error *err)
{
    tsri_hdf5_lock();
    int status = find_node(file, inner_path, ret_node, err);
    tsri_hdf5_unlock();
    if (status < 0)
        return status;
    if (ret_node->kind == TSR_NODE_NONE)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s: no %s \"%s\"", file->input.path,
                             wanted == TSR_NODE_ARRAY ? "variable" : "group", inner_path);
    if (wanted == TSR_NODE_NONE || ret_node->kind == wanted)
        return 0;
    return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s/%s: %s", file->input.path, inner_path,
                         wanted == TSR_NODE_ARRAY ? "a group, not an array"
                                                  : "an array, not a group");
}

static int netcdf_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind,
                        tsr_error *err)
{
    node found;
    tsri_hdf5_lock();
    int status = find_node(handle, inner_path, &found, err);
    tsri_hdf5_unlock();
    if (status == 0)
        *ret_kind = found.kind;
    return status;
}

static int netcdf_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                             tsr_error *err)
{
    node found;
    TSRI_TRY(need_node(handle, inner_path, TSR_NODE_ARRAY, &found, err));
    return tsri_netcdf_open_variable(handle, found.group, found.variable, inner_path, ret_array,
                                     err);
}

static int netcdf_node_attributes(void *handle, const char *inner_path, char **ret_json,
                                  tsr_error *err)
{
    tsri_netcdf_file *file = handle;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    node found;

    TSRI_TRY(need_node(file, inner_path, TSR_NODE_NONE, &found, err));
    tsri_hdf5_lock();
    int status = tsri_netcdf_attributes(file->input.context, found.group,
                                        found.kind == TSR_NODE_ARRAY ? found.variable : NC_GLOBAL,
                                        &output, err);
    tsri_hdf5_unlock();
    if (status < 0) {
        tsr_error_prepend(err, "%s/%s", file->input.path, inner_path);
        return status;
    }
    *ret_json = TSRI_TAKE(output.data);
    return 0;
}

/* ---- children ---- */

typedef struct child {
    char name[NC_MAX_NAME + 1];
    tsr_node_kind kind;
} child;

static int compare_children(const void *a, const void *b)
{
    return strcmp(((const child *)a)->name, ((const child *)b)->name);
}

static int name_children(int group, int *group_ids, int groups, int variables, child *children)
{
    int code = nc_inq_grps(group, NULL, group_ids);

    for (int i = 0; i < groups && code == NC_NOERR; i++) {
        children[i].kind = TSR_NODE_GROUP;
        code = nc_inq_grpname(group_ids[i], children[i].name);
    }
    for (int i = 0; i < variables && code == NC_NOERR; i++) {
        children[groups + i].kind = TSR_NODE_ARRAY;
        code = nc_inq_varname(group, i, children[groups + i].name);
    }
    return code;
}

/* Lists groups and variables. The caller holds the lock and frees the list. */
static int list_children(const tsri_netcdf_file *file, int group, child **ret_children,
                         size_t *ret_count, tsr_error *err)
{
    int groups = 0, variables = 0;
    int code = nc_inq_grps(group, &groups, NULL);

    if (code == NC_NOERR)
        code = nc_inq_nvars(group, &variables);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse(file->input.path, code, "listing", err);
    size_t count = (size_t)groups + (size_t)variables;
    int *ids = tsri_alloc_array((size_t)groups + 1, sizeof *ids);
    child *children = tsri_alloc_array_zero(count + 1, sizeof *children);
    int status = 0;
    if (!ids || !children)
        status = tsri_error_no_memory(err, count * sizeof *children);
    else if ((code = name_children(group, ids, groups, variables, children)) != NC_NOERR)
        status = tsri_netcdf_refuse(file->input.path, code, "listing", err);
    tsri_free(ids);
    if (status < 0) {
        tsri_free(children);
        return status;
    }
    *ret_children = children;
    *ret_count = count;
    return 0;
}

static int netcdf_children(void *handle, const char *inner_path,
                           int (*each)(void *user, const char *name, tsr_node_kind kind,
                                       const tsr_error *error),
                           void *user, tsr_error *err)
{
    tsri_netcdf_file *file = handle;
    child *children = NULL;
    size_t count = 0;
    node found;

    TSRI_TRY(need_node(file, inner_path, TSR_NODE_GROUP, &found, err));
    tsri_hdf5_lock();
    int status = list_children(file, found.group, &children, &count, err);
    tsri_hdf5_unlock();
    if (count > 1)
        qsort(children, count, sizeof *children, compare_children);
    for (size_t i = 0; i < count && status == 0; i++)
        status = each(user, children[i].name, children[i].kind, NULL);
    tsri_free(children);
    return status;
}

const tsr_format_ops tsri_netcdf_format = {
    .struct_size = sizeof tsri_netcdf_format,
    .name = "netcdf",
    .recognise = netcdf_recognise,
    .open = netcdf_open,
    .close = netcdf_close,
    .probe = netcdf_probe,
    .open_array = netcdf_open_array,
    .attributes = netcdf_node_attributes,
    .children = netcdf_children,
};
