/* netCDF-3, netCDF-4 and HDF5 files as trees of arrays, through libnetcdf.
 *
 * The library and the HDF5 below it are not thread-safe, whatever the file: all calls are made
 * under one lock of the process. It is one of the three globals that this project permits itself.
 */
#include <inttypes.h>
#include <netcdf.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "source/formats.h"
#include "source/netcdf_attributes.h"

/* Contiguous variables are read in boxes of about this size. */
#define BOX_BYTES_AIM (INT64_C(4) << 20)

static pthread_mutex_t netcdf_mutex = PTHREAD_MUTEX_INITIALIZER;

typedef struct netcdf_file {
    tsr_context *context; /* held */
    char *path;
    int id;
} netcdf_file;

/* One variable, as the driver of an array. The array layer keeps the file open for it. */
typedef struct netcdf_variable {
    const netcdf_file *file;
    int group, id;
    const tsr_dtype *dtype;
} netcdf_variable;

static int refuse(const netcdf_file *file, int code, const char *what, tsr_error *err)
{
    int status = code == NC_ENOMEM              ? TSR_NO_MEMORY
                 : code == NC_EPERM || code > 0 ? TSR_IO
                                                : TSR_DAMAGED;
    return tsr_error_set(err, status, "%s: %s: %s", file->path, what, nc_strerror(code));
}

/* ---- files
 * ------------------------------------------------------------------------------------------------------
 */

static bool netcdf_recognise(const void *head, size_t size_bytes, const char *path)
{
    static const char hdf5[] = "\x89HDF\r\n\x1a\n";
    const char *bytes = head;
    (void)path;
    if (size_bytes >= 8 && memcmp(bytes, hdf5, 8) == 0)
        return true;
    return size_bytes >= 4 && memcmp(bytes, "CDF", 3) == 0 &&
           (bytes[3] == 1 || bytes[3] == 2 || bytes[3] == 5);
}

static void netcdf_close(void *handle)
{
    netcdf_file *file = handle;
    pthread_mutex_lock(&netcdf_mutex);
    nc_close(file->id);
    pthread_mutex_unlock(&netcdf_mutex);
    tsri_context_unref(file->context);
    tsri_free(file->path);
    tsri_free(file);
}

static int netcdf_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    netcdf_file *file = tsri_alloc_zero(sizeof *file);
    char *copy = tsri_strdup(path);
    if (!file || !copy) {
        tsri_free(file);
        tsri_free(copy);
        return tsri_error_no_memory(err, sizeof *file);
    }
    file->path = copy;
    pthread_mutex_lock(&netcdf_mutex);
    int code = nc_open(path, NC_NOWRITE, &file->id);
    pthread_mutex_unlock(&netcdf_mutex);
    if (code != NC_NOERR) {
        int status = refuse(file, code, "opening", err);
        tsri_free(file->path);
        tsri_free(file);
        return status;
    }
    file->context = tsri_context_ref(context);
    *ret_file = file;
    return 0;
}

/* ---- paths inside. The caller holds the mutex. ---- */

typedef struct node {
    tsr_node_kind kind;
    int group, variable;
} node;

/* One name below a group: a variable or a group. Variables first, since libnetcdf finds every group
 * in classic files. */
static node find_child(int group, const char *name)
{
    node found = {TSR_NODE_NONE, group, -1};
    int below;
    if (nc_inq_varid(group, name, &found.variable) == NC_NOERR)
        found.kind = TSR_NODE_ARRAY;
    else if (nc_inq_grp_ncid(group, name, &below) == NC_NOERR && below != group)
        found = (node){TSR_NODE_GROUP, below, -1};
    return found;
}

static int find_node(const netcdf_file *file, const char *inner_path, node *ret_node,
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

static int netcdf_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind,
                        tsr_error *err)
{
    node found = {TSR_NODE_NONE, 0, 0};
    pthread_mutex_lock(&netcdf_mutex);
    int status = find_node(handle, inner_path, &found, err);
    pthread_mutex_unlock(&netcdf_mutex);
    *ret_kind = found.kind;
    return status;
}

