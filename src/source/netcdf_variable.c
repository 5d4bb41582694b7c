/* Variables of netCDF files as arrays. */
#include <inttypes.h>
#include <netcdf.h>

#include "base/output.h"
#include "source/box.h"
#include "source/netcdf_attributes.h"
#include "source/netcdf_file.h"
#include "source/netcdf_lock.h"
#include "source/text_elements.h"

/* The driver of an array. The array layer keeps the file open for it. */
typedef struct netcdf_variable {
    tsri_netcdf_file *file;
    int group, id;
    int64_t shape[TSR_RANK_MAX];
    bool is_chunked;
} netcdf_variable;

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

/* ---- reading ---- */

/* libnetcdf reads classic files by seeking, and a forked child shares its position with the parent:
 * the child opens the file for itself. The caller holds the lock. */
static int follow_fork(netcdf_variable *self, tsr_error *err)
{
    tsri_netcdf_file *file = self->file;
    int id;

    if (!file->classic)
        return 0;
    if (file->forks != tsri_hdf5_forks()) {
        int code = nc_open(file->input.name, NC_NOWRITE, &id);
        if (code != NC_NOERR)
            return tsri_netcdf_refuse("", code, "opening the file again after a fork", err);
        nc_close(file->id);
        file->id = id;
        file->forks = tsri_hdf5_forks();
    }
    self->group = file->id;
    return 0;
}

/* The caller holds the lock. */
static int read_values(const netcdf_variable *self, const size_t *from, const size_t *count,
                       const tsr_view *view, int *ret_code, tsr_error *err)
{
    size_t elements = (size_t)tsr_view_count(view);

    if (!tsr_dtype_is_variable(view->dtype)) {
        *ret_code = nc_get_vara(self->group, self->id, from, count, view->data);
        return 0;
    }
    char **texts = tsri_alloc_array_zero(elements + 1, sizeof *texts);
    if (!texts)
        return tsri_error_no_memory(err, elements * sizeof *texts);
    *ret_code = nc_get_vara_string(self->group, self->id, from, count, texts);
    int status = *ret_code == NC_NOERR ? tsri_take_texts(view, texts, err) : 0;
    nc_free_string(elements, texts);
    tsri_free(texts);
    return status;
}

static int read_dense(netcdf_variable *self, const int64_t *start, const tsr_view *view,
                      tsr_error *err)
{
    size_t from[TSR_RANK_MAX + 1] = {0}, count[TSR_RANK_MAX + 1] = {1};

    for (int axis = 0; axis < view->rank; axis++) {
        from[axis] = (size_t)start[axis];
        count[axis] = (size_t)view->shape[axis];
    }
    tsri_hdf5_lock();
    int status = follow_fork(self, err), code = NC_NOERR;
    if (status == 0)
        status = read_values(self, from, count, view, &code, err);
    tsri_hdf5_unlock();
    if (code == NC_NOERR)
        return status;
    status = tsri_netcdf_refuse("", code, "reading", err);
    if (view->rank > 0)
        tsr_error_set_where(err,
                            "the box from element %" PRId64 " of the first axis, %" PRId64 " long",
                            start[0], view->shape[0]);
    return status;
}

static int netcdf_read_box(void *driver, const int64_t *start, const tsr_view *view,
                           const tsr_call *call, tsr_error *err)
{
    netcdf_variable *self = driver;
    const tsri_netcdf_file *file = self->file;
    tsr_auto(tsr_view) dense = {0};

    (void)call;
    if (file->classic)
        TSRI_TRY(tsri_classic_check_box(file->classic, &file->input, self->id, view->rank,
                                        self->shape, start, view->shape, err));
    if (tsr_view_is_dense(view))
        return read_dense(self, start, view, err);
    TSRI_TRY(tsr_view_new(&dense, view->dtype, view->rank, view->shape, err));
    TSRI_TRY(read_dense(self, start, &dense, err));
    return tsr_view_copy(view, &dense, TSR_CASTING_NO, err);
}

/* Drops the chunks that HDF5 has cached: libnetcdf would keep up to 16 MiB for every variable that
 * was ever read, until the file is closed. */
