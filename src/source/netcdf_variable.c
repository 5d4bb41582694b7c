/* Variables of netCDF files as arrays. */
#include <inttypes.h>
#include <netcdf.h>

#include "base/output.h"
#include "source/box.h"
#include "source/netcdf_attributes.h"
#include "source/netcdf_file.h"
#include "source/netcdf_lock.h"
#include "source/netcdf_type.h"
#include "source/text_elements.h"

/* The driver of an array. The array layer keeps the file open for it. */
typedef struct netcdf_variable {
    tsri_netcdf_file *file;
    int group, id;
    tsri_netcdf_type type;
    int64_t shape[TSR_RANK_MAX];
    bool is_chunked;
} netcdf_variable;

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

/* Compounds with padding. The caller holds the lock. */
static int read_structs(const netcdf_variable *self, const size_t *from, const size_t *count,
                        const tsr_view *view, int *ret_code, tsr_error *err)
{
    size_t elements = (size_t)tsr_view_count(view);
    char *padded = tsri_alloc_array(elements + 1, self->type.size_bytes);

    if (!padded)
        return tsri_error_no_memory(err, elements * self->type.size_bytes);
    *ret_code = nc_get_vara(self->group, self->id, from, count, padded);
    if (*ret_code == NC_NOERR)
        tsri_netcdf_type_gather(&self->type, padded, elements, view->data);
    tsri_free(padded);
    return 0;
}

/* The caller holds the lock. */
static int read_values(const netcdf_variable *self, const size_t *from, const size_t *count,
                       const tsr_view *view, int *ret_code, tsr_error *err)
{
    size_t elements = (size_t)tsr_view_count(view);

    if (self->type.run_count > 0)
        return read_structs(self, from, count, view, ret_code, err);
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
    tsri_netcdf_type_clear(&self->type);
    tsri_free(self);
}

static const tsr_array_ops netcdf_array_ops = {.struct_size = sizeof netcdf_array_ops,
                                               .close = netcdf_close_variable,
                                               .read_box = netcdf_read_box,
                                               .serial = true};

/* ---- describing: everything here holds the lock ---- */

typedef struct described {
    const tsr_dtype *dtype; /* the variable's */
    int rank;
    char names[TSR_RANK_MAX][NC_MAX_NAME + 1];
    const char *name_list[TSR_RANK_MAX];
    int64_t box[TSR_RANK_MAX];
    void *fill_value; /* of strings: a slot that may point into the heap */
    char *fill_text;  /* libnetcdf's */
    tsr_heap *heap;
    tsr_output attributes;
} described;

static int describe_type(netcdf_variable *variable, described *self, tsr_error *err)
{
    nc_type type = NC_NAT;

    int code = nc_inq_var(variable->group, variable->id, NULL, &type, &self->rank, NULL, NULL);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at the variable", err);
    if (self->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%d axes; at most %d", self->rank, TSR_RANK_MAX);
    TSRI_TRY(tsri_netcdf_type_init(&variable->type, variable->group, type, err));
    self->dtype = variable->type.dtype;
    self->fill_value = tsri_alloc_zero(self->dtype->size_bytes);
    return self->fill_value ? 0 : tsri_error_no_memory(err, self->dtype->size_bytes);
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
    tsr_view view = {.dtype = TSR_STRING, .data = self->fill_value};

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
static int convert_fill_value(const netcdf_variable *variable, const tsr_dtype *stored,
                              described *self, tsr_error *err)
{
    union {
        unsigned char bytes[16];
        double aligned;
    } value = {{0}}, converted = {{0}}, back = {{0}};
    tsr_view from, to, again;

    if (self->dtype->kind > TSR_KIND_COMPLEX ||
        nc_get_att(variable->group, variable->id, "_FillValue", &value) != NC_NOERR)
        return 0;
    TSRI_TRY(tsr_view_init(&from, stored, 0, NULL, &value, err));
    TSRI_TRY(tsr_view_init(&to, self->dtype, 0, NULL, &converted, err));
    TSRI_TRY(tsr_view_init(&again, stored, 0, NULL, &back, err));
    if (tsr_dtype_equal(stored, self->dtype))
        converted = value;
    else if (tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL) < 0 ||
             tsr_view_copy(&again, &to, TSR_CASTING_UNSAFE, NULL) < 0 ||
             memcmp(&value, &back, stored->size_bytes) != 0)
        return 0;
    memcpy(self->fill_value, &converted, self->dtype->size_bytes);
    return 0;
}

/* A fill value of a type that the file defines, which the variable has too. */
static int take_fill_value(const netcdf_variable *variable, described *self, tsr_error *err)
{
    void *value = tsri_alloc_zero(variable->type.size_bytes);

    if (!value)
        return tsri_error_no_memory(err, variable->type.size_bytes);
    if (nc_get_att(variable->group, variable->id, "_FillValue", value) == NC_NOERR)
        tsri_netcdf_type_gather(&variable->type, value, 1, self->fill_value);
    tsri_free(value);
    return 0;
}

static int describe_fill_value(const netcdf_variable *variable, described *self, tsr_error *err)
{
    nc_type type = NC_NAT, own = NC_NAT;
    size_t count = 0;

    if (self->dtype == TSR_STRING)
        return describe_fill_text(variable, self, err);
    if (nc_inq_att(variable->group, variable->id, "_FillValue", &type, &count) != NC_NOERR ||
        nc_inq_vartype(variable->group, variable->id, &own) != NC_NOERR || count != 1)
        return 0;
    if (type > NC_MAX_ATOMIC_TYPE)
        return type == own ? take_fill_value(variable, self, err) : 0;
    const tsr_dtype *stored = tsri_netcdf_dtype(type);
    return stored ? convert_fill_value(variable, stored, self, err) : 0;
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
        .fill_value = self->fill_value,
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
        tsri_free(self->fill_value);
    } else {
        tsri_error_set_no_memory(err, sizeof *self);
    }
    tsri_free(self);
    if (status < 0 && variable) {
        tsri_netcdf_type_clear(&variable->type);
        tsri_free(variable);
    }
    return status;
}