/* ---- arrays
 * ------------------------------------------------------------------------------------------------------
 */

const tsr_dtype *tsri_netcdf_dtype(int type)
{
    switch (type) {
    case NC_BYTE:
        return TSR_INT8;
    case NC_CHAR: /* text stays bytes: strings are a matter of attributes and conventions */
    case NC_UBYTE:
        return TSR_UINT8;
    case NC_SHORT:
        return TSR_INT16;
    case NC_USHORT:
        return TSR_UINT16;
    case NC_INT:
        return TSR_INT32;
    case NC_UINT:
        return TSR_UINT32;
    case NC_INT64:
        return TSR_INT64;
    case NC_UINT64:
        return TSR_UINT64;
    case NC_FLOAT:
        return TSR_FLOAT32;
    case NC_DOUBLE:
        return TSR_FLOAT64;
    default:
        return NULL;
    }
}

static int netcdf_read_box(void *driver, const int64_t *start, const tsr_view *view,
                           const tsr_call *call, tsr_error *err)
{
    netcdf_variable *variable = driver;
    size_t from[TSR_RANK_MAX + 1] = {0}, count[TSR_RANK_MAX + 1] = {1};
    tsr_auto(tsr_view) dense = {0};
    (void)call;

    for (int axis = 0; axis < view->rank; axis++) {
        from[axis] = (size_t)start[axis];
        count[axis] = (size_t)view->shape[axis];
    }
    if (!tsr_view_is_dense(view))
        TSRI_TRY(tsr_view_new(&dense, view->dtype, view->rank, view->shape, err));
    pthread_mutex_lock(&netcdf_mutex);
    int code = nc_get_vara(variable->group, variable->id, from, count,
                           dense.data ? dense.data : view->data);
    pthread_mutex_unlock(&netcdf_mutex);
    if (code != NC_NOERR)
        return refuse(variable->file, code, "reading", err);
    return dense.data ? tsr_view_copy(view, &dense, TSR_CASTING_NO, err) : 0;
}

static const tsr_array_ops netcdf_array_ops = {.struct_size = sizeof netcdf_array_ops,
                                               .close = tsri_free,
                                               .read_box = netcdf_read_box,
                                               .serial = true};

/* What is told of a variable, gathered under the mutex. */
typedef struct described {
    char names[TSR_RANK_MAX][NC_MAX_NAME + 1];
    const char *name_list[TSR_RANK_MAX];
    int64_t shape[TSR_RANK_MAX], chunk[TSR_RANK_MAX];
    unsigned char fill_value[16];
    tsr_output attributes;
    char *place;
} described;

/* Whole rows of a contiguous variable, about BOX_BYTES_AIM of them. */
static void choose_box(described *self, int rank, int64_t element_bytes)
{
    int64_t bytes = element_bytes;
    for (int axis = rank - 1; axis >= 0; axis--) {
        int64_t fit = TSRI_MAX(BOX_BYTES_AIM / TSRI_MAX(bytes, INT64_C(1)), INT64_C(1));
        self->chunk[axis] = TSRI_MAX(TSRI_MIN(self->shape[axis], fit), INT64_C(1));
        if (!tsri_multiply_i64(bytes, self->chunk[axis], &bytes))
            bytes = INT64_MAX;
    }
}