static void netcdf_close_variable(void *driver)
{
    netcdf_variable *self = driver;

    if (self->is_chunked) {
        tsri_hdf5_lock();
        size_t size_bytes, elements;
        float preemption;
        if (nc_get_var_chunk_cache(self->group, self->id, &size_bytes, &elements, &preemption) ==
                NC_NOERR &&
            nc_set_var_chunk_cache(self->group, self->id, 0, elements, preemption) == NC_NOERR)
            nc_set_var_chunk_cache(self->group, self->id, size_bytes, elements, preemption);
        tsri_hdf5_unlock();
    }
    tsri_free(self);
}

static const tsr_array_ops netcdf_array_ops = {.struct_size = sizeof netcdf_array_ops,
                                               .close = netcdf_close_variable,
                                               .read_box = netcdf_read_box,
                                               .serial = true};

/* ---- describing: everything here holds the lock ---- */

typedef struct described {
    const tsr_dtype *dtype;
    int rank;
    char names[TSR_RANK_MAX][NC_MAX_NAME + 1];
    const char *name_list[TSR_RANK_MAX];
    int64_t box[TSR_RANK_MAX];
    union {
        unsigned char bytes[16];
        tsr_slot slot; /* of strings: may point into the heap */
    } fill_value;
    char *fill_text; /* libnetcdf's */
    tsr_heap *heap;
    tsr_output attributes;
} described;

static int describe_type(netcdf_variable *variable, described *self, tsr_error *err)
{
    char type_name[NC_MAX_NAME + 1] = "?";
    nc_type type = NC_NAT;

    int code = nc_inq_var(variable->group, variable->id, NULL, &type, &self->rank, NULL, NULL);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at the variable", err);
    if (self->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%d axes; at most %d", self->rank, TSR_RANK_MAX);
    self->dtype = type == NC_STRING ? TSR_STRING : tsri_netcdf_dtype(type);
    if (self->dtype)
        return 0;
    nc_inq_type(variable->group, type, type_name, NULL);
    tsr_error_set(err, TSR_UNSUPPORTED, "elements of the netCDF type \"%s\"", type_name);
    tsr_error_set_next_step(err, "variables of numbers, characters and strings are read");
    return TSR_UNSUPPORTED;
}

static int describe_axes(netcdf_variable *variable, described *self, tsr_error *err)
{
    int dimensions[NC_MAX_VAR_DIMS];
    int64_t stored[TSR_RANK_MAX];
    size_t chunks[NC_MAX_VAR_DIMS];
    int storage = NC_CONTIGUOUS;

    int code = nc_inq_vardimid(variable->group, variable->id, dimensions);
    for (int axis = 0; axis < self->rank && code == NC_NOERR; axis++) {
        size_t length = 0;
        code = nc_inq_dim(variable->group, dimensions[axis], self->names[axis], &length);
        if (length > INT64_MAX)
            code = NC_EDIMSIZE;
        variable->shape[axis] = (int64_t)length;
        /* libnetcdf makes up names for the axes of plain HDF5 data sets. */
        bool made_up = strncmp(self->names[axis], "phony_dim_", 10) == 0;
        self->name_list[axis] = made_up ? NULL : self->names[axis];
    }
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at dimensions", err);
    code = nc_inq_var_chunking(variable->group, variable->id, &storage, chunks);
    variable->is_chunked = code == NC_NOERR && storage == NC_CHUNKED;
    for (int axis = 0; axis < self->rank && variable->is_chunked; axis++)
        stored[axis] = chunks[axis] > INT64_MAX ? 1 : (int64_t)chunks[axis];
    tsri_box_choose(self->rank, variable->shape, variable->is_chunked ? stored : NULL,
                    self->dtype->size_bytes, self->box);
    return 0;
}

static int describe_fill_text(const netcdf_variable *variable, described *self, tsr_error *err)
{
    nc_type type = NC_NAT;
    size_t count = 0;
    tsr_view view = {.dtype = TSR_STRING, .data = (char *)&self->fill_value.slot};

    if (nc_inq_att(variable->group, variable->id, "_FillValue", &type, &count) != NC_NOERR ||
        count != 1 || type != NC_STRING ||
        nc_get_att_string(variable->group, variable->id, "_FillValue", &self->fill_text) !=
            NC_NOERR ||
        !self->fill_text)
        return 0;
    TSRI_TRY(tsr_heap_new(&self->heap, err));
    view.heap = self->heap;
    return tsri_take_texts(&view, &self->fill_text, err);
}

/* A fill value of another type than the variable's, which old files have, counts where the variable
 * can hold it. */
static int describe_fill_value(const netcdf_variable *variable, described *self, tsr_error *err)
{
    nc_type type = NC_NAT;
    size_t count = 0;
    union {
        unsigned char bytes[16];
        double aligned;
    } value = {{0}}, converted = {{0}}, back = {{0}};
    tsr_view from, to, again;

    if (self->dtype == TSR_STRING)
        return describe_fill_text(variable, self, err);
    if (nc_inq_att(variable->group, variable->id, "_FillValue", &type, &count) != NC_NOERR ||
        count != 1 || !tsri_netcdf_dtype(type) ||
        nc_get_att(variable->group, variable->id, "_FillValue", &value) != NC_NOERR)
        return 0;
    TSRI_TRY(tsr_view_init(&from, tsri_netcdf_dtype(type), 0, NULL, &value, err));
    TSRI_TRY(tsr_view_init(&to, self->dtype, 0, NULL, &converted, err));
    TSRI_TRY(tsr_view_init(&again, tsri_netcdf_dtype(type), 0, NULL, &back, err));
    if (tsr_dtype_equal(from.dtype, to.dtype))
        converted = value;
    else if (tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL) < 0 ||
             tsr_view_copy(&again, &to, TSR_CASTING_UNSAFE, NULL) < 0 ||
             memcmp(&value, &back, from.dtype->size_bytes) != 0)
        return 0;
    memcpy(&self->fill_value, &converted, sizeof self->fill_value);
    return 0;
}