static int describe_axes(const netcdf_file *file, const node *at, int rank, int64_t element_bytes,
                         described *self, tsr_error *err)
{
    int dimensions[NC_MAX_VAR_DIMS], storage = NC_CONTIGUOUS;
    size_t chunks[NC_MAX_VAR_DIMS];

    int code = nc_inq_vardimid(at->group, at->variable, dimensions);
    for (int axis = 0; axis < rank && code == NC_NOERR; axis++) {
        size_t length = 0;
        code = nc_inq_dim(at->group, dimensions[axis], self->names[axis], &length);
        self->shape[axis] = (int64_t)length;
        /* libnetcdf makes up names for the axes of plain HDF5 data sets. */
        bool made_up = strncmp(self->names[axis], "phony_dim_", 10) == 0;
        self->name_list[axis] = made_up ? NULL : self->names[axis];
    }
    if (code != NC_NOERR)
        return refuse(file, code, "looking at dimensions", err);
    choose_box(self, rank, element_bytes);
    if (nc_inq_var_chunking(at->group, at->variable, &storage, chunks) == NC_NOERR &&
        storage == NC_CHUNKED)
        for (int axis = 0; axis < rank; axis++)
            self->chunk[axis] = TSRI_MAX((int64_t)chunks[axis], INT64_C(1));
    return 0;
}

static int describe_variable(const netcdf_file *file, const node *at, const char *inner_path,
                             described *self, const tsr_dtype **ret_dtype, int *ret_rank,
                             tsr_error *err)
{
    nc_type type = 0;
    char type_name[NC_MAX_NAME + 1] = "";
    int code = nc_inq_var(at->group, at->variable, NULL, &type, ret_rank, NULL, NULL);

    if (code != NC_NOERR)
        return refuse(file, code, "looking at the variable", err);
    *ret_dtype = tsri_netcdf_dtype(type);
    if (!*ret_dtype) {
        nc_inq_type(at->group, type, type_name, NULL);
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s/%s: elements of the netCDF type \"%s\"",
                             file->path, inner_path, type_name);
    }
    if (*ret_rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s/%s: %d axes; at most %d", file->path, inner_path,
                             *ret_rank, TSR_RANK_MAX);
    nc_type fill_type;
    size_t fill_length;
    if (nc_inq_att(at->group, at->variable, "_FillValue", &fill_type, &fill_length) == NC_NOERR &&
        fill_type == type && fill_length == 1)
        nc_get_att(at->group, at->variable, "_FillValue", self->fill_value);
    TSRI_TRY(describe_axes(file, at, *ret_rank, (int64_t)(*ret_dtype)->size_bytes, self, err));
    TSRI_TRY(tsri_netcdf_attributes(at->group, at->variable, file->path, &self->attributes, err));
    self->place = tsri_format("%s/%s", file->path, inner_path);
    return self->place ? 0 : tsri_error_no_memory(err, 0);
}

static int make_array(netcdf_file *file, const node *at, const described *self,
                      const tsr_dtype *dtype, int rank, tsr_array **ret_array, tsr_error *err)
{
    netcdf_variable *variable = tsri_alloc(sizeof *variable);
    if (!variable)
        return tsri_error_no_memory(err, sizeof *variable);
    *variable = (netcdf_variable){file, at->group, at->variable, dtype};
    const tsr_array_description description = {
        .driver = "netcdf",
        .place = self->place,
        .dtype = dtype,
        .rank = rank,
        .shape = self->shape,
        .chunk_shape = self->chunk,
        .fill_value = self->fill_value,
        .dimension_names = self->name_list,
        .attributes = self->attributes.data,
    };
    int status =
        tsr_array_new(file->context, &netcdf_array_ops, variable, &description, ret_array, err);
    if (status < 0)
        tsri_free(variable);
    return status;
}

static int netcdf_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                             tsr_error *err)
{
    netcdf_file *file = handle;
    described *self = tsri_alloc_zero(sizeof *self);
    const tsr_dtype *dtype = NULL;
    node found = {TSR_NODE_NONE, 0, 0};
    int rank = 0;

    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->attributes.max_bytes = SIZE_MAX;
    pthread_mutex_lock(&netcdf_mutex);
    int status = find_node(file, inner_path, &found, err);
    if (status == 0 && found.kind == TSR_NODE_NONE)
        status =
            tsr_error_set(err, TSR_NOT_FOUND, "%s: no variable \"%s\"", file->path, inner_path);
    if (status == 0 && found.kind == TSR_NODE_GROUP)
        status = tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: a group, not an array", file->path);
    if (status == 0)
        status = describe_variable(file, &found, inner_path, self, &dtype, &rank, err);
    pthread_mutex_unlock(&netcdf_mutex);
    if (status == 0)
        status = make_array(file, &found, self, dtype, rank, ret_array, err);
    tsri_free(self->place);
    tsri_output_clear(&self->attributes);
    tsri_free(self);
    return status;
}

/* ---- groups
 * ------------------------------------------------------------------------------------------------------
 */

static int netcdf_group_attributes(void *handle, const char *inner_path, char **ret_json,
                                   tsr_error *err)
{
    netcdf_file *file = handle;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    node found;

    pthread_mutex_lock(&netcdf_mutex);
    int status = find_node(file, inner_path, &found, err);
    if (status == 0 && found.kind == TSR_NODE_NONE)
        status = tsr_error_set(err, TSR_NOT_FOUND, "%s: no group \"%s\"", file->path, inner_path);
    if (status == 0)
        status = tsri_netcdf_attributes(found.group,
                                        found.kind == TSR_NODE_ARRAY ? found.variable : NC_GLOBAL,
                                        file->path, &output, err);
    pthread_mutex_unlock(&netcdf_mutex);
    if (status < 0)
        return status;
    *ret_json = TSRI_TAKE(output.data);
    return 0;
}

typedef struct child {
    char name[NC_MAX_NAME + 1];
    tsr_node_kind kind;
} child;

static int compare_children(const void *a, const void *b)
{
    return strcmp(((const child *)a)->name, ((const child *)b)->name);
}

/* Lists groups and variables. The caller holds the mutex and frees the list. */
static int list_children(const netcdf_file *file, int group, child **ret_children, int *ret_count,
                         tsr_error *err)
{
    int groups = 0, variables = 0;
    int code = nc_inq_grps(group, &groups, NULL);
    if (code == NC_NOERR)
        code = nc_inq_nvars(group, &variables);
    if (code != NC_NOERR)
        return refuse(file, code, "listing", err);
    int *ids = tsri_alloc_array((size_t)groups + 1, sizeof *ids);
    child *children = tsri_alloc_array_zero((size_t)(groups + variables) + 1, sizeof *children);
    if (!ids || !children) {
        tsri_free(ids);
        tsri_free(children);
        return tsri_error_no_memory(err, (size_t)(groups + variables) * sizeof *children);
    }
    code = nc_inq_grps(group, NULL, ids);
    int count = 0;
    for (int i = 0; i < groups && code == NC_NOERR; i++, count++) {
        children[count].kind = TSR_NODE_GROUP;
        code = nc_inq_grpname(ids[i], children[count].name);
    }
    for (int i = 0; i < variables && code == NC_NOERR; i++, count++) {
        children[count].kind = TSR_NODE_ARRAY;
        code = nc_inq_varname(group, i, children[count].name);
    }
    tsri_free(ids);
    if (code != NC_NOERR) {
        tsri_free(children);
        return refuse(file, code, "listing", err);
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
    netcdf_file *file = handle;
    child *children = NULL;
    int count = 0;
    node found;

    pthread_mutex_lock(&netcdf_mutex);
    int status = find_node(file, inner_path, &found, err);
    if (status == 0 && found.kind == TSR_NODE_GROUP)
        status = list_children(file, found.group, &children, &count, err);
    pthread_mutex_unlock(&netcdf_mutex);
    if (count > 1)
        qsort(children, (size_t)count, sizeof *children, compare_children);
    for (int i = 0; i < count && status == 0; i++)
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
    .attributes = netcdf_group_attributes,
    .children = netcdf_children,
};