static int describe(netcdf_variable *variable, described *self, tsr_error *err)
{
    TSRI_TRY(describe_type(variable, self, err));
    TSRI_TRY(describe_axes(variable, self, err));
    TSRI_TRY(describe_fill_value(variable, self, err));
    return tsri_netcdf_attributes(variable->file->input.context, variable->group, variable->id,
                                  &self->attributes, err);
}

static int make_array(netcdf_variable *variable, const described *self, const char *inner_path,
                      tsr_array **ret_array, tsr_error *err)
{
    tsr_context *context = variable->file->input.context;
    tsr_auto(tsri_text) *place = tsri_format("%s/%s", variable->file->input.path, inner_path);

    if (!place)
        return tsri_error_no_memory(err, strlen(inner_path));
    const tsr_array_description description = {
        .driver = "netcdf",
        .place = place,
        .dtype = self->dtype,
        .rank = self->rank,
        .shape = variable->shape,
        .chunk_shape = self->box,
        .fill_value = &self->fill_value,
        .dimension_names = self->name_list,
        .attributes = self->attributes.data,
    };
    return tsr_array_new(context, &netcdf_array_ops, variable, &description, ret_array, err);
}

int tsri_netcdf_open_variable(tsri_netcdf_file *file, int group, int id, const char *inner_path,
                              tsr_array **ret_array, tsr_error *err)
{
    netcdf_variable *variable = tsri_alloc_zero(sizeof *variable);
    described *self = tsri_alloc_zero(sizeof *self);
    int status = TSR_NO_MEMORY;

    if (variable && self) {
        *variable = (netcdf_variable){.file = file, .group = group, .id = id};
        self->attributes.max_bytes = SIZE_MAX;
        tsri_hdf5_lock();
        status = describe(variable, self, err);
        tsri_hdf5_unlock();
        if (status < 0)
            tsr_error_prepend(err, "%s/%s", file->input.path, inner_path);
        else
            status = make_array(variable, self, inner_path, ret_array, err);
        tsri_output_clear(&self->attributes);
        nc_free_string(self->fill_text ? 1 : 0, &self->fill_text);
        tsr_heap_unref(self->heap);
    } else {
        tsri_error_set_no_memory(err, sizeof *self);
    }
    tsri_free(self);
    if (status < 0)
        tsri_free(variable);
    return status;
}
